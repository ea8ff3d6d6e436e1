// Factors that gain and lose rows: triangular solves over a buffer with room to spare, and rows that go, in both
// precisions and through the table at the level of this processor.
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "gp_update_kernels.hpp"
#include "kriss/gp/update.hpp"
#include "pool.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i, index_t j, index_t ld) { return static_cast<std::size_t>(i * ld + j); }

double entry(index_t i, index_t j) { return std::exp(-std::abs(double(i - j)) / 7.0) + (i == j ? 0.5 : 0.0); }

// The factor of the matrix of entry(rows[i], rows[j]), textbook fashion; NaN wherever a kernel has no business.
template <class T>
std::vector<T> factor(const std::vector<index_t>& rows, index_t ld) {
    const auto n = static_cast<index_t>(rows.size());
    std::vector<T> a(static_cast<std::size_t>(n * ld + 1), std::numeric_limits<T>::quiet_NaN());
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j <= i; ++j) {
            long double sum = entry(rows[static_cast<std::size_t>(i)], rows[static_cast<std::size_t>(j)]);
            for (index_t p = 0; p < j; ++p) {
                sum -= static_cast<long double>(a[at(i, p, ld)]) * a[at(j, p, ld)];
            }
            a[at(i, j, ld)] = static_cast<T>(i == j ? std::sqrt(sum) : sum / a[at(j, j, ld)]);
        }
    }
    return a;
}

std::vector<index_t> range(index_t n) {
    std::vector<index_t> rows(static_cast<std::size_t>(n));
    for (index_t i = 0; i < n; ++i) {
        rows[static_cast<std::size_t>(i)] = i;
    }
    return rows;
}

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

template <class T, class Lower, class Upper>
void check_solves(Lower lower, Upper upper) {
    const double eps = std::numeric_limits<T>::epsilon();
    for (index_t n : {0, 1, 2, 15, 16, 17, 63, 64, 65, 200}) {
        const index_t ld = n + 13;
        const auto a = factor<T>(range(n), ld);
        for (index_t rhs : {1, 3}) {
            std::vector<T> first(static_cast<std::size_t>(rhs * n) + 1);
            for (index_t k = 0; k < rhs * n; ++k) {
                first[static_cast<std::size_t>(k)] = static_cast<T>(std::sin(double(k)));
            }
            std::vector<T> results[2];
            for (int workers : {1, 3}) {
                Executor ex{&run_on_pool, nullptr, &workers, workers};
                auto x = first;
                KRISS_CHECK(lower(n, ld, a.data(), rhs, x.data(), ex).status == Status::ok);
                KRISS_CHECK(upper(n, ld, a.data(), rhs, x.data(), ex).status == Status::ok);
                for (index_t r = 0; r < rhs; ++r) {
                    for (index_t i = 0; i < n; ++i) {
                        double sum = 0;
                        for (index_t j = 0; j < n; ++j) {
                            sum += entry(i, j) * double(x[at(r, j, n)]);
                        }
                        KRISS_CHECK(std::abs(sum - double(first[at(r, i, n)])) <= 30 * eps * 16);
                    }
                }
                results[workers == 1 ? 0 : 1] = x;
            }
            KRISS_CHECK(results[0] == results[1]);
        }
    }
}

template <class T, class Drop>
void check_drop(Drop drop) {
    const double eps = std::numeric_limits<T>::epsilon();
    const index_t n = 150;
    const std::vector<std::vector<index_t>> cases = {{},          {0},        {149},        {63}, {64}, {0, 1, 2, 70},
                                                     {5, 80, 81}, {148, 149}, {10, 90, 140}};
    for (const auto& lost : cases) {
        std::vector<index_t> keep;
        for (index_t i = 0; i < n; ++i) {
            bool gone = false;
            for (const index_t l : lost) {
                gone = gone || l == i;
            }
            if (!gone) {
                keep.push_back(i);
            }
        }
        const auto m = static_cast<index_t>(keep.size());
        const auto q = static_cast<index_t>(lost.size());
        const index_t ldo = m + 3;
        const auto a = factor<T>(range(n), n + 5);
        const auto expected = factor<T>(keep, ldo);
        std::vector<T> results[2];
        for (int workers : {1, 3}) {
            Executor ex{&run_on_pool, nullptr, &workers, workers};
            std::vector<T> out(static_cast<std::size_t>(m * ldo), T(-1));
            std::vector<T> scratch(static_cast<std::size_t>(drop_scratch(m, q)) + 1,
                                   std::numeric_limits<T>::quiet_NaN());
            KRISS_CHECK(
                drop(n + 5, a.data(), m, keep.data(), q, lost.data(), out.data(), ldo, scratch.data(), ex).status ==
                Status::ok);
            for (index_t i = 0; i < m; ++i) {
                for (index_t j = 0; j < ldo; ++j) {
                    const double error = j <= i ? double(out[at(i, j, ldo)]) - double(expected[at(i, j, ldo)])
                                                : double(out[at(i, j, ldo)]) + 1.0;
                    KRISS_CHECK(std::abs(error) <= (j <= i ? 100 * eps : 0.0));
                }
            }
            results[workers == 1 ? 0 : 1] = out;
        }
        KRISS_CHECK(results[0] == results[1]);
    }
}

}  // namespace

KRISS_CASE("solves, double") { check_solves<double>(&lower_solve<double>, &upper_solve<double>); }
KRISS_CASE("solves, float") { check_solves<float>(&lower_solve<float>, &upper_solve<float>); }
KRISS_CASE("solves at the level of this processor") {
    check_solves<double>(gp_update_kernels().lower_solve, gp_update_kernels().upper_solve);
}
KRISS_CASE("rows go, double") { check_drop<double>(&drop_rows<double>); }
KRISS_CASE("rows go, float") { check_drop<float>(&drop_rows<float>); }
KRISS_CASE("rows go at the level of this processor") { check_drop<double>(gp_update_kernels().drop_rows); }
