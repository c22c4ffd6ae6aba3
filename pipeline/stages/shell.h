/* How bright the scan is between dura and bone. */
#ifndef DM_SHELL_H
#define DM_SHELL_H

#include "gpu.h"
#include "study.h"

/* out[(i - from) * DM_NT + t], rows from..from + n - 1: the median of the raw volume between the surfaces, 0.6 mm of either left
 * out, as a share of the sac beside it (0 = tissue, 1 = sac); DM_OUTSIDE where the map is not assessed. The map's E is made to tell a
 * pool from its neighbours: it is 0 in every second cell of a pool in doubt. This tells how dense a pool is that is there. */
dm_status dm_shell_measure(dm_gpu *gpu, const dm_study *study, int from, int n, float *out);

#endif
