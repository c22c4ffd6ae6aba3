/* Non-local means in 3-D (Buades, Coll & Morel 2005; magnitude form for MR: Wiest-Daessle et al. 2008). Every voxel
 * becomes the mean of its search window, each neighbour weighted by how alike the 3 x 3 x 3 patches are:
 *
 *   w = max(1 - t / 32, 0)^32,  t = max(D - offset, 0) / h^2,  D = mean squared difference of the two patches.
 *
 * The offset is what noise alone gives, so that patches of the same tissue count fully. The power stands for exp(-t): near it
 * where weights are large, zero for patches that have nothing in common (as Goossens et al. 2008 want it), for half the
 * operations. */
#ifndef DM_NLM_H
#define DM_NLM_H
#include "kmath.h"

/* span: for every ZC slices and every row, the columns from <= x < to that are wanted. The input is padded: voxel (x, y, z)
 * of the slab stands at (x + hx, y + hy, z + hz), h = search radius + 1. */
typedef struct dm_nlm_args {
    int ox, ny, nz; /* output: row length (room for VW more), rows, slices (rounded up to ZC) */
    int px, py;     /* padded row length and rows */
    int rx, ry, rz; /* search radius, voxels */
} dm_nlm_args;

/* Per output slice: u at D = 0, its slope per sum of squares (u = 1 - t / 32 before it is cut at 0 and 1), and 2 sigma^2, the
 * noise's part of squared MR magnitudes. */
enum { DM_NLM_SLICE = 3 };

/* distance = 27 D. */
DM_FN float dm_nlm_weight(float distance, float start, float slope) {
    float u = distance * slope + start;
    u = u < 1.0f ? u : 1.0f;
    u = u > 0.0f ? u : 0.0f;
    u = u * u;
    u = u * u;
    u = u * u;
    u = u * u;
    return u * u;
}

#endif
