/* Sampling a volume in the spine's coordinates. A frame is 9 floats per sample of s: point, ventral, left (LPS mm). */
#ifndef DM_GATHER_H
#define DM_GATHER_H
#include "grid.h"

typedef struct dm_curved_args {
    dm_grid_args grid;
    int ns, nu, nv;      /* samples of s; of the first and second in-plane axis */
    float u0, du, v0, dv; /* polar: u unused, v = r; plane: u = a (ventral), v = l (left) */
} dm_curved_args;

/* Value at a mm ventral and l mm left of sample i. */
DM_FN float dm_curved_sample(const dm_curved_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                             DM_GLOBAL const float *DM_RESTRICT frame, int i, float a, float l) {
    DM_GLOBAL const float *f = frame + (size_t)i * 9;
    return dm_sample_lps(volume, &g->grid, f[0] + a * f[3] + l * f[6], f[1] + a * f[4] + l * f[7],
                         f[2] + a * f[5] + l * f[8]);
}

/* turn: cos and sin of each of the nu angles, interleaved. */
DM_FN float dm_curved_polar_at(const dm_curved_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                               DM_GLOBAL const float *DM_RESTRICT frame, DM_GLOBAL const float *DM_RESTRICT turn, int i,
                               int t, int k) {
    float r = g->v0 + (float)k * g->dv;
    return dm_curved_sample(g, volume, frame, i, r * turn[2 * t], r * turn[2 * t + 1]);
}

DM_FN float dm_curved_plane_at(const dm_curved_args *g, DM_GLOBAL const float *DM_RESTRICT volume,
                               DM_GLOBAL const float *DM_RESTRICT frame, int i, int j, int k) {
    return dm_curved_sample(g, volume, frame, i, g->u0 + (float)j * g->du, g->v0 + (float)k * g->dv);
}

#endif
