/* Parts a pool from the sac where the dura's surface went round both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"
#include "patches.h"
#include "ranks.h"

static const float deep = 0.75f; /* mm inside the dura found: a line, not the edge itself */
/* Cells to either side over which the evidence is averaged: 9 mm, 35 degrees. */
enum { ALONG = 4, ROUND = 3 };
static const float clear_line = 0.4f; /* mean strength of a patch's line */
static const float dim_layer = 0.3f;  /* dimness from which a layer on the cord is no healthy fluid */
/* A patch: mm along the line; cells, of half a square millimetre. */
enum { LEAST_ROWS = 8, LEAST_CELLS = 40 };
enum { NEAR_ROWS = 8 }; /* mm along the line over which a patch's shape is judged */
/* mm beyond a patch's end where the dura is what it is without it: a pool's tapered end, no longer a patch,
 * is shorter. */
enum { BEYOND_FROM = 4, BEYOND_TO = 12 };
enum { MOST_LEFT_OUT = 40 };     /* angles: the rest of the ring must tell the ellipse */
static const float steep = 0.5f; /* mm from a cell to the next, along and round */

typedef struct lines {
    const dm_unrolled *u;
    const dm_divide_params *p;
    const float *rd;
    dm_line_scan scan;
    float *rim; /* per position, 0 = no line is sought */
    /* Per ray: radius of the line; guides of the solver; strength of a line seen; its mean round the ray; the
     * same, or -1 where no line runs; something else each time. */
    float *radius, *guide, *strength, *evidence, *worth, *spare;
    uint8_t *fluid, *dim; /* per ray: there is fluid to compare with; the layer on the cord is too dim */
    int *label, *stack;
} lines;

static void lines_clear(lines *l) {
    free(l->rim), free(l->radius), free(l->guide), free(l->spare), free(l->strength), free(l->evidence);
    free(l->worth), free(l->fluid), free(l->dim), free(l->label), free(l->stack);
}

static dm_status lines_make(size_t n, lines *l) {
    float **per_ray[] = {&l->radius, &l->spare, &l->strength, &l->evidence, &l->worth};
    size_t cells = n * DM_NT;
    int bad = 0;
    for (int k = 0; k < 5; k++) bad |= !(*per_ray[k] = calloc(cells, sizeof(float)));
    l->rim = calloc(n, sizeof *l->rim);
    l->guide = calloc(cells * 4, sizeof *l->guide);
    l->fluid = calloc(cells, 1), l->dim = calloc(cells, 1);
    l->label = calloc(cells, sizeof *l->label), l->stack = calloc(cells, sizeof *l->stack);
    if (!bad && l->rim && l->guide && l->fluid && l->dim && l->label && l->stack) return dm_ok;
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for the dura's line at %zu positions", n);
}

/* Brightness of the fluid under the dura: median over the angles of the largest value 0.75 to 1.75 mm inside.
 */
static float rim_at(const lines *l, int i, float level) {
    const dm_unrolled *u = l->u;
    float v[DM_NT];
    for (int t = 0; t < DM_NT; t++) {
        int k0 = dm_mm(l->rd[i * DM_NT + t], u->a.dr);
        v[t] = 0.0f;
        for (int k = k0 - dm_mm(1.75f, u->a.dr); k <= k0 - dm_mm(0.75f, u->a.dr); k++)
            if (k >= 0 && k < u->a.nr) v[t] = fmaxf(v[t], u->s[dm_ray_of(u->a, i, t) + (size_t)k]);
    }
    return fmaxf(dm_median(v, DM_NT), 0.5f * level);
}

/* What blur leaves at the first depths under the dura: the median over all rays where a line is sought. Few
 * of them have one. work: a value per ray. */
static void measure_blur(lines *l, float *work) {
    const dm_unrolled *u = l->u;
    float most = 0.0f;
    for (int d = DM_LINE_BLURRED - 1; d >= 0; d--) {
        size_t n = 0;
        for (int c = 0; c < u->a.ns * DM_NT; c++) {
            float rim = l->rim[c / DM_NT];
            int k = dm_mm(l->rd[c], u->a.dr) - d;
            if (rim <= 0.0f || k < 0) continue;
            float v = u->s[(size_t)c * (size_t)u->a.nr + (size_t)k];
            if (!dm_is_outside(v)) work[n++] = v / rim;
        }
        l->scan.kept[d] = n ? dm_rank(work, n, 0.5) : 1.0f;
        most = fmaxf(most, l->scan.kept[d]);
    }
    for (int d = 0; d < DM_LINE_BLURRED; d++)
        l->scan.kept[d] = dm_clampf(l->scan.kept[d] / fmaxf(most, 0.1f), 0.3f, 1.0f);
}

static dm_status solve(lines *l, dm_unrolled *u) {
    const float min_r = (float)l->p->min_radius;
    const dm_cost_args cost = {.step = 0.5f, .slope = 1.0f};
    const dm_solver solver = {(float)l->p->along, (float)l->p->round, 2, 0, 0.15f, 4.0f};
    for (size_t c = 0; c < (size_t)u->a.ns * DM_NT; c++) {
        l->guide[4 * c] = fmaxf(l->rd[c] - DM_LINE_MOST, min_r);
        l->guide[4 * c + 1] = l->rd[c];
    }
    return dm_solve_line(u, &l->scan, min_r, &cost, &solver, l->rim, l->rd, l->guide, l->radius, l->spare);
}

/* What every ray shows of the line found: its strength, or that there is no fluid to compare with. */
static void look(lines *l, int i) {
    const dm_unrolled *u = l->u;
    for (int t = 0; t < DM_NT && l->rim[i] > 0.0f; t++) {
        size_t c = (size_t)i * DM_NT + (size_t)t;
        const float *s = u->s + dm_ray_of(u->a, i, t);
        dm_line_view w = {u->a, l->scan, l->rim[i], dm_mm(l->rd[c], u->a.dr)};
        int d = w.k0 - dm_mm(l->radius[c], u->a.dr);
        dm_line_ray ray = dm_line_look(s, w);
        l->fluid[c] = (uint8_t)ray.fluid;
        l->dim[c] = ray.dim > dim_layer;
        if (ray.fluid && d >= dm_mm(DM_LINE_LEAST, u->a.dr)) l->strength[c] = dm_line_strength(s, w, d);
    }
}

/* Mean strength round a cell over the rays that have fluid to compare with; 0 where fewer than a fifth have.
 */
static float evidence_at(const lines *l, int i, int t) {
    float sum = 0.0f;
    int n = 0, all = 0;
    for (int ii = i - ALONG; ii <= i + ALONG; ii++)
        for (int dt = -ROUND; dt <= ROUND; dt++) {
            if (ii < 0 || ii >= l->u->a.ns) continue;
            size_t c = (size_t)ii * DM_NT + (size_t)((t + dt + DM_NT) % DM_NT);
            all++;
            if (l->fluid[c]) sum += l->strength[c], n++;
        }
    return 5 * n > all ? sum / (float)n : 0.0f;
}

/* Worth of every cell as part of a pool. A dim layer neither starts nor ends one. */
static void weigh(lines *l) {
    for (int i = 0; i < l->u->a.ns; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            l->evidence[c] = evidence_at(l, i, t);
            if (l->dim[c]) l->evidence[c] = fmaxf(l->evidence[c], 1.01f * (float)l->p->grow);
            l->worth[c] = l->rd[c] - l->radius[c] > deep ? l->evidence[c] : -1.0f;
        }
}

/* Mean radius of the dura found at this angle beyond the end of the patch round cell (i, t), up (step -1) or
 * down the line; 0 where the line ends first or another patch begins. */
static float beyond_end(const lines *l, int i, int t, int step) {
    int n = l->u->a.ns, label = l->label[i * DM_NT + t], end = i;
    float sum = 0.0f;
    while (end >= 0 && end < n && l->label[end * DM_NT + t] == label) end += step;
    for (int d = BEYOND_FROM; d < BEYOND_TO; d++) {
        int row = end + d * step;
        if (row < 0 || row >= n || l->label[row * DM_NT + t]) return 0.0f;
        sum += l->rd[row * DM_NT + t];
    }
    return sum / (float)(BEYOND_TO - BEYOND_FROM);
}

/* How far the dura found at a cell of a patch lies outside the dura beyond the patch's ends, mm: their mean,
 * or the one that is known; `none` where neither is. */
static float stand_out_along(const lines *l, int i, int t, float none) {
    float up = beyond_end(l, i, t, -1), down = beyond_end(l, i, t, 1),
          both = up > 0.0f && down > 0.0f ? 0.5f * (up + down) : up + down;
    return both > 0.0f ? l->rd[i * DM_NT + t] - both : none;
}

/* mm by which the dura found lies outside what it would be (the ellipse of the rest of its ring; the same, or
 * for a cell that is known by nothing but its dim layer the lesser of that and of what the dura further along
 * says; the dura further along), and the line's strength. */
typedef struct shape {
    float ring, both, along, line;
} shape;

/* Fills out for the cells of patches in a row; 0 where the patches leave less than 160 degrees. */
static void stand_out(const lines *l, int i, shape *out) {
    enum { BESIDE = 2 }; /* angles on either side of a patch that may belong to it */
    uint8_t left_out[DM_NT] = {0};
    float fit[DM_NT];
    int n = 0;
    for (int t = 0; t < DM_NT; t++)
        for (int d = -BESIDE; d <= BESIDE; d++)
            if (l->label[i * DM_NT + (t + d + DM_NT) % DM_NT]) left_out[t] = 1;
    for (int t = 0; t < DM_NT; t++) n += left_out[t];
    if (n == 0 || n > MOST_LEFT_OUT) return;
    dm_fit_ellipse(l->rd + (size_t)i * DM_NT, left_out, fit);
    for (int t = 0; t < DM_NT; t++) {
        int c = i * DM_NT + t;
        if (!l->label[c]) continue;
        float ring = l->rd[c] - fit[t], along = stand_out_along(l, i, t, ring);
        out[c] = (shape){ring, l->dim[c] ? fminf(ring, along) : ring, along, l->evidence[c]};
    }
}

/* Means over the cells of the same patch within 8 mm along the line. */
static shape mean_shape(const lines *l, const shape *out, int i, int label) {
    shape sum = {0.0f, 0.0f, 0.0f, 0.0f};
    float n = 0.0f;
    for (int ii = i - NEAR_ROWS; ii <= i + NEAR_ROWS; ii++)
        for (int t = 0; t < DM_NT && ii >= 0 && ii < l->u->a.ns; t++) {
            const shape *q = &out[ii * DM_NT + t];
            if (l->label[ii * DM_NT + t] != label) continue;
            sum.ring += q->ring, sum.both += q->both, sum.along += q->along, sum.line += q->line;
            n += 1.0f;
        }
    return n > 0.0f ? (shape){sum.ring / n, sum.both / n, sum.along / n, sum.line / n} : sum;
}

/* Fluid that pulsates is as dim as a pool, and roots make lines, but the sac keeps its shape; a pool stands
 * out from it. In front the canal leaves it little room: with a clear line less is enough, if the ring and
 * the dura further along both show it. */
static int stands_out(const lines *l, shape mean) {
    float least = (float)l->p->outward, less = least / 1.5f;
    int clear = mean.line >= clear_line && 0.5f * (mean.ring + mean.along) >= less &&
                   fminf(mean.ring, mean.along) >= 0.5f * less;
    return mean.both >= least || clear;
}

/* Takes the label from the rows of a patch that do not stand out. */
static dm_status drop_flat(lines *l) {
    int n = l->u->a.ns, *kept = malloc((size_t)n * DM_NT * sizeof *kept);
    shape *out = calloc((size_t)n * DM_NT, sizeof *out);
    if (kept && out) {
        for (int i = 0; i < n; i++) stand_out(l, i, out);
        for (int c = 0; c < n * DM_NT; c++) {
            int label = l->label[c], known = c % DM_NT && l->label[c - 1] == label;
            kept[c] = known                                                          ? kept[c - 1]
                      : label && stands_out(l, mean_shape(l, out, c / DM_NT, label)) ? label
                                                                                     : 0;
        }
        memcpy(l->label, kept, (size_t)n * DM_NT * sizeof *kept);
    }
    dm_status status =
        kept && out ? dm_ok
                    : dm_fail(DM_STUDY, "out_of_memory", "no memory for the sac's shape at %d positions", n);
    free(out), free(kept);
    return status;
}

/* Labels of patches that are large enough stay; the others' become 0. */
static dm_status drop_small(lines *l, int patches) {
    int cells = l->u->a.ns * DM_NT, *count = calloc(3 * (size_t)(patches + 1), sizeof *count);
    if (!count)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d patches of the dura's line", patches);
    int *rows = count + patches + 1, *last = rows + patches + 1;
    for (int c = 0; c < cells; c++) {
        int k = l->label[c], row = c / DM_NT + 1;
        count[k]++;
        if (last[k] != row) rows[k]++, last[k] = row;
    }
    for (int c = 0; c < cells; c++)
        if (count[l->label[c]] < LEAST_CELLS || rows[l->label[c]] < LEAST_ROWS) l->label[c] = 0;
    free(count);
    return dm_ok;
}

static dm_status find_patches(lines *l) {
    int n = dm_patches_label(l->worth, l->u->a.ns, (float)l->p->grow, (float)l->p->seed, l->label, l->stack);
    DM_TRY(drop_small(l, n));
    DM_TRY(drop_flat(l));
    return drop_small(l, n);
}

/* The dura follows the lines that are kept, and comes back to itself beside them no steeper than a surface
 * may be. */
static void apply(lines *l, float *rd, float *qd, uint8_t *parted) {
    int n = l->u->a.ns;
    float *cap = l->spare;
    for (int c = 0; c < n * DM_NT; c++) {
        cap[c] = l->label[c] ? l->radius[c] : 1e9f;
        if (l->label[c]) qd[c] = fmaxf(l->evidence[c], DM_LINE_NONE), parted[c] = 1;
    }
    for (int pass = 0; pass < 4; pass++)
        for (int j = 0; j < n * DM_NT; j++) {
            int c = pass % 2 ? n * DM_NT - 1 - j : j, i = c / DM_NT, t = c % DM_NT,
                before = pass % 2 ? i + 1 : i - 1;
            float near = fminf(cap[i * DM_NT + (t + 1) % DM_NT], cap[i * DM_NT + (t + DM_NT - 1) % DM_NT]);
            if (before >= 0 && before < n) near = fminf(near, cap[before * DM_NT + t]);
            cap[c] = fminf(cap[c], near + steep);
        }
    for (int c = 0; c < n * DM_NT; c++) rd[c] = fminf(rd[c], cap[c]);
}

dm_status dm_divide_pools(dm_unrolled *u, const dm_divide_params *p, const float *level, const float *place,
                          float *rd, float *qd, uint8_t *parted) {
    lines l = {.u = u, .p = p, .rd = rd, .scan.mr = p->mr};
    dm_status status;
    DM_TRY_OUT(lines_make((size_t)u->a.ns, &l));
    for (int i = 0; i < u->a.ns; i++)
        l.rim[i] = !dm_is_outside(level[i]) && place[i] < (float)p->roots && i * u->step >= p->ends
                       ? rim_at(&l, i, level[i])
                       : 0.0f;
    measure_blur(&l, l.spare);
    DM_TRY_OUT(solve(&l, u));
    for (int i = 0; i < u->a.ns; i++) look(&l, i);
    weigh(&l);
    DM_TRY_OUT(find_patches(&l));
    apply(&l, rd, qd, parted);
out:
    lines_clear(&l);
    return status;
}
