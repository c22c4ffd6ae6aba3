/* The line between the sac and a pool that the dura's surface went round. The strongest edge near an epidural
 * pool as bright as the sac is the pool's outer one. Between pool and sac lie dura and arachnoid, less
 * than half a millimetre of dark: blurred, a shallow valley or, where the pool is the dimmer one, a step.
 * Depths are mm inwards from the dura found; values are shares of `rim`, the usual brightness of the fluid
 * under the dura at this position. On CT only a valley counts: contrast that has settled, and the cord against the dura, make steps.
 * Rays as in surface.h. */
#ifndef DM_DURA_LINE_H
#define DM_DURA_LINE_H
#include "surface.h"

/* mm: least depth of the line; a layer of less than 0.8 mm and the line are lost in the blur. */
#define DM_LINE_LEAST 1.25f
/* mm: pools push the dura in by up to 4 mm. */
#define DM_LINE_MOST 4.25f
/* Worth of a ray without a line: roots and pulsation make lines that are weaker. */
#define DM_LINE_NONE 0.35f

typedef struct dm_line_ray {
    int fluid; /* 1 = there is fluid below any line to compare with */
    float dim; /* 0..1: where there is none, how much too dim for its thickness the layer on the cord is */
    int cord;  /* sample of the cord's edge; where dim > 0 */
} dm_line_ray;

enum { DM_LINE_BLURRED = 8 };
/* What rays are read with. */
typedef struct dm_line_scan {
    float kept[DM_LINE_BLURRED]; /* what the scan's blur leaves of the brightness at the first depths under the dura, by sample */
    int mr;                      /* 1 = a step and a dim layer tell as well as a valley does */
} dm_line_scan;

/* What one ray is read with. */
typedef struct dm_line_view {
    dm_surf_args a;
    dm_line_scan scan;
    float rim; /* 0: nothing to compare with */
    int k0;    /* sample of the dura found */
} dm_line_view;

/* Value at depth d samples, made up for what blur took there. */
DM_FN float dm_line_value(DM_GLOBAL const float *s, dm_line_view w, int d) {
    int k = dm_clampi(w.k0 - d, 0, w.a.nr - 1);
    float kept = d < DM_LINE_BLURRED ? w.scan.kept[dm_max(d, 0)] : 1.0f;
    return dm_is_outside(s[k]) ? 0.0f : s[k] / (w.rim * kept);
}

DM_FN float dm_line_mean(DM_GLOBAL const float *s, dm_line_view w, int from, int to) {
    float sum = 0.0f;
    for (int d = from; d <= to; d++) sum += dm_line_value(s, w, d);
    return sum / (float)dm_max(to - from + 1, 1);
}

/* Depth of the largest value from..to. */
DM_FN int dm_line_brightest(DM_GLOBAL const float *s, dm_line_view w, int from, int to) {
    int best = from;
    for (int d = from + 1; d <= to; d++)
        if (dm_line_value(s, w, d) > dm_line_value(s, w, best)) best = d;
    return best;
}

/* Fluid is looked for from 1.5 mm on. Blur takes less than a tenth of the brightness of a layer of 1.75 mm.
 */
DM_FN dm_line_ray dm_line_look(DM_GLOBAL const float *s, dm_line_view w) {
    dm_line_ray r = {0, 0.0f, 0};
    int deep = dm_line_brightest(s, w, dm_mm(1.5f, w.a.dr), dm_mm(4.75f, w.a.dr));
    int best = dm_line_brightest(s, w, dm_mm(0.75f, w.a.dr), dm_mm(5.25f, w.a.dr)), d = best + 1;
    float most = dm_line_value(s, w, best);
    r.fluid = dm_line_value(s, w, deep) > 0.85f;
    if (r.fluid || !w.scan.mr) return r;
    while (d < dm_mm(5.0f, w.a.dr) && dm_line_value(s, w, d) >= 0.5f * most) d++;
    if (d < dm_mm(1.75f, w.a.dr) || d >= dm_mm(5.0f, w.a.dr)) return r;
    r.dim = dm_ramp(-most, -0.92f, 0.2f);
    r.cord = w.k0 - d;
    return r;
}

/* Strength 0..1 of a line at depth d: fall from the millimetre inside it to the one outside (MR), or the valley's
 * depth, doubled for what blur left of it. There must be fluid inside, and a layer at least half as bright as
 * pools are outside. */
DM_FN float dm_line_strength(DM_GLOBAL const float *s, dm_line_view w, int d) {
    int mm = dm_mm(1.0f, w.a.dr), edge = dm_mm(0.5f, w.a.dr);
    float inner = dm_line_mean(s, w, d + 1, d + mm);
    float outer = dm_line_mean(s, w, dm_max(d - mm + 1, edge), d - 1);
    int best = dm_line_brightest(s, w, edge, dm_max(d - 2, edge + 1));
    float layer = dm_line_value(s, w, best), low = dm_line_value(s, w, d);
    low = dm_fmin(low, dm_fmin(dm_line_value(s, w, d - 1), dm_line_value(s, w, d + 1)));
    float valley = 2.0f * (dm_fmin(inner, layer) - low), line = w.scan.mr ? dm_fmax(inner - outer, valley) : valley;
    return dm_clampf(line / 0.3f, 0.0f, 1.0f) * dm_ramp(layer, 0.2f, 0.15f) * dm_ramp(inner, 0.55f, 0.2f);
}

/* What every radius of a ray is worth as the sac's border: within DM_LINE_LEAST of the dura found, the ray
 * has no line; deeper, the strength of a line there. Where there is no fluid to compare with, any depth is as
 * good, but for a dim layer, which ends at the cord. */
DM_FN void dm_line_worths(DM_GLOBAL const float *s, dm_line_view w, float min_r, DM_GLOBAL float *out) {
    int least = dm_mm(DM_LINE_LEAST, w.a.dr);
    dm_line_ray ray = {0, 0.0f, 0};
    if (w.rim > 0.0f) ray = dm_line_look(s, w);
    for (int k = 0; k < w.a.nr; k++) {
        int d = w.k0 - k;
        out[k] = 0.0f;
        if (d < 0 || (float)d * w.a.dr > DM_LINE_MOST || (float)k * w.a.dr < min_r) continue;
        out[k] = DM_LINE_NONE;
        if (d >= least && ray.fluid) out[k] = dm_line_strength(s, w, d);
        if (ray.dim > 0.0f && k >= ray.cord && (float)(k - ray.cord) * w.a.dr <= 0.75f)
            out[k] += 0.4f * ray.dim;
    }
}

#endif
