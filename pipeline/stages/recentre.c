/* Moves the centre line to the middle of the canal. */
#include <math.h>
#include <stdlib.h>

#include "canal_parts.h"
#include "frame.h"

/* Weighted Gaussian mean at position i; falls to zero where nothing near has weight. */
static double smoothed(const double *v, const double *w, int n, int i, double sigma) {
    int reach = (int)ceil(3 * sigma);
    double sum = 0, norm = 0.02;
    for (int j = i - reach; j <= i + reach; j++)
        if (j >= 0 && j < n) {
            double g = w[j] * exp(-0.5 * (j - i) * (j - i) / (sigma * sigma));
            sum += g * v[j];
            norm += g;
        }
    return sum / norm;
}

static double between(const double *v, int n, double at) {
    int i = (int)floor(at);
    i = i < 0 ? 0 : i > n - 2 ? n - 2 : i;
    double f = fmin(fmax(at - i, 0.0), 1.0);
    return n < 2 ? v[0] : v[i] + f * (v[i + 1] - v[i]);
}

/* Bounded, smoothed moves of all positions into ma, ml. */
static double bound_moves(int n, const double *a, const double *l, const double *w, double sigma, double most, double *ma,
                          double *ml) {
    double largest = 0;
    for (int i = 0; i < n; i++) {
        ma[i] = smoothed(a, w, n, i, sigma);
        ml[i] = smoothed(l, w, n, i, sigma);
        double d = hypot(ma[i], ml[i]), f = d > most ? most / d : 1.0;
        ma[i] *= f, ml[i] *= f;
        largest = fmax(largest, d * f);
    }
    return largest;
}

/* The polyline q of old->n points at equal steps of arc length; score and unsure of the old sample at the same share of the
 * length, which a move of the line hardly changes. */
static dm_status resample(const double (*q)[3], const dm_spine *old, dm_spine *out) {
    double(*even)[3] = NULL;
    int n = 0;
    DM_TRY(dm_line_even(q, old->n, old->ds, &even, &n));
    dm_status status = n < 2 ? dm_fail(DM_STUDY, "no_spine", "the centre line has fewer than two points")
                             : dm_spine_make(out, n, old->ds);
    for (int i = 0; dm_good(status) && i < n; i++) {
        int near = (int)floor(i * (old->n - 1.0) / (n - 1.0) + 0.5);
        for (int c = 0; c < 3; c++) out->p[i][c] = even[i][c];
        out->score[i] = old->score ? old->score[near] : 1.0f;
        out->unsure[i] = old->unsure ? old->unsure[near] : 0;
    }
    free(even);
    return status;
}

dm_status dm_recentre(dm_spine *spine, double step, int n, const double *a, const double *l, const double *w, double sigma,
                      double most, double *moved) {
    double *move = malloc(2 * (size_t)n * sizeof *move), (*q)[3] = malloc((size_t)spine->n * sizeof *q);
    dm_spine made = {0};
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the line's move over %d positions", n);
    if (!move || !q) goto out;
    *moved = bound_moves(n, a, l, w, sigma / step, most, move, move + n);
    for (int i = 0; i < spine->n; i++) {
        double at = i * spine->ds / step, da = between(move, n, at), dl = between(move + n, n, at);
        for (int c = 0; c < 3; c++) q[i][c] = spine->p[i][c] + da * spine->ventral[i][c] + dl * spine->left[i][c];
    }
    DM_TRY_OUT(resample((const double(*)[3])q, spine, &made));
    DM_TRY_OUT(dm_frame_build(&made));
    dm_spine_clear(spine);
    *spine = made;
    made = (dm_spine){0};
out:
    dm_spine_clear(&made);
    free(move), free(q);
    return status;
}
