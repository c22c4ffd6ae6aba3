/* Self-test of a kernel against its scalar C reference. Every stage (and the phantom) exports a list of these; selftest,
 * the tests, oclgrind and bench_stages all run the same list. */
#ifndef DM_CHECK_H
#define DM_CHECK_H

#include "gpu.h"

typedef struct dm_check_result {
    double error;      /* largest |kernel - reference|, in the result's unit; NaN or infinity = failed */
    double items;      /* voxels (or cells) that one launch computes */
    double bytes;      /* bytes that it must at least read and write */
    double seconds;    /* device time of the kernel in this check (from dm_gpu_seconds) */
} dm_check_result;

typedef struct dm_kernel_check {
    const char *kernel;    /* its name in the .cl */
    double tolerance;      /* largest error allowed, 0 = bit for bit */
    const char *reason;    /* why that tolerance */
    /* Makes input of about edge^3 voxels from the seed, runs the kernel and, when with_reference, the reference.
     * edge is 6..256: 8 under oclgrind, 24 in the self-test, larger in the bench. */
    dm_status (*compare)(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);
} dm_kernel_check;

/* The gpu layer's own: copy (the bandwidth that others are measured by), fill, and the elementary functions. */
extern const dm_kernel_check dm_gpu_checks[];
extern const int dm_gpu_check_count;

#endif
