#include "phantom_spine.h"

/* Voxels of slices k0 .. of a digital reference object; one item per voxel, flat over the slab. */
__kernel void phantom_render(const dm_ph_args args, PH_TABLES, __global short *restrict out,
                             const int slices) {
    size_t id = get_global_id(0), plane = (size_t)args.nx * (size_t)args.ny;
    if (id >= plane * (size_t)slices) return;
    int k = (int)(id / plane), j = (int)((id - (size_t)k * plane) / (size_t)args.nx);
    int i = (int)(id - (size_t)k * plane - (size_t)j * (size_t)args.nx);
    out[id] = dm_ph_voxel(&args, PH_TABLE_NAMES, i, j, args.k0 + k);
}
