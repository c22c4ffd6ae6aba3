#include "distributions.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/hypergeometric.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <limits>

namespace {
using namespace boost::math::policies;
typedef policy<domain_error<ignore_error>, pole_error<ignore_error>, overflow_error<ignore_error>,
               underflow_error<ignore_error>, denorm_error<ignore_error>, rounding_error<ignore_error>,
               evaluation_error<ignore_error>, indeterminate_result_error<ignore_error>, promote_double<false>>
    quiet;
typedef boost::math::normal_distribution<double, quiet> normal;
typedef boost::math::binomial_distribution<double, quiet> binomial;
typedef boost::math::hypergeometric_distribution<double, quiet> hypergeometric;

/* No exception may leave for C: what the policies do not turn into NaN (an iteration without end) is caught here. */
template <typename F> double guarded(F f) {
    try {
        return f();
    } catch (...) {
        return std::numeric_limits<double>::quiet_NaN();
    }
}
} // namespace

double dm_normal_cdf(double z) {
    return guarded([=] { return cdf(normal(), z); });
}

double dm_normal_quantile(double p) {
    return guarded([=] { return quantile(normal(), p); });
}

double dm_beta_quantile(double a, double b, double p) {
    return guarded([=] { return boost::math::ibeta_inv(a, b, p, quiet()); });
}

double dm_binomial_cdf(int k, int n, double p) {
    return guarded([=] { return cdf(binomial(n, p), k); });
}

double dm_binomial_pmf(int k, int n, double p) {
    return guarded([=] { return pdf(binomial(n, p), k); });
}

double dm_hypergeometric_pmf(int k, int drawn, int marked, int total) {
    return guarded([=] {
        return pdf(hypergeometric(static_cast<unsigned>(marked), static_cast<unsigned>(drawn), static_cast<unsigned>(total)),
                   static_cast<unsigned>(k));
    });
}
