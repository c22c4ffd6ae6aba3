#include "discs.h"

__kernel void discs_sheets(const dm_discs_args g, __global const float *restrict v,
                           __global float *restrict out) {
    int tilt = (int)get_global_id(0), i = (int)get_global_id(1);
    if (tilt >= DM_DISC_TILTS || i >= g.ns) return;
    out[(size_t)i * DM_DISC_TILTS + (size_t)tilt] = dm_discs_sheet(v, &g, i, dm_disc_slope(tilt));
}

__kernel void discs_rows(const dm_discs_args g, __global const float *restrict v,
                         __global const float *restrict slope, __global float *restrict out) {
    int j = (int)get_global_id(0), i = (int)get_global_id(1);
    if (j >= g.na || i >= g.ns) return;
    out[(size_t)i * (size_t)g.na + (size_t)j] = dm_discs_row(v, slope, &g, i, j);
}

__kernel void discs_boxes(const dm_discs_args g, __global const float *restrict v,
                          __global const int *restrict boxes, const int n, __global float *restrict out) {
    int b = (int)get_global_id(0), i = (int)get_global_id(1);
    if (b >= n || i >= g.ns) return;
    __global const int *q = boxes + 5 * b;
    dm_disc_box box = {q[0], q[1], q[2], q[3], q[4]};
    out[(size_t)i * (size_t)n + (size_t)b] = dm_discs_box(v, &g, i, &box);
}

__kernel void discs_rib(const dm_discs_args g, __global const float *restrict v,
                        __global const float *restrict next, const int l, const int side,
                        __global float *restrict out) {
    int j = (int)get_global_id(0), i = (int)get_global_id(1);
    if (j >= g.na || i >= g.ns) return;
    out[(size_t)i * (size_t)g.na + (size_t)j] = dm_rib_step(v, next, &g, i, j, l, side);
}
