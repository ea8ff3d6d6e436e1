// gp/vecchia.hpp, gp/product.hpp and the order behind them, against textbook loops.
#include <cmath>
#include <vector>

#include "check.hpp"
#include "gp_order.hpp"
#include "gp_structures_kernels.hpp"
#include "kriss/gp/product.hpp"
#include "kriss/gp/vecchia.hpp"

using namespace kriss;

namespace {

struct Mixed {
    std::vector<int> kind{0, 1, 2, 3};
    std::vector<double> variance{0.5, 2, 0.25, 1};
    std::vector<index_t> first{0, 1, 3, 4, 6};
    std::vector<index_t> dim{1, 0, 1, 0, 0, 1};
    std::vector<double> inv{0.5, 2, 1.5, 0.75, 1, 3};

    CovSum<double> view() const { return {4, kind.data(), variance.data(), first.data(), dim.data(), inv.data()}; }
};

std::vector<double> numbers(index_t count) {
    std::vector<double> x(static_cast<std::size_t>(count));
    unsigned state = 12345;
    for (double& v : x) {
        state = state * 1664525U + 1013904223U;
        v = static_cast<double>(state >> 8) / (1 << 24);
    }
    return x;
}

// The neighbours of point i, and the point, with noise on the diagonal.
std::vector<double> covariance(const CovSum<double>& cov, const std::vector<double>& x, index_t n,
                               const std::vector<double>& noise, const std::vector<index_t>& who) {
    const index_t k = static_cast<index_t>(who.size());
    std::vector<double> s(static_cast<std::size_t>(k * k));
    for (index_t a = 0; a < k; ++a) {
        for (index_t b = 0; b < k; ++b) {
            const index_t i = who[static_cast<std::size_t>(a)];
            const index_t j = who[static_cast<std::size_t>(b)];
            s[static_cast<std::size_t>(a * k + b)] =
                cov_entry(cov, x.data(), n, i, x.data(), n, j) + (a == b ? noise[static_cast<std::size_t>(i)] : 0.0);
        }
    }
    return s;
}

// Gaussian elimination: the last pivot is the conditional variance; multipliers solve for the weights.
double log_density(std::vector<double> s, std::vector<double> y) {
    const std::size_t k = y.size();
    double total = 0.0;
    for (std::size_t p = 0; p < k; ++p) {
        for (std::size_t i = p + 1; i < k; ++i) {
            const double f = s[i * k + p] / s[p * k + p];
            for (std::size_t j = p; j < k; ++j) {
                s[i * k + j] -= f * s[p * k + j];
            }
            y[i] -= f * y[p];
        }
        if (p + 1 == k) {
            total = -0.5 * (std::log(s[p * k + p]) + y[p] * y[p] / s[p * k + p]);
        }
    }
    return total;
}

struct Problem {
    index_t n = 37;
    index_t m = 5;
    std::vector<double> x = numbers(2 * 37);
    std::vector<double> y = numbers(37);
    std::vector<double> noise = std::vector<double>(37, 0.1);
    std::vector<index_t> near = std::vector<index_t>(37 * 5, -1);
    std::vector<double> b = std::vector<double>(37 * 5);
    std::vector<double> v = std::vector<double>(37);
    std::vector<double> scratch =
        std::vector<double>(static_cast<std::size_t>(vecchia_chunks(37, 2, 5) * vecchia_item(2, 5)));
    std::vector<index_t> bad = std::vector<index_t>(64);

    Problem() {
        for (index_t i = 0; i < n; ++i) {
            for (index_t k = 0; k < m && k < i; ++k) {
                near[static_cast<std::size_t>(i * m + k)] = i - 1 - k;
            }
        }
    }
    VecchiaView view() const { return {n, n, 2, m, x.data(), x.data(), noise.data(), noise.data(), near.data()}; }
    double density(const CovSum<double>& cov) {
        KRISS_CHECK(vecchia_factor(cov, view(), b.data(), v.data(), scratch.data(), bad.data(), Executor{}).status ==
                    Status::ok);
        std::vector<double> e(y.size());
        vecchia_residual(n, m, 1, near.data(), b.data(), y.data(), e.data(), Executor{});
        double total = 0.0;
        for (std::size_t i = 0; i < e.size(); ++i) {
            total -= 0.5 * (std::log(v[i]) + e[i] * e[i] / v[i]);
        }
        return total;
    }
};

}  // namespace

KRISS_CASE("conditional densities are those of elimination") {
    const Mixed mixed;
    Problem p;
    double expected = 0.0;
    for (index_t i = 0; i < p.n; ++i) {
        std::vector<index_t> who;
        for (index_t k = 0; k < p.m; ++k) {
            const index_t j = p.near[static_cast<std::size_t>(i * p.m + k)];
            if (j >= 0) {
                who.push_back(j);
            }
        }
        who.push_back(i);
        std::vector<double> y;
        for (const index_t j : who) {
            y.push_back(p.y[static_cast<std::size_t>(j)]);
        }
        expected += log_density(covariance(mixed.view(), p.x, p.n, p.noise, who), y);
    }
    KRISS_NEAR(p.density(mixed.view()), expected, 1e-11);
}

KRISS_CASE("the gradient is that of differences") {
    Mixed mixed;
    Problem p;
    std::vector<double> g(11);
    std::vector<double> part(64 * 11 * 8);
    vecchia_gradient(mixed.view(), p.view(), p.y.data(), g.data(), part.data(), p.scratch.data(), Executor{});
    const double h = 1e-6;
    std::size_t slot = 0;
    for (std::size_t c = 0; c < 4; ++c) {
        const double kept = mixed.variance[c];
        mixed.variance[c] = kept * std::exp(h);
        double slope = p.density(mixed.view());
        mixed.variance[c] = kept * std::exp(-h);
        slope -= p.density(mixed.view());
        mixed.variance[c] = kept;
        KRISS_NEAR(g[slot], slope / (2 * h), 1e-6);
        ++slot;
        for (auto q = static_cast<std::size_t>(mixed.first[c]); q < static_cast<std::size_t>(mixed.first[c + 1]); ++q) {
            const double inv = mixed.inv[q];
            mixed.inv[q] = inv * std::exp(-h);
            slope = p.density(mixed.view());
            mixed.inv[q] = inv * std::exp(h);
            slope -= p.density(mixed.view());
            mixed.inv[q] = inv;
            KRISS_NEAR(g[slot], slope / (2 * h), 1e-6);
            ++slot;
        }
    }
}

KRISS_CASE("a repeated point without noise is found") {
    const Mixed mixed;
    Problem p;
    p.noise.assign(37, 0.0);
    p.x[20] = p.x[19];
    p.x[37 + 20] = p.x[37 + 19];
    const Info info =
        vecchia_factor(mixed.view(), p.view(), p.b.data(), p.v.data(), p.scratch.data(), p.bad.data(), Executor{});
    KRISS_CHECK(info.status == Status::not_positive_definite);
    KRISS_CHECK(info.index == 20);
}

KRISS_CASE("substitution undoes the residual") {
    const Mixed mixed;
    Problem p;
    p.density(mixed.view());
    std::vector<double> e(37);
    vecchia_residual(p.n, p.m, 1, p.near.data(), p.b.data(), p.y.data(), e.data(), Executor{});
    vecchia_substitute(p.n, p.m, 1, p.near.data(), p.b.data(), e.data(), Executor{});
    for (std::size_t i = 0; i < e.size(); ++i) {
        KRISS_NEAR(e[i], p.y[i], 1e-12);
    }
}

KRISS_CASE("products are sums over entries") {
    const Mixed mixed;
    const index_t n = 41;
    const index_t m = 300;
    const index_t k = 6;
    const auto x = numbers(2 * n);
    const auto z = numbers(2 * m);
    const auto v = numbers(k * m);
    std::vector<double> out(static_cast<std::size_t>(n * k));
    covariance_product(mixed.view(), x.data(), n, z.data(), m, v.data(), k, out.data(), Executor{});
    for (index_t i = 0; i < n; ++i) {
        for (index_t s = 0; s < k; ++s) {
            double sum = 0.0;
            for (index_t j = 0; j < m; ++j) {
                sum += cov_entry(mixed.view(), x.data(), n, i, z.data(), m, j) * v[static_cast<std::size_t>(s * m + j)];
            }
            KRISS_NEAR(out[static_cast<std::size_t>(i * k + s)], sum, 1e-11);
        }
    }
}

KRISS_CASE("order and neighbours are those of all pairs") {
    const index_t n = 150;
    const auto x = numbers(2 * n);
    const std::vector<double> centre{0.5, 0.5};
    std::vector<index_t> order(static_cast<std::size_t>(n));
    KRISS_CHECK(gp_maximin(n, 2, x.data(), centre.data(), order.data(), Executor{}));
    std::vector<double> far(static_cast<std::size_t>(n), 1e300);
    for (std::size_t k = 0; k + 1 < order.size(); ++k) {
        const auto here = static_cast<std::size_t>(order[k]);
        std::size_t best = here;
        far[here] = -1.0;
        for (std::size_t i = 0; i < far.size(); ++i) {
            const double dx = x[2 * i] - x[2 * here];
            const double dy = x[2 * i + 1] - x[2 * here + 1];
            far[i] = std::fmin(far[i], dx * dx + dy * dy);
            best = far[i] > far[best] ? i : best;
        }
        KRISS_CHECK(static_cast<std::size_t>(order[k + 1]) == best);
    }
    std::vector<index_t> near(static_cast<std::size_t>(n * 3));
    gp_nearest(n, 2, x.data(), n, x.data(), 3, true, near.data(), Executor{});
    for (std::size_t i = 3; i < far.size(); ++i) {
        double worst = 0.0;
        for (std::size_t s = 0; s < 3; ++s) {
            const auto j = static_cast<std::size_t>(near[3 * i + s]);
            const double gap = std::pow(x[2 * i] - x[2 * j], 2) + std::pow(x[2 * i + 1] - x[2 * j + 1], 2);
            KRISS_CHECK(j < i && gap >= worst);
            worst = gap;
        }
        int nearer = 0;
        for (std::size_t j = 0; j < i; ++j) {
            nearer += std::pow(x[2 * i] - x[2 * j], 2) + std::pow(x[2 * i + 1] - x[2 * j + 1], 2) < worst;
        }
        KRISS_CHECK(nearer == 2);
    }
    KRISS_CHECK(near[0] == -1 && near[1] == -1 && near[2] == -1);
}
