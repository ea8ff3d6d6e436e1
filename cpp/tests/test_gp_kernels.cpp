#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "gp_kernels.hpp"
#include "kriss/gp/assemble.hpp"
#include "kriss/gp/gradient.hpp"

using namespace kriss;

namespace {

// A covariance function over three columns with every kind in it.
template <class T>
struct Mixed {
    std::vector<int> kind{0, 1, 2, 3};
    std::vector<T> variance{T(0.5), T(2), T(0.25), T(1)};
    std::vector<index_t> first{0, 1, 3, 4, 7};
    std::vector<index_t> dim{1, 0, 2, 2, 0, 1, 2};
    std::vector<T> inv{T(0.5), T(2), T(1.5), T(0.75), T(1), T(3), T(0.25)};

    CovSum<T> view() const { return {4, kind.data(), variance.data(), first.data(), dim.data(), inv.data()}; }
};

template <class T>
std::vector<T> points(index_t d, index_t n) {
    std::vector<T> x(static_cast<std::size_t>(d * n));
    unsigned state = 12345;
    for (T& v : x) {
        state = state * 1664525U + 1013904223U;
        v = T(state >> 8) / T(1 << 24) * T(4);
    }
    return x;
}

template <class T>
double plain(int kind, double s2) {
    const double s = std::sqrt(s2);
    const double a = std::sqrt(kind == 1 ? 1.0 : kind == 2 ? 3.0 : 5.0) * s;
    switch (kind) {
        case 0: return std::exp(-0.5 * s2);
        case 1: return std::exp(-a);
        case 2: return (1 + a) * std::exp(-a);
        default: return (1 + a + a * a / 3) * std::exp(-a);
    }
}

template <class T>
T value_of(int kind, T s2) {
    T out{};
    cov_dispatch(kind, [&]<CovKind K>() { out = cov_value<K>(cov_clamp(s2)); });
    return out;
}

template <class T>
T slope_of(int kind, T s2) {
    T out{};
    cov_dispatch(kind, [&]<CovKind K>() { out = cov_point<K>(cov_clamp(s2)).slope; });
    return out;
}

template <class T>
void check_values() {
    const double eps = std::numeric_limits<T>::epsilon();
    for (int kind = 0; kind < cov_kinds; ++kind) {
        KRISS_CHECK(value_of<T>(kind, T(0)) == T(1));
        KRISS_CHECK(value_of<T>(kind, std::numeric_limits<T>::infinity()) == T(0));
        KRISS_CHECK(slope_of<T>(kind, std::numeric_limits<T>::infinity()) == T(0));
        KRISS_CHECK(std::isnan(value_of<T>(kind, std::numeric_limits<T>::quiet_NaN())));
        KRISS_CHECK(std::isfinite(slope_of<T>(kind, T(0))));
        for (double s2 = 1e-6; s2 < 100; s2 *= 1.37) {
            const T at = T(s2);
            const double exact = plain<T>(kind, double(at));
            KRISS_NEAR(double(value_of<T>(kind, at)), exact, 8 * eps * (1 + s2 / 2 + 2.3 * std::sqrt(s2)) * exact);
            // slope = -2 dk/ds2, by central differences in double.
            const double h = 1e-5 * s2;
            const double difference = -(plain<T>(kind, double(at) + h) - plain<T>(kind, double(at) - h)) / h;
            // The difference's own rounding, 2^-52 / h, and truncation, h^2 times the third derivative.
            const double own = 4 * 2.2e-16 / h + 1e-8 * std::fabs(difference);
            KRISS_NEAR(double(slope_of<T>(kind, at)), difference, own + 100 * eps * std::fabs(difference));
        }
    }
}

template <class T>
void check_assembly() {
    const Mixed<T> mixed;
    const CovSum<T> cov = mixed.view();
    const Executor serial;
    for (index_t n : {0, 1, 2, 31, 33, 257, 300}) {
        const auto x = points<T>(3, n);
        std::vector<T> out(static_cast<std::size_t>(n * n), T(-1));
        std::vector<T> extra(static_cast<std::size_t>(n), T(0.5));
        assemble_symmetric(cov, x.data(), n, extra.data(), out.data(), true, serial);
        bool same = true;
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j < n; ++j) {
                // The per-entry function that a device thread runs gives the bits of the tiles.
                T expected = cov_entry(cov, x.data(), n, i > j ? i : j, x.data(), n, i > j ? j : i);
                expected = i == j ? expected + T(0.5) : expected;
                same = same && out[static_cast<std::size_t>(i * n + j)] == expected;
            }
        }
        KRISS_CHECK(same);
        std::vector<T> lower(static_cast<std::size_t>(n * n), T(-1));
        assemble_symmetric<T>(cov, x.data(), n, nullptr, lower.data(), false, serial);
        bool untouched = true;
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = i + 1; j < n; ++j) {
                untouched = untouched && lower[static_cast<std::size_t>(i * n + j)] == T(-1);
            }
        }
        KRISS_CHECK(untouched);
        const index_t m = 5;
        const auto z = points<T>(3, m);
        std::vector<T> cross(static_cast<std::size_t>(n * m));
        assemble_cross(cov, x.data(), n, z.data(), m, cross.data(), serial);
        same = true;
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j < m; ++j) {
                same = same &&
                       cross[static_cast<std::size_t>(i * m + j)] == cov_entry(cov, x.data(), n, i, z.data(), m, j);
            }
        }
        KRISS_CHECK(same);
    }
}

// The gradient against the plain double loop over all pairs, in long double.
template <class T>
void check_gradient() {
    const Mixed<T> mixed;
    const CovSum<T> cov = mixed.view();
    for (index_t n : {0, 1, 7, 32, 65, 300}) {
        const auto x = points<T>(3, n);
        const auto alpha = points<T>(1, n);
        auto inverse = points<T>(n, n);
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = i + 1; j < n; ++j) {
                inverse[static_cast<std::size_t>(i * n + j)] = inverse[static_cast<std::size_t>(j * n + i)];
            }
        }
        const std::vector<T> noise(static_cast<std::size_t>(n), T(0.25));
        const index_t parameters = cov_parameters(cov);
        std::vector<T> got(static_cast<std::size_t>(parameters + 1));
        std::vector<T> scratch(static_cast<std::size_t>(gradient_scratch(n, parameters)));
        log_likelihood_gradient(cov, x.data(), n, alpha.data(), inverse.data(), noise.data(), got.data(),
                                scratch.data(), Executor{});
        std::vector<long double> expected(got.size(), 0.0L);
        std::vector<long double> size(got.size(), 0.0L);
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j < n; ++j) {
                const long double w =
                    0.5L * ((long double)alpha[static_cast<std::size_t>(i)] * alpha[static_cast<std::size_t>(j)] -
                            inverse[static_cast<std::size_t>(i * n + j)]);
                std::size_t slot = 0;
                for (index_t c = 0; c < cov.terms; ++c) {
                    long double s2 = 0.0L;
                    for (index_t p = cov.first[c]; p < cov.first[c + 1]; ++p) {
                        const long double delta = ((long double)x[static_cast<std::size_t>(cov.dim[p] * n + i)] -
                                                   x[static_cast<std::size_t>(cov.dim[p] * n + j)]) *
                                                  cov.inv_lengthscale[p];
                        s2 += delta * delta;
                    }
                    const long double s = std::sqrt(s2);
                    const long double a = s * std::sqrt(cov.kind[c] == 1 ? 1.0L : cov.kind[c] == 2 ? 3.0L : 5.0L);
                    const long double e = cov.kind[c] == 0 ? std::exp(-s2 / 2) : std::exp(-a);
                    const long double value = cov.kind[c] < 2    ? e
                                              : cov.kind[c] == 2 ? (1 + a) * e
                                                                 : (1 + a + a * a / 3) * e;
                    const long double slope = cov.kind[c] == 0   ? e
                                              : cov.kind[c] == 1 ? (s > 0 ? e / s : 0.0L)
                                              : cov.kind[c] == 2 ? 3 * e
                                                                 : (1 + a) * e * 5 / 3;
                    const auto add = [&](long double term) {
                        expected[slot] += w * cov.variance[c] * term;
                        size[slot] += std::fabs(w * cov.variance[c] * term);
                        ++slot;
                    };
                    add(value);
                    for (index_t p = cov.first[c]; p < cov.first[c + 1]; ++p) {
                        const long double delta = ((long double)x[static_cast<std::size_t>(cov.dim[p] * n + i)] -
                                                   x[static_cast<std::size_t>(cov.dim[p] * n + j)]) *
                                                  cov.inv_lengthscale[p];
                        add(slope * delta * delta);
                    }
                }
                if (i == j) {
                    expected[slot] += w * 0.25L;
                    size[slot] += std::fabs(w * 0.25L);
                }
            }
        }
        // Sums of up to n^2 / 8 terms per lane; their roundings grow like the square root of that.
        const double eps = std::numeric_limits<T>::epsilon();
        for (std::size_t k = 0; k < got.size(); ++k) {
            KRISS_NEAR(double(got[k]), double(expected[k]), eps * (20 + double(n)) * double(size[k]));
        }
    }
}

}  // namespace

KRISS_CASE("values and slopes, double") { check_values<double>(); }
KRISS_CASE("values and slopes, float") { check_values<float>(); }
KRISS_CASE("tiles equal entries, double") { check_assembly<double>(); }
KRISS_CASE("tiles equal entries, float") { check_assembly<float>(); }
KRISS_CASE("streamed gradient, double") { check_gradient<double>(); }
KRISS_CASE("streamed gradient, float") { check_gradient<float>(); }

KRISS_CASE("every instruction-set level gives the bits of the baseline") {
    const Mixed<double> mixed;
    const CovSum<double> cov = mixed.view();
    const index_t n = 301;
    const auto x = points<double>(3, n);
    std::vector<double> here(static_cast<std::size_t>(n * n));
    std::vector<double> there(here.size());
    assemble_symmetric<double>(cov, x.data(), n, nullptr, here.data(), true, Executor{});
    gp_kernels().f64.symmetric(cov, x.data(), n, nullptr, there.data(), true, Executor{});
    KRISS_CHECK(here == there);
    const index_t parameters = cov_parameters(cov);
    std::vector<double> scratch(static_cast<std::size_t>(gradient_scratch(n, parameters)));
    std::vector<double> a(static_cast<std::size_t>(parameters + 1));
    std::vector<double> b(a.size());
    log_likelihood_gradient<double>(cov, x.data(), n, x.data(), here.data(), nullptr, a.data(), scratch.data(),
                                    Executor{});
    gp_kernels().gradient(cov, x.data(), n, x.data(), here.data(), nullptr, b.data(), scratch.data(), Executor{});
    KRISS_CHECK(a == b);
}
