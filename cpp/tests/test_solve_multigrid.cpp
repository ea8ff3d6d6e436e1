// solve/{box_grid,box_setup,box_cycle,amg_cycle}.hpp in both precisions, serial and on the pool.
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "kriss/solve/reduce.hpp"
#include "pool.hpp"
#include "solve_amg.hpp"
#include "solve_multigrid.hpp"

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

// CSR with sorted rows.
template <class T>
struct Matrix {
    index_t n = 0;
    index_t cols = 0;
    std::vector<std::int32_t> indptr{0};
    std::vector<std::int32_t> indices;
    std::vector<T> data;

    void add(index_t j, T v) {
        indices.push_back(static_cast<std::int32_t>(j));
        data.push_back(v);
    }
    void end_row() {
        ++n;
        indptr.push_back(static_cast<std::int32_t>(indices.size()));
    }
    CsrView<T, std::int32_t> view() const { return {n, cols, indptr.data(), indices.data(), data.data()}; }
    std::vector<T> times(const std::vector<T>& x) const {
        std::vector<T> y(at(n));
        for (index_t i = 0; i < n; ++i) {
            for (index_t k = indptr[at(i)]; k < indptr[at(i + 1)]; ++k) {
                y[at(i)] += data[at(k)] * x[at(indices[at(k)])];
            }
        }
        return y;
    }
};

// Five points with couplings that jump between 1 and `contrast` in blocks of 5 by 5, diagonal = sum + `shift`.
template <class T>
Matrix<T> diffusion(index_t rows, index_t cols, T contrast, T shift) {
    const auto c = [&](index_t i, index_t j) { return (i / 5 + j / 5) % 2 == 0 ? T(1) : contrast; };
    const auto face = [&](T a, T b) { return T(2) * a * b / (a + b); };
    Matrix<T> m;
    m.cols = rows * cols;
    for (index_t i = 0; i < rows; ++i) {
        for (index_t j = 0; j < cols; ++j) {
            const T up = i > 0 ? face(c(i, j), c(i - 1, j)) : T(0);
            const T left = j > 0 ? face(c(i, j), c(i, j - 1)) : T(0);
            const T right = j + 1 < cols ? face(c(i, j), c(i, j + 1)) : T(0);
            const T down = i + 1 < rows ? face(c(i, j), c(i + 1, j)) : T(0);
            const index_t at_row = i * cols + j;
            if (i > 0) m.add(at_row - cols, -up);
            if (j > 0) m.add(at_row - 1, -left);
            m.add(at_row, up + left + right + down + shift);
            if (j + 1 < cols) m.add(at_row + 1, -right);
            if (i + 1 < rows) m.add(at_row + cols, -down);
            m.end_row();
        }
    }
    return m;
}

template <class T>
std::vector<T> noise(index_t n, unsigned seed) {
    std::mt19937 gen(seed);
    std::normal_distribution<double> normal;
    std::vector<T> v(at(n));
    for (T& x : v) {
        x = static_cast<T>(normal(gen));
    }
    return v;
}

template <class T>
double dot(const std::vector<T>& x, const std::vector<T>& y) {
    double s = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        s += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    }
    return s;
}

template <class T>
std::vector<T> apply(NativePrecond<T>& m, const std::vector<T>& r, const Executor& ex, double* value = nullptr) {
    std::vector<T> z(r.size());
    std::vector<double> part(at(chunk_count(m.size()) + 1));
    const double d = m.apply_dot(r.data(), z.data(), T(1), part.data(), ex);
    if (value != nullptr) {
        *value = d;
    }
    return z;
}

// x'Mb = b'Mx, r'Mr as reported, and the A-norm of the error falls by `factor` per cycle.
template <class T>
void good_cycle(NativePrecond<T>& m, const Matrix<T>& a, double factor) {
    const T eps = std::numeric_limits<T>::epsilon();
    const std::vector<T> x = noise<T>(a.n, 1);
    const std::vector<T> y = noise<T>(a.n, 2);
    double reported = 0.0;
    const std::vector<T> mx = apply(m, x, Executor(), &reported);
    const double scale = std::sqrt(dot(mx, mx) * dot(y, y));
    // rounding grows with the condition of the coarse problems, up to 1e4 here; sums of n terms
    KRISS_NEAR(dot(y, mx), dot(x, apply(m, y, Executor())), 1e3 * eps * scale);
    KRISS_NEAR(dot(x, mx), reported, static_cast<double>(a.n) * eps * std::sqrt(dot(x, x) * dot(mx, mx)));
    KRISS_CHECK(reported > 0.0);
    const std::vector<T> correction = apply(m, a.times(x), Executor());
    std::vector<T> error = x;
    for (std::size_t i = 0; i < error.size(); ++i) {
        error[i] -= correction[i];
    }
    KRISS_CHECK(dot(error, a.times(error)) < factor * factor * dot(x, a.times(x)));
}

template <class T>
void black_box(index_t rows, index_t cols, T contrast, unsigned lines) {
    const Matrix<T> a = diffusion<T>(rows, cols, contrast, T(0.01));
    const index_t n[3] = {1, rows, cols};
    BlackBox<T> box;
    KRISS_CHECK(box.setup(a.view(), n, lines, 2, Executor()).stage == BoxReport::done);
    KRISS_CHECK(box.size() == a.n && box.nbytes() > 0);
    good_cycle<T>(box, a, 0.6);
    const std::vector<T> r = noise<T>(a.n, 3);
    const std::vector<T> expected = apply<T>(box, r, Executor());
    for (int workers : {2, 4}) {
        BlackBox<T> other;
        const Executor ex = on_pool(workers);
        KRISS_CHECK(other.setup(a.view(), n, lines, 2, ex).stage == BoxReport::done);
        KRISS_CHECK(apply<T>(other, r, ex) == expected);
    }
    std::vector<T> bad = r;
    bad[0] = std::numeric_limits<T>::quiet_NaN();
    apply<T>(box, bad, Executor());
    KRISS_CHECK(apply<T>(box, r, Executor()) == expected);
}

}  // namespace

KRISS_CASE("Black-Box cycles: symmetric, convergent, the same bits for any number of workers") {
    for (unsigned lines : {0U, 2U, 4U, 6U}) {
        black_box<double>(70, 81, 1e3, lines);
        black_box<double>(9, 200, 1.0, lines);
        black_box<float>(40, 33, 10.0F, lines);
    }
    black_box<double>(160, 170, 1e4, BlackBox<double>::automatic);
    black_box<double>(2, 3, 1.0, 0);
}

KRISS_CASE("Black-Box setup says what is wrong") {
    const index_t n[3] = {1, 12, 10};
    BlackBox<double> box;
    Matrix<double> a = diffusion<double>(12, 10, 1.0, 0.01);
    const index_t turned[3] = {1, 10, 12};
    BoxReport report = box.setup(a.view(), turned, 0, 2, Executor());
    KRISS_CHECK(report.stage == BoxReport::matrix && report.fit.kind == BoxFit::outside);
    a.data[1] *= 1.5;
    report = box.setup(a.view(), n, 0, 2, Executor());
    KRISS_CHECK(report.stage == BoxReport::matrix && report.fit.kind == BoxFit::asymmetric);
    a = diffusion<double>(12, 10, 1.0, -5.0);
    report = box.setup(a.view(), n, 0, 2, Executor());
    KRISS_CHECK(report.stage == BoxReport::diagonal && report.index == 0);
    a = diffusion<double>(12, 10, 1.0, 0.0);
    report = box.setup(a.view(), n, 0, 2, Executor());
    KRISS_CHECK(report.stage == BoxReport::coarsest);
    KRISS_CHECK(box.size() == 0);
}

template <class T>
void two_levels(AmgCycle cycle) {
    const Matrix<T> a = diffusion<T>(30, 20, T(1), T(0.1));
    Matrix<T> p;
    Matrix<T> r;
    p.cols = 10;
    r.cols = 600;
    for (index_t i = 0; i < 600; ++i) {
        p.add(i / 60, T(1));
        p.end_row();
    }
    for (index_t k = 0; k < 10; ++k) {
        for (index_t i = 60 * k; i < 60 * k + 60; ++i) {
            r.add(i, T(1));
        }
        r.end_row();
    }
    Matrix<T> coarse;  // P'AP of strips of 60 points: tridiagonal
    coarse.cols = 10;
    std::vector<T> inverse(100, T(0));
    std::vector<double> d(10), l(10, 0.0);
    for (index_t k = 0; k < 10; ++k) {
        if (k > 0) coarse.add(k - 1, T(-20));
        coarse.add(k, T(6 + (k > 0 ? 20 : 0) + (k < 9 ? 20 : 0)));
        if (k < 9) coarse.add(k + 1, T(-20));
        coarse.end_row();
    }
    for (index_t j = 0; j < 10; ++j) {  // columns of the inverse by elimination
        std::vector<double> b(10, 0.0);
        b[at(j)] = 1.0;
        for (index_t k = 0; k < 10; ++k) {
            const double full = 6.0 + (k > 0 ? 20 : 0) + (k < 9 ? 20 : 0);
            l[at(k)] = k > 0 ? -20.0 / d[at(k - 1)] : 0.0;
            d[at(k)] = full + (k > 0 ? 20.0 * l[at(k)] : 0.0);
            b[at(k)] -= k > 0 ? l[at(k)] * b[at(k - 1)] : 0.0;
        }
        for (index_t k = 9; k >= 0; --k) {
            b[at(k)] = b[at(k)] / d[at(k)] - (k < 9 ? l[at(k + 1)] * b[at(k + 1)] : 0.0);
            inverse[at(k * 10 + j)] = static_cast<T>(b[at(k)]);
        }
    }
    Amg<T> amg;
    const AmgSmoother<T> sweep{AmgSweep::symmetric, 1, T(1)};
    const auto pv = p.view();
    const auto rv = r.view();
    KRISS_CHECK(amg.add(a.view(), &pv, &rv, sweep, cycle == AmgCycle::additive ? AmgSmoother<T>{} : sweep) == -1);
    KRISS_CHECK(amg.add(coarse.view(), nullptr, nullptr, {}, {}) == -1);
    amg.finish(inverse.data(), cycle);
    KRISS_CHECK(amg.size() == 600);
    good_cycle<T>(amg, a, cycle == AmgCycle::additive ? 1.5 : 0.8);
    const std::vector<T> b = noise<T>(600, 4);
    int workers = 2;
    KRISS_CHECK(apply<T>(amg, b, Executor()) == apply<T>(amg, b, on_pool(workers)));
}

KRISS_CASE("cycles of a given hierarchy: symmetric and convergent") {
    for (AmgCycle cycle : {AmgCycle::v, AmgCycle::w, AmgCycle::k, AmgCycle::additive}) {
        two_levels<double>(cycle);
        two_levels<float>(cycle);
    }
}

KRISS_CASE("a missing diagonal entry is named") {
    Matrix<double> a = diffusion<double>(3, 3, 1.0, 0.1);
    a.data[at(a.indptr[4]) + 2] = 0.0;  // row 4: up, left, centre
    Amg<double> amg;
    const auto view = a.view();
    KRISS_CHECK(amg.add(view, &view, &view, {}, {}) == 4);
}
