// solve/fsai.hpp in both precisions, serial and on the pool, against dense inverses of blocks.
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "pool.hpp"
#include "solve_fsai.hpp"

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
struct Rows {
    index_t n = 0;
    std::vector<I> indptr{0};
    std::vector<I> indices;
    std::vector<T> data;

    CsrView<T, I> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
};

// Band of half width 3 with some entries missing, diagonally dominant.
template <class T, class I>
Rows<T, I> band(index_t n) {
    std::mt19937 gen(5);
    std::uniform_real_distribution<double> u(-1, 1);
    std::vector<double> lower(at(n) * 3);
    for (double& v : lower) {
        v = u(gen);
    }
    const auto entry = [&](index_t i, index_t j) {
        const index_t low = i < j ? i : j, gap = i < j ? j - i : i - j;
        return gap == 0 ? 7.0 : lower[at(low) * 3 + at(gap - 1)];
    };
    Rows<T, I> a;
    a.n = n;
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = i < 3 ? 0 : i - 3; j < n && j <= i + 3; ++j) {
            if (i == j || std::fabs(entry(i, j)) > 0.2) {
                a.indices.push_back(static_cast<I>(j));
                a.data.push_back(static_cast<T>(entry(i, j)));
            }
        }
        a.indptr.push_back(static_cast<I>(a.indices.size()));
    }
    return a;
}

template <class T, class I>
Rows<T, I> lower_part(const Rows<T, I>& a) {
    Rows<T, I> g;
    g.n = a.n;
    for (index_t i = 0; i < a.n; ++i) {
        for (auto k = at(a.indptr[at(i)]); k < at(a.indptr[at(i + 1)]); ++k) {
            if (a.indices[k] <= i) {
                g.indices.push_back(a.indices[k]);
                g.data.push_back(T(0));
            }
        }
        g.indptr.push_back(static_cast<I>(g.indices.size()));
    }
    return g;
}

// (G A)_ij is zero on the pattern left of the diagonal, and (G A G')_ii is 1: that is what determines G.
template <class T, class I>
void check_rows(index_t n) {
    const auto a = band<T, I>(n);
    auto g = lower_part(a);
    index_t column = -1;
    const Info info = fsai(a.view(), g.indptr.data(), g.indices.data(), g.data.data(), &column, Executor{});
    KRISS_CHECK(info.status == Status::ok && column == -1);
    const double eps = 200 * std::numeric_limits<T>::epsilon();
    std::vector<double> dense(at(n * n));
    for (index_t i = 0; i < n; ++i) {
        for (auto k = at(a.indptr[at(i)]); k < at(a.indptr[at(i + 1)]); ++k) {
            dense[at(i * n + a.indices[k])] = a.data[k];
        }
    }
    for (index_t i = 0; i < n; ++i) {
        const auto first = at(g.indptr[at(i)]), last = at(g.indptr[at(i + 1)]);
        double length = 0;
        for (auto q = first; q < last; ++q) {
            double s = 0;
            for (auto p = first; p < last; ++p) {
                s += static_cast<double>(g.data[p]) * dense[at(g.indices[p] * n + g.indices[q])];
            }
            length += s * g.data[q];
            KRISS_CHECK(q + 1 == last ? s > 0 : std::fabs(s) <= eps);
        }
        KRISS_CHECK(std::fabs(length - 1) <= eps);
    }
    for (int workers : {2, 4}) {
        auto other = g;
        fsai(a.view(), g.indptr.data(), g.indices.data(), other.data.data(), &column, on_pool(workers));
        KRISS_CHECK(other.data == g.data);
    }
}

template <class T, class I>
void check_products(index_t n) {
    const auto a = band<T, I>(n);
    const auto b = lower_part(a);
    std::vector<T> extra(at(n), T(0.25)), r(at(n)), z(at(n)), other(at(n));
    for (index_t i = 0; i < n; ++i) {
        r[at(i)] = static_cast<T>((i % 13) - 6);
    }
    auto s = b;
    for (std::size_t k = 0; k < s.data.size(); ++k) {
        s.data[k] = static_cast<T>(k % 5) - T(2);
    }
    std::vector<double> part(at(n / 4096 + 1));
    Products<T, I> m(a.view(), s.view(), extra.data());
    KRISS_CHECK(m.size() == n && m.nbytes() == at(n) * sizeof(T));
    const double dot = m.apply_dot(r.data(), z.data(), T(2), part.data(), Executor{});
    std::vector<double> y(at(n));
    double expected_dot = 0;
    for (index_t i = 0; i < n; ++i) {
        for (auto k = at(a.indptr[at(i)]); k < at(a.indptr[at(i + 1)]); ++k) {
            y[at(i)] += static_cast<double>(a.data[k]) * r[at(a.indices[k])];
        }
    }
    const double eps = 1e4 * std::numeric_limits<T>::epsilon();
    for (index_t i = 0; i < n; ++i) {
        double v = 0.25 * r[at(i)];
        for (auto k = at(s.indptr[at(i)]); k < at(s.indptr[at(i + 1)]); ++k) {
            v += static_cast<double>(s.data[k]) * y[at(s.indices[k])];
        }
        KRISS_CHECK(std::fabs(2 * v - z[at(i)]) <= eps);
        expected_dot += static_cast<double>(r[at(i)]) * z[at(i)];
    }
    KRISS_CHECK(std::fabs(dot - expected_dot) <= 1e-12 * (1 + std::fabs(expected_dot)) * static_cast<double>(n));
    for (int workers : {2, 4}) {
        KRISS_CHECK(m.apply_dot(r.data(), other.data(), T(2), part.data(), on_pool(workers)) == dot && other == z);
    }
    Products<T, I> plain(a.view(), s.view(), nullptr);
    plain.apply_dot(r.data(), other.data(), T(2), part.data(), Executor{});
    KRISS_CHECK(std::fabs(other[0] + 0.5 * r[0] - z[0]) <= eps);
}

template <class T>
void check_bad() {
    // the pivot of (1, 2; 2, 1) is -3; NaN; overflow
    const std::vector<std::int32_t> indptr{0, 1, 3}, indices{0, 0, 1};
    for (const T bad : {T(2), std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity(), T(1)}) {
        const std::vector<T> data{T(1), bad, T(1)};
        std::vector<T> g(3);
        index_t column = -1;
        const CsrView<T, std::int32_t> a{2, 2, indptr.data(), indices.data(), data.data()};
        const Info info = fsai(a, indptr.data(), indices.data(), g.data(), &column, Executor{});
        KRISS_CHECK(info.status == Status::not_positive_definite && info.index == 1 && column == 1);
    }
}

}  // namespace

KRISS_CASE("rows of the inverse") {
    for (const index_t n : {0, 1, 2, 5, 60, 700}) {
        check_rows<double, std::int32_t>(n);
        check_rows<double, std::int64_t>(n);
        check_rows<float, std::int32_t>(n);
        check_rows<float, std::int64_t>(n);
    }
}

KRISS_CASE("two products") {
    for (const index_t n : {1, 3, 50, 5000}) {
        check_products<double, std::int32_t>(n);
        check_products<float, std::int64_t>(n);
    }
}

KRISS_CASE("blocks that are not positive definite are named") {
    check_bad<double>();
    check_bad<float>();
}
