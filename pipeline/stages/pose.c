/* Does the patient lie as the header says? Head and feet: the column is read told and turned (turned.c).
 * Front and back: bodies and discs reach across the midline, so along the spine what lies in it changes as
 * what lies beside it does; behind the canal processes stand in the midline and laminae, joints and muscle
 * beside it, which do not. True of CT and of any weighting of MR. */
#include <math.h>
#include <stdlib.h>

#include "curved.h"
#include "dialect.h"
#include "levels_parts.h"

enum { A_FROM = -36, A_TO = 24, L_TO = 14, NA = A_TO - A_FROM + 1, NL = 2 * L_TO + 1 };

/* Depths of the three slabs, mm ventral of the line: column, laminae and joints, processes. */
static const int SLAB[3][2] = {{12, 24}, {-24, -14}, {-36, -24}};

/* Means of a slab in the midline (|l| <= 3) and beside it (|l| 6 to 14) at one mm of the spine; NaN where
 * less than half is in view. */
static void sheet_means(const float *v, const int slab[2], float *mid, float *side) {
    double sum[2] = {0, 0};
    int n[2] = {0, 0}, of[2] = {0, 0};
    for (int a = slab[0]; a <= slab[1]; a++)
        for (int l = -L_TO; l <= L_TO; l++) {
            int which = abs(l) <= 3 ? 0 : abs(l) >= 6 ? 1 : -1;
            float x = v[(a - A_FROM) * NL + l + L_TO];
            if (which < 0) continue;
            of[which]++;
            if (!dm_is_outside(x)) sum[which] += (double)x, n[which]++;
        }
    *mid = 2 * n[0] > of[0] ? (float)(sum[0] / n[0]) : NAN;
    *side = 2 * n[1] > of[1] ? (float)(sum[1] / n[1]) : NAN;
}

/* Takes away what changes more slowly than vertebrae do. */
static dm_status keep_changes(float *v, int n) {
    float *slow = malloc(((size_t)n + 1) * sizeof *slow);
    if (!slow) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a profile of %d mm", n);
    for (int i = 0; i < n; i++) slow[i] = v[i];
    dm_status status = dm_profile_smooth(slow, n, 15);
    for (int i = 0; i < n; i++) v[i] -= slow[i];
    free(slow);
    return status;
}

/* Correlation of two profiles; NaN with less than 60 mm of both. */
static double alike(const float *p, const float *q, int n) {
    double count = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < n; i++) {
        double x = (double)p[i], y = (double)q[i];
        if (isnan(x) || isnan(y)) continue;
        count++, a += x, b += y, aa += x * x, bb += y * y, ab += x * y;
    }
    double va = aa - a * a / count, vb = bb - b * b / count;
    return count >= 60 && va > 0 && vb > 0 ? (ab - a * b / count) / sqrt(va * vb) : NAN;
}

/* How alike midline and sides are in a slab. v: n x NA x NL. */
static dm_status slab_alike(const float *v, int n, const int slab[2], double *out) {
    float *mid = malloc(2 * ((size_t)n + 1) * sizeof *mid);
    if (!mid) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a profile of %d mm", n);
    float *side = mid + n;
    for (int i = 0; i < n; i++) sheet_means(v + (size_t)i * NA * NL, slab, &mid[i], &side[i]);
    dm_status status = keep_changes(mid, n);
    if (dm_good(status)) status = keep_changes(side, n);
    if (dm_good(status)) *out = alike(mid, side, n);
    free(mid);
    return status;
}

dm_status dm_bodies_in_front(dm_gpu *gpu, const dm_study *study, double *out) {
    int n = (int)floor((study->spine.n - 1) * study->spine.ds) + 1;
    double like[3] = {NAN, NAN, NAN};
    float *v = NULL;
    dm_status status =
        dm_curved_plane(gpu, &study->crop.raw, &study->spine, 0, 1, n, A_FROM, 1, NA, -L_TO, 1, NL, &v);
    for (int k = 0; dm_good(status) && k < 3; k++) status = slab_alike(v, n, SLAB[k], &like[k]);
    free(v);
    *out = like[0] - 0.5 * (like[1] + like[2]);
    return status;
}
