// Cholesky factor and inverse of a covariance matrix in place, on the executor's threads: nearly every flop of n^3 is
// in updates of the whole triangle by one block of rows or columns, packed once for all workers (dense_product.hpp).
//
// E. Anderson et al., "LAPACK Users' Guide", 3rd ed., SIAM 1999, for the blocked factorisation (potrf); F. L. Bauer,
// C. Reinsch, "Inversion of Positive Definite Matrices by the Gauss-Jordan Method", Handbook for Automatic Computation
// II, Springer 1971, contribution I/3, for an inverse that grows in place of the factor, one sweep per block.
//
// Why not the library's: a threaded BLAS splits each call evenly and waits for the slowest thread, some hundred times
// per factorisation, which costs a scheduler's quantum each time when a core is busy with something else; chunks that
// are handed out one by one do not. And the result is the same for any number of workers.
//
// a: (n, n) row-major, only its lower triangle is read and written.
#pragma once

#include <cmath>
#include <limits>

#include "kriss/executor.hpp"
#include "kriss/gp/dense_product.hpp"
#include "kriss/status.hpp"

namespace kriss {

// Items of scratch for the functions below, 64-byte aligned: both packed forms of a block, and twice its triangle.
constexpr index_t dense_scratch(index_t n) {
    return 2 * (n + dense_block) * dense_block + 2 * dense_block * dense_block;
}

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace dense {

// Where the packed forms lie in the scratch.
template <class T>
struct Packed {
    T* rows;      // slivers of mr rows
    T* columns;   // slivers of nr columns
    T* triangle;  // of the block on the diagonal, slivers of mr rows
    T* work;      // slivers of nr columns while that block is factorised

    KRISS_ALWAYS_INLINE Packed(index_t n, T* scratch)
        : rows(scratch),
          columns(rows + (n + dense_block) * dense_block),
          triangle(columns + (n + dense_block) * dense_block),
          work(triangle + dense_block * dense_block) {}
};

// Lower triangle d (w, step) of one step, row-major, to its factor; the index of a bad pivot or -1.
template <class T>
KRISS_ALWAYS_INLINE index_t factor_step(index_t w, T* d, const T* limit) {
    constexpr index_t ld = Lanes<T>::step;
    T column[ld];
    for (index_t j = 0; j < w; ++j) {
        const T pivot = d[j * ld + j];
        if (!(pivot > limit[j]) || !(pivot <= std::numeric_limits<T>::max())) {
            return j;
        }
        const T root = std::sqrt(pivot);
        d[j * ld + j] = root;
        for (index_t i = j + 1; i < w; ++i) {
            d[i * ld + j] /= root;
            column[i] = d[i * ld + j];
        }
        for (index_t i = j + 1; i < w; ++i) {
            const T l = column[i];
            for (index_t c = j + 1; c <= i; ++c) {
                d[i * ld + c] -= l * column[c];
            }
        }
    }
    return -1;
}

// c (kb, kb), row stride n, on the diagonal: to its factor, there and in `triangle`; the index of a bad pivot or -1.
template <class T>
KRISS_ALWAYS_INLINE index_t factor_block(index_t n, index_t kb, T* c, const T* limit, T* triangle, T* work) {
    constexpr index_t W = Lanes<T>::step;
    constexpr index_t NR = Lanes<T>::nr;
    alignas(64) T d[W * W];
    alignas(64) T row[NR];
    Tile<T> t;
    for (index_t s = 0; s < kb; s += W) {
        const index_t w = least(W, kb - s);
        for (index_t i = 0; i < w; i += mr) {
            for (index_t j = 0; j < w && j < i + mr; j += NR) {
                t.product(s, triangle + (s + i) * dense_block, work + (s + j) * dense_block);
                for (index_t r = 0; r < mr; ++r) {
                    t.put(r, row);
                    for (index_t e = 0; e < NR && j + e <= i + r && i + r < w; ++e) {
                        d[(i + r) * W + j + e] = c[(s + i + r) * n + s + j + e] - row[e];
                    }
                }
            }
        }
        const index_t bad = factor_step(w, d, limit + s);
        if (bad >= 0) {
            return s + bad;
        }
        for (index_t i = 0; i < w; ++i) {
            const index_t at = s + i;
            for (index_t j = 0; j <= i; ++j) {
                c[at * n + s + j] = d[i * W + j];
                triangle[(at / mr * dense_block + s + j) * mr + at % mr] = d[i * W + j];
            }
        }
        for (index_t g = s + W; g < kb; g += NR) {  // the rows below
            const index_t rows = least(NR, kb - g);
            T* const sliver = work + g * dense_block;
            for (index_t e = rows < NR ? s * NR : (s + w) * NR; e < (s + w) * NR; ++e) {
                sliver[e] = T(0);
            }
            transpose(rows, w, c + g * n + s, n, sliver + s * NR, NR);
            substitute(0, s, s + w, triangle, sliver);
            transpose(w, rows, sliver + s * NR, NR, c + g * n + s, n);
            pack_sliver(s, s + w, T(1), sliver, triangle + g * dense_block);
        }
    }
    return -1;
}

// Sliver g of the m rows below a factorised block: solved with its triangle, into the matrix, into `columns`, and with
// the other sign into `rows`. below: a at the first of these rows, first column of the block.
template <class T>
KRISS_ALWAYS_INLINE void eliminate_sliver(index_t n, index_t m, index_t kb, index_t g, T* below, const Packed<T>& to) {
    constexpr index_t NR = Lanes<T>::nr;
    const index_t rows = least(NR, m - g * NR);
    T* const sliver = to.columns + g * NR * dense_block;
    for (index_t e = rows < NR ? 0 : kb * NR; e < kb * NR; ++e) {
        sliver[e] = T(0);
    }
    T* const own = below + g * NR * n;
    transpose(rows, kb, own, n, sliver, NR);
    for (index_t r = rows; r < least(2 * NR, m - g * NR); ++r) {
        prefetch(own + r * n, kb);  // of the next sliver, while this one is solved
    }
    prefetch(sliver + NR * dense_block, NR * kb);
    prefetch(to.rows + (g + 1) * NR * dense_block, NR * kb);
    substitute(0, 0, kb, to.triangle, sliver);
    transpose(kb, rows, sliver, NR, own, n);
    pack_sliver(0, kb, T(-1), sliver, to.rows + g * NR * dense_block);
}

// Columns j..j+nr of block row k of V = L^-1, V[k, j] = -L[k, k]^-1 W[k, j] with W = L[k, :k] V[:k, j] in the matrix,
// into both packed forms, and into the matrix if `keep`.
template <class T>
KRISS_ALWAYS_INLINE void invert_sliver(index_t n, index_t k, index_t kb, index_t j, T* a, bool keep,
                                       const Packed<T>& to) {
    constexpr index_t NR = Lanes<T>::nr;
    T* const x = to.columns + j * dense_block;
    const index_t begin = j < k ? 0 : j - k;
    if (j < k) {
        for (index_t p = 0; p < kb; ++p) {
            const T* const row = a + (k + p) * n + j;
            for (index_t c = 0; c < NR; ++c) {
                x[p * NR + c] = -row[c];
            }
            prefetch(row + NR, NR);  // of the next sliver, while this one is solved
        }
    } else {
        for (index_t p = begin; p < kb; ++p) {
            for (index_t c = 0; c < NR; ++c) {
                x[p * NR + c] = p == begin + c ? T(1) : T(0);
            }
        }
    }
    prefetch(x + NR * dense_block, NR * kb);
    prefetch(to.rows + (j + NR) * dense_block, NR * kb);
    substitute(begin, begin, kb, to.triangle, x);
    pack_sliver(begin, kb, T(1), x, to.rows + j * dense_block);
    for (index_t p = keep ? begin : kb; p < kb; ++p) {
        for (index_t c = 0; c < NR && j + c <= k + p; ++c) {
            a[(k + p) * n + j + c] = x[p * NR + c];
        }
    }
}

// One sweep per block of rows of L: its rows of V = L^-1, whose products with the columns of L go to the rows below,
// and whose squares are added to the rows above, where V' V grows (`squares`), or else V is left.
template <class T>
Info sweep(index_t n, T* a, bool squares, T* scratch, const Executor& ex) {
    constexpr index_t NR = Lanes<T>::nr;
    const Packed<T> packed(n, scratch);
    for (index_t k = 0; k < n; k += dense_block) {
        const index_t kb = least(dense_block, n - k);
        const index_t next = k + kb;
        pack_rows(a + k * n + k, n, kb, kb, packed.triangle);
        // Half a block of columns of V per task, and then half a block of rows of L.
        const index_t inverted = (next + dense_rows - 1) / dense_rows;
        const index_t below = (n - next + dense_rows - 1) / dense_rows;
        ex.parallel_for(inverted + below, 1, [=, &packed](index_t begin, index_t end) {
            for (index_t g = begin; g < end; ++g) {
                if (g < inverted) {
                    for (index_t j = g * dense_rows; j < least((g + 1) * dense_rows, next); j += NR) {
                        invert_sliver(n, k, kb, j, a, !squares, packed);
                    }
                } else {
                    const index_t i = next + (g - inverted) * dense_rows;
                    pack_rows(a + i * n + k, n, least(dense_rows, n - i), kb, packed.rows + i * dense_block);
                }
            }
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
        const index_t first = squares ? 0 : next;
        const index_t groups = (n - first + dense_rows - 1) / dense_rows;
        const index_t spans = (next + dense_span - 1) / dense_span;
        ex.parallel_for(groups * spans, 1, [=, &packed](index_t begin, index_t end) {
            for (index_t g = begin; g < end; ++g) {
                const index_t i0 = first + (groups - 1 - g / spans) * dense_rows;
                const index_t j0 = g % spans * dense_span;
                update(n, a, i0, least(i0 + dense_rows, n), j0, least(j0 + dense_span, next), k, kb, packed.rows,
                       packed.columns);
            }
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

}  // namespace dense

// Overwrites the lower triangle of a with L, a = L L'. limit: (n) the least pivot d_i = L_ii^2 accepted in row i; a
// pivot that is not above it, or not finite, stops with not_positive_definite and its index.
// scratch: dense_scratch(n) items. n^3/3 flops; 8 n^2 n / 576 bytes moved besides the packed panels.
template <class T>
Info dense_cholesky(index_t n, T* a, const T* limit, T* scratch, const Executor& ex) {
    constexpr index_t KB = dense_block;
    constexpr index_t rows = dense_rows;
    static_assert(2 * rows == KB);
    const dense::Packed<T> packed(n, scratch);
    index_t bad = n > 0 ? dense::factor_block(n, dense::least(KB, n), a, limit, packed.triangle, packed.work) : -1;
    for (index_t k = 0; k < n; k += KB) {
        if (bad >= 0) {
            return {Status::not_positive_definite, k + bad};
        }
        const index_t kb = dense::least(KB, n - k);
        const index_t next = k + kb;
        const index_t m = n - next;
        T* const below = a + next * n + k;
        ex.parallel_for((m + dense::Lanes<T>::nr - 1) / dense::Lanes<T>::nr, 2,
                        [=, &packed](index_t begin, index_t end) {
                            for (index_t g = begin; g < end; ++g) {
                                dense::eliminate_sliver(n, m, kb, g, below, packed);
                            }
                        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
        // The next block on the diagonal first: who has updated it factorises it, while the others update the rest.
        T* const rest = a + next * n + next;
        const index_t groups = dense::largest((m + rows - 1) / rows - 2, 0);
        const index_t spans = (m + dense_span - 1) / dense_span;
        ex.parallel_for(m > 0 ? 1 + groups * spans : 0, 1, [=, &packed, &bad](index_t begin, index_t end) {
            for (index_t g = begin; g < end; ++g) {
                if (g == 0) {
                    const index_t width = dense::least(KB, m);
                    dense::update(n, rest, 0, width, 0, width, -KB, kb, packed.rows, packed.columns);
                    bad = dense::factor_block(n, width, rest, limit + next, packed.triangle, packed.work);
                } else {
                    const index_t i0 = (groups + 1 - (g - 1) / spans) * rows;
                    const index_t j0 = (g - 1) % spans * dense_span;
                    dense::update(n, rest, i0, dense::least(i0 + rows, m), j0, j0 + dense_span, -KB, kb, packed.rows,
                                  packed.columns);
                }
            }
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

// Overwrites the lower triangle L of a with V = L^-1. n^3/3 flops; 8 n^2 n / 576 bytes moved besides the packed panels.
template <class T>
Info dense_invert_triangle(index_t n, T* a, T* scratch, const Executor& ex) {
    return dense::sweep(n, a, false, scratch, ex);
}

// Overwrites the lower triangle L of a with that of (L L')^-1 = V' V. 2 n^3/3 flops; 8 n^2 n / 192 bytes moved besides.
template <class T>
Info dense_invert(index_t n, T* a, T* scratch, const Executor& ex) {
    return dense::sweep(n, a, true, scratch, ex);
}

KRISS_NAMESPACE_END
