#include <cmath>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "kriss/sketch/panel.hpp"
#include "sketch_rows_kernels.hpp"

using namespace kriss;

namespace {

using Numbers = std::vector<double>;

Numbers numbers(index_t n, std::uint32_t state) {
    Numbers out(static_cast<std::size_t>(n));
    for (double& x : out) {
        state = state * 1664525U + 1013904223U;
        x = static_cast<double>(state >> 8) / (1 << 24) - 0.5;
    }
    return out;
}

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

struct Case {
    index_t m, n;
    Numbers a, p;

    index_t wide() const { return strip_width * strips(n); }
    // |A_i P|^2.
    double square(index_t i) const {
        double sum = 0.0;
        for (index_t j = 0; j < n; ++j) {
            double x = 0.0;
            for (index_t k = 0; k <= j; ++k) {
                x += a[at(i * n + k)] * p[at(k * wide() + j)];
            }
            sum += x * x;
        }
        return sum;
    }
};

Case make(index_t m, index_t n) {
    Case c{m, n, numbers(m * n, 1), {}};
    c.p.assign(at(c.wide() * c.wide()), 0.0);
    const Numbers x = numbers(n * n, 2);
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = i; j < n; ++j) {
            c.p[at(i * c.wide() + j)] = x[at(i * n + j)] + (i == j ? 2.0 : 0.0);
        }
    }
    return c;
}

constexpr index_t shapes[][2] = {{1, 1}, {63, 8}, {129, 9}, {2500, 26}};

}  // namespace

KRISS_CASE("scores in single precision") {
    for (const auto& shape : shapes) {
        const Case c = make(shape[0], shape[1]);
        const std::vector<float> p(c.p.begin(), c.p.end());
        Numbers squares(at(c.m)), scratch(at(sketch_rows_kernels().single_scratch(c.m, c.n)));
        sketch_rows_kernels().single({{c.a.data(), c.m, c.n, c.n, 1}, p.data(), squares.data()}, scratch.data(), {});
        for (index_t i = 0; i < c.m; ++i) {
            KRISS_NEAR(squares[at(i)], c.square(i), 1e-4 * (1.0 + c.square(i)));
        }
    }
}

KRISS_CASE("a step of Lewis weights") {
    for (const auto& shape : shapes) {
        const Case c = make(shape[0], shape[1]);
        const Numbers start = numbers(c.m, 3);
        Numbers logw = start, gram(at(c.wide() * c.wide()));
        Numbers scratch(at(sketch_rows_kernels().lewis_scratch(c.m, c.n)));
        const LewisArgs args{{c.a.data(), c.m, c.n, c.n, 1}, c.p.data(), logw.data(), gram.data(), 0.5, 0.75, -0.5};
        const double change = sketch_rows_kernels().lewis(args, scratch.data(), {});
        double largest = 0.0, trace = 0.0, weighted = 0.0;
        for (index_t i = 0; i < c.m; ++i) {
            const double move = 0.5 * std::log(c.square(i)) - start[at(i)];
            largest = std::fmax(largest, std::fabs(move));
            KRISS_NEAR(logw[at(i)], start[at(i)] + 0.75 * move, 1e-10);
            weighted += c.square(i) * std::exp(-logw[at(i)]);
        }
        for (index_t j = 0; j < c.wide(); ++j) {
            trace += gram[at(j * c.wide() + j)];
        }
        KRISS_NEAR(change, largest, 1e-10);
        KRISS_NEAR(trace, weighted, 1e-9 * weighted);
    }
}

KRISS_CASE("sums of Huber's loss") {
    for (const auto& shape : shapes) {
        const Case c = make(shape[0], shape[1]);
        const Numbers b = numbers(c.m, 4);
        const double delta = 0.2;
        Numbers x(at(c.wide()), 0.0), t(at(c.m)), u(at(c.m)), d(at(c.m)), slope(at(c.wide())), mixed(at(c.wide()));
        x[0] = 0.5;
        Numbers gram(at(c.wide() * c.wide())), scratch(at(sketch_rows_kernels().loss_scratch(c.m, c.n)));
        double scalars[3];
        const LossArgs args{{c.a.data(), c.m, c.n, c.n, 1},
                            x.data(),
                            b.data(),
                            nullptr,
                            1,
                            {delta, 0.0, 0.0},
                            t.data(),
                            u.data(),
                            d.data(),
                            nullptr,
                            gram.data(),
                            slope.data(),
                            mixed.data(),
                            scalars};
        sketch_rows_kernels().loss(args, scratch.data(), {});
        double value = 0.0, first = 0.0, corner = 0.0;
        for (index_t i = 0; i < c.m; ++i) {
            const double a = c.a[at(i * c.n)], r = b[at(i)] - 0.5 * a;
            const double v = std::fmax(-delta, std::fmin(delta, r));
            value += v * (r - 0.5 * v);
            first += v * a;
            corner += v == r ? a * a : 0.0;
            KRISS_NEAR(t[at(i)], 0.5 * a, 1e-15);
            KRISS_NEAR(u[at(i)], v, 1e-15);
        }
        KRISS_NEAR(scalars[0], value, 1e-11);
        KRISS_NEAR(slope[0], first, 1e-11);
        KRISS_NEAR(gram[0], corner, 1e-11);
    }
}
