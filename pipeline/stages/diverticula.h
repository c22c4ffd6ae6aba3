/* Outpouchings of the dura at the roots: meningeal diverticula. */
#ifndef DM_DIVERTICULA_H
#define DM_DIVERTICULA_H

#include "ball_odds.h"
#include "gpu.h"
#include "study.h"

/* What a ball must show to be measured. */
typedef struct dm_ball_gate {
    double score; /* least of the transform's score, weighted by size and brightness */
    double free_edge,
        rim; /* least share of its rays that fall; largest excess of its rim, share of its value */
} dm_ball_gate;

typedef struct dm_diverticula_params {
    double score, least, most, prominent; /* probability, mm, mm, mm */
    double full, value, soft_hu;          /* mm, share of the sac, HU */
    dm_ball_gate root, sacral;
    double cyst, cyst_score, cyst_angle, cyst_value; /* mm, 1, degrees, share of the sac */
    double odds[DM_BALL_TERMS];                      /* ball_odds.h */
} dm_diverticula_params;

/* Looks for one bright ball at each foramen and side, and for cysts in and beside the sacral canal, and fills
 * study->findings.d, foramina from head to feet, then cysts. Needs levels, canal and map; a study whose sac
 * is not filled has none. Method: Hough transform of spheres on raw values relative to the local sac, then
 * half-maximum crossings and a least-squares sphere; the score of a ball at a root is a probability (logistic
 * in what is measured of it), that of a cyst the transform's. */
dm_status dm_diverticula_find(dm_gpu *gpu, const dm_diverticula_params *p, dm_study *study);

/* Lateral pools that one diverticulum explains are dropped; longer ones beside it are its leak. */
void dm_diverticula_explain(dm_study *study);

#endif
