/* Below the cord: roots that lie on the low side of the sac. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"

/* The layer, in shares of the fluid: its mean just beyond the fluid's edge, and the values of which it consists. Roots of a
 * fifth to a third of the fluid's brightness with fluid between them; fat is darker or brighter. */
static const float layer_dark = 0.2f, layer_bright = 0.65f, layer_least = 0.15f, layer_most = 0.75f;
static const float layer_lasts = 0.6f;            /* share of it that must last along the line */
static const float edge_blur = 1.0f;     /* mm of the fluid's edge that say nothing */
static const float looked_at = 0.75f;    /* share of the asked thickness behind that, for the mean */
/* A cord: samples darker than this take more than this share of the area inside the fluid's edge. */
static const float cord_dark = 0.5f, cord_most = 0.12f;
/* Half of the arc over which the layer must lie, and over which the fluid's edge must be level, in steps of 5 degrees; of the
 * chord that it is held against. */
enum { LAYER_ARC = 9, LEVEL_ARC = 7, CHORD_ARC = 10 };
/* What a position must show: share of that arc with a layer, depth of what is bright as a share of a healthy sac's of that width, height
 * over the chord as a share of half of it (a circle's is 0.47). From there the roots are followed up and down as far as less is shown. */
typedef struct signs {
    float share, depth, height;
    int layer;   /* as in scan */
    int no_cord; /* 1 = nor may a cord be inside; roots lie beside its end */
} signs;
static const signs clear_signs = {0.6f, 0.88f, 0.3f, 2, 1}, some_signs = {0.4f, 1.0f, 0.45f, 1, 0};
static const float healthy_ratio = 0.85f; /* depth to width of lumbar sacs: 14.5 to 17 mm at L2, 13.5 to 16 at L4 */
enum { NEAR_ROWS = 8, LEAST_ROWS = 20 }; /* mm to either side that vote; mm along the line below which it is chance */
/* The dura's edge behind the layer. */
static const float full_edge = 0.25f;  /* step, share of the fluid, that makes a full one */
/* mm from the healthy shape that cost nothing; cost of each more inside it and outside, where the next edge may be a pool's. */
static const float off_dead = 1.0f, off_inside = 0.15f, off_outside = 0.3f;
static const float turn_cost = 0.06f;  /* of a quarter of a millimetre from one angle to the next, per square */
enum { TURN_MOST = 6, SEARCH_MOST = 72, SEARCH_OUT = 10 };
enum { SMOOTH_ROWS = 4, SMOOTH_TURN = 2, MEDIAN_ROWS = 4, ROUNDS = 2 };
static const float missing = 0.75f;    /* mm by which the healthy shape reaches beyond what is bright */

typedef struct scan {
    const dm_unrolled *u;
    const float *level;
    float tissue;                  /* HU; MR 0 */
    float *rd, *qd;
    uint8_t *layer;                /* per ray: 0 none, 1 half as thick as asked, 2 as thick */
    uint8_t *fluid, *cord;         /* per position: the sac is filled; a cord is inside the fluid's edge */
    uint8_t *roots;                /* per ray: out */
    uint8_t *held, *best;          /* per position: meets all that is asked for; the same, voted, of the best angle */
    float *shape, *found, *strength; /* per ray: radius of the dura looked for, 0 = nothing missing; of the one found, and its edge */
    float *span, *spare;             /* per ray: the dura with its dents along the line spanned; room for that */
} scan;

static float turn_of(int t) {
    return (float)(2 * 3.14159265358979323846 / DM_NT) * (float)t;
}

static int wrapped(int t) {
    return (t % DM_NT + DM_NT) % DM_NT;
}

static const float *ray(const float *v, const scan *s, int i, int t) {
    return v + dm_ray_of(s->u->a, i, t);
}

/* 0 tissue, 1 fluid. */
static float share_of(const scan *s, int i, float v) {
    return (v - s->tissue) / (s->level[i] - s->tissue);
}

/* 1 where a layer as of roots lies behind the fluid's edge, `least` mm thick, and goes on along the line: strands do, the wall of a
 * body ends at its discs. */
static int layer_on(const scan *s, int i, int t, float least) {
    const float *v = ray(s->u->s, s, i, t), *lasting = ray(s->u->o, s, i, t), dr = s->u->a.dr;
    int edge = dm_mm(s->rd[i * DM_NT + t], dr), from = edge + dm_mm(edge_blur, dr), to = from + dm_mm(looked_at * least, dr), k = from;
    float sum = 0.0f, persists = 0.0f;
    if (to >= s->u->a.nr) return 0;
    for (int j = from; j < to; j++) {
        if (dm_is_outside(v[j]) || dm_is_outside(lasting[j])) return 0;
        sum += share_of(s, i, v[j]), persists += share_of(s, i, lasting[j]);
    }
    float mean = sum / (float)(to - from);
    if (mean < layer_dark || mean > layer_bright || persists < layer_lasts * sum) return 0;
    while (k < s->u->a.nr && !dm_is_outside(v[k]) && share_of(s, i, v[k]) > layer_least && share_of(s, i, v[k]) < layer_most) k++;
    return (float)(k - edge) * dr >= least;
}

/* 1 where something inside the fluid's edge is as large and dark as a cord. */
static int cord_at(const scan *s, int i) {
    float dark = 0.0f, all = 0.0f, dr = s->u->a.dr;
    for (int t = 0; t < DM_NT; t++) {
        const float *v = ray(s->u->s, s, i, t);
        for (int k = 1; (float)k * dr < s->rd[i * DM_NT + t] - edge_blur; k++) {
            all += (float)k;
            if (!dm_is_outside(v[k]) && share_of(s, i, v[k]) < cord_dark) dark += (float)k;
        }
    }
    return dark >= cord_most * all;
}

/* Extent of a healthy sac towards an angle to that across it. */
static float healthy_depth(int angle) {
    float c = cosf(turn_of(angle)), s = sinf(turn_of(angle)), ap = healthy_ratio * healthy_ratio;
    return sqrtf((ap * c * c + s * s) / (ap * s * s + c * c));
}

/* The ring of a position against an angle: how deep it is that way and how wide across. */
typedef struct ring_size {
    float top, bottom, left, right; /* mm along the angle, and across it */
} ring_size;

static ring_size size_of(const float *r, int angle) {
    ring_size z = {1e6f, -1e6f, 1e6f, -1e6f};
    for (int t = 0; t < DM_NT; t++) {
        float h = r[t] * cosf(turn_of(t - angle)), w = r[t] * sinf(turn_of(t - angle));
        z.top = fminf(z.top, h), z.bottom = fmaxf(z.bottom, h), z.left = fminf(z.left, w), z.right = fmaxf(z.right, w);
    }
    return z;
}

/* Greatest height of the ring over its chord across the angle, share of half the chord. A fluid's free surface is level; a
 * dura that a pool presses on stays round. */
static float bulge_of(const float *r, int angle) {
    float ends[4], most = -1e6f;
    for (int e = 0; e < 2; e++) {
        int t = angle + (e ? CHORD_ARC : -CHORD_ARC);
        ends[2 * e] = r[wrapped(t)] * cosf(turn_of(t - angle)), ends[2 * e + 1] = r[wrapped(t)] * sinf(turn_of(t - angle));
    }
    for (int d = -LEVEL_ARC; d <= LEVEL_ARC; d++) {
        float h = r[wrapped(angle + d)] * cosf(turn_of(d)), w = r[wrapped(angle + d)] * sinf(turn_of(d));
        float f = (w - ends[1]) / (ends[3] - ends[1]);
        most = fmaxf(most, h - ends[0] - f * (ends[2] - ends[0]));
    }
    return most / (0.5f * (ends[3] - ends[1]));
}

static int lies_at(const scan *s, int i, int angle, signs asked) {
    int n = 0;
    if (!s->fluid[i] || (asked.no_cord && s->cord[i])) return 0;
    for (int d = -LAYER_ARC; d <= LAYER_ARC; d++) n += s->layer[i * DM_NT + wrapped(angle + d)] >= asked.layer;
    if ((float)n < asked.share * (float)(2 * LAYER_ARC + 1)) return 0;
    const float *r = s->rd + (size_t)i * DM_NT;
    ring_size z = size_of(r, angle);
    return z.bottom - z.top <= asked.depth * healthy_depth(angle) * (z.right - z.left) && bulge_of(r, angle) <= asked.height;
}

/* Half and more of the positions within NEAR_ROWS agree. Returns how many that are. */
static int vote(const uint8_t *held, int n, uint8_t *out) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        int yes = 0, all = 0;
        for (int j = i - NEAR_ROWS; j <= i + NEAR_ROWS; j++)
            if (j >= 0 && j < n) all++, yes += held[j];
        count += out[i] = (uint8_t)(2 * yes >= all);
    }
    return count;
}

/* Which way the patient lay: the angle at which most positions show it. Fills best; -1 = nowhere. */
static int low_side(scan *s, uint8_t *spare) {
    int angle = -1, most = LEAST_ROWS - 1, n = s->u->a.ns;
    for (int t = 0; t < DM_NT; t += 2) {
        for (int i = 0; i < n; i++) s->held[i] = (uint8_t)lies_at(s, i, t, clear_signs);
        int count = vote(s->held, n, spare);
        if (count <= most) continue;
        most = count, angle = t;
        memcpy(s->best, spare, (size_t)n);
    }
    return angle;
}

/* Up and down from where they are clear. */
static void follow(scan *s, int angle) {
    int n = s->u->a.ns;
    for (int i = 1; i < n; i++)
        if (!s->best[i] && s->best[i - 1]) s->best[i] = (uint8_t)lies_at(s, i, angle, some_signs);
    for (int i = n - 2; i >= 0; i--)
        if (!s->best[i] && s->best[i + 1]) s->best[i] = (uint8_t)lies_at(s, i, angle, some_signs);
}

/* The ellipse of a healthy sac whose top is the bright part's, as wide as that or, where the roots climb a wall and hide its widest part,
 * as wide as its depth asks for: where a ray leaves it. */
static void healthy_shape(scan *s, int i, int angle) {
    const float *r = s->rd + (size_t)i * DM_NT;
    ring_size z = size_of(r, angle);
    float half = 0.5f * (z.right - z.left), deep = 0.5f * (z.bottom - z.top), ratio = healthy_depth(angle);
    float a = fmaxf(half, deep / ratio), b = fmaxf(ratio * half, deep), middle = z.top + b, aside = 0.5f * (z.right + z.left);
    for (int t = 0; t < DM_NT; t++) {
        float c = cosf(turn_of(t - angle)), d = sinf(turn_of(t - angle));
        float square = c * c / (b * b) + d * d / (a * a), line = c * middle / (b * b) + d * aside / (a * a),
              rest = middle * middle / (b * b) + aside * aside / (a * a) - 1.0f, root = line * line - square * rest;
        float out = root > 0.0f ? (line + sqrtf(root)) / square : 0.0f;
        s->shape[i * DM_NT + t] = out - r[t] > missing && c > -0.35f ? out : 0.0f;
    }
}

/* Values near a ray, on the fluid's scale: strands run along the line, the dura runs on both ways. */
static void near_values(const scan *s, int i, int t, float out[SEARCH_MOST]) {
    float weight[SEARCH_MOST] = {0};
    memset(out, 0, SEARCH_MOST * sizeof *out);
    for (int di = -SMOOTH_ROWS; di <= SMOOTH_ROWS; di++)
        for (int dt = -SMOOTH_TURN; dt <= SMOOTH_TURN; dt++) {
            int j = i + di;
            if (j < 0 || j >= s->u->a.ns || dm_is_outside(s->level[j])) continue;
            const float *v = ray(s->u->s, s, j, wrapped(t + dt));
            float w = expf(-0.5f * ((float)(di * di) / 9.0f + (float)(dt * dt)));
            for (int k = 0; k < SEARCH_MOST && k < s->u->a.nr; k++)
                if (!dm_is_outside(v[k])) out[k] += w * share_of(s, j, v[k]), weight[k] += w;
        }
    for (int k = 0; k < SEARCH_MOST; k++) out[k] = weight[k] > 0.0f ? out[k] / weight[k] : DM_OUTSIDE;
}

/* Strength 0..1 of a step at k, up or down: behind the roots there may be dark bone or bright fat. */
static float edge_at(const float *v, int k, int half) {
    float in = 0.0f, out = 0.0f;
    if (k < half || k + half >= SEARCH_MOST) return 0.0f;
    for (int d = 1; d <= half; d++) {
        if (dm_is_outside(v[k - d]) || dm_is_outside(v[k + d])) return 0.0f;
        in += v[k - d], out += v[k + d];
    }
    return fminf(fabsf(in - out) / ((float)half * full_edge), 1.0f);
}

static float cost_off(float r, float shape) {
    float off = fmaxf(fabsf(r - shape) - off_dead, 0.0f);
    return off * (r < shape ? off_inside : off_outside);
}

/* A ring's costs and edges by angle and sample. */
typedef struct ring_costs {
    float cost[DM_NT][SEARCH_MOST], edge[DM_NT][SEARCH_MOST];
} ring_costs;

/* Edges near the healthy shape where something is missing, else the ring as it is and nothing beside it. */
static void weigh(const scan *s, int i, ring_costs *w) {
    static const float never = 1000.0f;
    float dr = s->u->a.dr;
    for (int t = 0; t < DM_NT; t++) {
        float v[SEARCH_MOST], shape = s->shape[i * DM_NT + t], r = s->rd[i * DM_NT + t];
        int at = dm_mm(r, dr) < SEARCH_MOST ? dm_mm(r, dr) : SEARCH_MOST - 1;
        for (int k = 0; k < SEARCH_MOST; k++) w->cost[t][k] = never, w->edge[t][k] = 0.0f;
        w->cost[t][at] = shape > 0.0f ? 1.0f + cost_off(r, shape) : 0.0f;
        if (shape <= 0.0f) continue;
        near_values(s, i, t, v);
        for (int k = at + 2; k < SEARCH_MOST && k <= dm_mm(shape, dr) + SEARCH_OUT; k++) {
            w->edge[t][k] = edge_at(v, k, dm_mm(1.0f, dr));
            w->cost[t][k] = 1.0f - w->edge[t][k] + cost_off((float)k * dr, shape);
        }
    }
}

/* One step round: the cheapest way to every sample of an angle from those of the angle before. */
static void step_round(const float *before, const float *cost, float *now, signed char *from) {
    for (int k = 0; k < SEARCH_MOST; k++) {
        float least = 1e6f;
        for (int d = -TURN_MOST; d <= TURN_MOST; d++) {
            if (k - d < 0 || k - d >= SEARCH_MOST) continue;
            float c = before[k - d] + turn_cost * (float)(d * d);
            if (c < least) least = c, from[k] = (signed char)d;
        }
        now[k] = least + cost[k];
    }
}

/* The cheapest ring of a position, from the angle opposite the roots, which stands, round to it again. */
static void search_ring(scan *s, int i, int angle, ring_costs *w) {
    float sum[2][SEARCH_MOST];
    signed char from[DM_NT][SEARCH_MOST];
    int first = wrapped(angle + DM_NT / 2), k = 0;
    const float *end = sum[(DM_NT - 1) & 1];
    weigh(s, i, w);
    memcpy(sum[0], w->cost[first], sizeof sum[0]);
    for (int n = 1; n < DM_NT; n++) step_round(sum[(n - 1) & 1], w->cost[wrapped(first + n)], sum[n & 1], from[n]);
    for (int j = 1; j < SEARCH_MOST; j++)
        if (end[j] < end[k]) k = j;
    for (int n = DM_NT - 1; n >= 0; n--) {
        int t = wrapped(first + n), c = i * DM_NT + t, moved = s->shape[c] > 0.0f;
        s->found[c] = moved ? fmaxf((float)k * s->u->a.dr, s->rd[c]) : s->rd[c];
        s->strength[c] = moved ? w->edge[t][k] : s->qd[c];
        if (n) k -= from[n][k];
    }
}

/* How far from the low side a dura in front of roots is moved on along the line, in steps of 5 degrees; rays with roots behind them
 * that a position must show; positions (mm) without before it ends; of the last ones, whose median leads on. */
enum { SPREAD_ARC = 15, SPREAD_RAYS = 4, SPREAD_GAP = 6, SPREAD_ROWS = 5 };

/* The median along the line of what was found takes the place of the ring, and roots are said to lie on that side. */
static void take(scan *s, int angle) {
    for (int i = 0; i < s->u->a.ns; i++) {
        for (int d = -SPREAD_ARC; s->best[i] && d <= SPREAD_ARC; d++) s->roots[i * DM_NT + wrapped(angle + d)] = 1;
        for (int t = 0; s->best[i] && t < DM_NT; t++) {
            float v[2 * MEDIAN_ROWS + 1];
            int n = 0, c = i * DM_NT + t;
            for (int j = i - MEDIAN_ROWS; j <= i + MEDIAN_ROWS; j++)
                if (j >= 0 && j < s->u->a.ns && s->best[j]) v[n++] = s->found[j * DM_NT + t];
            s->qd[c] = s->strength[c];
            s->rd[c] = fmaxf(dm_median(v, n), s->rd[c]);
        }
    }
}

/* The dura that the rings just found lead to at the next position, where it is missing there: shape. Returns how many rays with
 * roots behind what was found there that makes. */
static int lead_on(scan *s, int i, int step, int angle) {
    int rays = 0;
    for (int t = 0; t < DM_NT; t++) s->shape[i * DM_NT + t] = 0.0f;
    for (int d = -SPREAD_ARC; d <= SPREAD_ARC; d++) {
        float v[SPREAD_ROWS];
        int t = wrapped(angle + d), c = i * DM_NT + t, n = 0;
        for (int j = i - step; n < SPREAD_ROWS && j >= 0 && j < s->u->a.ns && s->best[j]; j -= step) v[n++] = s->found[j * DM_NT + t];
        float r = n ? dm_median(v, n) : 0.0f;
        if (r - s->rd[c] <= missing) continue;
        s->shape[c] = r;
        rays += s->layer[c] > 0;
    }
    return rays;
}

/* A dura makes no step: from where the roots are clear on up and down, as long as the dura found lies in front of them, inside of
 * where the last rings lead. */
static void spread(scan *s, int step, int angle, ring_costs *costs) {
    int n = s->u->a.ns;
    for (int i = step > 0 ? 1 : n - 2, gap = 0; i > 0 && i < n - 1; i += step) {
        if (s->best[i] || !s->best[i - step]) {
            gap = 0;
            continue;
        }
        if (!s->fluid[i]) continue;
        gap = lead_on(s, i, step, angle) >= SPREAD_RAYS ? 0 : gap + 1;
        if (gap > SPREAD_GAP) continue;
        search_ring(s, i, angle, costs);
        s->best[i] = 1;
    }
}

/* Dents in the dura along the line: half of the longest that is spanned, a vertebra (mm); of the longest bulge that is no dura but a
 * root's sleeve; the arc about the low side, and how many of its rays. */
enum { CLOSE_ROWS = 30, OPEN_ROWS = 8, DENT_ARC = 12, DENT_RAYS = 4 };
static const float dent_deep = 1.0f;      /* mm */
static const float dent_beyond = 0.5f;    /* of its depth: mean by which the edge found behind it may lie off what spans it */

/* Greatest (sign 1) or least (-1) radius of an angle within `half` positions that hold fluid. */
static void extreme_rows(const scan *s, const float *r, int half, float sign, float *out) {
    int n = s->u->a.ns;
    for (int i = 0; i < n; i++)
        for (int t = 0; t < DM_NT; t++) {
            float best = sign * r[i * DM_NT + t];
            for (int j = i > half ? i - half : 0; j <= i + half && j < n; j++)
                if (s->fluid[j]) best = fmaxf(best, sign * r[j * DM_NT + t]);
            out[i * DM_NT + t] = sign * best;
        }
}

/* The dura without bulges shorter than a root's sleeve and without dents shorter than two vertebrae. */
static void span_along(const scan *s, float *spare, float *out) {
    extreme_rows(s, s->rd, OPEN_ROWS, -1.0f, spare), extreme_rows(s, spare, OPEN_ROWS, 1.0f, out);
    extreme_rows(s, out, CLOSE_ROWS, 1.0f, spare), extreme_rows(s, spare, CLOSE_ROWS, -1.0f, out);
    /* A sac that tapers to its end is no dent. */
    int first = 0, last = s->u->a.ns - 1;
    while (first < last && !s->fluid[first]) first++;
    while (last > first && !s->fluid[last]) last--;
    for (int i = 0; i < s->u->a.ns; i++)
        if (i < first + CLOSE_ROWS || i > last - CLOSE_ROWS) memcpy(out + i * DM_NT, s->rd + i * DM_NT, DM_NT * sizeof *out);
}

static int is_dent(const scan *s, int i, int t) {
    int c = i * DM_NT + t;
    return s->fluid[i] && s->layer[c] && s->span[c] - s->rd[c] > dent_deep;
}

/* Whether the edges found behind a run of dents are where the dura above and below leads, and not a pool's far side beyond. */
static int span_holds(const scan *s, int from, int to) {
    float deep = 0.0f, beyond = 0.0f;
    for (int c = from * DM_NT; c < to * DM_NT; c++)
        if (s->shape[c] > 0.0f) deep += s->span[c] - s->rd[c], beyond += s->found[c] - s->span[c];
    return fabsf(beyond) <= dent_beyond * deep;
}

/* Short stretches that show less than is asked for above: the roots just below the cord, a layer that is thin or climbs one wall. The
 * dura above and below them tells where it is. */
static void bridge(scan *s, int angle, ring_costs *costs) {
    int n = s->u->a.ns;
    for (int i = 0; i < n; i++) s->best[i] = 0;
    for (int i = 0; i < n; i++) {
        int rays = 0;
        for (int t = 0; t < DM_NT; t++) s->shape[i * DM_NT + t] = 0.0f;
        for (int d = -DENT_ARC; d <= DENT_ARC; d++) rays += is_dent(s, i, wrapped(angle + d));
        if (rays < DENT_RAYS) continue;
        for (int d = -DENT_ARC; d <= DENT_ARC; d++) {
            int c = i * DM_NT + wrapped(angle + d);
            if (s->span[c] - s->rd[c] > missing) s->shape[c] = s->span[c];
        }
        search_ring(s, i, angle, costs);
        s->best[i] = 1;
    }
    for (int i = 0; i < n; i++) {
        int from = i;
        while (i < n && s->best[i]) i++;
        if (i > from && !span_holds(s, from, i)) memset(s->best + from, 0, (size_t)(i - from));
    }
    take(s, angle);
}

static dm_status scan_make(scan *s) {
    size_t n = (size_t)s->u->a.ns, rays = n * DM_NT;
    s->layer = calloc(rays, 1), s->fluid = calloc(n, 1), s->cord = calloc(n, 1), s->held = calloc(n, 1), s->best = calloc(n, 1);
    s->shape = calloc(rays, sizeof(float)), s->found = calloc(rays, sizeof(float)), s->strength = calloc(rays, sizeof(float));
    s->span = calloc(rays, sizeof(float)), s->spare = calloc(rays, sizeof(float));
    if (s->layer && s->fluid && s->cord && s->held && s->best && s->shape && s->found && s->strength && s->span && s->spare)
        return dm_ok;
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for the roots at %zu positions", n);
}

static void scan_clear(scan *s) {
    free(s->layer), free(s->fluid), free(s->cord), free(s->held), free(s->best), free(s->shape), free(s->found), free(s->strength), free(s->span), free(s->spare);
}

static void look(scan *s, const dm_settled_params *p) {
    for (int i = 0; i < s->u->a.ns; i++) {
        s->fluid[i] = !dm_is_outside(s->level[i]) && s->level[i] > p->faint;
        s->cord[i] = (uint8_t)(s->fluid[i] && cord_at(s, i));
        for (int t = 0; s->fluid[i] && t < DM_NT; t++)
            s->layer[i * DM_NT + t] = (uint8_t)(layer_on(s, i, t, (float)p->least) ? 2 : layer_on(s, i, t, 0.5f * (float)p->least));
    }
}

dm_status dm_settled_roots(const dm_unrolled *u, const dm_settled_params *p, const float *level, float *rd, float *qd, uint8_t *roots) {
    scan s = {.u = u, .level = level, .tissue = p->tissue, .rd = rd, .qd = qd, .roots = roots};
    uint8_t *spare = calloc((size_t)u->a.ns, 1);
    ring_costs *costs = malloc(sizeof *costs);
    dm_status status = scan_make(&s);
    if (!spare || !costs) status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the roots at %d positions", u->a.ns);
    int angle = -1;
    if (dm_good(status)) {
        look(&s, p);
        angle = low_side(&s, spare);
        if (angle >= 0) follow(&s, angle);
    }
    /* A second round: the first one's ring shows the sac's true width where the roots hide its widest part. */
    for (int round = 0; round < ROUNDS && angle >= 0; round++) {
        for (int i = 0; i < u->a.ns; i++) {
            if (!s.best[i]) continue;
            healthy_shape(&s, i, angle);
            search_ring(&s, i, angle, costs);
        }
        take(&s, angle);
    }
    if (angle >= 0 && p->also_unclear) {
        spread(&s, 1, angle, costs), spread(&s, -1, angle, costs);
        take(&s, angle);
        span_along(&s, s.spare, s.span);
        bridge(&s, angle, costs);
    }
    free(spare), free(costs);
    scan_clear(&s);
    return status;
}
