/* Distribution functions by Boost.Math, behind C: double throughout (no long double, which differs between
 * machines), and NaN instead of an exception where an argument has no meaning. */
#ifndef DM_DISTRIBUTIONS_H
#define DM_DISTRIBUTIONS_H

#ifdef __cplusplus
extern "C" {
#endif

double dm_normal_cdf(double z);
double dm_normal_quantile(double p);
/* x with I_x(a, b) = p: the quantile of Beta(a, b). */
double dm_beta_quantile(double a, double b, double p);
/* P(X <= k) and P(X = k) for X of Binomial(n, p). */
double dm_binomial_cdf(int k, int n, double p);
double dm_binomial_pmf(int k, int n, double p);
/* P(X = k) marked ones among `drawn`, drawn from `total` that hold `marked`. */
double dm_hypergeometric_pmf(int k, int drawn, int marked, int total);

#ifdef __cplusplus
}
#endif

#endif
