/* Sampling of a regular volume, x fastest: v[(z*ny + y)*nx + x]. */
#ifndef DM_GRID_H
#define DM_GRID_H
#include "dialect.h"

/* Size of a volume and the affine that takes LPS mm to voxel indices: index = m[row]·(x, y, z, 1). */
typedef struct dm_grid_args {
    int nx, ny, nz;
    float m[12];
} dm_grid_args;

DM_FN size_t dm_at(int x, int y, int z, int nx, int ny) {
    return ((size_t)z * (size_t)ny + (size_t)y) * (size_t)nx + (size_t)x;
}

/* Trilinear value at voxel coordinates; DM_OUTSIDE beyond half a voxel outside the outermost centres (inside that rim
 * the nearest face is held), and where any contributing voxel is itself DM_OUTSIDE. */
DM_FN float dm_trilinear(DM_GLOBAL const float *DM_RESTRICT v, int nx, int ny, int nz, float x, float y, float z) {
    if (!(x >= -0.5f && y >= -0.5f && z >= -0.5f && x <= (float)nx - 0.5f && y <= (float)ny - 0.5f &&
          z <= (float)nz - 0.5f))
        return DM_OUTSIDE;
    x = dm_clampf(x, 0.0f, (float)(nx - 1));
    y = dm_clampf(y, 0.0f, (float)(ny - 1));
    z = dm_clampf(z, 0.0f, (float)(nz - 1));
    int x0 = dm_min((int)x, dm_max(nx - 2, 0)), y0 = dm_min((int)y, dm_max(ny - 2, 0)),
        z0 = dm_min((int)z, dm_max(nz - 2, 0));
    int x1 = dm_min(x0 + 1, nx - 1), y1 = dm_min(y0 + 1, ny - 1), z1 = dm_min(z0 + 1, nz - 1);
    float fx = x - (float)x0, fy = y - (float)y0, fz = z - (float)z0;
    float a = v[dm_at(x0, y0, z0, nx, ny)], b = v[dm_at(x1, y0, z0, nx, ny)];
    float c = v[dm_at(x0, y1, z0, nx, ny)], d = v[dm_at(x1, y1, z0, nx, ny)];
    float e = v[dm_at(x0, y0, z1, nx, ny)], f = v[dm_at(x1, y0, z1, nx, ny)];
    float g = v[dm_at(x0, y1, z1, nx, ny)], h = v[dm_at(x1, y1, z1, nx, ny)];
    float low = dm_fmin(dm_fmin(dm_fmin(a, b), dm_fmin(c, d)), dm_fmin(dm_fmin(e, f), dm_fmin(g, h)));
    if (dm_is_outside(low)) return DM_OUTSIDE;
    float ab = a + fx * (b - a), cd = c + fx * (d - c), ef = e + fx * (f - e), gh = g + fx * (h - g);
    float lo = ab + fy * (cd - ab), hi = ef + fy * (gh - ef);
    return lo + fz * (hi - lo);
}

/* Trilinear value at an LPS point through the affine of the arguments. */
DM_FN float dm_sample_lps(DM_GLOBAL const float *DM_RESTRICT v, const dm_grid_args *g, float x, float y, float z) {
    float i = g->m[0] * x + g->m[1] * y + g->m[2] * z + g->m[3];
    float j = g->m[4] * x + g->m[5] * y + g->m[6] * z + g->m[7];
    float k = g->m[8] * x + g->m[9] * y + g->m[10] * z + g->m[11];
    return dm_trilinear(v, g->nx, g->ny, g->nz, i, j, k);
}

#endif
