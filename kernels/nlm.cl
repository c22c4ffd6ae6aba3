#include "nlm.h"

/* VW = lanes in x per item (1 on a GPU; CPU devices need the vectors written out), ZC = outputs in z per item. What
 * neighbouring patches share is summed once: in z the planes, in x the columns, which the lanes of a vector hand to each
 * other; 3 (ZC + 2) / ZC differences per voxel and shift instead of 27. The two outermost lanes have no neighbour to ask, so
 * that a vector gives VW - 2 results. Neither VW nor ZC changes a bit of the result. */
#ifndef VW
#define VW 1
#endif
#ifndef ZC
#define ZC 4
#endif
#ifndef MAGNITUDE
#define MAGNITUDE 0
#endif

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#if VW == 1
#define STEP 1
typedef float vfloat;
typedef float3 columns; /* left, own, right */
#define VALUES(p) (*(p))
#define COLUMNS(p) ((float3)((p)[-1], (p)[0], (p)[1]))
#define ACROSS(c) (((c).x + (c).y) + (c).z)
#define VSTORE(v, p) (*(p) = (v))
#else
#define STEP (VW - 2)
typedef CAT(float, VW) vfloat;
typedef vfloat columns; /* lane i stands at x - 1 + i */
#define VALUES(p) CAT(vload, VW)(0, (p)-1)
#define COLUMNS(p) CAT(vload, VW)(0, (p)-1)
#if VW == 16
#define ACROSS(c) (((c).s00123456789abcde + (c)) + (c).s123456789abcdeff)
#define VSTORE(v, p) (vstore8((v).s12345678, 0, p), vstore4((v).s9abc, 0, (p) + 8), vstore2((v).sde, 0, (p) + 12))
#elif VW == 8
#define ACROSS(c) (((c).s00123456 + (c)) + (c).s12345677)
#define VSTORE(v, p) (vstore4((v).s1234, 0, p), vstore2((v).s56, 0, (p) + 4))
#elif VW == 4
#define ACROSS(c) (((c).s0012 + (c)) + (c).s1233)
#define VSTORE(v, p) vstore2((v).s12, 0, p)
#endif
#endif

/* Sum of the squared differences of two columns of 3 rows; p and q point to their centres. */
static inline columns column_sum(__global const float *restrict p, __global const float *restrict q, size_t px) {
    columns d0 = COLUMNS(p - px) - COLUMNS(q - px), d1 = COLUMNS(p) - COLUMNS(q), d2 = COLUMNS(p + px) - COLUMNS(q + px);
    return (d0 * d0 + d1 * d1) + d2 * d2;
}

/* dm_nlm_weight, all lanes; comparisons instead of fmin and fmax, which CPU devices call lane by lane for their rule on NaN. */
static inline vfloat weight(vfloat distance, float start, float slope) {
    vfloat u = distance * slope + start;
    u = u < (vfloat)(1.0f) ? u : (vfloat)(1.0f);
    u = u > (vfloat)(0.0f) ? u : (vfloat)(0.0f);
    u = u * u;
    u = u * u;
    u = u * u;
    u = u * u;
    return u * u;
}

__kernel void nlm(const dm_nlm_args a, __global const float *restrict padded, __global const float *restrict slice,
                  __global const int *restrict span, __global float *restrict out) {
    const int y = (int)get_global_id(1), z = (int)get_global_id(2) * ZC;
    if (y >= a.ny || z >= a.nz) return;
    const size_t row = 2 * (get_global_id(2) * (size_t)a.ny + (size_t)y);
    const int x = span[row] + (int)get_global_id(0) * STEP;
    if (x >= span[row + 1]) return;
    const size_t px = (size_t)a.px, plane = px * (size_t)a.py;
    __global const float *centre = padded + (size_t)(z + a.rz + 1) * plane + (size_t)(y + a.ry + 1) * px + (size_t)(x + a.rx + 1);
    vfloat weights[ZC], values[ZC];
#pragma unroll
    for (int k = 0; k < ZC; k++) weights[k] = values[k] = (vfloat)(0.0f);
    for (int dz = -a.rz; dz <= a.rz; dz++)
        for (int dy = -a.ry; dy <= a.ry; dy++)
            for (int dx = -a.rx; dx <= a.rx; dx++) {
                __global const float *other = centre + (long)dz * (long)plane + (long)dy * (long)px + dx;
                columns below = column_sum(centre - plane, other - plane, px), here = column_sum(centre, other, px);
#pragma unroll
                for (int k = 0; k < ZC; k++) {
                    const size_t up = (size_t)k * plane;
                    columns above = column_sum(centre + up + plane, other + up + plane, px);
                    columns three = (below + here) + above;
                    vfloat w = weight(ACROSS(three), slice[(z + k) * DM_NLM_SLICE], slice[(z + k) * DM_NLM_SLICE + 1]);
                    vfloat v = VALUES(other + up);
                    weights[k] = weights[k] + w;
                    values[k] = values[k] + w * (MAGNITUDE ? v * v : v);
                    below = here;
                    here = above;
                }
            }
#pragma unroll
    for (int k = 0; k < ZC; k++) {
        vfloat mean = values[k] / weights[k];
        if (MAGNITUDE) {
            mean = mean - slice[(z + k) * DM_NLM_SLICE + 2];
            mean = sqrt(mean > (vfloat)(0.0f) ? mean : (vfloat)(0.0f));
        }
        VSTORE(mean, out + ((size_t)(z + k) * (size_t)a.ny + (size_t)y) * (size_t)a.ox + (size_t)x);
    }
}
