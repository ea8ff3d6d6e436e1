// V, W and K cycles of an algebraic multigrid hierarchy given as CSR matrices.
//
// W. L. Briggs, V. E. Henson, S. F. McCormick, "A Multigrid Tutorial", 2nd ed., SIAM 2000, chapters 3 and 8; K cycle:
// Y. Notay, P. S. Vassilevski, "Recursive Krylov-based multigrid cycles", Numer. Linear Algebra Appl. 15 (2008),
// algorithm 3.1 with t = 0.25; sweeps that reuse half sums: V. Conrad, Y. Wallach, "Alternating methods for sets of
// linear equations", Numer. Math. 32 (1979).
//
// A Gauss-Seidel sweep needs, for row i, the sum over the columns before i and that over the columns after it. Of two
// opposite sweeps in a row the second finds one of the two already computed, and after the last sweep
//     (b - A x)_i = (the sum over the columns it will not see again, as used) - (the same sum now).
// A symmetric sweep from x = 0 and its residual therefore cost 1.5 products instead of 3, the symmetric sweep after the
// correction 1.5 instead of 2. What lies before and after the diagonal is stored apart, so that half a product moves
// half the bytes. Bytes of a cycle per level with both: about 3 (12 nnz(A)) + 12 (nnz(P) + nnz(R)) + 200 n. Sweeps are
// made by all workers where amg_front.hpp finds a way; where not, by one, and the others keep it company
// (amg_company.hpp) with the sums over the far columns and the residual.
#pragma once

#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/amg_company.hpp"
#include "kriss/solve/amg_front.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

enum class AmgSweep : int { none = 0, forward = 1, backward = 2, symmetric = 3, jacobi = 4 };
// additive: smoothing and coarse correction side by side, both of the right-hand side; two levels, no second smoothing
enum class AmgCycle : int { v = 0, w = 1, k = 2, additive = 3 };

template <class T>
struct AmgSmoother {
    AmgSweep sweep = AmgSweep::none;
    int iterations = 1;
    T omega = T(1);
};

template <class T>
struct AmgLevel {
    using Matrix = CsrView<T, std::int32_t>;
    index_t n = 0;
    index_t entries = 0;
    Matrix lower{};  // the entries before the diagonal, and after it; none of these on the coarsest level
    Matrix upper{};
    AmgFront forward{};
    AmgFront backward{};
    AmgCompany company{};
    const T* diagonal = nullptr;
    const T* inverse = nullptr;  // of the diagonal entries
    Matrix p{};                  // to this level from the next; none on the coarsest
    Matrix r{};
    AmgSmoother<T> pre;
    AmgSmoother<T> post;
    T* x = nullptr;  // correction, right-hand side, residual, half sums
    T* b = nullptr;
    T* residual = nullptr;
    T* half = nullptr;
    T* k[4] = {};  // two directions of the K cycle and their products
};

template <class T>
struct AmgHierarchy {
    int count = 0;
    AmgLevel<T>* level = nullptr;
    const T* coarse = nullptr;  // inverse of the coarsest operator, row-major
    AmgCycle cycle = AmgCycle::v;
    double* part = nullptr;  // (chunk_count(largest level)) scratch
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr index_t amg_serial = 20000;  // entries of a product that are not worth waking a thread

template <class T>
KRISS_ALWAYS_INLINE Executor amg_executor(const CsrView<T, std::int32_t>& m, const Executor& ex) {
    Executor out = ex;
    if (m.rows == 0 || m.indptr[m.rows] < amg_serial) {
        out.workers = 1;
    }
    return out;
}

template <class T>
KRISS_ALWAYS_INLINE Executor amg_executor(const AmgLevel<T>& g, const Executor& ex) {
    Executor out = ex;
    if (g.entries < amg_serial) {
        out.workers = 1;
    }
    return out;
}

// s + the sum over entries [begin, end)
template <class T>
KRISS_ALWAYS_INLINE T amg_sum(const CsrView<T, std::int32_t>& m, index_t begin, index_t end, const T* x, T s) {
    for (index_t k = begin; k < end; ++k) {
        s += m.data[k] * x[m.indices[k]];
    }
    return s;
}

// s + row i of M times x
template <class T>
KRISS_ALWAYS_INLINE T amg_row(const CsrView<T, std::int32_t>& m, index_t i, const T* x, T s) {
    return amg_sum(m, m.indptr[i], m.indptr[i + 1], x, s);
}

// Row i of A times x, in the order of the columns.
template <class T>
KRISS_ALWAYS_INLINE T amg_whole_row(const AmgLevel<T>& g, index_t i, const T* x) {
    return amg_row(g.upper, i, x, amg_row(g.lower, i, x, T(0)) + g.diagonal[i] * x[i]);
}

// y = (y or 0) + M x
template <class T, bool Add>
void amg_product(const CsrView<T, std::int32_t>& m, const T* x, T* y, const Executor& ex) {
    amg_executor(m, ex).parallel_for(m.rows, solve_grain, [=, &m](index_t b, index_t e) {
        for (index_t i = b; i < e; ++i) {
            const T s = amg_row(m, i, x, T(0));
            y[i] = Add ? y[i] + s : s;
        }
    });
}

// y = A x
template <class T>
void amg_operator(const AmgLevel<T>& g, const T* x, T* y, const Executor& ex) {
    amg_executor(g, ex).parallel_for(g.n, solve_grain, [=, &g](index_t b, index_t e) {
        for (index_t i = b; i < e; ++i) {
            y[i] = amg_whole_row(g, i, x);
        }
    });
}

// Rows [first, last) of a sweep, counted in its order, with the sums over the columns on the far side of the diagonal
// in half, or (Zero) x 0 there. Afterwards half holds the near sums for an opposite sweep, or (Last) the far sums. The
// entry just computed, where the row couples to it, is kept in a register and enters last: the chain from one row to
// the next is then one product and one difference.
template <class T, bool Forward, bool Zero, bool Last>
KRISS_ALWAYS_INLINE void amg_relax(const AmgLevel<T>& g, const T* b, T* x, index_t first, index_t last) {
    const auto& a = Forward ? g.lower : g.upper;
    bool known = false;
    T newest = T(0);
    for (index_t q = first; q < last; ++q) {
        const index_t i = Forward ? q : g.n - 1 - q;
        const index_t begin = a.indptr[i];
        const index_t end = a.indptr[i + 1];
        const T far = Zero ? T(0) : g.half[i];
        const T inverse = g.inverse[i];
        const index_t next = Forward ? end - 1 : begin;
        T near;
        if (begin < end && a.indices[next] == (Forward ? i - 1 : i + 1)) {
            if (!known) {
                newest = x[Forward ? i - 1 : i + 1];
            }
            const T c = a.data[next];
            near = Forward ? amg_sum(a, begin, next, x, T(0)) : amg_sum(a, next + 1, end, x, T(0));
            const T other = ((b[i] - far) - near) * inverse;
            const T factor = c * inverse;
            near += c * newest;
            newest = other - factor * newest;
        } else {
            near = amg_sum(a, begin, end, x, T(0));
            newest = ((b[i] - far) - near) * inverse;
        }
        known = true;
        x[i] = newest;
        if (!Last || Zero) {  // else it holds far already
            g.half[i] = Last ? far : near;
        }
    }
}

template <class T, bool Forward, bool Zero, bool Last>
struct AmgRelax {
    const AmgLevel<T>& g;
    const T* b;
    T* x;
    KRISS_ALWAYS_INLINE void operator()(index_t first, index_t last) const {
        amg_relax<T, Forward, Zero, Last>(g, b, x, first, last);
    }
};

// For rows [first, last) of a sweep the sums over its far columns: half before it; after a sweep that has left those it
// used in half (After) residual = b - A x, which is what they have changed by.
template <class T, bool Forward, bool After>
struct AmgFar {
    const AmgLevel<T>& g;
    const T* x;
    KRISS_ALWAYS_INLINE void operator()(index_t first, index_t last) const {
        const auto& a = Forward ? g.upper : g.lower;
        for (index_t q = first; q < last; ++q) {
            const index_t i = Forward ? q : g.n - 1 - q;
            const T sum = amg_row(a, i, x, T(0));
            if constexpr (After) {
                g.residual[i] = g.half[i] - sum;
            } else {
                g.half[i] = sum;
            }
        }
    }
};

// How a sweep starts, what it leaves in half, and whether the residual is wanted after it.
struct AmgTurn {
    bool zero = false;   // from x = 0
    bool known = false;  // half holds the sums over the far columns
    bool last = false;   // half = those sums afterwards, and not the near ones
    bool residual = false;
};

// One sweep, forward or backward, with what precedes and follows it.
template <class T, bool Forward, bool Zero, bool Last>
void amg_gauss_seidel(const AmgLevel<T>& g, const T* b, T* x, const AmgTurn& turn, const Executor& all) {
    const Executor ex = amg_executor(g, all);
    const AmgFar<T, Forward, false> before{g, x};
    const AmgRelax<T, Forward, Zero, Last> relax{g, b, x};
    const AmgFar<T, Forward, true> after{g, x};
    const AmgFront& front = Forward ? g.forward : g.backward;
    const bool sums = !turn.zero && !turn.known;
    const bool together = sums || turn.residual;
    if (front.blocks == 0 && together && g.company.scratch != nullptr && ex.run != nullptr && ex.workers > 1) {
        const AmgCompany& company = g.company;
        company.scratch[0] = 0;
        company.scratch[amg_line] = 0;
        ex.parallel_for(
            ex.workers, 1,
            AmgCompanyTask<AmgFar<T, Forward, false>, AmgRelax<T, Forward, Zero, Last>, AmgFar<T, Forward, true>>{
                company, g.n, ++*company.epoch << 32, company.reach[Forward ? 1 : 0], sums, turn.residual, ex, before,
                relax, after});
        return;
    }
    if (sums) {
        ex.parallel_for(g.n, solve_grain, before);
    }
    amg_front_sweep(front, g.n, ex, relax);
    if (turn.residual) {
        ex.parallel_for(g.n, solve_grain, after);
    }
}

template <class T, bool Forward>
void amg_pick(const AmgLevel<T>& g, const T* b, T* x, const AmgTurn& turn, const Executor& ex) {
    if (turn.zero) {
        turn.last ? amg_gauss_seidel<T, Forward, true, true>(g, b, x, turn, ex)
                  : amg_gauss_seidel<T, Forward, true, false>(g, b, x, turn, ex);
    } else {
        turn.last ? amg_gauss_seidel<T, Forward, false, true>(g, b, x, turn, ex)
                  : amg_gauss_seidel<T, Forward, false, false>(g, b, x, turn, ex);
    }
}

// residual = b - A x
template <class T>
void amg_residual(const AmgLevel<T>& g, const T* b, const T* x, const Executor& ex) {
    amg_executor(g, ex).parallel_for(g.n, solve_grain, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            g.residual[i] = b[i] - amg_whole_row(g, i, x);
        }
    });
}

template <class T>
void amg_jacobi(const AmgLevel<T>& g, const AmgSmoother<T>& s, const T* b, T* x, bool zero, const Executor& ex) {
    for (int turn = 0; turn < s.iterations; ++turn) {
        const bool first = zero && turn == 0;
        if (!first) {
            amg_residual(g, b, x, ex);
        }
        amg_executor(g, ex).parallel_for(g.n, solve_grain, [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                x[i] = first ? s.omega * (g.inverse[i] * b[i]) : x[i] + s.omega * (g.inverse[i] * g.residual[i]);
            }
        });
    }
}

// Smooths x; zero: x is 0 and need not be initialised. residual: b - A x afterwards, in g.residual.
template <class T>
void amg_smooth(const AmgLevel<T>& g, const AmgSmoother<T>& s, const T* b, T* x, bool zero, bool residual,
                const Executor& ex) {
    const bool none = s.sweep == AmgSweep::none || s.iterations == 0;
    if (none && zero) {
        for (index_t i = 0; i < g.n; ++i) {
            x[i] = T(0);
        }
    }
    if (s.sweep == AmgSweep::jacobi && !none) {
        amg_jacobi(g, s, b, x, zero, ex);
    }
    if (none || s.sweep == AmgSweep::jacobi) {
        if (residual) {
            amg_residual(g, b, x, ex);
        }
        return;
    }
    const bool both = s.sweep == AmgSweep::symmetric;
    const int sweeps = s.iterations * (both ? 2 : 1);
    for (int k = 0; k < sweeps; ++k) {
        const bool end = k + 1 == sweeps;
        // The second of two opposite sweeps finds its sums already there.
        const AmgTurn turn{zero && k == 0, both && k > 0, end || !both, residual && end};
        const bool forward = both ? k % 2 == 0 : s.sweep == AmgSweep::forward;
        forward ? amg_pick<T, true>(g, b, x, turn, ex) : amg_pick<T, false>(g, b, x, turn, ex);
        if (ex.interrupted()) {
            return;
        }
    }
}

template <class T>
void amg_coarsest(const AmgHierarchy<T>& h, const T* b, T* x) {
    const index_t m = h.level[h.count - 1].n;
    for (index_t i = 0; i < m; ++i) {
        T s = T(0);
        for (index_t j = 0; j < m; ++j) {
            s += h.coarse[i * m + j] * b[j];
        }
        x[i] = s;
    }
}

template <class T>
void amg_visit(const AmgHierarchy<T>& h, int l, const T* b, T* x, bool zero, const Executor& ex);

// Two steps of flexible conjugate gradients on level l, preconditioned by its cycle; b is overwritten.
template <class T>
void amg_krylov(const AmgHierarchy<T>& h, int l, T* b, T* x, const Executor& ex) {
    const AmgLevel<T>& g = h.level[l];
    const index_t n = g.n;
    const Executor mine = amg_executor(g, ex);
    const auto dot = [&](const T* u, const T* v) { return fixed_dot(n, u, v, h.part, mine); };
    T* c = g.k[0];
    T* v = g.k[1];
    T* d = g.k[2];
    T* w = g.k[3];
    amg_visit(h, l, b, c, true, ex);
    amg_operator(g, c, v, ex);
    const double rho = dot(c, v);
    const double alpha = dot(c, b);
    const double before = dot(b, b);
    const T t = rho > 0.0 ? static_cast<T>(alpha / rho) : T(0);
    for (index_t i = 0; i < n; ++i) {
        b[i] -= t * v[i];
    }
    const double now = dot(b, b);
    if (!(rho > 0.0) || !(now > 0.0625 * before)) {  // a residual below a quarter of what it was is enough
        for (index_t i = 0; i < n; ++i) {
            x[i] = t * c[i];
        }
        return;
    }
    amg_visit(h, l, b, d, true, ex);
    amg_operator(g, d, w, ex);
    const double gamma = dot(d, v);
    const double beta = dot(d, w);
    const double alpha2 = dot(d, b);
    const double rho2 = beta - gamma * gamma / rho;
    const T second = rho2 > 0.0 ? static_cast<T>(alpha2 / rho2) : T(0);
    const T first = rho2 > 0.0 ? static_cast<T>(alpha / rho - gamma * alpha2 / (rho * rho2)) : t;
    for (index_t i = 0; i < n; ++i) {
        x[i] = first * c[i] + second * d[i];
    }
}

// One cycle on level l for A x = b from the x given, or from 0.
template <class T>
void amg_visit(const AmgHierarchy<T>& h, int l, const T* b, T* x, bool zero, const Executor& ex) {
    const AmgLevel<T>& g = h.level[l];
    if (l + 1 == h.count) {
        amg_coarsest(h, b, x);
        return;
    }
    const AmgLevel<T>& c = h.level[l + 1];
    const bool additive = h.cycle == AmgCycle::additive;
    amg_smooth(g, g.pre, b, x, zero, !additive, ex);
    amg_product<T, false>(g.r, additive ? b : g.residual, c.b, ex);
    if (ex.interrupted()) {
        return;
    }
    if (l + 2 < h.count && h.cycle == AmgCycle::k) {
        amg_krylov(h, l + 1, c.b, c.x, ex);
    } else {
        amg_visit(h, l + 1, c.b, c.x, true, ex);
        if (l + 2 < h.count && h.cycle == AmgCycle::w) {
            amg_visit(h, l + 1, c.b, c.x, false, ex);
        }
    }
    amg_product<T, true>(g.p, c.x, x, ex);
    amg_smooth(g, g.post, b, x, false, false, ex);
}

// x = one cycle for A x = b from 0
template <class T>
void amg_cycle(const AmgHierarchy<T>& h, const T* b, T* x, const Executor& ex) {
    amg_visit(h, 0, b, x, true, ex);
}

KRISS_NAMESPACE_END
