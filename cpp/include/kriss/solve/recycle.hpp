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

inline constexpr index_t panel_bytes = 4096;  // of a vector, in a block of products
inline constexpr index_t staged_rows = 64;    // rows of a change of basis that are staged on the stack

// out_ij = w_i^H u_j.  w: (p) vectors, u: (q) vectors, out: (p, q); part: (chunk_count(n), p q) scratch
template <class T>
void panel_products(index_t n, int p, const T* const* w, int q, const T* const* u, Wide<T>* out, Wide<T>* part,
                    const Executor& ex) {
    const index_t pairs = static_cast<index_t>(p) * q;
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        Wide<T>* const mine = part + begin / solve_grain * pairs;
        for (index_t k = 0; k < pairs; ++k) {
            mine[k] = {};
        }
        constexpr index_t each = panel_bytes / static_cast<index_t>(sizeof(T));
        constexpr index_t rows = each < solve_block ? each : solve_block;
        constexpr int abreast = ScalarTraits<T>::is_complex ? complex_abreast : reals_abreast;
        for (index_t b = begin; b < end; b += rows) {
            const index_t m = b + rows < end ? rows : end - b;
            for (int i = 0; i < p; i += abreast) {
                const int some = i + abreast < p ? abreast : p - i;
                for (int j = 0; j < q; ++j) {
                    double lane[abreast * lane_width<T>];
                    for (double& l : lane) {
                        l = 0.0;
                    }
                    const T* const of = u[j] + b;
                    add_list_products(w + i, some, false, b, &of, m, lane);
                    for (int t = 0; t < some; ++t) {
                        Wide<T>& to = mine[static_cast<index_t>(i + t) * q + j];
                        to = to + lanes_sum<T>(lane + t * lane_width<T>);
                    }
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

// stage_j = sum over i of v_i g_ij, in the order of i, for `Count` columns of g and `packs` registers of rows from real
// number r of `all` on: each number of v is loaded once for all of them, and the sums stay in registers. v: (p) vectors
// from row `at` on, g: (p, k)
template <class S, int Count, int packs, class T>
KRISS_ALWAYS_INLINE index_t change_rows_by(index_t at, index_t r, index_t all, int p, const T* const* v, int k,
                                           const T* g, T (*stage)[staged_rows]) {
    constexpr bool pairs = ScalarTraits<T>::is_complex;
    for (; r + packs * S::lanes <= all; r += packs * S::lanes) {
        typename S::type s[Count][packs];
        typename S::type t[Count][packs];  // by imaginary parts of g
        for (int j = 0; j < Count; ++j) {
            for (int q = 0; q < packs; ++q) {
                s[j][q] = t[j][q] = typename S::type{};
            }
        }
        for (int i = 0; i < p; ++i) {
            const T* const c = g + static_cast<index_t>(i) * k;
            typename S::type x[packs];
            for (int q = 0; q < packs; ++q) {
                x[q] = S::load(v[i] + at, r + q * S::lanes);
            }
            for (int j = 0; j < Count; ++j) {
                for (int q = 0; q < packs; ++q) {
                    if constexpr (pairs) {
                        s[j][q] = s[j][q] + c[j].re * x[q];
                        t[j][q] = t[j][q] + c[j].im * x[q];
                    } else {
                        s[j][q] = s[j][q] + c[j] * x[q];
                    }
                }
            }
        }
        for (int j = 0; j < Count; ++j) {
            for (int q = 0; q < packs; ++q) {
                if constexpr (pairs) {
                    s[j][q] = S::joined(s[j][q], t[j][q]);
                }
                S::store(stage[j], r + q * S::lanes, s[j][q]);
            }
        }
    }
    return r;
}

template <int Count, class T>
KRISS_ALWAYS_INLINE void change_rows(index_t at, index_t m, int p, const T* const* v, int k, const T* g,
                                     T (*stage)[staged_rows]) {
    constexpr int packs = ScalarTraits<T>::is_complex ? 1 : 2;
    const index_t all = ScalarTraits<T>::is_complex ? 2 * m : m;
    const index_t r = change_rows_by<Strand<RealOf<T>>, Count, packs>(at, 0, all, p, v, k, g, stage);
    change_rows_by<typename OneStrand<T>::type, Count, 1>(at, r, all, p, v, k, g, stage);
}

// out_j = sum over i of v_i g_ij.  v: (p) vectors, g: (p, k), out: (k) vectors, k <= max_panel; out may hold some of v
template <class T>
void panel_change(index_t n, int p, const T* const* v, int k, const T* g, T* const* out, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        alignas(64) unsigned char room[max_panel * staged_rows * sizeof(T)];  // as bytes: not to be filled with zeros
        T(*const stage)[staged_rows] = reinterpret_cast<T(*)[staged_rows]>(room);
        constexpr index_t each = 512 / static_cast<index_t>(sizeof(T));
        constexpr index_t rows = each < staged_rows ? each : staged_rows;
        for (index_t b = begin; b < end; b += rows) {
            const index_t m = b + rows < end ? rows : end - b;
            for (int i = 0; b + 2 * rows <= end && i < p; ++i) {  // runs too short for the processor to foresee
                const char* const ahead = reinterpret_cast<const char*>(v[i] + b + rows);
                for (int line = 0; line < 512; line += 64) {
                    __builtin_prefetch(ahead + line);
                }
            }
            int j = 0;
            for (; j + 5 <= k; j += 5) {  // columns whose sums fill the registers
                change_rows<5>(b, m, p, v, k, g + j, stage + j);
            }
            for (; j + 2 <= k; j += 2) {
                change_rows<2>(b, m, p, v, k, g + j, stage + j);
            }
            if (j < k) {
                change_rows<1>(b, m, p, v, k, g + j, stage + j);
            }
            for (j = 0; j < k; ++j) {
                __builtin_memcpy(out[j] + b, stage[j], static_cast<std::size_t>(m) * sizeof(T));
            }
        }
    });
}

KRISS_NAMESPACE_END
