/* Gathers in the spine's coordinates, on the device. */
#ifndef DM_CURVED_H
#define DM_CURVED_H

#include "check.h"
#include "study.h"

/* out[(i*DM_NT + t)*nr + k] = volume at s = s0 + i*ds, theta = 5t degrees, r = r0 + k*dr: trilinear, DM_OUTSIDE outside.
 * `out` is allocated; the caller frees. */
dm_status dm_curved_polar(dm_gpu *gpu, const dm_volume *volume, const dm_spine *spine, double s0, double ds, int ns,
                          double r0, double dr, int nr, float **out);
/* out[(i*na + j)*nl + k] = volume at s = s0 + i*ds, a = a0 + j*da (ventral), l = l0 + k*dl (left). */
dm_status dm_curved_plane(dm_gpu *gpu, const dm_volume *volume, const dm_spine *spine, double s0, double ds, int ns,
                          double a0, double da, int na, double l0, double dl, int nl, float **out);

extern const dm_kernel_check dm_curved_checks[];
extern const int dm_curved_check_count;

#endif
