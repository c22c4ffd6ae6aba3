/* One source for two compilers: what is written here is compiled by OpenCL C 1.2 for the device and by C11 for the
 * scalar references, so that a kernel and its reference cannot drift apart.
 *
 * Rules (measured reasons in the project's OpenCL notes): flat indices in size_t; no builtin but + - * / sqrt fabs
 * min max clamp floor (others are slow on CPU devices and differ between vendors: use kmath.h); FP_CONTRACT off on
 * both sides; structures passed to kernels hold only int and float, 4 bytes each, so that their layout is the same. */
#ifndef DM_DIALECT_H
#define DM_DIALECT_H

#if defined(__OPENCL_VERSION__) || defined(__OPENCL_C_VERSION__)
#pragma OPENCL FP_CONTRACT OFF
#define DM_GLOBAL __global
#define DM_LOCAL __local
#define DM_RESTRICT restrict
#define DM_FN static inline
#define dm_min(a, b) min((a), (b))
#define dm_max(a, b) max((a), (b))
#define dm_fmin(a, b) fmin((a), (b))
#define dm_fmax(a, b) fmax((a), (b))
#define dm_fabs(a) fabs(a)
#define dm_sqrt(a) sqrt(a)
#define dm_floor(a) floor(a)
#define dm_popcount(a) ((int)popcount((uint)(a)))
#else
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#define DM_GLOBAL
#define DM_LOCAL
#define DM_RESTRICT restrict
#define DM_FN static inline
typedef unsigned int uint;
typedef unsigned short ushort;
typedef unsigned char uchar;
DM_FN int dm_min(int a, int b) { return a < b ? a : b; }
DM_FN int dm_max(int a, int b) { return a > b ? a : b; }
DM_FN float dm_fmin(float a, float b) { return fminf(a, b); }
DM_FN float dm_fmax(float a, float b) { return fmaxf(a, b); }
DM_FN float dm_fabs(float a) { return fabsf(a); }
DM_FN float dm_sqrt(float a) { return sqrtf(a); }
DM_FN float dm_floor(float a) { return floorf(a); }
DM_FN int dm_popcount(uint a) { return __builtin_popcount(a); }
#endif

DM_FN float dm_clampf(float v, float lo, float hi) { return dm_fmin(dm_fmax(v, lo), hi); }
DM_FN int dm_clampi(int v, int lo, int hi) { return dm_min(dm_max(v, lo), hi); }

/* Adds x to v[0..n), which is in order, greatest first. */
DM_FN void dm_put_in_order(float *v, int n, float x) {
    for (; n > 0 && v[n - 1] < x; n--) v[n] = v[n - 1];
    v[n] = x;
}

/* Value of a sample outside the field of view. Never a number that a scanner gives; test with dm_is_outside. */
#define DM_OUTSIDE (-30000.0f)
DM_FN int dm_is_outside(float v) { return v < -20000.0f; }

#endif
