#include "copy.h"

__kernel void copy(const dm_copy_args a, __global const float *restrict from, __global float *restrict to) {
    size_t x = get_global_id(0), y = get_global_id(1);
    if (x >= (size_t)a.n || y >= (size_t)a.rows) return;
    size_t i = y * (size_t)a.n + x;
    to[i] = dm_copy_item(from, i);
}

__kernel void fill(const dm_copy_args a, __global float *restrict to) {
    size_t x = get_global_id(0), y = get_global_id(1);
    if (x >= (size_t)a.n || y >= (size_t)a.rows) return;
    to[y * (size_t)a.n + x] = a.value;
}
