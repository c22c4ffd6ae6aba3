/* Lists of figures in order. */
#ifndef DM_BENCH_SORTED_H
#define DM_BENCH_SORTED_H

#include <stdlib.h>

static inline int bench_by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Least first. */
static inline void bench_sort(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, bench_by_value);
}

#endif
