/* The tube filter on the device. */
#ifndef DM_TUBES_H
#define DM_TUBES_H

#include "check.h"
#include "tube.h"

/* From a straightened box (HU) to `smooth` (blur of 0.9 mm) and `response` (bright tubes, the larger of two scales, HU). The
 * caller gives both arrays of nx*ny*nz; `a` gives size, steps, low and high. */
dm_status dm_tubes_filter(dm_gpu *gpu, const float *box, dm_tube_args a, float *smooth, float *response);

/* Kernels against their references (check.h); all bit for bit. */
dm_status dm_tube_compare_blur(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r);
dm_status dm_tube_compare_response(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r);

#endif
