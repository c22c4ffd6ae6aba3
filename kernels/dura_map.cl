#include "dura_map.h"

/* x = sample along r, y = angle, z = position. */
__kernel void polar_mean(__global const float *restrict v, __global float *restrict out, dm_map_args a) {
    int k = (int)get_global_id(0), t = (int)get_global_id(1), i = (int)get_global_id(2);
    if (k >= a.nr || t >= a.nt || i >= a.ns) return;
    out[((size_t)i * (size_t)a.nt + (size_t)t) * (size_t)a.nr + (size_t)k] = dm_polar_mean(v, a, i, t, k);
}

/* x = cell. */
__kernel void shell_cells(__global const float *restrict v, __global const float *restrict r_dura,
                          __global const float *restrict r_bone, __global float *restrict out, dm_map_args a,
                          float band, float edge) {
    size_t c = get_global_id(0);
    if (c >= (size_t)a.ns * (size_t)a.nt) return;
    dm_shell_cell(v + c * (size_t)a.nr, a, r_dura[c], r_bone[c], band, edge, out + c * DM_CELL_N);
}

/* x = cell; cells with use = 0 are left as they are. */
__kernel void profile_fit(__global const float *restrict v, __global const float *restrict r_dura,
                          __global const float *restrict r_bone, __global const float *restrict r_seen,
                          __global const float *restrict q_bone, __global const float *restrict tissue,
                          __global const float *restrict sac, __global const float *restrict rim,
                          __global const float *restrict cortex, __global const uchar *restrict use,
                          __global float *restrict out, dm_map_args a, dm_fit_args f) {
    size_t c = get_global_id(0);
    if (c >= (size_t)a.ns * (size_t)a.nt) return;
    if (!use[c]) return;
    dm_walls w = {r_dura[c], r_bone[c], r_seen[c], q_bone[c], dm_faces_body(a, (int)(c % (size_t)a.nt), f.body_angle),
                  cortex[c / (size_t)a.nt], rim[c]};
    dm_fit_cell(v + c * (size_t)a.nr, a, f, w, tissue[c], sac[c] - tissue[c], out + c * DM_FIT_N);
}

/* x = cell; cells with use = 0 are left as they are. */
__kernel void membrane_fit(__global const float *restrict v, __global const float *restrict r_dura,
                           __global const float *restrict sac, __global const float *restrict table,
                           __global const uchar *restrict use, __global float *restrict out, dm_map_args a,
                           dm_membrane_args f) {
    size_t c = get_global_id(0);
    if (c >= (size_t)a.ns * (size_t)a.nt) return;
    if (!use[c]) return;
    dm_membrane_cell(v + c * (size_t)a.nr, a, f, table, r_dura[c], sac[c], out + c * DM_MEMBRANE_N);
}
