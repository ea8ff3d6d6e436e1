// Programs of covariance functions: values and derivatives against the textbook loop, scratch that holds NaN, and the
// same bits from one thread, from several, and from the level of this processor.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.hpp"
#include "gp_tree_kernels.hpp"
#include "kriss/gp/tree_contract.hpp"
#include "pool.hpp"

using namespace kriss;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// (rational quadratic in both columns + dot product of degree 2) * cosine of the second column + white noise
struct Example {
    std::vector<index_t> node = {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 2, 0, 2, 2, 3, 0, 3, 0, 1, 4, 5};
    std::vector<index_t> leaf = {6, 0, 2, 0, 0, 9, 2, 2, 4, 2, 8, 4, 1, 8, 0, 10, 5, 0, 11, 0};
    std::vector<double> value = {1.3, 0.8, 0.9, 0.4, 1.1, 0.0, 0.2, 0.0};
    std::vector<index_t> dim = {0, 1, 0, 1, 1};
    std::vector<double> scale = {0.5, 2.0, 0.3, 0.7, 0.25};
    std::vector<double> second = std::vector<double>(5, 0.0);
    std::vector<double> table = {0.0};

    CovTree tree() const {
        return {7, node.data(), 4, leaf.data(), value.data(), dim.data(), scale.data(), second.data(), table.data(),
                13};
    }
    // Logarithms of the parameters: variances, shapes and scales, where a lengthscale is the inverse of a scale.
    double& slot(index_t k) {
        switch (k) {
            case 0: return value[0];
            case 1: return value[1];
            case 2: return scale[0];
            case 3: return scale[1];
            case 4: return value[2];
            case 5: return value[3];
            case 6: return scale[2];
            case 7: return scale[3];
            case 8: return value[4];
            case 10: return scale[4];
            default: return value[6];
        }
    }
    double entry(double x0, double x1, double z0, double z1, bool same) const {
        const double d0 = (x0 - z0) * scale[0];
        const double d1 = (x1 - z1) * scale[1];
        const double rq = value[0] * std::pow(1.0 + (d0 * d0 + d1 * d1) / (2.0 * value[1]), -value[1]);
        const double base = value[3] + scale[2] * x0 * z0 + scale[3] * x1 * z1;
        const double wave = value[4] * std::cos(2.0 * 3.141592653589793 * scale[4] * (x1 - z1));
        return (rq + value[2] * base * base) * wave + (same ? value[6] : 0.0);
    }
};

struct Points {
    index_t n;
    std::vector<double> xt;
    explicit Points(index_t count, double phase) : n(count), xt(static_cast<std::size_t>(2 * count)) {
        for (index_t i = 0; i < 2 * count; ++i) {
            xt[static_cast<std::size_t>(i)] = std::sin(1.7 * static_cast<double>(i) + phase);
        }
    }
    double at(index_t q, index_t i) const { return xt[static_cast<std::size_t>(q * n + i)]; }
};

double entry(const Example& e, const Points& x, index_t i, const Points& z, index_t j, bool same) {
    return e.entry(x.at(0, i), x.at(1, i), z.at(0, j), z.at(1, j), same);
}

std::vector<double> scratch(const CovTree& t, index_t n, bool derivatives, index_t columns) {
    return std::vector<double>(static_cast<std::size_t>(tree_scratch(t, n, derivatives, columns)), nan_value);
}

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

void check_values(index_t n, index_t m) {
    const Example e;
    const CovTree t = e.tree();
    const Points x(n, 0.1);
    const Points z(m, 0.7);
    std::vector<double> k(static_cast<std::size_t>(n * n), nan_value);
    std::vector<double> cross(static_cast<std::size_t>(n * m), nan_value);
    auto work = scratch(t, n, false, 0);
    tree_symmetric(t, x.xt.data(), n, nullptr, k.data(), true, work.data(), Executor{});
    tree_cross(t, x.xt.data(), n, z.xt.data(), m, cross.data(), work.data(), Executor{});
    double worst = 0.0;
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < n; ++j) {
            const double error = k[static_cast<std::size_t>(i * n + j)] - entry(e, x, i, x, j, i == j);
            worst = std::fmax(worst, std::fabs(error));
        }
        for (index_t j = 0; j < m; ++j) {
            const double error = cross[static_cast<std::size_t>(i * m + j)] - entry(e, x, i, z, j, false);
            worst = std::fmax(worst, std::fabs(error));
        }
    }
    KRISS_CHECK(worst < 1e-14);  // a dozen roundings of numbers below 4
    int threads = 3;
    Executor pool;
    pool.run = &run_on_pool;
    pool.self = &threads;
    pool.workers = threads;
    std::vector<double> again(k.size(), nan_value);
    auto more = scratch(t, n, false, 0);
    gp_tree_kernels().symmetric(t, x.xt.data(), n, nullptr, again.data(), true, more.data(), pool);
    KRISS_CHECK(same_bits(k, again));
}

void check_derivatives(index_t n, index_t m) {
    Example e;
    const CovTree t = e.tree();
    const Points x(n, 0.1);
    const Points z(m, 0.7);
    std::vector<double> w(static_cast<std::size_t>(n * m));
    for (std::size_t k = 0; k < w.size(); ++k) {
        w[k] = std::cos(0.3 * static_cast<double>(k));
    }
    std::vector<double> found(13, nan_value);
    auto work = scratch(t, n, true, 0);
    tree_contract(t, x.xt.data(), n, z.xt.data(), m, Weights::cross, nullptr, w.data(), found.data(), work.data(),
                  Executor{});
    for (index_t s = 0; s < 13; ++s) {
        if (s == 9 || s == 12) {
            KRISS_CHECK(found[static_cast<std::size_t>(s)] == 0.0);  // shapes that these leaves do not have
            continue;
        }
        const double h = 1e-4;
        const double kept = e.slot(s);
        double slope = 0.0;
        for (int side = -1; side <= 1; side += 2) {
            const bool inverse = s == 2 || s == 3;
            e.slot(s) = kept * std::exp((inverse ? -side : side) * h);
            for (index_t i = 0; i < n; ++i) {
                for (index_t j = 0; j < m; ++j) {
                    slope += side * w[static_cast<std::size_t>(i * m + j)] * entry(e, x, i, z, j, false);
                }
            }
        }
        e.slot(s) = kept;
        const double bound = 1e-6 * static_cast<double>(n * m);  // h^2 and the rounding of a difference over h
        KRISS_CHECK(std::fabs(found[static_cast<std::size_t>(s)] - slope / (2.0 * h)) < bound);
    }
    int threads = 3;
    Executor pool;
    pool.run = &run_on_pool;
    pool.self = &threads;
    pool.workers = threads;
    std::vector<double> again(13, nan_value);
    auto more = scratch(t, n, true, 0);
    gp_tree_kernels().contract(t, x.xt.data(), n, z.xt.data(), m, Weights::cross, nullptr, w.data(), again.data(),
                               more.data(), pool);
    KRISS_CHECK(same_bits(found, again));
    std::vector<double> g(static_cast<std::size_t>(n * m * 2), nan_value);
    auto wide = scratch(t, n, true, 2);
    tree_gradient_x(t, x.xt.data(), 2, n, z.xt.data(), m, g.data(), wide.data(), Executor{});
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < m; ++j) {
            const double h = 1e-5;
            const double up = e.entry(x.at(0, i), x.at(1, i) + h, z.at(0, j), z.at(1, j), false);
            const double down = e.entry(x.at(0, i), x.at(1, i) - h, z.at(0, j), z.at(1, j), false);
            KRISS_CHECK(std::fabs(g[static_cast<std::size_t>((i * m + j) * 2 + 1)] - (up - down) / (2.0 * h)) < 1e-7);
        }
    }
}

}  // namespace

KRISS_CASE("values of a program") {
    for (index_t n : {1, 2, 31, 33, 70}) {
        check_values(n, 3);
    }
    check_values(300, 270);
}

KRISS_CASE("derivatives of a program") {
    for (index_t n : {1, 2, 31, 33, 70}) {
        check_derivatives(n, 5);
    }
    check_derivatives(3, 270);
}
