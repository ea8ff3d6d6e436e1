// solve/{reduce,spmv,stencil,ssor,cg}.hpp in both precisions, serial and on the pool.
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "check.hpp"
#include "kriss/solve/canonical.hpp"
#include "kriss/solve/cg.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/solve/ssor.hpp"
#include "kriss/solve/stencil.hpp"
#include "pool.hpp"
#include "solve.hpp"
#include "solve_storage.hpp"

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
    std::vector<I> indptr{0};
    std::vector<I> indices;
    std::vector<T> data;

    void put(index_t column, double value) {
        indices.push_back(static_cast<I>(column));
        data.push_back(static_cast<T>(value));
    }
    void end_row() {
        indptr.push_back(static_cast<I>(indices.size()));
        ++n;
    }
    CsrView<T, I> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
};

// Five-point Laplacian on an m x m grid with the coefficient c(i, j) on the faces; c = 1 gives the constant one.
template <class T, class I, class C>
Matrix<T, I> grid(index_t m, C&& c) {
    Matrix<T, I> a;
    for (index_t i = 0; i < m; ++i) {
        for (index_t j = 0; j < m; ++j) {
            const index_t k = i * m + j;
            const double north = c(2 * i, 2 * j + 1);
            const double south = c(2 * i + 2, 2 * j + 1);
            const double west = c(2 * i + 1, 2 * j);
            const double east = c(2 * i + 1, 2 * j + 2);
            if (i > 0) a.put(k - m, -north);
            if (j > 0) a.put(k - 1, -west);
            a.put(k, north + south + west + east);
            if (j < m - 1) a.put(k + 1, -east);
            if (i < m - 1) a.put(k + m, -south);
            a.end_row();
        }
    }
    return a;
}

double one(index_t, index_t) { return 1.0; }
double wavy(index_t i, index_t j) { return 1.0 + static_cast<double>((i * 7 + j * 13) % 5); }

template <class T>
std::vector<T> noise(index_t n, unsigned seed) {
    std::mt19937 gen(seed);
    std::uniform_real_distribution<double> u(-1.0, 1.0);
    std::vector<T> v(at(n));
    for (auto& e : v) {
        e = static_cast<T>(u(gen));
    }
    return v;
}

// In long double, as in the definition.
template <class T, class I>
std::vector<long double> product(const Matrix<T, I>& a, const std::vector<T>& x) {
    std::vector<long double> y(at(a.n), 0.0L);
    for (index_t i = 0; i < a.n; ++i) {
        for (index_t k = a.indptr[at(i)]; k < a.indptr[at(i) + 1]; ++k) {
            y[at(i)] += static_cast<long double>(a.data[at(k)]) * static_cast<long double>(x[at(a.indices[at(k)])]);
        }
    }
    return y;
}

template <class T, class I>
CgOutcome run(const Matrix<T, I>& a, const std::vector<T>& b, std::vector<T>& x, Precond precond, double omega,
              double tol, index_t maxiter, const Executor& ex, bool diagonals = true, CgStorage* kept = nullptr) {
    std::vector<T> inverse(at(a.n));
    std::vector<I> where(at(a.n));
    if (precond != Precond::none) {
        std::vector<index_t> bad(at(chunk_count(a.n)));
        const Info info = csr_diagonal(a.view(), where.data(), inverse.data(), bad.data(), ex);
        KRISS_CHECK(info.status == Status::ok);
    }
    const SsorView<T, I> sweep{a.view(), where.data(), inverse.data(), static_cast<T>(omega)};
    CgProblem problem;
    problem.diagonals = diagonals;
    problem.options.tol = tol;
    problem.options.maxiter = maxiter;
    problem.options.zero_start = false;
    CgStorage storage;
    const CgOutcome out = solve_cg(a.view(), b.data(), x.data(), precond, sweep, problem, storage, ex);
    if (kept != nullptr) {
        *kept = storage;
    }
    return out;
}

template <class T, class I>
void sums_and_products() {
    const Executor serial;
    for (index_t n : {1, 7, 8, 4095, 4096, 4097, 20000}) {
        const auto x = noise<T>(n, 1);
        const auto y = noise<T>(n, 2);
        std::vector<double> part(at(2 * chunk_count(n)));
        long double exact = 0;
        long double size = 0;
        for (index_t i = 0; i < n; ++i) {
            const long double t = static_cast<long double>(x[at(i)]) * static_cast<long double>(y[at(i)]);
            exact += t;
            size += std::fabs(t);
        }
        const double got = fixed_dot(n, x.data(), y.data(), part.data(), serial);
        // n/8 additions per lane and a tree: far below n eps
        KRISS_NEAR(got, static_cast<double>(exact),
                   static_cast<double>(size) * static_cast<double>(n) * std::numeric_limits<double>::epsilon());
        for (int workers : {2, 4}) {
            KRISS_CHECK(fixed_dot(n, x.data(), y.data(), part.data(), on_pool(workers)) == got);
        }
    }
    for (bool constant : {true, false}) {
        const auto a = constant ? grid<T, I>(70, one) : grid<T, I>(70, wavy);
        const auto x = noise<T>(a.n, 3);
        const auto exact = product(a, x);
        std::vector<T> y(at(a.n));
        std::vector<T> z(at(a.n));
        std::vector<double> part(at(2 * chunk_count(a.n)));
        csr_matvec(a.view(), x.data(), y.data(), serial);
        double worst = 0;
        for (index_t i = 0; i < a.n; ++i) {
            worst = std::fmax(worst, std::fabs(static_cast<double>(y[at(i)] - static_cast<T>(exact[at(i)]))));
        }
        KRISS_NEAR(worst, 0.0, 50 * 6 * static_cast<double>(std::numeric_limits<T>::epsilon()));
        const double xy = csr_matvec_dot(a.view(), x.data(), z.data(), part.data(), serial);
        KRISS_CHECK(z == y);

        const auto d = by_diagonals(a.view());
        KRISS_CHECK(d.used() && d.view.count == 5 && d.view.halo == 70);
        // constant: only the diagonals at +-1 have holes, and share a stream; wavy: symmetric, three streams
        KRISS_CHECK(d.stored == (constant ? 1 : 3) * a.n);
        std::vector<T> padded(at(a.n + 2 * d.view.halo), T(0));
        std::copy(x.begin(), x.end(), padded.begin() + d.view.halo);
        std::vector<T> w(at(a.n));
        const double again = diagonal_matvec_dot(d.view, padded.data() + d.view.halo, w.data(), part.data(), serial);
        KRISS_CHECK(w == y);
        KRISS_CHECK(again == xy);
    }
}

template <class T, class I>
void converges() {
    const auto a = grid<T, I>(40, wavy);
    const auto b = noise<T>(a.n, 5);
    double norm = 0;
    for (T v : b) {
        norm += static_cast<double>(v) * static_cast<double>(v);
    }
    norm = std::sqrt(norm);
    const double rtol = sizeof(T) == 4 ? 1e-4 : 1e-10;
    const Executor serial;
    index_t count[3] = {};
    for (int kind = 0; kind < 3; ++kind) {
        std::vector<T> x(at(a.n), T(0));
        const auto out = run(a, b, x, static_cast<Precond>(kind), 1.5, rtol * norm, 10 * a.n, serial);
        KRISS_CHECK(out.status == Status::ok);
        count[kind] = out.iterations;
        const auto ax = product(a, x);
        long double rr = 0;
        for (index_t i = 0; i < a.n; ++i) {
            const long double r = static_cast<long double>(b[at(i)]) - ax[at(i)];
            rr += r * r;
        }
        const double true_residual = static_cast<double>(std::sqrt(rr));
        KRISS_CHECK(true_residual <= rtol * norm * (1 + 1e-3));
        KRISS_NEAR(out.residual, true_residual, 1e-2 * rtol * norm);
        // started from the solution: no iteration
        auto again = x;
        KRISS_CHECK(run(a, b, again, static_cast<Precond>(kind), 1.5, 2 * rtol * norm, 10, serial).iterations == 0);
        KRISS_CHECK(again == x);
        // the same bits on the pool and from CSR
        for (int workers : {2, 3}) {
            std::vector<T> y(at(a.n), T(0));
            run(a, b, y, static_cast<Precond>(kind), 1.5, rtol * norm, 10 * a.n, on_pool(workers));
            KRISS_CHECK(y == x);
        }
        std::vector<T> y(at(a.n), T(0));
        CgStorage storage;
        run(a, b, y, static_cast<Precond>(kind), 1.5, rtol * norm, 10 * a.n, serial, false, &storage);
        KRISS_CHECK(y == x && storage.kind == 0);
    }
    KRISS_CHECK(count[2] < count[1]);
}

template <class T>
void bad_input() {
    using I = std::int32_t;
    const Executor serial;
    for (index_t bad : {0, 31, 63}) {
        Matrix<T, I> a;
        for (index_t i = 0; i < 64; ++i) {
            a.put(i, i == bad ? -2.0 : 1.0 + static_cast<double>(i));
            a.end_row();
        }
        const std::vector<T> b(64, T(1));
        std::vector<T> x(64, T(0));
        const auto out = run(a, b, x, Precond::none, 1.0, 1e-12, 1000, serial);
        KRISS_CHECK(out.status == Status::indefinite_matrix);
        std::vector<T> y(64, T(0));
        KRISS_CHECK(run(a, b, y, Precond::jacobi, 1.0, 1e-12, 1000, serial).status != Status::ok ||
                    out.status != Status::ok);
        for (double v : {0.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
            auto broken = a;
            broken.data[at(bad)] = static_cast<T>(v);
            std::vector<T> inverse(64);
            std::vector<I> where(64);
            index_t first = 0;
            const Info info = csr_diagonal(broken.view(), where.data(), inverse.data(), &first, serial);
            KRISS_CHECK(info.status == Status::zero_diagonal && info.index == bad);
            if (v != 0.0) {
                std::vector<T> z(64, T(0));
                const auto end = run(broken, b, z, Precond::none, 1.0, 1e-12, 1000, serial);
                KRISS_CHECK(end.status == Status::non_finite && end.iterations <= 1);
            }
        }
        auto nan_b = b;
        nan_b[at(bad)] = std::numeric_limits<T>::quiet_NaN();
        std::vector<T> z(64, T(0));
        KRISS_CHECK(run(a, nan_b, z, Precond::none, 1.0, 1e-12, 1000, serial).status == Status::non_finite);
    }
}

// What is wrong with the arrays of a matrix is found wherever it is.
template <class T, class I>
void canonical_arrays() {
    const auto good = grid<T, I>(90, wavy);  // more than one chunk of rows
    std::vector<unsigned char> found(at(chunk_count(good.n)));
    const auto look = [&](const Matrix<T, I>& a) {
        return csr_canonical(a.view(), static_cast<index_t>(a.data.size()), true, found.data(), Executor{});
    };
    KRISS_CHECK(look(good) == 0);
    const auto last = static_cast<index_t>(good.indices.size()) - 1;
    for (index_t row : {index_t(0), index_t(4095), index_t(4096), good.n - 1}) {
        const index_t first = good.indptr[at(row)];
        auto a = good;
        std::swap(a.indices[at(first)], a.indices[at(first + 1)]);
        KRISS_CHECK(look(a) == csr_unsorted);
        a = good;
        a.indices[at(first)] = a.indices[at(first + 1)];
        KRISS_CHECK(look(a) == csr_unsorted);
        for (I wrong : {static_cast<I>(-1), static_cast<I>(good.n)}) {
            a = good;
            a.indices[at(first)] = wrong;
            KRISS_CHECK((look(a) & csr_malformed) != 0);
        }
        a = good;
        a.indptr[at(row)] = static_cast<I>(row == 0 ? 1 : a.indptr[at(row - 1)] - 1);
        KRISS_CHECK((look(a) & csr_malformed) != 0);
        for (T wrong : {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
                        std::numeric_limits<T>::quiet_NaN()}) {
            a = good;
            a.data[at(first)] = wrong;
            KRISS_CHECK(look(a) == csr_not_finite);
            KRISS_CHECK(csr_canonical(a.view(), last + 1, false, found.data(), Executor{}) == 0);
        }
    }
    KRISS_CHECK(csr_canonical(good.view(), last, true, found.data(), Executor{}) == csr_malformed);
    Matrix<T, I> rows;  // empty rows beside each other, at both ends too; columns that fall from row to row
    rows.n = 6;
    rows.indptr = {0, 0, 2, 2, 2, 3, 3};
    rows.indices = {1, 5, 0};
    rows.data = {T(1), T(2), T(3)};
    KRISS_CHECK(look(rows) == 0);
    rows.indices = {5, 1, 0};
    KRISS_CHECK(look(rows) == csr_unsorted);
}

// M = (E + L) E^-1 (E + L') / (2 - omega) applied to z gives back r.
template <class T, class I>
void ssor_is_the_formula() {
    const auto a = grid<T, I>(12, wavy);
    const auto r = noise<T>(a.n, 9);
    std::vector<T> inverse(at(a.n));
    std::vector<I> where(at(a.n));
    std::vector<index_t> bad(at(chunk_count(a.n)));
    csr_diagonal(a.view(), where.data(), inverse.data(), bad.data(), Executor{});
    std::vector<double> part(at(chunk_count(a.n)));
    for (double omega : {0.5, 1.0, 1.8}) {
        const SsorView<T, I> m{a.view(), where.data(), inverse.data(), static_cast<T>(omega)};
        std::vector<T> z(at(a.n));
        const double rz = ssor_apply_dot(m, r.data(), z.data(), part.data(), Executor{});
        std::vector<double> w(at(a.n));
        double dot = 0;
        for (index_t i = 0; i < a.n; ++i) {  // w = E^-1 (E + L') z
            double s = static_cast<double>(z[at(i)]);
            const double e = static_cast<double>(a.data[at(where[at(i)])]) / omega;
            for (index_t k = where[at(i)] + 1; k < a.indptr[at(i) + 1]; ++k) {
                s += static_cast<double>(a.data[at(k)]) * static_cast<double>(z[at(a.indices[at(k)])]) / e;
            }
            w[at(i)] = s;
            dot += static_cast<double>(r[at(i)]) * static_cast<double>(z[at(i)]);
        }
        double worst = 0;
        for (index_t i = 0; i < a.n; ++i) {  // (E + L) w / (2 - omega)
            double s = static_cast<double>(a.data[at(where[at(i)])]) / omega * w[at(i)];
            for (index_t k = a.indptr[at(i)]; k < where[at(i)]; ++k) {
                s += static_cast<double>(a.data[at(k)]) * w[at(a.indices[at(k)])];
            }
            worst = std::fmax(worst, std::fabs(s / (2 - omega) - static_cast<double>(r[at(i)])));
        }
        // the triangular factors have condition below 100 here
        KRISS_NEAR(worst, 0.0, 1e3 * static_cast<double>(std::numeric_limits<T>::epsilon()));
        KRISS_NEAR(rz, dot, 1e-12 * std::fabs(dot));
    }
}

}  // namespace

KRISS_CASE("sums and products: exact to rounding, same bits for all workers and storages") {
    sums_and_products<double, std::int32_t>();
    sums_and_products<double, std::int64_t>();
    sums_and_products<float, std::int32_t>();
    sums_and_products<float, std::int64_t>();
}

KRISS_CASE("the recomputed residual meets the tolerance; same bits for all workers and storages") {
    converges<double, std::int32_t>();
    converges<double, std::int64_t>();
    converges<float, std::int32_t>();
    converges<float, std::int64_t>();
}

KRISS_CASE("indefinite, zero, NaN and infinite entries are caught") {
    bad_input<double>();
    bad_input<float>();
}

KRISS_CASE("SSOR is the formula") {
    canonical_arrays<double, std::int32_t>();
    canonical_arrays<double, std::int64_t>();
    canonical_arrays<float, std::int32_t>();
    canonical_arrays<float, std::int64_t>();
    ssor_is_the_formula<double, std::int32_t>();
    ssor_is_the_formula<float, std::int64_t>();
}

KRISS_CASE("matrices that do not pay by diagonals stay in CSR") {
    using M = Matrix<double, std::int32_t>;
    M few;  // fewer than 64 rows
    for (index_t i = 0; i < 63; ++i) {
        few.put(i, 1.0);
        few.end_row();
    }
    KRISS_CHECK(!by_diagonals(few.view()).used());
    M many;  // one entry per row, all on different diagonals
    for (index_t i = 0; i < 100; ++i) {
        many.put((i * 37) % 100, 1.0);
        many.end_row();
    }
    KRISS_CHECK(!by_diagonals(many.view()).used());
    M sparse;  // two diagonals, the second nearly empty
    for (index_t i = 0; i < 100; ++i) {
        sparse.put(i, 1.0);
        if (i == 3) sparse.put(40, 1.0);
        sparse.end_row();
    }
    KRISS_CHECK(!by_diagonals(sparse.view()).used());
    M empty;
    KRISS_CHECK(!by_diagonals(empty.view()).used());
    M unsymmetric;  // streams that must not be shared
    for (index_t i = 0; i < 100; ++i) {
        if (i > 0) unsymmetric.put(i - 1, static_cast<double>(i));
        unsymmetric.put(i, 5.0);
        if (i < 99) unsymmetric.put(i + 1, static_cast<double>(2 * i));
        unsymmetric.end_row();
    }
    const auto d = by_diagonals(unsymmetric.view());
    KRISS_CHECK(d.used() && d.stored == 200);
}

KRISS_CASE("an empty system") {
    const Matrix<double, std::int32_t> a;
    std::vector<double> b;
    std::vector<double> x;
    KRISS_CHECK(run(a, b, x, Precond::none, 1.0, 0.0, 10, Executor{}).status == Status::ok);
}
