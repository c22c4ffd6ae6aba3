/* Parts of stage canal that need no device: places along the spine, and what doubts the line. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"
#include "cases.h"
#include "frame.h"
#include "surface.h"

/* A sac on a grid of its own: cord down to cord_to, fluid down to fluid_to (mm), `wide` times wider than deep. */
static void places_of(int n, int cord_to, int fluid_to, int goes_on, float wide, float *place) {
    const dm_surf_args a = {n, DM_NT, 60, 0.25f};
    dm_unrolled u = {.a = a, .step = 1, .goes_on = goes_on, .s = malloc((size_t)n * DM_NT * 60 * sizeof(float))};
    float *level = malloc((size_t)n * sizeof *level), *rd = malloc((size_t)n * DM_NT * sizeof *rd);
    for (int i = 0; i < n; i++) {
        level[i] = i <= fluid_to ? 500.0f : DM_OUTSIDE;
        for (int t = 0; t < DM_NT; t++) {
            double c = cos(t * 0.0872665) * (double)wide, si = sin(t * 0.0872665);
            rd[i * DM_NT + t] = (float)(6 * (double)wide / hypot(c, si));
            for (int k = 0; k < 60; k++) u.s[dm_ray_of(a, i, t) + (size_t)k] = k < 14 && i <= cord_to ? 80.0f : k < 24 ? 500.0f : -80.0f;
        }
    }
    dm_sac_places(&u, level, rd, 30, place);
    free(u.s), free(level), free(rd);
}

START_TEST(places_by_cord_and_sac) {
    float place[400];
    places_of(400, 150, 340, 1, 1, place); /* ends at L1 (2.2) and S2 (8) */
    ck_assert_double_eq_tol((double)place[150], 2.2, 0.6);
    ck_assert_double_eq_tol((double)place[340], 8.0, 0.6);
    ck_assert_double_eq((double)place[20], 0.0);
    places_of(400, 150, 399, 0, 1, place); /* the sac leaves the scan: by the cord alone */
    ck_assert_double_eq_tol((double)place[246], 2.2 + 3, 0.6);
    places_of(400, 399, 399, 0, 1, place); /* cord all the way: chest */
    for (int i = 0; i < 400; i++) ck_assert_double_eq((double)place[i], 0.0);
    places_of(400, 399, 399, 0, 1.6f, place); /* and neck, where the sac is wide */
    for (int i = 0; i < 400; i++) ck_assert_double_eq_tol((double)place[i], -1.0, 0.01);
    places_of(100, -1, -1, 1, 1, place); /* nothing filled tells nothing */
    for (int i = 0; i < 100; i++) ck_assert_double_eq((double)place[i], 0.0);
    ck_assert(dm_expected_gap(7, DM_NT / 4, 1.5f, 0.8f) > 3 * dm_expected_gap(0, DM_NT / 4, 1.5f, 0.8f));
    ck_assert_double_eq_tol((double)dm_expected_gap(5, 0, 1.5f, 0.8f), 0.8, 1e-6);
    ck_assert_double_eq((double)dm_expected_gap(5, 7, 1.5f, 0.8f), (double)dm_expected_gap(5, DM_NT - 7, 1.5f, 0.8f));
}
END_TEST

/* Edges round 250 mm of line, 2 samples a mm: `weak` over the first 30 mm, .9 below, with a dip to .3 over a level of 12 mm in
 * the middle. Returns the samples that are doubted; *last = the lowest of them. */
static int doubted_edges(dm_modality modality, int filled, float weak, int *last) {
    enum { N = 500 };
    dm_spine s = {0};
    dm_canal c = {.n = N, .q_dura = calloc(N * DM_NT, 4), .q_bone = calloc(N * DM_NT, 4), .filled = calloc(N, 1)};
    ck_assert(c.q_dura && c.q_bone && c.filled);
    ck_assert(dm_good(dm_spine_make(&s, N, 0.5)));
    for (int i = 0; i < N; i++) {
        float *q = (filled ? c.q_dura : c.q_bone) + (size_t)i * DM_NT;
        for (int t = 0; t < DM_NT; t++) q[t] = i < 60 ? weak : i >= 240 && i < 264 ? 0.3f : 0.9f;
        c.filled[i] = (uint8_t)filled, s.score[i] = 1;
    }
    ck_assert(dm_good(dm_doubt_edges(&c, modality, 0.2, &s)));
    int n = 0;
    *last = -1;
    for (int i = 0; i < N; i++)
        if (s.unsure[i]) n++, *last = i;
    dm_spine_clear(&s);
    free(c.q_dura), free(c.q_bone), free(c.filled);
    return n;
}

/* A sac of 6 mm in fat along z, with a cord of 4 mm whose values are even from cord - spread to cord + spread HU; dura found at 6 mm, but at
 * `wrong` mm over 15 mm in the middle of 60; all filled, or none. Returns the samples that are doubted, 2 a mm. */
static int doubted_fat(float wrong, int filled, float cord, float spread) {
    enum { N = 120, EDGE = 50 };
    const dm_affine to_lps = {{{0.5, 0, 0, -12.25}, {0, 0.5, 0, -12.25}, {0, 0, 0.5, 0}}};
    dm_volume v = {0};
    dm_spine s = {0};
    dm_canal c = {.n = N, .r_dura = calloc(N * DM_NT, 4), .filled = calloc(N, 1)};
    ck_assert(c.r_dura && c.filled && dm_good(dm_volume_make(&v, EDGE, EDGE, N, &to_lps)));
    ck_assert(dm_good(dm_spine_make(&s, N, 0.5)));
    for (int i = 0; i < N; i++) {
        const double p[3] = {0, 0, 59.5 - 0.5 * i};
        memcpy(s.p[i], p, sizeof p);
        c.filled[i] = (uint8_t)filled;
        for (int t = 0; t < DM_NT; t++) c.r_dura[i * DM_NT + t] = i >= 45 && i < 75 ? wrong : 6.0f;
        for (int j = 0; j < EDGE * EDGE; j++) {
            double r = hypot(0.5 * (j % EDGE) - 12.25, 0.5 * (int)(j / EDGE) - 12.25);
            float x = cord + spread * ((float)((i * 7919 + j * 104729) % 1000) / 500.0f - 1.0f);
            v.v[i * EDGE * EDGE + j] = r < 4 ? x : r < 6 ? 600.0f : -100.0f;
        }
    }
    ck_assert(dm_good(dm_frame_build(&s)));
    ck_assert(dm_good(dm_doubt_fat(&v, &c, s.n, 0.05, &s)));
    int n = 0;
    for (int i = 0; i < N; i++) n += s.unsure[i];
    dm_spine_clear(&s);
    dm_volume_clear(&v);
    free(c.r_dura), free(c.filled);
    return n;
}

/* What the dura holds is never fat; its own blur is none; where nothing fills the sac the dura is a guess anyway. */
START_TEST(fat_inside_is_no_dura) {
    int n = doubted_fat(9, 1, 40, 0);
    ck_assert_msg(n >= 30 && n <= 46, "%d samples of 30", n);
    ck_assert_int_eq(doubted_fat(6, 1, 40, 0), 0);
    ck_assert_int_eq(doubted_fat(6.5f, 1, 40, 0), 0);
    ck_assert_int_eq(doubted_fat(9, 0, 40, 0), 0);
}
END_TEST

/* A cord that noise and a sharp kernel darken (a sixth of it below -40 HU) is none; fat in its place is. */
START_TEST(dark_cord_is_no_fat) {
    ck_assert_int_eq(doubted_fat(6, 1, 0, 60), 0);
    ck_assert_int_eq(doubted_fat(6, 1, -100, 60), 120);
}
END_TEST

/* Weak edges at the upper end are cisterns on MR; weaker ones are no canal on either; a level alone is a disc or a pool. */
START_TEST(edges_tell_where_a_canal_is) {
    int last, n = doubted_edges(DM_MR, 1, 0.5f, &last);
    ck_assert_msg(n > 50 && n < 70 && last == n - 1, "%d samples, the last %d", n, last);
    ck_assert_int_eq(doubted_edges(DM_MR, 1, 0.8f, &last), 0);
    ck_assert_int_eq(doubted_edges(DM_CT, 1, 0.5f, &last), 0);
    n = doubted_edges(DM_CT, 0, 0.3f, &last);
    ck_assert_msg(n > 50 && n < 70 && last == n - 1, "%d samples, the last %d", n, last);
}
END_TEST

/* Radius of the dura after dm_unbias_walls: true walls at 7 and 7 + gap mm, a sac of 400 HU, fat, bone of 900, blurred by 0.6 mm; found at rd
 * and rb, with edges of strength q. */
static float unbiased(double gap, float rd, float rb, float q) {
    const dm_surf_args a = {1, DM_NT, 60, 0.25f};
    const dm_edge_args edge = {.tissue = 30, .min_r = 2.5f, .dura_drop = 0.5f, .passed = 0.5f, .dark = 1.5f, .cord = 1.5f, .cord_from = 3.5f,
                               .bone_rise = 250, .bone_low = 100, .wall = 180, .faint = 320, .wall_depth = 1.5f, .ligament = 120};
    dm_unrolled u = {.a = a, .step = 1, .s = malloc(DM_NT * 60 * sizeof(float))};
    float found[DM_NT], wall[DM_NT], strength[DM_NT], level = 400;
    for (int t = 0; t < DM_NT; t++) {
        found[t] = rd, wall[t] = rb, strength[t] = q;
        for (int k = 0; k < 60; k++) {
            double r = 0.25 * k, sac = 0.5 * erfc((r - 7) / 0.85), bone = 0.5 * erfc((7 + gap - r) / 0.85);
            u.s[dm_ray_of(a, 0, t) + (size_t)k] = (float)(400 * sac - 80 * (1 - sac - bone) + 900 * bone);
        }
    }
    uint8_t sharp[DM_NT] = {0};
    const dm_walls_found w = {found, wall, strength, strength, sharp};
    ck_assert(dm_good(dm_unbias_walls(&u, &edge, &level, &w)));
    ck_assert(found[0] == rd); /* in front */
    free(u.s);
    return found[DM_NT / 2];
}

/* A gap of 1 mm reads 1.8 mm wide, the dura half a millimetre too far in; a wide one reads as it is; an edge that was not seen is left. */
START_TEST(bone_near_the_dura_draws_it_in) {
    float narrow = unbiased(1, 6.45f, 8.2f, 0.9f), wide = unbiased(3, 6.9f, 10, 0.9f);
    ck_assert_msg(fabsf(narrow - 7) < 0.25f, "behind 1 mm of fat: %.2f", (double)narrow);
    ck_assert_msg(fabsf(wide - 7) < 0.15f, "behind 3 mm: %.2f", (double)wide);
    ck_assert(unbiased(1, 6.45f, 8.2f, 0.1f) == 6.45f);
}
END_TEST

/* Bone 9.6 mm from the line, a millimetre of cortex of 900 HU on marrow of 500, behind a wide gap of fat; found at 9.1 mm, and behind the
 * sac (72 rays, every third of which shows nothing but fat). The radius after dm_sharpen_bone, of a ray with the edge and of one without, and
 * after dm_unbias_walls. */
START_TEST(bone_stands_on_its_edge) {
    enum { NR = 60 };
    const dm_surf_args a = {1, DM_NT, NR, 0.25f};
    const dm_edge_args edge = {.tissue = 30, .min_r = 2.5f, .dura_drop = 0.5f, .passed = 0.5f, .dark = 1.5f, .cord = 1.5f, .cord_from = 3.5f,
                               .bone_rise = 250, .bone_low = 100, .wall = 180, .faint = 320, .wall_depth = 1.5f, .ligament = 120};
    dm_unrolled u = {.a = a, .step = 1, .s = malloc(DM_NT * NR * sizeof(float))};
    float rd[DM_NT], rb[DM_NT], qd[DM_NT], qb[DM_NT] = {0}, level = 400;
    uint8_t sharp[DM_NT];
    for (int t = 0; t < DM_NT; t++) {
        rd[t] = 6, rb[t] = 9.1f, qd[t] = 0.9f;
        for (int k = 0; k < NR; k++) {
            double r = 0.25 * k, sac = 0.5 * erfc((r - 6) / 0.85), bone = 0.5 * erfc((9.6 - r) / 0.85), marrow = 0.5 * erfc((10.6 - r) / 0.85);
            double wall = t % 3 ? 900 * bone - 400 * marrow + 80 * bone : 0;
            u.s[dm_ray_of(a, 0, t) + (size_t)k] = (float)(480 * sac - 80 + wall);
        }
    }
    const dm_walls_found w = {rd, rb, qb, qd, sharp};
    ck_assert(dm_good(dm_sharpen_bone(&u, &edge, 0.3f, &w)));
    ck_assert(sharp[31] && !sharp[30] && qb[31] > 0.9f && qb[30] == 0);
    ck_assert_msg(fabsf(rb[31] - 9.45f) < 0.12f, "on the rise: %.2f", (double)rb[31]); /* before the edge: the cortex is thin */
    ck_assert_msg(rb[30] > 9.25f && rb[30] < rb[31], "beside it: %.2f", (double)rb[30]);
    ck_assert(dm_good(dm_unbias_walls(&u, &edge, &level, &w)));
    ck_assert_msg(fabsf(rb[31] - 9.6f) < 0.1f, "on the edge: %.2f", (double)rb[31]);
    free(u.s);
}
END_TEST

/* Radius of an MR's dura after dm_place_fluid_edge, found at rd: the true one at 7 mm, `between` of the fluid's brightness to the bone at
 * 7 + gap mm, 2 mm dark, and marrow; every other ring has a wide gap, which shows the scan's fat and blur. line: 1 = the dura is dark, as
 * it is before a pool. */
static float fluid_edge(double fat, double between, double gap, int line, float rd) {
    enum { NS = 8, NR = 80 };
    const dm_surf_args a = {NS, DM_NT, NR, 0.25f};
    dm_unrolled u = {.a = a, .step = 6, .s = malloc((size_t)NS * DM_NT * NR * sizeof(float))};
    float found[NS * DM_NT], wall[NS * DM_NT], strength[NS * DM_NT];
    for (int i = 0; i < NS; i++) {
        double room = i % 2 ? gap : 4, value = i % 2 ? between : fat, dark = i % 2 && line ? 0.45 : 0;
        for (int t = 0; t < DM_NT; t++) {
            found[i * DM_NT + t] = i % 2 ? rd : 7, wall[i * DM_NT + t] = (float)(7 + room), strength[i * DM_NT + t] = 0.9f;
            for (int k = 0; k < NR; k++) {
                double r = 0.25 * k, sac = 0.5 * erfc((r - 7) / 0.85), lining = 0.5 * erfc((7 + dark - r) / 0.85), bone = 0.5 * erfc((7 + room - r) / 0.85);
                double marrow = 0.5 * erfc((9 + room - r) / 0.85);
                u.s[dm_ray_of(a, i, t) + (size_t)k] = (float)(1000 * (sac + value * fmax(lining - bone, 0) + 0.02 * bone + 0.2 * marrow));
            }
        }
    }
    uint8_t sharp[NS * DM_NT] = {0};
    const dm_walls_found w = {found, wall, strength, strength, sharp};
    ck_assert(dm_good(dm_place_fluid_edge(&u, 0.3f, &w)));
    free(u.s);
    return found[3 * DM_NT + 10];
}

/* Bright fat draws the dura out no longer. Found too far in, it stays: what follows may be a pool. One behind the dura's line leaves it there. */
START_TEST(fluid_ends_where_fat_begins) {
    static const double fat[] = {0.06, 0.3, 0.55};
    for (int f = 0; f < 3; f++)
        for (int g = 0; g < 3; g++) {
            double gap = 1 + g;
            for (int off = 0; off <= 2; off++) {
                float r = fluid_edge(fat[f], fat[f], gap, 0, 7 + 0.25f * (float)off);
                ck_assert_msg(fabsf(r - 7) < 0.2f, "fat of %g, gap of %g mm, found at %.1f: %.2f", fat[f], gap, 7 + 0.25 * off, (double)r);
            }
        }
    ck_assert(fluid_edge(0.06, 0.06, 1, 0, 6.6f) == 6.6f);
    float pool = fluid_edge(0.06, 0.9, 3, 1, 7);
    ck_assert_msg(fabsf(pool - 7) < 0.05f, "before a pool: %.2f", (double)pool);
}
END_TEST

/* A ray of a CT by quarters of a millimetre, blurred by 0.5 mm (s.d.): value[k] up to to[k] mm. */
enum { RAY = 88 };
static void ray_of(const float *value, const double *to, int parts, float ray[RAY]) {
    for (int i = 0; i < RAY; i++) {
        double sum = 0, norm = 0;
        for (int d = -8; d <= 8; d++) {
            double r = 0.25 * (i + d), w = exp(-d * d / 8.0);
            int k = 0;
            while (k < parts - 1 && r > to[k]) k++;
            sum += w * (double)value[k], norm += w;
        }
        ray[i] = (float)(sum / norm);
    }
}

/* Strength of the bone's edge within half a millimetre of r mm; the dura lies at 6 mm, the sac has 700 HU. most: the study's brightest bone. */
static float bone_below(const float *value, const double *to, int parts, int ahead, float most, double r) {
    static const dm_edge_args e = {.tissue = 30, .min_r = 2.5f, .fat = -20, .bone_rise = 250, .bone_low = 100, .wall = 180, .faint = 240,
                                   .wall_depth = 2, .ligament = 70};
    const dm_surf_args a = {1, 1, RAY, 0.25f};
    float s[RAY], o[RAY], edge[RAY], best = 0;
    ray_of(value, to, parts, s);
    for (int i = 0; i < RAY; i++) o[i] = i < 22 ? 600.0f : 60.0f;
    dm_bone_ray_ct(s, o, a, e, 700, 6, ahead, most, edge);
    for (int i = (int)(4 * r) - 2; i <= (int)(4 * r) + 2; i++) best = fmaxf(best, edge[i]);
    return best;
}
static float bone_at(const float *value, const double *to, int parts, int ahead, double r) {
    return bone_below(value, to, parts, ahead, DM_BONE_ANY, r);
}

/* Straight ahead lies a body: what is dimmer than its back wall, or has fat behind it, is a pool. To the sides laminae and pedicles have
 * muscle and fat behind them. */
START_TEST(pool_before_a_body_is_no_wall) {
    const float touching[] = {700, 30, 300, 650, 230}, apart[] = {700, -80, 320, -80, 240}, plain[] = {700, -80, 500, -60, 240};
    const double at[] = {6, 6.5, 11, 12.2}, gap[] = {6, 7, 10, 12}, thin[] = {6, 8, 9.2, 11};
    ck_assert_float_gt(bone_at(touching, at, 5, 1, 11), 0.6f);
    ck_assert_float_lt(bone_at(touching, at, 5, 0, 11), 0.3f);
    ck_assert_float_gt(bone_at(apart, gap, 5, 1, 12), 0.6f);
    ck_assert_float_lt(bone_at(apart, gap, 5, 1, 7), 0.3f);
    ck_assert_float_gt(bone_at(apart, gap, 5, 0, 7), 0.6f);
    ck_assert_float_gt(bone_at(plain, thin, 5, 1, 8), 0.7f); /* cortex of a body whose marrow is fat */
}
END_TEST

/* To the sides nothing but its brightness tells contrast that fills the gap from a lamina: what outshines all of the study's bone is
 * contrast, and the bone begins where it falls to bone. */
START_TEST(what_outshines_bone_is_contrast) {
    const float pool[] = {700, 60, 690, 450}, lamina[] = {700, -80, 450};
    const double at[] = {6, 6.7, 9}, wall[] = {6, 7.5};
    ck_assert_float_gt(bone_below(pool, at, 4, 0, DM_BONE_ANY, 6.75), 0.5f); /* nothing known of the bone */
    ck_assert_float_lt(bone_below(pool, at, 4, 0, DM_BONE_ANY, 9), 0.3f);
    ck_assert_float_lt(bone_below(pool, at, 4, 0, 540, 6.75), 0.3f);
    ck_assert_float_gt(bone_below(pool, at, 4, 0, 540, 9), 0.5f);
    ck_assert_float_eq(bone_below(lamina, wall, 3, 0, 540, 7.5), bone_below(lamina, wall, 3, 0, DM_BONE_ANY, 7.5));
}
END_TEST

/* 60 rings: a lamina of `bone` HU and some noise at 8 mm, left of which every eighth ring shows 900. most: see dm_unrolled. */
static void brightness_of(float bone, float strength, float most[DM_NT]) {
    enum { NS = 60, NR = 60 };
    dm_unrolled u = {.a = {NS, DM_NT, NR, 0.25f}, .step = 1, .s = malloc((size_t)NS * DM_NT * NR * sizeof(float))};
    float rb[NS * DM_NT], qb[NS * DM_NT];
    for (int t = 0; t < DM_NT; t++) u.most[t] = DM_BONE_ANY;
    for (int c = 0; c < NS * DM_NT; c++) {
        float noise = (float)((c * 7919 + c / DM_NT * 104729) % 101 - 50), peak = c % DM_NT >= 16 && c % DM_NT <= 20 && c / DM_NT % 8 == 0 ? 900.0f : bone + noise;
        rb[c] = 8, qb[c] = strength;
        for (int k = 0; k < NR; k++) u.s[c * NR + k] = k < 32 ? -80.0f : peak;
    }
    const dm_walls_found w = {NULL, rb, qb, NULL, NULL};
    ck_assert(dm_good(dm_bone_brightness(&u, &w, 3)));
    memcpy(most, u.most, sizeof u.most);
    free(u.s);
}

START_TEST(bone_tells_its_own_brightness) {
    float most[DM_NT];
    brightness_of(500, 0.9f, most);
    for (int t = 0; t < DM_NT; t++) ck_assert_msg(most[t] > 560 && most[t] < 720, "angle %d: %.0f", t, (double)most[t]);
    ck_assert_float_eq(most[18], most[DM_NT - 18]); /* of both sides */
    brightness_of(500, 0.3f, most);                 /* no wall stands on an edge */
    ck_assert_float_eq(most[18], DM_BONE_ANY);
}
END_TEST

/* Radius of a wall straight ahead, found at 6.9 mm, after dm_bone_from_behind. The dura lies at 6, the true wall at 8.3: 0.9 mm of cortex on
 * 220 HU of marrow, and `between` HU before it; on every other ring fat, so that the wall's front is seen. */
static float wall_from_behind(float between, int filled) {
    enum { NS = 24 };
    dm_unrolled u = {.a = {NS, DM_NT, RAY, 0.25f}, .step = 1, .s = malloc((size_t)NS * DM_NT * RAY * sizeof(float))};
    float rd[NS * DM_NT], rb[NS * DM_NT], qb[NS * DM_NT] = {0};
    uint8_t sharp[NS * DM_NT], full[NS];
    const double to[] = {6, 8.3, 9.2};
    for (int c = 0; c < NS * DM_NT; c++) {
        int seen = c / DM_NT < NS / 2;
        const float value[] = {900, seen ? -80 : between, 600, 220};
        rd[c] = 6, sharp[c] = (uint8_t)seen, rb[c] = seen ? 8.3f : 6.9f, full[c / DM_NT] = (uint8_t)filled;
        ray_of(value, to, 4, u.s + c * RAY);
    }
    const dm_walls_found w = {rd, rb, qb, qb, sharp};
    ck_assert(dm_good(dm_bone_from_behind(&u, full, &w)));
    for (int c = 0; c < NS / 2 * DM_NT; c++) ck_assert_float_eq(rb[c], 8.3f); /* what is seen stays */
    ck_assert_float_eq(rb[(NS - 4) * DM_NT + DM_NT / 2], 6.9f);               /* and what lies behind */
    free(u.s);
    return rb[(NS - 4) * DM_NT];
}

START_TEST(a_wall_is_seen_from_behind) {
    float r = wall_from_behind(500, 1);
    ck_assert_msg(fabsf(r - 8.3f) < 0.35f, "behind a pool: %.2f", (double)r);
    ck_assert_float_eq(wall_from_behind(240, 1), 6.9f); /* no brighter than marrow: may be some */
    ck_assert_float_eq(wall_from_behind(500, 0), 6.9f); /* no contrast anywhere */
}
END_TEST

int main(void) {
    TCase *c = tcase_create("canal_parts");
    tcase_add_test(c, places_by_cord_and_sac);
    tcase_add_test(c, pool_before_a_body_is_no_wall);
    tcase_add_test(c, edges_tell_where_a_canal_is);
    tcase_add_test(c, fat_inside_is_no_dura);
    tcase_add_test(c, dark_cord_is_no_fat);
    tcase_add_test(c, bone_near_the_dura_draws_it_in);
    tcase_add_test(c, bone_stands_on_its_edge);
    tcase_add_test(c, what_outshines_bone_is_contrast);
    tcase_add_test(c, bone_tells_its_own_brightness);
    tcase_add_test(c, a_wall_is_seen_from_behind);
    tcase_add_test(c, fluid_ends_where_fat_begins);
    return cases_failed_here("canal_parts", c) != 0;
}
