/* Parts of the stage findings. */
#ifndef DM_FINDINGS_PARTS_H
#define DM_FINDINGS_PARTS_H

#include "diverticula.h"
#include "gpu.h"
#include "places.h"
#include "study.h"
#include "traps.h"
#include "veins.h"

typedef struct dm_findings_params {
    double veto_length, veto_angle, veto_share; /* mm, degrees, rank */
    double veto_length_lateral, veto_angle_lateral;
    double hysteresis_low, hysteresis_high, core_share, half_angle;
    double join, join_lateral, join_angle; /* mm, mm, degrees */
    double list_score, least_mm2, soft_tissue_hu, satellite_share, satellite_factor;
    double ventral_angle, dorsal_angle; /* degrees */
    double odds_base, odds_size, odds_hard, odds_fat, odds_over, odds_sacral, odds_dim, odds_usual, odds_alike, odds_corner, odds_pair, odds_behind, odds_edge, odds_narrow, odds_roots, odds_ct, odds_discs, odds_fall, odds_dent, odds_end, odds_unusual, odds_spill, odds_touch, fluid_share;
    dm_traps_params trap;
    dm_diverticula_params diverticula;
    dm_veins_params vein;
} dm_findings_params;

/* Pools outside the dura: components of the map with their features, best score first, appended to study->findings.
 * Levels, site and place are left to localise. */
dm_status dm_pools_find(const dm_findings_params *p, dm_study *study);

/* Cells of the map (n * DM_NT) and what they belong to. */
typedef struct dm_pool_cells {
    const float *low;  /* the map's low rank */
    const int *label;  /* the pool, 0 = none */
    const int *piece;  /* the connected piece of it, 0 = none */
    const dm_rows *extent; /* rows of every piece, by its number */
    dm_rows whole;         /* of a core in front: the rows of the collection that it is part of, which it is not compared with; else none */
} dm_pool_cells;

/* Size, brightness, features, side, class and score of the cells labelled `which` into *f, whose theta is set; length 0 when
 * none of them is assessed. */
dm_status dm_pool_measure(const dm_findings_params *p, const dm_study *study, const dm_pool_cells *cells, int which,
                          dm_finding *f);

/* What the score weighs, in the order of the parameters odds_*: 1, ln size, ln brightness above soft tissue, bright fat, brighter
 * than the sac, sacral, too dim for fluid, share that is usual, share that the other side has too (CT), corner of the canal,
 * the other side nearly as bright (MR), between side and back, strength of the dura's edge, narrow gap (CT), beside settled roots, CT,
 * dark at discs (CT), that strength beyond what the pool's brightness leaves (CT), step of the dura (CT), end of the line, unlike other
 * vertebrae and the other side, runs out through a foramen (CT), a dura that is seen before a narrow gap (CT). */
enum { DM_ODDS = 23 };
void dm_pool_terms(const dm_findings_params *p, const dm_study *study, const dm_finding *f, double x[DM_ODDS]);

/* Best score first; equal scores from head to feet. */
void dm_findings_sort(dm_findings *findings);

/* Class and side of an angle in degrees. */
dm_side dm_side_of(const dm_findings_params *p, double theta);

#endif
