/* Pools: connected patches of the dura map that no sleeve, spur or surface error can make. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "findings_parts.h"
#include "frame.h"
#include "patches.h"
#include "ranks.h"

#define PI 3.14159265358979323846

/* to < from: no rows. */
static const dm_rows no_rows = {0, -1};

/* One patch of the map, or several joined. */
typedef struct patch {
    int label;
    int from, to; /* rows */
    size_t cells;
    double area, c, s; /* mm2; sums of cos and sin of the angle, weighted by E */
    double score;
} patch;

static double angle_of(const patch *p) {
    return atan2(p->s, p->c) * 180 / PI;
}

static double turn_between(double a, double b) {
    double d = fabs(a - b);
    return d > 180 ? 360 - d : d;
}

dm_side dm_side_of(const dm_findings_params *p, double theta) {
    double a = fabs(theta);
    return a < p->ventral_angle ? DM_VENTRAL : a > p->dorsal_angle ? DM_DORSAL : theta > 0 ? DM_LEFT : DM_RIGHT;
}

static int half_window(double samples, int most) {
    int half = (int)lround(samples / 2 - 0.5);
    return half < 0 ? 0 : half > most ? most : half;
}

/* First and last row with an assessed cell; first > last where there is none. */
static dm_rows assessed_rows(const dm_map *m) {
    dm_rows rows = {m->n, -1};
    for (int c = 0; c < m->n * DM_NT; c++)
        if (m->assessed[c]) {
            rows.from = rows.to < 0 ? c / DM_NT : rows.from;
            rows.to = c / DM_NT;
        }
    return rows;
}

/* Low rank of E in a window: what is narrower than about two thirds of it vanishes (sleeves 2-3 mm, spurs 5 mm), a pool of
 * 14 mm stays. A window that is mostly not assessable gives 0. Above and below all that is assessed nothing is known: there a pool
 * may go on, but it must fill as much of a whole window to begin, or a single row would. */
static void veto(const dm_findings_params *p, const dm_map *m, double ds, float *out) {
    const dm_rows known = assessed_rows(m);
    float window[81 * 19];
    for (int t = 0; t < DM_NT; t++) {
        dm_side side = dm_side_of(p, t < DM_NT / 2 ? 5.0 * t : 5.0 * t - 360);
        int lateral = side == DM_LEFT || side == DM_RIGHT;
        int half_s = half_window((lateral ? p->veto_length_lateral : p->veto_length) / ds, 40);
        int half_t = half_window((lateral ? p->veto_angle_lateral : p->veto_angle) / 5, 9);
        size_t most = (size_t)(2 * half_s + 1) * (size_t)(2 * half_t + 1);
        for (int i = 0; i < m->n; i++) {
            size_t count = 0, beyond = 0;
            for (int di = -half_s; di <= half_s; di++)
                for (int dt = -half_t; dt <= half_t; dt++) {
                    int ii = i + di, tt = (t + dt + DM_NT) % DM_NT;
                    if (ii < known.from || ii > known.to) beyond++;
                    else if (m->assessed[ii * DM_NT + tt]) window[count++] = m->e[ii * DM_NT + tt];
                }
            float low = 3 * count >= most ? dm_rank(window, count, p->veto_share) : 0;
            for (size_t k = 0; k < beyond; k++) window[count++] = 0;
            int begins = !beyond || dm_rank(window, count, p->veto_share) > (float)p->hysteresis_high;
            out[i * DM_NT + t] = begins ? low : fminf(low, (float)p->hysteresis_high);
        }
    }
}

static void measure(const dm_study *st, const int *label, int count, patch *patches) {
    const dm_map *m = &st->map;
    for (int k = 0; k < count; k++) patches[k] = (patch){.label = k + 1, .from = m->n, .to = -1};
    for (int i = 0; i < m->n; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            if (!label[c]) continue;
            patch *q = &patches[label[c] - 1];
            double e = (double)m->e[c], a = 2 * PI * t / DM_NT;
            if (i < q->from) q->from = i;
            if (i > q->to) q->to = i;
            q->cells++;
            q->area += st->spine.ds * (double)st->canal.r_dura[c] * 2 * PI / DM_NT;
            q->c += e * cos(a), q->s += e * sin(a);
        }
}

/* Joins pieces of one collection. Lateral pieces join only when they nearly touch: sleeves stand in a row. */
static int join_once(const dm_findings_params *p, double ds, patch *patches, int count, int *label, size_t cells) {
    for (int a = 0; a < count; a++)
        for (int b = a + 1; b < count; b++) {
            patch *x = &patches[a], *y = &patches[b];
            if (!x->cells || !y->cells) continue;
            double apart = ds * (x->from > y->to ? x->from - y->to : y->from > x->to ? y->from - x->to : 0);
            double tx = angle_of(x), ty = angle_of(y);
            dm_side sx = dm_side_of(p, tx), sy = dm_side_of(p, ty);
            int lateral = sx == DM_LEFT || sx == DM_RIGHT || sy == DM_LEFT || sy == DM_RIGHT;
            if (apart >= (lateral ? p->join_lateral : p->join) || turn_between(tx, ty) >= p->join_angle) continue;
            for (size_t c = 0; c < cells; c++)
                if (label[c] == y->label) label[c] = x->label;
            return 1;
        }
    return 0;
}

static int by_score(const void *a, const void *b) {
    const dm_finding *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->s < y->s ? -1 : x->s > y->s;
}

void dm_findings_sort(dm_findings *findings) {
    qsort(findings->f, (size_t)findings->n, sizeof *findings->f, by_score);
}

static double odds(const dm_finding *f) {
    return f->score / fmax(1 - f->score, 1e-9);
}

/* A satellite lies along a far stronger candidate: a part of it that the joining missed, or its blur. */
static int is_satellite(const dm_findings_params *p, const dm_finding *f, const dm_finding *strong) {
    double beside = fmin(f->s_to, strong->s_to) - fmax(f->s_from, strong->s_from);
    return odds(strong) >= p->satellite_factor * odds(f) &&
           beside >= p->satellite_share * (f->s_to - f->s_from);
}

static void append(const dm_findings_params *p, dm_findings *out, dm_finding *list, int count) {
    qsort(list, (size_t)count, sizeof *list, by_score);
    for (int k = 0; k < count && out->n < DM_MAX_FINDINGS; k++) {
        int drop = list[k].length_mm <= 0 || list[k].score < p->list_score;
        for (int j = 0; j < k && !drop; j++) drop = is_satellite(p, &list[k], &list[j]);
        if (!drop) out->f[out->n++] = list[k];
    }
}

typedef struct scratch {
    float *f, *high;
    int *label, *piece, *core, *stack;
    int *kept; /* labels of the candidates in the list */
    dm_rows *extent; /* of the pieces, by number */
    patch *patches;
    dm_finding *list;
} scratch;

static void scratch_free(scratch *w) {
    free(w->f), free(w->high), free(w->label), free(w->piece), free(w->core), free(w->stack), free(w->extent), free(w->patches), free(w->list), free(w->kept);
}

/* The pool of the cells labelled `which`, around `theta`; length 0 where it is too small to be one. */
static dm_status weigh(const dm_findings_params *p, const dm_study *st, const dm_pool_cells *in, int which, double theta, dm_finding *f) {
    *f = (dm_finding){.theta = theta};
    DM_TRY(dm_pool_measure(p, st, in, which, f));
    if (f->pool.area_mm2 < p->least_mm2) f->length_mm = 0;
    return dm_ok;
}

static void extents_of(const patch *patches, int count, dm_rows *extent) {
    for (int k = 0; k < count; k++) extent[k + 1] = (dm_rows){patches[k].from, patches[k].to};
}

/* The cells of candidate `which` whose low rank exceeds core_share of its highest, connected piece by piece: the surest one takes the
 * candidate's place where it is surer than the whole. Sleeves, veins and ligaments that touch a pool, or stand in a row with it, are no
 * part of it. */
static dm_status keep_core(const dm_findings_params *p, const dm_study *st, const scratch *w, int which, dm_finding *whole) {
    size_t cells = (size_t)st->map.n * DM_NT;
    float top = 0;
    for (size_t c = 0; c < cells; c++) {
        w->high[c] = w->label[c] == which ? w->f[c] : 0;
        top = fmaxf(top, w->high[c]);
    }
    float limit = (float)p->core_share * top;
    if (limit <= (float)p->hysteresis_low) return dm_ok; /* the whole */
    int count = dm_patches_label(w->high, st->map.n, limit, limit, w->core, w->stack), best = 0;
    patch *patches = calloc((size_t)count + 1, sizeof *patches);
    dm_rows *extent = calloc((size_t)count + 1, sizeof *extent);
    const dm_rows rows = {dm_spine_row(&st->spine, whole->s_from), dm_spine_row(&st->spine, whole->s_to)};
    const dm_pool_cells in = {w->f, w->core, w->core, extent, whole->side == DM_VENTRAL ? rows : no_rows};
    dm_status status = dm_ok;
    if (!patches || !extent) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the cores of a pool");
        goto out;
    }
    measure(st, w->core, count, patches);
    extents_of(patches, count, extent);
    for (int k = 0; k < count; k++) {
        dm_finding f;
        DM_TRY_OUT(weigh(p, st, &in, k + 1, angle_of(&patches[k]), &f));
        if (f.length_mm > 0 && f.score > whole->score) *whole = f, best = k + 1;
    }
    for (size_t c = 0; c < cells && best; c++)
        if (w->label[c] == which && w->core[c] != best) w->label[c] = 0;
out:
    free(patches), free(extent);
    return status;
}

/* Two pools beside the middle in front, along the same stretch and as bright: one collection, which the ligament's tie to the dura
 * (the septum of the midline) parts. The veins of the epidural plexus are such a pair too, and no brighter than soft tissue. */
static int are_halves(const dm_findings_params *p, const dm_finding *a, const dm_finding *b) {
    const double least = 0.2;
    double beside = fmin(a->s_to, b->s_to) - fmax(a->s_from, b->s_from), alike = fmin(a->peak_ratio, b->peak_ratio) / fmax(a->peak_ratio, b->peak_ratio);
    return a->length_mm > 0 && b->length_mm > 0 && a->theta * b->theta < 0 && fmax(fabs(a->theta), fabs(b->theta)) < p->half_angle &&
           beside >= 0.5 * fmin(a->length_mm, b->length_mm) && alike >= 0.6 && fmin(a->pool.hard, b->pool.hard) >= least;
}

/* Of `count` candidates. */
static dm_status join_halves(const dm_findings_params *p, const dm_study *st, const scratch *w, int count) {
    const int *labels = w->kept;
    size_t cells = (size_t)st->map.n * DM_NT;
    for (int a = 0; a < count; a++)
        for (int b = a + 1; b < count; b++) {
            dm_finding *x = &w->list[a], *y = &w->list[b], both;
            if (!are_halves(p, x, y)) continue;
            patch whole;
            for (size_t c = 0; c < cells; c++) w->core[c] = w->label[c] == labels[a] || w->label[c] == labels[b];
            measure(st, w->core, 1, &whole);
            dm_rows extent[2];
            extents_of(&whole, 1, extent);
            const dm_pool_cells in = {w->f, w->core, w->core, extent, no_rows};
            DM_TRY(weigh(p, st, &in, 1, angle_of(&whole), &both));
            if (!(both.length_mm > 0 && both.score > fmax(x->score, y->score))) continue;
            *x = both, *y = (dm_finding){0};
            for (size_t c = 0; c < cells; c++)
                if (w->label[c] == labels[b]) w->label[c] = labels[a];
        }
    return dm_ok;
}

dm_status dm_pools_find(const dm_findings_params *p, dm_study *st) {
    size_t cells = (size_t)st->map.n * DM_NT;
    scratch w = {.f = malloc(cells * sizeof(float)),
                 .high = malloc(cells * sizeof(float)),
                 .core = malloc(cells * sizeof(int)),
                 .label = malloc(cells * sizeof(int)),
                 .piece = malloc(cells * sizeof(int)),
                 .stack = malloc(cells * sizeof(int))};
    dm_status status = dm_ok;
    if (!w.f || !w.high || !w.label || !w.piece || !w.core || !w.stack) goto memory;
    veto(p, &st->map, st->spine.ds, w.f);
    int count = dm_patches_label(w.f, st->map.n, (float)p->hysteresis_low, (float)p->hysteresis_high, w.label, w.stack);
    w.patches = calloc((size_t)count + 1, sizeof *w.patches);
    w.list = calloc((size_t)count + 1, sizeof *w.list);
    w.extent = calloc((size_t)count + 1, sizeof *w.extent);
    w.kept = calloc((size_t)count + 1, sizeof *w.kept);
    if (!w.patches || !w.list || !w.extent || !w.kept) goto memory;
    measure(st, w.label, count, w.patches);
    extents_of(w.patches, count, w.extent);
    memcpy(w.piece, w.label, cells * sizeof *w.piece);
    do measure(st, w.label, count, w.patches);
    while (join_once(p, st->spine.ds, w.patches, count, w.label, cells));
    const dm_pool_cells in = {w.f, w.label, w.piece, w.extent, no_rows};
    int found = 0;
    for (int k = 0; k < count; k++) {
        if (!w.patches[k].cells) continue;
        DM_TRY_OUT(weigh(p, st, &in, k + 1, angle_of(&w.patches[k]), &w.list[found]));
        if (w.list[found].length_mm > 0) w.kept[found++] = k + 1;
    }
    for (int k = 0; k < found && p->core_share < 1; k++) DM_TRY_OUT(keep_core(p, st, &w, w.kept[k], &w.list[k]));
    DM_TRY_OUT(join_halves(p, st, &w, found));
    append(p, &st->findings, w.list, found);
out:
    scratch_free(&w);
    return status;
memory:
    scratch_free(&w);
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for the components of the dura map");
}
