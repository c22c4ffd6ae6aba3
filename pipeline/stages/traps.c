#include "traps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "disc_bone.h"
#include "frame.h"
#include "grid.h"
#include "level.h"
#include "places.h"
#include "ranks.h"

/* ---- the coarse grid ---- */

static size_t cells_of(const dm_grid *g) {
    return (size_t)g->n[0] * (size_t)g->n[1] * (size_t)g->n[2];
}

/* Value of the cell that holds an LPS point. */
static float cell_at(const dm_grid *g, const double p[3]) {
    int q[3];
    for (int i = 0; i < 3; i++) {
        q[i] = (int)lround((p[i] - g->origin[i]) / g->step);
        if (q[i] < 0 || q[i] >= g->n[i]) return DM_OUTSIDE;
    }
    return g->v[dm_at(q[0], q[1], q[2], g->n[0], g->n[1])];
}

/* The plane across the canal at one s. */
typedef struct section {
    const dm_grid *g;
    double p[3], front[3], left[3];
} section;

static float in_plane(const section *f, double a, double l) {
    double q[3];
    for (int i = 0; i < 3; i++) q[i] = f->p[i] + a * f->front[i] + l * f->left[i];
    return cell_at(f->g, q);
}

/* ---- renal contrast ---- */

/* Kidneys lie 30 to 95 mm beside the canal's line, 40 mm behind to 55 mm before it, from T12 to L3. */
static int in_renal_region(const dm_study *st, const double p[3], double from, double to) {
    double s, theta, r;
    if (dm_frame_from_lps(&st->spine, p, &s, &theta, &r) != 0 || s < from || s > to) return 0;
    double a = r * cos(theta * 0.017453292519943295), l = fabs(r * sin(theta * 0.017453292519943295));
    return l > 30 && l < 95 && a > -40 && a < 55;
}

static int renal_stretch(const dm_study *st, double *from, double *to) {
    int seen = 0;
    for (int i = 0; i < st->levels.n; i++) {
        const dm_vertebra *v = &st->levels.v[i];
        if (v->level < DM_L1 - 1 || v->level > DM_L1 + 2) continue;
        *from = seen ? fmin(*from, v->s_from) : v->s_from, *to = seen ? fmax(*to, v->s_to) : v->s_to;
        seen = 1;
    }
    return seen;
}

/* A component of bright cells: its volume in cells, whether it leaves the region (ribs do), its box. */
typedef struct blob {
    size_t cells;
    int leaves, low[3], high[3];
} blob;

/* mark: 1 bright and inside the region, 2 bright outside it, 3 seen. */
static blob fill(const dm_grid *g, uint8_t *mark, int *stack, int seed) {
    blob b = {.low = {g->n[0], g->n[1], g->n[2]}, .high = {-1, -1, -1}};
    size_t depth = 0;
    mark[seed] = 3;
    stack[depth++] = seed;
    while (depth) {
        int at = stack[--depth], q[3] = {at % g->n[0], at / g->n[0] % g->n[1], at / (g->n[0] * g->n[1])};
        b.cells++;
        for (int i = 0; i < 3; i++) b.low[i] = dm_min(b.low[i], q[i]), b.high[i] = dm_max(b.high[i], q[i]);
        for (int k = 0; k < 6; k++) {
            int m[3] = {q[0], q[1], q[2]};
            m[k / 2] += k % 2 ? 1 : -1;
            if (m[k / 2] < 0 || m[k / 2] >= g->n[k / 2]) {
                b.leaves = 1;
                continue;
            }
            int next = (m[2] * g->n[1] + m[1]) * g->n[0] + m[0];
            if (mark[next] == 2) b.leaves = 1;
            if (mark[next] != 1) continue;
            mark[next] = 3;
            stack[depth++] = next;
        }
    }
    return b;
}

/* Compact: fills a good part of its box, as pelvis, calyces and the whole kidney do and a rib's arc does not.
 */
static int is_compact(const blob *b) {
    double box = 1;
    for (int i = 0; i < 3; i++) box *= b->high[i] - b->low[i] + 1;
    return (double)b->cells > 0.2 * box;
}

double dm_trap_renal_ml(const dm_traps_params *p, const dm_study *st) {
    const dm_grid *g = &st->crop.coarse;
    size_t n = cells_of(g);
    double from = 0, to = 0, ml = 0, cell = g->step * g->step * g->step / 1000;
    if (st->modality != DM_CT || !g->v || !renal_stretch(st, &from, &to)) return 0;
    double end[3];
    dm_frame_at(&st->spine, from, end, NULL, NULL, NULL);
    double upper = end[2];
    dm_frame_at(&st->spine, to, end, NULL, NULL, NULL);
    double lower = end[2];
    uint8_t *mark = calloc(n, 1);
    int *stack = malloc(n * sizeof *stack);
    for (size_t at = 0; mark && stack && at < n; at++) {
        if (g->v[at] < (float)p->renal_hu) continue;
        const int q[3] = {(int)(at % (size_t)g->n[0]), (int)(at / (size_t)g->n[0] % (size_t)g->n[1]),
                          (int)(at / ((size_t)g->n[0] * (size_t)g->n[1]))};
        double lps[3];
        for (int i = 0; i < 3; i++) lps[i] = g->origin[i] + g->step * q[i];
        int beside = lps[2] < upper + 30 && lps[2] > lower - 30; /* 30 mm: the line leans */
        mark[at] = beside && in_renal_region(st, lps, from, to) ? 1 : 2;
    }
    for (size_t at = 0; mark && stack && at < n; at++) {
        if (mark[at] != 1) continue;
        blob b = fill(g, mark, stack, (int)at);
        if (!b.leaves && is_compact(&b) && (double)b.cells * cell >= p->renal_ml)
            ml += (double)b.cells * cell;
    }
    free(mark), free(stack);
    return ml;
}

/* ---- contrast in the blood ---- */

/* Of 16 ways out from a vessel's middle, 7 to 15 mm long, most end in darker tissue and few meet bone on it:
 * a vertebral body is even too, but has a shell. */
static int stands_free(const section *f, double a, double l, float middle) {
    int dark = 0, bone = 0;
    for (int k = 0; k < 16; k++) {
        double t = k * 0.39269908169872414;
        float v = 0, top = 0;
        for (double r = 7; r <= 15; r += 2)
            v = in_plane(f, a + r * cos(t), l + r * sin(t)), top = fmaxf(top, v);
        int shell = top > 1.3f * middle + 20;
        bone += shell, dark += !shell && v < 0.75f * middle;
    }
    return dark >= 9 && bone <= 5;
}

/* A vessel's cross-section is even within 5 mm and stands free; its brightness, or NaN. */
static double vessel_at(const section *f, double a, double l) {
    float in[13];
    for (int k = 0; k < 13; k++) {
        double r = k == 0 ? 0 : k < 7 ? 2.5 : 5, t = k * 1.0471975511965976;
        in[k] = in_plane(f, a + r * cos(t), l + r * sin(t));
        if (dm_is_outside(in[k])) return NAN;
    }
    float middle = dm_rank(in, 13, 0.5), low = dm_rank(in, 13, 0.1), high = dm_rank(in, 13, 0.9);
    if (high - low > 60 + 0.1f * middle) return NAN;
    return stands_free(f, a, l, middle) ? (double)middle : NAN;
}

/* Inside a vertebral body, whose marrow is even and where old as bright as enhanced blood: 17 mm to front and
 * back of a point 25 mm before the line, 15 mm to the sides. A great vessel touches it at most; its middle
 * lies 10 mm further out. */
static int in_body(double a, double l) {
    double x = (a - 25) / 17, y = l / 15;
    return x * x + y * y < 1;
}

double dm_trap_aorta_hu(const dm_study *st) {
    float seen[256];
    size_t n = 0;
    int rows = 0;
    double length = (st->spine.n - 1) * st->spine.ds;
    if (st->modality != DM_CT || !st->crop.coarse.v) return NAN;
    for (double s = 0; s <= length && n < 256; s += 5) {
        double best = NAN;
        section f = {.g = &st->crop.coarse};
        dm_frame_at(&st->spine, s, f.p, NULL, f.front, f.left);
        for (double a = 20; a <= 80; a += 4)
            for (double l = -30; l <= 42; l += 4) {
                if (in_body(a, l)) continue;
                double v = vessel_at(&f, a, l);
                if (!isnan(v) && !(v <= best)) best = v;
            }
        rows++;
        if (!isnan(best)) seen[n++] = (float)best;
    }
    return 3 * n >= (size_t)rows && n >= 4 ? (double)dm_rank(seen, n, 0.5) : NAN;
}

/* ---- metal and motion ---- */

/* Rows of the centre line within reach of an LPS height. */
static void mark_rows(const dm_study *st, double z, double reach, uint8_t *rows) {
    for (int i = 0; i < st->spine.n; i++)
        if (fabs(st->spine.p[i][2] - z) <= reach) rows[i] = 1;
}

/* Slices with metal: their streaks run in the slice. Returns the volume in ml. */
static double metal(const dm_traps_params *p, const dm_study *st, uint8_t *rows) {
    const dm_volume *v = &st->crop.raw;
    double h[3], ml = 0;
    dm_affine_spacing(&v->to_lps, h);
    for (int k = 0; k < v->nz; k++) {
        size_t count = 0, plane = (size_t)v->nx * (size_t)v->ny;
        for (size_t i = 0; i < plane; i++) count += v->v[(size_t)k * plane + i] > (float)p->metal_hu;
        double here = (double)count * h[0] * h[1] * h[2] / 1000;
        const double middle[3] = {0.5 * v->nx, 0.5 * v->ny, k};
        double lps[3];
        dm_affine_apply(&v->to_lps, middle, lps);
        if (here * 10 >= p->metal_ml) mark_rows(st, lps[2], p->metal_reach, rows);
        ml += here;
    }
    return ml;
}

/* A step: two neighbouring 2 mm slices differ far more than their neighbours do. Returns their number. */
static int steps(const dm_traps_params *p, const dm_study *st, uint8_t *rows) {
    const dm_grid *g = &st->crop.coarse;
    int n = g->n[2] - 1, found = 0;
    float *d = n > 0 ? calloc((size_t)n, sizeof *d) : NULL;
    size_t plane = (size_t)g->n[0] * (size_t)g->n[1];
    for (int k = 0; d && k < n; k++) {
        double sum = 0, count = 0;
        for (size_t i = 0; i < plane; i++) {
            float a = g->v[(size_t)k * plane + i], b = g->v[(size_t)(k + 1) * plane + i];
            if (dm_is_outside(a) || dm_is_outside(b)) continue;
            sum += (double)fminf(fabsf(a - b), 500), count++;
        }
        d[k] = count > 100 ? (float)(sum / count) : -1;
    }
    for (int k = 5; d && k + 5 < n; k++) {
        float around[10];
        size_t m = 0;
        for (int j = -5; j <= 5; j++)
            if (j && d[k + j] >= 0) around[m++] = d[k + j];
        if (m < 10 || d[k] <= (float)p->motion * dm_rank(around, m, 0.5)) continue;
        mark_rows(st, g->origin[2] + g->step * (k + 0.5), 4, rows);
        found++;
    }
    free(d);
    return found;
}

static void note(dm_study *st, dm_false_sign sign, const char *flag) {
    st->findings.signs |= 1u << sign;
    dm_study_flag(st, flag);
}

void dm_traps_free(dm_traps *t) {
    free(t->metal), free(t->motion);
    *t = (dm_traps){0};
}

dm_status dm_traps_study(const dm_traps_params *p, dm_study *st, dm_traps *out) {
    size_t n = (size_t)st->spine.n + 1;
    *out = (dm_traps){calloc(n, 1), calloc(n, 1)};
    st->findings.signs = 0;
    st->findings.aorta_hu = NAN;
    if (!out->metal || !out->motion) {
        dm_traps_free(out);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the marks of %d positions", st->spine.n);
    }
    if (!st->crop.coarse.v) return dm_ok;
    if (steps(p, st, out->motion) > 0) note(st, DM_SIGN_MOTION, "motion");
    if (st->modality != DM_CT) return dm_ok;
    if (metal(p, st, out->metal) >= p->metal_ml) note(st, DM_SIGN_METAL, "metal");
    if (dm_trap_renal_ml(p, st) > 0) note(st, DM_SIGN_RENAL, "renal_contrast");
    st->findings.aorta_hu = dm_trap_aorta_hu(st);
    if (st->findings.aorta_hu > p->aorta_hu) note(st, DM_SIGN_IV, "iv_contrast");
    return dm_ok;
}

/* Share of a pool's rows that are marked. */
static double marked(const dm_study *st, const uint8_t *rows, const dm_finding *f) {
    int from = (int)lround(f->s_from / st->spine.ds), to = (int)lround(f->s_to / st->spine.ds), sum = 0;
    from = dm_max(from, 0), to = dm_min(to, st->spine.n - 1);
    for (int i = from; i <= to; i++) sum += rows[i];
    return to >= from ? (double)sum / (to - from + 1) : 0;
}

/* 90th percentile of raw values well inside the epidural space at a pool, as a share of the sac; 0 where it
 * is too narrow to keep off bone. */
static double brightness(const dm_study *st, const dm_finding *f) {
    enum { MOST = 4096 };
    float v[MOST];
    size_t n = 0;
    double sac = 0, rows = 0;
    for (double s = f->s_from; s <= f->s_to; s += 1) {
        int row = dm_clampi((int)lround(s / st->spine.ds), 0, st->spine.n - 1);
        if (dm_is_outside(st->map.sac[row])) continue;
        sac += (double)st->map.sac[row], rows++;
        for (double t = f->theta - 25; t <= f->theta + 25; t += 5) {
            size_t c = (size_t)row * DM_NT + (size_t)dm_column_of(t);
            for (double r = (double)st->canal.r_dura[c] + 0.6;
                 r < (double)st->canal.r_bone[c] - 1 && n < MOST; r += 0.5) {
                double p[3];
                dm_frame_to_lps(&st->spine, s, t, r, p);
                float x = dm_volume_sample(&st->crop.raw, p);
                if (!dm_is_outside(x)) v[n++] = x;
            }
        }
    }
    return n >= 20 && sac > 0 ? (double)dm_rank(v, n, 0.9) / (sac / rows) : 0;
}

/* 1 where most of the cells within 25 degrees of a pool's angle show contrast in this row. */
static int shows_contrast(const dm_study *st, const dm_finding *f, int row) {
    static const float contrast = 0.15f; /* share of the sac: two s.d. of healthy cells */
    int bright = 0, all = 0;
    for (int d = -25; d <= 25; d += 5) {
        size_t c = (size_t)row * DM_NT + (size_t)dm_column_of(f->theta + d);
        if (st->map.assessed[c]) all++, bright += st->map.e[c] > contrast;
    }
    return 2 * bright > all && all > 0;
}

/* Length of a pool, mm, with what shows contrast at its angle beyond its ends, gaps of 2 mm and less included. */
static double length_with_surroundings(const dm_study *st, const dm_finding *f) {
    int gap = (int)lround(2 / st->spine.ds), from = (int)lround(f->s_from / st->spine.ds), to = (int)lround(f->s_to / st->spine.ds);
    for (int i = from - 1; i >= 0 && i >= from - gap - 1; i--)
        if (shows_contrast(st, f, i)) from = i;
    for (int i = to + 1; i < st->map.n && i <= to + gap + 1; i++)
        if (shows_contrast(st, f, i)) to = i;
    return (to - from + 1) * st->spine.ds;
}

/* Of a pool in front. */
static int is_spur(const dm_traps_params *p, const dm_study *st, const dm_finding *f) {
    if (st->modality == DM_MR && f->peak_ratio >= p->spur_dim) return 0; /* bone and the disc's rim are dark there */
    double length = length_with_surroundings(st, f);
    if (length < p->spur_length) return 1;
    return st->modality == DM_CT && length < p->disc_bone_length && dm_disc_beside(st, f) > p->disc_bone_share * f->peak_value;
}

dm_false_sign dm_trap_of(const dm_traps_params *p, const dm_study *st, const dm_traps *t,
                         const dm_finding *f) {
    double c3, l1;
    if (f->side == DM_DORSAL && dm_level_top(&st->levels, 3, &c3) && f->s < c3 + p->c1c2_reach)
        return DM_SIGN_C1C2;
    if (f->side == DM_DORSAL && dm_lumbar_top(&st->levels, &l1) && f->s > l1) return DM_SIGN_PUNCTURE;
    if (marked(st, t->metal, f) > 0.5) return DM_SIGN_METAL;
    if (marked(st, t->motion, f) > 0.5) return DM_SIGN_MOTION;
    if (st->modality == DM_CT && f->peak_ratio >= p->injected && f->length_mm > p->injected_mm &&
        dm_lumbar_top(&st->levels, &l1) && f->s_to > l1)
        return DM_SIGN_EPIDURAL;
    if (st->modality == DM_CT && brightness(st, f) > p->calcified) return DM_SIGN_CALCIFICATION;
    if (f->side == DM_VENTRAL && is_spur(p, st, f)) return DM_SIGN_SPUR;
    return DM_NO_SIGN;
}
