#include <check.h>

#include "cases.h"
#include "leak_model.h"
#include "map_parts.h"
#include "ranks.h"

static dm_gpu *gpu;

static const model plain = {.length = 120, .sac = 500, .gap_ventral = 2.2, .gap_dorsal = 4, .noise = 15,
                            .surface_error = 0.3, .filled = 1};

static float e_at(const dm_study *st, int i, int theta) {
    return st->map.e[i * DM_NT + (theta / 5 + DM_NT) % DM_NT];
}

START_TEST(kernels_agree_with_references) {
    for (int k = 0; k < dm_profile_check_count; k++)
        for (int seed = 1; seed <= 3; seed++) {
            dm_check_result r = {0};
            dm_status s = dm_profile_checks[k].compare(gpu, 24, (uint64_t)seed, 1, &r);
            ck_assert_msg(dm_good(s), "%s", s.text);
            ck_assert_msg(r.error <= dm_profile_checks[k].tolerance, "%s differs by %g", dm_profile_checks[k].kernel,
                          r.error);
            ck_assert(r.items > 0);
        }
}
END_TEST

START_TEST(healthy_cells_are_dark) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(&plain, DM_T1, 3, st));
    dm_status s = model_run(gpu, "map", st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    size_t assessed = 0, bright = 0;
    for (int c = 0; c < st->map.n * DM_NT; c++) {
        assessed += st->map.assessed[c];
        bright += st->map.e[c] > 0.15f;
    }
    ck_assert(assessed > (size_t)st->map.n * DM_NT * 8 / 10);
    ck_assert_msg(bright * 50 < assessed, "%zu of %zu healthy cells above 0.15", bright, assessed);
    ck_assert(fabsf(st->map.sac[60] - 500) < 30);
    dm_study_clear(st);
    free(st);
}
END_TEST

/* Muscle beside a weak sac in one part of the spine, fat in the rest: each is its region's tissue. */
START_TEST(tissue_is_that_of_the_region) {
    dm_study *st = malloc(sizeof *st);
    model m = plain;
    m.length = 330, m.sac = 330, m.muscle_from = 0, m.muscle_to = 110;
    ck_assert(model_make(&m, DM_T1, 3, st));
    dm_status s = model_run(gpu, "map", st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    double muscle = 0, fat = 0;
    for (int i = 20; i < 60; i++) muscle += (double)e_at(st, i, -90) / 40;
    for (int i = 220; i < 260; i++) fat += (double)e_at(st, i, -90) / 40;
    const float *there = st->map.beside + 40 * DM_NT, *here = st->map.beside + 240 * DM_NT;
    ck_assert_msg(muscle < 0.1 && fat < 0.1, "muscle %.2f, fat %.2f", muscle, fat);
    ck_assert_msg(there[54] > 20 && here[54] < 0, "tissue %.0f, %.0f HU", (double)there[54], (double)here[54]);
    dm_study_clear(st);
    free(st);
}
END_TEST

/* The ratio itself is measured: a pool that fills the gap at 0.5 of the sac reads 0.5 +- 0.15 in its middle. */
START_TEST(pool_has_its_ratio) {
    const double ratio[] = {0.25, 0.5, 0.8};
    for (int k = 0; k < 3; k++) {
        dm_study *st = malloc(sizeof *st);
        model m = plain;
        m.n_pools = 2;
        m.pool[0] = (model_pool){40, 80, 0, 35, 5, ratio[k], 0, 0};
        m.pool[1] = (model_pool){40, 80, 180, 35, 3, ratio[k], 0, 0}; /* on the dura, the gap is 4 mm */
        ck_assert(model_make(&m, DM_T1, 4, st));
        dm_status s = model_run(gpu, "map", st);
        ck_assert_msg(dm_good(s), "%s", s.text);
        float front[21 * 5], back[21 * 5];
        size_t n = 0;
        for (int i = 50; i <= 70; i++)
            for (int th = -10; th <= 10; th += 5, n++) front[n] = e_at(st, i, th), back[n] = e_at(st, i, 180 + th);
        double f = (double)dm_rank(front, n, 0.5), b = (double)dm_rank(back, n, 0.5);
        ck_assert_msg(fabs(f - ratio[k]) < 0.15, "ventral pool of ratio %.2f reads %.2f", ratio[k], f);
        ck_assert_msg(b > 0.5 * ratio[k], "dorsal thin pool of ratio %.2f reads %.2f", ratio[k], b);
        ck_assert_msg(e_at(st, 60, 90) < 0.12f, "the side without a pool reads %.2f", (double)e_at(st, 60, 90));
        dm_study_clear(st);
        free(st);
    }
}
END_TEST

static float median_e(const dm_study *st, int from, int to, int theta, int half) {
    float v[1000];
    size_t n = 0;
    for (int i = from; i < to; i++)
        for (int a = theta - half; a <= theta + half; a += 5) v[n++] = e_at(st, i, a);
    return dm_rank(v, n, 0.5);
}

/* MR: the surface goes round a pool; the dark line inside it tells. The same surface without a pool shows nothing. */
START_TEST(a_swallowed_pool_shows_by_its_line) {
    for (int pools = 0; pools < 2; pools++) {
        dm_study *st = malloc(sizeof *st);
        model m = plain;
        m.mr = m.swallow = 1, m.sac = 800, m.noise = 25, m.n_pools = pools, m.gap_ventral = 2.6;
        m.pool[0] = (model_pool){40, 80, 0, 35, 1.8, 0.9, 0, 0};
        ck_assert(model_make(&m, DM_T1, 8, st));
        dm_status s = model_run(gpu, "map", st);
        ck_assert_msg(dm_good(s), "%s", s.text);
        float inside = median_e(st, 48, 72, 0, 15), outside = median_e(st, 48, 72, 180, 15);
        ck_assert_msg(pools ? inside > 0.5f : inside < 0.1f, "%d pools: E = %.2f", pools, (double)inside);
        ck_assert_msg(outside < 0.1f, "the back without a pool reads %.2f", (double)outside);
        dm_study_clear(st);
        free(st);
    }
}
END_TEST

/* MR: pulsation dims the fluid towards its edge over a patch; that is no line. */
START_TEST(fluid_that_dims_outwards_is_no_pool) {
    dm_study *st = malloc(sizeof *st);
    model m = plain;
    m.mr = 1, m.sac = 800, m.noise = 25, m.dim_from = 40, m.dim_to = 75;
    ck_assert(model_make(&m, DM_T1, 15, st));
    dm_status s = model_run(gpu, "map", st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    float behind = median_e(st, 45, 68, 180, 15);
    ck_assert_msg(behind < 0.15f, "the dimmed sac reads %.2f", (double)behind);
    dm_study_clear(st);
    free(st);
}
END_TEST

/* MR without fat suppression whose marrow is dark: the fat of the back says so. A collection round the whole sac, as bright as fat
 * would be, does not. */
START_TEST(bright_fat_shows_in_the_back) {
    for (int bright = 0; bright < 2; bright++) {
        dm_study *st = malloc(sizeof *st);
        model m = plain;
        m.mr = 1, m.sac = 800, m.noise = 25, m.gap_ventral = 3, m.n_pools = 1, m.length = 90, m.back = bright ? 360 : 70;
        m.pool[0] = (model_pool){-20, 140, 0, 180, 5, 0.45, 0, 0}; /* from end to end, all round */
        ck_assert(model_make(&m, DM_T1, 9, st));
        dm_status s = model_run(gpu, "map", st);
        ck_assert_msg(dm_good(s), "%s", s.text);
        ck_assert_int_eq(st->map.fat_bright, bright);
        dm_study_clear(st);
        free(st);
    }
}
END_TEST

/* MR, a sac of 1: a rim of fluid 1.5 mm thin between cord and dura, the epidural plexus outside it to the bone at 10 mm. */
static void rim_and_plexus(float plexus, float *p) {
    for (int k = 0; k < 73; k++) {
        double r = 0.25 * k;
        p[k] = (float)(0.2 + 0.8 * model_edge(r - 5.5) - (1 - (double)plexus) * model_edge(r - 7) - (double)plexus * model_edge(r - 10));
    }
}

START_TEST(the_outer_edge_falls_to_what_is_outside) {
    const dm_map_args a = {1, 1, 73, 0.25f};
    float p[73];
    rim_and_plexus(0.02f, p);
    float dark = dm_outer_edge(p, a, 7, 1);
    rim_and_plexus(0.35f, p);
    float veins = dm_outer_edge(p, a, 7, 1);
    ck_assert_msg(fabsf(dark - 7) < 0.2f && fabsf(veins - 7) < 0.2f, "edge at %.2f mm, beside veins %.2f", (double)dark, (double)veins);
}
END_TEST

START_TEST(a_thin_rim_beside_veins_is_no_brighter_pool) {
    const dm_map_args a = {1, 1, 73, 0.25f};
    const dm_fit_args f = {.width = 0.55f, .model_error = 0.06f, .shift_sd = 0.45f, .ridge = 0.5f, .band = 2, .beyond = 2, .body_angle = -1};
    float p[73], as_sac[DM_FIT_N], as_seen[DM_FIT_N];
    rim_and_plexus(0.35f, p);
    dm_fit_cell(p, a, f, (dm_walls){7, 10, 10, 1, 0, 0, 1}, 0, 1, as_sac);
    dm_fit_cell(p, a, f, (dm_walls){7, 10, 10, 1, 0, 0, 0.75f}, 0, 1, as_seen);
    ck_assert_msg(fabsf(as_seen[DM_FIT_P] - 0.35f) < 0.05f && as_seen[DM_FIT_COST] < as_sac[DM_FIT_COST],
                  "ratio %.2f, cost %.1f; taken for as bright as the sac %.2f, %.1f", (double)as_seen[DM_FIT_P],
                  (double)as_seen[DM_FIT_COST], (double)as_sac[DM_FIT_P], (double)as_sac[DM_FIT_COST]);
}
END_TEST

/* CT, a sac of 1200 HU. A lamina of 450 HU that touches it has no edge; the surface stands 2 mm too far out and says so by its
 * strength. The same values as a pool, with fat and then bone beyond, do count; so they do where bone's edge was seen. */
static float gain_of(double (*value)(double r), float q, int body) {
    enum { NR = 73 };
    const dm_map_args a = {1, 1, NR, 0.25f};
    const dm_fit_args f = {.width = 0.6f, .model_error = 0.06f, .shift_sd = 0.45f, .ridge = 0.5f, .band = 2, .beyond = 2, .body_beyond = 3,
                           .edge_least = 0.15f, .body_angle = 60, .cortex = 0.75f, .cortex_most = 3};
    float p[NR], out[DM_FIT_N];
    for (int k = 0; k < NR; k++) {
        double sum = 0, weight = 0;
        for (double d = -2; d <= 2; d += 0.05) {
            double w = exp(-d * d / 0.72);
            sum += w * value(0.25 * k + d), weight += w;
        }
        p[k] = (float)(sum / weight);
    }
    dm_fit_cell(p, a, f, (dm_walls){7, 9, 9, q, body, 0, 1}, -80, 1280, out);
    return out[DM_FIT_GAIN];
}

static double lamina(double r) {
    return r < 7 ? 1200 : 450;
}

static double pool_before_fat(double r) {
    return r < 7 ? 1200 : r < 8.6 ? 450 : r < 9.2 ? -80 : 700;
}

/* The back wall of a body that touches the dura: a millimetre of cortex, then marrow. */
static double body(double r) {
    return r < 7 ? 1200 : r < 8.2 ? 650 : 250;
}

static double pool_before_body(double r) {
    return r < 7 ? 1200 : r < 9 ? 550 : r < 9.6 ? 950 : 280;
}

START_TEST(bone_that_touches_the_dura_is_no_pool) {
    float touching = gain_of(lamina, 0.1f, 0), seen = gain_of(lamina, 1, 0), pool = gain_of(pool_before_fat, 0.9f, 0);
    ck_assert_msg(touching < 1, "lamina: gain %.1f", (double)touching);
    ck_assert_msg(seen > 6, "bone seen 2 mm further out: gain %.1f", (double)seen);
    ck_assert_msg(pool > 6, "pool: gain %.1f", (double)pool);
    float wall = gain_of(body, 0.1f, 1), even = gain_of(body, 0.1f, 0), before = gain_of(pool_before_body, 0.1f, 1);
    ck_assert_msg(wall < 3, "a body's wall: gain %.1f", (double)wall);
    ck_assert_msg(even > 4, "the same where bone is even: gain %.1f", (double)even);
    ck_assert_msg(before > 6, "pool before a body: gain %.1f", (double)before);
}
END_TEST

/* The late pass is measured; an early one, in which the pool is short and the patient lies elsewhere, tells where it began. */
START_TEST(phases_come_into_one_frame) {
    dm_study *st = malloc(sizeof *st);
    const double shift[3] = {1.5, -2, 3};
    model late = plain, early = plain;
    late.n_pools = early.n_pools = 1;
    late.pool[0] = (model_pool){25, 95, 0, 35, 5, 0.6, 0, 0};
    early.pool[0] = (model_pool){50, 70, 0, 35, 5, 0.5, 0, 0};
    ck_assert(model_make(&late, DM_T1, 9, st));
    st->pass[0].facts.seconds_after_first = 300;
    ck_assert(model_add_pass(&early, 10, "early", 0, shift, st));
    dm_status s = model_run(gpu, "map", st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    const dm_map *m = &st->map;
    ck_assert_int_eq(m->n_phases, 2);
    ck_assert_int_eq(m->phase[0].pass, 1); /* in order of time */
    ck_assert_int_eq(m->phase[1].pass, 0);
    for (int c = 0; c < 3; c++)
        ck_assert_msg(fabs(m->phase[0].shift[c] - shift[c]) < 0.6, "shift %d is %.2f", c, m->phase[0].shift[c]);
    /* The line begins 2 mm below the tube's end. */
    ck_assert_int_eq(m->first[58 * DM_NT], 0);
    ck_assert_int_eq(m->first[30 * DM_NT], 1);
    ck_assert_int_eq(m->first[58 * DM_NT + DM_NT / 2], 255);
    ck_assert(m->early_late[58 * DM_NT] > 0.5f && m->early_late[30 * DM_NT] < 0.3f);
    dm_study_clear(st);
    free(st);
}
END_TEST

/* What stands in the scan before contrast too is calcium. */
START_TEST(a_pass_without_contrast_removes_calcium) {
    dm_study *st = malloc(sizeof *st);
    const double shift[3] = {-1, 1, 0.5};
    model with = plain, without;
    with.n_pools = 2;
    with.pool[0] = (model_pool){20, 45, 0, 35, 5, 0.6, 0, 0};
    with.pool[1] = (model_pool){70, 95, 0, 35, 5, 0, 0, 330};
    without = with;
    without.filled = 0, without.n_pools = 1, without.pool[0] = with.pool[1];
    ck_assert(model_make(&with, DM_T1, 11, st));
    ck_assert(dm_good(model_run(gpu, "map", st)));
    float before = median_e(st, 75, 88, 0, 15);
    ck_assert(model_add_pass(&without, 12, "pre-contrast", -600, shift, st));
    ck_assert(dm_good(model_run(gpu, "map", st)));
    float after = median_e(st, 75, 88, 0, 15), pool = median_e(st, 25, 38, 0, 15);
    ck_assert_msg(before > 0.4f && after < 0.1f, "calcium reads %.2f, then %.2f", (double)before, (double)after);
    ck_assert_msg(pool > 0.2f, "contrast reads %.2f", (double)pool);
    ck_assert_int_eq(st->map.n_phases, 0);
    dm_study_clear(st);
    free(st);
}
END_TEST

START_TEST(a_pass_of_another_place_is_left_out) {
    dm_study *st = malloc(sizeof *st);
    const double shift[3] = {0, 0, 900};
    ck_assert(model_make(&plain, DM_T1, 13, st));
    ck_assert(model_add_pass(&plain, 14, "late", 60, shift, st));
    ck_assert(dm_good(model_run(gpu, "map", st)));
    ck_assert_int_eq(st->map.n_phases, 0);
    dm_study_clear(st);
    free(st);
}
END_TEST

START_TEST(without_contrast_nothing_is_assessed) {
    dm_study *st = malloc(sizeof *st);
    model m = plain;
    m.filled = 0;
    ck_assert(model_make(&m, DM_T1, 5, st));
    ck_assert(dm_good(model_run(gpu, "map", st)));
    for (int c = 0; c < st->map.n * DM_NT; c++) ck_assert(st->map.assessed[c] == 0 && st->map.e[c] == 0.0f);
    dm_study_clear(st);
    free(st);
}
END_TEST

START_TEST(narrow_gap_and_unsure_line_are_not_assessed) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(&plain, DM_T1, 6, st));
    for (int i = 20; i < 30; i++) st->spine.unsure[i] = 1;
    for (int i = 0; i < st->spine.n; i++) st->canal.r_bone[i * DM_NT] = st->canal.r_dura[i * DM_NT] + 0.5f;
    ck_assert(dm_good(model_run(gpu, "map", st)));
    for (int i = 20; i < 30; i++) ck_assert(!st->map.assessed[i * DM_NT + 10]);
    for (int i = 50; i < 60; i++) ck_assert(!st->map.assessed[i * DM_NT]);
    ck_assert(st->map.assessed[40 * DM_NT + 10]);
    dm_study_clear(st);
    free(st);
}
END_TEST

/* An ellipse stays as it is; a dent of 50 degrees at the side is filled to within 1.6 mm; a dent in front stays. */
START_TEST(dents_at_roots_are_filled) {
    float r[2 * DM_NT], out[2 * DM_NT];
    for (int t = 0; t < DM_NT; t++) {
        double th = 6.283185307179586 * t / DM_NT;
        r[t] = r[DM_NT + t] = (float)(1 / sqrt(pow(cos(th) / 7, 2) + pow(sin(th) / 8.5, 2)));
    }
    for (int t = 14; t <= 23; t++) r[DM_NT + t] -= 3;
    for (int t = 0; t <= 8; t++) r[DM_NT + t] -= 2;
    for (int t = 64; t < DM_NT; t++) r[DM_NT + t] -= 2;
    dm_outline(r, 2, 1, out);
    for (int t = 0; t < DM_NT; t++) ck_assert(fabsf(out[t] - r[t]) < 0.01f);
    for (int t = 14; t <= 23; t++) ck_assert_msg(out[DM_NT + t] > r[t] - 1.6f && out[DM_NT + t] <= r[t], "column %d: %.2f of %.2f", t, (double)out[DM_NT + t], (double)r[t]);
    for (int t = 0; t <= 4; t++) ck_assert(fabsf(out[DM_NT + t] - r[DM_NT + t]) < 0.5f);
}
END_TEST

START_TEST(ranks) {
    float v[] = {5, 1, 4, 2, 3};
    ck_assert(dm_rank(v, 5, 0.5) == 3.0f);
    ck_assert(dm_rank(v, 5, 0) == 1.0f);
    ck_assert(dm_rank(v, 5, 1) == 5.0f);
    float same[] = {2, 2, 2, 2};
    ck_assert(dm_rank(same, 4, 0.3) == 2.0f);
}
END_TEST

int main(void) {
    if (!dm_good(dm_gpu_open("cpu", 0, &gpu))) return 77;
    TCase *t = tcase_create("map");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, kernels_agree_with_references);
    tcase_add_test(t, healthy_cells_are_dark);
    tcase_add_test(t, tissue_is_that_of_the_region);
    tcase_add_test(t, pool_has_its_ratio);
    tcase_add_test(t, a_swallowed_pool_shows_by_its_line);
    tcase_add_test(t, fluid_that_dims_outwards_is_no_pool);
    tcase_add_test(t, bright_fat_shows_in_the_back);
    tcase_add_test(t, the_outer_edge_falls_to_what_is_outside);
    tcase_add_test(t, a_thin_rim_beside_veins_is_no_brighter_pool);
    tcase_add_test(t, bone_that_touches_the_dura_is_no_pool);
    tcase_add_test(t, phases_come_into_one_frame);
    tcase_add_test(t, a_pass_without_contrast_removes_calcium);
    tcase_add_test(t, a_pass_of_another_place_is_left_out);
    tcase_add_test(t, without_contrast_nothing_is_assessed);
    tcase_add_test(t, narrow_gap_and_unsure_line_are_not_assessed);
    tcase_add_test(t, dents_at_roots_are_filled);
    tcase_add_test(t, ranks);
    int failed = cases_failed_here("map", t);
    dm_gpu_close(gpu);
    return failed != 0;
}
