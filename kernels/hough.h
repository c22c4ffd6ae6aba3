/* A bright ball beside the sac: how well does a sphere round this centre stand out? (Hough transform of
 * spheres.) */
#ifndef DM_HOUGH_H
#define DM_HOUGH_H
#include "grid.h"

enum { DM_HOUGH_RADII = 20, DM_HOUGH_SAMPLES = 30 }; /* radii (6 + k) steps; profile (j + 1) steps */

typedef struct dm_hough_args {
    dm_grid_args grid;
    int n, n_directions;
    float step; /* mm of one sample of a profile: 0.25 for diverticula, more for cysts */
    int crossed; /* 1 = a root may run through a ball (MR); on CT what is so uneven is bone */
} dm_hough_args;

/* One centre: LPS point, value of the sac and of soft tissue (HU or signal), unit vector towards the sac,
 * noise as a share of the sac above soft tissue. Out: score, radius in mm, value as a share of the sac, share
 * of rays that fall to soft tissue, how much brighter the rim is than the middle (share of the middle: bone
 * has a bright shell). */
enum { DM_HOUGH_CENTRE = 9, DM_HOUGH_OUT = 5 };

/* Share of the sac above soft tissue: fat counts as soft tissue, so that a ball's edge looks alike against
 * either. */
DM_FN float dm_hough_share(const dm_hough_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                           DM_GLOBAL const float *c, float x, float y, float z) {
    float v = dm_sample_lps(volume, &g->grid, x, y, z);
    return dm_is_outside(v) ? -1.0f : dm_fmax((v - c[4]) / (c[3] - c[4]), -0.1f);
}

/* A ball reads at most so many times the sac: of its rim beside the cord the blur leaves 0.75, and there is noise. */
#define DM_HOUGH_MOST 1.6f

enum { DM_HOUGH_NEAR = 7, DM_HOUGH_VALUES = 15 };

/* Value of a ball: the mean of the centre and six points 0.7 mm from it, as one voxel's noise must not decide; where a root of 2 mm
 * may run through it, of these and eight points 1.75 mm from the centre the mean of the third to the fifth brightest. */
DM_FN float dm_hough_value(const dm_hough_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                           DM_GLOBAL const float *c) {
    float v[DM_HOUGH_VALUES], sum = 0.0f;
    int n = g->crossed ? DM_HOUGH_VALUES : DM_HOUGH_NEAR;
    for (int k = 0; k < n; k++) {
        float d[3] = {0.0f, 0.0f, 0.0f};
        for (int x = 0; x < 3; x++) {
            if (k >= DM_HOUGH_NEAR) d[x] = (k >> x & 1) ? 1.01f : -1.01f; /* 1.75 mm along the diagonal of a cube */
            else if (k > 0 && (k - 1) / 2 == x) d[x] = (k & 1) ? -0.7f : 0.7f;
        }
        float here = dm_hough_share(g, volume, c, c[0] + d[0], c[1] + d[1], c[2] + d[2]);
        sum += here;
        if (g->crossed) dm_put_in_order(v, k, here);
    }
    return g->crossed ? (v[2] + v[3] + v[4]) / 3.0f : sum / (float)n;
}

/* What the rays of one centre show at every radius. */
typedef struct dm_hough_tally {
    int falls[DM_HOUGH_RADII], rises[DM_HOUGH_RADII], alike[DM_HOUGH_SAMPLES], used;
    float rim[DM_HOUGH_RADII]; /* sum over rays of the value 1 mm (4 samples) inside the radius */
} dm_hough_tally;

/* A ray falls where the profile goes from above 0.6 v to below 0.5 v within 8 samples (2 mm: a scanner's
 * edge) by more than a quarter of v; it meets bone where it rises by as much. The inside is even where it
 * stays within 28 % of v, or within twice the noise. */
DM_FN void dm_hough_ray(const float x[DM_HOUGH_SAMPLES], float v, float noise, dm_hough_tally *t) {
    float loose = dm_fmax(0.28f * v, 2.0f * noise);
    t->used++;
    for (int j = 0; j < DM_HOUGH_SAMPLES; j++) t->alike[j] += dm_fabs(x[j] - v) < loose;
    for (int k = 0; k < DM_HOUGH_RADII; k++) {
        /* radius (6 + k) steps lies at sample k + 5 */
        float in = x[k + 2], outside = x[k + 10 < DM_HOUGH_SAMPLES ? k + 10 : DM_HOUGH_SAMPLES - 1];
        t->falls[k] += in > 0.6f * v && outside < 0.5f * v && in - outside > 0.25f * v;
        t->rises[k] += in < 1.4f * v + noise && outside > 1.4f * v + noise;
        t->rim[k] += x[k + 1];
    }
}

/* Scores of all radii are made from one set of rays. Rays towards the sac (45 degrees) are left out: there
 * the stalk is. A ball may lie against bone over half of its face. */
DM_FN void dm_hough_centre(const dm_hough_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                           DM_GLOBAL const float *DM_RESTRICT centres,
                           DM_GLOBAL const float *DM_RESTRICT directions, DM_GLOBAL float *DM_RESTRICT out,
                           int at) {
    DM_GLOBAL const float *c = centres + (size_t)at * DM_HOUGH_CENTRE;
    DM_GLOBAL float *o = out + (size_t)at * DM_HOUGH_OUT;
    dm_hough_tally t;
    float v = dm_hough_value(g, volume, c);
    for (int i = 0; i < DM_HOUGH_OUT; i++) o[i] = 0.0f;
    o[2] = v;
    if (v < dm_fmax(0.12f, 1.5f * c[8]) || v > DM_HOUGH_MOST) return;
    t.used = 0;
    for (int k = 0; k < DM_HOUGH_RADII; k++) {
        t.falls[k] = t.rises[k] = 0;
        t.rim[k] = 0.0f;
    }
    for (int j = 0; j < DM_HOUGH_SAMPLES; j++) t.alike[j] = 0;
    for (int d = 0; d < g->n_directions; d++) {
        DM_GLOBAL const float *u = directions + 3 * d;
        if (u[0] * c[5] + u[1] * c[6] + u[2] * c[7] > 0.7f) continue;
        float x[DM_HOUGH_SAMPLES];
        for (int j = 0; j < DM_HOUGH_SAMPLES; j++) {
            float r = g->step * (float)(j + 1);
            x[j] = dm_hough_share(g, volume, c, c[0] + r * u[0], c[1] + r * u[1], c[2] + r * u[2]);
            /* beyond the scan: neither edge, nor bone, nor the ball's own inside */
            if (x[j] < -0.5f) x[j] = 1.35f * v;
        }
        dm_hough_ray(x, v, c[8], &t);
    }
    int inside = 0;
    for (int k = 0; k < DM_HOUGH_RADII && t.used > 0; k++) {
        float r = g->step * (float)(6 + k), all = (float)t.used;
        inside += t.alike[k + 1]; /* up to four samples inside the radius */
        float even = (float)inside / (all * (float)(k + 1));
        float falls = (float)t.falls[k] / all, rises = (float)t.rises[k] / all;
        float q = (falls + dm_fmin(rises, 1.2f * falls)) * even * dm_fmin(r / (8.8f * g->step), 1.0f) *
                  (1.0f + 0.01f * (float)(6 + k));
        if (q > o[0]) {
            o[0] = q;
            o[1] = r;
            o[3] = falls;
            o[4] = t.rim[k] / all / v - 1.0f;
        }
    }
}

#endif
