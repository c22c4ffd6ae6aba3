/* Where along a collection the dura is torn. */
#ifndef DM_SITE_H
#define DM_SITE_H

#include "gpu.h"
#include "study.h"

typedef struct dm_site_params {
    double window_angle, spur_strength, spur_weight, foramen_weight, cusp_gain, alike, end_margin, interval_extra;
} dm_site_params;

/* Fills s, site_from and site_to of a pool: peak and 5-95 % of a posterior over the extent. The posterior is made of the fit
 * of a cusp A + C exp(-|s - s0|/L) to the brightness along the collection (contrast is densest where it leaks out), the
 * knowledge that ends are seldom the site, spurs inside a ventral pool and bright foramina beside a lateral one.
 * Method: proto-leak section 2. */
dm_status dm_site_find(dm_gpu *gpu, const dm_site_params *p, const dm_study *study, dm_finding *f);

/* The cusp's fit alone: v[0..n) at steps of ds mm; cost[i] = least mean capped residual with the cusp at i (infinite within
 * `margin` mm of an end); returns the fall from the cost of a constant. */
double dm_cusp_fit(const float *v, int n, double ds, double margin, double *cost);

#endif
