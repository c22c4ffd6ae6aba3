#include "label_veins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double blood_hu = 45.0; /* unenhanced blood at 120 kVp */
static const double longest = 36.0;  /* mm; a vein crosses a segment at most */
static const double above = 1.5;     /* of the vein's peak: brighter than that is bone or the sac */

void dm_voxels_clear(dm_voxels *v) {
    free(v->at);
    memset(v, 0, sizeof *v);
}

static int keep(dm_voxels *v, const int at[3]) {
    if (v->n == v->room) {
        int room = v->room ? 2 * v->room : 256;
        int(*more)[3] = realloc(v->at, (size_t)room * sizeof *more);
        if (!more) return 0;
        v->at = more;
        v->room = room;
    }
    memcpy(v->at[v->n++], at, sizeof v->at[0]);
    return 1;
}

/* The box round one vein in which it grows. */
typedef struct box {
    const dm_study *st;
    const dm_finding *f;
    int low[3], n[3];
    double radius;
    unsigned char *seen;
} box;

static int make_box(const dm_study *st, const dm_finding *f, const dm_affine *to_index, box *b) {
    const dm_scan *scan = &st->pass[0].scan;
    const int size[3] = {scan->nx, scan->ny, scan->nz};
    double at[3];
    *b = (box){.st = st, .f = f, .radius = fmin(f->length_mm, longest)};
    dm_affine_apply(to_index, f->lps, at);
    for (int c = 0; c < 3; c++) {
        const double *m = to_index->m[c];
        double more = b->radius * sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]);
        b->low[c] = (int)fmax(ceil(at[c] - more), 0.0);
        b->n[c] = (int)fmin(floor(at[c] + more), size[c] - 1.0) - b->low[c] + 1;
        if (b->n[c] < 1) return 1;
    }
    b->seen = calloc((size_t)b->n[0] * (size_t)b->n[1] * (size_t)b->n[2], 1);
    return b->seen != NULL;
}

/* Distance of a voxel from the vein's start, mm, or INFINITY where its value is none of a vein. */
static double start_distance(const box *b, const int at[3]) {
    const double index[3] = {at[0], at[1], at[2]}, peak = b->f->peak_value;
    double q[3], sum = 0;
    dm_affine_apply(&b->st->pass[0].scan.to_lps, index, q);
    for (int c = 0; c < 3; c++) sum += (q[c] - b->f->lps[c]) * (q[c] - b->f->lps[c]);
    double value = (double)dm_volume_sample(&b->st->crop.clean, q);
    return value > blood_hu + 0.5 * (peak - blood_hu) && value < above * peak ? sqrt(sum) : INFINITY;
}

static unsigned char *seen_at(const box *b, const int at[3]) {
    for (int c = 0; c < 3; c++)
        if (at[c] < b->low[c] || at[c] >= b->low[c] + b->n[c]) return NULL;
    return b->seen +
           ((size_t)(at[2] - b->low[2]) * (size_t)b->n[1] + (size_t)(at[1] - b->low[1])) * (size_t)b->n[0] +
           (size_t)(at[0] - b->low[0]);
}

/* The voxel of the vein nearest to its start; 0 when there is none within 5 mm. */
static int find_seed(const box *b, int seed[3]) {
    double best = 5.0;
    int found = 0, at[3];
    for (at[2] = b->low[2]; at[2] < b->low[2] + b->n[2]; at[2]++)
        for (at[1] = b->low[1]; at[1] < b->low[1] + b->n[1]; at[1]++)
            for (at[0] = b->low[0]; at[0] < b->low[0] + b->n[0]; at[0]++) {
                double d = start_distance(b, at);
                if (d >= best) continue;
                best = d;
                found = 1;
                memcpy(seed, at, sizeof at);
            }
    return found;
}

/* Breadth first, so that the same voxels come whatever the grid's orientation. */
static int grow(const box *b, int most, dm_voxels *out) {
    int seed[3], head = out->n, first = out->n;
    if (!find_seed(b, seed)) return 1;
    *seen_at(b, seed) = 1;
    if (!keep(out, seed)) return 0;
    for (; head < out->n && out->n - first < most; head++)
        for (int c = 0; c < 6 && out->n - first < most; c++) {
            int at[3];
            memcpy(at, out->at[head], sizeof at);
            at[c / 2] += c % 2 ? 1 : -1;
            unsigned char *seen = seen_at(b, at);
            if (!seen || *seen) continue;
            *seen = 1;
            if (start_distance(b, at) <= b->radius && !keep(out, at)) return 0;
        }
    return 1;
}

dm_status dm_label_veins(const dm_study *study, dm_voxels *out) {
    dm_affine to_index;
    double step[3];
    DM_TRY(dm_affine_invert(&study->pass[0].scan.to_lps, &to_index));
    dm_affine_spacing(&study->pass[0].scan.to_lps, step);
    for (int i = 0; i < study->findings.n; i++) {
        const dm_finding *f = &study->findings.f[i];
        box b;
        if (f->class_ != DM_FISTULA || f->in_body || !f->accepted || !study->crop.clean.v) continue;
        int most = (int)(f->volume_mm3 / (step[0] * step[1] * step[2])) + 1;
        int good = make_box(study, f, &to_index, &b) && (!b.seen || grow(&b, most, out));
        free(b.seen);
        if (!good) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the voxels of a vein");
    }
    return dm_ok;
}
