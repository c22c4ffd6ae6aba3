#include "patches.h"

#include <stddef.h>

#include "study.h"

int dm_patches_label(const float *v, int n, float low, float high, int *label, int *stack) {
    int next = 0;
    for (size_t c = 0; c < (size_t)n * DM_NT; c++) label[c] = 0;
    for (int seed = 0; seed < n * DM_NT; seed++) {
        if (label[seed] || !(v[seed] > high)) continue;
        int depth = 0;
        label[seed] = ++next;
        stack[depth++] = seed;
        while (depth) {
            int at = stack[--depth], i = at / DM_NT, t = at % DM_NT;
            for (int d = 0; d < 9; d++) {
                int ii = i + d / 3 - 1, tt = (t + d % 3 - 1 + DM_NT) % DM_NT, c = ii * DM_NT + tt;
                if (ii < 0 || ii >= n || label[c] || !(v[c] > low)) continue;
                label[c] = next;
                stack[depth++] = c;
            }
        }
    }
    return next;
}
