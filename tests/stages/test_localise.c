#include <check.h>

#include "cases.h"
#include "leak_model.h"
#include "places.h"
#include "site.h"

static dm_gpu *gpu;

static const model plain = {.length = 160, .sac = 500, .gap_ventral = 2.2, .gap_dorsal = 4, .noise = 20,
                            .surface_error = 0.4, .filled = 1};

static dm_study *run_model(const model *m, int first, uint64_t seed) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(m, first, seed, st));
    dm_status s = model_run_all(gpu, st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    return st;
}

/* The plain model with one pool; on MR the sac's signal is 900. */
static dm_study *run_pool(dm_modality modality, model_pool pool, int first, uint64_t seed) {
    model m = plain;
    if (modality == DM_MR) m.mr = 1, m.sac = 900;
    m.n_pools = 1;
    m.pool[0] = pool;
    return run_model(&m, first, seed);
}

static void drop(dm_study *st) {
    dm_study_clear(st);
    free(st);
}

/* Cannot tell, and this is why. */
static void must_be_open(const dm_study *st, const char *why) {
    ck_assert_int_eq(st->answer.kind, DM_CANNOT_TELL);
    ck_assert_msg(strstr(st->qc, why) != NULL, "'%s' is not in qc: %s", why, st->qc);
}

START_TEST(healthy_spines_do_not_leak) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        dm_study *st = run_model(&plain, DM_T1, seed);
        ck_assert_msg(st->answer.kind == DM_NO_LEAK, "seed %d: %s, score %.2f", (int)seed,
                      dm_answer_name(st->answer.kind), st->answer.score);
        ck_assert_int_eq(st->answer.best, -1);
        drop(st);
    }
}
END_TEST

/* A ventral collection, densest at its tear: class, side, clock, level, millimetres. */
START_TEST(ventral_tear_is_placed) {
    dm_study *st = run_pool(DM_CT, (model_pool){20, 130, 0, 40, 5, 0.8, 70, 0}, DM_T1, 11);
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    const dm_finding *f = &st->findings.f[st->answer.best];
    double p[3];
    dm_frame_to_lps(&st->spine, 68, 0, 7, p); /* the line begins 2 mm below the tube's end */
    double miss = sqrt(pow(f->lps[0] - p[0], 2) + pow(f->lps[1] - p[1], 2) + pow(f->lps[2] - p[2], 2));
    ck_assert_int_eq(f->class_, DM_VENTRAL_TEAR);
    ck_assert_int_eq(f->side, DM_VENTRAL);
    ck_assert(fabs(f->clock - 6) < 0.7);
    ck_assert_msg(miss < 6, "site is %.1f mm from the tear", miss);
    ck_assert(f->site_from <= 68 && f->site_to >= 68);
    ck_assert_int_eq(f->upper, DM_T1 + 2);
    ck_assert_int_eq(f->lower, DM_T1 + 3);
    ck_assert_int_eq(st->answer.slec, 1);
    drop(st);
}
END_TEST

/* The accepted ventral finding of a collection at s = 30 .. 150 mm that is equally dense all along, with a spur of bone on the disc at
 * 110 mm or without. */
static dm_study *even_collection(int spur) {
    model m = plain;
    m.length = 180;
    m.n_pools = spur ? 2 : 1;
    m.pool[0] = (model_pool){30, 150, 0, 40, 5, 0.6, 0, 0};
    m.pool[1] = (model_pool){108, 112, 0, 18, 5, 0, 0, 1000};
    dm_study *st = run_model(&m, DM_T1, 71);
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    ck_assert_int_eq(st->findings.f[st->answer.best].side, DM_VENTRAL);
    return st;
}

/* A collection that is equally dense all along does not show its tear, and the answer says so; a spur says where it may be. */
START_TEST(even_collections_are_not_placed) {
    dm_study *st = even_collection(0);
    const dm_finding *f = &st->findings.f[st->answer.best];
    ck_assert_msg(f->site_to - f->site_from > 66, "even, but site from %.0f to %.0f", f->site_from, f->site_to);
    ck_assert(f->unplaced && strstr(st->qc, "site_unplaced"));
    double width = f->site_to - f->site_from;
    drop(st);
    st = even_collection(1);
    f = &st->findings.f[st->answer.best];
    ck_assert_msg(fabs(f->s - 108) < 8, "spur at 108 mm of the line, site at %.0f", f->s); /* the line begins 2 mm below the end */
    ck_assert_msg(f->site_to - f->site_from < width, "%.0f mm with a spur, %.0f without", f->site_to - f->site_from, width);
    drop(st);
}
END_TEST

/* Of two pools in front with dark between them the tear lies at either; of one in front and one behind each has its place. */
START_TEST(pieces_of_a_collection_are_not_placed) {
    for (int behind = 0; behind < 2; behind++) {
        model m = plain;
        m.length = 180;
        m.n_pools = 2;
        m.pool[0] = (model_pool){20, 60, 0, 40, 5, 0.8, 40, 0};
        m.pool[1] = (model_pool){120, 160, behind ? 180 : 0, 40, 5, 0.8, 140, 0};
        dm_study *st = run_model(&m, DM_T1, 71);
        ck_assert_int_eq(st->findings.f[0].accepted + st->findings.f[1].accepted, 2);
        for (int k = 0; k < 2; k++) {
            const dm_finding *f = &st->findings.f[k];
            int both = f->site_from < 40 && f->site_to > 136;
            ck_assert(f->accepted && (!behind || f->site_to - f->site_from < 60));
            ck_assert_msg(f->unplaced == !behind && both == !behind, "placed %d, %.0f to %.0f mm", !f->unplaced, f->site_from, f->site_to);
        }
        ck_assert_int_eq(strstr(st->qc, "site_unplaced") != NULL, !behind);
        drop(st);
    }
}
END_TEST

/* An early pass shows the pool only round its tear: the site lies there, however long the pool is later. */
START_TEST(the_first_phase_places_the_tear) {
    const double shift[3] = {1, 1, -2};
    model late = plain, early = plain;
    late.n_pools = early.n_pools = 1;
    late.pool[0] = (model_pool){20, 140, 0, 40, 5, 0.6, 0, 0};
    early.pool[0] = (model_pool){98, 118, 0, 40, 5, 0.6, 0, 0};
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(&late, DM_T1, 61, st));
    st->pass[0].facts.seconds_after_first = 240;
    ck_assert(model_add_pass(&early, 62, "early", 0, shift, st));
    dm_status s = model_run_all(gpu, st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    const dm_finding *f = &st->findings.f[st->answer.best];
    ck_assert_int_eq(f->first_pass, 1);
    ck_assert_msg(fabs(f->s - 106) < 10, "site at %.0f mm", f->s);
    ck_assert(f->site_from > 85 && f->site_to < 125);
    /* Equal in truth; measured 1.51: the late pool, along most of the canal, reads too dim. */
    ck_assert_msg(f->early_late > 0.5 && f->early_late < 1.6, "early pass shows %.2f of the late one", f->early_late);
    drop(st);
}
END_TEST

START_TEST(sides_are_the_patients) {
    for (int side = -1; side <= 1; side += 2) {
        dm_study *st = run_pool(DM_CT, (model_pool){60, 90, side * 95, 28, 5, 0.6, 0, 0}, DM_T1, 21);
        ck_assert_int_eq(st->answer.kind, DM_LEAK);
        const dm_finding *f = &st->findings.f[st->answer.best];
        ck_assert_int_eq(f->class_, DM_LATERAL_TEAR);
        ck_assert_int_eq(f->side, side > 0 ? DM_LEFT : DM_RIGHT);
        ck_assert(side * f->lps[0] > 0); /* LPS: +x is the patient's left */
        ck_assert(fabs(f->clock - (side > 0 ? 3 : 9)) < 1);
        drop(st);
    }
}
END_TEST

/* The same dorsal pool is a leak in the thoracic spine, the retrospinal sign at C1-2, a puncture at L3. */
START_TEST(false_signs_are_flagged_and_kept) {
    const struct {
        int first;
        double from, to;
        dm_false_sign sign;
        dm_answer_kind kind;
    } c[] = {{DM_T1, 60, 100, DM_NO_SIGN, DM_LEAK},
             {DM_C1, 4, 40, DM_SIGN_C1C2, DM_CANNOT_TELL},
             {DM_T12, 70, 110, DM_SIGN_PUNCTURE, DM_NO_LEAK}};
    for (int k = 0; k < 3; k++) {
        dm_study *st = run_pool(DM_CT, (model_pool){c[k].from, c[k].to, 180, 40, 3, 0.6, 0, 0}, c[k].first, 31);
        ck_assert_int_ge(st->findings.n, 1);
        ck_assert_int_eq(st->findings.f[0].class_, DM_DORSAL_TEAR);
        ck_assert_int_eq(st->findings.f[0].false_sign, c[k].sign);
        ck_assert(st->findings.f[0].score > 0.55);
        ck_assert_int_eq(st->findings.f[0].accepted, c[k].sign == DM_NO_SIGN);
        /* a sign is shown where it lies, whatever the epidural space beside it looks like */
        const dm_finding *f = &st->findings.f[0];
        ck_assert(c[k].sign == DM_NO_SIGN || (f->site_from == f->s_from && f->site_to == f->s_to));
        ck_assert(c[k].sign == DM_NO_SIGN || fabs(f->s - 0.5 * (f->s_from + f->s_to)) < 1e-9);
        ck_assert_msg(st->answer.kind == c[k].kind, "case %d: %s", k, dm_answer_name(st->answer.kind));
        drop(st);
    }
}
END_TEST

/* Where the count of levels is a guess, so is the needle's place: a dorsal pool there is no reason to exclude a leak. */
START_TEST(a_puncture_by_guess_excludes_nothing) {
    dm_study *st = run_pool(DM_CT, (model_pool){70, 110, 180, 40, 3, 0.6, 0, 0}, DM_T12, 31);
    st->levels.anchored = 0;
    memset(st->qc, 0, sizeof st->qc);
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    must_be_open(st, "puncture_unanchored");
    drop(st);
}
END_TEST

/* A spur that shines like a leak may have one beside it; a dim one is a spur. */
START_TEST(a_bright_spur_excludes_nothing) {
    dm_study *st = run_pool(DM_CT, (model_pool){60, 100, 0, 40, 3, 0.6, 0, 0}, DM_T1, 31);
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    st->findings.n = 1;
    for (int bright = 1; bright >= 0; bright--) {
        st->findings.f[0].false_sign = DM_SIGN_SPUR;
        if (!bright) st->findings.f[0].score = 0.3;
        memset(st->qc, 0, sizeof st->qc);
        ck_assert(dm_good(model_run(gpu, "localise", st)));
        if (bright) must_be_open(st, "spur_alone");
        ck_assert_int_eq(st->answer.kind, bright ? DM_CANNOT_TELL : DM_NO_LEAK);
    }
    drop(st);
}
END_TEST

/* Contrast comes by a needle, fluid on MR does not: behind the lumbar sac it may be a leak. */
START_TEST(no_needle_before_mr_is_taken_for_granted) {
    dm_study *st = run_pool(DM_MR, (model_pool){70, 110, 180, 40, 3, 0.8, 0, 0}, DM_T12, 31);
    ck_assert_int_ge(st->findings.n, 1);
    ck_assert_int_eq(st->findings.f[0].false_sign, DM_SIGN_PUNCTURE);
    must_be_open(st, "puncture_alone");
    drop(st);
}
END_TEST

/* A needle's track is short. What lies behind the lumbar sac over more than two segments is not taken for one alone. */
START_TEST(a_long_pool_behind_the_lumbar_sac_excludes_nothing) {
    static const struct {
        double from, to;
        const char *reason; /* NULL = no leak */
    } c[2] = {{60, 120, "puncture_long"}, {80, 100, NULL}};
    for (int k = 0; k < 2; k++) {
        dm_study *st = run_pool(DM_CT, (model_pool){c[k].from, c[k].to, 180, 40, 3, 0.6, 0, 0}, DM_T12, 31);
        ck_assert_int_ge(st->findings.n, 1);
        ck_assert_int_eq(st->findings.f[0].false_sign, DM_SIGN_PUNCTURE);
        if (c[k].reason) must_be_open(st, c[k].reason);
        else ck_assert_int_eq(st->answer.kind, DM_NO_LEAK);
        drop(st);
    }
}
END_TEST

/* Every `by` slices averaged into one. */
static void thicken(dm_volume *v, int by) {
    size_t slice = (size_t)v->nx * (size_t)v->ny;
    v->nz /= by;
    for (int k = 0; k < v->nz; k++)
        for (size_t i = 0; i < slice; i++) {
            float sum = 0;
            for (int b = 0; b < by; b++) sum += v->v[(size_t)(k * by + b) * slice + i];
            v->v[(size_t)k * slice + i] = sum / (float)by;
        }
    for (int row = 0; row < 3; row++) {
        v->to_lps.m[row][3] += v->to_lps.m[row][2] * (by - 1) / 2;
        v->to_lps.m[row][2] *= by;
    }
}

/* Every `by` rows of a slice averaged into one. */
static void coarsen_rows(dm_volume *v, int by) {
    int ny = v->ny / by;
    for (int k = 0; k < v->nz; k++)
        for (int j = 0; j < ny; j++)
            for (int i = 0; i < v->nx; i++) {
                float sum = 0;
                for (int b = 0; b < by; b++) sum += v->v[((size_t)k * (size_t)v->ny + (size_t)(j * by + b)) * (size_t)v->nx + (size_t)i];
                v->v[((size_t)k * (size_t)ny + (size_t)j) * (size_t)v->nx + (size_t)i] = sum / (float)by;
            }
    v->ny = ny;
    for (int row = 0; row < 3; row++) {
        v->to_lps.m[row][3] += v->to_lps.m[row][1] * (by - 1) / 2;
        v->to_lps.m[row][1] *= by;
    }
}

/* Nor do voxels of 2.5 mm along two edges, though none is 4 mm long. */
START_TEST(coarse_voxels_exclude_nothing) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(&plain, DM_T1, 33, st));
    double edge[3];
    dm_affine_spacing(&st->crop.raw.to_lps, edge);
    thicken(&st->crop.raw, (int)lround(2.5 / edge[2]));
    coarsen_rows(&st->crop.raw, (int)lround(2.5 / edge[1]));
    dm_status s = model_run_all(gpu, st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_double_gt(st->map.blur, 1.15);
    must_be_open(st, "resolution_low");
    drop(st);
}
END_TEST

/* Slices of 5 mm hold gap and bone at once, however sharp the scan is within them. */
START_TEST(thick_slices_exclude_nothing) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(&plain, DM_T1, 33, st));
    double edge[3];
    dm_affine_spacing(&st->crop.raw.to_lps, edge);
    thicken(&st->crop.raw, (int)lround(5 / edge[2]));
    dm_status s = model_run_all(gpu, st);
    ck_assert_msg(dm_good(s), "%s", s.text);
    must_be_open(st, "resolution_low");
    drop(st);
}
END_TEST

/* A clear pool behind the sac, s = 70 .. 110 mm. */
static dm_study *dorsal_leak(void) {
    dm_study *st = run_pool(DM_CT, (model_pool){70, 110, 180, 40, 3, 0.6, 0, 0}, DM_T1, 31);
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    return st;
}

/* A blur that hides the gap, fat as bright as fluid, or a front of the sac that was not assessed, leaves the question open. */
START_TEST(what_was_not_seen_excludes_nothing) {
    dm_study *st = dorsal_leak();
    st->map.blur = 1.3;
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    must_be_open(st, "resolution_low");
    drop(st);
    st = run_model(&plain, DM_T1, 32);
    ck_assert_int_eq(st->answer.kind, DM_NO_LEAK);
    st->map.fat_bright = 1;
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    must_be_open(st, "fat_or_fluid");
    st->map.fat_bright = 0;
    for (int c = 0; c < st->map.n * DM_NT; c++)
        if (c % DM_NT <= 6 || c % DM_NT >= DM_NT - 6) st->map.assessed[c] = 0;
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    must_be_open(st, "gap_narrow");
    drop(st);
}
END_TEST

/* Moves the dura found out by up to 2 mm round a column, over `mm` from s = 40 on. */
static void push_out(dm_study *st, int column, double mm) {
    int from = (int)(40 / st->spine.ds), to = (int)((40 + mm) / st->spine.ds);
    for (int i = from; i < to; i++)
        for (int d = -12; d <= 12; d++) st->canal.r_dura[i * DM_NT + (column + d + DM_NT) % DM_NT] += 2 * cosf((float)d * 0.13f);
}

/* A sac that stands out of its shape in front may hold a collection there; a short dent, or one behind, does not. */
START_TEST(a_sac_that_bulges_in_front_is_open) {
    static const struct {
        int column;
        double mm;
        const char *why;
    } part[] = {{0, 25, "sac_bulges"}, {0, 7, NULL}, {DM_NT / 2, 25, NULL}};
    dm_study *st = run_model(&plain, DM_T1, 32);
    ck_assert_int_eq(st->answer.kind, DM_NO_LEAK);
    st->findings.n = 0;
    push_out(st, part[_i].column, part[_i].mm);
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    if (part[_i].why) must_be_open(st, part[_i].why);
    else ck_assert_int_eq(st->answer.kind, DM_NO_LEAK);
    drop(st);
}
END_TEST

/* A pool where roots have settled before the dura may be a part of them. */
START_TEST(pool_among_settled_roots_is_doubtful) {
    dm_study *st = dorsal_leak();
    size_t cells = (size_t)st->canal.n * DM_NT;
    free(st->canal.roots);
    st->canal.roots = calloc(cells, 1);
    ck_assert_ptr_nonnull(st->canal.roots);
    int from = (int)(60 / st->spine.ds), to = (int)(120 / st->spine.ds);
    ck_assert_int_lt(to, st->canal.n);
    for (int i = from; i < to; i++) st->canal.roots[i * DM_NT] = 1; /* in front: another side */
    ck_assert(dm_good(model_run(gpu, "findings", st)) && dm_good(model_run(gpu, "localise", st)));
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    for (int i = from; i < to; i++) memset(st->canal.roots + i * DM_NT + 24, 1, 24); /* 120 to 240 degrees */
    ck_assert(dm_good(model_run(gpu, "findings", st)) && dm_good(model_run(gpu, "localise", st)));
    must_be_open(st, "doubtful");
    drop(st);
}
END_TEST

/* What is no brighter than muscle is doubtful at most, and hides no leak beside it, however high its score. */
START_TEST(soft_tissue_hides_no_leak) {
    dm_study *st = dorsal_leak();
    dm_findings *all = &st->findings;
    dm_finding muscle = all->f[0];
    ck_assert(all->n < DM_MAX_FINDINGS && all->f[0].score < 0.99);
    muscle.score = 0.99, muscle.pool.hard = 0;
    memmove(all->f + 1, all->f, (size_t)all->n++ * sizeof *all->f);
    all->f[0] = muscle;
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    ck_assert_int_eq(st->answer.kind, DM_LEAK);
    ck_assert_int_eq(st->answer.best, 1);
    ck_assert(!all->f[0].accepted && all->f[1].accepted);
    all->n = 1;
    ck_assert(dm_good(model_run(gpu, "localise", st)));
    ck_assert_int_eq(st->answer.kind, DM_CANNOT_TELL);
    drop(st);
}
END_TEST

/* MR: behind the sac, below the cord, roots settle. */
START_TEST(dorsal_pool_among_roots_on_mr_is_doubtful) {
    dm_study *st = run_pool(DM_MR, (model_pool){60, 100, 180, 40, 3, 0.8, 0, 0}, DM_T1, 31);
    ck_assert_int_eq(st->findings.f[0].side, DM_DORSAL);
    for (int among = 0; among < 2; among++) {
        st->map.roots_from = among ? 50 : 1e9;
        ck_assert(dm_good(model_run(gpu, "localise", st)));
        ck_assert_int_eq(st->answer.kind, among ? DM_CANNOT_TELL : DM_LEAK);
    }
    drop(st);
}
END_TEST

START_TEST(no_contrast_is_never_a_leak) {
    model m = plain;
    m.filled = 0;
    m.n_pools = 1;
    m.pool[0] = (model_pool){60, 100, 180, 40, 3, 0.6, 0, 0};
    dm_study *st = run_model(&m, DM_T1, 41);
    must_be_open(st, "no_contrast");
    drop(st);
}
END_TEST

/* Where the line has left the canal for the sacrum's bone something bright is no contrast. */
START_TEST(brightness_along_an_unsure_line_is_no_contrast) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(&plain, DM_T1, 51, st));
    for (int i = 0; i < st->canal.n; i++) st->canal.filled[i] = i >= st->canal.n - 15, st->spine.unsure[i] = st->canal.filled[i];
    ck_assert(dm_good(model_run_all(gpu, st)));
    must_be_open(st, "no_contrast");
    drop(st);
}
END_TEST

START_TEST(little_contrast_or_an_unsure_line_cannot_exclude) {
    dm_study *st = malloc(sizeof *st);
    ck_assert(model_make(&plain, DM_T1, 51, st));
    for (int i = 40; i < st->canal.n; i++) st->canal.filled[i] = 0;
    ck_assert(dm_good(model_run_all(gpu, st)));
    must_be_open(st, "contrast_short");
    drop(st);
    st = malloc(sizeof *st);
    ck_assert(model_make(&plain, DM_T1, 52, st));
    for (int i = 0; i < st->spine.n / 2; i++) st->spine.unsure[i] = 1;
    ck_assert(dm_good(model_run_all(gpu, st)));
    must_be_open(st, "line_unsure");
    drop(st);
}
END_TEST

/* The peak of a noisy line is where it is likely; an even line says nothing. */
START_TEST(cusp_is_found) {
    const dm_site_params p = {.end_margin = 5, .alike = 5, .density_error = 0.03};
    float v[100];
    double like[100];
    uint64_t state = 77;
    for (int i = 0; i < 100; i++) v[i] = (float)(0.2 + 0.5 * exp(-abs(i - 63) / 22.0) + 0.03 * model_normal(&state));
    for (int i = 30; i < 40; i++) v[i] = NAN; /* a gap */
    dm_site_cusp(&p, v, 100, 1, like);
    int best = 0;
    for (int i = 0; i < 100; i++)
        if (like[i] > like[best]) best = i;
    ck_assert_int_le(abs(best - 63), 2);
    ck_assert_msg(like[63] > 100 * like[40], "%g at the peak, %g beside it", like[63], like[40]);
    for (int i = 0; i < 100; i++) v[i] = (float)(0.4 + 0.03 * model_normal(&state));
    dm_site_cusp(&p, v, 100, 1, like);
    for (int i = 0; i < 100; i++) ck_assert_msg(like[i] > 0.05 && like[i] < 3, "%g at %d of an even line", like[i], i);
}
END_TEST

int main(void) {
    if (!dm_good(dm_gpu_open("cpu", 0, &gpu))) return 77;
    TCase *t = tcase_create("localise");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, healthy_spines_do_not_leak);
    tcase_add_test(t, ventral_tear_is_placed);
    tcase_add_test(t, even_collections_are_not_placed);
    tcase_add_test(t, the_first_phase_places_the_tear);
    tcase_add_test(t, sides_are_the_patients);
    tcase_add_test(t, false_signs_are_flagged_and_kept);
    tcase_add_test(t, a_puncture_by_guess_excludes_nothing);
    tcase_add_test(t, no_needle_before_mr_is_taken_for_granted);
    tcase_add_test(t, a_long_pool_behind_the_lumbar_sac_excludes_nothing);
    tcase_add_test(t, thick_slices_exclude_nothing);
    tcase_add_test(t, coarse_voxels_exclude_nothing);
    tcase_add_test(t, what_was_not_seen_excludes_nothing);
    tcase_add_loop_test(t, a_sac_that_bulges_in_front_is_open, 0, 3);
    tcase_add_test(t, pool_among_settled_roots_is_doubtful);
    tcase_add_test(t, a_bright_spur_excludes_nothing);
    tcase_add_test(t, soft_tissue_hides_no_leak);
    tcase_add_test(t, dorsal_pool_among_roots_on_mr_is_doubtful);
    tcase_add_test(t, pieces_of_a_collection_are_not_placed);
    tcase_add_test(t, no_contrast_is_never_a_leak);
    tcase_add_test(t, brightness_along_an_unsure_line_is_no_contrast);
    tcase_add_test(t, little_contrast_or_an_unsure_line_cannot_exclude);
    tcase_add_test(t, cusp_is_found);
    int failed = cases_failed_here("localise", t);
    dm_gpu_close(gpu);
    return failed != 0;
}
