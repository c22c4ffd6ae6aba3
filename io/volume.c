#include "volume.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

void dm_affine_apply(const dm_affine *a, const double in[3], double out[3]) {
    double r[3];
    for (int i = 0; i < 3; i++)
        r[i] = a->m[i][0] * in[0] + a->m[i][1] * in[1] + a->m[i][2] * in[2] + a->m[i][3];
    for (int i = 0; i < 3; i++) out[i] = r[i];
}

dm_status dm_affine_invert(const dm_affine *a, dm_affine *inverse) {
    const double(*m)[4] = a->m;
    double c[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
            c[j][i] = m[i1][j1] * m[i2][j2] - m[i1][j2] * m[i2][j1];
        }
    double det = m[0][0] * c[0][0] + m[0][1] * c[1][0] + m[0][2] * c[2][0];
    if (!isfinite(det) || fabs(det) < 1e-12)
        return dm_fail(DM_STUDY, "singular_affine", "the volume's voxel-to-patient matrix has no inverse");
    dm_affine r;
    for (int i = 0; i < 3; i++) {
        r.m[i][3] = 0;
        for (int j = 0; j < 3; j++) {
            r.m[i][j] = c[i][j] / det;
            r.m[i][3] -= r.m[i][j] * m[j][3];
        }
    }
    *inverse = r;
    return dm_ok;
}

void dm_affine_spacing(const dm_affine *a, double spacing[3]) {
    for (int j = 0; j < 3; j++)
        spacing[j] = sqrt(a->m[0][j] * a->m[0][j] + a->m[1][j] * a->m[1][j] + a->m[2][j] * a->m[2][j]);
}

size_t dm_volume_count(const dm_volume *v) {
    return (size_t)v->nx * (size_t)v->ny * (size_t)v->nz;
}

dm_status dm_volume_make(dm_volume *v, int nx, int ny, int nz, const dm_affine *to_lps) {
    *v = (dm_volume){.nx = nx, .ny = ny, .nz = nz, .to_lps = *to_lps};
    size_t bytes = dm_volume_count(v) * sizeof(float);
    v->v = bytes ? malloc(bytes) : NULL;
    if (!v->v)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d x %d x %d (%.0f MB)", nx, ny, nz,
                       (double)bytes / 1e6);
    return dm_ok;
}

void dm_volume_clear(dm_volume *v) {
    if (!v) return;
    free(v->v);
    *v = (dm_volume){0};
}

void dm_scan_drop(dm_scan *s) {
    if (s->mapped)
        munmap(s->v, s->mapped);
    else
        free(s->v);
    free(s->stored);
    s->v = NULL;
    s->stored = NULL;
    s->mapped = 0;
}

void dm_scan_clear(dm_scan *s) {
    if (!s) return;
    dm_scan_drop(s);
    *s = (dm_scan){0};
}

float dm_volume_sample(const dm_volume *v, const double lps[3]) {
    const float outside = -30000.0f;
    dm_affine inverse;
    double p[3];
    if (!dm_good(dm_affine_invert(&v->to_lps, &inverse))) return outside;
    dm_affine_apply(&inverse, lps, p);
    const int n[3] = {v->nx, v->ny, v->nz};
    int lo[3];
    double f[3];
    for (int a = 0; a < 3; a++) {
        if (!(p[a] >= -0.5 && p[a] <= n[a] - 0.5)) return outside;
        double q = fmin(fmax(p[a], 0.0), n[a] - 1.0);
        lo[a] = (int)fmin(q, n[a] > 1 ? n[a] - 2.0 : 0.0);
        f[a] = q - lo[a];
    }
    double sum = 0;
    for (int c = 0; c < 8; c++) {
        double w = 1;
        size_t at[3];
        for (int a = 0; a < 3; a++) {
            int up = (c >> a) & 1;
            w *= up ? f[a] : 1 - f[a];
            int i = lo[a] + up;
            at[a] = (size_t)(i < n[a] ? i : n[a] - 1);
        }
        sum += w * (double)v->v[(at[2] * (size_t)v->ny + at[1]) * (size_t)v->nx + at[0]];
    }
    return (float)sum;
}
