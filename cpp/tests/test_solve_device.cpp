// The launchers of cuda/solve_*.cu, built for the host, where cuda/panel.hpp replays every thread of every block: the
// very functions that a device runs, against the kernels of the processor. No device is involved.
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/solve/ssor.hpp"
#include "kriss/solve/stationary.hpp"
#include "kriss/solve/triangular.hpp"
#include "solve.hpp"  // of cpp/src

#include "../../cuda/solve_cg.cu"
#include "../../cuda/solve_chebyshev.cu"
#include "../../cuda/solve_color.cu"
#include "../../cuda/solve_levels.cu"
#include "../../cuda/solve_product.cu"
#include "../../cuda/solve_sweep.cu"

using namespace kriss;

namespace {

using I = std::int32_t;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
struct Sparse {
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

// A weighted graph Laplacian on an m x m grid with one diagonal per cell, and so with triangles, plus 0.1 on its
// diagonal.
template <class T>
Sparse<T> mesh(index_t m) {
    Sparse<T> a;
    const auto weight = [](index_t i, index_t j) { return 1.0 + static_cast<double>((i * 7 + j * 13) % 5); };
    for (index_t i = 0; i < m; ++i) {
        for (index_t j = 0; j < m; ++j) {
            double entries[3][3] = {};
            double sum = 0.1;
            for (index_t di = -1; di <= 1; ++di) {
                for (index_t dj = -1; dj <= 1; ++dj) {
                    const bool inside = i + di >= 0 && i + di < m && j + dj >= 0 && j + dj < m;
                    if (di * dj < 0 || (di == 0 && dj == 0) || !inside) {
                        continue;
                    }
                    const double w = weight(2 * i + di, 2 * j + dj);
                    entries[di + 1][dj + 1] = -w;
                    sum += w;
                }
            }
            entries[1][1] = sum;
            for (index_t di = -1; di <= 1; ++di) {
                for (index_t dj = -1; dj <= 1; ++dj) {
                    if (entries[di + 1][dj + 1] != 0.0) {
                        a.put((i + di) * m + j + dj, entries[di + 1][dj + 1]);
                    }
                }
            }
            a.end_row();
        }
    }
    return a;
}

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

template <class T>
std::vector<T> column_of(const std::vector<T>& panel, index_t k, index_t c) {
    std::vector<T> v;
    for (std::size_t t = at(c); t < panel.size(); t += at(k)) {
        v.push_back(panel[t]);
    }
    return v;
}

template <class T>
std::vector<T> inverse_diagonal(const Sparse<T>& a, std::vector<I>* where = nullptr) {
    std::vector<T> inverse(at(a.n));
    std::vector<I> places(at(a.n));
    KRISS_CHECK(csr_diagonal(a.view(), places.data(), inverse.data()).status == Status::ok);
    if (where != nullptr) {
        *where = places;
    }
    return inverse;
}

// f() with threads in order and in reverse; both leave the same bits in v.
template <class T, class F>
void either_way(std::vector<T>& v, F&& f) {
    const std::vector<T> before = v;
    cuda::replay_backward = true;
    f();
    const std::vector<T> backward = v;
    cuda::replay_backward = false;
    v = before;
    f();
    KRISS_CHECK(v == backward);
}

// The loop of python/kriss/solve/_cuda.py without its checks: up to `most` iterations from zero.
template <class T>
std::vector<double> cg_on_device(const Sparse<T>& a, index_t k, const std::vector<T>& b, std::vector<T>& x,
                                 const std::vector<T>& inverse, double rtol, index_t most, bool own,
                                 std::vector<double>* history = nullptr) {
    const index_t n = a.n;
    std::vector<T> r(b.size());
    std::vector<T> p(b.size(), T(0));
    std::vector<T> q(b.size());
    std::vector<T> z(b.size());
    std::vector<double> part(at(2 * cuda::cg_partials(n, k)));
    std::vector<double> out(at(2 * k));
    std::vector<double> state(at(k * cg_state_size), 0.0);
    std::vector<double> ring(at(most * k));
    const T* d = inverse.empty() ? nullptr : inverse.data();
    x.assign(b.size(), T(0));
    cuda::cg_residual(n, k, d, b.data(), static_cast<const T*>(nullptr), r.data(), part.data(), out.data(), 0);
    for (index_t c = 0; c < k; ++c) {
        double* s = state.data() + c * cg_state_size;
        s[cg_rho] = out[at(k + c)];
        s[cg_tol] = rtol * std::sqrt(out[at(c)]);
        s[cg_status] = -1;
        s[cg_most] = static_cast<double>(most);
    }
    const T* own_d = own ? d : nullptr;
    for (index_t turn = 0; turn < most; ++turn) {
        if (!own) {  // z = D^-1 r as if by another preconditioner
            for (index_t t = 0; t < n * k; ++t) {
                z[at(t)] = inverse[at(t / k)] * r[at(t)];
            }
            if (turn > 0) {
                cuda::cg_rho(n, k, r.data(), z.data(), part.data(), state.data(), 0);
            }
        }
        cuda::cg_direction(n, k, own_d, own ? r.data() : z.data(), state.data(), p.data(), 0);
        cuda::csr_product(a.view(), k, cuda::Product::plain, p.data(), static_cast<const T*>(nullptr), q.data(), 0);
        cuda::cg_step(n, k, p.data(), q.data(), part.data(), state.data(), 0);
        cuda::cg_update(n, k, own_d, p.data(), q.data(), x.data(), r.data(), part.data(), state.data(), ring.data(),
                        most, own, 0);
    }
    if (history != nullptr) {
        *history = ring;
    }
    return state;
}

template <class T>
void cg_panels() {
    const auto a = mesh<T>(23);
    const auto inverse = inverse_diagonal(a);
    const double rtol = sizeof(T) == 4 ? 1e-4 : 1e-9;
    const Executor serial;
    for (index_t k : {1, 2, 3, 5, 8}) {
        const auto b = noise<T>(a.n * k, 4);
        for (int kind = 0; kind < 3; ++kind) {  // none, Jacobi in the passes, Jacobi from outside
            std::vector<T> x;
            std::vector<double> history;
            const auto state =
                cg_on_device(a, k, b, x, kind == 0 ? std::vector<T>{} : inverse, rtol, 200, kind < 2, &history);
            for (index_t c = 0; c < k; ++c) {
                const double* s = state.data() + c * cg_state_size;
                const auto bc = column_of(b, k, c);
                std::vector<T> host(at(a.n), T(0));
                std::vector<I> where(at(a.n));
                CgProblem problem;
                problem.options.tol = s[cg_tol];
                problem.options.maxiter = 200;
                std::vector<double> norms;
                problem.residuals = &norms;
                CgStorage storage;
                const SsorView<T, I> sweep{a.view(), where.data(), inverse.data(), T(1)};
                const auto cpu = solve_cg(a.view(), bc.data(), host.data(), kind == 0 ? Precond::none : Precond::jacobi,
                                          sweep, problem, storage, serial);
                KRISS_CHECK(s[cg_status] == 0.0 && cpu.status == Status::ok);
                KRISS_NEAR(s[cg_iterations], static_cast<double>(cpu.iterations), sizeof(T) == 4 ? 2.0 : 1.0);
                // sums in another order: the norms agree to rounding while the recurrences have not drifted apart
                for (std::size_t j = 0; j < 10; ++j) {
                    KRISS_NEAR(history[j * at(k) + at(c)], norms[j + 1],
                               (sizeof(T) == 4 ? 1e-3 : 1e-11) * norms[j + 1]);
                }
                const auto xc = column_of(x, k, c);
                double worst = 0;
                double size = 0;
                for (std::size_t i = 0; i < xc.size(); ++i) {
                    worst = std::fmax(worst, std::fabs(static_cast<double>(xc[i] - host[i])));
                    size = std::fmax(size, std::fabs(static_cast<double>(host[i])));
                }
                KRISS_NEAR(worst, 0.0, 100 * rtol * size);
                // frozen: more turns change nothing
                if (c == 0 && kind == 1) {
                    std::vector<T> shorter;
                    cg_on_device(a, k, b, shorter, inverse, rtol, static_cast<index_t>(s[cg_iterations]), true);
                    KRISS_CHECK(column_of(shorter, k, 0) == xc);
                }
            }
            cuda::replay_backward = true;
            std::vector<T> again;
            const auto other =
                cg_on_device(a, k, b, again, kind == 0 ? std::vector<T>{} : inverse, rtol, 200, kind < 2);
            cuda::replay_backward = false;
            KRISS_CHECK(again == x && other == state);
        }
    }
}

template <class T>
void cg_statuses() {
    const auto a = mesh<T>(8);
    const auto inverse = inverse_diagonal(a);
    auto negative = a;
    for (auto& v : negative.data) {
        v = -v;
    }
    std::vector<T> minus = inverse;
    for (auto& v : minus) {
        v = -v;
    }
    const auto b = noise<T>(a.n * 2, 1);
    auto broken = b;
    broken[7] = std::numeric_limits<T>::quiet_NaN();  // column 1
    std::vector<T> x;
    const auto status = [](const std::vector<double>& s, index_t c) { return s[at(c * cg_state_size + cg_status)]; };
    KRISS_CHECK(status(cg_on_device(negative, 2, b, x, {}, 1e-6, 50, true), 1) == 4);
    const auto mixed = cg_on_device(a, 2, broken, x, inverse, 1e-3, 60, true);
    KRISS_CHECK(status(mixed, 0) == 0 && status(mixed, 1) == 6);
    const auto early = cg_on_device(a, 2, b, x, inverse, 1e-6, 3, true);
    KRISS_CHECK(status(early, 0) == 2 && early[cg_iterations] == 3);
    // rho was set without a look at its sign; the first update finds it
    const auto indefinite = cg_on_device(a, 2, b, x, minus, 1e-6, 50, true);
    KRISS_CHECK(status(indefinite, 0) == 5);
}

template <class T>
void products() {
    for (index_t m : {1, 2, 17, 40}) {
        const auto a = mesh<T>(m);
        for (index_t k : {1, 3, 8}) {
            const auto x = noise<T>(a.n * k, 2);
            const auto b = noise<T>(a.n * k, 3);
            for (int kind = 0; kind < 3; ++kind) {
                std::vector<T> y = b;
                either_way(y, [&] {
                    y = b;
                    cuda::csr_product(a.view(), k, static_cast<cuda::Product>(kind), x.data(), y.data(), y.data(), 0);
                });
                for (index_t c = 0; c < k; ++c) {
                    const auto xc = column_of(x, k, c);
                    const auto bc = column_of(b, k, c);
                    std::vector<T> s(at(a.n));
                    csr_matvec(a.view(), xc.data(), s.data(), Executor{});
                    bool same = true;
                    for (std::size_t i = 0; i < s.size(); ++i) {
                        const T want = kind == 0 ? s[i] : kind == 1 ? bc[i] - s[i] : bc[i] + s[i];
                        same = same && y[i * at(k) + at(c)] == want;
                    }
                    KRISS_CHECK(same);
                }
            }
        }
    }
}

struct Groups {
    index_t count = 0;
    std::vector<I> color;
    std::vector<I> order;
    std::vector<std::int64_t> starts;
};

Groups grouped(index_t count, const std::vector<I>& color) {
    Groups g;
    g.count = count;
    g.color = color;
    g.starts.push_back(0);
    for (index_t c = 0; c < count; ++c) {
        for (std::size_t i = 0; i < color.size(); ++i) {
            if (color[i] == c) {
                g.order.push_back(static_cast<I>(i));
            }
        }
        g.starts.push_back(static_cast<std::int64_t>(g.order.size()));
    }
    return g;
}

template <class T>
Groups colored(const Sparse<T>& a) {
    std::vector<I> color(at(a.n));
    std::vector<I> mark(at(a.n + 1));
    const index_t count = greedy_colors(a.view(), color.data(), mark.data());
    return grouped(count, color);
}

template <class T>
void sweeps() {
    for (index_t m : {1, 2, 17, 40}) {
        const auto a = mesh<T>(m);
        const auto inverse = inverse_diagonal(a);
        const Groups g = colored(a);
        for (index_t k : {1, 5}) {
            const auto b = noise<T>(a.n * k, 2);
            const auto start = noise<T>(a.n * k, 3);
            std::vector<T> y(start.size());
            cuda::jacobi_sweep(a.view(), k, inverse.data(), T(0.8), b.data(), start.data(), y.data(), 0);
            std::vector<T> from_zero(start.size());
            const std::vector<T> zero(start.size(), T(0));
            std::vector<T> from_zeros(start.size());
            cuda::jacobi_sweep(a.view(), k, inverse.data(), T(0.8), b.data(), static_cast<const T*>(nullptr),
                               from_zero.data(), 0);
            cuda::jacobi_sweep(a.view(), k, inverse.data(), T(0.8), b.data(), zero.data(), from_zeros.data(), 0);
            KRISS_CHECK(from_zero == from_zeros);
            for (bool backward : {false, true}) {
                std::vector<T> x = start;
                either_way(x, [&] {
                    cuda::group_sweep(a.view(), k, g.count, g.starts.data(), g.order.data(), backward, inverse.data(),
                                      T(1.3), b.data(), x.data(), 0);
                });
                for (index_t c = 0; c < k; ++c) {
                    const auto bc = column_of(b, k, c);
                    auto xc = column_of(start, k, c);
                    std::vector<T> jc(xc.size());
                    kriss::jacobi_sweep(a.view(), inverse.data(), T(0.8), bc.data(), xc.data(), jc.data(), Executor{});
                    KRISS_CHECK(jc == column_of(y, k, c));
                    // the rows of a color in any order: here that of the processor's colored sweep
                    for (index_t turn = 0; turn < a.n; ++turn) {
                        relax_row(a.view(), inverse.data(), T(1.3), bc.data(), xc.data(),
                                  g.order[at(backward ? a.n - 1 - turn : turn)]);
                    }
                    KRISS_CHECK(xc == column_of(x, k, c));
                }
            }
        }
    }
}

template <class T>
void colors() {
    for (index_t m : {1, 2, 9, 30}) {
        const auto a = mesh<T>(m);
        const Groups g = colored(a);
        for (bool by_hash : {false, true}) {
            std::vector<I> color(at(a.n), I(-1));
            std::vector<I> next(at(a.n));
            std::vector<double> part(at(cuda::cg_partials(a.n, 1)));
            double left = 1;
            int turns = 0;
            for (; left > 0 && turns < 4 * m + 8; ++turns) {
                either_way(next, [&] {
                    cuda::color_rows_round(a.n, a.indptr.data(), a.indices.data(), by_hash, color.data(), next.data(),
                                           part.data(), &left, 0);
                });
                color.swap(next);
            }
            KRISS_CHECK(left == 0.0);
            bool proper = true;
            for (index_t i = 0; i < a.n; ++i) {
                for (index_t k = a.indptr[at(i)]; k < a.indptr[at(i + 1)]; ++k) {
                    const index_t j = a.indices[at(k)];
                    proper = proper && (i == j || color[at(i)] != color[at(j)]);
                }
            }
            KRISS_CHECK(proper);
            KRISS_CHECK(by_hash || color == g.color);
            KRISS_CHECK(!by_hash || m < 30 || turns < 30);  // about log n levels
        }
    }
    // a row with more than 64 neighbours, all of different colours: a full graph
    Sparse<T> full;
    for (index_t i = 0; i < 150; ++i) {
        for (index_t j = 0; j < 150; ++j) {
            full.put(j, 1.0);
        }
        full.end_row();
    }
    std::vector<I> color(150, I(-1));
    std::vector<I> next(150);
    std::vector<double> part(at(cuda::cg_partials(150, 1)));
    double left = 1;
    for (int turn = 0; turn < 150; ++turn) {
        cuda::color_rows_round(150, full.indptr.data(), full.indices.data(), false, color.data(), next.data(),
                               part.data(), &left, 0);
        color.swap(next);
    }
    bool numbered = left == 0.0;
    for (I i = 0; i < 150; ++i) {
        numbered = numbered && color[at(i)] == i;
    }
    KRISS_CHECK(numbered);
}

// The strict triangle of a, its rows sorted by group; lower: the entries of earlier groups.
template <class T>
Sparse<T> strict_part(const Sparse<T>& a, const Groups& g, bool lower, bool by_group) {
    Sparse<T> out;
    for (index_t p = 0; p < a.n; ++p) {
        const index_t i = by_group ? g.order[at(p)] : p;
        for (index_t k = a.indptr[at(i)]; k < a.indptr[at(i + 1)]; ++k) {
            const index_t j = a.indices[at(k)];
            if (lower ? g.color[at(j)] < g.color[at(i)] : g.color[at(j)] > g.color[at(i)]) {
                out.put(j, static_cast<double>(a.data[at(k)]));
            }
        }
        out.end_row();
    }
    return out;
}

template <class T>
void triangles() {
    for (index_t m : {1, 2, 17, 60}) {
        const auto a = mesh<T>(m);
        const auto inverse = inverse_diagonal(a);
        for (bool lower : {true, false}) {
            Groups whole;  // natural order: "earlier" is "before"
            for (index_t i = 0; i < a.n; ++i) {
                whole.color.push_back(static_cast<I>(i));
            }
            const auto strict = strict_part(a, whole, lower, false);
            const TriangleView<T, I> view{strict.view(), inverse.data(), lower};
            std::vector<I> level(at(a.n));
            const index_t count = triangle_levels(view, level.data());
            const Groups g = grouped(count, level);
            Sparse<T> sorted;
            for (I i : g.order) {
                for (index_t k = strict.indptr[at(i)]; k < strict.indptr[at(i + 1)]; ++k) {
                    sorted.put(strict.indices[at(k)], static_cast<double>(strict.data[at(k)]));
                }
                sorted.end_row();
            }
            const cuda::Triangle<T> device{sorted.view(), g.order.data(), inverse.data(),  nullptr,
                                           lower,         count,          g.starts.data(), g.starts.data()};
            for (index_t k : {1, 3, 8}) {
                const auto r = noise<T>(a.n * k, 6);
                std::vector<T> z = r;
                either_way(z, [&] { cuda::triangle_levels_solve(device, k, z.data(), z.data(), 0); });  // in place
                for (index_t c = 0; c < k; ++c) {
                    const auto rc = column_of(r, k, c);
                    std::vector<T> want(rc.size());
                    triangle_solve(view, rc.data(), want.data(), Executor{});
                    KRISS_CHECK(column_of(z, k, c) == want);
                }
            }
        }
    }
    // one wide level between narrow ones
    const index_t n = 5000;
    Sparse<T> star;
    Groups g;
    g.color.assign(at(n), I(1));
    g.color[0] = 0;
    g.color[at(n - 1)] = 2;
    g = grouped(3, g.color);
    star.end_row();
    for (index_t i = 1; i + 1 < n; ++i) {
        star.put(0, 0.5);
        star.end_row();
    }
    for (index_t i = 0; i + 1 < n; ++i) {
        star.put(i, 1.0 / 1024);
    }
    star.end_row();
    const std::vector<T> twos(at(n), T(2));
    const cuda::Triangle<T> device{star.view(), g.order.data(),  nullptr,        twos.data(), true,
                                   3,           g.starts.data(), g.starts.data()};
    const std::vector<T> ones(at(n), T(1));
    std::vector<T> z(at(n));
    either_way(z, [&] { cuda::triangle_levels_solve(device, 1, ones.data(), z.data(), 0); });
    KRISS_CHECK(z[0] == T(2) && z[1] == T(1) && z[at(n - 1)] == T(2) - (T(2) + T(n - 2)) / T(1024));
}

// Coloured SSOR as two triangles is a forward and a backward coloured sweep from zero, and in natural order (every row
// a colour of its own) SSOR itself.
template <class T>
void ssor_by_triangles() {
    const auto a = mesh<T>(12);
    std::vector<I> where;
    const auto inverse = inverse_diagonal(a, &where);
    const auto r = noise<T>(a.n, 8);
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (bool natural : {false, true}) {
        Groups g = colored(a);
        if (natural) {
            for (index_t i = 0; i < a.n; ++i) {
                g.color[at(i)] = static_cast<I>(i);
            }
            g = grouped(a.n, g.color);
        }
        const T omega = T(1.4);
        std::vector<T> scaled(at(a.n));
        std::vector<T> diagonal(at(a.n));
        for (std::size_t i = 0; i < scaled.size(); ++i) {
            scaled[i] = omega * inverse[i];
            diagonal[i] = (T(2) - omega) / scaled[i];
        }
        const auto low = strict_part(a, g, true, true);
        auto up = strict_part(a, g, false, true);
        Groups back = g;
        for (auto& c : back.color) {
            c = static_cast<I>(g.count - 1 - c);
        }
        back = grouped(g.count, back.color);
        up = strict_part(a, back, true, true);
        const cuda::Triangle<T> forward{low.view(), g.order.data(), scaled.data(),   nullptr,
                                        true,       g.count,        g.starts.data(), g.starts.data()};
        const cuda::Triangle<T> backward{up.view(), back.order.data(), scaled.data(),      diagonal.data(),
                                         false,     back.count,        back.starts.data(), back.starts.data()};
        std::vector<T> z(at(a.n));
        cuda::triangle_levels_solve(forward, 1, r.data(), z.data(), 0);
        cuda::triangle_levels_solve(backward, 1, z.data(), z.data(), 0);
        std::vector<T> want(at(a.n), T(0));
        if (natural) {
            std::vector<double> part(at(chunk_count(a.n)));
            ssor_apply_dot(SsorView<T, I>{a.view(), where.data(), inverse.data(), omega}, r.data(), want.data(),
                           part.data(), Executor{});
        } else {
            for (bool b : {false, true}) {
                cuda::group_sweep(a.view(), 1, g.count, g.starts.data(), g.order.data(), b, inverse.data(), omega,
                                  r.data(), want.data(), 0);
            }
        }
        double worst = 0;
        double size = 0;
        for (std::size_t i = 0; i < z.size(); ++i) {
            worst = std::fmax(worst, std::fabs(static_cast<double>(z[i] - want[i])));
            size = std::fmax(size, std::fabs(static_cast<double>(want[i])));
        }
        KRISS_NEAR(worst, 0.0, 200 * eps * size);
    }
}

template <class T>
void chebyshev() {
    const auto a = mesh<T>(17);
    const auto inverse = inverse_diagonal(a);
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (index_t k : {1, 3}) {
        const auto r = noise<T>(a.n * k, 9);
        const auto start = noise<T>(a.n * k, 10);
        for (int degree : {0, 1, 2, 3, 4, 7}) {
            for (bool zero : {true, false}) {
                std::vector<T> z = start;
                either_way(z, [&] {
                    std::vector<T> other(z.size(), std::numeric_limits<T>::quiet_NaN());
                    z = start;
                    if (zero) {
                        z.assign(z.size(), std::numeric_limits<T>::quiet_NaN());
                    }
                    cuda::chebyshev_iterate(a.view(), k, inverse.data(), 0.02, 2.0, degree, zero, r.data(), z.data(),
                                            other.data(), 0);
                });
                for (index_t c = 0; c < k; ++c) {
                    // Saad's two-term form in long double
                    const auto rc = column_of(r, k, c);
                    const auto sc = column_of(start, k, c);
                    std::vector<long double> x(rc.size(), 0.0L);
                    std::vector<long double> d(rc.size(), 0.0L);
                    for (std::size_t i = 0; i < x.size() && !zero; ++i) {
                        x[i] = sc[i];
                    }
                    const long double theta = 1.01L;
                    const long double delta = 0.99L;
                    long double rho = delta / theta;
                    for (int turn = 0; turn <= degree; ++turn) {
                        const long double now = 1.0L / (2.0L * theta / delta - rho);
                        const long double keep = turn == 0 ? 0.0L : now * rho;
                        const long double step = turn == 0 ? 1.0L / theta : 2.0L * now / delta;
                        if (turn > 0) {
                            rho = now;
                        }
                        for (index_t i = 0; i < a.n; ++i) {
                            long double rest = rc[at(i)];
                            for (index_t q = a.indptr[at(i)]; q < a.indptr[at(i + 1)]; ++q) {
                                rest -= static_cast<long double>(a.data[at(q)]) * x[at(a.indices[at(q)])];
                            }
                            d[at(i)] = keep * d[at(i)] + step * static_cast<long double>(inverse[at(i)]) * rest;
                        }
                        for (std::size_t i = 0; i < x.size(); ++i) {
                            x[i] += d[i];
                        }
                    }
                    double worst = 0;
                    double size = 0;
                    for (std::size_t i = 0; i < x.size(); ++i) {
                        const double got = static_cast<double>(z[i * at(k) + at(c)]);
                        worst = std::fmax(worst, got == got ? std::fabs(got - static_cast<double>(x[i])) : 1e300);
                        size = std::fmax(size, std::fabs(static_cast<double>(x[i])));
                    }
                    KRISS_NEAR(worst, 0.0, 20 * (degree + 1) * eps * size);
                }
            }
        }
    }
}

}  // namespace

KRISS_CASE("conjugate gradients on panels: the iterations of the processor, frozen columns, any order of threads") {
    cg_panels<float>();
    cg_panels<double>();
}

KRISS_CASE("statuses of columns") {
    cg_statuses<float>();
    cg_statuses<double>();
}

KRISS_CASE("products have the bits of the processor") {
    products<float>();
    products<double>();
}

KRISS_CASE("sweeps have the bits of the processor") {
    sweeps<float>();
    sweeps<double>();
}

KRISS_CASE("colours: greedy in natural order, proper by hash") {
    colors<float>();
    colors<double>();
}

KRISS_CASE("triangles level by level have the bits of the natural order") {
    triangles<float>();
    triangles<double>();
}

KRISS_CASE("SSOR as two triangles") {
    ssor_by_triangles<float>();
    ssor_by_triangles<double>();
}

KRISS_CASE("the Chebyshev iteration, from zero and not") {
    chebyshev<float>();
    chebyshev<double>();
}
