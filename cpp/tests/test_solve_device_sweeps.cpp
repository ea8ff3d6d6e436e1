// The launchers of cuda/solve_*.cu, built for the host, where cuda/panel.hpp replays every thread of every block: the
// very functions that a device runs, against the kernels of the processor. No device is involved. Here: sweeps, colours
// and triangles.
#include "../../cuda/solve_color.cu"
#include "../../cuda/solve_levels.cu"
#include "../../cuda/solve_sweep.cu"
#include "device.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/stationary.hpp"
#include "kriss/solve/triangular.hpp"

namespace {

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
    const index_t count = greedy_colors(a.view(), color.data(), Executor());
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
            std::vector<double> part(at(static_cast<index_t>(cuda::sum_blocks(a.n, 1))));
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
    std::vector<double> part(at(static_cast<index_t>(cuda::sum_blocks(150, 1))));
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
            const index_t count = triangle_levels(view, level.data(), Executor());
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

}  // namespace

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
