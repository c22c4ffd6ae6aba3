#include "labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "label_veins.h"
#include "nifti.h"

static const double pi = 3.14159265358979323846;
static const double reach = 24.0; /* mm from the line; no canal is wider */
static const double least_ratio =
    0.2; /* of the sac: below it a cell of the map is no pool (domain: late scans 0.2-0.5) */

typedef struct work {
    const dm_study *st;
    dm_affine to_index;
    float *nearest; /* nx*ny: distance to the plane of the nearest sample so far, mm */
    dm_voxels veins;
} work;

/* A voxel in the frame of one sample. */
typedef struct spot {
    int sample, column;
    double along, r, theta; /* mm past the sample; mm; degrees 0..360 */
    double lps[3];
} spot;

/* A surface at the spot, linear in s and theta. */
static double surface(const dm_study *st, const float *r, const spot *q) {
    double at = fmin(fmax(q->sample + q->along / st->spine.ds, 0.0), st->canal.n - 1.0),
           column = q->theta * DM_NT / 360.0;
    int i = (int)at, j = i + 1 < st->canal.n ? i + 1 : i, c = (int)column % DM_NT, d = (c + 1) % DM_NT;
    double f = at - i, g = column - floor(column);
    const float *p = r + (size_t)i * DM_NT, *o = r + (size_t)j * DM_NT;
    return (1 - f) * ((1 - g) * (double)p[c] + g * (double)p[d]) +
           f * ((1 - g) * (double)o[c] + g * (double)o[d]);
}

/* A pool that is shown: accepted, or flagged as one of the signs that mislead. */
static int shown_pool(const dm_study *st, double s) {
    for (int i = 0; i < st->findings.n; i++) {
        const dm_finding *f = &st->findings.f[i];
        if (f->class_ == DM_FISTULA || (!f->accepted && f->false_sign == DM_NO_SIGN)) continue;
        if (s >= f->s_from && s <= f->s_to) return 1;
    }
    return 0;
}

/* Contrast in the shell between dura and bone: the cell is a pool of the map, the voxel above half its
 * height. */
static int in_pool(const dm_study *st, const spot *q) {
    if (!st->map.e || q->sample >= st->map.n) return 0;
    size_t cell = (size_t)q->sample * DM_NT + (size_t)q->column;
    double e = (double)st->map.e[cell], tissue = (double)st->map.beside[cell],
           sac = (double)st->map.sac[q->sample];
    if (!st->map.assessed[cell] || e < least_ratio || !shown_pool(st, q->sample * st->spine.ds)) return 0;
    return (double)dm_volume_sample(&st->crop.clean, q->lps) > tissue + 0.5 * e * (sac - tissue);
}

static uint8_t label_of(const dm_study *st, const spot *q) {
    if (st->spine.unsure[q->sample] || q->r >= surface(st, st->canal.r_bone, q)) return 0;
    if (st->canal.filled[q->sample] && q->r < surface(st, st->canal.r_dura, q)) return DM_LABEL_SAC;
    return in_pool(st, q) ? DM_LABEL_POOL : DM_LABEL_CANAL;
}

static void draw_voxel(work *w, int sample, const int at[3], uint8_t *slice) {
    const dm_study *st = w->st;
    const double index[3] = {at[0], at[1], at[2]}, *p = st->spine.p[sample];
    spot q = {.sample = sample};
    double a = 0, l = 0;
    dm_affine_apply(&st->pass[0].scan.to_lps, index, q.lps);
    for (int c = 0; c < 3; c++) {
        double d = q.lps[c] - p[c];
        q.along += d * st->spine.tangent[sample][c];
        a += d * st->spine.ventral[sample][c];
        l += d * st->spine.left[sample][c];
    }
    size_t v = (size_t)at[1] * (size_t)st->pass[0].scan.nx + (size_t)at[0];
    q.r = hypot(a, l);
    if (fabs(q.along) > st->spine.ds || fabs(q.along) >= (double)w->nearest[v] || q.r > reach) return;
    q.theta = atan2(l, a) * 180.0 / pi;
    q.theta = q.theta < 0 ? q.theta + 360.0 : q.theta;
    q.column = (int)floor(q.theta * DM_NT / 360.0 + 0.5) % DM_NT;
    w->nearest[v] = (float)fabs(q.along);
    slice[v] = label_of(st, &q);
}

/* Index box of a sample's disc, one ds thick on either side; 0 when it misses slice k. */
static int box_of(const work *w, int sample, int k, int low[3], int high[3]) {
    const dm_scan *scan = &w->st->pass[0].scan;
    const int n[3] = {scan->nx, scan->ny, scan->nz};
    const double *t = w->st->spine.tangent[sample];
    double at[3];
    dm_affine_apply(&w->to_index, w->st->spine.p[sample], at);
    for (int c = 0; c < 3; c++) {
        const double *m = w->to_index.m[c];
        double along = m[0] * t[0] + m[1] * t[1] + m[2] * t[2],
               whole = m[0] * m[0] + m[1] * m[1] + m[2] * m[2];
        double more = reach * sqrt(fmax(whole - along * along, 0.0)) + w->st->spine.ds * fabs(along);
        low[c] = (int)fmax(ceil(at[c] - more), 0.0);
        high[c] = (int)fmin(floor(at[c] + more), n[c] - 1.0);
    }
    return low[2] <= k && high[2] >= k;
}

static void draw_canal(work *w, int k, uint8_t *slice) {
    size_t plane = (size_t)w->st->pass[0].scan.nx * (size_t)w->st->pass[0].scan.ny;
    for (size_t i = 0; i < plane; i++) w->nearest[i] = (float)(2.0 * w->st->spine.ds);
    for (int sample = 0; sample < w->st->spine.n; sample++) {
        int low[3], high[3];
        if (!box_of(w, sample, k, low, high)) continue;
        for (int j = low[1]; j <= high[1]; j++)
            for (int i = low[0]; i <= high[0]; i++) draw_voxel(w, sample, (const int[3]){i, j, k}, slice);
    }
}

/* A ball of the measured diameter round the measured centre; the sac keeps its voxels. */
static void draw_diverticulum(const work *w, const dm_diverticulum *d, int k, uint8_t *slice) {
    const dm_scan *scan = &w->st->pass[0].scan;
    double at[3], r = 0.5 * d->diameter_mm, more[2];
    dm_affine_apply(&w->to_index, d->lps, at);
    for (int c = 0; c < 2; c++) {
        const double *m = w->to_index.m[c];
        more[c] = r * sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]);
    }
    for (int j = (int)fmax(ceil(at[1] - more[1]), 0); j <= fmin(at[1] + more[1], scan->ny - 1.0); j++)
        for (int i = (int)fmax(ceil(at[0] - more[0]), 0); i <= fmin(at[0] + more[0], scan->nx - 1.0); i++) {
            const double index[3] = {i, j, k};
            double q[3], sum = 0;
            dm_affine_apply(&scan->to_lps, index, q);
            for (int c = 0; c < 3; c++) sum += (q[c] - d->lps[c]) * (q[c] - d->lps[c]);
            uint8_t *v = slice + (size_t)j * (size_t)scan->nx + (size_t)i;
            if (sum <= r * r && *v != DM_LABEL_SAC) *v = DM_LABEL_DIVERTICULUM;
        }
}

static dm_status fill_slice(void *user, int k, uint8_t *slice) {
    work *w = user;
    draw_canal(w, k, slice);
    for (int i = 0; i < w->st->findings.n_diverticula; i++)
        draw_diverticulum(w, &w->st->findings.d[i], k, slice);
    for (int i = 0; i < w->veins.n; i++)
        if (w->veins.at[i][2] == k) {
            uint8_t *v = slice + (size_t)w->veins.at[i][1] * (size_t)w->st->pass[0].scan.nx +
                         (size_t)w->veins.at[i][0];
            if (*v == 0) *v = DM_LABEL_VEIN;
        }
    return dm_ok;
}

static int whole_frame(const dm_study *st) {
    return st->n_passes > 0 && st->spine.n > 1 && st->spine.tangent && st->spine.unsure &&
           st->canal.n == st->spine.n && st->canal.r_bone && st->canal.r_dura;
}

dm_status dm_labels_write(const dm_study *study, const char *path) {
    work w = {.st = study};
    if (!whole_frame(study))
        return dm_fail(DM_WARN, "no_labels",
                       "no labels are drawn: the study has no centre line with its surfaces");
    const dm_scan *scan = &study->pass[0].scan;
    dm_status status = dm_affine_invert(&scan->to_lps, &w.to_index);
    w.nearest = malloc((size_t)scan->nx * (size_t)scan->ny * sizeof *w.nearest);
    if (!w.nearest) status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a slice of labels");
    if (dm_good(status)) status = dm_label_veins(study, &w.veins);
    if (dm_good(status)) status = dm_nifti_write_labels(path, scan, fill_slice, &w);
    dm_voxels_clear(&w.veins);
    free(w.nearest);
    return status;
}
