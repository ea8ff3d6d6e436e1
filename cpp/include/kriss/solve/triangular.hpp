// Sparse triangular systems by rows, in natural order or level by level.
//
// E. Anderson, Y. Saad, "Solving sparse triangular linear systems on parallel computers", Int. J. High Speed Comput. 1
// (1989), section 2: level(i) = 1 + max of level(j) over the rows j that row i needs. Rows sorted by level, in chunks
// of fixed length; chunk c waits until the chunks before need[c] are done. Chunks are claimed in order, so the first
// unfinished one never waits, and no barrier stands between levels. Each row is computed by the same operations in
// every schedule, so results have the same bits for any number of workers.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/rows.hpp"
#include "kriss/solve/wait.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

// One triangle: rows of the strict part, and the inverse diagonal (null: ones).
template <class T, class I>
struct TriangleView {
    CsrView<T, I> strict;
    const T* inverse = nullptr;
    bool lower = true;
};

// The same rows sorted by level: row order[k] is the k-th of `sorted`.
template <class T, class I>
struct LevelView {
    TriangleView<T, I> sorted;
    const I* order = nullptr;  // (n)
    const I* need = nullptr;   // (chunks) how many chunks must be done before this one
    index_t chunks = 0;
};

inline constexpr index_t level_chunk = 256;  // rows

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// z = T^-1 r in natural order, columns side by side.  r, z: (n, k), row-major; r may be z.
// Reads (sizeof(T) + sizeof(I)) nnz + (2 sizeof(T) k + sizeof(T) + sizeof(I)) n bytes; 2 nnz k flops.
template <class T, class I>
void triangle_solve(const TriangleView<T, I>& a, const T* r, T* z, const Executor& ex) {
    const CsrView<T, I>& m = a.strict;
    const index_t n = m.rows;
    const T* inverse = a.inverse;
    T carried = 0;
    if (a.lower) {
        for (index_t i = 0; i < n; ++i) {
            index_t k = m.indptr[i];
            index_t stop = m.indptr[i + 1];
            // the value of the row just before is taken last, from a register
            const bool next = stop > k && m.indices[stop - 1] == i - 1;
            stop -= next ? 1 : 0;
            T s = r[i];
            for (; k < stop; ++k) {
                s -= m.data[k] * z[m.indices[k]];
            }
            s = next ? s - m.data[k] * carried : s;
            carried = inverse != nullptr ? s * inverse[i] : s;
            z[i] = carried;
            if (i % 65536 == 65535 && ex.interrupted()) {
                return;
            }
        }
    } else {
        for (index_t i = n - 1; i >= 0; --i) {
            const index_t start = m.indptr[i];
            const index_t stop = m.indptr[i + 1];
            const bool next = start < stop && m.indices[start] == i + 1;
            T s = r[i];
            for (index_t k = start + (next ? 1 : 0); k < stop; ++k) {
                s -= m.data[k] * z[m.indices[k]];
            }
            s = next ? s - m.data[start] * carried : s;
            carried = inverse != nullptr ? s * inverse[i] : s;
            z[i] = carried;
            if (i % 65536 == 65535 && ex.interrupted()) {
                return;
            }
        }
    }
}

// The same for k right-hand sides, row-major.
template <class T, class I>
void triangle_solve_multi(const TriangleView<T, I>& a, index_t columns, const T* r, T* z, const Executor& ex) {
    const CsrView<T, I>& m = a.strict;
    const index_t n = m.rows;
    for (index_t turn = 0; turn < n; ++turn) {
        const index_t i = a.lower ? turn : n - 1 - turn;
        T* KRISS_RESTRICT zi = z + i * columns;
        const T* ri = r + i * columns;
        for (index_t c = 0; c < columns; ++c) {
            zi[c] = ri[c];
        }
        // in the order of the single solve: the neighbour row last
        const index_t start = m.indptr[i];
        const index_t stop = m.indptr[i + 1];
        const bool next = start < stop && (a.lower ? m.indices[stop - 1] == i - 1 : m.indices[start] == i + 1);
        const index_t last = next ? (a.lower ? stop - 1 : start) : -1;
        for (index_t k = start; k < stop; ++k) {
            if (k == last) {
                continue;
            }
            const T v = m.data[k];
            const T* KRISS_RESTRICT zj = z + static_cast<index_t>(m.indices[k]) * columns;
            for (index_t c = 0; c < columns; ++c) {
                zi[c] -= v * zj[c];
            }
        }
        if (last >= 0) {
            const T v = m.data[last];
            const T* KRISS_RESTRICT zj = z + static_cast<index_t>(m.indices[last]) * columns;
            for (index_t c = 0; c < columns; ++c) {
                zi[c] -= v * zj[c];
            }
        }
        if (a.inverse != nullptr) {
            for (index_t c = 0; c < columns; ++c) {
                zi[c] *= a.inverse[i];
            }
        }
        if (turn % 16384 == 16383 && ex.interrupted()) {
            return;
        }
    }
}

// One row of triangle_levels; a struct, whose symbols name their level.
template <class T, class I, bool Wait>
struct RowLevel {
    CsrView<T, I> m;
    I* level;
    const Executor* ex;

    // false: stopped
    bool operator()(index_t i) const {
        I l = 0;
        for (index_t k = m.indptr[i]; k < m.indptr[i + 1]; ++k) {
            const I* place = level + m.indices[k];
            const I other = Wait ? awaited(place, *ex) : *place;
            if (Wait && other < 0) {
                return false;
            }
            l = other + 1 > l ? other + 1 : l;
        }
        Wait ? __atomic_store_n(level + i, l, __ATOMIC_RELEASE) : void(level[i] = l);
        return true;
    }
};

// level[i] from 0, and how many levels there are (-1: stopped). Workers take the rows in order and wait, row by row,
// for those that are still in other hands: as parallel as the triangle is.  O(nnz).
template <class T, class I>
index_t triangle_levels(const TriangleView<T, I>& a, I* level, const Executor& ex) {
    const CsrView<T, I>& m = a.strict;
    if (ex.workers <= 1) {
        const RowLevel<T, I, false> row{m, level, &ex};
        for (index_t turn = 0; turn < m.rows; ++turn) {
            row(a.lower ? turn : m.rows - 1 - turn);
        }
    } else {
        unknown_everywhere(m.rows, level, ex);
        index_t claims = 0;
        self_scheduled(m.rows, 512, !a.lower, &claims, ex, RowLevel<T, I, true>{m, level, &ex});
    }
    return one_above_largest(m.rows, level);
}

// order: the rows by level, by number within a level.  counts: (levels + 1) scratch
template <class I>
void level_order(index_t n, index_t levels, const I* level, I* counts, I* order) {
    for (index_t l = 0; l <= levels; ++l) {
        counts[l] = 0;
    }
    for (index_t i = 0; i < n; ++i) {
        ++counts[level[i] + 1];
    }
    for (index_t l = 0; l < levels; ++l) {
        counts[l + 1] += counts[l];
    }
    for (index_t i = 0; i < n; ++i) {
        order[counts[level[i]]++] = static_cast<I>(i);
    }
}

// The rows of a in that order.  indptr: (n + 1); indices, data: as many as a has
template <class T, class I>
void level_rows(const CsrView<T, I>& a, const I* order, I* indptr, I* indices, T* data, const Executor& ex) {
    indptr[0] = 0;
    for (index_t at = 0; at < a.rows; ++at) {
        indptr[at + 1] = static_cast<I>(indptr[at] + (a.indptr[order[at] + 1] - a.indptr[order[at]]));
    }
    ex.parallel_for(a.rows, 4096, [=, &a](index_t first, index_t last) {
        for (index_t at = first; at < last; ++at) {
            index_t end = indptr[at];
            for (index_t k = a.indptr[order[at]]; k < a.indptr[order[at] + 1]; ++k, ++end) {
                indices[end] = a.indices[k];
                data[end] = a.data[k];
            }
        }
    });
}

// z = T^-1 r, level by level on all workers.  done: (chunks + 1) scratch
template <class T, class I>
void triangle_solve_levels(const LevelView<T, I>& a, const T* r, T* z, index_t* done, const Executor& ex) {
    const CsrView<T, I>& m = a.sorted.strict;
    const T* inverse = a.sorted.inverse;
    const index_t n = m.rows;
    const bool lower = a.sorted.lower;
    const auto rows = [=, &a, &m](index_t first, index_t last) {
        for (index_t at = first; at < last; ++at) {
            const index_t i = a.order[at];
            const T s = row_substituted(m, lower, at, i, r[i], z, 1, 0);
            z[i] = inverse != nullptr ? s * inverse[i] : s;
        }
    };
    for (index_t c = 0; c <= a.chunks; ++c) {
        done[c] = 0;
    }
    index_t* claims = done + a.chunks;
    ex.parallel_for(ex.workers, 1, [=, &ex, &a](index_t, index_t) {
        index_t known = 0;  // all chunks below are done
        for (;;) {
            const index_t c = __atomic_fetch_add(claims, 1, __ATOMIC_RELAXED);
            if (c >= a.chunks) {
                return;
            }
            for (; known < a.need[c]; ++known) {
                const index_t* flag = done + known;
                if (!wait_until([=] { return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0; }, ex)) {
                    return;
                }
            }
            const index_t end = (c + 1) * level_chunk < n ? (c + 1) * level_chunk : n;
            rows(c * level_chunk, end);
            __atomic_store_n(done + c, index_t(1), __ATOMIC_RELEASE);
        }
    });
}

// need[c] for the order given; place: (n) scratch, the position of each row
template <class T, class I>
void level_needs(const CsrView<T, I>& sorted, const I* order, I* place, I* need, const Executor& ex) {
    const index_t n = sorted.rows;
    ex.parallel_for(n, 16384, [=](index_t first, index_t last) {
        for (index_t at = first; at < last; ++at) {
            place[order[at]] = static_cast<I>(at);
        }
    });
    ex.parallel_for(n, level_chunk, [=, &sorted](index_t first, index_t last) {
        index_t most = 0;
        for (index_t k = sorted.indptr[first]; k < sorted.indptr[last]; ++k) {
            const index_t c = place[sorted.indices[k]] / level_chunk;
            most = c < first / level_chunk && c + 1 > most ? c + 1 : most;
        }
        need[first / level_chunk] = static_cast<I>(most);
    });
}

KRISS_NAMESPACE_END
