#include "gather.h"

__kernel void curved_polar(const dm_curved_args g, __global const float *restrict volume,
                           __global const float *restrict frame, __global const float *restrict turn,
                           __global float *restrict out) {
    int k = (int)get_global_id(0), t = (int)get_global_id(1), i = (int)get_global_id(2);
    if (k >= g.nv) return;
    out[dm_at(k, t, i, g.nv, g.nu)] = dm_curved_polar_at(&g, volume, frame, turn, i, t, k);
}

__kernel void curved_plane(const dm_curved_args g, __global const float *restrict volume,
                           __global const float *restrict frame, __global float *restrict out) {
    int k = (int)get_global_id(0), j = (int)get_global_id(1), i = (int)get_global_id(2);
    if (k >= g.nv) return;
    out[dm_at(k, j, i, g.nv, g.nu)] = dm_curved_plane_at(&g, volume, frame, i, j, k);
}
