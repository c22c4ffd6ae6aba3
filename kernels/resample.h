/* From a scan in 16 bits to working grids. */
#ifndef DM_RESAMPLE_H
#define DM_RESAMPLE_H
#include "dialect.h"

/* A slab k0 <= k < k0 + nk of a scan, and the coarse grid that is filled from it. */
typedef struct dm_resample_args {
    int nx, ny, nk, k0, nz;      /* voxels of the slab in memory, its first slice, slices of the whole scan */
    int own_from, own_to;        /* cells whose centre lies in slices [own_from, own_to) are written in this launch */
    int gx, gy, gz;              /* coarse grid */
    int sub[3];                  /* sub-samples of a cell along each axis of the scan */
    float spread[3];               /* half the width over which they are spread, voxels */
    float m[12];                 /* grid index to voxel index */
    float scale, offset;
} dm_resample_args;

/* Trilinear value in stored units; (x, y, z) must lie inside the scan, outermost half voxel held. */
DM_FN float dm_scan_at(DM_GLOBAL const short *DM_RESTRICT v, const dm_resample_args *a, float x, float y, float z) {
    x = dm_clampf(x, 0.0f, (float)(a->nx - 1));
    y = dm_clampf(y, 0.0f, (float)(a->ny - 1));
    z = dm_clampf(z - (float)a->k0, 0.0f, (float)(a->nk - 1));
    int x0 = dm_min((int)x, dm_max(a->nx - 2, 0)), y0 = dm_min((int)y, dm_max(a->ny - 2, 0)),
        z0 = dm_min((int)z, dm_max(a->nk - 2, 0));
    size_t dx = (size_t)dm_min(1, a->nx - 1), dy = (size_t)dm_min(1, a->ny - 1) * (size_t)a->nx,
           dz = (size_t)dm_min(1, a->nk - 1) * (size_t)a->nx * (size_t)a->ny;
    float fx = x - (float)x0, fy = y - (float)y0, fz = z - (float)z0;
    size_t at = ((size_t)z0 * (size_t)a->ny + (size_t)y0) * (size_t)a->nx + (size_t)x0;
    float c0 = (float)v[at] + fx * (float)(v[at + dx] - v[at]);
    float c1 = (float)v[at + dy] + fx * (float)(v[at + dy + dx] - v[at + dy]);
    at += dz;
    float c2 = (float)v[at] + fx * (float)(v[at + dx] - v[at]);
    float c3 = (float)v[at + dy] + fx * (float)(v[at + dy + dx] - v[at + dy]);
    float lo = c0 + fy * (c1 - c0), hi = c2 + fy * (c3 - c2);
    return lo + fz * (hi - lo);
}

DM_FN int dm_inside_scan(const dm_resample_args *a, float x, float y, float z) {
    return x >= -0.5f && y >= -0.5f && z >= -0.5f && x <= (float)a->nx - 0.5f && y <= (float)a->ny - 0.5f &&
           z <= (float)a->nz - 0.5f;
}

DM_FN float dm_sub_offset(int i, int n, float width) {
    return n > 1 ? width * (2.0f * (float)i / (float)(n - 1) - 1.0f) : 0.0f;
}

/* Value of one cell: mean of the sub-samples inside the scan. Returns 0 and leaves *out alone when another slab owns the
 * cell; a cell whose centre lies outside the scan is DM_OUTSIDE and owned by the first slab. */
DM_FN int dm_resample_cell(DM_GLOBAL const short *DM_RESTRICT v, const dm_resample_args *a, int gx, int gy, int gz,
                           float *out) {
    float fx = (float)gx, fy = (float)gy, fz = (float)gz;
    float x = a->m[0] * fx + a->m[1] * fy + a->m[2] * fz + a->m[3];
    float y = a->m[4] * fx + a->m[5] * fy + a->m[6] * fz + a->m[7];
    float z = a->m[8] * fx + a->m[9] * fy + a->m[10] * fz + a->m[11];
    if (!dm_inside_scan(a, x, y, z)) {
        *out = DM_OUTSIDE;
        return a->own_from <= 0;
    }
    int slice = dm_clampi((int)dm_floor(z), 0, a->nz - 1);
    if (slice < a->own_from || slice >= a->own_to) return 0;
    float sum = 0.0f;
    int n = 0;
    for (int k = 0; k < a->sub[2]; k++)
        for (int j = 0; j < a->sub[1]; j++)
            for (int i = 0; i < a->sub[0]; i++) {
                float sx = x + dm_sub_offset(i, a->sub[0], a->spread[0]);
                float sy = y + dm_sub_offset(j, a->sub[1], a->spread[1]);
                float sz = z + dm_sub_offset(k, a->sub[2], a->spread[2]);
                if (!dm_inside_scan(a, sx, sy, sz)) continue;
                sum += dm_scan_at(v, a, sx, sy, sz);
                n++;
            }
    *out = n ? sum / (float)n * a->scale + a->offset : DM_OUTSIDE;
    return 1;
}

/* Block averages: out voxel (x, y, z) = mean of fx*fy*fz stored voxels from (x0 + x*fx, ...). */
typedef struct dm_block_args {
    int nx, ny;             /* row length and rows of the slab in memory */
    int x0, y0, z0;         /* first voxel of the box, z within the slab */
    int f[3];
    int ox, oy, oz;         /* output size */
    float scale, offset;
} dm_block_args;

DM_FN float dm_block_mean(DM_GLOBAL const short *DM_RESTRICT v, const dm_block_args *a, int x, int y, int z) {
    int sum = 0;
    for (int k = 0; k < a->f[2]; k++)
        for (int j = 0; j < a->f[1]; j++)
            for (int i = 0; i < a->f[0]; i++)
                sum += v[((size_t)(a->z0 + z * a->f[2] + k) * (size_t)a->ny + (size_t)(a->y0 + y * a->f[1] + j)) *
                             (size_t)a->nx + (size_t)(a->x0 + x * a->f[0] + i)];
    return (float)sum / (float)(a->f[0] * a->f[1] * a->f[2]) * a->scale + a->offset;
}

#endif
