// A Cholesky factor that gains and loses rows: triangular solves with a few right-hand sides over a factor stored with
// room to grow, and the factor of a matrix without some of its rows.
//
// P. E. Gill, G. H. Golub, W. Murray, M. A. Saunders, "Methods for Modifying Matrix Factorizations", Mathematics of
// Computation 28 (1974), section 3, method C3 and section 5: without row and column d of K = L L', the rows below d
// obey
//     K_33 = L_33 L_33' + l l',   l the rest of column d of L,
// which plane rotations of each column of L_33 against l bring back to triangular form. Nothing is subtracted: the step
// is orthogonal and cannot lose positive definiteness.
//
// a: row-major with `ld` items from one row to the next, of which only the lower triangle of the first n rows is read.
// Sums are cut in the same places at every level and for any number of workers, so that all give the same bits.
#pragma once

#include <cmath>

#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

inline constexpr index_t update_block = 64;   // rows that are solved, and columns that are rotated, at a time
inline constexpr index_t update_lanes = 16;   // partial sums of a product, rows that are rotated side by side
inline constexpr index_t update_chunk = 512;  // columns of a task of the backward solve

// Items of scratch for drop_rows: the columns that go, and a block's rotations.
constexpr index_t drop_scratch(index_t rows, index_t lost) { return lost * (rows + 2 * update_block); }

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace update {

template <class T>
KRISS_ALWAYS_INLINE T dot(index_t n, const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT y) {
    T part[update_lanes] = {};
    index_t j = 0;
    for (; j + update_lanes <= n; j += update_lanes) {
        for (index_t l = 0; l < update_lanes; ++l) {
            part[l] += x[j + l] * y[j + l];
        }
    }
    for (index_t l = 0; j < n; ++j, ++l) {
        part[l] += x[j] * y[j];
    }
    for (index_t half = update_lanes / 2; half > 0; half /= 2) {
        for (index_t l = 0; l < half; ++l) {
            part[l] += part[l + half];
        }
    }
    return part[0];
}

// y -= c x
template <class T>
KRISS_ALWAYS_INLINE void subtract(index_t n, T c, const T* KRISS_RESTRICT x, T* KRISS_RESTRICT y) {
    for (index_t j = 0; j < n; ++j) {
        y[j] -= c * x[j];
    }
}

// The plane rotation that takes (a, b) to (r, 0), a > 0; squares of what is at most 1 only.
template <class T>
KRISS_ALWAYS_INLINE T rotation(T a, T b, T* c, T* s) {
    const T size = std::abs(b);
    const T most = a > size ? a : size;
    const T x = a / most;
    const T y = b / most;
    const T root = std::sqrt(x * x + y * y);
    *c = x / root;
    *s = y / root;
    return most * root;
}

// Rows of `out` without the columns lost[0..q), and those columns, w[p][row].
template <class T>
KRISS_ALWAYS_INLINE void copy_row(index_t row, index_t from, const T* a, index_t q, const index_t* lost, index_t m,
                                  T* KRISS_RESTRICT out, T* w) {
    index_t at = 0;
    index_t begin = 0;
    for (index_t p = 0; p <= q; ++p) {
        const index_t end = p < q && lost[p] < from ? lost[p] : from + 1;
        for (index_t j = begin; j < end; ++j, ++at) {
            out[at] = a[j];
        }
        if (p < q) {
            w[p * m + row] = lost[p] < from ? a[lost[p]] : T(0);
        }
        begin = end + 1;
    }
}

// Rows k0..k1 against columns k0..k1: the rotations of the block, cs[p][0][j] and cs[p][1][j].
template <class T>
KRISS_ALWAYS_INLINE void rotate_diagonal(index_t k0, index_t k1, index_t m, index_t q, T* out, index_t ld, T* w,
                                         T* cs) {
    for (index_t i = k0; i < k1; ++i) {
        T* const row = out + i * ld + k0;
        for (index_t p = 0; p < q; ++p) {
            T* const c = cs + 2 * p * update_block;
            T* const s = c + update_block;
            T z = w[p * m + i];
            for (index_t j = 0; j < i - k0; ++j) {
                const T l = row[j];
                row[j] = c[j] * l + s[j] * z;
                z = c[j] * z - s[j] * l;
            }
            row[i - k0] = rotation(row[i - k0], z, c + (i - k0), s + (i - k0));
            w[p * m + i] = T(0);
        }
    }
}

// Rows i0..i0+rows (at most update_lanes) below the block: each pair (column j, w_p) turned by rotation j.
template <class T>
KRISS_ALWAYS_INLINE void rotate_below(index_t k0, index_t width, index_t m, index_t q, index_t i0, index_t rows, T* out,
                                      index_t ld, T* w, const T* cs) {
    alignas(64) T tile[update_block * update_lanes] = {};
    alignas(64) T z[update_lanes] = {};
    T* const corner = out + i0 * ld + k0;
    for (index_t r = 0; r < rows; ++r) {
        for (index_t j = 0; j < width; ++j) {
            tile[j * update_lanes + r] = corner[r * ld + j];
        }
    }
    for (index_t p = 0; p < q; ++p) {
        T* const mine = w + p * m + i0;
        const T* const c = cs + 2 * p * update_block;
        const T* const s = c + update_block;
        for (index_t r = 0; r < rows; ++r) {
            z[r] = mine[r];
        }
        for (index_t j = 0; j < width; ++j) {
            T* KRISS_RESTRICT l = tile + j * update_lanes;
            const T cj = c[j];
            const T sj = s[j];
            for (index_t r = 0; r < update_lanes; ++r) {
                const T turned = cj * l[r] + sj * z[r];
                z[r] = cj * z[r] - sj * l[r];
                l[r] = turned;
            }
        }
        for (index_t r = 0; r < rows; ++r) {
            mine[r] = z[r];
        }
    }
    for (index_t r = 0; r < rows; ++r) {
        for (index_t j = 0; j < width; ++j) {
            corner[r * ld + j] = tile[j * update_lanes + r];
        }
    }
}

}  // namespace update

// b: (rhs, n), one right-hand side per row, each to L^-1 b. n^2 flops per right-hand side; 4 n^2 bytes in float64, read
// once for all of them.
template <class T>
Info lower_solve(index_t n, index_t ld, const T* a, index_t rhs, T* b, const Executor& ex) {
    for (index_t k = 0; k < n; k += update_block) {
        const index_t end = k + update_block < n ? k + update_block : n;
        ex.parallel_for(k > 0 ? end - k : 0, update_block / 8, [=](index_t first, index_t last) {
            for (index_t i = k + first; i < k + last; ++i) {
                for (index_t r = 0; r < rhs; ++r) {
                    b[r * n + i] -= update::dot(k, a + i * ld, b + r * n);
                }
            }
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
        for (index_t i = k; i < end; ++i) {
            const T* const row = a + i * ld;
            for (index_t r = 0; r < rhs; ++r) {
                T* const x = b + r * n;
                x[i] = (x[i] - update::dot(i - k, row + k, x + k)) / row[i];
            }
        }
    }
    return {};
}

// Each row of b to L'^-1 b.
template <class T>
Info upper_solve(index_t n, index_t ld, const T* a, index_t rhs, T* b, const Executor& ex) {
    for (index_t end = n; end > 0;) {
        const index_t k = (end - 1) / update_block * update_block;
        for (index_t i = end; i-- > k;) {
            const T* const row = a + i * ld;
            for (index_t r = 0; r < rhs; ++r) {
                T* const x = b + r * n;
                x[i] /= row[i];
                update::subtract(i - k, x[i], row + k, x + k);
            }
        }
        const index_t stop = end;
        ex.parallel_for(k, update_chunk, [=](index_t first, index_t last) {
            for (index_t i = stop; i-- > k;) {
                for (index_t r = 0; r < rhs; ++r) {
                    update::subtract(last - first, b[r * n + i], a + i * ld + first, b + r * n + first);
                }
            }
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
        end = k;
    }
    return {};
}

// out (m, m), row stride ldo: the lower triangle of the factor of K without the rows lost[0..q), increasing; keep: the
// m others, increasing. scratch: drop_scratch(m, q) items. 3 q (m - i)^2 flops for the m - i rows after the first that
// goes; 16 m^2 / 2 bytes of copy and 16 (m - i)^2 / 2 of rotations in float64, whatever q.
template <class T>
Info drop_rows(index_t lda, const T* a, index_t m, const index_t* keep, index_t q, const index_t* lost, T* out,
               index_t ldo, T* scratch, const Executor& ex) {
    T* const w = scratch;
    T* const cs = scratch + q * m;
    ex.parallel_for(m, update_block, [=](index_t first, index_t last) {
        for (index_t i = first; i < last; ++i) {
            update::copy_row(i, keep[i], a + keep[i] * lda, q, lost, m, out + i * ldo, w);
        }
    });
    if (ex.interrupted()) {
        return {Status::interrupted, 0};
    }
    const index_t start = q > 0 ? lost[0] / update_block * update_block : m;
    for (index_t k = start; k < m; k += update_block) {
        const index_t end = k + update_block < m ? k + update_block : m;
        update::rotate_diagonal(k, end, m, q, out, ldo, w, cs);
        ex.parallel_for((m - end + update_lanes - 1) / update_lanes, 4, [=](index_t first, index_t last) {
            for (index_t g = first; g < last; ++g) {
                const index_t i0 = end + g * update_lanes;
                const index_t rows = m - i0 < update_lanes ? m - i0 : update_lanes;
                update::rotate_below(k, end - k, m, q, i0, rows, out, ldo, w, cs);
            }
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

KRISS_NAMESPACE_END
