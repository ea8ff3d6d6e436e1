// Substitution with a sparse triangle as it is stored, checked on the way.
//
// G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed., Johns Hopkins 2013, sections 3.1.1 (by columns)
// and 3.1.3 (by rows). Everything that the solve relies on is tested where it is used: the index arrays, the order of
// the entries, the triangle, the diagonal. A matrix that fails is reported with its row, before anything outside is
// read.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

// How a triangle is stored. indptr: (n + 1); indices, data: (stored)
template <class T, class I>
struct StoredTriangle {
    index_t n = 0;
    index_t stored = 0;
    const I* indptr = nullptr;
    const I* indices = nullptr;
    const T* data = nullptr;
    bool lower = true;
    bool columns = false;  // compressed columns, else rows
    bool unit = false;     // the diagonal is ones, whatever is stored
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// last < j < bound in one comparison, where last < bound
KRISS_ALWAYS_INLINE bool between(index_t last, index_t j, index_t bound) {
    return static_cast<std::uint64_t>(j - last - 1) < static_cast<std::uint64_t>(bound - last - 1);
}

// What is left of a line beside its diagonal: entries [start, stop), columns between last and bound.
template <class T>
struct Line {
    index_t start;
    index_t stop;
    T inverse;  // of the diagonal
    Status status;
};

// Line i of a triangle, its diagonal taken off.
// The diagonal ends a line if the line lies before it, and begins it otherwise.
template <class T, class I, bool AtEnd, bool Unit>
KRISS_ALWAYS_INLINE Line<T> line_of(const StoredTriangle<T, I>& a, index_t i) {
    Line<T> line{a.indptr[i], a.indptr[i + 1], T(1), Status::ok};
    if (line.start < 0 || line.stop < line.start || line.stop > a.stored) {
        line.status = Status::failed;
        return line;
    }
    const index_t at = AtEnd ? line.stop - 1 : line.start;
    if (line.start == line.stop || static_cast<index_t>(a.indices[at]) != i) {
        line.status = Unit ? Status::ok : Status::zero_diagonal;
        return line;
    }
    line.stop -= AtEnd ? 1 : 0;
    line.start += AtEnd ? 0 : 1;
    if (!Unit) {
        line.inverse = T(1) / a.data[at];
        line.status = a.data[at] != T(0) ? Status::ok : Status::zero_diagonal;
    }
    return line;
}

// x = T^-1 x for one right-hand side.  x: (n)
// The line before is the only one whose result is not there long since. Its value is kept in a register and multiplied
// in last, so that one product and one difference stand between two lines.
template <class T, class I, bool Columns, bool Lower, bool Unit>
Info substitute_one(const StoredTriangle<T, I>& a, T* x, const Executor& ex) {
    constexpr bool at_end = Columns != Lower;
    const I* KRISS_RESTRICT indices = a.indices;
    const T* KRISS_RESTRICT data = a.data;
    const index_t n = a.n;
    T before = 0;    // x of the line before
    T coupling = 0;  // columns: the entry of that line in this one
    bool coupled = false;
    index_t look = 65536;  // when to ask next
    index_t i = Lower ? 0 : n - 1;
    for (index_t left = n; left > 0; --left, i += Lower ? 1 : -1) {
        Line<T> line = line_of<T, I, at_end, Unit>(a, i);
        if (line.status != Status::ok) {
            return {line.status, i};
        }
        // sorted, beyond the diagonal on one side only, inside the matrix
        index_t last = at_end ? -1 : i;
        const index_t bound = at_end ? i : n;
        const index_t nearby = at_end ? i - 1 : i + 1;
        T near = 0;
        bool adjacent = false;  // zero times infinity must not come from an entry that is not there
        if (line.start < line.stop) {
            const index_t at = at_end ? line.stop - 1 : line.start;
            if (static_cast<index_t>(indices[at]) == nearby) {
                if (nearby < 0 || nearby >= n) {
                    return {Status::failed, i};
                }
                near = data[at];
                adjacent = true;
                line.stop -= at_end ? 1 : 0;
                line.start += at_end ? 0 : 1;
                last = at_end ? last : nearby;
            }
        }
        if constexpr (Columns) {
            const T s = x[i] * line.inverse;
            // a branch that is foreseen; a selection would stand in the chain from line to line
            if (__builtin_expect(static_cast<long>(coupled), 1L) != 0) {
                before = s - coupling * line.inverse * before;
            } else {
                before = s;
            }
            x[i] = before;
            coupling = near;
            coupled = adjacent;
            for (index_t h = line.start; h < line.stop; ++h) {
                const index_t j = indices[h];
                if (!between(last, j, bound)) {
                    return {Status::failed, i};
                }
                last = j;
                x[j] -= data[h] * before;
            }
        } else {
            T s = x[i];
            for (index_t h = line.start; h < line.stop; ++h) {
                const index_t j = indices[h];
                if (!between(last, j, bound)) {
                    return {Status::failed, i};
                }
                last = j;
                s -= data[h] * x[j];
            }
            before = adjacent ? s * line.inverse - near * line.inverse * before : s * line.inverse;
            x[i] = before;
        }
        if (--look == 0) {
            if (ex.interrupted()) {
                return {Status::interrupted, i};
            }
            look = 65536;
        }
    }
    return {};
}

// The same for k right-hand sides side by side.  x: (n, k), row-major
template <class T, class I, bool Columns, bool Lower, bool Unit>
Info substitute_many(const StoredTriangle<T, I>& a, index_t k, T* x, const Executor& ex) {
    constexpr bool at_end = Columns != Lower;
    for (index_t turn = 0; turn < a.n; ++turn) {
        const index_t i = Lower ? turn : a.n - 1 - turn;
        const Line<T> line = line_of<T, I, at_end, Unit>(a, i);
        if (line.status != Status::ok) {
            return {line.status, i};
        }
        index_t last = at_end ? -1 : i;
        const index_t bound = at_end ? i : a.n;
        T* own = x + i * k;
        if constexpr (Columns) {
            for (index_t c = 0; c < k; ++c) {
                own[c] *= line.inverse;
            }
        }
        for (index_t h = line.start; h < line.stop; ++h) {
            const index_t j = a.indices[h];
            if (!between(last, j, bound)) {
                return {Status::failed, i};
            }
            last = j;
            const T v = a.data[h];
            T* other = x + j * k;
            for (index_t c = 0; c < k; ++c) {
                if constexpr (Columns) {
                    other[c] -= v * own[c];
                } else {
                    own[c] -= v * other[c];
                }
            }
        }
        if constexpr (!Columns) {
            for (index_t c = 0; c < k; ++c) {
                own[c] *= line.inverse;
            }
        }
        if (turn % 16384 == 16383 && ex.interrupted()) {
            return {Status::interrupted, i};
        }
    }
    return {};
}

// x = T^-1 x for k right-hand sides side by side.  x: (n, k), row-major
// ok; zero_diagonal where one is zero or missing; failed (index: the line) where the storage is not that of a triangle
// with sorted lines without duplicates.
// Reads (sizeof(T) + sizeof(I)) stored bytes and x; 2 stored k flops and n divisions.
template <class T, class I, bool Columns, bool Lower>
Info substitute_as(const StoredTriangle<T, I>& a, index_t k, T* x, const Executor& ex) {
    if (a.n > 0 && a.indptr[0] != 0) {
        return {Status::failed, 0};
    }
    if (k == 1) {
        return a.unit ? substitute_one<T, I, Columns, Lower, true>(a, x, ex)
                      : substitute_one<T, I, Columns, Lower, false>(a, x, ex);
    }
    return a.unit ? substitute_many<T, I, Columns, Lower, true>(a, k, x, ex)
                  : substitute_many<T, I, Columns, Lower, false>(a, k, x, ex);
}

template <class T, class I>
Info substitute(const StoredTriangle<T, I>& a, index_t k, T* x, const Executor& ex) {
    if (a.columns) {
        return a.lower ? substitute_as<T, I, true, true>(a, k, x, ex) : substitute_as<T, I, true, false>(a, k, x, ex);
    }
    return a.lower ? substitute_as<T, I, false, true>(a, k, x, ex) : substitute_as<T, I, false, false>(a, k, x, ex);
}

KRISS_NAMESPACE_END
