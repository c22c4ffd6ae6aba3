/* Proportions, differences, tests and agreement. Limits are two-sided 95 %. A value that does not exist is
 * NaN: no trial, no pair, a chance agreement of one. Sources stand beside each function. */
#ifndef DM_STATISTICS_H
#define DM_STATISTICS_H

typedef struct dm_interval {
    double value, low, high;
} dm_interval;

/* k of n. Wilson, J Am Stat Assoc 22:209 (1927), score limits without continuity correction. */
dm_interval dm_wilson(int k, int n);
/* k of n. Clopper and Pearson, Biometrika 26:404 (1934), exact. */
dm_interval dm_clopper_pearson(int k, int n);

/* k1/n1 - k2/n2 of independent groups. Newcombe, Stat Med 17:873 (1998), his method 10: hybrid score. */
dm_interval dm_newcombe_independent(int k1, int n1, int k2, int n2);
/* p1 - p2 of pairs: both, only the first, only the second, neither. Newcombe, Stat Med 17:2635 (1998), his
 * method 10: hybrid score with phi, corrected for continuity where it is positive. */
dm_interval dm_newcombe_paired(int both, int first, int second, int neither);

/* Two-sided, from the discordant counts alone. Exact conditional: 1 without a discordant pair. Mid-p
 * (Fagerland, BMC Med Res Methodol 13:91, 2013): NaN without one. */
double dm_mcnemar_exact(int first, int second);
double dm_mcnemar_midp(int first, int second);
/* Fisher's exact test of k1/n1 against k2/n2, two-sided: all tables that are no likelier than the one seen.
 * NaN when a group is empty. */
double dm_fisher(int k1, int n1, int k2, int n2);
/* Holm's step-down adjustment in place; NaN stays NaN and does not count. Scand J Stat 6:65 (1979). */
void dm_holm(double *p, int n);

/* Agreement of two raters on yes/no; counts may be weighted. Cohen's kappa (1960) and Gwet's AC1 (2008). */
double dm_kappa(double both, double first, double second, double neither);
double dm_ac1(double both, double first, double second, double neither);

void dm_sort_ascending(double *values, int n);
/* Quantile of n ascending values by linear interpolation (type 7 of Hyndman and Fan); NaN for n = 0. */
double dm_quantile(const double *ascending, int n, double p);
/* The same for values that stand there weight[i] times each; NaN when all weights are 0. */
double dm_quantile_weighted(const double *ascending, const unsigned *weight, int n, double p);

#endif
