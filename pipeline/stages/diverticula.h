/* Outpouchings of the dura at the roots: meningeal diverticula. */
#ifndef DM_DIVERTICULA_H
#define DM_DIVERTICULA_H

#include "check.h"
#include "study.h"

typedef struct dm_diverticula_params {
    double score, least, prominent, cyst, full; /* 1, mm, mm, mm, mm */
    double soft_hu;                             /* HU */
    double value, free_edge, rim;               /* shares: of the sac, of the rays, of the middle's value */
} dm_diverticula_params;

/* Looks for one bright ball at each foramen and side, and for cysts in and beside the sacral canal, and fills
 * study->findings.d, foramina from head to feet, then cysts. Needs levels, canal and map; a study whose sac
 * is not filled has none. Method: Hough transform of spheres on raw values relative to the local sac, then
 * half-maximum crossings and a least-squares sphere. */
dm_status dm_diverticula_find(dm_gpu *gpu, const dm_diverticula_params *p, dm_study *study);

/* Lateral pools that one diverticulum explains are dropped; longer ones beside it are its leak. */
void dm_diverticula_explain(dm_study *study);

/* The kernel against its reference (check.h), bit for bit. */
dm_status dm_hough_compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r);

#endif
