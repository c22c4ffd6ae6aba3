/* A list of distances, as long as it gets. */
#ifndef DM_BENCH_DISTANCES_H
#define DM_BENCH_DISTANCES_H

#include <math.h>
#include <stdlib.h>

#include "ranks.h"

typedef struct bench_distances {
    float *v; /* freed by the owner */
    size_t n, room;
} bench_distances;

static inline void bench_keep(bench_distances *d, double v) {
    if (d->n == d->room) {
        d->room = d->room ? 2 * d->room : 1024;
        d->v = realloc(d->v, d->room * sizeof *d->v);
        if (!d->v) abort();
    }
    d->v[d->n++] = (float)v;
}

/* NaN of none; puts them in order. */
static inline double bench_quantile(bench_distances *d, double q) {
    if (!d->n) return NAN;
    dm_sort(d->v, d->n);
    return (double)d->v[(size_t)(q * (double)(d->n - 1))];
}

#endif
