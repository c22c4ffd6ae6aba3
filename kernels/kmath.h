/* Elementary functions in +, -, *, / and integer steps only: the same bits on every device and on the host.
 * (Named kmath.h because a folder with a math.h on a quoted include path would be read before the C library's by some
 * compilers.) */
#ifndef DM_KMATH_H
#define DM_KMATH_H
#include "dialect.h"

/* exp(x), relative error below 2.5e-7 for |x| < 87; 0 below -87, held at exp(87) above. Cody-Waite reduction by ln 2 and
 * a degree-6 polynomial on [-ln2/2, ln2/2]. */
DM_FN float dm_exp(float x) {
    union { uint i; float f; } whole, two;
    float c = dm_clampf(x, -87.0f, 87.0f);
    /* 1.5 * 2^23 + n: the sum is rounded to the nearest whole n, which then stands in its low bits. */
    whole.f = c * 1.44269504f + 12582912.0f;
    float n = whole.f - 12582912.0f;
    float r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
    float q = 0.5f + r * (0.166666667f + r * (0.0416666667f + r * (0.00833333333f + r * 0.00138888889f)));
    float p = 1.0f + (r + r * r * q);
    two.i = (whole.i << 23) + 0x3f800000u;
    return x < -87.0f ? 0.0f : p * two.f;
}

/* sin and cos of an angle in radians, absolute error below 1e-6 for |x| < 1000. */
DM_FN float dm_sin(float x) {
    float n = dm_floor(x * 0.318309886f + 0.5f);
    float r = ((x - n * 3.140625f) - n * 9.67502593994140625e-4f) - n * 1.509957990978376432e-7f;
    float s = r * r;
    float p = r + r * s * (-0.166666667f + s * (0.00833333333f + s * (-1.98412698e-4f + s * (2.75573192e-6f - s * 2.50521084e-8f))));
    return ((int)n & 1) ? -p : p;
}
DM_FN float dm_cos(float x) { return dm_sin(x + 1.57079633f); }

#endif
