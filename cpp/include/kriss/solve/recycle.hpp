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
#include "kriss/solve/krylov.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"

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
                for (int j = 0; j < q; ++j) {
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

// out_j = sum over i of v_i g_ij.  v: (p) vectors, g: (p, k), out: (k) vectors, k <= max_panel; out may hold some of v
template <class T>
void panel_change(index_t n, int p, const T* const* v, int k, const T* g, T* const* out, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        T stage[max_panel][staged_rows];
        for (index_t b = begin; b < end; b += staged_rows) {
            const index_t m = b + staged_rows < end ? staged_rows : end - b;
            for (int j = 0; j < k; ++j) {
                T* KRISS_RESTRICT y = stage[j];
                for (index_t r = 0; r < m; ++r) {
                    y[r] = T{};
                }
                int i = 0;
                for (; i + 4 <= p; i += 4) {
                    const T* KRISS_RESTRICT v0 = v[i] + b;
                    const T* KRISS_RESTRICT v1 = v[i + 1] + b;
                    const T* KRISS_RESTRICT v2 = v[i + 2] + b;
                    const T* KRISS_RESTRICT v3 = v[i + 3] + b;
                    const T c0 = g[i * k + j];
                    const T c1 = g[(i + 1) * k + j];
                    const T c2 = g[(i + 2) * k + j];
                    const T c3 = g[(i + 3) * k + j];
                    for (index_t r = 0; r < m; ++r) {
                        y[r] = y[r] + c0 * v0[r] + c1 * v1[r] + c2 * v2[r] + c3 * v3[r];
                    }
                }
                for (; i < p; ++i) {
                    const T* KRISS_RESTRICT v0 = v[i] + b;
                    const T c0 = g[i * k + j];
                    for (index_t r = 0; r < m; ++r) {
                        y[r] = y[r] + c0 * v0[r];
                    }
                }
            }
            for (int j = 0; j < k; ++j) {
                T* KRISS_RESTRICT to = out[j] + b;
                for (index_t r = 0; r < m; ++r) {
                    to[r] = stage[j][r];
                }
            }
        }
    });
}

KRISS_NAMESPACE_END
