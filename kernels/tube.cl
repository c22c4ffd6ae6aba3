#include "tube.h"

#define TUBE_ITEM                                                                                    \
    int x = (int)get_global_id(0), y = (int)get_global_id(1), z = (int)get_global_id(2);             \
    if (x >= a.nx || y >= a.ny || z >= a.nz) return;                                                 \
    size_t at = dm_at(x, y, z, a.nx, a.ny)

__kernel void tube_blur(__global const float *restrict v, __global const float *restrict w, __global float *restrict out,
                        dm_tube_args a) {
    TUBE_ITEM;
    out[at] = dm_tube_blur(v, w, a, x, y, z);
}

/* Keeps the larger of the response and what `out` holds: called once per scale. */
__kernel void tube_response(__global const float *restrict v, __global float *restrict out, dm_tube_args a) {
    TUBE_ITEM;
    out[at] = dm_fmax(out[at], dm_tube_response(v, a, x, y, z));
}
