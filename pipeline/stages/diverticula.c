#include "diverticula.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ball_search.h"
#include "frame.h"
#include "level.h"
#include "odds.h"
#include "places.h"
#include "ranks.h"

/* Balls measured at a foramen and side: its bone alone makes half a dozen that stand out more than a dim
 * diverticulum does. */
enum { MOST_CENTRES = 1400, BALLS = 16 };
static const double dura_error =
    0.5; /* mm: the surface's own, where it is good (design.md 8: 0.3 on the mean) */

/* One foramen on one side. */
typedef struct place {
    int foramen, side; /* index of the vertebra above; +1 left, -1 right */
    float sac, soft;
} place;

/* Fat of a foramen, where it is bright: the upper fifth of what lies 3 to 12 mm outside the dura round the
 * root. */
static float fat_beside(const dm_study *st, int foramen, int side) {
    enum { S = 7, A = 7, L = 7 };
    float v[S * A * L];
    size_t n = 0;
    for (int i = 0; i < S; i++) {
        double s = dm_foramen_s(&st->levels, foramen) - 6 + 2 * i, point[3], front[3], left[3];
        int row = dm_spine_row(&st->spine, s);
        if (row < 0) continue;
        dm_frame_at(&st->spine, s, point, NULL, front, left);
        for (int k = 0; k < A * L; k++) {
            double l = side * ((double)st->canal.r_dura[row * DM_NT + dm_side_column(side)] + 3 + 1.5 * (k / A)),
                   a = -6 + 2.0 * (k % A), p[3];
            for (int x = 0; x < 3; x++) p[x] = point[x] + a * front[x] + l * left[x];
            float value = dm_volume_sample(&st->crop.raw, p);
            if (!dm_is_outside(value)) v[n++] = value;
        }
    }
    return n > 20 ? dm_rank(v, n, 0.8) : DM_OUTSIDE;
}

/* Fat of the foramina where it is bright, their median: one large diverticulum fills its own. DM_OUTSIDE
 * elsewhere. */
static float foraminal_fat(const dm_study *st) {
    float v[2 * DM_MAX_VERTEBRAE];
    size_t n = 0;
    for (int i = 0; st->map.fat_bright && i < st->levels.n; i++)
        for (int side = -1; side <= 1; side += 2) {
            float fat = fat_beside(st, i, side);
            if (!dm_is_outside(fat)) v[n++] = fat;
        }
    return n ? dm_rank(v, n, 0.5) : DM_OUTSIDE;
}

/* Sac and soft tissue beside a foramen; 0 where the sac is not filled or hardly brighter: on MR without fat
 * suppression the foramen's own fat counts as soft tissue, and often nothing is brighter. */
static int references(const dm_diverticula_params *p, const dm_study *st, float fat, place *at) {
    int row = dm_spine_row(&st->spine, dm_foramen_s(&st->levels, at->foramen));
    if (row < 0 || !st->canal.filled[row] || dm_is_outside(st->map.sac[row])) return 0;
    at->sac = st->map.sac[row];
    at->soft = st->map.tissue[dm_side_column(at->side)];
    if (st->modality == DM_CT) at->soft = fmaxf(at->soft, (float)p->soft_hu);
    at->soft = fmaxf(at->soft, fat);
    return at->sac - at->soft > (st->modality == DM_CT ? 60.0f : 0.25f * at->sac);
}

/* Candidate centres: 9 mm above to 7 mm below the root's height (the frame's own error included), 7 mm to
 * both sides of the plane of the sleeves, up to 14 mm outside the dura. */
static int centres_of(const dm_study *st, const place *at, float *out) {
    int n = 0;
    double noise = st->crop.noise_sd / (double)(at->sac - at->soft);
    for (int i = 0; i < 12; i++) {
        double s = dm_foramen_s(&st->levels, at->foramen) - 9 + 1.5 * i, point[3], front[3], left[3];
        int row = dm_spine_row(&st->spine, s);
        if (row < 0) continue;
        dm_frame_at(&st->spine, s, point, NULL, front, left);
        double dura = (double)st->canal.r_dura[row * DM_NT + dm_side_column(at->side)];
        for (int j = 0; j < 10; j++)
            for (int k = 0; k < 11 && n < MOST_CENTRES; k++) {
                double a = -7 + 1.5 * j, l = dura + 1 + 1.25 * k, d = sqrt(a * a + l * l);
                float *c = out + (size_t)n++ * DM_HOUGH_CENTRE;
                for (int x = 0; x < 3; x++) {
                    double away = a * front[x] + at->side * l * left[x];
                    c[x] = (float)(point[x] + away);
                    c[5 + x] = (float)(-away / d);
                }
                c[3] = at->sac;
                c[4] = at->soft;
                c[8] = (float)noise;
            }
    }
    return n;
}

/* How much a ball looks like one that the sac fills: its edge and evenness, less what is small (a sleeve) or
 * dim (a ganglion with a trace of contrast). 0 where too little of it is free, or its rim is brighter than
 * its middle (bone under its cortex). */
static double looks(const dm_diverticula_params *p, const dm_ball_gate *need, const dm_ball *b) {
    if (b->rim > need->rim || b->falls < need->free_edge) return 0;
    return b->score * fmin(2 * b->r / p->full, 1) * fmin(b->v / p->value, 1);
}

/* The ball of the i-th centre, as the transform found it. */
static dm_ball ball_at(const dm_search *s, const place *at, int i) {
    const float *o = s->host_out + (size_t)i * DM_HOUGH_OUT,
                *c = s->host_centres + (size_t)i * DM_HOUGH_CENTRE;
    dm_ball b = {.score = (double)o[0],
                 .r = (double)o[1],
                 .v = (double)o[2],
                 .falls = (double)o[3],
                 .rim = (double)o[4],
                 .sac = at->sac,
                 .soft = at->soft,
                 .noise = (double)c[8]};
    for (int x = 0; x < 3; x++) b.c[x] = (double)c[x], b.towards[x] = (double)c[5 + x];
    return b;
}

/* The best centre that lies outside all balls taken before; 0 when none is left. */
static int next_ball(const dm_diverticula_params *p, const dm_ball_gate *need, const dm_search *s,
                     const dm_hough_args *g, const place *at, const dm_ball *taken, int n, dm_ball *b) {
    double best = need->score;
    int found = 0;
    for (int i = 0; i < g->n; i++) {
        dm_ball here = ball_at(s, at, i);
        double q = looks(p, need, &here);
        int free_ = q > best;
        for (int k = 0; free_ && k < n; k++) {
            double d = 0, reach = fmax(taken[k].r, 3);
            for (int x = 0; x < 3; x++) d += (here.c[x] - taken[k].c[x]) * (here.c[x] - taken[k].c[x]);
            free_ = d > reach * reach;
        }
        if (free_) best = q, found = 1, *b = here;
    }
    return found;
}

/* Adds one, or takes the better of two that are the same ball seen from two foramina. */
static void add(dm_findings *f, const dm_diverticulum *d) {
    for (int k = 0; k < f->n_diverticula; k++) {
        dm_diverticulum *q = &f->d[k];
        double apart = 0;
        for (int x = 0; x < 3; x++) apart += (q->lps[x] - d->lps[x]) * (q->lps[x] - d->lps[x]);
        if (sqrt(apart) > 0.5 * fmax(q->diameter_mm, d->diameter_mm) + 1) continue;
        if (d->score > q->score) *q = *d;
        return;
    }
    if (f->n_diverticula < DM_MAX_DIVERTICULA) f->d[f->n_diverticula++] = *d;
}

/* What one foramen shows: the best diverticulum (score 0: none) and the width of the best ball of any size,
 * mm. */
typedef struct sight {
    dm_diverticulum d;
    double width;
} sight;

static int lies_in(const dm_diverticulum *d, const double p[3]) {
    double apart = 0;
    for (int x = 0; x < 3; x++) apart += (d->lps[x] - p[x]) * (d->lps[x] - p[x]);
    return apart < d->diameter_mm * d->diameter_mm / 4;
}

/* Measures one ball where it lies and keeps it when it is the best so far. */
static void judge(const dm_search *s, const dm_diverticula_params *p, const dm_hough_args *g,
                  const dm_study *st, dm_ball *b, double *best, sight *out) {
    const dm_volume *v = &st->crop.raw;
    double along, theta, r;
    if (!dm_ball_fit(v, g, s->spread, b) || dm_frame_from_lps(&st->spine, b->c, &along, &theta, &r) != 0)
        return;
    int row = dm_spine_row(&st->spine, along), column = dm_column_of(theta);
    if (row < 0) return;
    double dura = (double)st->canal.r_dura[row * DM_NT + column], ball = looks(p, &p->root, b);
    if (ball > *best && r > dura) *best = ball, out->width = 2 * b->r_bare;
    /* A ball that reaches into the sac, by more than the dura's own error, is a bulge of it or the mouth of a
     * sleeve. */
    if (2 * b->r_bare < p->least || 2 * b->r > p->most || r < dura + b->r - dura_error) return;
    double x[DM_BALL_TERMS];
    if (!dm_ball_terms(st, g, s->spread, b, p->odds, (double[]){along, theta, r}, x)) return;
    double score = dm_probability(p->odds, x, DM_BALL_TERMS);
    if (score < p->score || score <= out->d.score) return;
    if (out->d.score > 0 && lies_in(&out->d, b->c)) {
        out->d.score =
            score; /* the same ball, seen from a worse centre: balls come in the order of their edges */
        return;
    }
    out->d = (dm_diverticulum){.root = dm_root_of(&st->levels, dm_foramen_at(&st->levels, along)),
                               .side = theta > 0 ? DM_LEFT : DM_RIGHT,
                               .s = along,
                               .diameter_mm = 2 * b->r_bare,
                               .volume_mm3 = dm_ball_volume(v, g, b),
                               .score = score,
                               .prominent = 2 * b->r_bare > p->prominent};
    memcpy(out->d.lps, b->c, sizeof out->d.lps);
    memcpy(out->d.ball, x, sizeof x);
}

static dm_status look(dm_search *s, const dm_diverticula_params *p, const place *at, const dm_study *st,
                      sight *out) {
    dm_hough_args g;
    dm_ball taken[BALLS];
    double best = 0;
    *out = (sight){.d.other_mm = NAN};
    DM_TRY(dm_ball_args(&st->crop.raw, centres_of(st, at, s->host_centres), 0.25, &g));
    g.crossed = st->modality == DM_MR;
    DM_TRY(dm_search_run(s, g));
    for (int n = 0; n < BALLS && next_ball(p, &p->root, s, &g, at, taken, n, &taken[n]); n++) {
        dm_ball b = taken[n];
        judge(s, p, &g, st, &b, &best, out);
    }
    return dm_ok;
}

/* ---- cysts in the sacrum (Tarlov): in or beside the canal from S1 on, also below the sac's end ---- */

/* Last row at which the sac is filled; -1 when nowhere. */
static int last_filled(const dm_study *st) {
    for (int i = st->canal.n - 1; i >= 0; i--)
        if (st->canal.filled[i] && !dm_is_outside(st->map.sac[i])) return i;
    return -1;
}

/* The sac over the last 60 mm that it fills: at its very end the blur dims it. */
static float sac_above(const dm_study *st, int last) {
    float v[256];
    size_t n = 0;
    for (double s = last * st->spine.ds - 60; s <= last * st->spine.ds; s += 0.5) {
        int row = dm_spine_row(&st->spine, s);
        if (row >= 0 && st->canal.filled[row] && !dm_is_outside(st->map.sac[row])) v[n++] = st->map.sac[row];
    }
    return n ? dm_rank(v, n, 0.5) : st->map.sac[last];
}

/* Centres on a lattice of 2.5 mm round one s: 15 mm to both sides, 15 mm behind to 10 mm before the line. The
 * sac lies above. */
static int cyst_centres(const dm_study *st, const place *at, double s, float *out) {
    double noise = st->crop.noise_sd / (double)(at->sac - at->soft), point[3], up[3], front[3], left[3];
    int n = 0;
    dm_frame_at(&st->spine, s, point, up, front, left);
    for (int j = 0; j < 11; j++)
        for (int k = 0; k < 13 && n < MOST_CENTRES; k++) {
            float *c = out + (size_t)n++ * DM_HOUGH_CENTRE;
            for (int x = 0; x < 3; x++) {
                c[x] = (float)(point[x] + (-15 + 2.5 * j) * front[x] + (-15 + 2.5 * k) * left[x]);
                c[5 + x] = (float)-up[x];
            }
            c[3] = at->sac, c[4] = at->soft, c[8] = (float)noise;
        }
    return n;
}

/* Clear of the sac: beside it, or below its end. */
static int clear_of_sac(const dm_study *st, const dm_ball *b, double s, double theta, double r, int last) {
    int row = dm_spine_row(&st->spine, s), column = dm_column_of(theta);
    if (row < 0) return 0;
    double below = s - last * st->spine.ds;
    return below > b->r + 2 || (below < 0 && r > (double)st->canal.r_dura[row * DM_NT + column] + b->r + 0.5);
}

/* The end of the sac as far as it is followed: the last ball of it, and the radius of the sac above, mm. */
typedef struct tail {
    double c[3], r, widest;
} tail;

static double mean_radius(const dm_study *st, int row) {
    double sum = 0;
    for (int k = 0; k < DM_NT; k++) sum += (double)st->canal.r_dura[row * DM_NT + k];
    return sum / DM_NT;
}

/* Where the sac, filled at this row, begins to be followed; its radius is the largest of the 30 mm above, as
 * it tapers. */
static tail tail_at(const dm_study *st, int row) {
    tail t = {.r = mean_radius(st, row)};
    dm_frame_at(&st->spine, row * st->spine.ds, t.c, NULL, NULL, NULL);
    for (int i = row; i >= 0 && (row - i) * st->spine.ds < 30; i--)
        t.widest = fmax(t.widest, mean_radius(st, i));
    return t;
}

/* The sac may run on beside a line that has left it, or be too dim there to count as filled: a ball that
 * overlaps the last one of it and is hardly wider than it was above goes on with it. A cyst lies beside it.
 */
static int goes_on(const tail *t, const dm_ball *b) {
    double apart = 0;
    for (int x = 0; x < 3; x++) apart += (b->c[x] - t->c[x]) * (b->c[x] - t->c[x]);
    return sqrt(apart) < 0.9 * (t->r + b->r) && b->r < 1.25 * t->widest;
}

static dm_status cyst(dm_search *s, const dm_diverticula_params *p, const place *at, double where, int last,
                      tail *sac, dm_study *st) {
    dm_hough_args g;
    dm_ball b;
    double along, theta, r;
    DM_TRY(dm_ball_args(&st->crop.raw, cyst_centres(st, at, where, s->host_centres), 0.5, &g));
    DM_TRY(dm_search_run(s, g));
    if (!next_ball(p, &p->sacral, s, &g, at, NULL, 0, &b) || !dm_ball_fit(&st->crop.raw, &g, s->spread, &b))
        return dm_ok;
    if (goes_on(sac, &b)) {
        memcpy(sac->c, b.c, sizeof sac->c);
        sac->r = b.r;
        return dm_ok;
    }
    double score = looks(p, &p->sacral, &b);
    if (dm_frame_from_lps(&st->spine, b.c, &along, &theta, &r) != 0 || score < p->cyst_score ||
        2 * b.r < p->cyst || b.v < p->cyst_value)
        return dm_ok;
    /* behind lie the sacrum's laminae, whose marrow is round and even between their shells */
    if (fabs(theta) > p->cyst_angle || !clear_of_sac(st, &b, along, theta, r, last)) return dm_ok;
    dm_diverticulum d = {.root = dm_root_of(&st->levels, dm_foramen_at(&st->levels, along)),
                         .side = theta > 0 ? DM_LEFT : DM_RIGHT,
                         .s = along,
                         .diameter_mm = 2 * b.r_bare,
                         .volume_mm3 = dm_ball_volume(&st->crop.raw, &g, &b),
                         .score = score,
                         .other_mm = NAN,
                         .prominent = 2 * b.r_bare > p->prominent};
    memcpy(d.lps, b.c, sizeof d.lps);
    add(&st->findings, &d);
    return dm_ok;
}

/* Fat behind the sac and in the sacrum is as bright as fluid where it is not suppressed: nothing is sought
 * then. */
static dm_status find_cysts(dm_search *s, const dm_diverticula_params *p, dm_study *st) {
    double top, end = (st->spine.n - 1) * st->spine.ds;
    int last = last_filled(st);
    place at = {0};
    if (!dm_level_top(&st->levels, DM_S1, &top) || last < 0 || st->map.fat_bright) return dm_ok;
    at.sac = sac_above(st, last);
    for (int k = 0; k < 2; k++) at.soft = fmaxf(at.soft, st->map.tissue[dm_side_column(k ? 1 : -1)]);
    if (st->modality == DM_CT) at.soft = fmaxf(at.soft, (float)p->soft_hu);
    if (!(at.sac - at.soft > (st->modality == DM_CT ? 60.0f : 1.0f))) return dm_ok;
    int first = dm_spine_row(&st->spine, top);
    tail sac = tail_at(st, first >= 0 && first < last ? first : last);
    for (double where = top; where <= end; where += 2.5) DM_TRY(cyst(s, p, &at, where, last, &sac, st));
    return dm_ok;
}

dm_status dm_diverticula_find(dm_gpu *gpu, const dm_diverticula_params *p, dm_study *st) {
    dm_search s;
    const float fat = foraminal_fat(st);
    st->findings.n_diverticula = 0;
    dm_status status = dm_search_open(gpu, &st->crop.raw, MOST_CENTRES, &s);
    for (int i = 0; dm_good(status) && i < st->levels.n; i++) {
        if (st->levels.v[i].level >= DM_S1) continue; /* cysts are sought there */
        sight seen[2] = {{.width = 0}, {.width = 0}};
        for (int k = 0; dm_good(status) && k < 2; k++) {
            place at = {.foramen = i, .side = k ? -1 : 1};
            if (references(p, st, fat, &at)) status = look(&s, p, &at, st, &seen[k]);
        }
        for (int k = 0; dm_good(status) && k < 2; k++) {
            seen[k].d.other_mm = seen[1 - k].width > 0 ? seen[1 - k].width : NAN;
            if (seen[k].d.score > 0) add(&st->findings, &seen[k].d);
        }
    }
    if (dm_good(status)) status = find_cysts(&s, p, st);
    dm_search_close(&s);
    return status;
}

/* A pool shorter than the ball beside it and its walls is the ball itself, seen through the map. */
void dm_diverticula_explain(dm_study *st) {
    dm_findings *f = &st->findings;
    int kept = 0;
    for (int i = 0; i < f->n; i++) {
        dm_finding *pool = &f->f[i];
        int explained = 0;
        for (int k = 0; k < f->n_diverticula && pool->class_ == DM_LATERAL_TEAR; k++) {
            dm_diverticulum *d = &f->d[k];
            double reach = d->diameter_mm / 2 + 4; /* 4 mm: blur and the veto's window */
            if (d->side != pool->side || d->s < pool->s_from - reach || d->s > pool->s_to + reach) continue;
            if (pool->s_from >= d->s - reach && pool->s_to <= d->s + reach) {
                explained = 1;
            } else {
                pool->class_ = DM_DIVERTICULUM_LEAK;
                d->leaking = 1;
            }
        }
        if (!explained) f->f[kept++] = *pool;
    }
    f->n = kept;
}
