#include "evidence.h"

/* One item per cell of the coarse grid in every kernel here. */
#define CELL                                                                                        \
    int x = (int)get_global_id(0), y = (int)get_global_id(1), z = (int)get_global_id(2);            \
    if (x >= a.nx || y >= a.ny || z >= a.nz) return;                                                \
    size_t at = dm_ev_at(&a, x, y, z)

__kernel void evidence_open(__global const float *restrict v, __global const float *restrict wide,
                            __global float *restrict out, dm_ev_args a) {
    CELL;
    out[at] = dm_ev_open(v, wide, &a, x, y, z);
}

__kernel void evidence_disc(__global const float *restrict v, __global float *restrict out, dm_ev_args a, int reach,
                            float sign) {
    CELL;
    out[at] = dm_ev_disc(v, &a, reach, sign, x, y, z);
}

__kernel void evidence_mask(__global const float *restrict v, __global const float *restrict opened,
                            __global const float *restrict filled, __global uchar *restrict mask, dm_ev_args a) {
    CELL;
    mask[at] = dm_ev_mask(v[at], opened[at], filled[at], &a);
}

__kernel void evidence_rays(__global const float *restrict v, __global const float *restrict filled,
                            __global const uchar *restrict mask, __global const int *restrict table,
                            __global uint *restrict bits, __global float *restrict shapes, dm_ev_args a) {
    CELL;
    dm_ev_cell c;
    dm_ev_rays(v, filled, mask, table, &a, x, y, z, &c);
    bits[at] = c.bits;
    shapes[2 * at] = c.shape;
    shapes[2 * at + 1] = c.tube;
}

__kernel void evidence_join(__global const uint *restrict bits, __global const float *restrict shapes,
                            __global const float *restrict filled, __global const uchar *restrict mask,
                            __global float *restrict out, dm_ev_args a) {
    CELL;
    float enc, column;
    dm_ev_cues(bits, shapes, mask, &a, x, y, z, &enc, &column);
    out[at] = dm_ev_join(enc, column, filled[at], shapes, mask, &a, x, y, z);
}

__kernel void evidence_box(__global const float *restrict v, __global float *restrict out, dm_ev_args a, int axis,
                           int reach) {
    CELL;
    out[at] = dm_ev_box(v, &a, x, y, z, axis, reach);
}

__kernel void evidence_relative(__global const float *restrict v, __global const float *restrict around,
                                __global float *restrict out, dm_ev_args a, float global_mean, float low) {
    CELL;
    out[at] = dm_ev_relative(v[at], around[at], global_mean, low);
}
