#include <check.h>

#include "cases.h"
#include "findings_parts.h"
#include "leak_model.h"
#include "places.h"
#include "spill.h"
#include "tubes.h"

static dm_gpu *gpu;

static const model plain = {.length = 130, .sac = 500, .gap_ventral = 2.4, .gap_dorsal = 4, .noise = 15,
                            .surface_error = 0.3, .filled = 1};

static dm_study *run_model(const model *m, uint64_t seed) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(m, DM_T1, seed, st));
    dm_status s = model_run_all(gpu, st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    return st;
}

static void drop(dm_study *st) {
    dm_study_clear(st);
    free(st);
}

static int count_pools(const dm_study *st) {
    int n = 0;
    for (int i = 0; i < st->findings.n; i++) n += st->findings.f[i].class_ != DM_FISTULA;
    return n;
}

/* A study whose map is made, for tests that paint into it. */
static dm_study *with_map(const model *m, uint64_t seed) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(m, DM_T1, seed, st));
    dm_status s = model_run(gpu, "map", st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    return st;
}

/* The same of an MR. */
static dm_study *mr_with_map(uint64_t seed) {
    model m = plain;
    m.mr = 1, m.sac = 800, m.noise = 25;
    return with_map(&m, seed);
}

static void paint_into(float *map, float value, int from, int to, int t, int t2) {
    for (int i = from; i <= to; i++)
        for (int k = t; k <= t2; k++) map[i * DM_NT + (k + DM_NT) % DM_NT] = value;
}

/* Paints e over the rows from .. to and the columns t .. t2 of the map, and the valley that such a pool has. */
static void paint(dm_study *st, float e, int from, int to, int t, int t2) {
    paint_into(st->map.e, e, from, to, t, t2);
    paint_into(st->map.valley, e / 2, from, to, t, t2);
}

/* Score of the best pool of a painted map, 0 = none listed (the least probable are not); st is dropped. */
static double best_score(dm_study *st) {
    dm_status s = model_run(gpu, "findings", st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    double score = count_pools(st) ? st->findings.f[0].score : 0;
    drop(st);
    return score;
}

START_TEST(tube_kernels_agree_with_references) {
    dm_status (*const compare[])(dm_gpu *, int, uint64_t, int, dm_check_result *) = {dm_tube_compare_blur,
                                                                                       dm_tube_compare_response};
    for (int k = 0; k < 2; k++)
        for (int seed = 1; seed <= 3; seed++) {
            dm_check_result r = {0};
            dm_status s = compare[k](gpu, 16, (uint64_t)seed, 1, &r);
            ck_assert_msg(dm_good(s), "%s", s.text);
            ck_assert(r.error == 0 && r.items > 0);
        }
}
END_TEST

/* Two pieces 12 mm apart are one collection; a far one on the other face is another. */
START_TEST(pieces_of_one_collection_join) {
    model m = plain;
    m.n_pools = 3;
    m.pool[0] = (model_pool){20, 45, 0, 35, 5, 0.6, 0, 0};
    m.pool[1] = (model_pool){57, 85, 0, 35, 5, 0.6, 0, 0};
    m.pool[2] = (model_pool){95, 122, 180, 35, 3.5, 0.6, 0, 0};
    dm_study *st = run_model(&m, 1);
    ck_assert_int_eq(count_pools(st), 2);
    const dm_finding *v = st->findings.f[0].class_ == DM_VENTRAL_TEAR ? &st->findings.f[0] : &st->findings.f[1];
    ck_assert_int_eq(v->class_, DM_VENTRAL_TEAR);
    ck_assert_msg(v->s_from < 25 && v->s_to > 75, "from %.0f to %.0f, score %.2f, unusual %.2f", v->s_from, v->s_to, v->score, v->pool.unusual);
    ck_assert(v->length_mm > 50 && v->volume_mm3 > 100);
    ck_assert(st->findings.f[0].score >= st->findings.f[1].score);
    drop(st);
}
END_TEST

/* A narrow bright strip is a sleeve: 5 mm long, 20 degrees wide. */
START_TEST(sleeves_are_no_pools) {
    model m = plain;
    m.n_pools = 4;
    for (int k = 0; k < 4; k++) m.pool[k] = (model_pool){20 + 22 * k, 25 + 22 * k, 90, 11, 5, 1, 0, 0};
    dm_study *st = run_model(&m, 2);
    for (int i = 0; i < st->findings.n; i++) ck_assert(!st->findings.f[i].accepted);
    ck_assert_int_ne(st->answer.kind, DM_LEAK);
    drop(st);
}
END_TEST

/* What stands at the same place of every vertebra (22 mm apart), on both sides or on one, is anatomy; the same patch alone, on one side, is
 * a pool. */
START_TEST(what_every_vertebra_has_counts_less) {
    enum { ALONE, BOTH, LEFT, CASES };
    double score[CASES];
    for (int all = 0; all < CASES; all++) {
        dm_study *st = with_map(&plain, 5);
        const dm_levels *l = &st->levels;
        for (int k = 0; k < l->n; k++)
            for (int i = (int)l->v[k].s_from + 1; i < l->v[k].s_from + 14 && i < st->map.n; i++)
                if (i >= 0 && (all || k == l->n / 2)) {
                    paint(st, 0.5f, i, i, 12, 24);
                    if (all == BOTH) paint(st, 0.5f, i, i, -24, -12);
                }
        score[all] = best_score(st);
    }
    ck_assert_msg(score[ALONE] > 0.15 && score[BOTH] < 0.3 * score[ALONE] && score[LEFT] < 0.5 * score[ALONE], "score alone %.2f, all %.2f, all of one side %.2f",
                  score[ALONE], score[BOTH], score[LEFT]);
}
END_TEST

/* The score of a pool at one side, where the valley is as bright elsewhere: nowhere, on the other side, at every vertebra. */
enum { NOWHERE, OTHER_SIDE, EVERY_VERTEBRA, PLACES };
static double score_beside_valley(int where) {
    dm_study *st = with_map(&plain, 5);
    const int middle = st->levels.n / 2;
    for (int k = 0; k < st->levels.n; k++) {
        int from = (int)fmax(st->levels.v[k].s_from + 1, 0), to = (int)fmin(st->levels.v[k].s_from + 13, st->map.n - 1);
        if (where == EVERY_VERTEBRA) paint_into(st->map.valley, 0.25f, from, to, 12, 24);
        if (k != middle) continue;
        paint(st, 0.5f, from, to, 12, 24);
        if (where == OTHER_SIDE) paint_into(st->map.valley, 0.25f, from, to, -24, -12);
    }
    return best_score(st);
}

/* A lamina that touches the sac leaves no valley before it, as a pool does; but at every level, and on both sides. */
START_TEST(a_valley_as_elsewhere_is_no_sign) {
    double score[PLACES];
    for (int k = 0; k < PLACES; k++) score[k] = score_beside_valley(k);
    ck_assert_msg(score[OTHER_SIDE] < 0.7 * score[NOWHERE] && score[EVERY_VERTEBRA] < 0.7 * score[NOWHERE], "nowhere %.2f, other side %.2f, every vertebra %.2f",
                  score[NOWHERE], score[OTHER_SIDE], score[EVERY_VERTEBRA]);
}
END_TEST

/* The score of a patch in front over three vertebrae: all along, or not within a sixth of a vertebra of a disc. */
static double score_in_front(int at_discs) {
    dm_study *st = with_map(&plain, 5);
    const dm_levels *l = &st->levels;
    for (int k = 1; k < 4; k++)
        for (int i = (int)l->v[k].s_from; i <= l->v[k].s_to; i++) {
            double off = fmin(i - l->v[k].s_from, l->v[k].s_to - i) / (l->v[k].s_to - l->v[k].s_from);
            if (at_discs || off > 1.0 / 6) paint(st, 0.5f, i, i, -7, 7);
        }
    return best_score(st);
}

/* CT: contrast in front goes past the discs; what is bright behind bodies alone is their bone. */
START_TEST(bone_ends_at_discs) {
    double all_along = score_in_front(1), at_bodies = score_in_front(0);
    ck_assert_msg(all_along > 0.6 && at_bodies < 0.7 * all_along, "all along %.2f, at bodies %.2f", all_along, at_bodies);
}
END_TEST

/* The score of a patch at one side, beside a dura that lies `deep` mm further in there than above and below. */
static double score_beside_dent(float deep) {
    dm_study *st = with_map(&plain, 5);
    paint(st, 0.5f, 60, 84, 12, 24);
    for (int i = 60; i < 85; i++)
        for (int t = 12; t <= 24; t++) st->canal.r_dura[i * DM_NT + t] -= deep;
    return best_score(st);
}

/* What lies outside of a dura that steps in is inside of where it runs above and below. */
START_TEST(a_dura_makes_no_step) {
    double level = score_beside_dent(0), little = score_beside_dent(0.8f), deep = score_beside_dent(2);
    ck_assert_msg(level > 0.3 && little > 0.8 * level && deep < 0.5 * level, "level %.2f, .8 mm %.2f, 2 mm %.2f", level, little, deep);
}
END_TEST

/* The score of a patch of 10 mm in front whose middle lies `at` mm below the line's upper end. */
static double score_at(double at, int mr) {
    dm_study *st = mr ? mr_with_map(5) : with_map(&plain, 5);
    int from = (int)((at - 5) / st->spine.ds), to = (int)((at + 5) / st->spine.ds);
    paint(st, mr ? 0.9f : 0.5f, from, to - 1, -6, 6);
    for (int i = from; i < to; i++)
        for (int t = -6; t <= 6; t++) st->map.assessed[i * DM_NT + (t + DM_NT) % DM_NT] = 1;
    return best_score(st);
}

/* Near an end of the line the surfaces are held from one side only. */
START_TEST(less_is_believed_at_the_ends) {
    double inside = score_at(32, _i), near = score_at(14, _i), end = score_at(9, _i);
    ck_assert_msg(near < 0.8 * inside && end < 0.6 * near, "MR %d: 32 mm %.2f, 14 mm %.2f, 9 mm %.2f", _i, inside, near, end);
}
END_TEST

/* The map of an MR without pools, with e set to `e` over rows [from, to) and columns [t, t + 12), on the other side too where `pair`;
 * returns the score of the best pool, 0 = none listed. */
static double score_of_patch(float e, int from, int to, int t, int pair) {
    dm_study *st = mr_with_map(6);
    paint(st, e, from, to - 1, t, t + 11);
    if (pair) paint(st, e, from, to - 1, -t - 11, -t);
    return best_score(st);
}

/* MR: veins of the epidural plexus lie on both sides and are dim; fluid is brighter, a tear is on one side. */
START_TEST(a_dim_pair_is_plexus) {
    double one = score_of_patch(0.5f, 30, 90, 14, 0), pair = score_of_patch(0.5f, 30, 90, 14, 1), dim = score_of_patch(0.18f, 30, 90, 14, 0);
    ck_assert_msg(one > 0.8 && pair < 0.5 && dim < 0.7, "one side %.2f, a pair %.2f, dim %.2f", one, pair, dim);
    ck_assert(score_of_patch(0.18f, 30, 90, 14, 1) < 0.3);
}
END_TEST

/* Beyond the first assessed row nothing is known to be bright: five rows beside it are no pool, a pool that reaches it is one. */
START_TEST(a_patch_cut_by_the_end_must_fill_its_window) {
    ck_assert(score_of_patch(1, 8, 13, 24, 0) == 0);
    ck_assert(score_of_patch(1, 8, 30, 24, 0) > 0.5);
}
END_TEST

/* Muscle beside a weak sac is brighter than fat, but no contrast. */
START_TEST(muscle_beside_a_weak_sac_is_no_leak) {
    model m = plain;
    m.sac = 230, m.muscle_from = 40, m.muscle_to = 90;
    dm_study *st = run_model(&m, 3);
    ck_assert_int_ne(st->answer.kind, DM_LEAK);
    drop(st);
}
END_TEST

/* A bright pool at one side, on a dim band along both sides (veins, ligament) that strings it to the sleeves of every vertebra, is more
 * than half as sure as it is alone, and no longer. */
START_TEST(a_pool_on_a_dim_band_is_a_pool) {
    double score[2], length[2];
    for (int band = 0; band < 2; band++) {
        dm_study *st = with_map(&plain, 5);
        for (int side = -1; side <= 1 && band; side += 2) {
            paint(st, 0.12f, 10, 118, side * 18 - 8, side * 18 + 8);
            for (int k = 0; k < st->levels.n; k++) paint(st, 0.8f, (int)st->levels.v[k].s_from + 3, (int)st->levels.v[k].s_from + 10, side * 18 - 5, side * 18 + 5);
        }
        paint(st, 0.9f, 58, 84, 12, 24);
        dm_status s = model_run(gpu, "findings", st);
        ck_assert(dm_good(s) && count_pools(st) > 0);
        score[band] = st->findings.f[0].score, length[band] = st->findings.f[0].length_mm;
        drop(st);
    }
    ck_assert_msg(score[1] > 0.5 * score[0] && length[1] < length[0] + 12, "alone %.2f, %.0f mm, on a band %.2f, %.0f mm", score[0], length[0], score[1], length[1]);
}
END_TEST

/* The dura is tied to the ligament in the middle: a collection in front is two pools side by side. Each alone is as bright bone in the
 * corner of body and pedicle is. */
START_TEST(halves_beside_the_septum_are_one_collection) {
    double score[2];
    for (int both = 0; both < 2; both++) {
        dm_study *st = with_map(&plain, 5);
        paint(st, 0.6f, 40, 90, 5, 12);
        if (both) paint(st, 0.55f, 42, 85, -12, -5);
        dm_status s = model_run(gpu, "findings", st);
        ck_assert(dm_good(s) && count_pools(st) == 1);
        score[both] = st->findings.f[0].score;
        ck_assert(!both || fabs(st->findings.f[0].theta) < 15);
        drop(st);
    }
    ck_assert_msg(score[1] / (1 - score[1]) > 4 * score[0] / (1 - score[0]), "one %.2f, both %.2f", score[0], score[1]);
}
END_TEST

START_TEST(a_vein_on_one_side_is_listed) {
    model m = plain;
    m.vein_s = 62, m.vein_hu = 260;
    dm_study *st = run_model(&m, 4);
    int veins = 0;
    for (int i = 0; i < st->findings.n; i++) {
        const dm_finding *f = &st->findings.f[i];
        if (f->class_ != DM_FISTULA) continue;
        veins++;
        ck_assert_int_eq(f->side, DM_LEFT);
        ck_assert(fabs(f->s - 60) < 4); /* the line begins 2 mm below the tube's end */
        ck_assert(f->length_mm > 10 && f->length_mm < 30);
        ck_assert(f->peak_value > 150);
    }
    ck_assert_int_eq(veins, 1);
    drop(st);
    m.vein_hu = 0;
    st = run_model(&m, 4);
    for (int i = 0; i < st->findings.n; i++) ck_assert_int_ne(st->findings.f[i].class_, DM_FISTULA);
    drop(st);
}
END_TEST

/* Fills what lies within `radius` mm of the straight line out of a foramen, from the bony wall to 10 mm outside it. */
static void fill_way(dm_study *st, int v, int side, double radius, float hu) {
    double point[3], front[3], left[3], wall = dm_foramen_wall(st, v, side);
    dm_volume *w = &st->crop.raw;
    ck_assert(!isnan(wall));
    dm_frame_at(&st->spine, dm_foramen_s(&st->levels, v), point, NULL, front, left);
    for (int k = 0; k < w->nz; k++)
        for (int j = 0; j < w->ny; j++)
            for (int i = 0; i < w->nx; i++) {
                double p[3], out = -wall, off = 0;
                dm_affine_apply(&w->to_lps, (double[]){i, j, k}, p);
                for (int x = 0; x < 3; x++) out += side * left[x] * (p[x] - point[x]);
                for (int x = 0; x < 3; x++) off += pow(p[x] - point[x] - side * left[x] * (out + wall), 2);
                if (out > 0 && out < 10 && off < radius * radius) w->v[((size_t)k * (size_t)w->ny + (size_t)j) * (size_t)w->nx + (size_t)i] = hu;
            }
}

/* The same on both sides of all foramina but the last. */
static void fill_ways(dm_study *st, double radius, float hu) {
    for (int v = 0; v + 1 < st->levels.n; v++) fill_way(st, v, 1, radius, hu), fill_way(st, v, -1, radius, hu);
}

/* A study whose foramina are open. */
static dm_study *with_foramina(int mr) {
    dm_study *st = mr ? mr_with_map(17) : with_map(&plain, 17);
    fill_ways(st, 9, 50);
    return st;
}

START_TEST(contrast_out_of_a_foramen_is_seen) {
    enum { WHICH = 2 };
    dm_study *st = with_foramina(_i);
    double s = dm_foramen_s(&st->levels, WHICH);
    ck_assert(dm_spill(st, 1, s - 8, s + 8, 1.3) < 0.05);
    fill_way(st, WHICH, 1, 3, st->map.sac[(int)s] * 0.6f);
    if (_i) {
        ck_assert(dm_spill(st, 1, s - 8, s + 8, 1.3) == 0); /* MR: what lies in a foramen is as bright by itself */
        drop(st);
        return;
    }
    double seen = dm_spill(st, 1, s - 8, s + 8, 1.3);
    ck_assert_msg(seen > 0.35 && seen < 0.7, "%.2f", seen);
    ck_assert(dm_spill(st, -1, s - 8, s + 8, 1.3) < 0.05);    /* the other side */
    ck_assert(dm_spill(st, 1, s + 14, s + 18, 1.3) < 0.05);   /* between foramina */
    ck_assert(dm_spill(st, 1, s - 8, s + 8, 0.3) < 0.1);      /* brighter than what it would come from: bone */
    fill_ways(st, 3, st->map.sac[(int)s] * 0.6f);
    ck_assert(dm_spill(st, 1, s - 8, s + 8, 1.3) < 0.1);      /* every foramen looks so */
    drop(st);
}
END_TEST

/* The same patch at the side of the map is believed more where contrast has run out beside it. */
START_TEST(a_way_out_speaks_for_a_lateral_pool) {
    double score[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        dm_study *st = with_foramina(0);
        int at = (int)dm_foramen_s(&st->levels, 2);
        paint(st, 0.5f, at - 6, at + 6, 16, 21);
        if (k) fill_way(st, 2, 1, 3, st->map.sac[at] * 0.5f);
        ck_assert(dm_good(model_run(gpu, "findings", st)));
        for (int i = 0; i < st->findings.n; i++) { /* what has run out may be listed as a vein or an outpouching, too */
            const dm_finding *f = &st->findings.f[i];
            if (f->side == DM_LEFT && f->class_ != DM_FISTULA) score[k] = fmax(score[k], f->score);
        }
        drop(st);
    }
    ck_assert_msg(score[0] > 0 && score[1] > score[0] + 0.1, "%.2f, with a way out %.2f", score[0], score[1]);
}
END_TEST

/* Logarithm of the odds of a bright patch in front, of a dura of this edge, this far before bone. */
static double odds_before(double gap, float edge) {
    dm_study *st = with_map(&plain, 19);
    paint(st, 0.5f, 50, 60, -6, 6);
    for (int i = 45; i <= 65; i++)
        for (int t = -8; t <= 8; t++) {
            int c = i * DM_NT + (t + DM_NT) % DM_NT;
            st->canal.r_bone[c] = st->canal.r_dura[c] + (float)gap, st->canal.q_dura[c] = edge;
        }
    double score = best_score(st);
    ck_assert_msg(score > 0.01 && score < 0.99, "%.3f", score);
    return log(score / (1 - score));
}

/* A pool that fills a narrow gap leaves no sharp dura: one that is seen there, before bone, speaks for nothing; before a wide gap it
 * does. */
START_TEST(a_sharp_dura_before_a_narrow_gap_says_little) {
    double wide = odds_before(3, 0.8f) - odds_before(3, 0.4f), narrow = odds_before(0.5, 0.8f) - odds_before(0.5, 0.4f);
    ck_assert_msg(wide > 0.5 && narrow < 0.4 * wide, "wide %.2f, narrow %.2f", wide, narrow);
}
END_TEST

/* A vein that is as bright as the lateral pool beside it is the pool's way out; a dim one, or one on the other side, is a fistula. */
START_TEST(the_way_out_of_a_pool_is_no_fistula) {
    static const struct {
        double share;
        dm_side side;
        int accepted;
    } vein[] = {{0.9, DM_LEFT, 0}, {0.3, DM_LEFT, 1}, {0.9, DM_RIGHT, 1}};
    model m = plain;
    m.n_pools = 1, m.pool[0] = (model_pool){50, 85, 90, 40, 3, 0.8, 0, 0};
    dm_study *st = run_model(&m, 23);
    dm_findings *all = &st->findings;
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    ck_assert(all->f[0].accepted && all->f[0].class_ == DM_LATERAL_TEAR && all->f[0].side == DM_LEFT && all->n < DM_MAX_FINDINGS);
    dm_finding f = all->f[0];
    f.class_ = DM_FISTULA, f.score = 0.99, f.side = vein[_i].side, f.theta = f.side == DM_LEFT ? 90 : -90;
    f.peak_ratio = vein[_i].share * all->f[0].peak_ratio;
    all->f[all->n++] = f;
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    ck_assert_int_eq(all->f[all->n - 1].accepted, vein[_i].accepted);
    ck_assert(all->f[0].accepted && st->answer.kind == DM_LEAK);
    if (!vein[_i].accepted) ck_assert_int_eq(st->answer.best, 0);
    drop(st);
}
END_TEST

START_TEST(sides_of_angles) {
    dm_findings_params p = {.ventral_angle = 50, .dorsal_angle = 130};
    ck_assert_int_eq(dm_side_of(&p, 0), DM_VENTRAL);
    ck_assert_int_eq(dm_side_of(&p, -49), DM_VENTRAL);
    ck_assert_int_eq(dm_side_of(&p, 90), DM_LEFT);
    ck_assert_int_eq(dm_side_of(&p, -90), DM_RIGHT);
    ck_assert_int_eq(dm_side_of(&p, -175), DM_DORSAL);
}
END_TEST

int main(void) {
    if (!dm_good(dm_gpu_open("cpu", 0, &gpu))) return 77;
    TCase *t = tcase_create("findings");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, tube_kernels_agree_with_references);
    tcase_add_test(t, pieces_of_one_collection_join);
    tcase_add_test(t, sleeves_are_no_pools);
    tcase_add_test(t, what_every_vertebra_has_counts_less);
    tcase_add_test(t, a_valley_as_elsewhere_is_no_sign);
    tcase_add_test(t, bone_ends_at_discs);
    tcase_add_test(t, a_dura_makes_no_step);
    tcase_add_loop_test(t, less_is_believed_at_the_ends, 0, 2);
    tcase_add_test(t, a_dim_pair_is_plexus);
    tcase_add_test(t, a_patch_cut_by_the_end_must_fill_its_window);
    tcase_add_test(t, muscle_beside_a_weak_sac_is_no_leak);
    tcase_add_test(t, a_pool_on_a_dim_band_is_a_pool);
    tcase_add_test(t, halves_beside_the_septum_are_one_collection);
    tcase_add_test(t, a_vein_on_one_side_is_listed);
    tcase_add_loop_test(t, contrast_out_of_a_foramen_is_seen, 0, 2);
    tcase_add_test(t, a_way_out_speaks_for_a_lateral_pool);
    tcase_add_test(t, a_sharp_dura_before_a_narrow_gap_says_little);
    tcase_add_loop_test(t, the_way_out_of_a_pool_is_no_fistula, 0, 3);
    tcase_add_test(t, sides_of_angles);
    int failed = cases_failed_here("findings", t);
    dm_gpu_close(gpu);
    return failed != 0;
}
