#include "bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distributions.h"
#include "statistics.h"

enum { MOST_NUMBERS = 16, JACKKNIFE_GROUPS = 200 };

void dm_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1,
                            (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

uint32_t dm_stream(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

void dm_draw_patients(uint64_t seed, uint32_t stream, int draw, int n, unsigned *weight) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    memset(weight, 0, (size_t)n * sizeof *weight);
    for (int i = 0; i < n; i += 4) {
        const uint32_t counter[4] = {(uint32_t)i / 4, (uint32_t)draw, stream, 0};
        uint32_t word[4];
        dm_philox(counter, key, word);
        for (int k = 0; k < 4 && i + k < n; k++) weight[(uint64_t)word[k] * (uint32_t)n >> 32]++;
    }
}

/* The jackknife's acceleration of each number: skewness of the values with one group of patients left out. */
static dm_status accelerations(int n, dm_resampled statistic, void *user, int count, unsigned *weight,
                               double *a) {
    int groups = n < JACKKNIFE_GROUPS ? n : JACKKNIFE_GROUPS;
    double *left = calloc((size_t)groups * (size_t)count, sizeof *left);
    if (!left) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a jackknife of %d groups", groups);
    for (int g = 0; g < groups; g++) {
        for (int i = 0; i < n; i++) weight[i] = i % groups != g;
        statistic(user, weight, left + (size_t)g * (size_t)count);
    }
    for (int k = 0; k < count; k++) {
        double mean = 0, two = 0, three = 0;
        for (int g = 0; g < groups; g++) mean += left[g * count + k] / groups;
        for (int g = 0; g < groups; g++) {
            double d = mean - left[g * count + k];
            two += d * d;
            three += d * d * d;
        }
        a[k] = two > 0 ? three / (6 * two * sqrt(two)) : 0; /* NaN where a group's number does not exist */
    }
    free(left);
    return dm_ok;
}

static double adjusted(double z0, double a, double z) {
    return dm_normal_cdf(z0 + (z0 + z) / (1 - a * (z0 + z)));
}

static void bca(const double *v, int n, double seen, double a, dm_limits *l) {
    int below = 0, equal = 0;
    for (int i = 0; i < n; i++) below += v[i] < seen, equal += v[i] <= seen && v[i] >= seen;
    double share = (below + 0.5 * equal) / n;
    if (isnan(a) || share <= 0 || share >= 1) return;
    double z0 = dm_normal_quantile(share), z = dm_normal_quantile(0.975);
    l->bca_low = dm_quantile(v, n, adjusted(z0, a, -z));
    l->bca_high = dm_quantile(v, n, adjusted(z0, a, z));
}

/* Limits of one number from its draws, which are sorted here; NaN ones are left out. */
static void limits_of(double *v, int draws, double seen, double a, int with_bca, dm_limits *l) {
    int n = 0;
    for (int i = 0; i < draws; i++)
        if (!isnan(v[i])) v[n++] = v[i];
    if (isnan(seen) || n * 20 < draws * 19) return;
    dm_sort_ascending(v, n);
    l->low = dm_quantile(v, n, 0.025);
    l->high = dm_quantile(v, n, 0.975);
    if (with_bca) bca(v, n, seen, a, l);
}

dm_status dm_bootstrap(const dm_resampling *plan, uint32_t stream, int n, dm_resampled statistic, void *user,
                       int count, int with_bca, dm_limits *limits) {
    for (int k = 0; k < count; k++) limits[k] = (dm_limits){NAN, NAN, NAN, NAN};
    if (n < 2 || count > MOST_NUMBERS) return dm_ok;
    dm_status status = dm_ok;
    double out[MOST_NUMBERS], seen[MOST_NUMBERS], a[MOST_NUMBERS] = {0};
    unsigned *weight = calloc((size_t)n, sizeof *weight);
    double *v = calloc((size_t)plan->draws * (size_t)count, sizeof *v);
    if (!weight || !v) {
        status = dm_fail(DM_FATAL, "out_of_memory", "no memory for %d draws of %d patients", plan->draws, n);
        goto out;
    }
    for (int i = 0; i < n; i++) weight[i] = 1;
    statistic(user, weight, seen);
    for (int d = 0; d < plan->draws; d++) {
        dm_draw_patients(plan->seed, stream, d, n, weight);
        statistic(user, weight, out);
        for (int k = 0; k < count; k++) v[(size_t)k * (size_t)plan->draws + (size_t)d] = out[k];
    }
    if (with_bca) DM_TRY_OUT(accelerations(n, statistic, user, count, weight, a));
    for (int k = 0; k < count; k++)
        limits_of(v + (size_t)k * (size_t)plan->draws, plan->draws, seen[k], a[k], with_bca, &limits[k]);
out:
    free(weight);
    free(v);
    return status;
}
