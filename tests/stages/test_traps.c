/* A made-up trunk on the coarse grid: what misleads is flagged, what is ordinary is not. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "dialect.h"
#include "findings_parts.h"
#include "frame.h"
#include "grid.h"
#include "level.h"
#include "stage.h"

enum { N = 200, NX = 110, NY = 90, NZ = 105 };

typedef struct trunk {
    float renal, blood, needle; /* HU of the renal pelvis, of the aorta; of metal in the crop, 0 = none */
    float marrow;               /* HU of a body of marrow alone, 0 = one with a shell */
    int ribs, jump; /* bright bars that cross the renal region; slice from which the patient has moved */
} trunk;

static double squared(double x) {
    return x * x;
}

static float tissue_at(const trunk *t, double x, double y, double z) {
    double body = sqrt(squared(x) + squared(y + 28));
    if (squared(x / 105) + squared((y + 20) / 85) > 1) return -1000;
    if (t->marrow > 0 && squared(x / 16) + squared((y + 25) / 14) < 1) return t->marrow;
    if (t->marrow <= 0 && body < 17) return body < 15 ? 150 : 600;
    if (squared(x - 18) + squared(y + 55) < squared(11)) return t->blood;
    if (t->ribs && fabs(z + 95 + 0.3 * fabs(x)) < 5 && fabs(x) > 25 && y > 10 && y < 20) return 500;
    for (int side = -1; side <= 1; side += 2) {
        if (squared((x - side * 55) / 5) + squared((y + 10) / 5) + squared((z + 110) / 12) < 1)
            return t->renal;
        if (squared((x - side * 62) / 24) + squared((y + 10) / 20) + squared((z + 110) / 50) < 1) return 32;
    }
    return y < -20 ? -100 : 50;
}

static dm_study *make(const trunk *t) {
    dm_study *st = calloc(1, sizeof *st);
    ck_assert_ptr_nonnull(st);
    st->modality = DM_CT;
    dm_grid *g = &st->crop.coarse;
    *g = (dm_grid){.n = {NX, NY, NZ},
                   .origin = {-109, -109, -208},
                   .step = 2,
                   .v = malloc((size_t)NX * NY * NZ * sizeof(float))};
    for (int k = 0; k < NZ; k++)
        for (int j = 0; j < NY; j++)
            for (int i = 0; i < NX; i++) {
                double shift = t->jump && k >= t->jump ? 8 : 0;
                g->v[dm_at(i, j, k, NX, NY)] = tissue_at(t, -109 + 2 * i + shift, -109 + 2 * j, -208 + 2 * k);
            }
    const dm_affine to_lps = {{{2, 0, 0, -20}, {0, 2, 0, -20}, {0, 0, 2, -200}}};
    ck_assert(dm_good(dm_volume_make(&st->crop.raw, 20, 20, 100, &to_lps)));
    for (size_t i = 0; i < dm_volume_count(&st->crop.raw); i++) st->crop.raw.v[i] = 40;
    for (int k = 40; t->needle > 0 && k < 60; k++)
        for (int i = 8; i < 11; i++) st->crop.raw.v[dm_at(i, 10, k, 20, 20)] = t->needle;
    ck_assert(dm_good(dm_spine_make(&st->spine, N, 1)));
    for (int i = 0; i < N; i++) st->spine.p[i][2] = -i;
    ck_assert(dm_good(dm_frame_build(&st->spine)));
    st->levels.n = 7; /* T10 to L4 */
    for (int i = 0; i < 7; i++)
        st->levels.v[i] = (dm_vertebra){.level = DM_L1 - 3 + i, .s_from = 28 * i, .s_to = 28 * (i + 1)};
    return st;
}

static const dm_traps_params preset = {.c1c2_reach = 10,
                                       .spur_length = 10,
                                       .spur_dim = 0.5,
                                       .disc_bone_length = 25,
                                       .disc_bone_share = 0.6,
                                       .calcified = 1.3,
                                       .injected = 1.05,
                                       .injected_mm = 60,
                                       .renal_hu = 150,
                                       .renal_ml = 0.3,
                                       .aorta_hu = 100,
                                       .metal_hu = 2500,
                                       .metal_ml = 0.2,
                                       .metal_reach = 3,
                                       .motion = 3};

/* What the whole study shows; frees it. */
static unsigned signs_and_drop(dm_study *st) {
    dm_traps traps;
    ck_assert(dm_good(dm_traps_study(&preset, st, &traps)));
    unsigned signs = st->findings.signs;
    dm_traps_free(&traps);
    dm_study_clear(st);
    free(st);
    return signs;
}

static unsigned signs_of(const trunk *t) {
    return signs_and_drop(make(t));
}

START_TEST(an_ordinary_trunk_has_no_sign) {
    ck_assert_uint_eq(signs_of(&(trunk){.renal = -80, .blood = 45, .ribs = 1}), 0);
    ck_assert_uint_eq(signs_of(&(trunk){.renal = -80, .blood = 45, .marrow = 300}), 0);
}
END_TEST

START_TEST(each_sign_is_seen_alone) {
    ck_assert_uint_eq(signs_of(&(trunk){.renal = 400, .blood = 45, .ribs = 1}), 1u << DM_SIGN_RENAL);
    ck_assert_uint_eq(signs_of(&(trunk){.renal = -80, .blood = 180, .ribs = 1}), 1u << DM_SIGN_IV);
    ck_assert_uint_eq(signs_of(&(trunk){.renal = -80, .blood = 45, .needle = 3000}), 1u << DM_SIGN_METAL);
    ck_assert_uint_eq(signs_of(&(trunk){.renal = -80, .blood = 45, .jump = 50}), 1u << DM_SIGN_MOTION);
}
END_TEST

START_TEST(figures_of_kidneys_and_blood) {
    const trunk t = {.renal = 400, .blood = 180};
    dm_study *st = make(&t);
    double ml = 2 * 4.18879 * 5 * 5 * 12 / 1000; /* two pelves */
    ck_assert_double_eq_tol(dm_trap_renal_ml(&preset, st), ml, 0.3 * ml);
    ck_assert_double_eq_tol(dm_trap_aorta_hu(st), 180, 5);
    st->modality = DM_MR;
    ck_assert_double_eq(dm_trap_renal_ml(&preset, st), 0);
    dm_study_clear(st);
    free(st);
}
END_TEST

/* A canal with a gap of 4 mm all round, of one value. */
static void add_canal(dm_study *st, float gap) {
    st->canal = (dm_canal){
        .n = N, .r_dura = malloc(N * DM_NT * sizeof(float)), .r_bone = malloc(N * DM_NT * sizeof(float))};
    st->map = (dm_map){.n = N, .sac = malloc(N * sizeof(float)), .e = calloc(N * DM_NT, sizeof(float)), .assessed = malloc(N * DM_NT)};
    memset(st->map.assessed, 1, N * DM_NT);
    for (int i = 0; i < N * DM_NT; i++) st->canal.r_dura[i] = 8, st->canal.r_bone[i] = 12;
    for (int i = 0; i < N; i++) st->map.sac[i] = 500;
    for (size_t i = 0; i < dm_volume_count(&st->crop.raw); i++) st->crop.raw.v[i] = gap;
}

START_TEST(signs_of_pools) {
    const trunk t = {.renal = -80, .blood = 45, .needle = 3000};
    dm_study *st = make(&t);
    dm_traps traps;
    const dm_finding ventral = {
        .side = DM_VENTRAL, .s = 40, .s_from = 20, .s_to = 60, .length_mm = 40, .peak_ratio = 0.5};
    ck_assert(dm_good(dm_traps_study(&preset, st, &traps)));
    add_canal(st, 300);
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &ventral), DM_NO_SIGN);
    dm_finding f = ventral;
    f.s_from = 34, f.s_to = 45, f.length_mm = 12;
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_NO_SIGN);
    f.s_from = 37, f.s_to = 45, f.length_mm = 9;
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_SIGN_SPUR);
    st->modality = DM_MR; /* as bright as fluid is no bone there */
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_NO_SIGN);
    f.peak_ratio = 0.4;
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_SIGN_SPUR);
    st->modality = DM_CT;
    for (int c = 47 * DM_NT; c < 60 * DM_NT; c++) st->map.e[c] = 0.3f; /* the middle of a fainter collection */
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_NO_SIGN);
    memset(st->map.e, 0, N * DM_NT * sizeof(float));
    f = ventral, f.s_from = 85, f.s_to = 115; /* the needle lies at s 80 to 120 */
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_SIGN_METAL);
    f = ventral, f.side = DM_DORSAL, f.s = 150, f.s_from = 130, f.s_to = 170;
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_SIGN_PUNCTURE);
    f = ventral, f.s_from = 125, f.s_to = 195, f.length_mm = 70, f.peak_ratio = 1.1;
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), DM_SIGN_EPIDURAL);
    free(st->canal.r_dura), free(st->canal.r_bone), free(st->map.sac), free(st->map.e), free(st->map.assessed);
    add_canal(st, 900);
    ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &ventral), DM_SIGN_CALCIFICATION);
    dm_traps_free(&traps);
    dm_study_clear(st);
    free(st);
}
END_TEST

/* Bone in a disc beside a candidate of 16 mm, before the wall: the sign of a short one that grows out of it. Contrast ends at the wall. */
START_TEST(a_calcified_disc_is_a_spur) {
    const trunk t = {.renal = -80, .blood = 45};
    static const struct {
        double from, to; /* of bone before the line, mm */
        double at, half; /* along it */
        int s, length, sign;
    } c[] = {{12, 20, 28, 4, 30, 16, DM_SIGN_SPUR}, {8, 12, 28, 4, 30, 16, DM_NO_SIGN}, {12, 20, 28, 4, 30, 28, DM_NO_SIGN},
             {12, 20, 42, 8, 30, 16, DM_NO_SIGN}, {0, 0, 28, 4, 30, 16, DM_NO_SIGN},
             {12, 20, 196, 4, 188, 16, DM_SIGN_SPUR}, {12, 20, 0, 4, 8, 16, DM_SIGN_SPUR}}; /* discs at the line's ends */
    for (int k = 0; k < 7; k++) {
        dm_study *st = make(&t);
        dm_traps traps;
        const double half = c[k].length / 2.0;
        const dm_finding f = {.side = DM_VENTRAL, .s = c[k].s, .s_from = c[k].s - half, .s_to = c[k].s + half, .length_mm = c[k].length,
                              .peak_ratio = 0.9, .peak_value = 500};
        ck_assert(dm_good(dm_traps_study(&preset, st, &traps)));
        add_canal(st, 90);
        for (int z = 0; z < 100; z++)
            for (int y = 0; y < 20; y++)
                for (int x = 0; x < 20; x++) {
                    double front = 20 - 2 * y, s = 200 - 2 * z;
                    if (front > c[k].from && front < c[k].to && fabs(s - c[k].at) <= c[k].half)
                        st->crop.raw.v[dm_at(x, y, z, 20, 20)] = 700;
                }
        ck_assert_int_eq(dm_trap_of(&preset, st, &traps, &f), c[k].sign);
        dm_traps_free(&traps);
        dm_study_clear(st);
        free(st);
    }
}
END_TEST

int main(void) {
    TCase *t = tcase_create("traps");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_ordinary_trunk_has_no_sign);
    tcase_add_test(t, each_sign_is_seen_alone);
    tcase_add_test(t, figures_of_kidneys_and_blood);
    tcase_add_test(t, signs_of_pools);
    tcase_add_test(t, a_calcified_disc_is_a_spur);
    return cases_failed("traps", t) != 0;
}
