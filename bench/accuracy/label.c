/* A real scan whose canal somebody has labelled: the label's middle in every slice, and how far the line passes from it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "accuracy.h"
#include "nifti.h"

enum { LEAST_VOXELS = 3 }; /* fewer are the ragged end of a label */

/* Middle of the label in slice k, LPS; the number of its voxels there. */
static int middle_of(const dm_scan *scan, int k, int label, double p[3]) {
    double index[3] = {0, 0, k};
    int n = 0;
    for (int j = 0; j < scan->ny; j++)
        for (int i = 0; i < scan->nx; i++) {
            size_t at = ((size_t)k * (size_t)scan->ny + (size_t)j) * (size_t)scan->nx + (size_t)i;
            if (lrintf((float)scan->v[at] * scan->scale + scan->offset) != label) continue;
            index[0] += i, index[1] += j, n++;
        }
    if (n) index[0] /= n, index[1] /= n;
    dm_affine_apply(&scan->to_lps, index, p);
    return n;
}

int line_against_label(const char *record_path, const char *label_path, int label) {
    cJSON *record = NULL;
    dm_scan scan = {0};
    dm_status s = dm_record_read(record_path, &record);
    if (dm_good(s)) s = dm_nifti_read(label_path, &scan);
    if (!dm_good(s)) {
        fprintf(stderr, "accuracy: %s\n", s.text);
        cJSON_Delete(record);
        return 4;
    }
    polyline line = line_of_record(record);
    sample away = {0};
    int labelled = 0;
    for (int k = 0; k < scan.nz && line.n > 1; k++) {
        double p[3], where;
        if (middle_of(&scan, k, label, p) < LEAST_VOXELS) continue;
        labelled++;
        double d = line_distance(&line, p, &where);
        if (where > 0 && where < line.n - 1) sample_keep(&away, d); /* beside the line, not beyond its ends */
    }
    printf("label %d: %d slices, %d beside the line; line to the label's middle: median %.2f, 95 %% %.2f, worst %.2f mm\n", label,
           labelled, away.n, sample_quantile(&away, 0.5), sample_quantile(&away, 0.95), sample_quantile(&away, 1));
    free(away.v);
    line_clear(&line);
    dm_scan_clear(&scan);
    cJSON_Delete(record);
    return 0;
}
