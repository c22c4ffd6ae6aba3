/* The Hough transform of spheres at a list of centres, on the device. */
#ifndef DM_BALL_SEARCH_H
#define DM_BALL_SEARCH_H

#include "ball.h"
#include "check.h"

/* Buffers for a list of centres and what became of them (hough.h), here and on the device. */
typedef struct dm_search {
    dm_gpu *gpu;
    dm_buf *volume, *directions, *centres, *out;
    float *host_centres, *host_out, spread[3 * DM_DIRECTIONS];
} dm_search;

/* For n centres in a volume whose profiles are sampled every `step` mm. */
dm_status dm_ball_args(const dm_volume *volume, int n, double step, dm_hough_args *g);

/* Room for `most` centres; the volume goes to the device. STUDY "out_of_memory", device errors. Close in any
 * case. */
dm_status dm_search_open(dm_gpu *gpu, const dm_volume *volume, int most, dm_search *s);
void dm_search_close(dm_search *s);

/* Scores of the g.n centres in host_centres into host_out. */
dm_status dm_search_run(dm_search *s, dm_hough_args g);

/* The kernel against its reference (check.h), bit for bit. */
dm_status dm_hough_compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r);

#endif
