#include "check.hpp"

#include <cstdint>
#include <vector>

#include "kriss/sketch/tall.hpp"
#include "pool.hpp"
#include "sketch_kernels.hpp"

using namespace kriss;

namespace {

std::vector<double> numbers(index_t n) {
    std::vector<double> out(static_cast<std::size_t>(n));
    std::uint32_t state = 7;
    for (double& x : out) {
        state = state * 1664525U + 1013904223U;
        x = static_cast<double>(state >> 8) / (1 << 24) - 0.5;
    }
    return out;
}

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

struct Sums {
    std::vector<double> gram, g, rr;
    bool operator==(const Sums&) const = default;
};

template <class T>
Sums pass(const std::vector<T>& a, const std::vector<T>& b, const std::vector<double>& scale,
          const std::vector<double>& z, const std::vector<double>& p, index_t m, index_t n, index_t nrhs, int workers) {
    const index_t np = strip_width * strips(n);
    Sums out{std::vector<double>(static_cast<std::size_t>(np * np)),
             std::vector<double>(static_cast<std::size_t>(nrhs * np)),
             std::vector<double>(static_cast<std::size_t>(nrhs))};
    const std::vector<double> bscale(static_cast<std::size_t>(nrhs), 0.5);
    TallArgs<T> args{{a.data(), m, n, n, 1},
                     {b.data(), m, nrhs, nrhs, 1},
                     scale.data(),
                     bscale.data(),
                     z.data(),
                     p.empty() ? nullptr : p.data(),
                     out.gram.data(),
                     out.g.data(),
                     out.rr.data(),
                     nullptr};
    std::vector<double> scratch(
        static_cast<std::size_t>(sketch_kernels().tall_scratch_size(m, n, nrhs, true, !p.empty())));
    args.scratch = scratch.data();
    Executor ex;
    ex.run = &run_on_pool;
    ex.self = &workers;
    ex.workers = workers;
    if constexpr (sizeof(T) == 8) {
        sketch_kernels().tall_d(args, ex);
    } else {
        sketch_kernels().tall_f(args, ex);
    }
    return out;
}

// Slow textbook sums in long double, with the error that any order of summation in double may have.
template <class T>
void against_textbook(bool precond) {
    for (const index_t m : {1, 63, 64, 65, 129, 2048, 2049, 9000}) {
        for (const index_t n : {1, 8, 13, 33}) {
            const index_t np = strip_width * strips(n);
            const index_t nrhs = 2;
            const std::vector<double> wide = numbers(m * n);
            const std::vector<double> right = numbers(m * nrhs);
            const std::vector<T> a(wide.begin(), wide.end());
            const std::vector<T> b(right.begin(), right.end());
            std::vector<double> scale(static_cast<std::size_t>(n), 2.0);
            std::vector<double> z(static_cast<std::size_t>(nrhs * np), 0.0);
            std::vector<double> p;
            for (index_t j = 0; j < n; ++j) {
                z[static_cast<std::size_t>(j)] = 0.25;
                z[static_cast<std::size_t>(np + j)] = -0.125 * static_cast<double>(j);
            }
            if (precond) {
                p.assign(static_cast<std::size_t>(np * np), 0.0);
                for (index_t i = 0; i < n; ++i) {
                    for (index_t j = i; j < n; ++j) {
                        p[static_cast<std::size_t>(i * np + j)] = 1.0 / static_cast<double>(1 + j - i);
                    }
                }
            }
            const Sums got = pass(a, b, scale, z, p, m, n, nrhs, 1);
            for (const int workers : {2, 4}) {
                KRISS_CHECK(pass(a, b, scale, z, p, m, n, nrhs, workers) == got);
            }
            std::vector<long double> gram(static_cast<std::size_t>(n * n), 0.0L);
            std::vector<long double> g(static_cast<std::size_t>(nrhs * n), 0.0L);
            std::vector<long double> rr(static_cast<std::size_t>(nrhs), 0.0L);
            std::vector<long double> row(static_cast<std::size_t>(n));
            for (index_t i = 0; i < m; ++i) {
                const T* x = a.data() + i * n;
                for (index_t j = 0; j < n; ++j) {
                    long double s = 0.0L;
                    if (precond) {
                        for (index_t l = 0; l <= j; ++l) {
                            s += 2.0L * x[l] * p[static_cast<std::size_t>(l * np + j)];
                        }
                    } else {
                        s = 2.0L * x[j];
                    }
                    row[static_cast<std::size_t>(j)] = s;
                }
                for (index_t j = 0; j < n; ++j) {
                    for (index_t l = 0; l < n; ++l) {
                        gram[static_cast<std::size_t>(j * n + l)] +=
                            row[static_cast<std::size_t>(j)] * row[static_cast<std::size_t>(l)];
                    }
                }
                for (index_t q = 0; q < nrhs; ++q) {
                    long double r = 0.5L * b[static_cast<std::size_t>(i * nrhs + q)];
                    for (index_t j = 0; j < n; ++j) {
                        r -= 2.0L * x[j] * z[static_cast<std::size_t>(q * np + j)];
                    }
                    rr[static_cast<std::size_t>(q)] += r * r;
                    for (index_t j = 0; j < n; ++j) {
                        g[static_cast<std::size_t>(q * n + j)] += 2.0L * x[j] * r;
                    }
                }
            }
            // |a| <= 1/2, |z| <= n/8: a term of g is at most 2 n^2, of the Gram matrix (2 n)^2.
            const double eps = 2.3e-16;
            const double dm = static_cast<double>(m);
            const double dn = static_cast<double>(n);
            const double bound_gram = 4.0 * dn * dn * dm * eps * (precond ? 260.0 : 130.0);
            const double bound_g = 2.0 * dn * dn * dm * eps * 80.0;
            for (index_t j = 0; j < n; ++j) {
                for (index_t l = 0; l < n; ++l) {
                    KRISS_NEAR(got.gram[static_cast<std::size_t>(j * np + l)],
                               static_cast<double>(gram[static_cast<std::size_t>(j * n + l)]), bound_gram);
                }
                for (index_t q = 0; q < nrhs; ++q) {
                    KRISS_NEAR(got.g[static_cast<std::size_t>(q * np + j)],
                               static_cast<double>(g[static_cast<std::size_t>(q * n + j)]), bound_g);
                }
            }
            for (index_t q = 0; q < nrhs; ++q) {
                KRISS_NEAR(got.rr[static_cast<std::size_t>(q)], static_cast<double>(rr[static_cast<std::size_t>(q)]),
                           dn * dn * dn * dn * dm * eps * 80.0);
            }
        }
    }
}

}  // namespace

KRISS_CASE("one pass against the textbook, double") { against_textbook<double>(false); }
KRISS_CASE("one pass against the textbook, float input") { against_textbook<float>(false); }
KRISS_CASE("preconditioned pass against the textbook, double") { against_textbook<double>(true); }
KRISS_CASE("preconditioned pass against the textbook, float input") { against_textbook<float>(true); }

KRISS_CASE("compensated addition keeps what a plain sum loses") {
    double high = 1.0;
    double low = 0.0;
    for (int i = 0; i < 1000; ++i) {
        add_compensated(high, low, 1e-17);
    }
    KRISS_NEAR((high - 1.0) + low, 1e-14, 2.3e-27);
}
