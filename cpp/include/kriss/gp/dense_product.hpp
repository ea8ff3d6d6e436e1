// What every flop of the dense factor and inverse goes through: the product of a packed sliver of rows and a packed
// sliver of columns in registers, the substitution with a packed triangle, and the packing itself.
//
// K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM Transactions on Mathematical
// Software 34 (2008), for the packing and the loop order.
//
// Two packed forms, each `dense_block` deep: slivers of mr rows, a[i / mr][p][i % mr], which pass through the caches,
// and slivers of nr columns, b[j / nr][p][j % nr], one of which stays in the first-level cache meanwhile. Sums run over
// p in increasing order, with fused multiply-add where the level has it.
#pragma once

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "kriss/executor.hpp"

namespace kriss {

inline constexpr index_t dense_block = 192;  // depth of a sliver: 12 columns and twice 4 rows of doubles fill 32 KB
inline constexpr index_t dense_rows = 96;    // rows of a tile of an update: in the second-level cache, half a block
inline constexpr index_t dense_span = 192;   // its columns

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace dense {

#if defined(__AVX512F__)
inline constexpr index_t vector_bytes = 64;
inline constexpr index_t mr = 8;  // 24 accumulators of 32 registers
#elif defined(__AVX2__)
inline constexpr index_t vector_bytes = 32;
inline constexpr index_t mr = 4;  // 12 accumulators of 16 registers
#else
inline constexpr index_t vector_bytes = 16;
inline constexpr index_t mr = 3;  // divides 6 and 12 columns
#endif

KRISS_ALWAYS_INLINE index_t least(index_t a, index_t b) { return a < b ? a : b; }
KRISS_ALWAYS_INLINE index_t largest(index_t a, index_t b) { return a < b ? b : a; }

template <class T>
struct Lanes {
    typedef T type __attribute__((vector_size(vector_bytes)));
    typedef T loose __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
    static constexpr index_t count = vector_bytes / static_cast<index_t>(sizeof(T));
    static constexpr index_t nr = 3 * count;            // columns of a sliver
    static constexpr index_t step = nr > 24 ? nr : 24;  // columns that are factorised at a time: whole slivers
    static_assert(dense_block % step == 0 && step % nr == 0 && dense_span % nr == 0 && nr % mr == 0 &&
                  dense_rows % mr == 0);
};
template <class T>
using vec = typename Lanes<T>::type;

template <class T>
KRISS_ALWAYS_INLINE vec<T> load(const T* p) {
    return *reinterpret_cast<const typename Lanes<T>::loose*>(p);
}
template <class T>
KRISS_ALWAYS_INLINE void store(T* p, vec<T> v) {
    *reinterpret_cast<typename Lanes<T>::loose*>(p) = v;
}
// Items p[0..count) towards the caches; p need not lie in anything.
template <class T>
KRISS_ALWAYS_INLINE void prefetch(const T* p, index_t count) {
    constexpr index_t line = 64 / static_cast<index_t>(sizeof(T));
    for (index_t e = 0; e < count; e += line) {
        __builtin_prefetch(p + e);
    }
    __builtin_prefetch(p + count - 1);
}
// a * b + c
template <class T>
KRISS_ALWAYS_INLINE vec<T> multiply_add(T a, vec<T> b, vec<T> c) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 8) {
        return (vec<T>)_mm512_fmadd_pd(_mm512_set1_pd(a), (__m512d)b, (__m512d)c);
    } else {
        return (vec<T>)_mm512_fmadd_ps(_mm512_set1_ps(a), (__m512)b, (__m512)c);
    }
#elif defined(__FMA__)
    if constexpr (sizeof(T) == 8) {
        return (vec<T>)_mm256_fmadd_pd(_mm256_set1_pd(a), (__m256d)b, (__m256d)c);
    } else {
        return (vec<T>)_mm256_fmadd_ps(_mm256_set1_ps(a), (__m256)b, (__m256)c);
    }
#else
    return a * b + c;
#endif
}

// acc[r][:] = sum_{p < k} a[p][r] b[p][:] over one sliver of mr rows and one of nr columns.
template <class T>
struct Tile {
    static constexpr index_t lanes = Lanes<T>::count;
    vec<T> acc[mr][3];

    KRISS_ALWAYS_INLINE void product(index_t k, const T* KRISS_RESTRICT a, const T* KRISS_RESTRICT b) {
        for (index_t r = 0; r < mr; ++r) {
            acc[r][0] = acc[r][1] = acc[r][2] = vec<T>{};
        }
        for (index_t p = 0; p < k; ++p) {
            const vec<T> b0 = load(b);
            const vec<T> b1 = load(b + lanes);
            const vec<T> b2 = load(b + 2 * lanes);
#pragma GCC unroll 8
            for (index_t r = 0; r < mr; ++r) {
                acc[r][0] = multiply_add(a[r], b0, acc[r][0]);
                acc[r][1] = multiply_add(a[r], b1, acc[r][1]);
                acc[r][2] = multiply_add(a[r], b2, acc[r][2]);
            }
            a += mr;
            b += Lanes<T>::nr;
        }
    }
    // row r to c[0..nr)
    KRISS_ALWAYS_INLINE void put(index_t r, T* c) const {
        for (index_t v = 0; v < 3; ++v) {
            store(c + v * lanes, acc[r][v]);
        }
    }
    KRISS_ALWAYS_INLINE void add_to(index_t r, T* c) const {
        for (index_t v = 0; v < 3; ++v) {
            store(c + v * lanes, load(c + v * lanes) + acc[r][v]);
        }
    }
};

// to[c][r] = from[r][c] with row strides ldf and ldt.
template <class T>
KRISS_ALWAYS_INLINE void transpose(index_t rows, index_t columns, const T* from, index_t ldf, T* to, index_t ldt) {
    index_t done = 0;  // rows
#if defined(__AVX2__)
    if constexpr (sizeof(T) == 8) {
        for (; done + 4 <= rows; done += 4) {
            const T* const f = from + done * ldf;
            T* const t = to + done;
            index_t c = 0;
            for (; c + 4 <= columns; c += 4) {
                const __m256d r0 = _mm256_loadu_pd(f + c);
                const __m256d r1 = _mm256_loadu_pd(f + ldf + c);
                const __m256d r2 = _mm256_loadu_pd(f + 2 * ldf + c);
                const __m256d r3 = _mm256_loadu_pd(f + 3 * ldf + c);
                const __m256d even01 = _mm256_unpacklo_pd(r0, r1);
                const __m256d odd01 = _mm256_unpackhi_pd(r0, r1);
                const __m256d even23 = _mm256_unpacklo_pd(r2, r3);
                const __m256d odd23 = _mm256_unpackhi_pd(r2, r3);
                _mm256_storeu_pd(t + c * ldt, _mm256_permute2f128_pd(even01, even23, 0x20));
                _mm256_storeu_pd(t + (c + 1) * ldt, _mm256_permute2f128_pd(odd01, odd23, 0x20));
                _mm256_storeu_pd(t + (c + 2) * ldt, _mm256_permute2f128_pd(even01, even23, 0x31));
                _mm256_storeu_pd(t + (c + 3) * ldt, _mm256_permute2f128_pd(odd01, odd23, 0x31));
            }
            for (; c < columns; ++c) {
                for (index_t r = 0; r < 4; ++r) {
                    t[c * ldt + r] = f[r * ldf + c];
                }
            }
        }
    }
#endif
    for (; done < rows; ++done) {
        for (index_t c = 0; c < columns; ++c) {
            to[c * ldt + done] = from[done * ldf + c];
        }
    }
}

// `rows` rows of `from` (row stride n) to slivers of mr rows; what is missing of the last sliver is 0.
template <class T>
KRISS_ALWAYS_INLINE void pack_rows(const T* from, index_t n, index_t rows, index_t depth, T* out) {
    for (index_t i = 0; i < rows; i += mr) {
        T* const sliver = out + i * dense_block;
        const index_t there = least(mr, rows - i);
        if (there < mr) {
            for (index_t e = 0; e < depth * mr; ++e) {
                sliver[e] = T(0);
            }
        }
        transpose(there, depth, from + i * n, n, sliver, mr);
    }
}

// A sliver of nr columns, from p = begin on, as slivers of mr rows of the transpose, times `sign`.
template <class T>
KRISS_ALWAYS_INLINE void pack_sliver(index_t begin, index_t depth, T sign, const T* KRISS_RESTRICT x,
                                     T* KRISS_RESTRICT out) {
    constexpr index_t NR = Lanes<T>::nr;
    for (index_t q = 0; q < NR; q += mr) {
        T* KRISS_RESTRICT to = out + q * dense_block;
        for (index_t p = begin; p < depth; ++p) {
            for (index_t r = 0; r < mr; ++r) {
                to[p * mr + r] = sign * x[p * NR + q + r];
            }
        }
    }
}

// Rows c0..c1 of x (nr columns): x_c <- (x_c - sum_{begin <= p < c} l_cp x_p) / l_cc; l: slivers of mr rows of a lower
// triangle, c0 a multiple of mr.
template <class T>
KRISS_ALWAYS_INLINE void substitute(index_t begin, index_t c0, index_t c1, const T* l, T* x) {
    constexpr index_t NR = Lanes<T>::nr;
    constexpr index_t lanes = Lanes<T>::count;
    Tile<T> t;
    for (index_t c = c0; c < c1; c += mr) {
        const T* const rows = l + c * dense_block;
        const T* const corner = rows + c * mr;
        t.product(c - begin, rows + begin * mr, x + begin * NR);
#pragma GCC unroll 8
        for (index_t r = 0; r < mr; ++r) {
            if (c + r >= c1) {
                break;
            }
            T* const own = x + (c + r) * NR;
            vec<T> x0 = load(own) - t.acc[r][0];
            vec<T> x1 = load(own + lanes) - t.acc[r][1];
            vec<T> x2 = load(own + 2 * lanes) - t.acc[r][2];
            for (index_t q = 0; q < r; ++q) {
                const T minus = -corner[q * mr + r];
                x0 = multiply_add(minus, t.acc[q][0], x0);
                x1 = multiply_add(minus, t.acc[q][1], x1);
                x2 = multiply_add(minus, t.acc[q][2], x2);
            }
            const T pivot = corner[r * mr + r];
            t.acc[r][0] = x0 / pivot;
            t.acc[r][1] = x1 / pivot;
            t.acc[r][2] = x2 / pivot;
            t.put(r, own);
        }
    }
}

// Rows i0..i1 and columns j0.. (a multiple of nr) to below j1 of the lower triangle c += A B, `depth` deep; a and b
// start at row and column 0 of c. Rows and columns from `block` to block + depth are set instead, and there A and B are
// triangular: A[i][p] = 0 for p < i - block, B[p][j] = 0 for p < j - block.
template <class T>
KRISS_ALWAYS_INLINE void update(index_t n, T* c, index_t i0, index_t i1, index_t j0, index_t j1, index_t block,
                                index_t depth, const T* a, const T* b) {
    constexpr index_t NR = Lanes<T>::nr;
    constexpr index_t ahead = NR * dense_block / (dense_rows / mr);  // of the next sliver, per tile
    alignas(64) T row[NR];
    Tile<T> t;
    for (index_t j = j0; j < least(j1, i1); j += NR) {
        const bool column_set = j >= block && j < block + depth;
        const T* const sliver = b + j * dense_block;
        const T* next = sliver + NR * dense_block;
        for (index_t i = largest(i0, j); i < i1; i += mr, next += ahead) {
            T* const corner = c + i * n + j;
            const bool whole = j + NR <= i + 1 && i + mr <= i1;
            for (index_t r = 0; r < (whole ? mr : 0); ++r) {
                prefetch(corner + r * n, NR);
            }
            for (index_t e = 0; e < ahead; e += 64 / static_cast<index_t>(sizeof(T))) {
                __builtin_prefetch(next + e, 0, 2);
            }
            const bool row_set = i >= block && i < block + depth;
            const index_t p = largest(row_set ? i - block : 0, column_set ? j - block : 0);
            t.product(depth - p, a + i * dense_block + p * mr, sliver + p * NR);
            if (whole && (row_set || column_set)) {
                for (index_t r = 0; r < mr; ++r) {
                    t.put(r, corner + r * n);
                }
            } else if (whole) {
                for (index_t r = 0; r < mr; ++r) {
                    t.add_to(r, corner + r * n);
                }
            } else {
                for (index_t r = 0; r < mr && i + r < i1; ++r) {
                    t.put(r, row);
                    for (index_t e = 0; e < NR && j + e <= i + r; ++e) {
                        corner[r * n + e] = (row_set || column_set ? T(0) : corner[r * n + e]) + row[e];
                    }
                }
            }
        }
    }
}

}  // namespace dense

KRISS_NAMESPACE_END
