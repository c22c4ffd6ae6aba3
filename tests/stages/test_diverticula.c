/* A straight sac with a ball on a stalk at one root: found, measured, on its side; nothing at the other
 * roots. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "ball_odds.h"
#include "ball_search.h"
#include "cases.h"
#include "diverticula.h"
#include "findings_parts.h"
#include "frame.h"
#include "stage.h"

enum { N = 200 }; /* samples of s, 0.5 mm */

static dm_gpu *gpu;

/* Share of a voxel inside a surface at signed distance d (mm), blurred over 1 mm. */
static double inside(double d) {
    return fmin(fmax(0.5 - d, 0), 1);
}

/* A ball on a stalk at the left root at s = 57: radius (0 = none), brightness as a share of the sac, and a
 * rim of bone. With a cyst the sac ends at s = 65 and a ball of that radius lies below, in the sacrum. */
typedef struct scene {
    double radius, fill;
    int rim;
    double cyst;
    int everywhere; /* the same ball at every foramen, on both sides */
    double knobs;   /* eight bright balls round it, as small as sleeves: bone; 1 = 3.3 mm beyond its edge, less: nearer */
    int root;       /* a dark nerve root of 1.6 mm runs through it, from the sac outwards */
    int tail;       /* in the sacrum, the sac tapers on for 25 mm below the last row that counts as filled */
} scene;

static int sacral(const scene *c) {
    return c->cyst > 0 || c->tail;
}

static double knobs(double x, double y, double z, double apart) {
    double dx = fabs(x - 15) - 4 * apart, dy = fabs(y) - 6 * apart, dz = fabs(z + 57.5) - 5.5 * apart;
    return inside(sqrt(dx * dx + dy * dy + dz * dz) - 2.1);
}

static double clean_value(double x, double y, double z, const scene *c) {
    double wide = c->tail ? 8 - fmin(fmax(0.2 * (-z - 65), 0), 5) : 8,
           sac = inside(hypot(x, y) - wide) * (sacral(c) ? inside(-z - (c->tail ? 90 : 65)) : 1),
           up = c->everywhere ? fmin(fmin(fabs(z + 57.6), fabs(z + 35)), fabs(z + 79.6)) : fabs(z + 57),
           out = c->everywhere ? fabs(x) - 15 : x - 15, d = sqrt(out * out + y * y + up * up);
    double ball = c->radius > 0 ? inside(d - c->radius) : 0;
    double stalk = c->radius > 0 && x > 6 && x < 15 ? inside(hypot(y, z + 57) - (c->root ? 2 : 1.5)) : 0;
    double sleeve = x < -6 && x > -14 ? inside(hypot(y, z + 57 - 0.4 * (x + 6)) - 1.4) : 0;
    double bone = inside(hypot(x + 16, z + 30) - 5);
    double cyst =
        c->cyst > 0 ? inside(sqrt((x - 3) * (x - 3) + (y - 2) * (y - 2) + (z + 82) * (z + 82)) - c->cyst) : 0;
    double bright = fmax(fmax(sac, cyst), fmax(stalk, sleeve)), v = -90 + 690 * bright + 500 * bone;
    if (c->knobs > 0) v += 600 * knobs(x, y, z, c->knobs);
    if (ball > 0) v = v * (1 - ball) + ball * (c->fill * 600);
    if (c->root && x > 6) v += (40 - v) * inside(hypot(y, z + 57) - 0.8) * fmax(ball, stalk);
    if (c->rim) v += 700 * (inside(d - c->radius) - inside(d - c->radius + 1.2));
    return v;
}

static dm_study *make_study(const scene *c) {
    dm_study *st = calloc(1, sizeof *st);
    ck_assert_ptr_nonnull(st);
    const dm_affine to_lps = {{{0.6, 0, 0, -24}, {0, 0.6, 0, -24}, {0, 0, 1.0, -100}}};
    st->modality = c->root ? DM_MR : DM_CT; /* roots are looked through on MR */
    ck_assert(dm_good(dm_volume_make(&st->crop.raw, 81, 81, 101, &to_lps)));
    unsigned state = 12345;
    for (int k = 0; k < 101; k++)
        for (int j = 0; j < 81; j++)
            for (int i = 0; i < 81; i++) {
                double noise = 0;
                for (int q = 0; q < 4; q++) {
                    state = state * 1664525u + 1013904223u;
                    noise += (double)(state >> 8) / 16777216.0 - 0.5;
                }
                st->crop.raw.v[(k * 81 + j) * 81 + i] =
                    (float)(clean_value(-24 + 0.6 * i, -24 + 0.6 * j, -100 + k, c) + 40 * noise);
            }
    st->crop.noise_sd = 23;
    ck_assert(dm_good(dm_spine_make(&st->spine, N, 0.5)));
    for (int i = 0; i < N; i++) st->spine.p[i][2] = -0.5 * i;
    ck_assert(dm_good(dm_frame_build(&st->spine)));
    st->canal = (dm_canal){.n = N,
                           .r_dura = malloc(N * DM_NT * sizeof(float)),
                           .r_bone = malloc(N * DM_NT * sizeof(float)),
                           .filled = malloc(N)};
    st->map = (dm_map){.n = N, .sac = malloc(N * sizeof(float)), .tissue = malloc(DM_NT * sizeof(float))};
    for (int i = 0; i < N * DM_NT; i++) st->canal.r_dura[i] = 8, st->canal.r_bone[i] = 10;
    for (int i = 0; i < N; i++) st->canal.filled[i] = sacral(c) && i > 130 ? 0 : 1, st->map.sac[i] = 600;
    for (int t = 0; t < DM_NT; t++) st->map.tissue[t] = -90;
    st->levels.n = 4; /* discs at 15, 40, 62, 84: roots leave at 32.5, 55.4, 77.4 */
    const double disc[5] = {-8, 15, 40, 62, 84};
    for (int i = 0; i < 4; i++)
        st->levels.v[i] = (dm_vertebra){
            .level = sacral(c) ? DM_S1 - 2 + i : DM_T1 + 7 + i, .s_from = disc[i], .s_to = disc[i + 1]};
    return st;
}

/* As the stage findings has them. */
static dm_diverticula_params preset(void) {
    const dm_stage *findings = dm_stage_named("findings");
    dm_findings_params p;
    dm_params_preset(findings->params, findings->n_params, &p);
    return p.diverticula;
}

static dm_study *find_in(const scene *c) {
    dm_study *st = make_study(c);
    const dm_diverticula_params p = preset();
    ck_assert(dm_good(dm_diverticula_find(gpu, &p, st)));
    return st;
}

static void drop(dm_study *st) {
    dm_study_clear(st);
    free(st);
}

START_TEST(found_and_measured) {
    static const double radius[] = {2.8, 3.4, 4.5};
    dm_study *st = find_in(&(scene){.radius = radius[_i], .fill = 1});
    ck_assert_int_eq(st->findings.n_diverticula, 1);
    const dm_diverticulum *d = &st->findings.d[0];
    double sphere = 4.18879 * radius[_i] * radius[_i] * radius[_i];
    ck_assert_int_eq(d->side, DM_LEFT);
    ck_assert_int_eq(d->root, DM_T1 + 9);
    ck_assert_double_eq_tol(d->diameter_mm, 2 * radius[_i], 0.7);
    ck_assert_double_eq_tol(d->volume_mm3, sphere, 0.35 * sphere);
    ck_assert_double_eq_tol(d->lps[0], 15, 1);
    ck_assert_double_eq_tol(d->lps[2], -57, 1);
    ck_assert_int_eq(d->prominent, d->diameter_mm > 6);
    drop(st);
}
END_TEST

/* Beside the cord the sac is a thin rim, which the blur dims: a ball of the same fluid reads a third brighter. */
START_TEST(brighter_than_a_thin_rim) {
    dm_study *st = find_in(&(scene){.radius = 4, .fill = 1.33});
    ck_assert_int_eq(st->findings.n_diverticula, 1);
    ck_assert_double_eq_tol(st->findings.d[0].diameter_mm, 8, 0.7);
    drop(st);
}
END_TEST

/* From a centre 2.7 mm beside it the ball is found as from its own. */
START_TEST(a_fit_comes_from_afar) {
    const double true_c[3] = {15, 0, -57};
    dm_study *st = make_study(&(scene){.radius = 4.5, .fill = 1});
    dm_hough_args g;
    float directions[3 * DM_DIRECTIONS];
    dm_directions(directions);
    ck_assert(dm_good(dm_ball_args(&st->crop.raw, 0, 0.25, &g)));
    dm_ball b = {.c = {16.5, 1.6, -55.5}, .towards = {-1, 0, 0}, .r = 3, .v = 1, .sac = 600, .soft = -90, .noise = 0.03};
    ck_assert(dm_ball_fit(&st->crop.raw, &g, directions, &b));
    for (int x = 0; x < 3; x++) ck_assert_double_eq_tol(b.c[x], true_c[x], 0.6);
    ck_assert_double_eq_tol(b.r_bare, 4.5, 0.4);
    drop(st);
}
END_TEST

/* Further along the spine, further outwards, further in front than roots leave: mm, mm, tens of degrees beyond. */
START_TEST(where_it_lies_is_weighed) {
    dm_study *st = make_study(&(scene){.radius = 4.5, .fill = 1});
    const dm_diverticula_params p = preset();
    dm_hough_args g;
    float directions[3 * DM_DIRECTIONS];
    double x[DM_BALL_TERMS];
    dm_directions(directions);
    ck_assert(dm_good(dm_ball_args(&st->crop.raw, 0, 0.25, &g)));
    const dm_ball b = {.c = {15, 0, -57}, .towards = {-1, 0, 0}, .r = 4.5, .v = 1, .sac = 600, .soft = -90, .noise = 0.03};
    static const double at[2][3] = {{57, 90, 15}, {64, -50, 20}}, want[2][3] = {{0, 0, 0}, {5.6, 3.5, 1.5}};
    for (int k = 0; k < 2; k++) {
        ck_assert(dm_ball_terms(st, &g, directions, &b, p.odds, at[k], x));
        ck_assert_double_eq_tol(x[DM_BALL_HEIGHT], want[k][0], 0.01);
        ck_assert_double_eq_tol(x[DM_BALL_OUT], want[k][1], 0.01);
        ck_assert_double_eq_tol(x[DM_BALL_TURN], want[k][2], 0.01);
    }
    ck_assert(p.odds[DM_BALL_HEIGHT] < 0 && p.odds[DM_BALL_OUT] < 0 && p.odds[DM_BALL_TURN] < 0);
    drop(st);
}
END_TEST

/* The root that the sleeve holds runs through its middle: as dark as muscle, and no other ball. */
START_TEST(a_root_runs_through_it) {
    static const double radius[] = {3.4, 4.5};
    dm_study *st = find_in(&(scene){.radius = radius[_i], .fill = 1, .root = 1});
    ck_assert_int_eq(st->findings.n_diverticula, 1);
    const dm_diverticulum *d = &st->findings.d[0];
    double sphere = 4.18879 * radius[_i] * radius[_i] * radius[_i];
    ck_assert_double_eq_tol(d->diameter_mm, 2 * radius[_i], 0.8);
    ck_assert_double_eq_tol(d->volume_mm3, sphere, 0.4 * sphere);
    ck_assert_double_eq_tol(d->lps[0], 15, 1.2);
    ck_assert_double_eq_tol(d->lps[2], -57, 1);
    drop(st);
}
END_TEST

/* A sleeve, a ganglion with a trace of contrast (a ninth of the sac above muscle), and marrow under a bright
 * shell. */
START_TEST(what_is_none) {
    static const scene none[] = {{0}, {.radius = 3, .fill = 0.2}, {.radius = 3.5, .fill = 0.5, .rim = 1}};
    dm_study *st = find_in(&none[_i]);
    ck_assert_int_eq(st->findings.n_diverticula, 0);
    drop(st);
}
END_TEST

/* Contrast that reaches it in part, among bone that stands out more. */
START_TEST(a_dim_one_among_bone) {
    dm_study *st = find_in(&(scene){.radius = 3.6, .fill = 0.33, .knobs = 1});
    ck_assert_int_eq(st->findings.n_diverticula, 1);
    ck_assert_double_eq_tol(st->findings.d[0].lps[0], 15, 1);
    ck_assert_double_eq_tol(st->findings.d[0].diameter_mm, 7.2, 0.8);
    ck_assert_double_eq_tol(st->findings.d[0].ball[DM_BALL_BONY], 0, 0.1);
    ck_assert_double_eq_tol(st->findings.d[0].ball[DM_BALL_HEIGHT], 0.6, 1);
    drop(st);
    st = find_in(&(scene){.radius = 3.6, .fill = 0.33, .knobs = 0.75});
    ck_assert_int_eq(st->findings.n_diverticula, 1);
    ck_assert(st->findings.d[0].ball[DM_BALL_BONY] > 0.15);
    drop(st);
}
END_TEST

/* The same ball alone and at every foramen: what is usual is no finding. */
START_TEST(what_is_usual_is_none) {
    dm_study *st = find_in(&(scene){.radius = 3, .fill = 0.6});
    ck_assert_int_eq(st->findings.n_diverticula, 1);
    drop(st);
    st = find_in(&(scene){.radius = 3, .fill = 0.6, .everywhere = 1});
    ck_assert_int_eq(st->findings.n_diverticula, 0);
    drop(st);
}
END_TEST

START_TEST(the_end_of_the_sac_is_no_cyst) {
    dm_study *st = find_in(&(scene){.tail = 1});
    ck_assert_int_eq(st->findings.n_diverticula, 0);
    drop(st);
}
END_TEST

START_TEST(a_cyst_below_the_end_of_the_sac) {
    dm_study *st = find_in(&(scene){.cyst = 5.5});
    ck_assert_int_eq(st->findings.n_diverticula, 1);
    ck_assert_double_eq_tol(st->findings.d[0].diameter_mm, 11, 1);
    ck_assert_double_eq_tol(st->findings.d[0].lps[2], -82, 1.5);
    st->map.fat_bright = 1; /* and not where fat is as bright as fluid */
    const dm_diverticula_params p = preset();
    ck_assert(dm_good(dm_diverticula_find(gpu, &p, st)));
    ck_assert_int_eq(st->findings.n_diverticula, 0);
    drop(st);
}
END_TEST

START_TEST(a_short_pool_is_explained_a_long_one_is_its_leak) {
    dm_study *st = calloc(1, sizeof *st);
    st->findings.n_diverticula = 1;
    st->findings.d[0] = (dm_diverticulum){.side = DM_LEFT, .s = 57, .diameter_mm = 6};
    st->findings.n = 3;
    st->findings.f[0] = (dm_finding){.class_ = DM_LATERAL_TEAR, .side = DM_LEFT, .s_from = 54, .s_to = 60};
    st->findings.f[1] = (dm_finding){.class_ = DM_LATERAL_TEAR, .side = DM_LEFT, .s_from = 40, .s_to = 90};
    st->findings.f[2] = (dm_finding){.class_ = DM_LATERAL_TEAR, .side = DM_RIGHT, .s_from = 54, .s_to = 60};
    dm_diverticula_explain(st);
    ck_assert_int_eq(st->findings.n, 2);
    ck_assert_int_eq(st->findings.f[0].class_, DM_DIVERTICULUM_LEAK);
    ck_assert_int_eq(st->findings.f[1].class_, DM_LATERAL_TEAR);
    ck_assert_int_eq(st->findings.d[0].leaking, 1);
    free(st);
}
END_TEST

int main(void) {
    if (!dm_good(dm_gpu_open(NULL, 0, &gpu))) {
        printf("SKIPPED: no OpenCL device\n");
        return 77;
    }
    TCase *t = tcase_create("diverticula");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, found_and_measured, 0, 3);
    tcase_add_test(t, brighter_than_a_thin_rim);
    tcase_add_test(t, a_fit_comes_from_afar);
    tcase_add_test(t, where_it_lies_is_weighed);
    tcase_add_loop_test(t, a_root_runs_through_it, 0, 2);
    tcase_add_loop_test(t, what_is_none, 0, 3);
    tcase_add_test(t, a_dim_one_among_bone);
    tcase_add_test(t, what_is_usual_is_none);
    tcase_add_test(t, the_end_of_the_sac_is_no_cyst);
    tcase_add_test(t, a_cyst_below_the_end_of_the_sac);
    tcase_add_test(t, a_short_pool_is_explained_a_long_one_is_its_leak);
    int failed = cases_failed_here("diverticula", t);
    dm_gpu_close(gpu);
    return failed != 0;
}
