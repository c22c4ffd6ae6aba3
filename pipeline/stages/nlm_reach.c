/* Which voxels lie near a path. */
#include <math.h>
#include <stdlib.h>

#include "denoise.h"

/* Index axes as vectors in mm: squared lengths and products, and how far a ball of 1 mm reaches along each index. */
typedef struct metric {
    double g[3][3], extent[3];
    dm_affine to_index;
} metric;

static dm_status metric_of(const dm_affine *to_lps, metric *m) {
    DM_TRY(dm_affine_invert(to_lps, &m->to_index));
    for (int i = 0; i < 3; i++) {
        double row = 0;
        for (int j = 0; j < 3; j++) {
            m->g[i][j] = 0;
            for (int k = 0; k < 3; k++) m->g[i][j] += to_lps->m[k][i] * to_lps->m[k][j];
            row += m->to_index.m[i][j] * m->to_index.m[i][j];
        }
        m->extent[i] = sqrt(row);
    }
    return dm_ok;
}

/* Widens a row's span by its part in the ball of radius r round q (index): g00 dx^2 + 2 b dx + c <= r^2. */
static void widen(const metric *m, const double q[3], int y, int z, int nx, double r, int span[2]) {
    double dy = y - q[1], dz = z - q[2], b = m->g[0][1] * dy + m->g[0][2] * dz;
    double c = m->g[1][1] * dy * dy + 2 * m->g[1][2] * dy * dz + m->g[2][2] * dz * dz - r * r;
    double root = b * b - m->g[0][0] * c;
    if (root < 0) return;
    int from = (int)fmax(ceil(q[0] + (-b - sqrt(root)) / m->g[0][0]), 0);
    int to = (int)fmin(floor(q[0] + (-b + sqrt(root)) / m->g[0][0]), nx - 1) + 1;
    if (from >= to) return;
    if (span[0] >= span[1]) span[0] = from, span[1] = to;
    span[0] = dm_min(span[0], from);
    span[1] = dm_max(span[1], to);
}

static void ball(const dm_volume *v, const metric *m, const double p[3], double r, int (*span)[2]) {
    double q[3];
    int lo[3], hi[3];
    const int n[3] = {v->nx, v->ny, v->nz};
    dm_affine_apply(&m->to_index, p, q);
    for (int i = 0; i < 3; i++) {
        lo[i] = (int)fmax(ceil(q[i] - r * m->extent[i]), 0);
        hi[i] = (int)fmin(floor(q[i] + r * m->extent[i]), n[i] - 1);
    }
    for (int z = lo[2]; z <= hi[2]; z++)
        for (int y = lo[1]; y <= hi[1]; y++)
            widen(m, q, y, z, v->nx, r, span[(size_t)z * (size_t)v->ny + (size_t)y]);
}

dm_status dm_nlm_reach(const dm_volume *v, const double (*path)[3], int n, double reach_mm, int (*span)[2]) {
    metric m;
    DM_TRY(metric_of(&v->to_lps, &m));
    for (size_t i = 0; i < (size_t)v->ny * (size_t)v->nz; i++) span[i][0] = span[i][1] = 0;
    for (int i = 0; i < n; i++) ball(v, &m, path[i], reach_mm, span);
    return dm_ok;
}
