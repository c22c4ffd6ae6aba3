/* Every function of kmath.h and grid.h through one item, so that a device can be held against the host bit for bit. */
#ifndef DM_CHECK_MATH_H
#define DM_CHECK_MATH_H
#include "grid.h"
#include "kmath.h"

typedef struct dm_check_math_args {
    int n; /* items */
    dm_grid_args grid;
} dm_check_math_args;

/* Function f of the list at x: the index is f * n + item. */
enum { DM_CHECK_MATH_FUNCTIONS = 8 };

DM_FN float dm_check_math_item(const dm_check_math_args *a, DM_GLOBAL const float *DM_RESTRICT x,
                               DM_GLOBAL const float *DM_RESTRICT volume, int f, int i) {
    float v = x[i];
    switch (f) {
    case 0: return dm_exp(v);
    case 1: return dm_sin(v);
    case 2: return dm_cos(v);
    case 3: return dm_sqrt(dm_fabs(v));
    case 4: return 1.0f / (v * v + 0.25f);
    case 5: return dm_floor(v);
    case 6: return dm_clampf(v, -1.0f, 2.0f) + (float)dm_popcount((uint)i);
    default: return dm_sample_lps(volume, &a->grid, 0.31f * v, 0.17f * v + 1.0f, 0.23f * v + 2.0f);
    }
}

#endif
