/* The scores of pools, diverticula and veins: logistic models. */
#ifndef DM_ODDS_H
#define DM_ODDS_H

#include <math.h>

/* 1 / (1 + exp(-sum of n coefficients times terms)). */
static inline double dm_probability(const double *odds, const double *terms, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += odds[i] * terms[i];
    return 1 / (1 + exp(-sum));
}

#endif
