// solve/{incomplete,eisenstat,wavefront,front_pivots,triangular,substitution,stationary,grid_relax}.hpp in both
// precisions, serial and on the pool, against dense loops.
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "check.hpp"
#include "kriss/solve/incomplete.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/solve/stationary.hpp"
#include "kriss/solve/substitution.hpp"
#include "kriss/solve/triangular.hpp"
#include "pool.hpp"
#include "solve_colors.hpp"
#include "solve_eisenstat.hpp"
#include "solve_grid.hpp"

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

    CsrView<T, I> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
    T operator()(index_t i, index_t j) const {
        for (index_t k = indptr[at(i)]; k < indptr[at(i + 1)]; ++k) {
            if (indices[at(k)] == j) {
                return data[at(k)];
            }
        }
        return T(0);
    }
};

// Seven-point stencil on an nx x ny x nz grid with couplings that vary from face to face; diagonally dominant.
template <class T, class I>
Matrix<T, I> grid(index_t nx, index_t ny, index_t nz) {
    Matrix<T, I> a;
    a.n = nx * ny * nz;
    const index_t step[3] = {nx * ny, nx, 1};
    for (index_t i = 0; i < a.n; ++i) {
        const index_t where[3] = {i / (nx * ny), i / nx % ny, i % nx};
        const index_t most[3] = {nz - 1, ny - 1, nx - 1};
        const auto face = [](index_t low, int d) { return 1.0 + static_cast<double>((low * 7 + d * 5) % 11) / 4; };
        double diagonal = 0.05;
        std::vector<std::pair<index_t, double>> row;
        for (int d = 0; d < 3; ++d) {
            if (where[d] > 0) {
                row.emplace_back(i - step[d], -face(i - step[d], d));
            }
        }
        const std::size_t below = row.size();
        for (int d = 2; d >= 0; --d) {
            if (where[d] < most[d]) {
                row.emplace_back(i + step[d], -face(i, d));
            }
        }
        for (const auto& [j, v] : row) {
            diagonal -= v;
        }
        row.insert(row.begin() + static_cast<std::ptrdiff_t>(below), {i, diagonal});
        for (const auto& [j, v] : row) {
            a.indices.push_back(static_cast<I>(j));
            a.data.push_back(static_cast<T>(v));
        }
        a.indptr.push_back(static_cast<I>(a.indices.size()));
    }
    return a;
}

template <class T>
std::vector<T> noise(index_t n, unsigned seed) {
    std::mt19937 gen(seed);
    std::uniform_real_distribution<double> u(-1, 1);
    std::vector<T> x(at(n));
    for (auto& v : x) {
        v = static_cast<T>(u(gen));
    }
    return x;
}

template <class T, class I>
std::vector<T> pivots_of(const Matrix<T, I>& a, double relax) {
    std::vector<T> pivot(at(a.n)), upper(at(a.n));
    const Info info = mic_diagonal(a.view(), static_cast<T>(relax), T(0), T(1e-3), pivot.data(), upper.data());
    KRISS_CHECK(info.status == Status::ok);
    return pivot;
}

// The pivots against the textbook formula; with full modification the row sums of M are those of A.
template <class T>
void test_pivots() {
    const auto a = grid<T, std::int32_t>(6, 5, 3);
    std::vector<std::int32_t> mark(at(a.n));
    KRISS_CHECK(first_triangle(a.view(), mark.data()) == -1);
    const auto e = pivots_of(a, 1.0);
    for (index_t i = 0; i < a.n; ++i) {
        // (M 1)_i = sum_j over (E + L) E^-1 (E + L') 1
        double sum = 0.0;
        double scale = 0.0;
        for (index_t j = 0; j <= i; ++j) {
            double u = static_cast<double>(e[at(j)]);
            for (index_t k = j + 1; k < a.n; ++k) {
                u += static_cast<double>(a(j, k));
            }
            const double l = i == j ? static_cast<double>(e[at(j)]) : static_cast<double>(a(i, j));
            sum += l / static_cast<double>(e[at(j)]) * u;
        }
        double expected = 0.0;
        for (index_t j = 0; j < a.n; ++j) {
            expected += static_cast<double>(a(i, j));
            scale += std::fabs(static_cast<double>(a(i, j)));
        }
        KRISS_CHECK(std::fabs(sum - expected) <= 40 * static_cast<double>(std::numeric_limits<T>::epsilon()) * scale);
    }
}

// Eisenstat's form converges to the recomputed tolerance, with the same bits for 1 to 4 workers, on grids and by rows.
template <class T>
void test_eisenstat() {
    const index_t shapes[][3] = {{40, 21, 1}, {260, 200, 1}, {40, 37, 40}, {5, 4, 3}, {30, 1, 1}};
    for (const auto& s : shapes) {
        const auto a = grid<T, std::int32_t>(s[0], s[1], s[2]);
        const auto pivot = pivots_of(a, 0.99);
        const auto b = noise<T>(a.n, 3);
        double norm = 0.0;
        for (const T v : b) {
            norm += static_cast<double>(v) * static_cast<double>(v);
        }
        CgOptions options;
        options.tol = (sizeof(T) == 4 ? 1e-4 : 1e-9) * std::sqrt(norm);
        options.maxiter = 400;
        std::vector<T> first;
        for (int workers = 1; workers <= 4; ++workers) {
            const Executor ex = on_pool(workers);
            const EisenstatPlan<T, std::int32_t> plan(a.view(), pivot.data(), ex);
            KRISS_CHECK(plan.grid() == (s[0] >= 16 && s[1] > 1));
            std::vector<T> x(at(a.n), T(0));
            const CgOutcome out = plan.solve(a.view(), b.data(), x.data(), options, nullptr, ex);
            KRISS_CHECK(out.status == Status::ok);
            double rr = 0.0;
            for (index_t i = 0; i < a.n; ++i) {
                double r = static_cast<double>(b[at(i)]);
                for (index_t k = a.indptr[at(i)]; k < a.indptr[at(i + 1)]; ++k) {
                    r -= static_cast<double>(a.data[at(k)]) * static_cast<double>(x[at(a.indices[at(k)])]);
                }
                rr += r * r;
            }
            KRISS_CHECK(std::sqrt(rr) <= 1.05 * options.tol);
            if (workers == 1) {
                first = x;
            }
            KRISS_CHECK(x == first);
        }
    }
}

// Triangular solves in natural order, by levels and by substitution give a small backward error; the first two the same
// bits.
template <class T, class I>
void test_triangles() {
    const auto a = grid<T, I>(13, 9, 20);
    for (const bool lower : {true, false}) {
        Matrix<T, I> strict, whole;
        strict.n = whole.n = a.n;
        std::vector<T> inverse(at(a.n));
        for (index_t i = 0; i < a.n; ++i) {
            for (index_t k = a.indptr[at(i)]; k < a.indptr[at(i + 1)]; ++k) {
                const index_t j = a.indices[at(k)];
                if (lower ? j < i : j > i) {
                    strict.indices.push_back(a.indices[at(k)]);
                    strict.data.push_back(a.data[at(k)]);
                }
                if (lower ? j <= i : j >= i) {
                    whole.indices.push_back(a.indices[at(k)]);
                    whole.data.push_back(a.data[at(k)]);
                }
                if (j == i) {
                    inverse[at(i)] = T(1) / a.data[at(k)];
                }
            }
            strict.indptr.push_back(static_cast<I>(strict.indices.size()));
            whole.indptr.push_back(static_cast<I>(whole.indices.size()));
        }
        const auto r = noise<T>(a.n, 5);
        const TriangleView<T, I> t{strict.view(), inverse.data(), lower};
        std::vector<T> z(at(a.n));
        triangle_solve(t, r.data(), z.data(), Executor());

        std::vector<I> level(at(a.n)), scratch(at(a.n + 1)), order(at(a.n)), need(at(a.n / level_chunk + 1));
        const index_t levels = triangle_levels(t, level.data(), Executor());
        KRISS_CHECK(levels == 13 + 9 + 20 - 2);
        for (int workers = 2; workers <= 4; ++workers) {
            std::vector<I> again(at(a.n));
            KRISS_CHECK(triangle_levels(t, again.data(), on_pool(workers)) == levels);
            KRISS_CHECK(again == level);
        }
        level_order(a.n, levels, level.data(), scratch.data(), order.data());
        Matrix<T, I> sorted;
        sorted.n = a.n;
        for (const I i : order) {
            for (index_t k = strict.indptr[at(i)]; k < strict.indptr[at(i + 1)]; ++k) {
                sorted.indices.push_back(strict.indices[at(k)]);
                sorted.data.push_back(strict.data[at(k)]);
            }
            sorted.indptr.push_back(static_cast<I>(sorted.indices.size()));
        }
        int three = 3;
        level_needs(sorted.view(), order.data(), scratch.data(), need.data(), on_pool(three));
        const index_t chunks = (a.n + level_chunk - 1) / level_chunk;
        const LevelView<T, I> by_level{{sorted.view(), inverse.data(), lower}, order.data(), need.data(), chunks};
        std::vector<index_t> done(at(chunks + 1));
        for (int workers = 1; workers <= 4; ++workers) {
            std::vector<T> y(at(a.n));
            triangle_solve_levels(by_level, r.data(), y.data(), done.data(), on_pool(workers));
            KRISS_CHECK(y == z);
        }

        StoredTriangle<T, I> stored;
        stored.n = a.n;
        stored.stored = static_cast<index_t>(whole.data.size());
        stored.indptr = whole.indptr.data();
        stored.indices = whole.indices.data();
        stored.data = whole.data.data();
        stored.lower = lower;
        std::vector<T> x = r;
        KRISS_CHECK(substitute(stored, index_t(1), x.data(), Executor()).status == Status::ok);
        for (const auto* v : {&x, &z}) {
            for (index_t i = 0; i < a.n; ++i) {
                double sum = 0.0;
                double size = std::fabs(static_cast<double>(r[at(i)]));
                for (index_t k = whole.indptr[at(i)]; k < whole.indptr[at(i + 1)]; ++k) {
                    const double p =
                        static_cast<double>(whole.data[at(k)]) * static_cast<double>((*v)[at(whole.indices[at(k)])]);
                    sum += p;
                    size += std::fabs(p);
                }
                KRISS_CHECK(std::fabs(sum - static_cast<double>(r[at(i)])) <=
                            8 * static_cast<double>(std::numeric_limits<T>::epsilon()) * size);
            }
        }
        // an index outside is found before it is read
        whole.indices[at(whole.indptr[at(a.n / 2)])] = static_cast<I>(lower ? -5 : a.n + 5);
        x = r;
        const Info info = substitute(stored, index_t(1), x.data(), Executor());
        KRISS_CHECK(info.status == Status::failed || info.status == Status::zero_diagonal);
        KRISS_CHECK(info.index == a.n / 2);
    }
}

// Sweeps in any order, on 1 to 4 workers, are those of one row after another.
template <class T>
void test_sweeps() {
    const auto a = grid<T, std::int32_t>(12, 11, 10);
    std::vector<T> inverse(at(a.n));
    for (index_t i = 0; i < a.n; ++i) {
        inverse[at(i)] = T(1) / a(i, i);
    }
    const auto b = noise<T>(a.n, 7);
    std::vector<std::int32_t> color(at(a.n)), scratch(at(a.n + 1)), rows(at(a.n)), need(at(a.n / sweep_chunk + 1));
    for (int workers = 4; workers >= 1; --workers) {
        KRISS_CHECK(greedy_colors(a.view(), color.data(), on_pool(workers)) == 2);
        for (index_t i = 0; i < a.n; ++i) {
            KRISS_CHECK(color[at(i)] == (i + i / 12) % 2);
        }
    }
    std::size_t filled = 0;
    for (std::int32_t c = 0; c < 2; ++c) {
        for (index_t i = 0; i < a.n; ++i) {
            if (color[at(i)] == c) {
                rows[filled++] = static_cast<std::int32_t>(i);
            }
        }
    }
    std::vector<index_t> done(at(a.n / sweep_chunk + 2));
    for (const bool backward : {false, true}) {
        std::vector<T> expected(at(a.n), T(0));
        for (index_t k = 0; k < a.n; ++k) {
            relax_row(a.view(), inverse.data(), T(1.3), b.data(), expected.data(),
                      index_t(rows[at(backward ? a.n - 1 - k : k)]));
        }
        int three = 3;
        sweep_needs(a.view(), rows.data(), backward, scratch.data(), need.data(), on_pool(three));
        for (int workers = 1; workers <= 4; ++workers) {
            std::vector<T> x(at(a.n), T(0));
            relax_sweep(a.view(), inverse.data(), T(1.3), b.data(), x.data(),
                        SweepOrder<std::int32_t>{rows.data(), need.data(), backward}, done.data(), on_pool(workers));
            KRISS_CHECK(x == expected);
        }
    }
}

// Strips of a grid and rows by colour: the bits of one row after another, on 1 to 4 workers.
template <class T, class I>
void test_stored_sweeps(index_t nx, index_t ny, index_t nz) {
    const auto a = grid<T, I>(nx, ny, nz);
    std::vector<T> inverse(at(a.n));
    for (index_t i = 0; i < a.n; ++i) {
        inverse[at(i)] = T(1) / a(i, i);
    }
    const auto b = noise<T>(a.n, 7);
    const auto start = noise<T>(a.n, 8);
    std::vector<I> color(at(a.n));
    const index_t colors = greedy_colors(a.view(), color.data(), Executor());
    unsigned char bad = 0;
    KRISS_CHECK(pattern_symmetric(a.view(), &bad, Executor{}));
    const auto natural = [&](bool backward, index_t turn) { return backward ? a.n - 1 - turn : turn; };
    for (int workers = 1; workers <= 4; ++workers) {
        const Executor ex = on_pool(workers);
        GridRelaxation<T, I> strips(a.view(), b.data(), start.data(), ex);
        KRISS_CHECK(!strips.empty());
        ColorSweeps<T, I> sorted(a.view(), color.data(), colors, inverse.data(), b.data(), start.data(), ex);
        auto x = start;
        auto y = start;
        for (int turn = 0; turn < 2; ++turn) {
            for (const bool backward : {false, true}) {
                for (index_t k = 0; k < a.n; ++k) {
                    relax_row(a.view(), inverse.data(), T(1.2), b.data(), x.data(), natural(backward, k));
                }
                for (index_t c = 0; c < colors; ++c) {
                    for (index_t i = 0; i < a.n; ++i) {
                        if (color[at(i)] == (backward ? colors - 1 - c : c)) {
                            relax_row(a.view(), inverse.data(), T(1.2), b.data(), y.data(), i);
                        }
                    }
                }
            }
        }
        std::vector<T> found(at(a.n));
        strips.sweep(T(1.2), true, true, 2, ex);
        strips.read(found.data(), ex);
        KRISS_CHECK(found == x);
        sorted.sweep(T(1.2), true, true, 2, ex);
        sorted.read(found.data(), ex);
        KRISS_CHECK(found == y);
        jacobi_sweep(a.view(), inverse.data(), T(0.8), b.data(), x.data(), y.data(), ex);
        strips.jacobi(T(0.8), 1, ex);
        strips.read(found.data(), ex);
        KRISS_CHECK(found == y);
        std::vector<double> part(at(chunk_count(a.n)));
        csr_matvec(a.view(), y.data(), found.data(), ex);
        for (index_t i = 0; i < a.n; ++i) {
            found[at(i)] = b[at(i)] - found[at(i)];
        }
        KRISS_CHECK(strips.residual2(ex) == fixed_dot(a.n, found.data(), found.data(), part.data(), ex));

        const auto pivot = pivots_of(a, 0.95);
        const EisenstatPlan<T, I> plan(a.view(), MicOptions{0.95, 0.0, 1e-3}, ex);
        KRISS_CHECK(!plan.empty());
        plan.pivots(found.data(), ex);
        KRISS_CHECK(found == pivot);
    }
    auto broken = a;
    broken.data[at(broken.indptr[at(a.n / 2)])] = std::numeric_limits<T>::quiet_NaN();
    KRISS_CHECK((EisenstatPlan<T, I>(broken.view(), MicOptions{}, Executor{}).empty()));
    broken = a;
    broken.data.back() = T(0);  // the last diagonal entry
    KRISS_CHECK((GridRelaxation<T, I>(broken.view(), b.data(), start.data(), Executor{}).empty()));
    broken.indices.front() = static_cast<I>(a.n - 1);
    KRISS_CHECK(!pattern_symmetric(broken.view(), &bad, Executor{}));
    const auto small = grid<T, I>(5, 4, 3);
    KRISS_CHECK((EisenstatPlan<T, I>(small.view(), MicOptions{}, Executor{}).empty()));
}

}  // namespace

KRISS_CASE("modified incomplete Cholesky keeps row sums") {
    test_pivots<double>();
    test_pivots<float>();
}

KRISS_CASE("Eisenstat's form meets the tolerance with the same bits for any number of workers") {
    test_eisenstat<double>();
    test_eisenstat<float>();
}

KRISS_CASE("triangles: natural order, levels, substitution") {
    test_triangles<double, std::int32_t>();
    test_triangles<float, std::int64_t>();
}

KRISS_CASE("sweeps in coloured order") {
    test_sweeps<double>();
    test_sweeps<float>();
}

KRISS_CASE("sweeps over strips of a grid and over rows by colour; pivots in strips") {
    test_stored_sweeps<double, std::int32_t>(19, 13, 5);
    test_stored_sweeps<double, std::int64_t>(16, 41, 1);
    test_stored_sweeps<float, std::int64_t>(23, 8, 4);
    test_stored_sweeps<float, std::int32_t>(33, 10, 1);
}
