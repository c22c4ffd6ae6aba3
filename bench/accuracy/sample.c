/* Lists of numbers and sums of tallies. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sorted.h"
#include "accuracy.h"

void sample_keep(sample *s, double v) {
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        double *more = realloc(s->v, (size_t)s->room * sizeof *more);
        if (!more) abort();
        s->v = more;
    }
    s->v[s->n++] = v;
}

double sample_quantile(sample *s, double q) {
    if (s->n == 0) return NAN;
    bench_sort(s->v, s->n);
    return s->v[(int)(q * (s->n - 1) + 0.5)];
}

double sample_mean(const sample *s) {
    double sum = 0.0;
    for (int i = 0; i < s->n; i++) sum += s->v[i];
    return s->n ? sum / s->n : NAN;
}

void tally_add(tally *into, const tally *one) {
    for (int i = 0; i < N_COUNTS; i++) into->count[i] += one->count[i];
    for (int i = 0; i < N_SAMPLES; i++)
        for (int j = 0; j < one->list[i].n; j++) sample_keep(&into->list[i], one->list[i].v[j]);
    for (int i = 0; i < BINS; i++) {
        into->bin_n[i] += one->bin_n[i];
        into->bin_right[i] += one->bin_right[i];
        into->bin_sum[i] += one->bin_sum[i];
    }
    for (int i = 0; i < THICK; i++)
        for (int j = 0; j < RATIOS; j++) {
            into->cell_n[i][j] += one->cell_n[i][j];
            into->cell_found[i][j] += one->cell_found[i][j];
        }
    for (int i = 0; i < WALLS * REGIONS * SECTORS; i++) {
        wall_error *a = &into->wall[0][0][0] + i;
        const wall_error *b = &one->wall[0][0][0] + i;
        a->sum += b->sum, a->absolute += b->absolute, a->n += b->n;
    }
    for (int i = 0; i < CLASSES; i++)
        for (int j = 0; j <= CLASSES; j++) into->class_[i][j] += one->class_[i][j];
    for (int i = 0; i < SIDES; i++)
        for (int j = 0; j <= SIDES; j++) into->side[i][j] += one->side[i][j];
}

void tally_clear(tally *t) {
    for (int i = 0; i < N_SAMPLES; i++) free(t->list[i].v);
    memset(t, 0, sizeof *t);
}
