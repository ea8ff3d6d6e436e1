// solve/{select,fill,gather,block_jacobi}.hpp in both precisions, serial and on the pool, against dense loops.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "kriss/solve/block_jacobi.hpp"
#include "kriss/solve/fill.hpp"
#include "kriss/solve/gather.hpp"
#include "kriss/solve/select.hpp"
#include "pool.hpp"
#include "solve_block_jacobi.hpp"
#include "solve_fill.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

Executor on_pool(int& workers) {
    Executor ex;
    ex.run = &run_on_pool;
    ex.self = &workers;
    ex.workers = workers;
    return ex;
}

template <class T, class I>
struct Matrix {
    index_t n = 0;
    std::vector<T> dense;  // (n, n), row-major
    std::vector<I> indptr{0};
    std::vector<I> indices;
    std::vector<T> data;
    std::vector<I> where;

    CsrView<T, I> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
};

// Diagonally dominant with a third of its entries.
template <class T, class I>
Matrix<T, I> random_matrix(index_t n, bool symmetric, unsigned seed) {
    std::mt19937 gen(seed);
    std::uniform_real_distribution<double> u(-1, 1);
    Matrix<T, I> a;
    a.n = n;
    a.dense.assign(at(n * n), T(0));
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < i; ++j) {
            const auto v = static_cast<T>(u(gen));
            if (u(gen) > 0.3) {
                a.dense[at(i * n + j)] = v;
                a.dense[at(j * n + i)] = symmetric ? v : static_cast<T>(u(gen));
            }
        }
    }
    for (index_t i = 0; i < n; ++i) {
        T sum = 1;
        for (index_t j = 0; j < n; ++j) {
            sum += std::fabs(a.dense[at(i * n + j)]);
        }
        a.dense[at(i * n + i)] = sum;
    }
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < n; ++j) {
            if (a.dense[at(i * n + j)] != T(0)) {
                if (i == j) {
                    a.where.push_back(static_cast<I>(a.indices.size()));
                }
                a.indices.push_back(static_cast<I>(j));
                a.data.push_back(a.dense[at(i * n + j)]);
            }
        }
        a.indptr.push_back(static_cast<I>(a.indices.size()));
    }
    return a;
}

void test_select() {
    std::mt19937 gen(1);
    for (index_t n : {1, 2, 3, 7, 32, 33, 200}) {
        std::vector<double> w(at(n));
        std::vector<std::int32_t> all(at(n));
        for (index_t i = 0; i < n; ++i) {
            w[at(i)] = static_cast<double>(gen() % 17) - 8.0;  // many of equal size
            all[at(i)] = static_cast<std::int32_t>(i);
        }
        std::shuffle(all.begin(), all.end(), gen);
        auto sorted = all;
        sort_list(sorted.data(), n);
        KRISS_CHECK(std::is_sorted(sorted.begin(), sorted.end()));
        std::sort(sorted.begin(), sorted.end(), [&](auto a, auto b) { return comes_before(w.data(), a, b); });
        for (index_t keep = 1; keep <= n; keep += 1 + n / 7) {
            auto list = all;
            select_largest(w.data(), list.data(), n, keep);
            std::sort(list.begin(), list.begin() + keep);
            std::vector<std::int32_t> expected(sorted.begin(), sorted.begin() + keep);
            std::sort(expected.begin(), expected.end());
            KRISS_CHECK(std::equal(expected.begin(), expected.end(), list.begin()));
        }
        std::vector<std::int32_t> heap(at(n));
        for (index_t i = 0; i < n; ++i) {
            heap_push(heap.data(), i, all[at(i)]);
        }
        for (index_t i = 0; i < n; ++i) {
            KRISS_CHECK(heap_pop(heap.data(), n - i) == i);
        }
    }
}

// Complete factors reproduce A; limited ones keep to their limits.
template <class T, class I>
void test_factors() {
    const Executor serial;
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (index_t n : {0, 1, 2, 3, 5, 40}) {
        const auto a = random_matrix<T, I>(n, true, 3);
        StrictRows<T, I> u;
        std::vector<T> root;
        FillOptions opt;
        opt.fill = n;
        opt.tau = eps;
        KRISS_CHECK(ict(a.view(), a.where.data(), opt, u, root, serial).status == Status::ok);
        std::vector<T> full(at(n * n), T(0));
        for (index_t i = 0; i < n; ++i) {
            full[at(i * n + i)] = root[at(i)];
            for (index_t k = u.indptr[at(i)]; k < u.indptr[at(i + 1)]; ++k) {
                full[at(i * n + u.indices[at(k)])] = u.data[at(k)];
            }
        }
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j < n; ++j) {
                double s = 0;
                for (index_t k = 0; k < n; ++k) {
                    s += static_cast<double>(full[at(k * n + i)]) * static_cast<double>(full[at(k * n + j)]);
                }
                const double scale = static_cast<double>(a.dense[at(i * n + i)] + a.dense[at(j * n + j)]);
                KRISS_CHECK(std::fabs(s - static_cast<double>(a.dense[at(i * n + j)])) <= 40 * eps * scale);
            }
        }
        opt.fill = 1;
        opt.drop = 1e-2;
        KRISS_CHECK(ict(a.view(), a.where.data(), opt, u, root, serial).status == Status::ok);
        for (index_t i = 0; i < n; ++i) {
            KRISS_CHECK(u.indptr[at(i + 1)] - u.indptr[at(i)] <= a.indptr[at(i + 1)] - a.where[at(i)]);
        }

        const auto g = random_matrix<T, I>(n, false, 4);
        StrictRows<T, I> l;
        std::vector<T> inverse;
        opt = {};
        opt.fill = n;
        opt.tau = eps;
        KRISS_CHECK(ilut(g.view(), opt, l, u, inverse, serial).status == Status::ok);
        const TriangleView<T, I> lower{{n, n, l.indptr.data(), l.indices.data(), l.data.data()}, nullptr, true};
        const TriangleView<T, I> upper{{n, n, u.indptr.data(), u.indices.data(), u.data.data()}, inverse.data(), false};
        Factors<T, I> m(lower, upper, nullptr, nullptr);
        std::vector<T> x(at(n)), r(at(n)), z(at(n));
        std::vector<I> rows(at(n)), columns(at(n));
        for (index_t i = 0; i < n; ++i) {
            x[at(i)] = static_cast<T>(i + 1);
            rows[at(i)] = static_cast<I>((i + 1) % n);
            columns[at(i)] = static_cast<I>(n - 1 - i);
        }
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j < n; ++j) {
                r[at(i)] += g.dense[at(i * n + j)] * x[at(j)];
            }
        }
        std::vector<double> part(at(chunk_count(n) + 1));
        const double dot = m.apply_dot(r.data(), z.data(), T(2), part.data(), serial);
        double expected = 0;
        for (index_t i = 0; i < n; ++i) {
            const double v = static_cast<double>(z[at(i)]);
            KRISS_CHECK(std::fabs(v - 2.0 * static_cast<double>(x[at(i)])) <= 200 * eps * static_cast<double>(n));
            expected += v * static_cast<double>(r[at(i)]);
        }
        KRISS_CHECK(std::fabs(dot - expected) <= 1e-12 * std::fabs(expected));
        // between permutations
        std::vector<T> moved(at(n)), y(at(n));
        for (index_t i = 0; i < n; ++i) {
            moved[at(i)] = r[at(rows[at(i)])];
        }
        Factors<T, I> p(lower, upper, rows.data(), columns.data());
        p.apply_dot(moved.data(), y.data(), T(2), part.data(), serial);
        for (index_t i = 0; i < n; ++i) {
            KRISS_CHECK(y[at(i)] == z[at(columns[at(i)])]);
        }
    }
}

template <class T>
void test_failures() {
    const Executor serial;
    auto a = random_matrix<T, std::int32_t>(8, true, 5);
    StrictRows<T, std::int32_t> l, u;
    std::vector<T> d;
    FillOptions opt;
    opt.fill = 8;
    opt.tau = 1e-5;
    for (const T bad : {T(-1), T(0), std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
        auto b = a;
        b.data[at(b.where[3])] = bad;
        const Info info = ict(b.view(), b.where.data(), opt, u, d, serial);
        KRISS_CHECK(info.status == Status::not_positive_definite && info.index == 3);
        if (!std::isfinite(bad)) {
            const Info other = ilut(b.view(), opt, l, u, d, serial);
            KRISS_CHECK(other.status != Status::ok && other.index == 3);
        }
    }
    // a row of zeros
    auto z = a;
    for (index_t k = z.indptr[2]; k < z.indptr[3]; ++k) {
        z.data[at(k)] = T(0);
    }
    const Info info = ilut(z.view(), opt, l, u, d, serial);
    KRISS_CHECK(info.status == Status::singular && info.index == 2 && d[2] == T(0));
}

template <class T>
void test_blocks() {
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (bool symmetric : {true, false}) {
        const auto a = random_matrix<T, std::int64_t>(30, symmetric, 9);
        std::vector<index_t> label(30);
        for (index_t i = 0; i < 30; ++i) {
            label[at(i)] = i * 7 % 30 / 6;
        }
        std::vector<T> r(30), first;
        for (index_t i = 0; i < 30; ++i) {
            r[at(i)] = static_cast<T>(1 + i % 5);
        }
        for (int workers : {1, 2, 4}) {
            const Executor ex = on_pool(workers);
            BlockJacobi<T> m;
            const auto done = m.setup(a.view(), label.data(), 5, ex);
            KRISS_CHECK(done.block == -1 && done.kind == (symmetric ? 1 : 0));
            std::vector<T> z(30);
            double part[2];
            m.apply_dot(r.data(), z.data(), T(1), part, ex);
            for (index_t i = 0; i < 30; ++i) {
                double s = 0;
                for (index_t j = 0; j < 30; ++j) {
                    s += label[at(i)] == label[at(j)]
                             ? static_cast<double>(a.dense[at(i * 30 + j)]) * static_cast<double>(z[at(j)])
                             : 0.0;
                }
                KRISS_CHECK(std::fabs(s - static_cast<double>(r[at(i)])) <= 100 * eps);
            }
            if (first.empty()) {
                first = z;
            }
            KRISS_CHECK(z == first);
        }
    }
    auto a = random_matrix<T, std::int32_t>(6, true, 2);
    for (index_t k = a.indptr[2]; k < a.indptr[4]; ++k) {
        a.data[at(k)] = T(0);
    }
    std::vector<index_t> label{0, 0, 1, 1, 2, 2};
    BlockJacobi<T> m;
    const auto done = m.setup(a.view(), label.data(), 3, Executor{});
    KRISS_CHECK(done.kind == static_cast<int>(BlockKind::singular) && done.block == 1);
}

}  // namespace

KRISS_CASE("selection, sorting and the heap") { test_select(); }

KRISS_CASE("factors with fill, complete and limited") {
    test_factors<double, std::int32_t>();
    test_factors<double, std::int64_t>();
    test_factors<float, std::int32_t>();
    test_factors<float, std::int64_t>();
}

KRISS_CASE("failing pivots are named") {
    test_failures<double>();
    test_failures<float>();
}

KRISS_CASE("block Jacobi") {
    test_blocks<double>();
    test_blocks<float>();
}
