/* Order statistics and one-dimensional smoothing, used where a few thousand values decide. Host, serial, deterministic. */
#ifndef DM_RANKS_H
#define DM_RANKS_H

#include <stddef.h>

/* Least first. */
void dm_sort(float *v, size_t n);
/* The value at `share` (0..1) of the sorted list, nearest rank. Reorders v. NaN for n = 0. */
float dm_rank(float *v, size_t n, double share);
/* Gaussian of `sd` samples over v[0..n), in place; entries that are DM_OUTSIDE are left out and stay so. */
void dm_smooth_samples(float *v, int n, double sd);
/* Running median over 2*half + 1 samples (fewer at the ends) from v into out. */
void dm_median_line(const float *v, int n, int half, float *out);

#endif
