#include <cmath>
#include <vector>

#include "check.hpp"
#include "gp_series_kernels.hpp"
#include "gp_toeplitz_kernels.hpp"

using namespace kriss;

namespace {

double plain(int order, double a) {
    switch (order) {
        case 1: return std::exp(-a);
        case 2: return (1 + a) * std::exp(-a);
        case 3: return (1 + a + a * a / 3) * std::exp(-a);
        default: return (1 + a + 2 * a * a / 5 + a * a * a / 15) * std::exp(-a);
    }
}

struct Parts {
    double logdet = 0.0;
    double quad = 0.0;
};

// Cholesky factorisation of the whole matrix, textbook order.
Parts dense(const SeriesModel& model, const std::vector<double>& t, const std::vector<double>& tau,
            const std::vector<double>& y) {
    const std::size_t n = t.size();
    std::vector<double> a(n * n);
    std::vector<double> z(y);
    Parts out;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double k = i == j ? tau[i] : 0.0;
            for (int c = 0; c < model.terms; ++c) {
                k += model.variance[c] * plain(model.order[c], model.rate[c] * std::fabs(t[i] - t[j]));
            }
            for (std::size_t p = 0; p < j; ++p) {
                k -= a[i * n + p] * a[j * n + p];
            }
            a[i * n + j] = i == j ? std::sqrt(k) : k / a[j * n + j];
        }
        for (std::size_t p = 0; p < i; ++p) {
            z[i] -= a[i * n + p] * z[p];
        }
        z[i] /= a[i * n + i];
        out.logdet += 2 * std::log(a[i * n + i]);
        out.quad += z[i] * z[i];
    }
    return out;
}

struct Series {
    std::vector<double> t, tau, y;

    explicit Series(std::size_t n) {
        unsigned state = 12345;
        double at = 0.0;
        for (std::size_t i = 0; i < n; ++i) {
            state = state * 1664525U + 1013904223U;
            const double u = static_cast<double>(state >> 8) / (1 << 24);
            at += i % 5 == 3 ? 0.0 : 0.3 * u;  // some points twice
            t.push_back(at);
            tau.push_back(0.01 + 0.1 * u);
            y.push_back(std::sin(3 * at) + u - 0.5);
        }
    }
};

struct Found {
    double value[2] = {};
    double gradient[5] = {};
    index_t bad[1] = {};
};

Found likelihood(int loop, const SeriesModel& model, const Series& s, bool gradient) {
    const auto n = static_cast<index_t>(s.t.size());
    const index_t offset[2] = {0, n};
    const index_t packed = model.states * (model.states + 1) / 2;
    std::vector<double> pred(static_cast<std::size_t>(n * packed)), mean(static_cast<std::size_t>(n * model.states));
    std::vector<double> sigma(s.t.size()), error(s.t.size());
    const SeriesBatch batch{1, offset, s.t.data(), s.tau.data(), s.y.data()};
    const SeriesWork work{pred.data(), mean.data(), sigma.data(), error.data()};
    Found out;
    gp_series_kernels().likelihood[loop](model, batch, work, out.value, gradient ? out.gradient : nullptr, out.bad,
                                         Executor{});
    return out;
}

void against_dense(std::vector<int> order, std::vector<double> variance, std::vector<double> rate) {
    int states = 0;
    for (const int j : order) {
        states += j;
    }
    const int terms = static_cast<int>(order.size());
    const SeriesModel model{terms, states, order.data(), variance.data(), rate.data()};
    const int loop = terms == 1 ? order[0] : 0;
    for (const std::size_t n : {1, 2, 63, 64, 65, 130}) {
        const Series s(n);
        const Parts exact = dense(model, s.t, s.tau, s.y);
        const Found found = likelihood(loop, model, s, true);
        KRISS_CHECK(found.bad[0] == -1);
        KRISS_NEAR(found.value[0], exact.logdet, 1e-11 * static_cast<double>(n));
        KRISS_NEAR(found.value[1], exact.quad, 1e-11 * exact.quad);
        const Found any = likelihood(0, model, s, true);
        for (int k = 0; k < 2 * terms + 1; ++k) {
            KRISS_CHECK(any.gradient[k] == found.gradient[k]);
            // A central difference of the dense log-density in the logarithm.
            const double h = 1e-5;
            double both[2];
            for (const int side : {0, 1}) {
                const double f = std::exp(side == 0 ? h : -h);
                std::vector<double> v(variance), r(rate);
                Series own = s;
                if (k == 2 * terms) {
                    for (double& x : own.tau) {
                        x *= f;
                    }
                } else if (k % 2 == 0) {
                    v[static_cast<std::size_t>(k / 2)] *= f;
                } else {
                    r[static_cast<std::size_t>(k / 2)] /= f;
                }
                const SeriesModel moved{terms, states, order.data(), v.data(), r.data()};
                const Parts parts = dense(moved, own.t, own.tau, own.y);
                both[side] = -0.5 * (parts.logdet + parts.quad);
            }
            KRISS_NEAR(found.gradient[k], (both[0] - both[1]) / (2 * h), 1e-6 * (1.0 + exact.quad));
        }
    }
}

}  // namespace

KRISS_CASE("one term of each order against dense") {
    for (const int order : {1, 2, 3, 4}) {
        against_dense({order}, {1.3}, {2.1});
    }
}

KRISS_CASE("two terms against dense") { against_dense({3, 1}, {1.3, 0.4}, {2.1, 0.7}); }

KRISS_CASE("the same point twice without noise") {
    Series s(5);
    s.tau.assign(5, 0.0);
    const int order[] = {2};
    const double variance[] = {1.0}, rate[] = {1.0};
    const Found found = likelihood(2, {1, 2, order, variance, rate}, s, false);
    KRISS_CHECK(found.bad[0] == 3);
}

KRISS_CASE("Durbin's recursion against dense") {
    const int order[] = {2};
    const double variance[] = {1.0}, rate[] = {0.5};
    const SeriesModel model{1, 2, order, variance, rate};
    for (const std::size_t n : {1, 2, 7, 8, 9, 60}) {
        std::vector<double> t(n), tau(n, 0.1), e(n, 0.0), r(n), error(n), x(n), scratch(2 * n);
        for (std::size_t i = 0; i < n; ++i) {
            t[i] = static_cast<double>(i);
            r[i] = plain(2, 0.5 * t[i]) + (i == 0 ? 0.1 : 0.0);
        }
        e[0] = 1.0;
        const index_t bad = gp_toeplitz_kernels().durbin(static_cast<index_t>(n), r.data(), 0.0, error.data(), x.data(),
                                                         scratch.data(), Executor{});
        KRISS_CHECK(bad == -1);
        const Parts exact = dense(model, t, tau, e);
        double logdet = 0.0;
        for (const double v : error) {
            logdet += std::log(v);
        }
        KRISS_NEAR(logdet, exact.logdet, 1e-12 * static_cast<double>(n));
        KRISS_NEAR(x[0], exact.quad, 1e-13 * exact.quad);
    }
    double error[1], x[1], scratch[2];
    const double none[1] = {0.0};
    KRISS_CHECK(gp_toeplitz_kernels().durbin(1, none, 0.0, error, x, scratch, Executor{}) == 0);
}
