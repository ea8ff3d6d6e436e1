// solve/polynomial.hpp and the preconditioner objects over it, in both precisions and both kinds of storage.
#include <cmath>
#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

#include "check.hpp"
#include "solve_krylov.hpp"
#include "solve_polynomial.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

// Tridiagonal; `spoil` moves one entry far away, so that it is not stored by diagonals.
template <class T>
struct Band {
    std::vector<std::int32_t> indptr{0}, indices;
    std::vector<T> data;
    index_t n;

    Band(index_t size, bool spoil) : n(size) {
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = i - 1; j <= i + 1; ++j) {
                if (j >= 0 && j < n) {
                    push(j, j == i ? 3.0 + 0.1 * static_cast<double>(i % 7) : j < i ? -1.25 : -0.75);
                }
            }
            if (spoil && i == 0) {
                push(n - 1, 0.5);
            }
            indptr.push_back(static_cast<std::int32_t>(indices.size()));
        }
    }
    void push(index_t j, double v) {
        indices.push_back(static_cast<std::int32_t>(j));
        data.push_back(static_cast<T>(v));
    }
    CsrView<T, std::int32_t> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
    template <class V>
    std::vector<V> times(const std::vector<V>& x) const {
        std::vector<V> y(x.size());
        for (index_t i = 0; i < n; ++i) {
            for (index_t k = indptr[at(i)]; k < indptr[at(i + 1)]; ++k) {
                y[at(i)] += static_cast<double>(data[at(k)]) * x[at(indices[at(k)])];
            }
        }
        return y;
    }
};

template <class T>
struct Applied {
    std::vector<T> z;
    double dot = 0.0;
    int diagonals = 0;
};

template <class T>
Applied<T> apply(const Band<T>& a, PolyForm form, double start, const std::vector<PolyRow>& rows, const T* d,
                 const std::vector<T>& r, double scale) {
    Polynomial<T, std::int32_t> p(a.view(), form, start, rows, d);
    Applied<T> out;
    out.z.assign(r.size(), T(7));
    std::vector<double> part(at(chunk_count(a.n)) + 1);
    for (int twice = 0; twice < 2; ++twice) {  // scratch of the first application must not reach the second
        out.dot = p.apply_dot(r.data(), out.z.data(), static_cast<T>(scale), part.data(), Executor());
    }
    out.diagonals = p.diagonals();
    return out;
}

template <class T>
void compare(const Applied<T>& got, const std::vector<double>& want, const std::vector<T>& r, double scale) {
    const double eps = sizeof(T) == 4 ? 1.2e-7 : 2.3e-16;
    double dot = 0.0;
    double size = 0.0;
    for (std::size_t i = 0; i < want.size(); ++i) {
        size = std::fmax(size, std::fabs(scale * want[i]));
    }
    for (std::size_t i = 0; i < want.size(); ++i) {
        KRISS_NEAR(static_cast<double>(got.z[i]), scale * want[i], 100 * eps * size);
        dot += static_cast<double>(got.z[i]) * static_cast<double>(r[i]);
    }
    KRISS_NEAR(got.dot, dot, 1e-12 * static_cast<double>(want.size()) * (1.0 + size));
}

template <class T>
void all_forms(index_t n, bool spoil) {
    const Band<T> a(n, spoil);
    std::vector<T> r(at(n)), d(at(n));
    std::vector<double> exact(at(n));
    for (index_t i = 0; i < n; ++i) {
        r[at(i)] = static_cast<T>(std::sin(1.0 + static_cast<double>(i)));
        d[at(i)] = static_cast<T>(0.25 + 0.01 * static_cast<double>(i % 5));
        exact[at(i)] = static_cast<double>(r[at(i)]);
    }
    for (const T* const scaled : {static_cast<const T*>(d.data()), static_cast<const T*>(nullptr)}) {
        const std::vector<PolyRow> rows = {{1.5, -0.5, 0.2}, {1.25, -0.25, 0.3}, {1.125, -0.125, 0.1}};
        for (std::size_t count = 0; count <= rows.size(); ++count) {
            std::vector<double> z(at(n)), before(at(n));
            const auto weight = [&](index_t i) { return scaled != nullptr ? static_cast<double>(d[at(i)]) : 1.0; };
            for (index_t i = 0; i < n; ++i) {
                z[at(i)] = 0.4 * weight(i) * exact[at(i)];
            }
            for (std::size_t k = 0; k < count; ++k) {
                const auto image = a.times(z);
                for (index_t i = 0; i < n; ++i) {
                    const double next = rows[k][0] * z[at(i)] + rows[k][1] * before[at(i)] +
                                        rows[k][2] * weight(i) * (exact[at(i)] - image[at(i)]);
                    before[at(i)] = z[at(i)];
                    z[at(i)] = next;
                }
            }
            const std::vector<PolyRow> some(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count));
            const auto got = apply(a, PolyForm::chebyshev, 0.4, some, scaled, r, 0.5);
            KRISS_CHECK((got.diagonals > 0) == (!spoil && n >= 64));
            compare(got, z, r, 0.5);
        }
    }
    const std::vector<PolyRow> factors = {{0.05, 0, 0}, {0.1, 0, 0}, {0.2, 0, 0}};
    for (std::size_t count = 0; count <= factors.size(); ++count) {
        std::vector<double> z = exact;
        for (std::size_t k = 0; k < count; ++k) {
            const auto image = a.times(z);
            for (index_t i = 0; i < n; ++i) {
                z[at(i)] = exact[at(i)] - factors[k][0] * image[at(i)];
            }
        }
        for (double& v : z) {
            v *= 1.5;
        }
        const std::vector<PolyRow> some(factors.begin(), factors.begin() + static_cast<std::ptrdiff_t>(count));
        compare(apply<T>(a, PolyForm::horner, 1.5, some, nullptr, r, 2.0), z, r, 2.0);
    }
    // sum_k prod_(j < k) (1 - A / theta_j) r / theta_k in complex arithmetic
    using C = std::complex<double>;
    const std::vector<std::vector<PolyRow>> lists = {{{3, 0, 0}},
                                                     {{3, 0, 0}, {5, 0, 0}},
                                                     {{3, 1, 0}},
                                                     {{3, 1, 0}, {4, 2, 0}},
                                                     {{3, 1, 0}, {5, 0, 0}},
                                                     {{5, 0, 0}, {3, 1, 0}},
                                                     {{5, 0, 0}, {3, 1, 0}, {4, 0, 0}, {2, 0, 0}},
                                                     {{4, 2, 0}, {3, 1, 0}, {4, 0, 0}}};
    for (const auto& list : lists) {
        std::vector<C> product(exact.begin(), exact.end()), sum(at(n));
        for (const PolyRow& row : list) {
            for (const C theta : {C(row[0], row[1]), C(row[0], -row[1])}) {
                const auto image = a.times(product);
                for (index_t i = 0; i < n; ++i) {
                    sum[at(i)] += product[at(i)] / theta;
                    product[at(i)] -= image[at(i)] / theta;
                }
                if (row[1] == 0.0) {
                    break;
                }
            }
        }
        std::vector<double> want(at(n));
        for (index_t i = 0; i < n; ++i) {
            want[at(i)] = sum[at(i)].real();
        }
        compare(apply<T>(a, PolyForm::roots, 1.0, list, nullptr, r, 0.25), want, r, 0.25);
    }
}

KRISS_CASE("polynomials on rows and on diagonals") {
    for (const index_t n : {index_t(1), index_t(2), index_t(3), index_t(70), index_t(600), index_t(5000)}) {
        all_forms<double>(n, false);
        all_forms<float>(n, false);
    }
    all_forms<double>(600, true);
    all_forms<float>(600, true);
}

KRISS_CASE("an object as a map of the Krylov loops") {
    const Band<double> a(100, false);
    auto p = std::make_shared<Polynomial<double, std::int32_t>>(a.view(), PolyForm::horner, 1.0,
                                                                std::vector<PolyRow>{{0.1, 0, 0}}, nullptr);
    NativeMap<double> map(p, 2.0);
    KRISS_CHECK(map.size() == 100);
    const std::vector<double> r(100, 1.0);
    std::vector<double> z(100);
    KRISS_CHECK(map.apply(r.data(), z.data(), Executor()));
    const auto image = a.times(r);
    for (std::size_t i = 0; i < 100; ++i) {
        KRISS_NEAR(z[i], 2.0 * (1.0 - 0.1 * image[i]), 1e-14);
    }
}

KRISS_CASE("nothing to do") {
    const Band<double> a(0, false);
    Polynomial<double, std::int32_t> p(a.view(), PolyForm::chebyshev, 1.0, {{1, 0, 1}}, nullptr);
    double part[1] = {};
    KRISS_CHECK(p.apply_dot(nullptr, nullptr, 1.0, part, Executor()) == 0.0);
}

}  // namespace
