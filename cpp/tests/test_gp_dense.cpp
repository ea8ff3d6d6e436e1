// Cholesky factor and inverse by packed slivers, at the baseline level in both precisions and through the table at the
// level of this processor.
#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <vector>

#include "check.hpp"
#include "gp_kernels.hpp"
#include "kriss/gp/dense.hpp"
#include "pool.hpp"

using namespace kriss;

namespace {

template <class T>
class Scratch {
   public:
    explicit Scratch(index_t n)
        : size_(static_cast<std::size_t>(dense_scratch(n))),
          data_(static_cast<T*>(::operator new(size_ * sizeof(T), std::align_val_t{64}))) {
        // What a kernel reads it must have written: NaN would show.
        std::fill(data_, data_ + size_, std::numeric_limits<T>::quiet_NaN());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { ::operator delete(data_, std::align_val_t{64}); }
    T* get() { return data_; }

   private:
    std::size_t size_;
    T* data_;
};

// Lower triangle of a well-conditioned matrix, NaN above it: the kernels must not look there.
template <class T>
std::vector<T> matrix(index_t n) {
    std::vector<T> a(static_cast<std::size_t>(n * n), std::numeric_limits<T>::quiet_NaN());
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j <= i; ++j) {
            a[static_cast<std::size_t>(i * n + j)] = std::exp(-T(i - j) / T(3)) + (i == j ? T(0.5) : T(0));
        }
    }
    return a;
}

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

template <class T, class Factor, class Triangle, class Inverse>
void check_against_definition(Factor factor, Triangle triangle, Inverse inverse) {
    const double eps = std::numeric_limits<T>::epsilon();
    for (index_t n : {0, 1, 2, 3, 5, 10, 23, 24, 25, 50, 95, 97, 191, 192, 193, 289, 383, 385, 500}) {
        const auto size = static_cast<std::size_t>(n);
        const auto k = matrix<T>(n);
        const std::vector<T> limit(size, T(0));
        std::vector<std::vector<T>> results;
        for (int workers : {1, 2, 4}) {
            Executor ex;
            ex.run = &run_on_pool;
            ex.self = &workers;
            ex.workers = workers;
            Scratch<T> scratch(n);
            auto l = k;
            KRISS_CHECK(factor(n, l.data(), limit.data(), scratch.get(), ex).status == Status::ok);
            auto v = l;
            auto m = l;
            Scratch<T> other(n);
            KRISS_CHECK(triangle(n, v.data(), other.get(), ex).status == Status::ok);
            Scratch<T> third(n);
            KRISS_CHECK(inverse(n, m.data(), third.get(), ex).status == Status::ok);
            std::vector<T> all;
            double factor_error = 0;
            double triangle_error = 0;
            double inverse_error = 0;
            for (std::size_t i = 0; i < size; ++i) {
                for (std::size_t j = 0; j <= i; ++j) {
                    for (const auto* part : {&l, &v, &m}) {
                        all.push_back((*part)[i * size + j]);
                    }
                    if (workers > 1) {
                        continue;
                    }
                    double first = -double(k[i * size + j]);
                    double second = i == j ? -1.0 : 0.0;
                    double last = i == j ? -1.0 : 0.0;
                    for (std::size_t p = 0; p < size; ++p) {
                        first += p <= j ? double(l[i * size + p]) * double(l[j * size + p]) : 0.0;
                        second += p >= j && p <= i ? double(l[i * size + p]) * double(v[p * size + j]) : 0.0;
                        last += double(i >= p ? k[i * size + p] : k[p * size + i]) *
                                double(p >= j ? m[p * size + j] : m[j * size + p]);
                    }
                    factor_error = std::fmax(factor_error, std::fabs(first));
                    triangle_error = std::fmax(triangle_error, std::fabs(second));
                    inverse_error = std::fmax(inverse_error, std::fabs(last));
                }
                for (std::size_t j = i + 1; j < size; ++j) {
                    KRISS_CHECK(std::isnan(l[i * size + j]) && std::isnan(v[i * size + j]) &&
                                std::isnan(m[i * size + j]));
                }
            }
            // Norms here are below 8 and the condition number below 16.
            KRISS_NEAR(factor_error, 0.0, 30 * eps);
            KRISS_NEAR(triangle_error, 0.0, 30 * 4 * eps);
            KRISS_NEAR(inverse_error, 0.0, 30 * 16 * eps);
            results.push_back(all);
        }
        KRISS_CHECK(results[0] == results[1] && results[0] == results[2]);
    }
}

template <class T, class Factor>
void check_pivots(Factor factor) {
    for (index_t n : {1, 5, 30, 260, 500}) {
        for (index_t bad : {index_t(0), n / 2, n - 1}) {
            for (T value : {T(-1), T(0), std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
                auto a = matrix<T>(n);
                a[static_cast<std::size_t>(bad * n + bad)] = value;
                const std::vector<T> limit(static_cast<std::size_t>(n), T(1e-6));
                Scratch<T> scratch(n);
                const Info info = factor(n, a.data(), limit.data(), scratch.get(), Executor{});
                KRISS_CHECK(info.status == Status::not_positive_definite);
                KRISS_CHECK(info.index == bad);
            }
        }
    }
}

bool always(void*) { return true; }

}  // namespace

KRISS_CASE("factor and inverse, double") {
    check_against_definition<double>(&dense_cholesky<double>, &dense_invert_triangle<double>, &dense_invert<double>);
}
KRISS_CASE("factor and inverse, float") {
    check_against_definition<float>(&dense_cholesky<float>, &dense_invert_triangle<float>, &dense_invert<float>);
}
KRISS_CASE("factor and inverse at the level of this processor") {
    check_against_definition<double>(gp_kernels().cholesky, gp_kernels().invert_triangle, gp_kernels().invert);
}
KRISS_CASE("bad pivots are found, double") { check_pivots<double>(&dense_cholesky<double>); }
KRISS_CASE("bad pivots are found, float") { check_pivots<float>(&dense_cholesky<float>); }
KRISS_CASE("bad pivots are found at the level of this processor") { check_pivots<double>(gp_kernels().cholesky); }

KRISS_CASE("a poll stops each of them") {
    Executor ex;
    ex.poll = &always;
    const index_t n = 300;
    const std::vector<double> limit(static_cast<std::size_t>(n), 0.0);
    auto a = matrix<double>(n);
    Scratch<double> scratch(n);
    KRISS_CHECK(dense_cholesky(n, a.data(), limit.data(), scratch.get(), ex).status == Status::interrupted);
    KRISS_CHECK(dense_invert_triangle(n, a.data(), scratch.get(), ex).status == Status::interrupted);
    KRISS_CHECK(dense_invert(n, a.data(), scratch.get(), ex).status == Status::interrupted);
}
