// solve/chebyshev_step.hpp and solve/rows.hpp in both precisions.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"
#include "kriss/solve/chebyshev_step.hpp"
#include "kriss/solve/rows.hpp"

using namespace kriss;

namespace {

// The polynomial in one variable: what the steps make of A = lambda, D = 1, r = 1.
template <class T>
double applied(double low, double high, int degree, double lambda) {
    ChebyshevSteps steps(low, high);
    T z = 0;
    T before = 0;
    for (int k = 0; k <= degree; ++k) {
        const ChebyshevStep s = steps.next();
        const T next = chebyshev_next(static_cast<T>(lambda) * z, T(1), T(1), z, before, static_cast<T>(s.a),
                                      static_cast<T>(s.b), static_cast<T>(s.c));
        before = z;
        z = next;
    }
    return static_cast<double>(z);
}

double chebyshev(int k, double x) {
    double before = 1.0;
    double now = x;
    for (int j = 1; j < k; ++j) {
        const double next = 2.0 * x * now - before;
        before = now;
        now = next;
    }
    return k == 0 ? 1.0 : now;
}

template <class T>
void polynomial() {
    const double low = 0.02;
    const double high = 2.0;
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (int degree : {0, 1, 2, 3, 4, 8, 15}) {
        for (double lambda : {0.02, 0.1, 0.5, 1.0, 1.7, 2.0}) {
            // 1 - lambda P(lambda) = T_{m+1}((theta - lambda) / delta) / T_{m+1}(theta / delta)
            const double theta = 0.5 * (low + high);
            const double delta = 0.5 * (high - low);
            const double left = chebyshev(degree + 1, (theta - lambda) / delta) / chebyshev(degree + 1, theta / delta);
            const double z = applied<T>(low, high, degree, lambda);
            KRISS_NEAR(1.0 - lambda * z, left, 100.0 * eps * (1.0 + lambda * std::fabs(z)));
            KRISS_CHECK(z > 0.0);
        }
        // an upper bound that is too small: even degrees stay positive, odd ones do not
        KRISS_CHECK(applied<T>(low, high, degree, 2.5) > 0.0 || degree % 2 == 1);
    }
    KRISS_CHECK(applied<T>(low, high, 3, 3.0) < 0.0);
}

template <class T>
void rows() {
    const std::vector<std::int32_t> indptr{0, 2, 2, 5};
    const std::vector<std::int32_t> indices{0, 2, 0, 1, 2};
    const std::vector<T> data{T(2), T(-1), T(3), T(4), T(5)};
    const CsrView<T, std::int32_t> a{3, 3, indptr.data(), indices.data(), data.data()};
    const std::vector<T> x{T(1), T(10), T(2), T(20), T(3), T(30)};
    const std::vector<T> b(6, T(7));
    const double want[3] = {-1.0, 0.0, 26.0};
    for (index_t i = 0; i < 3; ++i) {
        for (index_t c = 0; c < 2; ++c) {
            const double s = want[i] * (c == 0 ? 1.0 : 10.0);
            KRISS_CHECK(static_cast<double>(row_sum(a, x.data(), i, 2, c)) == s);
            KRISS_CHECK(static_cast<double>(row_rest(a, b.data(), x.data(), i, 2, c)) == 7.0 - s);
        }
    }
}

}  // namespace

KRISS_CASE("the steps are the Chebyshev polynomial; even degrees stay positive") {
    polynomial<float>();
    polynomial<double>();
}

KRISS_CASE("rows of panels") {
    rows<float>();
    rows<double>();
}
