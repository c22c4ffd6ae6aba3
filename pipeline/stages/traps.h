/* Misleading signs: what looks like a leak or points at the wrong place (medical notes 1.4). */
#ifndef DM_TRAPS_H
#define DM_TRAPS_H

#include "study.h"

typedef struct dm_traps_params {
    double c1c2_reach, spur_length;         /* mm */
    double spur_dim;                        /* share of the sac */
    double disc_bone_length, disc_bone_share; /* mm; of the candidate's brightness */
    double calcified;                       /* share of the sac */
    double injected, injected_mm;           /* share of the sac, mm */
    double renal_hu, renal_ml;              /* HU, ml */
    double aorta_hu;                        /* HU */
    double metal_hu, metal_ml, metal_reach; /* HU, ml, mm */
    double motion;                          /* times the usual difference of neighbouring slices */
} dm_traps_params;

/* Rows of the centre line (1 = spoilt) by metal and by motion; spine.n each. */
typedef struct dm_traps {
    uint8_t *metal, *motion;
} dm_traps;

/* What the whole study shows: fills findings.signs and findings.aorta_hu and sets flags in qc
 * (renal_contrast, iv_contrast, metal, motion). Looks at crop.coarse (kidneys beside T12 to L3, aorta before
 * the bodies, steps between slices) and crop.raw (metal). Only CT is looked at, but for motion. Free `out`
 * with dm_traps_free. STUDY "out_of_memory". */
dm_status dm_traps_study(const dm_traps_params *p, dm_study *study, dm_traps *out);
void dm_traps_free(dm_traps *t);

/* The sign of one pool: its place (dorsal at C1-2 or below T12), its size (a ventral spur), its brightness
 * (calcified ligament, contrast injected outside the sac), or metal and motion at its rows. */
dm_false_sign dm_trap_of(const dm_traps_params *p, const dm_study *study, const dm_traps *t,
                         const dm_finding *pool);

/* Contrast in the kidneys in ml, 0 when none; brightness of the aorta in HU, NaN where no vessel is seen over
 * a third of the spine. */
double dm_trap_renal_ml(const dm_traps_params *p, const dm_study *study);
double dm_trap_aorta_hu(const dm_study *study);

#endif
