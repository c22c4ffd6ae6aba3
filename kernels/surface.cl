#include "dura_line.h"
#include "surface.h"

__kernel void surf_smooth(dm_surf_args a, __global const float *restrict v, __global float *restrict out) {
    int k = (int)get_global_id(0), t = (int)get_global_id(1), i = (int)get_global_id(2);
    if (k >= a.nr || t >= a.nt || i >= a.ns) return;
    out[dm_ray_of(a, i, t) + (size_t)k] = dm_surf_smooth_at(v, a, i, t, k);
}

__kernel void surf_extreme(dm_surf_args a, int reach, float sign, __global const float *restrict v,
                           __global float *restrict out) {
    int k = (int)get_global_id(0), t = (int)get_global_id(1), i = (int)get_global_id(2);
    if (k >= a.nr || t >= a.nt || i >= a.ns) return;
    out[dm_ray_of(a, i, t) + (size_t)k] = dm_surf_extreme_at(v, a, reach, sign, i, t, k);
}

/* One item per ray. */
__kernel void surf_dura(dm_surf_args a, dm_edge_args e, __global const float *restrict s, __global const float *restrict o,
                        __global const float *restrict level, __global const float *restrict voxel,
                        __global float *restrict out) {
    int t = (int)get_global_id(0), i = (int)get_global_id(1);
    if (t >= a.nt || i >= a.ns) return;
    size_t ray = dm_ray_of(a, i, t);
    if (dm_is_outside(level[i])) dm_dura_plain_ray(s + ray, a, e, out + ray);
    else dm_dura_ray(s + ray, o + ray, a, e, level[i], voxel[i * a.nt + t], dm_in_front(a, t), out + ray);
}

__kernel void surf_bone(dm_surf_args a, dm_edge_args e, __global const float *restrict s, __global const float *restrict o,
                        __global const float *restrict level, __global const float *restrict dura,
                        __global const float *restrict most, __global float *restrict out) {
    int t = (int)get_global_id(0), i = (int)get_global_id(1);
    if (t >= a.nt || i >= a.ns) return;
    size_t ray = dm_ray_of(a, i, t);
    float rd = dura[i * a.nt + t];
    if (e.mr) dm_bone_ray_mr(s + ray, a, e, level[i], rd, out + ray);
    else dm_bone_ray_ct(s + ray, o + ray, a, e, level[i], rd, dm_straight_ahead(a, t), most[t], out + ray);
}

/* rim: brightness under the dura per position, <= tissue: none; dura: radius per ray, mm. */
__kernel void surf_line(dm_surf_args a, dm_line_scan scan, float min_r, __global const float *restrict s,
                        __global const float *restrict rim, __global const float *restrict dura, __global float *restrict out) {
    int t = (int)get_global_id(0), i = (int)get_global_id(1);
    if (t >= a.nt || i >= a.ns) return;
    size_t ray = dm_ray_of(a, i, t);
    dm_line_view w = {a, scan, rim[i], dm_mm(dura[i * a.nt + t], a.dr)};
    dm_line_worths(s + ray, w, min_r, out + ray);
}

/* Costs, and the sum of messages at its start: -3 costs, since every one of four messages holds the cost once. */
__kernel void surf_cost(dm_surf_args a, dm_cost_args c, __global const float *restrict edge,
                        __global const float *restrict guide, __global float *restrict cost, __global float *restrict sum) {
    int k = (int)get_global_id(0), t = (int)get_global_id(1), i = (int)get_global_id(2);
    if (k >= a.nr || t >= a.nt || i >= a.ns) return;
    size_t at = dm_ray_of(a, i, t) + (size_t)k;
    float v = dm_cost_at(edge[at], c, guide + 4 * ((size_t)i * (size_t)a.nt + (size_t)t), (float)k * a.dr);
    cost[at] = v;
    sum[at] = -3.0f * v;
}

/* A line of messages per work-group, a radius per item. along = 1: lines run along the spine, one per angle; 0: round it,
 * one per position, twice round so that the start does not show. dir = 1 or -1. follow = 1: steps are taken from those of the guides'
 * expected radii. local_size(0) >= nr. */
__kernel void surf_message(dm_surf_args a, int along, int dir, int follow, float weight, int reach, __global const float *restrict guide,
                           __global const float *restrict cost, __global float *restrict sum, __local float *line) {
    int k = (int)get_local_id(0), which = (int)get_global_id(1);
    int n = along ? a.ns : a.nt, steps = along ? n : 2 * n;
    int now = 0;
    size_t last = 0;
    for (int j = 0; j < steps; j++) {
        int place = dir > 0 ? j % n : n - 1 - j % n;
        size_t ray = along ? (size_t)place * (size_t)a.nt + (size_t)which : (size_t)which * (size_t)a.nt + (size_t)place;
        size_t at = ray * (size_t)a.nr + (size_t)k;
        int step = follow ? dm_expected_step(guide + 4 * last, guide + 4 * ray, a.dr) : 0;
        __local float *before = line + (1 - now) * a.nr, *here = line + now * a.nr;
        if (k < a.nr) {
            float m = j == 0 ? cost[at] : dm_message_at(before, cost[at], weight, reach, step, k, a.nr);
            here[k] = m;
            if (along || j >= n) sum[at] += m;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        now = 1 - now;
        last = ray;
    }
}

/* Second round: costs grow where the first round's sum is far from its lowest; the sum starts again. */
__kernel void surf_again(dm_surf_args a, float weight, float most, __global float *restrict cost,
                         __global float *restrict sum) {
    int t = (int)get_global_id(0), i = (int)get_global_id(1);
    if (t >= a.nt || i >= a.ns) return;
    size_t ray = dm_ray_of(a, i, t);
    float low = sum[ray];
    for (int k = 1; k < a.nr; k++) low = fmin(low, sum[ray + (size_t)k]);
    for (int k = 0; k < a.nr; k++) {
        float v = cost[ray + (size_t)k] + weight * fmin(sum[ray + (size_t)k] - low, most);
        cost[ray + (size_t)k] = v;
        sum[ray + (size_t)k] = -3.0f * v;
    }
}

__kernel void surf_pick(dm_surf_args a, __global const float *restrict sum, __global const float *restrict edge,
                        __global float *restrict radius, __global float *restrict strength) {
    int t = (int)get_global_id(0), i = (int)get_global_id(1);
    if (t >= a.nt || i >= a.ns) return;
    size_t ray = dm_ray_of(a, i, t);
    float q;
    radius[i * a.nt + t] = a.dr * dm_pick_radius(sum + ray, edge + ray, a.nr, &q);
    strength[i * a.nt + t] = q;
}
