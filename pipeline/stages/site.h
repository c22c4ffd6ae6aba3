/* Where along a collection the dura is torn. */
#ifndef DM_SITE_H
#define DM_SITE_H

#include "gpu.h"
#include "study.h"

typedef struct dm_site_params {
    double window_angle, line_share, line_room; /* density along the line */
    double end_margin, alike, density_error, peak_share, peak_apart, before_front;
    double piece_score, piece_gap, piece_angle, typical, typical_mr, typical_lateral, ends, beyond, beyond_short; /* extent */
    double disc_share, disc_sd, foramen_share, foramen_sd, level_trust;                          /* anatomy */
    double spur_share, spur_most, foramen_weight;
    double interval_extra;
} dm_site_params;

/* What is looked at once for all pools of a study. */
typedef struct dm_site_seen {
    int n;                         /* millimetres of the line */
    float *spur;                   /* n: what stands into the canal from in front, in s.d. of the study's own walls; owned */
    float *shell;                  /* map.n * DM_NT (shell.h); NULL on MR, which shows no dye; owned */
    double left[DM_MAX_VERTEBRAE]; /* how much brighter the foramen below a vertebra is on the left, in the usual difference; NaN */
} dm_site_seen;
/* Fills *out, which dm_site_seen_free frees, also after a failure. */
dm_status dm_site_look(dm_gpu *gpu, const dm_study *study, dm_site_seen *out);
void dm_site_seen_free(dm_site_seen *seen);

/* Fills s, site_from and site_to of a pool. A probability over the rows of the line is made of what is known before the scan is
 * looked at (a tear lies in its collection or just beyond what is seen of it, seldom at its ends; a ventral one at a disc, a lateral
 * one at a root, each level as often as in the series of patients) times what the scan shows, one factor each: density that falls
 * away from the tear on CT, in every pass; spurs in a ventral collection; contrast that leaves by a foramen on one side alone. The
 * site is where most of it lies close together, the interval the shortest that holds 90 %. Where nothing shows the tear it is as long
 * as the collection. */
dm_status dm_site_find(const dm_site_params *p, const dm_study *study, const dm_site_seen *seen, dm_finding *f);

/* How likely the line v[0..n), at steps of ds mm, NaN where nothing was measured, is with its peak at each sample against an even
 * line: like[i] of the fit of A + C exp(-|s - s_i|/L), C >= 0, L from 10 to 95 mm, averaged over L. The noise is not known
 * beforehand; as many samples count as there are pieces of p->alike mm. */
void dm_site_cusp(const dm_site_params *p, const float *v, int n, double ds, double *like);

#endif
