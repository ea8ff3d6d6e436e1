// Stationary iterations: Jacobi, Gauss-Seidel and successive over-relaxation sweeps, in any order of the rows.
//
// D. M. Young, "Iterative Solution of Large Linear Systems", Academic Press 1971, chapters 3 and 4; Y. Saad, "Iterative
// Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, sections 4.1 (sweeps) and 12.4 (multicolouring).
// A sweep visits the rows in a given order and replaces x_i by x_i + omega (b_i - sum_j a_ij x_j) / a_ii. Where an
// order is given, chunk c of its rows (fixed length) waits for the chunks before need[c], the last one that holds a
// neighbour of one of its rows: the result is that of visiting the rows one after another, the same bits for any number
// of workers, provided that the pattern of A is symmetric.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/canonical.hpp"
#include "kriss/solve/rows.hpp"
#include "kriss/solve/wait.hpp"
#include "kriss/view.hpp"

namespace kriss {

inline constexpr index_t sweep_chunk = 256;  // rows

// rows: (n) the order in which rows are visited, null for 0, 1, ...; need: (chunks), null where rows is
template <class I>
struct SweepOrder {
    const I* rows = nullptr;
    const I* need = nullptr;
    bool backward = false;  // last row first; need is then that of the reversed order
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <class T, class I>
KRISS_ALWAYS_INLINE void relax_row(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, T* x, index_t i) {
    x[i] = row_relaxed(a, inverse, omega, b, x, i, 1, 0);
}

// One sweep.  inverse, b, x: (n); done: (chunks + 1) scratch, null for natural order
// Moves (sizeof(T) + sizeof(I)) nnz + (4 sizeof(T) + sizeof(I)) n bytes; 2 nnz + 4 n flops.
template <class T, class I>
void relax_sweep(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, T* x, const SweepOrder<I>& order,
                 index_t* done, const Executor& ex) {
    const index_t n = a.rows;
    if (order.rows == nullptr) {
        for (index_t turn = 0; turn < n; ++turn) {
            relax_row(a, inverse, omega, b, x, order.backward ? n - 1 - turn : turn);
            if (turn % 65536 == 65535 && ex.interrupted()) {
                return;
            }
        }
        return;
    }
    const index_t chunks = (n + sweep_chunk - 1) / sweep_chunk;
    for (index_t c = 0; c <= chunks; ++c) {
        done[c] = 0;
    }
    index_t* claims = done + chunks;
    ex.parallel_for(ex.workers, 1, [=, &a, &order, &ex](index_t, index_t) {
        index_t known = 0;  // all chunks below are done
        for (;;) {
            const index_t c = __atomic_fetch_add(claims, 1, __ATOMIC_RELAXED);
            if (c >= chunks) {
                return;
            }
            for (; known < order.need[c]; ++known) {
                const index_t* flag = done + known;
                if (!wait_until([=] { return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0; }, ex)) {
                    return;
                }
            }
            const index_t end = (c + 1) * sweep_chunk < n ? (c + 1) * sweep_chunk : n;
            for (index_t at = c * sweep_chunk; at < end; ++at) {
                relax_row(a, inverse, omega, b, x, order.rows[order.backward ? n - 1 - at : at]);
            }
            __atomic_store_n(done + c, index_t(1), __ATOMIC_RELEASE);
        }
    });
}

// One sweep over the rows [first, last), none of which needs another one of them: the rows of one colour.
template <class T, class I>
void relax_range(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, T* x, index_t first, index_t last,
                 const Executor& ex) {
    ex.parallel_for(last - first, 2048, [=, &a](index_t begin, index_t end) {
        for (index_t i = first + begin; i < first + end; ++i) {
            relax_row(a, inverse, omega, b, x, i);
        }
    });
}

// y = x + omega D^-1 (b - A x): one sweep of damped Jacobi.
template <class T, class I>
void jacobi_sweep(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, const T* x, T* y, const Executor& ex) {
    ex.parallel_for(a.rows, 4096, [=, &a](index_t first, index_t last) {
        for (index_t i = first; i < last; ++i) {
            y[i] = row_relaxed(a, inverse, omega, b, x, i, 1, 0);
        }
    });
}

// need of an order, or of its reverse.  place: (n) scratch.  O(nnz).
template <class T, class I>
void sweep_needs(const CsrView<T, I>& a, const I* rows, bool backward, I* place, I* need, const Executor& ex) {
    const index_t n = a.rows;
    ex.parallel_for(n, 16384, [=](index_t first, index_t last) {
        for (index_t at = first; at < last; ++at) {
            place[rows[backward ? n - 1 - at : at]] = static_cast<I>(at);
        }
    });
    ex.parallel_for(n, sweep_chunk, [=, &a](index_t first, index_t last) {
        const index_t c = first / sweep_chunk;
        index_t most = 0;
        for (index_t at = first; at < last; ++at) {
            const index_t i = rows[backward ? n - 1 - at : at];
            for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
                const index_t other = place[a.indices[k]] / sweep_chunk;
                most = other < c && other + 1 > most ? other + 1 : most;
            }
        }
        need[c] = static_cast<I>(most);
    });
}

// Whether each entry (i, j) has its counterpart (j, i); rows sorted.  bad: ((n + 4095) / 4096) scratch
// Each entry beside the diagonal is looked for in its row: O(nnz) for short rows, all workers.
template <class T, class I>
bool pattern_symmetric(const CsrView<T, I>& a, unsigned char* bad, const Executor& ex) {
    constexpr index_t grain = 4096;
    ex.parallel_for(a.rows, grain, [=, &a](index_t first, index_t last) {
        bool good = true;
        for (index_t i = first; i < last && good; ++i) {
            for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
                const index_t j = a.indices[k];
                const index_t place = place_in_row(a, j, i);
                good &= place < a.indptr[j + 1] && a.indices[place] == i;
            }
        }
        bad[first / grain] = good ? 0 : 1;
    });
    for (index_t c = 0; c * grain < a.rows; ++c) {
        if (bad[c] != 0) {
            return false;
        }
    }
    return true;
}

// One row of greedy_colors; a struct, whose symbols name their level.
template <class T, class I, bool Wait>
struct RowColor {
    CsrView<T, I> a;
    I* color;
    const Executor* ex;

    // false: stopped
    bool operator()(index_t i) const {
        for (I base = 0;; base += 64) {
            std::uint64_t taken = 0;
            for (index_t k = a.indptr[i]; k < a.indptr[i + 1] && a.indices[k] < i; ++k) {
                const I* place = color + a.indices[k];
                const I c = Wait ? awaited(place, *ex) : *place;
                if (Wait && c < 0) {
                    return false;
                }
                taken |= c >= base && c < base + 64 ? std::uint64_t(1) << (c - base) : 0;
            }
            if (~taken != 0) {
                const I own = static_cast<I>(base + std::countr_one(taken));
                Wait ? __atomic_store_n(color + i, own, __ATOMIC_RELEASE) : void(color[i] = own);
                return true;
            }
        }
    }
};

// Greedy colouring in natural order: the smallest colour that no neighbour of smaller number has. Returns how many
// colours there are (-1: stopped). Workers take the rows in order and wait for the neighbours of smaller number that
// are still in other hands, so the colours do not depend on their number.  color: (n).  O(nnz); at most one more than
// the largest degree.
template <class T, class I>
index_t greedy_colors(const CsrView<T, I>& a, I* color, const Executor& ex) {
    if (ex.workers <= 1) {
        const RowColor<T, I, false> row{a, color, &ex};
        for (index_t i = 0; i < a.rows; ++i) {
            row(i);
        }
    } else {
        unknown_everywhere(a.rows, color, ex);
        index_t claims = 0;
        self_scheduled(a.rows, 512, false, &claims, ex, RowColor<T, I, true>{a, color, &ex});
    }
    return one_above_largest(a.rows, color);
}

KRISS_NAMESPACE_END
