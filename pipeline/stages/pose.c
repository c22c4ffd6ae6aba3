/* Does the header hold the patient the right way? Every bone and disc is read once as told and once as if the header were
 * mended: head and feet exchanged; on MR also front and back, and both (on CT the bodies' density tells front from back). What
 * the column says then - ribs fall outwards, pedicles stand on the upper half of a body, bodies grow deeper and taller
 * downwards and lie before the canal - is worth so many nats more or less. */
#include <stdlib.h>

#include "frame.h"
#include "levels_parts.h"

typedef struct turn {
    double sign[3]; /* of x, y, z */
    const char *what;
} turn;

/* The study as it would have been with another header; the volume stays the study's own. */
static dm_status turned(const dm_study *study, const turn *t, dm_study *out) {
    const dm_spine *from = &study->spine;
    out->modality = study->modality, out->contrast = study->contrast;
    out->crop.raw = study->crop.raw;
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 4; k++) out->crop.raw.to_lps.m[c][k] *= t->sign[c];
    DM_TRY(dm_spine_make(&out->spine, from->n, from->ds));
    for (int i = 0; i < from->n; i++)
        for (int c = 0; c < 3; c++) out->spine.p[i][c] = t->sign[c] * from->p[t->sign[2] < 0 ? from->n - 1 - i : i][c];
    return dm_frame_build(&out->spine);
}

static dm_status score_of(dm_gpu *gpu, const dm_study *study, const dm_levels_params *p, const turn *t, double *score) {
    dm_study *other = calloc(1, sizeof *other);
    dm_column column = {0};
    dm_anchors anchors = {0};
    dm_labelling label = {0};
    dm_status status = other ? turned(study, t, other) : dm_fail(DM_STUDY, "out_of_memory", "no memory for a turned spine");
    if (dm_good(status)) status = dm_column_measure(gpu, other, p, &column);
    if (dm_good(status) && column.first <= column.last) {
        status = dm_anchors_find(&column, p, &anchors);
        if (dm_good(status)) status = dm_label(&column, &anchors, p, &label);
        if (dm_good(status)) *score = label.score;
    }
    dm_anchors_clear(&anchors);
    dm_column_clear(&column);
    if (other) dm_spine_clear(&other->spine);
    free(other);
    return status;
}

dm_status dm_pose_rival(dm_gpu *gpu, const dm_study *study, const dm_levels_params *p, double *score, const char **what) {
    static const turn turns[] = {{{1, 1, -1}, "head and feet"}, {{1, -1, 1}, "front and back"}, {{1, -1, -1}, "head and feet, front and back"}};
    int n = study->modality == DM_MR ? 3 : 1;
    *score = -1e30;
    for (int i = 0; i < n; i++) {
        double found = -1e30;
        DM_TRY(score_of(gpu, study, p, &turns[i], &found));
        if (found > *score) *score = found, *what = turns[i].what;
    }
    return dm_ok;
}
