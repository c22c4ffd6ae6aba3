/* Logistic regression of the benches: coefficients of a stage's score from what it found and what is true. */
#ifndef DM_BENCH_LOGISTIC_H
#define DM_BENCH_LOGISTIC_H

#include <string.h>

#include "odds.h"

enum { BENCH_MOST_TERMS = 32 };

typedef struct bench_sample {
    const double *x; /* the terms */
    int right;       /* 1 = it is one */
} bench_sample;

/* Solves a x = b in place (Gauss; the ridge keeps a regular). */
static inline void bench_solve(double a[BENCH_MOST_TERMS][BENCH_MOST_TERMS], double *b, int n) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            double f = k == i ? 0 : a[k][i] / a[i][i];
            for (int j = i; j < n; j++) a[k][j] -= f * a[i][j];
            b[k] -= f * b[i];
        }
    for (int i = 0; i < n; i++) b[i] /= a[i][i];
}

/* Newton's method; coefficient i is expected within +-width[i] of middle[i]. Fills w. */
static inline void bench_logistic_near(const bench_sample *s, int n, int terms, const double *middle,
                                       const double *width, double *w) {
    memcpy(w, middle, (size_t)terms * sizeof *w);
    for (int round = 0; round < 30; round++) {
        double h[BENCH_MOST_TERMS][BENCH_MOST_TERMS] = {{0}}, g[BENCH_MOST_TERMS];
        for (int i = 0; i < terms; i++) {
            double ridge = 1 / (width[i] * width[i]);
            h[i][i] = ridge, g[i] = (middle[i] - w[i]) * ridge;
        }
        for (int m = 0; m < n; m++) {
            double p = dm_probability(w, s[m].x, terms);
            for (int i = 0; i < terms; i++) {
                g[i] += (s[m].right - p) * s[m].x[i];
                for (int j = 0; j < terms; j++) h[i][j] += p * (1 - p) * s[m].x[i] * s[m].x[j];
            }
        }
        bench_solve(h, g, terms);
        for (int i = 0; i < terms; i++) w[i] += g[i];
    }
}

/* The same, a coefficient within +-3 of 0, the first one, the base, within +-`base`. */
static inline void bench_logistic(const bench_sample *s, int n, int terms, double base, double *w) {
    double middle[BENCH_MOST_TERMS] = {0}, width[BENCH_MOST_TERMS];
    for (int i = 0; i < terms; i++) width[i] = i ? 3 : base;
    bench_logistic_near(s, n, terms, middle, width, w);
}

#endif
