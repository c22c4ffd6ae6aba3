#include "path.h"

/* One item per cell of slice z; slices z + 1 are above. e, sum, back: whole grids. */
__kernel void path_step(__global const float *restrict e, __global float *restrict sum, __global uchar *restrict back,
                        dm_path_args a, int z, int first) {
    int x = (int)get_global_id(0), y = (int)get_global_id(1);
    if (x >= a.nx || y >= a.ny) return;
    size_t slice = (size_t)a.nx * (size_t)a.ny, here = (size_t)z * slice, above = first ? here : here + slice;
    sum[here + (size_t)y * (size_t)a.nx + (size_t)x] =
        dm_path_cell(e + above, e + here, sum + above, &a, first, x, y, back + here);
}
