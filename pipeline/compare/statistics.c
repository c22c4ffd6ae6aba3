#include "statistics.h"

#include <math.h>
#include <stdlib.h>

#include "distributions.h"

static const double Z = 1.959963984540054; /* the normal distribution's 0.975 quantile */
static const dm_interval none = {NAN, NAN, NAN};

dm_interval dm_wilson(int k, int n) {
    if (n <= 0 || k < 0 || k > n) return none;
    double p = (double)k / n, z2 = Z * Z, scale = 1 / (1 + z2 / n);
    double middle = (p + z2 / (2.0 * n)) * scale;
    double half = Z * scale * sqrt(p * (1 - p) / n + z2 / (4.0 * n * n));
    /* Exactly 0 and 1 at the ends, where the formula would leave the last bit. */
    return (dm_interval){p, k == 0 ? 0 : middle - half, k == n ? 1 : middle + half};
}

dm_interval dm_clopper_pearson(int k, int n) {
    if (n <= 0 || k < 0 || k > n) return none;
    return (dm_interval){(double)k / n, k == 0 ? 0 : dm_beta_quantile(k, n - k + 1, 0.025),
                         k == n ? 1 : dm_beta_quantile(k + 1, n - k, 0.975)};
}

static double square(double x) {
    return x * x;
}

dm_interval dm_newcombe_independent(int k1, int n1, int k2, int n2) {
    dm_interval a = dm_wilson(k1, n1), b = dm_wilson(k2, n2);
    double d = a.value - b.value;
    return (dm_interval){d, d - sqrt(square(a.value - a.low) + square(b.high - b.value)),
                         d + sqrt(square(a.high - a.value) + square(b.value - b.low))};
}

/* Correlation of the pairs, as Newcombe corrects it. */
static double corrected_phi(double a, double b, double c, double d) {
    double product = (a + b) * (c + d) * (a + c) * (b + d), n = a + b + c + d;
    if (product <= 0) return 0;
    double top = a * d - b * c;
    if (top > 0) top = fmax(top - n / 2, 0);
    return top / sqrt(product);
}

dm_interval dm_newcombe_paired(int both, int first, int second, int neither) {
    int n = both + first + second + neither;
    dm_interval a = dm_wilson(both + first, n), b = dm_wilson(both + second, n);
    double phi = corrected_phi(both, first, second, neither), d = n ? (double)(first - second) / n : NAN;
    double al = a.value - a.low, au = a.high - a.value, bl = b.value - b.low, bu = b.high - b.value;
    return (dm_interval){d, d - sqrt(fmax(0, square(al) - 2 * phi * al * bu + square(bu))),
                         d + sqrt(fmax(0, square(au) - 2 * phi * au * bl + square(bl)))};
}

double dm_mcnemar_exact(int first, int second) {
    int low = first < second ? first : second;
    return fmin(1, 2 * dm_binomial_cdf(low, first + second, 0.5));
}

double dm_mcnemar_midp(int first, int second) {
    int n = first + second, low = first < second ? first : second;
    if (n == 0) return NAN;
    double here = dm_binomial_pmf(low, n, 0.5);
    return first == second ? 1 - here / 2 : 2 * dm_binomial_cdf(low, n, 0.5) - here;
}

double dm_fisher(int k1, int n1, int k2, int n2) {
    if (n1 <= 0 || n2 <= 0) return NAN;
    int marked = k1 + k2, total = n1 + n2;
    int from = marked > n2 ? marked - n2 : 0, to = marked < n1 ? marked : n1;
    /* Tables as likely as the one seen must count although their last bits differ: the slack of R's
     * fisher.test. */
    double seen = dm_hypergeometric_pmf(k1, n1, marked, total) * (1 + 1e-7), sum = 0;
    for (int k = from; k <= to; k++) {
        double p = dm_hypergeometric_pmf(k, n1, marked, total);
        if (p <= seen) sum += p;
    }
    return fmin(1, sum);
}

void dm_holm(double *p, int n) {
    int tests = 0;
    for (int i = 0; i < n; i++) tests += !isnan(p[i]);
    double *raw = calloc((size_t)n + 1, sizeof *raw);
    for (int i = 0; raw && i < n; i++) raw[i] = p[i];
    /* p[i] becomes the largest of (number of p not smaller) * p over all that are not larger: no sorting
     * needed. */
    for (int i = 0; i < n; i++) {
        if (!raw) p[i] = NAN;
        if (!raw || isnan(raw[i])) continue;
        double adjusted = 0;
        for (int k = 0; k < n; k++) {
            if (isnan(raw[k]) || raw[k] > raw[i]) continue;
            int smaller = 0;
            for (int j = 0; j < n; j++) smaller += raw[j] < raw[k];
            adjusted = fmax(adjusted, (tests - smaller) * raw[k]);
        }
        p[i] = fmin(1, adjusted);
    }
    free(raw);
}

double dm_kappa(double both, double first, double second, double neither) {
    double n = both + first + second + neither;
    if (n <= 0) return NAN;
    double yes1 = (both + first) / n, yes2 = (both + second) / n;
    double chance = yes1 * yes2 + (1 - yes1) * (1 - yes2);
    return chance >= 1 ? NAN : ((both + neither) / n - chance) / (1 - chance);
}

double dm_ac1(double both, double first, double second, double neither) {
    double n = both + first + second + neither;
    if (n <= 0) return NAN;
    double yes = (2 * both + first + second) / (2 * n), chance = 2 * yes * (1 - yes);
    return ((both + neither) / n - chance) / (1 - chance);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void dm_sort_ascending(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, ascending);
}

double dm_quantile(const double *v, int n, double p) {
    if (n <= 0) return NAN;
    double at = p * (n - 1);
    int i = (int)at;
    return i + 1 < n ? v[i] + (at - i) * (v[i + 1] - v[i]) : v[n - 1];
}

double dm_quantile_weighted(const double *v, const unsigned *weight, int n, double p) {
    double total = 0, seen = 0;
    for (int i = 0; i < n; i++) total += weight[i];
    if (total <= 0) return NAN;
    double at = p * (total - 1), whole = floor(at);
    for (int i = 0; i < n; i++) {
        seen += weight[i];
        if (seen <= whole) continue;
        if (seen > whole + 1 || at <= whole) return v[i];
        for (int k = i + 1; k < n; k++) /* the next value in the resample */
            if (weight[k]) return v[i] + (at - whole) * (v[k] - v[i]);
        return v[i];
    }
    return NAN;
}
