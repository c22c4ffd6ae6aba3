#include "check_math.h"

__kernel void check_math(const dm_check_math_args a, __global const float *restrict x,
                         __global const float *restrict volume, __global float *restrict out) {
    size_t i = get_global_id(0), f = get_global_id(1);
    if (i >= (size_t)a.n || f >= DM_CHECK_MATH_FUNCTIONS) return;
    out[f * (size_t)a.n + i] = dm_check_math_item(&a, x, volume, (int)f, (int)i);
}
