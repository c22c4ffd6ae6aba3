#!/usr/bin/env python3
"""Makes tests/compare/golden.csv: values that the statistics of duramap compare are tested against.

Run by hand when a function is added:  pip install scipy statsmodels irrCAC && python3 golden.py > golden.csv
No test needs Python. What scipy, statsmodels and irrCAC have is theirs; Newcombe's paired limits and the mid-p, which they
lack, are written down here once more from the papers, apart from the C.
"""
import csv
import math
import sys

import numpy as np
import pandas as pd
from irrCAC.raw import CAC
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["function", "a", "b", "c", "d", "value", "source"])


def put(function, args, value, source):
    args = list(args) + [""] * (4 - len(args))
    out.writerow([function, *args, "" if value is None or math.isnan(value) else repr(float(value)), source])


PROPORTIONS = [(0, 1), (1, 1), (0, 10), (10, 10), (9, 10), (1, 2), (3, 7), (17, 18), (0, 400), (400, 400), (1, 400),
               (213, 400), (11, 422), (5000, 10000), (9999, 10000)]
for k, n in PROPORTIONS:
    test = stats.binomtest(k, n)
    for method, name in (("wilson", "wilson"), ("exact", "clopper")):
        limits = test.proportion_ci(0.95, method=method)
        put(name + "_low", (k, n), limits.low, "scipy binomtest")
        put(name + "_high", (k, n), limits.high, "scipy binomtest")

PAIRS = [(0, 0), (1, 0), (0, 5), (1, 8), (5, 5), (8, 1), (12, 2), (30, 10), (100, 60), (250, 150), (9, 39)]
for b, c in PAIRS:
    put("mcnemar_exact", (b, c), mcnemar([[0, b], [c, 0]], exact=True).pvalue, "statsmodels mcnemar")
    n, low = b + c, min(b, c)
    midp = math.nan if n == 0 else (1 - stats.binom.pmf(low, n, 0.5) / 2 if b == c else
                                    2 * (stats.binom.cdf(low, n, 0.5) - stats.binom.pmf(low, n, 0.5) / 2))
    put("mcnemar_midp", (b, c), midp, "Fagerland 2013 with scipy binom")

TWO = [(0, 5, 0, 7), (5, 5, 7, 7), (5, 5, 0, 7), (17, 23, 4, 26), (56, 70, 48, 80), (9, 10, 3, 10), (0, 1, 1, 1),
       (200, 400, 150, 400), (4, 26, 17, 23)]
for k1, n1, k2, n2 in TWO:
    put("fisher", (k1, n1, k2, n2), stats.fisher_exact([[k1, n1 - k1], [k2, n2 - k2]])[1], "scipy fisher_exact")
    low, high = confint_proportions_2indep(k1, n1, k2, n2, method="newcomb", compare="diff")
    put("newcombe_low", (k1, n1, k2, n2), low, "statsmodels confint_proportions_2indep")
    put("newcombe_high", (k1, n1, k2, n2), high, "statsmodels confint_proportions_2indep")


def newcombe_paired(a, b, c, d):
    """Newcombe, Stat Med 17:2635 (1998), method 10."""
    n = a + b + c + d
    first = stats.binomtest(a + b, n).proportion_ci(0.95, method="wilson")
    second = stats.binomtest(a + c, n).proportion_ci(0.95, method="wilson")
    p1, p2 = (a + b) / n, (a + c) / n
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    top = a * d - b * c
    if top > n / 2:
        top -= n / 2
    elif top >= 0:
        top = 0
    phi = 0 if margins == 0 else top / math.sqrt(margins)
    down = (p1 - first.low) ** 2 - 2 * phi * (p1 - first.low) * (second.high - p2) + (second.high - p2) ** 2
    up = (first.high - p1) ** 2 - 2 * phi * (first.high - p1) * (p2 - second.low) + (p2 - second.low) ** 2
    return p1 - p2 - math.sqrt(down), p1 - p2 + math.sqrt(up)


TABLES = [(36, 12, 2, 0), (20, 12, 2, 16), (0, 0, 0, 5), (5, 0, 0, 0), (0, 5, 0, 0), (0, 0, 5, 0), (1, 0, 0, 0), (18, 12, 2, 18),
          (53, 0, 1, 2), (200, 40, 25, 135), (29, 0, 0, 1), (3, 4, 5, 6)]
for table in TABLES:
    low, high = newcombe_paired(*table)
    put("paired_low", table, low, "Newcombe 1998 with scipy wilson")
    put("paired_high", table, high, "Newcombe 1998 with scipy wilson")
    a, b, c, d = table
    with np.errstate(all="ignore"):
        put("kappa", table, float(cohens_kappa([[a, b], [c, d]]).kappa), "statsmodels cohens_kappa")
    raters = pd.DataFrame([(1, 1)] * a + [(1, 0)] * b + [(0, 1)] * c + [(0, 0)] * d, columns=["r1", "r2"])
    if b + c or (a and d):  # irrCAC refuses a single category
        put("ac1", table, CAC(raters, digits=12).gwet()["est"]["coefficient_value"], "irrCAC gwet")

for p in (0.5, 0.975, 0.025, 0.9999, 1e-10):
    put("normal_quantile", (p,), stats.norm.ppf(p), "scipy norm")
    put("normal_cdf", (stats.norm.ppf(p),), stats.norm.cdf(stats.norm.ppf(p)), "scipy norm")
for a, b, p in ((2, 5, 0.025), (1, 1, 0.3), (412, 11, 0.975), (5001, 5000, 0.025), (1, 10000, 0.975)):
    put("beta_quantile", (a, b, p), stats.beta.ppf(p, a, b), "scipy beta")
for k, n, p in ((3, 10, 0.3), (0, 50, 0.5), (250, 500, 0.5), (9999, 10000, 0.5), (4800, 10000, 0.5)):
    put("binomial_cdf", (k, n, p), stats.binom.cdf(k, n, p), "scipy binom")
for k, drawn, marked, total in ((2, 5, 4, 12), (0, 5, 4, 12), (200, 400, 350, 800), (2500, 5000, 5000, 10000)):
    put("hypergeometric", (k, drawn, marked, total), stats.hypergeom.pmf(k, total, marked, drawn), "scipy hypergeom")

# Four p values, their four Holm-adjusted ones; c names which.
for ps in ((0.01, 0.04, 0.03, 0.005), (0.5, 0.5, 0.5, 0.5), (1e-12, 0.9, 0.02, 0.02)):
    for value in multipletests(ps, method="holm")[1]:
        put("holm", ps, value, "statsmodels multipletests")

# The data are those of test_statistics.c.
DATA = [0.3, 0.9, 1.1, 1.4, 2.0, 2.2, 2.9, 3.7, 4.1, 4.4, 5.0, 6.3, 7.9, 9.8, 12.6, 15.5, 20.1, 28.7, 33.0, 61.2]
for p in (0, 0.025, 0.25, 0.5, 0.75, 0.9, 1):
    put("quantile", (p,), np.quantile(DATA, p), "numpy quantile, linear")
boot = stats.bootstrap((DATA,), np.mean, n_resamples=200000, method="BCa", random_state=1).confidence_interval
put("bca_mean_low", (), boot.low, "scipy bootstrap BCa, 200000 draws")
put("bca_mean_high", (), boot.high, "scipy bootstrap BCa, 200000 draws")
boot = stats.bootstrap((DATA,), np.mean, n_resamples=200000, method="percentile", random_state=1).confidence_interval
put("percentile_mean_low", (), boot.low, "scipy bootstrap percentile, 200000 draws")
put("percentile_mean_high", (), boot.high, "scipy bootstrap percentile, 200000 draws")
