/* CSF-venous fistulas: hyperdense veins beside the spine, on one side only. CT with iodine. */
#ifndef DM_VEINS_H
#define DM_VEINS_H

#include "gpu.h"
#include "study.h"

typedef struct dm_veins_params {
    double low, high, least_hu, most_hu, bone_hu, least_mm, chain, wall_gap, unit, list_score;
} dm_veins_params;

/* Appends vein candidates (class DM_FISTULA) to study->findings, weakest ones left out. Sleeves (what lies within wall_gap
 * of the bony wall) and diverticula are masked first. Method: Hessian tube filter less its mirror image, proto-leak
 * section 5. Nothing is sought on MR or where the sac is not filled. */
dm_status dm_veins_find(dm_gpu *gpu, const dm_veins_params *p, dm_study *study);

#endif
