/* Connected patches on the unrolled dura. Host, serial, deterministic. */
#ifndef DM_PATCHES_H
#define DM_PATCHES_H

/* Labels the 8-connected patches of v > low that hold a cell > high, 1 and up in order of their first such cell; 0 elsewhere.
 * v, label, stack: n * DM_NT, s index * DM_NT + column; theta is a circle. Returns their number. */
int dm_patches_label(const float *v, int n, float low, float high, int *label, int *stack);

#endif
