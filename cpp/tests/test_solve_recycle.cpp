// solve/recycle.hpp and the driver of GCRO-DR (without recycling, which needs LAPACK) in all four precisions.
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "kriss/solve/recycle.hpp"
#include "solve_gcrodr.hpp"
#include "solve_krylov.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
double epsilon() {
    return sizeof(typename ScalarTraits<T>::Real) == 4 ? 1.2e-7 : 2.3e-16;
}

template <class T>
std::vector<std::vector<T>> panel(index_t n, int count, std::mt19937& draw) {
    std::normal_distribution<double> normal;
    std::vector<std::vector<T>> made(at(count), std::vector<T>(at(n)));
    for (auto& v : made) {
        for (T& x : v) {
            if constexpr (ScalarTraits<T>::is_complex) {
                const double re = normal(draw);
                x = narrow<T>(Cplx<double>{re, normal(draw)});
            } else {
                x = narrow<T>(normal(draw));
            }
        }
    }
    return made;
}

template <class T>
std::vector<const T*> pointers(const std::vector<std::vector<T>>& v) {
    std::vector<const T*> made;
    for (const auto& x : v) {
        made.push_back(x.data());
    }
    return made;
}

template <class T>
void test_products() {
    std::mt19937 draw(3);
    for (const index_t n : {1, 2, 3, 511, 512, 4097, 9001}) {
        for (const int p : {1, 5}) {
            const auto w = panel<T>(n, p, draw);
            const auto u = panel<T>(n, 3, draw);
            std::vector<Wide<T>> out(at(p) * 3), part(at(n / solve_grain + 1) * out.size());
            panel_products<T>(n, p, pointers(w).data(), 3, pointers(u).data(), out.data(), part.data(), Executor{});
            double gap = 0.0;
            for (int i = 0; i < p; ++i) {
                for (int j = 0; j < 3; ++j) {
                    Wide<T> s{};
                    for (index_t r = 0; r < n; ++r) {
                        s = s + conj_of(widen(w[at(i)][at(r)])) * widen(u[at(j)][at(r)]);
                    }
                    gap = std::fmax(gap, std::sqrt(square_of(s - out[at(i) * 3 + at(j)])));
                }
            }
            KRISS_CHECK(gap <= 1e-14 * static_cast<double>(n + 10));
        }
    }
}

template <class T>
void test_change() {
    std::mt19937 draw(4);
    for (const index_t n : {1, 63, 64, 65, 5000}) {
        for (const int k : {1, 4, 6, max_panel}) {
            const int p = k + 3;
            auto v = panel<T>(n, p, draw);
            const auto before = v;
            const auto g = panel<T>(p * k, 1, draw)[0];
            std::vector<T*> out;
            for (int j = 0; j < k; ++j) {
                out.push_back(v[at(j)].data());
            }
            panel_change<T>(n, p, pointers(v).data(), k, g.data(), out.data(), Executor{});
            double gap = 0.0;
            for (int j = 0; j < k; ++j) {
                for (index_t r = 0; r < n; ++r) {
                    Wide<T> s{};
                    for (int i = 0; i < p; ++i) {
                        s = s + widen(g[at(i * k + j)]) * widen(before[at(i)][at(r)]);
                    }
                    gap = std::fmax(gap, std::sqrt(square_of(s - widen(v[at(j)][at(r)]))));
                }
            }
            KRISS_CHECK(gap <= 100 * p * epsilon<T>());
            for (int i = k; i < p; ++i) {
                KRISS_CHECK(std::sqrt(square_of(widen(v[at(i)][0]) - widen(before[at(i)][0]))) == 0.0);
            }
        }
    }
}

template <class T>
void test_driver() {
    std::mt19937 draw(5);
    const index_t n = 200;
    std::vector<std::int32_t> indptr{0}, indices;
    std::vector<T> data;
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = i - 1; j <= i + 1; ++j) {
            if (j >= 0 && j < n) {
                indices.push_back(static_cast<std::int32_t>(j));
                data.push_back(narrow<T>(j == i ? 2.5 : j < i ? -1.3 : -0.7));
            }
        }
        indptr.push_back(static_cast<std::int32_t>(indices.size()));
    }
    CsrMap<T, std::int32_t> a({n, n, indptr.data(), indices.data(), data.data()}, true);
    const auto b = panel<T>(n, 1, draw)[0];
    Bench<T> bench(a, nullptr, Executor{});
    GcrodrOptions options;
    options.restart = 12;
    options.recycle = 0;
    options.maxiter = 10 * n;
    options.eps = epsilon<T>();
    options.tol = 500 * epsilon<T>();
    RecycledVectors<T> left;
    std::vector<T> x(at(n)), r(at(n));
    const auto done = gcrodr(bench.context, a, b.data(), x.data(), true, options, {}, left);
    KRISS_CHECK(done.status == Status::ok && done.cycles >= 1 && left.x.empty());
    Vectors<T> padded(n, a.halo(), 1);
    copy_items(n, x.data(), padded[0]);
    a.apply(padded[0], r.data(), Executor{});
    double rr = 0.0;
    for (index_t i = 0; i < n; ++i) {
        rr += square_of(widen(r[at(i)]) - widen(b[at(i)]));
    }
    KRISS_CHECK(std::sqrt(rr) <= 10 * options.tol * std::sqrt(static_cast<double>(n)));
}

}  // namespace

KRISS_CASE("products of two panels") {
    test_products<float>();
    test_products<double>();
    test_products<Cplx<float>>();
    test_products<Cplx<double>>();
}

KRISS_CASE("change of basis in place") {
    test_change<float>();
    test_change<double>();
    test_change<Cplx<float>>();
    test_change<Cplx<double>>();
}

KRISS_CASE("without recycling, restarted GMRES") {
    test_driver<float>();
    test_driver<double>();
    test_driver<Cplx<float>>();
    test_driver<Cplx<double>>();
}
