#include "blood.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ranks.h"

/* Leaves the absolute deviations in `value`. */
static void middle_of(float *value, size_t n, double least_spread, double *middle, double *spread) {
    float m = dm_rank(value, n, 0.5);
    for (size_t i = 0; i < n; i++) value[i] = fabsf(value[i] - m);
    *middle = (double)m, *spread = fmax(least_spread, 1.48 * (double)dm_rank(value, n, 0.5));
}

/* First of the largest group of ordered values that agree within a quarter; its size in *most. */
static size_t largest_group(const float *value, size_t n, size_t *most) {
    size_t first = 0;
    *most = 0;
    for (size_t i = 0, end = 0; i < n; i++) {
        while (end < n && value[end] <= 1.25f * value[i]) end++;
        if (end - i > *most) *most = end - i, first = i;
    }
    return first;
}

dm_blood dm_blood_of(float *value, size_t n, double least, double noise) {
    dm_blood b = {.least = least, .middle = least, .spread = noise};
    size_t dim = 0, group;
    dm_sort(value, n);
    while (dim < n && (double)value[dim] <= 1.5 * least) dim++;
    size_t first = dim + largest_group(value + dim, n - dim, &group);
    if (group >= 3) {
        middle_of(value + first, group, noise, &b.root, &b.root_spread);
        memmove(value + first, value + first + group, (n - first - group) * sizeof *value);
        n -= group;
    }
    if (n >= 4) middle_of(value, n, noise, &b.middle, &b.spread);
    return b;
}

int dm_blood_is_root(const dm_blood *b, double value) {
    return b->root_spread > 0 && fabs(value - b->root) < fmax(3.5 * b->root_spread, 0.15 * b->root);
}
