/* CSF-venous fistulas: hyperdense veins beside the spine, on one side only. CT with iodine. */
#ifndef DM_VEINS_H
#define DM_VEINS_H

#include "gpu.h"
#include "study.h"

typedef struct dm_veins_params {
    double low, high, usual, rank;                              /* HU, HU, share, rank */
    double least_hu, blood_hu;                                  /* HU at 120 kVp, HU */
    double calcium_hu;                                          /* HU */
    double solid_hu, closed;                                    /* HU, directions of 8 */
    double least_mm, most_mm, near_mm, chain, wall_gap, end_mm; /* mm */
    double odds[DM_VEIN_TERMS];
    double body_base, body_over, body_spread; /* 1, 1, HU */
    double list_score;
} dm_veins_params;

/* Appends vein candidates (class DM_FISTULA) to study->findings, weakest ones left out. Sleeves (what lies
 * within wall_gap of the bony wall), diverticula, bone and what is joined to it are masked first. Method:
 * Hessian tube filter less what it shows at the same place of other foramina, and a ring of darker tissue
 * that closes round the tube (moat.h); score: vein_odds.h. Inside the bodies: basivertebral.h, without a
 * volume (NaN). Nothing is sought, and findings.veins_sought stays 0, on MR, where the sac is not filled, and
 * without two vertebrae. */
dm_status dm_veins_find(dm_gpu *gpu, const dm_veins_params *p, dm_study *study);

/* Brightness of iodine at a tube voltage relative to 120 kVp; 1 where the voltage is unknown. */
double dm_iodine_at(double kvp);

#endif
