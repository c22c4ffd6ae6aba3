/* A bright ball at the end of a stalk: how well does a sphere round this centre stand out? (Hough transform of spheres.) */
#ifndef DM_HOUGH_H
#define DM_HOUGH_H
#include "grid.h"

enum { DM_HOUGH_RADII = 20, DM_HOUGH_SAMPLES = 28 }; /* radii 1.5 + 0.25 k mm; profile 0.25 (j + 1) mm */

typedef struct dm_hough_args {
    dm_grid_args grid;
    int n, n_directions;
} dm_hough_args;

/* One centre: LPS point, sac and tissue value (HU or signal), unit vector towards the sac. */
enum { DM_HOUGH_CENTRE = 8, DM_HOUGH_OUT = 3 }; /* out: score, radius mm, value as a share of the sac */

DM_FN float dm_hough_share(const dm_hough_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                           DM_GLOBAL const float *c, float x, float y, float z) {
    float v = dm_sample_lps(volume, &g->grid, x, y, z);
    return dm_is_outside(v) ? -1.0f : (v - c[4]) / (c[3] - c[4]);
}

/* Mean of the centre and six points 0.7 mm from it: one voxel's noise must not decide. */
DM_FN float dm_hough_value(const dm_hough_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                           DM_GLOBAL const float *c) {
    float sum = dm_hough_share(g, volume, c, c[0], c[1], c[2]);
    for (int k = 0; k < 6; k++) {
        float d = (k & 1) ? 0.7f : -0.7f;
        sum += dm_hough_share(g, volume, c, c[0] + (k < 2 ? d : 0.0f), c[1] + (k / 2 == 1 ? d : 0.0f),
                              c[2] + (k > 3 ? d : 0.0f));
    }
    return sum / 7.0f;
}

/* Scores of all radii are made from one set of rays: an edge where the profile falls from above 0.6 v to below 0.5 v
 * within 1.5 mm by more than a quarter of v; homogeneity where the inside stays within 28 % of v. Rays towards the sac
 * (45 degrees) are left out: there the stalk is. */
DM_FN void dm_hough_centre(const dm_hough_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                           DM_GLOBAL const float *DM_RESTRICT centres, DM_GLOBAL const float *DM_RESTRICT directions,
                           DM_GLOBAL float *DM_RESTRICT out, int at) {
    DM_GLOBAL const float *c = centres + (size_t)at * DM_HOUGH_CENTRE;
    DM_GLOBAL float *o = out + (size_t)at * DM_HOUGH_OUT;
    int edge[DM_HOUGH_RADII], alike[DM_HOUGH_SAMPLES], used = 0;
    float v = dm_hough_value(g, volume, c);
    o[0] = 0.0f;
    o[1] = 0.0f;
    o[2] = v;
    if (v < 0.22f || v > 1.3f) return;
    for (int k = 0; k < DM_HOUGH_RADII; k++) edge[k] = 0;
    for (int j = 0; j < DM_HOUGH_SAMPLES; j++) alike[j] = 0;
    for (int d = 0; d < g->n_directions; d++) {
        DM_GLOBAL const float *u = directions + 3 * d;
        if (u[0] * c[5] + u[1] * c[6] + u[2] * c[7] > 0.7f) continue;
        float x[DM_HOUGH_SAMPLES];
        used++;
        for (int j = 0; j < DM_HOUGH_SAMPLES; j++) {
            float r = 0.25f * (float)(j + 1);
            x[j] = dm_hough_share(g, volume, c, c[0] + r * u[0], c[1] + r * u[1], c[2] + r * u[2]);
            alike[j] += dm_fabs(x[j] - v) < 0.28f * v;
        }
        for (int k = 0; k < DM_HOUGH_RADII; k++) {
            /* radius 1.5 + 0.25 k lies at sample k + 5; 0.75 mm is three samples */
            float in = x[k + 2], outside = x[k + 8 < DM_HOUGH_SAMPLES ? k + 8 : DM_HOUGH_SAMPLES - 1];
            edge[k] += in > 0.6f * v && outside < 0.5f * v && in - outside > 0.25f * v;
        }
    }
    int inside = 0;
    for (int k = 0; k < DM_HOUGH_RADII && used > 0; k++) {
        float r = 1.5f + 0.25f * (float)k;
        inside += alike[k + 1 < DM_HOUGH_SAMPLES ? k + 1 : DM_HOUGH_SAMPLES - 1]; /* up to r - 1 mm */
        float homogeneous = (float)inside / (float)(used * (k + 1));
        float q = (float)edge[k] / (float)used * homogeneous * dm_fmin(r / 2.2f, 1.0f) * (1.0f + 0.04f * r);
        if (q > o[0]) {
            o[0] = q;
            o[1] = r;
        }
    }
}

#endif
