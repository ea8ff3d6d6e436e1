// Substitution with a sparse triangle as it is stored, checked on the way.
//
// G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed., Johns Hopkins 2013, sections 3.1.1 (by columns)
// and 3.1.3 (by rows). Everything that the solve relies on is tested where it is used: the index arrays, the order of
// the entries, the triangle, the diagonal. A matrix that fails is reported with its row, before anything outside is
// read.
#pragma once

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
    // One right-hand side: the line before is the only one whose result is not there long since. Its value is kept in
    // a register and multiplied in last, so that one product and one difference stand between two lines.
    T before = 0;    // x of the line before
    T coupling = 0;  // columns: the entry of that line in this one
    bool coupled = false;
    for (index_t turn = 0; turn < a.n; ++turn) {
        const index_t i = Lower ? turn : a.n - 1 - turn;
        const index_t nearby = Columns ? (Lower ? i + 1 : i - 1) : (Lower ? i - 1 : i + 1);
        index_t start = a.indptr[i];
        index_t stop = a.indptr[i + 1];
        if (start < 0 || stop < start || stop > a.stored) {
            return {Status::failed, i};
        }
        T inverse = 1;
        bool found = false;
        if (start < stop) {
            const index_t at = at_end ? stop - 1 : start;
            if (static_cast<index_t>(indices[at]) == i) {
                found = data[at] != T(0);
                inverse = a.unit ? T(1) : T(1) / data[at];
                stop -= at_end ? 1 : 0;
                start += at_end ? 0 : 1;
            }
        }
        if (!a.unit && !found) {
            return {Status::zero_diagonal, i};
        }
        // sorted, beyond the diagonal on one side only, inside the matrix
        index_t last = at_end ? -1 : i;
        const index_t bound = at_end ? i : a.n;
        if (k == 1) {
            T near = 0;
            bool adjacent = false;  // zero times infinity must not come from an entry that is not there
            if (start < stop) {
                const index_t at = at_end ? stop - 1 : start;
                if (static_cast<index_t>(indices[at]) == nearby && nearby >= 0 && nearby < a.n) {
                    near = data[at];
                    adjacent = true;
                    stop -= at_end ? 1 : 0;
                    start += at_end ? 0 : 1;
                    last = at_end ? last : nearby;
                }
            }
            if constexpr (Columns) {
                const T s = x[i];
                before = coupled ? s * inverse - coupling * inverse * before : s * inverse;
                x[i] = before;
                coupling = near;
                coupled = adjacent;
                for (index_t h = start; h < stop; ++h) {
                    const index_t j = indices[h];
                    if (j <= last || j >= bound) {
                        return {Status::failed, i};
                    }
                    last = j;
                    x[j] -= data[h] * before;
                }
            } else {
                T s = x[i];
                for (index_t h = start; h < stop; ++h) {
                    const index_t j = indices[h];
                    if (j <= last || j >= bound) {
                        return {Status::failed, i};
                    }
                    last = j;
                    s -= data[h] * x[j];
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
                const index_t j = indices[h];
                if (j <= last || j >= bound) {
                    return {Status::failed, i};
                }
                last = j;
                const T v = data[h];
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
                    own[c] *= inverse;
                }
            }
        }
        if (turn % 65536 == 65535 && ex.interrupted()) {
            return {Status::interrupted, i};
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
