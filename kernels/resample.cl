#include "resample.h"

/* One item per cell of the coarse grid. */
__kernel void resample_coarse(__global const short *restrict v, __global float *restrict out, dm_resample_args a) {
    int x = (int)get_global_id(0), y = (int)get_global_id(1), z = (int)get_global_id(2);
    if (x >= a.gx || y >= a.gy || z >= a.gz) return;
    float value;
    if (dm_resample_cell(v, &a, x, y, z, &value))
        out[((size_t)z * (size_t)a.gy + (size_t)y) * (size_t)a.gx + (size_t)x] = value;
}

/* One item per voxel of the box. */
__kernel void resample_block(__global const short *restrict v, __global float *restrict out, dm_block_args a) {
    int x = (int)get_global_id(0), y = (int)get_global_id(1), z = (int)get_global_id(2);
    if (x >= a.ox || y >= a.oy || z >= a.oz) return;
    out[((size_t)z * (size_t)a.oy + (size_t)y) * (size_t)a.ox + (size_t)x] = dm_block_mean(v, &a, x, y, z);
}
