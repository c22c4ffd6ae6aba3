/* Parts of the search for fistula veins on made-up boxes: all pieces of a long scan, ways through the bodies,
 * and what is weighed. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "basivertebral.h"
#include "cases.h"
#include "findings_parts.h"
#include "frame.h"
#include "level.h"
#include "stage.h"
#include "vein_odds.h"

enum { NA = DM_VEIN_NA, NL = DM_VEIN_NL, BODIES = 8, TALL = 24, NZ = BODIES * TALL };
static const dm_veins_params params = {
    .high = 10, .blood_hu = 45, .chain = 0.5, .most_mm = 35, .calcium_hu = 250};

/* A straight canal of 10 mm with the vertebrae T5 to T12, an empty box round it. */
static void open_box(dm_study *st, dm_vein_box *w) {
    size_t n = (size_t)NL * NA * NZ, cells = (size_t)NZ * DM_NT;
    memset(st, 0, sizeof *st);
    st->spine.n = st->canal.n = NZ, st->spine.ds = 1;
    st->canal.r_bone = malloc(cells * sizeof(float));
    for (size_t i = 0; i < cells; i++) st->canal.r_bone[i] = 10;
    st->spine.unsure = calloc(NZ, 1);
    st->levels.n = BODIES;
    for (int v = 0; v < BODIES; v++) {
        st->levels.v[v].level = DM_T1 + 4 + v;
        st->levels.v[v].s_from = TALL * v, st->levels.v[v].s_to = TALL * (v + 1);
    }
    *w = (dm_vein_box){.p = &params, .st = st, .nz = NZ, .box = calloc(n, 4), .tube = calloc(n, 4)};
    w->excess = calloc(n, 4), w->mask = calloc(n, 1), w->stack = malloc(n * sizeof(int));
    for (size_t i = 0; i < n; i++) w->tube[i] = (float)(i * 2654435761u % 1000) / 100;
}

static void close_box(dm_study *st, dm_vein_box *w) {
    dm_vein_box_free(w);
    free(st->canal.r_bone), free(st->spine.unsure);
}

/* 3 x 3 x 3 samples of a tube of this value from (x, y, z) on. */
static void put_piece(dm_vein_box *w, int x, int y, int z, float value) {
    for (int k = 0; k < 27; k++) {
        size_t at = dm_at(x + k % 3, y + k / 3 % 3, z + k / 9, NL, NA);
        w->mask[at] = 1, w->excess[at] = w->tube[at] = 20, w->box[at] = value;
    }
}

START_TEST(a_long_scan_is_searched_to_its_end) {
    static dm_study st;
    dm_vein_box w;
    dm_vein_pieces all;
    int put = 0;
    open_box(&st, &w);
    for (int z = 2; z + 4 < NZ; z += 6)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 7; x++) put_piece(&w, 5 + 6 * x, 26 + 6 * y, z, 100), put++;
    ck_assert_int_gt(put, 800);
    ck_assert(dm_good(dm_vein_pieces_find(&w, &all)));
    ck_assert_int_eq(all.n, put);
    ck_assert(all.v[all.n - 1].low[0] > NZ - 12);
    dm_vein_pieces_free(&all);
    close_box(&st, &w);
}
END_TEST

START_TEST(pieces_that_follow_are_one_when_alike) {
    static dm_study st;
    dm_vein_box w;
    dm_vein_pieces all;
    dm_veins_params p = params;
    p.chain = 5;
    for (int alike = 0; alike < 2; alike++) {
        open_box(&st, &w);
        w.p = &p;
        put_piece(&w, 80, 30, 90, 150), put_piece(&w, 86, 30, 90, alike ? 160 : 320);
        ck_assert(dm_good(dm_vein_pieces_find(&w, &all)));
        int left = 0;
        for (int i = 0; i < all.n; i++) left += all.v[i].voxels > 0;
        ck_assert_int_eq(left, alike ? 1 : 2);
        dm_vein_pieces_free(&all);
        close_box(&st, &w);
    }
}
END_TEST

/* A tube forwards from the canal's wall into body v, 2 mm to the left, slightly oblique. */
static void put_way(dm_vein_box *w, int v) {
    for (int k = 0; k < 20; k++) w->tube[dm_at(57 - k / 8, 39 + k, TALL * v + TALL / 2 + k / 6, NL, NA)] = 40;
}

START_TEST(a_way_that_one_body_alone_shows) {
    static dm_study st;
    dm_vein_box w;
    dm_body_way way[DM_MAX_VERTEBRAE];
    open_box(&st, &w);
    put_way(&w, 3);
    ck_assert(dm_good(dm_basivertebral_ways(&w, way)));
    for (int v = 0; v < BODIES; v++) {
        double over = (way[v].tube - way[v].usual) / fmax(way[v].spread, 2);
        ck_assert_int_eq(way[v].level, v);
        ck_assert_msg(v == 3 ? over > 10 : over < 2, "body %d: %.1f", v, over);
    }
    ck_assert_double_eq_tol(way[3].l, 2.1, 0.8);
    ck_assert_double_eq_tol(way[3].a, 11.5, 0.8);
    ck_assert_double_eq_tol(way[3].s, 3 * TALL + TALL / 2.0, 1.1);
    for (int v = 0; v < BODIES; v++) put_way(&w, v);
    ck_assert(dm_good(dm_basivertebral_ways(&w, way)));
    for (int v = 0; v < BODIES; v++) ck_assert_double_le(fabs(way[v].tube - way[v].usual), 3);
    close_box(&st, &w);
}
END_TEST

/* A vein of 15 mm, 2 mm wide, 140 HU, beside the foramen below T8. */
static dm_vein_piece usual_vein(void) {
    return (dm_vein_piece){.voxels = 96,
                           .excess = 96 * 20,
                           .tube = 96 * 20,
                           .value = 140,
                           .weight = 1,
                           .peak = 180,
                           .low = {90, 0, 18},
                           .high = {95, 3, 31},
                           .near_s = 91,
                           .near_a = 2,
                           .near_l = 20,
                           .near = 6,
                           .foramen = 3};
}

START_TEST(terms_are_what_they_say) {
    static dm_study st;
    dm_vein_box w;
    double x[DM_VEIN_TERMS];
    const dm_blood blood = {.least = 70, .middle = 70, .spread = 10, .root = 0, .root_spread = 0};
    dm_vein_piece q = usual_vein();
    open_box(&st, &w);
    dm_vein_terms(&w, &blood, &q, x);
    ck_assert_double_eq_tol(x[DM_VEIN_BRIGHT], log(95.0 / 25), 1e-9);
    ck_assert_double_eq_tol(x[DM_VEIN_OWN], 4, 1e-9);
    ck_assert_double_eq_tol(x[DM_VEIN_OUT], 1.0, 1e-9);
    ck_assert_double_eq_tol(x[DM_VEIN_USUAL], 0, 1e-9);
    ck_assert_double_eq_tol(x[DM_VEIN_WIDE], 0, 0.05);
    ck_assert_double_eq(x[DM_VEIN_FAR], 0);
    ck_assert_double_eq(x[DM_VEIN_UPPER], 0);
    ck_assert_double_eq(x[DM_VEIN_CALCIUM], 0);
    ck_assert_double_eq_tol(x[DM_VEIN_PEAK], 0.4, 1e-9);
    q.peak = 490, st.crop.noise_sd = 30;
    dm_vein_terms(&w, &blood, &q, x);
    ck_assert_double_eq_tol(x[DM_VEIN_PEAK], 2.6, 1e-9);
    q.near = 20, q.value = 400, q.excess /= 4;
    st.levels.v[3].level = DM_T1;
    dm_vein_terms(&w, &blood, &q, x);
    ck_assert_double_eq_tol(x[DM_VEIN_FAR], 1, 1e-9);
    ck_assert_double_eq_tol(x[DM_VEIN_CALCIUM], 1.5, 1e-9);
    ck_assert_double_eq_tol(x[DM_VEIN_USUAL], 0.75, 1e-9);
    ck_assert_double_eq(x[DM_VEIN_UPPER], 1);
    ck_assert_double_eq(x[DM_VEIN_LOWER], 0);
    st.levels.v[3].level = DM_L1;
    dm_vein_terms(&w, &blood, &q, x);
    ck_assert_double_eq(x[DM_VEIN_LOWER], 0);
    st.levels.v[3].level = DM_L1 + 1;
    dm_vein_terms(&w, &blood, &q, x);
    ck_assert_double_eq(x[DM_VEIN_LOWER], 1);
    close_box(&st, &w);
}
END_TEST

START_TEST(one_fistula_at_most) {
    double odds[4];
    dm_finding f[4] = {{.score = 0.5, .side = DM_LEFT, .s = 100},
                       {.score = 0.5, .side = DM_LEFT, .s = 110},
                       {.score = 0.75, .side = DM_RIGHT, .s = 100},
                       {.score = 0.9, .side = DM_RIGHT, .s = 300, .false_sign = DM_SIGN_IV}};
    dm_vein_alone(f, 4, odds);
    ck_assert_double_eq_tol(f[0].score, 1 / (1 + 1 + 3.0), 1e-9); /* its neighbour may be the same vein */
    ck_assert_double_eq_tol(f[1].score, f[0].score, 1e-9);
    ck_assert_double_eq_tol(f[2].score, 3 / (1 + 3 + 2.0), 1e-9);
    f[0].score = 0.5;
    dm_vein_alone(f, 1, odds);
    ck_assert_double_eq_tol(f[0].score, 0.5, 1e-9);
}
END_TEST

extern const dm_stage dm_stage_findings;

/* Samples of a tube of 140 HU, 3 mm wide and two slices deep, 14 to 30 mm to the left of the line, where a vein may be; along it runs a bar
 * of bone whose upper edge lies `below` mm under its upper slice. */
static int may_be_veins(dm_gpu *gpu, double below) {
    enum { N = 161, DEEP = 60 };
    const dm_affine to_lps = {{{0.5, 0, 0, -40}, {0, 0.5, 0, -60}, {0, 0, 1, -DEEP}}};
    static dm_study st;
    dm_findings_params *p = calloc(1, sizeof *p);
    dm_vein_box w;
    int seen = 0;
    memset(&st, 0, sizeof st);
    dm_params_preset(dm_stage_findings.params, dm_stage_findings.n_params, p);
    ck_assert(dm_good(dm_volume_make(&st.crop.raw, N, N, DEEP, &to_lps)));
    for (int k = 0; k < DEEP; k++)
        for (int j = 0; j < N; j++)
            for (int i = 0; i < N; i++) {
                double x = 0.5 * i - 40, a = 60 - 0.5 * j, down = 30 - k;
                int along = x > 14 && x < 30;
                float *v = &st.crop.raw.v[dm_at(i, j, k, N, N)];
                *v = -20;
                if (along && fabs(a - 4) < 1.5 && down >= 0 && down <= 1) *v = 140;
                if (along && fabs(a - 4) < 1.2 && down > below && down < below + 2.5) *v = 700;
            }
    ck_assert(dm_good(dm_spine_make(&st.spine, DEEP - 4, 1)));
    for (int i = 0; i < st.spine.n; i++) st.spine.p[i][2] = -2 - i;
    ck_assert(dm_good(dm_frame_build(&st.spine)));
    st.canal.n = st.spine.n;
    st.canal.r_bone = malloc((size_t)st.canal.n * DM_NT * sizeof(float));
    for (int c = 0; c < st.canal.n * DM_NT; c++) st.canal.r_bone[c] = 8;
    st.levels.n = 2;
    for (int v = 0; v < 2; v++) st.levels.v[v] = (dm_vertebra){.level = DM_T1 + 6 + v, .s_from = 28 * v, .s_to = 28 * (v + 1)};
    ck_assert(dm_good(dm_vein_box_make(gpu, &p->vein, &st, &w)));
    for (size_t i = 0; i < (size_t)NL * NA * (size_t)w.nz; i++) seen += w.mask[i];
    dm_vein_box_free(&w);
    dm_study_clear(&st);
    free(p);
    return seen;
}

/* The edge of a rib's head is as bright as a vein above the slice in which the bone begins. */
START_TEST(what_lies_on_bone_is_no_vein) {
    dm_gpu *gpu = NULL;
    ck_assert(dm_good(dm_gpu_open(NULL, 0, &gpu)));
    int free_of_bone = may_be_veins(gpu, 9), on_bone = may_be_veins(gpu, 1.5);
    ck_assert_msg(free_of_bone > 20 && on_bone == 0, "%d and %d samples", free_of_bone, on_bone);
    dm_gpu_close(gpu);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("veins");
    tcase_add_test(t, a_long_scan_is_searched_to_its_end);
    tcase_add_test(t, pieces_that_follow_are_one_when_alike);
    tcase_add_test(t, a_way_that_one_body_alone_shows);
    tcase_add_test(t, terms_are_what_they_say);
    tcase_add_test(t, one_fistula_at_most);
    tcase_add_test(t, what_lies_on_bone_is_no_vein);
    return cases_failed("veins", t) != 0;
}
