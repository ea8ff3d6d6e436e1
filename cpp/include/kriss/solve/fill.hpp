// Incomplete factorisations whose fill is limited by size and by number: ICT and ILUT.
//
// ICT: C.-J. Lin, J. J. More, "Incomplete Cholesky factorizations with limited memory", SIAM J. Sci. Comput. 21 (1999),
// algorithm 2.1, with the drop tolerance of ILUT: Y. Saad, "ILUT: a dual threshold incomplete LU factorization", Numer.
// Linear Algebra Appl. 1 (1994), section 2. On breakdown the caller retries with the diagonal of A enlarged by a factor
// 1 + shift (T. A. Manteuffel, Math. Comp. 34 (1980), section 4); pivots are never clamped.
//
// Both measure an entry before it is divided by its pivot, against the norm of the row of A: scaling a row of A changes
// nothing, and the error made by dropping an entry of L is that entry times a row of U, whose size is its pivot.
//
// Rows are appended to arrays of limited room. A factorisation that runs out of it says at which row, and goes on from
// there with larger arrays, so that nobody has to allocate the most that the options allow.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/select.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Strict rows of a triangle as they are appended. indptr: (n + 1), indptr[0] = 0; indices, data: (room)
template <class T, class I>
struct GrowingRows {
    I* indptr = nullptr;
    I* indices = nullptr;
    T* data = nullptr;
    index_t room = 0;
};

// What a factorisation keeps between calls, all (n): mark starts as -1, head as -1, the rest is arbitrary.
template <class T, class I>
struct FillScratch {
    T* w = nullptr;  // the row in the making, valid where mark is its number
    I* mark = nullptr;
    I* list = nullptr;   // the columns of the row
    I* heap = nullptr;   // ILUT: columns left of the diagonal that are still to be eliminated
    I* head = nullptr;   // ICT: first row of U whose next entry is in this column, -1 if none
    I* next = nullptr;   // ICT: the row after it. ILUT: columns of the multipliers that are used
    I* first = nullptr;  // ICT: where in row k its next entry is
};

struct FillOptions {
    double drop = 0.0;
    index_t fill = 0;
    double shift = 0.0;
    double tau = 0.0;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr index_t fill_work = 1 << 20;  // entries visited between two looks at whether to stop

// The Euclidean norm of v without over- or underflow of the squares.
template <class T>
KRISS_ALWAYS_INLINE double row_norm(const T* v, index_t count) {
    double largest = 0.0;
    for (index_t k = 0; k < count; ++k) {
        const double x = std::fabs(static_cast<double>(v[k]));
        largest = x > largest ? x : largest;
    }
    if (!(largest > 0.0)) {
        return largest;
    }
    double sum = 0.0;
    for (index_t k = 0; k < count; ++k) {
        const double x = static_cast<double>(v[k]) / largest;
        sum += x * x;
    }
    return largest * std::sqrt(sum);
}

// Keeps of list[0..count) the items with |w| > least, of these the `most` largest, in increasing order; returns how
// many, or -1 if one is NaN or infinite.
template <class T, class I>
KRISS_ALWAYS_INLINE index_t drop_small(const T* w, I* list, index_t count, double least, index_t most) {
    index_t kept = 0;
    for (index_t k = 0; k < count; ++k) {
        const T v = w[list[k]];
        if (!std::isfinite(v)) {
            return -1;
        }
        if (std::fabs(static_cast<double>(v)) > least) {
            list[kept++] = list[k];
        }
    }
    if (kept > most) {
        select_largest(w, list, kept, most);
        kept = most;
    }
    sort_list(list, kept);
    return kept;
}

// Rows [begin, n) of U with U'U close to A + shift diag(A), A symmetric with sorted rows (only its upper triangle is
// read).  where: (n) places of the diagonal entries; u: strict rows; root: (n) diagonal of U.
// A row keeps the entries above drop times the norm of the upper part of its row of A, at most `fill` more than that
// part has. ok; not_positive_definite with the row if a pivot is not above tau times the diagonal entry of A;
// out_of_range with the row to go on from if u is full.  O(sum of squared row lengths of U) flops.
template <class T, class I>
Info ict_factor(const CsrView<T, I>& a, const I* where, const FillOptions& opt, index_t begin,
                const GrowingRows<T, I>& u, T* root, const FillScratch<T, I>& s, const Executor& ex) {
    index_t work = 0;
    for (index_t j = begin; j < a.rows; ++j) {
        const index_t start = where[j];
        const index_t stop = a.indptr[j + 1];
        const index_t own = stop - start - 1;
        const index_t most = own + opt.fill;
        const index_t at = u.indptr[j];
        if (at + (most < a.rows - j ? most : a.rows - j) > u.room) {
            return {Status::out_of_range, j};
        }
        const I row = static_cast<I>(j);
        index_t count = 0;
        for (index_t k = start + 1; k < stop; ++k) {
            const I i = a.indices[k];
            s.w[i] = a.data[k];
            s.mark[i] = row;
            s.list[count++] = i;
        }
        T pivot = (T(1) + static_cast<T>(opt.shift)) * a.data[start];
        for (I k = s.head[j]; k >= 0;) {
            const I after = s.next[k];
            const index_t here = s.first[k];
            const index_t end = u.indptr[k + 1];
            const T f = u.data[here];
            work += end - here;
            pivot -= f * f;
            for (index_t q = here + 1; q < end; ++q) {
                const I i = u.indices[q];
                if (s.mark[i] != row) {
                    s.mark[i] = row;
                    s.list[count++] = i;
                    s.w[i] = -(f * u.data[q]);
                } else {
                    s.w[i] -= f * u.data[q];
                }
            }
            if (here + 1 < end) {
                const I column = u.indices[here + 1];
                s.first[k] = static_cast<I>(here + 1);
                s.next[k] = s.head[column];
                s.head[column] = k;
            }
            k = after;
        }
        const T least = static_cast<T>(opt.tau) * a.data[start];
        if (!(pivot > least) || !(pivot > T(0)) || !std::isfinite(pivot)) {
            return {Status::not_positive_definite, j};
        }
        root[j] = std::sqrt(pivot);
        const index_t kept = drop_small(s.w, s.list, count, opt.drop * row_norm(a.data + start, stop - start), most);
        if (kept < 0) {
            return {Status::not_positive_definite, j};
        }
        for (index_t k = 0; k < kept; ++k) {
            u.indices[at + k] = s.list[k];
            u.data[at + k] = s.w[s.list[k]] / root[j];
        }
        u.indptr[j + 1] = static_cast<I>(at + kept);
        if (kept > 0) {
            s.first[j] = static_cast<I>(at);
            s.next[j] = s.head[s.list[0]];
            s.head[s.list[0]] = row;
        }
        work += count;
        if (work >= fill_work) {
            work = 0;
            if (ex.interrupted()) {
                return {Status::interrupted, j};
            }
        }
    }
    return {};
}

// Rows [begin, n) of L (unit diagonal, strict rows l) and U (strict rows u, inverse diagonal) with L U close to A.
// Each part of a row keeps the entries above drop times the norm of the row of A, at most `fill` more than the row of A
// has in that part. ok; singular with the row if a pivot is not above tau times that norm (inverse[row] then holds the
// pivot), non_finite with the row; out_of_range with the row to go on from if l or u is full.
template <class T, class I>
Info ilut_factor(const CsrView<T, I>& a, const FillOptions& opt, index_t begin, const GrowingRows<T, I>& l,
                 const GrowingRows<T, I>& u, T* inverse, const FillScratch<T, I>& s, const Executor& ex) {
    index_t work = 0;
    for (index_t i = begin; i < a.rows; ++i) {
        const index_t start = a.indptr[i];
        const index_t stop = a.indptr[i + 1];
        const I row = static_cast<I>(i);
        index_t left = 0;   // columns in the heap
        index_t right = 0;  // columns in the list, right of the diagonal
        s.w[i] = T(0);
        s.mark[i] = row;
        for (index_t k = start; k < stop; ++k) {
            const I j = a.indices[k];
            s.w[j] = a.data[k];
            s.mark[j] = row;
            if (j < row) {
                s.heap[left++] = j;  // sorted, hence a heap
            } else if (j > row) {
                s.list[right++] = j;
            }
        }
        const index_t most_left = left + opt.fill < i ? left + opt.fill : i;
        const index_t most_right = right + opt.fill < a.rows - 1 - i ? right + opt.fill : a.rows - 1 - i;
        const index_t at_l = l.indptr[i];
        const index_t at_u = u.indptr[i];
        if (at_l + most_left > l.room || at_u + most_right > u.room) {
            return {Status::out_of_range, i};
        }
        const double norm = row_norm(a.data + start, stop - start);
        const double least = opt.drop * norm;
        index_t used = 0;
        I* const lower = s.next;
        while (left > 0) {
            const I k = heap_pop(s.heap, left--);
            const T f = s.w[k];
            if (!std::isfinite(f)) {
                return {Status::non_finite, i};
            }
            if (!(std::fabs(static_cast<double>(f)) > least)) {
                continue;
            }
            lower[used++] = k;
            const T multiplier = f * inverse[k];
            work += u.indptr[k + 1] - u.indptr[k];
            for (index_t q = u.indptr[k]; q < u.indptr[k + 1]; ++q) {
                const I j = u.indices[q];
                const T change = multiplier * u.data[q];
                if (s.mark[j] == row) {
                    s.w[j] -= change;
                    continue;
                }
                s.mark[j] = row;
                s.w[j] = -change;
                if (j < row) {
                    heap_push(s.heap, left++, j);
                } else {
                    s.list[right++] = j;
                }
            }
        }
        const T pivot = s.w[i];
        inverse[i] = T(1) / pivot;
        if (!(std::fabs(static_cast<double>(pivot)) > opt.tau * norm) || !std::isfinite(pivot) ||
            !std::isfinite(inverse[i])) {
            inverse[i] = pivot;
            return {Status::singular, i};
        }
        const index_t below = drop_small(s.w, lower, used, least, most_left);
        const index_t above = drop_small(s.w, s.list, right, least, most_right);
        if (below < 0 || above < 0) {
            return {Status::non_finite, i};
        }
        for (index_t k = 0; k < below; ++k) {
            l.indices[at_l + k] = lower[k];
            l.data[at_l + k] = s.w[lower[k]] * inverse[lower[k]];
        }
        for (index_t k = 0; k < above; ++k) {
            u.indices[at_u + k] = s.list[k];
            u.data[at_u + k] = s.w[s.list[k]];
        }
        l.indptr[i + 1] = static_cast<I>(at_l + below);
        u.indptr[i + 1] = static_cast<I>(at_u + above);
        work += right + used;
        if (work >= fill_work) {
            work = 0;
            if (ex.interrupted()) {
                return {Status::interrupted, i};
            }
        }
    }
    return {};
}

KRISS_NAMESPACE_END
