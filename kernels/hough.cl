#include "hough.h"

__kernel void hough_spheres(const dm_hough_args g, __global const float *restrict volume,
                            __global const float *restrict centres, __global const float *restrict directions,
                            __global float *restrict out) {
    int at = (int)get_global_id(0);
    if (at < g.n) dm_hough_centre(&g, volume, centres, directions, out, at);
}
