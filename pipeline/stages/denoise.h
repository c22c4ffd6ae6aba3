/* The parts of stage denoise: the noise of a volume, and non-local means. */
#ifndef DM_DENOISE_H
#define DM_DENOISE_H

#include "check.h"
#include "grid.h"
#include "nlm.h"
#include "study.h"

/* Noise of a volume, as found in its flat tissue. */
typedef struct dm_noise {
    double sd;    /* HU or signal */
    double corr;  /* lag-1 correlation between neighbours in the slice, 0..0.95 */
    int blocks;   /* flat blocks that it stands on; few = a guess */
    float *slice; /* nz: standard deviation of every slice (CT varies along the body); owned */
} dm_noise;

/* Measures it: every 10 x 10 block of a slice in body tissue gives, after a plane is taken away, a variance and a lag-1
 * covariance; the standard deviation is the mode over blocks (half-sample mode: blocks with structure lie above it), the
 * correlation the mean over blocks near the mode. A CT kernel correlates noise, so that filters of neighbours' differences
 * (wavelet MAD) read it too low; a block's whole variance does not. Falls back on differences of neighbours where the volume has no whole
 * block. sd = 0 for a volume without noise. STUDY "out_of_memory". */
dm_status dm_noise_measure(const dm_volume *v, dm_modality modality, dm_noise *noise);
void dm_noise_clear(dm_noise *noise);

typedef struct dm_nlm_settings {
    int radius[3];    /* of the search window along each index axis, voxels */
    double strength;  /* h = strength * sigma */
    int magnitude;    /* 1 = MR */
    int max_slab;     /* most output slices at once; 0 = by memory alone */
    const int (*span)[2]; /* columns from <= x < to of every row z * ny + y that are filtered; NULL = all */
} dm_nlm_settings;

/* Filters `in` into `out` (same size, allocated by the caller), in slabs that fit the device. Beyond the spans `out` stays
 * as it is; within them a span changes no bit. */
dm_status dm_nlm_run(dm_gpu *gpu, const dm_volume *in, const dm_noise *noise, const dm_nlm_settings *settings,
                     float *out);
/* The same in plain loops, written apart from the kernel but in the same order of sums: the same bits. */
void dm_nlm_reference(const dm_volume *in, const dm_noise *noise, const dm_nlm_settings *settings, float *out);
/* The kernel's three values of one slice (kernels/nlm.h). */
void dm_nlm_slice_values(double sd, double corr, double strength, float values[DM_NLM_SLICE]);
/* Index in 0..n-1 of a position beyond the ends, mirrored at the outermost voxel centres. */
int dm_mirror(int i, int n);
/* Columns of every row (z * ny + y) that lie within reach_mm of a point of the path (LPS mm), for dm_nlm_settings; where a
 * row is reached twice, also what lies between. span: ny * nz, empty rows 0, 0. */
dm_status dm_nlm_reach(const dm_volume *v, const double (*path)[3], int n, double reach_mm, int (*span)[2]);
uint64_t dm_nlm_bytes(int nx, int ny, int nz, const dm_nlm_settings *settings);

extern const dm_kernel_check dm_denoise_checks[];
extern const int dm_denoise_check_count;

#endif
