/* Thin bright tubes in a straightened box: v[(z*ny + y)*nx + x], x = left, y = ventral, z = along the spine. */
#ifndef DM_TUBE_H
#define DM_TUBE_H
#include "grid.h"

typedef struct dm_tube_args {
    int nx, ny, nz;
    int axis, radius;    /* blur: 0 x, 1 y, 2 z; samples each side */
    float step[3];       /* mm per sample along x, y, z */
    float sigma;         /* mm, of the blur before the response */
    float low, high;     /* HU to which values are clipped first */
} dm_tube_args;

DM_FN size_t dm_tube_index(dm_tube_args a, int x, int y, int z) {
    return dm_at(dm_clampi(x, 0, a.nx - 1), dm_clampi(y, 0, a.ny - 1), dm_clampi(z, 0, a.nz - 1), a.nx, a.ny);
}

/* Value clipped to [low, high]; outside the scan counts as low: no tube begins there. */
DM_FN float dm_tube_clip(float v, dm_tube_args a) {
    return dm_clampf(v, a.low, a.high);
}

/* One axis of a Gaussian blur; `w` holds radius + 1 weights from the middle outwards. */
DM_FN float dm_tube_blur(DM_GLOBAL const float *DM_RESTRICT v, DM_GLOBAL const float *DM_RESTRICT w, dm_tube_args a,
                         int x, int y, int z) {
    float sum = w[0] * dm_tube_clip(v[dm_at(x, y, z, a.nx, a.ny)], a);
    int dx = a.axis == 0, dy = a.axis == 1, dz = a.axis == 2;
    for (int k = 1; k <= a.radius; k++)
        sum += w[k] * (dm_tube_clip(v[dm_tube_index(a, x + k * dx, y + k * dy, z + k * dz)], a) +
                       dm_tube_clip(v[dm_tube_index(a, x - k * dx, y - k * dy, z - k * dz)], a));
    return sum;
}

/* One rotation of Jacobi's method on a symmetric 3 x 3 matrix, in the plane (p, q); r is the third index. */
DM_FN void dm_tube_rotate(float *pp, float *qq, float *pq, float *pr, float *qr) {
    if (dm_fabs(*pq) < 1e-12f) return;
    float theta = (*qq - *pp) / (2.0f * *pq);
    float t = (theta >= 0.0f ? 1.0f : -1.0f) / (dm_fabs(theta) + dm_sqrt(theta * theta + 1.0f));
    float c = 1.0f / dm_sqrt(t * t + 1.0f), s = t * c, a = *pr, b = *qr;
    *pp -= t * *pq;
    *qq += t * *pq;
    *pq = 0.0f;
    *pr = c * a - s * b;
    *qr = s * a + c * b;
}

/* Response of a bright tube from the Hessian of a blurred box, normalised by sigma squared (HU): minus the middle
 * eigenvalue, less what the largest shows of an end or a plate. 0 where nothing is bright. */
DM_FN float dm_tube_response(DM_GLOBAL const float *DM_RESTRICT v, dm_tube_args a, int x, int y, int z) {
    float c = v[dm_at(x, y, z, a.nx, a.ny)], n = a.sigma * a.sigma;
    float hx = a.step[0], hy = a.step[1], hz = a.step[2];
#define DM_V(i, j, k) v[dm_tube_index(a, x + (i), y + (j), z + (k))]
    float xx = n * (DM_V(1, 0, 0) + DM_V(-1, 0, 0) - 2.0f * c) / (hx * hx);
    float yy = n * (DM_V(0, 1, 0) + DM_V(0, -1, 0) - 2.0f * c) / (hy * hy);
    float zz = n * (DM_V(0, 0, 1) + DM_V(0, 0, -1) - 2.0f * c) / (hz * hz);
    float xy = n * (DM_V(1, 1, 0) + DM_V(-1, -1, 0) - DM_V(1, -1, 0) - DM_V(-1, 1, 0)) / (4.0f * hx * hy);
    float xz = n * (DM_V(1, 0, 1) + DM_V(-1, 0, -1) - DM_V(1, 0, -1) - DM_V(-1, 0, 1)) / (4.0f * hx * hz);
    float yz = n * (DM_V(0, 1, 1) + DM_V(0, -1, -1) - DM_V(0, 1, -1) - DM_V(0, -1, 1)) / (4.0f * hy * hz);
#undef DM_V
    for (int round = 0; round < 4; round++) {
        dm_tube_rotate(&xx, &yy, &xy, &xz, &yz);
        dm_tube_rotate(&xx, &zz, &xz, &xy, &yz);
        dm_tube_rotate(&yy, &zz, &yz, &xy, &xz);
    }
    float top = dm_fmax(xx, dm_fmax(yy, zz)), low = dm_fmin(xx, dm_fmin(yy, zz)), mid = xx + yy + zz - top - low;
    float extra = dm_fmax(dm_fabs(top) - 0.25f * dm_fabs(mid), 0.0f);
    return dm_fmax(-mid - 0.5f * extra, 0.0f);
}

#endif
