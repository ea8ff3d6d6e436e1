// Two passes over panels of vectors, which a method that recycles its Krylov space needs once per cycle: the products
// of all pairs of two lists, and a change of basis.
//
// M. L. Parks, E. de Sturler, G. Mackey, D. D. Johnson, S. Maiti, "Recycling Krylov subspaces for sequences of linear
// systems", SIAM J. Sci. Comput. 28 (2006), algorithm 2 (GCRO-DR), lines 24 to 32.
//
// Blocks of rows pass through the cache together, so each vector is read once from memory. Bytes in float64: products
// 8 n (p + q), change 8 n (p + 2 k) in place; flops 2 n p q and 2 n p k. Sums are kept in double (Cplx<double>), block
// after block in a fixed order: bits do not depend on the number of workers.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/gram_schmidt.hpp"
#include "kriss/solve/krylov.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"
#include "kriss/solve/strand.hpp"

namespace kriss {

inline constexpr int max_panel = 64;  // vectors that a change of basis makes

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr index_t staged_rows = 64;  // rows of a change of basis that are staged on the stack

// out_ij = w_i^H u_j.  w: (p) vectors, u: (q) vectors, out: (p, q); part: (chunk_count(n), p q) scratch
template <class T>
void panel_products(index_t n, int p, const T* const* w, int q, const T* const* u, Wide<T>* out, Wide<T>* part,
                    const Executor& ex) {
    constexpr int width = ScalarTraits<T>::is_complex ? 2 * solve_lanes : solve_lanes;
    const index_t pairs = static_cast<index_t>(p) * q;
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        Wide<T>* const mine = part + begin / solve_grain * pairs;
        for (index_t k = 0; k < pairs; ++k) {
            mine[k] = {};
        }
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            for (int i = 0; i < p; ++i) {
                int j = 0;
                for (; j + 2 <= q; j += 2) {
                    double lane[2 * width] = {};
                    add_both_products(w[i] + b, u[j] + b, u[j + 1] + b, m, lane);
                    mine[i * q + j] = mine[i * q + j] + lanes_sum<T>(lane);
                    mine[i * q + j + 1] = mine[i * q + j + 1] + lanes_sum<T>(lane + width);
                }
                if (j < q) {
                    double lane[width] = {};
                    add_conj_products(w[i] + b, u[j] + b, m, lane);
                    mine[i * q + j] = mine[i * q + j] + lanes_sum<T>(lane);
                }
            }
        }
    });
    const index_t count = chunk_count(n);
    for (index_t k = 0; k < pairs; ++k) {
        Wide<T> s{};
        for (index_t c = 0; c < count; ++c) {
            s = s + part[c * pairs + k];
        }
        out[k] = s;
    }
}

// stage_j = sum over i of v_i g_ij, in the order of i, for `Count` columns of g: each number of v is loaded once for
// all of them, and the sums stay in registers.  v: (p) vectors from row `at` on, g: (p, k), m: rows
template <int Count, class T>
KRISS_ALWAYS_INLINE void change_rows(index_t at, index_t m, int p, const T* const* v, int k, const T* g,
                                     T (*stage)[staged_rows]) {
    using R = typename ScalarTraits<T>::Real;
    using S = Strand<R>;
    constexpr bool pairs = ScalarTraits<T>::is_complex;
    constexpr index_t step = pairs ? S::lanes / 2 : S::lanes;
    constexpr index_t parts = pairs ? 2 : 1;  // real numbers of one of T
    index_t r = 0;
    if constexpr (step > 0) {
        for (; r + 2 * step <= m; r += 2 * step) {
            typename S::type acc[Count][2];
            for (int j = 0; j < Count; ++j) {
                acc[j][0] = acc[j][1] = typename S::type{};
            }
            for (int i = 0; i < p; ++i) {
                const T* const from = v[i] + at + r;
                const T* const c = g + static_cast<index_t>(i) * k;
                const typename S::type x0 = S::load(from, 0);
                const typename S::type x1 = S::load(from, S::lanes);
                if constexpr (pairs) {
                    const typename S::type y0 = S::swapped(x0) * S::signs();
                    const typename S::type y1 = S::swapped(x1) * S::signs();
                    for (int j = 0; j < Count; ++j) {
                        acc[j][0] = acc[j][0] + (c[j].re * x0 + c[j].im * y0);
                        acc[j][1] = acc[j][1] + (c[j].re * x1 + c[j].im * y1);
                    }
                } else {
                    for (int j = 0; j < Count; ++j) {
                        acc[j][0] = acc[j][0] + c[j] * x0;
                        acc[j][1] = acc[j][1] + c[j] * x1;
                    }
                }
            }
            for (int j = 0; j < Count; ++j) {
                S::store(stage[j], r * parts, acc[j][0]);
                S::store(stage[j], r * parts + S::lanes, acc[j][1]);
            }
        }
    }
    for (; r < m; ++r) {
        for (int j = 0; j < Count; ++j) {
            T sum{};
            for (int i = 0; i < p; ++i) {
                sum = sum + g[static_cast<index_t>(i) * k + j] * v[i][at + r];
            }
            stage[j][r] = sum;
        }
    }
}

// out_j = sum over i of v_i g_ij.  v: (p) vectors, g: (p, k), out: (k) vectors, k <= max_panel; out may hold some of v
template <class T>
void panel_change(index_t n, int p, const T* const* v, int k, const T* g, T* const* out, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        T stage[max_panel][staged_rows];
        for (index_t b = begin; b < end; b += staged_rows) {
            const index_t m = b + staged_rows < end ? staged_rows : end - b;
            constexpr int wide = ScalarTraits<T>::is_complex ? 4 : 6;  // columns whose sums fill the registers
            int j = 0;
            for (; j + wide <= k; j += wide) {
                change_rows<wide>(b, m, p, v, k, g + j, stage + j);
            }
            for (; j + 2 <= k; j += 2) {
                change_rows<2>(b, m, p, v, k, g + j, stage + j);
            }
            if (j < k) {
                change_rows<1>(b, m, p, v, k, g + j, stage + j);
            }
            for (j = 0; j < k; ++j) {
                T* KRISS_RESTRICT to = out[j] + b;
                for (index_t r = 0; r < m; ++r) {
                    to[r] = stage[j][r];
                }
            }
        }
    });
}

KRISS_NAMESPACE_END
