// Substitution with a sparse triangle as it is stored, checked on the way.
//
// G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed., Johns Hopkins 2013, sections 3.1.1 (by columns)
// and 3.1.3 (by rows). Everything that the solve relies on is tested on the way: the index arrays, the order of the
// entries, the triangle, the diagonal. Blocks of lines are tested by vector loops just before they are solved with, and
// are in the cache then; a line costs half as many instructions as one that tests itself. A matrix that fails is
// reported with its row, before anything outside is read.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/canonical.hpp"
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

inline constexpr index_t substitution_block = 256;  // lines that are checked together

// What is wrong with line i: ok; zero_diagonal where it is zero or missing; failed where the line is not sorted, has
// duplicates, leaves the matrix or the triangle.  at_end: the diagonal ends a line, else it begins it
template <class T, class I>
Status line_status(const StoredTriangle<T, I>& a, index_t i, bool at_end) {
    index_t start = a.indptr[i];
    index_t stop = a.indptr[i + 1];
    if (start < 0 || stop < start || stop > a.stored) {
        return Status::failed;
    }
    bool found = false;
    if (start < stop) {
        const index_t at = at_end ? stop - 1 : start;
        if (static_cast<index_t>(a.indices[at]) == i) {
            found = a.data[at] != T(0);
            stop -= at_end ? 1 : 0;
            start += at_end ? 0 : 1;
        }
    }
    if (!a.unit && !found) {
        return Status::zero_diagonal;
    }
    index_t last = at_end ? -1 : i;
    for (index_t h = start; h < stop; ++h) {
        const index_t j = a.indices[h];
        if (j <= last || j >= (at_end ? i : a.n)) {
            return Status::failed;
        }
        last = j;
    }
    return Status::ok;
}

// Checks the lines [begin, end) by vector loops, and leaves the inverse of the diagonal (1 if it is one) and whether it
// is stored. False if one of the lines is not ok.
template <class T, class I, bool AtEnd>
KRISS_ALWAYS_INLINE bool block_is_triangular(const StoredTriangle<T, I>& a, index_t begin, index_t end,
                                             T* KRISS_RESTRICT inverse, index_t* KRISS_RESTRICT stored) {
    const CsrView<T, I> lines{a.n, a.n, a.indptr, a.indices, a.data};
    if (canonical_rows(lines, a.stored, false, begin, end) != 0) {
        return false;
    }
    bool good = true;
    for (index_t i = begin; i < end; ++i) {
        const index_t start = a.indptr[i];
        const index_t stop = a.indptr[i + 1];
        const index_t at = AtEnd ? stop - 1 : start;
        const index_t j = start < stop ? static_cast<index_t>(a.indices[at]) : (AtEnd ? index_t(-1) : a.n);
        const bool on = j == i;
        good = good && (AtEnd ? j <= i : j >= i) && (a.unit || (on && a.data[at] != T(0)));
        stored[i - begin] = on ? 1 : 0;
        inverse[i - begin] = on && !a.unit ? a.data[at] : T(1);
    }
    for (index_t i = 0; i < end - begin; ++i) {
        inverse[i] = T(1) / inverse[i];
    }
    return good;
}

// x = T^-1 x for k right-hand sides side by side.  x: (n, k), row-major
// ok; zero_diagonal where one is zero or missing; failed (index: the line) where the storage is not that of a triangle
// with sorted lines without duplicates.
// Reads (sizeof(T) + sizeof(I)) stored bytes and x; 2 stored k flops and n divisions.
template <class T, class I, bool Columns, bool Lower>
Info substitute_as(const StoredTriangle<T, I>& a, index_t k, T* x, const Executor& ex) {
    const I* KRISS_RESTRICT indices = a.indices;
    const T* KRISS_RESTRICT data = a.data;
    // the diagonal ends a line if the line lies before it, and begins it otherwise
    constexpr bool at_end = Columns != Lower;
    if (a.n > 0 && a.indptr[0] != 0) {
        return {Status::failed, 0};
    }
    T inverses[substitution_block];
    index_t diagonals[substitution_block];
    // One right-hand side: the line before is the only one whose result is not there long since. Its value is kept in
    // a register and multiplied in last, so that one product and one difference stand between two lines.
    T before = 0;    // x of the line before
    T coupling = 0;  // columns: the entry of that line in this one
    bool coupled = false;
    for (index_t done = 0; done < a.n; done += substitution_block) {
        const index_t many = done + substitution_block < a.n ? substitution_block : a.n - done;
        const index_t begin = Lower ? done : a.n - done - many;
        if (!block_is_triangular<T, I, at_end>(a, begin, begin + many, inverses, diagonals)) {
            for (index_t turn = 0; turn < many; ++turn) {
                const index_t i = Lower ? begin + turn : begin + many - 1 - turn;
                const Status status = line_status(a, i, at_end);
                if (status != Status::ok) {
                    return {status, i};
                }
            }
            return {Status::failed, begin};
        }
        for (index_t turn = 0; turn < many; ++turn) {
            const index_t in = Lower ? turn : many - 1 - turn;
            const index_t i = begin + in;
            const T inverse = inverses[in];
            index_t start = a.indptr[i] + (at_end ? 0 : diagonals[in]);
            index_t stop = a.indptr[i + 1] - (at_end ? diagonals[in] : 0);
            if (k == 1) {
                const index_t nearby = Columns == Lower ? i + 1 : i - 1;
                T near = 0;
                bool adjacent = false;  // zero times infinity must not come from an entry that is not there
                if (start < stop) {
                    const index_t at = at_end ? stop - 1 : start;
                    if (static_cast<index_t>(indices[at]) == nearby) {
                        near = data[at];
                        adjacent = true;
                        stop -= at_end ? 1 : 0;
                        start += at_end ? 0 : 1;
                    }
                }
                if constexpr (Columns) {
                    const T s = x[i];
                    before = coupled ? s * inverse - coupling * inverse * before : s * inverse;
                    x[i] = before;
                    coupling = near;
                    coupled = adjacent;
                    for (index_t h = start; h < stop; ++h) {
                        x[indices[h]] -= data[h] * before;
                    }
                } else {
                    T s = x[i];
                    for (index_t h = start; h < stop; ++h) {
                        s -= data[h] * x[indices[h]];
                    }
                    before = adjacent ? s * inverse - near * inverse * before : s * inverse;
                    x[i] = before;
                }
            } else {
                T* own = x + i * k;
                if constexpr (Columns) {
                    for (index_t c = 0; c < k; ++c) {
                        own[c] *= inverse;
                    }
                }
                for (index_t h = start; h < stop; ++h) {
                    const T v = data[h];
                    T* other = x + static_cast<index_t>(indices[h]) * k;
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
                        own[c] *= inverse;
                    }
                }
            }
        }
        if (done % 65536 == 0 && ex.interrupted()) {
            return {Status::interrupted, begin};
        }
    }
    return {};
}

template <class T, class I>
Info substitute(const StoredTriangle<T, I>& a, index_t k, T* x, const Executor& ex) {
    if (a.columns) {
        return a.lower ? substitute_as<T, I, true, true>(a, k, x, ex) : substitute_as<T, I, true, false>(a, k, x, ex);
    }
    return a.lower ? substitute_as<T, I, false, true>(a, k, x, ex) : substitute_as<T, I, false, false>(a, k, x, ex);
}

KRISS_NAMESPACE_END
