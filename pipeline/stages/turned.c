/* Does the patient stand on his feet? Every bone and disc is read once as told and once as if head and feet
 * were exchanged in the header. Ribs fall outwards, pedicles stand on the upper half of a body, bodies grow
 * deeper and taller downwards: the two readings of one column differ by so many nats. (Front and back are
 * told by the bodies' density on CT. On MR no such comparison is fair: the looks of a disc are measured
 * against what is usual along the column, and behind the canal that is another thing.) */
#include <stdlib.h>

#include "frame.h"
#include "levels_parts.h"

/* The study as it would have been with head and feet exchanged; the volume stays the study's own. */
static dm_status turned(const dm_study *study, dm_study *out) {
    const dm_spine *from = &study->spine;
    out->modality = study->modality;
    out->crop.raw = study->crop.raw;
    for (int k = 0; k < 4; k++) out->crop.raw.to_lps.m[2][k] = -out->crop.raw.to_lps.m[2][k];
    DM_TRY(dm_spine_make(&out->spine, from->n, from->ds));
    for (int i = 0; i < from->n; i++)
        for (int c = 0; c < 3; c++) out->spine.p[i][c] = (c == 2 ? -1 : 1) * from->p[from->n - 1 - i][c];
    return dm_frame_build(&out->spine);
}

dm_status dm_turned_score(dm_gpu *gpu, const dm_study *study, const dm_levels_params *p, double *score) {
    dm_study *other = calloc(1, sizeof *other);
    dm_column column = {0};
    dm_anchors anchors = {0};
    dm_labelling label = {0};
    *score = -1e30;
    dm_status status =
        other ? turned(study, other) : dm_fail(DM_STUDY, "out_of_memory", "no memory for a turned spine");
    if (dm_good(status)) status = dm_column_measure(gpu, other, p, &column);
    if (dm_good(status) && column.first <= column.last) {
        status = dm_anchors_find(&column, p, &anchors);
        if (dm_good(status)) status = dm_label(&column, &anchors, p, NULL, &label, NULL);
        if (dm_good(status)) *score = label.score;
    }
    dm_anchors_clear(&anchors);
    dm_column_clear(&column);
    if (other) dm_spine_clear(&other->spine);
    free(other);
    return status;
}
