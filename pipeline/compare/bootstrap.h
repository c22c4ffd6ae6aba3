/* Limits by resampling whole patients. The random numbers are a function of (seed, stream, draw, position)
 * alone, so the same data give the same bytes on every machine, in any order of work. */
#ifndef DM_BOOTSTRAP_H
#define DM_BOOTSTRAP_H

#include <stdint.h>

#include "status.h"

/* Philox 4x32-10 (Salmon et al., SC11): four random words of a counter and a key. */
void dm_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* A stream's number from its name (FNV-1a), so that analyses do not share their draws. */
uint32_t dm_stream(const char *name);

typedef struct dm_resampling {
    uint64_t seed;
    int draws; /* 2000 or more for limits */
} dm_resampling;

/* Draws n of n patients with replacement: weight[i] = how often patient i was drawn. */
void dm_draw_patients(uint64_t seed, uint32_t stream, int draw, int n, unsigned *weight);

/* Computes `count` numbers from patients that stand there weight[i] times each; NaN where one does not exist.
 */
typedef void (*dm_resampled)(void *user, const unsigned *weight, double *out);

typedef struct dm_limits {
    double low, high; /* percentiles 2.5 and 97.5 of the draws */
    double bca_low,
        bca_high; /* bias-corrected and accelerated, Efron 1987; NaN where not asked for or not defined */
} dm_limits;

/* 95 % limits of `count` (at most 16) numbers over n patients. Limits are NaN with fewer than 2 patients, and
 * where more than one draw in 20 gives no number. with_bca: also BCa, with a jackknife over patients (over
 * 200 groups of patients when there are more). FATAL "out_of_memory". */
dm_status dm_bootstrap(const dm_resampling *plan, uint32_t stream, int n, dm_resampled statistic, void *user,
                       int count, int with_bca, dm_limits *limits);

#endif
