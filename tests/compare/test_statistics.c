/* Statistics against scipy, statsmodels and irrCAC (golden.csv, made by golden.py), at the edges, and the
 * resampling. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "cases.h"
#include "csv_table.h"
#include "distributions.h"
#include "statistics.h"

/* Largest deviation allowed from the golden values. Both sides work in double; beta quantiles are found by
 * iteration to about 1e-13. irrCAC rounds to 12 digits. */
static const double tolerance = 2e-12;
/* BCa and percentile limits rest on random draws: 100000 here, 200000 there; this many times the data's unit.
 */
static const double tolerance_of_draws = 0.25;

static const double data[20] = {0.3, 0.9, 1.1, 1.4, 2.0,  2.2,  2.9,  3.7,  4.1,  4.4,
                                5.0, 6.3, 7.9, 9.8, 12.6, 15.5, 20.1, 28.7, 33.0, 61.2};

static void mean_of(void *user, const unsigned *weight, double *out) {
    double sum = 0, n = 0;
    (void)user;
    for (int i = 0; i < 20; i++) sum += weight[i] * data[i], n += weight[i];
    out[0] = sum / n;
}

static double limit_of_mean(const char *which) {
    const dm_resampling plan = {7, 100000};
    dm_limits l;
    ck_assert(dm_good(dm_bootstrap(&plan, dm_stream("mean"), 20, mean_of, NULL, 1, 1, &l)));
    if (!strcmp(which, "bca_mean_low")) return l.bca_low;
    if (!strcmp(which, "bca_mean_high")) return l.bca_high;
    return !strcmp(which, "percentile_mean_low") ? l.low : l.high;
}

/* One of the four adjusted values: the golden rows stand in their order. */
static double holm_of(const double a[4], int which) {
    double p[4] = {a[0], a[1], a[2], a[3]};
    dm_holm(p, 4);
    return p[which];
}

static double value_of(const char *f, const double a[4], int holm) {
    int i[4];
    for (int k = 0; k < 4; k++) i[k] = isnan(a[k]) ? 0 : (int)a[k];
    if (!strcmp(f, "wilson_low")) return dm_wilson(i[0], i[1]).low;
    if (!strcmp(f, "wilson_high")) return dm_wilson(i[0], i[1]).high;
    if (!strcmp(f, "clopper_low")) return dm_clopper_pearson(i[0], i[1]).low;
    if (!strcmp(f, "clopper_high")) return dm_clopper_pearson(i[0], i[1]).high;
    if (!strcmp(f, "mcnemar_exact")) return dm_mcnemar_exact(i[0], i[1]);
    if (!strcmp(f, "mcnemar_midp")) return dm_mcnemar_midp(i[0], i[1]);
    if (!strcmp(f, "fisher")) return dm_fisher(i[0], i[1], i[2], i[3]);
    if (!strcmp(f, "newcombe_low")) return dm_newcombe_independent(i[0], i[1], i[2], i[3]).low;
    if (!strcmp(f, "newcombe_high")) return dm_newcombe_independent(i[0], i[1], i[2], i[3]).high;
    if (!strcmp(f, "paired_low")) return dm_newcombe_paired(i[0], i[1], i[2], i[3]).low;
    if (!strcmp(f, "paired_high")) return dm_newcombe_paired(i[0], i[1], i[2], i[3]).high;
    if (!strcmp(f, "kappa")) return dm_kappa(a[0], a[1], a[2], a[3]);
    if (!strcmp(f, "ac1")) return dm_ac1(a[0], a[1], a[2], a[3]);
    if (!strcmp(f, "normal_quantile")) return dm_normal_quantile(a[0]);
    if (!strcmp(f, "normal_cdf")) return dm_normal_cdf(a[0]);
    if (!strcmp(f, "beta_quantile")) return dm_beta_quantile(a[0], a[1], a[2]);
    if (!strcmp(f, "binomial_cdf")) return dm_binomial_cdf(i[0], i[1], a[2]);
    if (!strcmp(f, "hypergeometric")) return dm_hypergeometric_pmf(i[0], i[1], i[2], i[3]);
    if (!strcmp(f, "holm")) return holm_of(a, holm);
    if (!strcmp(f, "quantile")) return dm_quantile(data, 20, a[0]);
    if (strstr(f, "_mean_")) return limit_of_mean(f);
    ck_abort_msg("golden.csv asks for '%s'", f);
    return NAN;
}

START_TEST(golden_values) {
    static const char *const arguments[] = {"a", "b", "c", "d"};
    const char *source = getenv("DURAMAP_SOURCE");
    char path[1024], worst_name[40] = "";
    dm_csv_table t;
    double worst = 0;
    int holm = 0;
    snprintf(path, sizeof path, "%s/tests/compare/golden.csv", source ? source : ".");
    dm_status s = dm_csv_table_read(path, &t);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_int_ge(t.n_rows, 200);
    for (int r = 0; r < t.n_rows; r++) {
        double a[4], golden;
        const char *f = dm_csv_text(&t, r, "function");
        for (int k = 0; k < 4; k++) ck_assert(dm_good(dm_csv_number(&t, r, arguments[k], -1e9, 1e9, &a[k])));
        ck_assert(dm_good(dm_csv_number(&t, r, "value", -1e9, 1e9, &golden)));
        double ours = value_of(f, a, holm % 4);
        holm += !strcmp(f, "holm");
        ck_assert_msg(isnan(golden) == isnan(ours), "line %d, %s: %.17g, golden %.17g", t.line[r + 1], f,
                      ours, golden);
        if (isnan(golden)) continue;
        int drawn = strstr(f, "_mean_") != NULL;
        ck_assert_msg(fabs(ours - golden) <= (drawn ? tolerance_of_draws : tolerance),
                      "line %d, %s: %.17g, golden %.17g", t.line[r + 1], f, ours, golden);
        if (drawn || fabs(ours - golden) <= worst) continue;
        worst = fabs(ours - golden);
        snprintf(worst_name, sizeof worst_name, "%s", f);
    }
    printf("%d golden values, largest deviation %.2g (%s)\n", t.n_rows, worst, worst_name);
    dm_csv_table_free(&t);
}
END_TEST

/* By hand, in closed form and by GSL: programs that share a mistake would agree on golden.csv. */
START_TEST(values_by_hand) {
    ck_assert_double_eq_tol(dm_clopper_pearson(9, 10).low, 0.5549838830, 5e-11);
    ck_assert_double_eq_tol(dm_clopper_pearson(9, 10).high, 0.9974714215, 5e-11);
    ck_assert_double_eq_tol(dm_wilson(9, 10).low, 0.5958499732, 5e-11);
    ck_assert_double_eq_tol(dm_mcnemar_exact(1, 8), 0.0390625, 1e-15);
    ck_assert_double_eq_tol(dm_mcnemar_midp(1, 8), 0.021484375, 1e-15);
    ck_assert_double_eq_tol(dm_clopper_pearson(0, 10).high, 1 - pow(0.025, 0.1), 1e-13); /* closed form */
}
END_TEST

START_TEST(what_does_not_exist_is_nan) {
    ck_assert(isnan(dm_wilson(0, 0).value) && isnan(dm_wilson(0, 0).low) &&
              isnan(dm_clopper_pearson(0, 0).high));
    ck_assert(isnan(dm_newcombe_independent(0, 0, 1, 2).low) && isnan(dm_newcombe_paired(0, 0, 0, 0).value));
    ck_assert(isnan(dm_fisher(0, 0, 1, 2)) && isnan(dm_mcnemar_midp(0, 0)));
    ck_assert(isnan(dm_kappa(0, 0, 0, 0)) && isnan(dm_kappa(4, 0, 0, 0)) && isnan(dm_ac1(0, 0, 0, 0)));
    ck_assert(isnan(dm_quantile(data, 0, 0.5)));
    ck_assert_double_eq_tol(dm_ac1(4, 0, 0, 0), 1, 1e-15); /* where kappa has none: what AC1 is for */
}
END_TEST

START_TEST(limits_at_the_ends_are_exact) {
    for (int n = 1; n <= 2000; n += 37) {
        ck_assert(dm_wilson(0, n).low <= 0 && dm_wilson(n, n).high >= 1);
        ck_assert(dm_clopper_pearson(0, n).low <= 0 && dm_clopper_pearson(n, n).high >= 1);
    }
}
END_TEST

/* Where GSL's quantile ends the process (n = 422, k = 11 among them) ours has to be a number: I_x(a, b) is
 * what was asked. */
START_TEST(clopper_pearson_everywhere) {
    for (int n = 1; n <= 600; n += 7)
        for (int k = 1; k < n; k++) {
            dm_interval i = dm_clopper_pearson(k, n);
            ck_assert_msg(i.low > 0 && i.low < i.value && i.value < i.high && i.high < 1, "k %d, n %d", k, n);
            ck_assert_double_eq_tol(dm_binomial_cdf(k, n, i.high), 0.025, 1e-11);
            ck_assert_double_eq_tol(1 - dm_binomial_cdf(k - 1, n, i.low), 0.025, 1e-11);
        }
}
END_TEST

START_TEST(holm_leaves_out_what_is_no_test) {
    double p[4] = {NAN, 0.02, NAN, 0.03};
    dm_holm(p, 4);
    ck_assert(isnan(p[0]) && isnan(p[2]));
    ck_assert_double_eq_tol(p[1], 0.04, 1e-15);
    ck_assert_double_eq_tol(p[3], 0.04, 1e-15);
}
END_TEST

/* Known answers of the Random123 library (kat_vectors). */
START_TEST(philox_known_answers) {
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } kat[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
               {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                {0xffffffff, 0xffffffff},
                {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
               {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                {0xa4093822, 0x299f31d0},
                {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        dm_philox(kat[i].counter, kat[i].key, out);
        ck_assert_mem_eq(out, kat[i].out, sizeof out);
    }
}
END_TEST

START_TEST(draws_are_whole_and_even) {
    enum { N = 50, DRAWS = 4000 };
    unsigned weight[N], total[N] = {0};
    for (int d = 0; d < DRAWS; d++) {
        unsigned sum = 0;
        dm_draw_patients(3, 9, d, N, weight);
        for (int i = 0; i < N; i++) sum += weight[i], total[i] += weight[i];
        ck_assert_uint_eq(sum, N);
    }
    /* Each patient's count is Binomial(N DRAWS, 1 / N): 5 standard deviations. */
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(total[i], DRAWS, 5 * sqrt(DRAWS));
}
END_TEST

START_TEST(bootstrap_repeats_itself_and_heeds_its_seed) {
    dm_limits a, b, other;
    dm_resampling plan = {1, 500};
    ck_assert(dm_good(dm_bootstrap(&plan, 5, 20, mean_of, NULL, 1, 1, &a)));
    ck_assert(dm_good(dm_bootstrap(&plan, 5, 20, mean_of, NULL, 1, 1, &b)));
    ck_assert_mem_eq(&a, &b, sizeof a);
    plan.seed = 2;
    ck_assert(dm_good(dm_bootstrap(&plan, 5, 20, mean_of, NULL, 1, 1, &other)));
    ck_assert(a.low < other.low || a.low > other.low);
    ck_assert(dm_good(dm_bootstrap(&plan, 5, 1, mean_of, NULL, 1, 1, &other)));
    ck_assert(isnan(other.low) && isnan(other.bca_high)); /* one patient has no limits */
}
END_TEST

START_TEST(weighted_quantile_is_that_of_the_values_written_out) {
    for (int trial = 0; trial < 300; trial++) {
        unsigned weight[20];
        double all[40];
        int n = 0;
        dm_draw_patients(11, 1, trial, 20, weight);
        for (int i = 0; i < 20; i++)
            for (unsigned k = 0; k < weight[i]; k++) all[n++] = data[i];
        for (int p = 0; p <= 20; p++)
            ck_assert_double_eq_tol(dm_quantile_weighted(data, weight, 20, p / 20.0),
                                    dm_quantile(all, n, p / 20.0), 1e-12);
    }
}
END_TEST

int main(void) {
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, golden_values);
    tcase_add_test(t, values_by_hand);
    tcase_add_test(t, what_does_not_exist_is_nan);
    tcase_add_test(t, limits_at_the_ends_are_exact);
    tcase_add_test(t, clopper_pearson_everywhere);
    tcase_add_test(t, holm_leaves_out_what_is_no_test);
    tcase_add_test(t, philox_known_answers);
    tcase_add_test(t, draws_are_whole_and_even);
    tcase_add_test(t, bootstrap_repeats_itself_and_heeds_its_seed);
    tcase_add_test(t, weighted_quantile_is_that_of_the_values_written_out);
    return cases_failed("statistics", t) != 0;
}
