// Cholesky factor and inverse of a covariance matrix in place, on the executor's threads: every flop of n^3 goes
// through one register-blocked product of packed slivers.
//
// K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM Transactions on Mathematical
// Software 34 (2008), for the packing and the loop order; E. Anderson et al., "LAPACK Users' Guide", 3rd ed., SIAM
// 1999, for the blocked factorisation and inverse (potrf, trtri, lauum).
//
// Why not the library's: a threaded BLAS splits each call evenly and waits for the slowest thread, some hundred times
// per factorisation, which costs a scheduler's quantum each time when a core is busy with something else; chunks that
// are handed out one by one do not. And the result is the same for any number of workers.
//
// a: (n, n) row-major, only its lower triangle is read and written. Sums run over p in increasing order within blocks
// of `dense_block`, with fused multiply-add where the level has it.
#pragma once

#include <cmath>
#include <limits>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

inline constexpr index_t dense_block = 240;  // width of a panel: 240 doubles of a sliver fit the first-level cache
inline constexpr index_t dense_group = 96;   // columns of a tile of the inverse, rows of a tile of the update
inline constexpr index_t dense_part = 120;   // rows of the inverse's left operand that are used while they are cached

// Items of scratch for the functions below, 64-byte aligned.
constexpr index_t dense_scratch(index_t n, index_t workers) {
    return 2 * (n + 2 * dense_block) * dense_block + dense_block * dense_block +
           (workers < 1 ? 1 : workers) * 2 * dense_block * dense_group;
}

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
inline constexpr index_t mr = 4;
#endif

KRISS_ALWAYS_INLINE index_t least(index_t a, index_t b) { return a < b ? a : b; }

template <class T>
struct Lanes {
    typedef T type __attribute__((vector_size(vector_bytes)));
    typedef T loose __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
    static constexpr index_t count = vector_bytes / static_cast<index_t>(sizeof(T));
    static constexpr index_t nr = 3 * count;  // columns of a sliver
    // Columns of a panel that are eliminated at a time: whole slivers of either kind, dividing dense_block.
    static constexpr index_t step = nr > 24 ? nr : 24;
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

// acc[r][:] += sum_{p < k} a[p][r] b[p][:] over one sliver of mr rows and one of nr columns.
template <class T>
struct Tile {
    vec<T> acc[mr][3];

    KRISS_ALWAYS_INLINE void product(index_t k, const T* KRISS_RESTRICT a, const T* KRISS_RESTRICT b) {
        for (index_t r = 0; r < mr; ++r) {
            acc[r][0] = acc[r][1] = acc[r][2] = vec<T>{};
        }
        for (index_t p = 0; p < k; ++p) {
            const vec<T> b0 = load(b);
            const vec<T> b1 = load(b + Lanes<T>::count);
            const vec<T> b2 = load(b + 2 * Lanes<T>::count);
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
            store(c + v * Lanes<T>::count, acc[r][v]);
        }
    }
    KRISS_ALWAYS_INLINE void add_to(index_t r, T* c) const {
        for (index_t v = 0; v < 3; ++v) {
            store(c + v * Lanes<T>::count, load(c + v * Lanes<T>::count) + acc[r][v]);
        }
    }
    KRISS_ALWAYS_INLINE void subtract_from(index_t r, T* c) const {
        for (index_t v = 0; v < 3; ++v) {
            store(c + v * Lanes<T>::count, load(c + v * Lanes<T>::count) - acc[r][v]);
        }
    }
};

// Work space for a task, one per worker; a task takes whichever is free.
template <class T>
class Slots {
   public:
    KRISS_ALWAYS_INLINE Slots(T* memory, int workers) : memory_(memory), count_(workers < 1 ? 1 : workers) {
        if (count_ > most) {
            count_ = most;
        }
    }
    KRISS_ALWAYS_INLINE T* at(index_t slot) const { return memory_ + slot * 2 * dense_block * dense_group; }
    KRISS_ALWAYS_INLINE index_t take() {
        for (index_t s = 0;; s = s + 1 < count_ ? s + 1 : 0) {
            if (__atomic_exchange_n(&used_[s], static_cast<unsigned char>(1), __ATOMIC_ACQUIRE) == 0) {
                return s;
            }
        }
    }
    KRISS_ALWAYS_INLINE void give(index_t slot) {
        __atomic_store_n(&used_[slot], static_cast<unsigned char>(0), __ATOMIC_RELEASE);
    }

   private:
    static constexpr index_t most = 256;
    T* memory_;
    index_t count_;
    unsigned char used_[most] = {};
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

// x (w, nr): x[c] <- (x[c] - sum_{j < c} d[c][j] x[j]) / d[c][c]
template <class T>
KRISS_ALWAYS_INLINE void solve_step(index_t w, const T* d, T* x) {
    constexpr index_t lanes = Lanes<T>::count;
    for (index_t c = 0; c < w; ++c) {
        vec<T> x0 = load(x + c * Lanes<T>::nr);
        vec<T> x1 = load(x + c * Lanes<T>::nr + lanes);
        vec<T> x2 = load(x + c * Lanes<T>::nr + 2 * lanes);
        for (index_t j = 0; j < c; ++j) {
            const T l = -d[c * Lanes<T>::step + j];
            x0 = multiply_add(l, load(x + j * Lanes<T>::nr), x0);
            x1 = multiply_add(l, load(x + j * Lanes<T>::nr + lanes), x1);
            x2 = multiply_add(l, load(x + j * Lanes<T>::nr + 2 * lanes), x2);
        }
        const T pivot = d[c * Lanes<T>::step + c];
        store(x + c * Lanes<T>::nr, x0 / pivot);
        store(x + c * Lanes<T>::nr + lanes, x1 / pivot);
        store(x + c * Lanes<T>::nr + 2 * lanes, x2 / pivot);
    }
}

// out[g][p][c] = v[(row + p) * n + column + g * nr + c] for p < rows, c over `columns` columns, 0 beyond them and, if
// the block crosses the diagonal, above it.
template <class T>
KRISS_ALWAYS_INLINE void pack_columns(const T* v, index_t n, index_t row, index_t rows, index_t column, index_t columns,
                                      T* KRISS_RESTRICT out) {
    for (index_t g = 0; g * Lanes<T>::nr < columns; ++g) {
        T* KRISS_RESTRICT sliver = out + g * dense_block * Lanes<T>::nr;
        const index_t c0 = column + g * Lanes<T>::nr;
        const index_t width = columns - g * Lanes<T>::nr < Lanes<T>::nr ? columns - g * Lanes<T>::nr : Lanes<T>::nr;
        for (index_t p = 0; p < rows; ++p) {
            const T* KRISS_RESTRICT source = v + (row + p) * n + c0;
            const index_t lower = row + p - c0 + 1;  // columns up to the diagonal
            const index_t take = lower < width ? (lower < 0 ? 0 : lower) : width;
            if (take == Lanes<T>::nr) {
                for (index_t c = 0; c < Lanes<T>::nr; ++c) {
                    sliver[p * Lanes<T>::nr + c] = source[c];
                }
            } else {
                for (index_t c = 0; c < Lanes<T>::nr; ++c) {
                    sliver[p * Lanes<T>::nr + c] = c < take ? source[c] : T(0);
                }
            }
        }
    }
}

// tile (groups of nr columns, each (dense_block, nr)) += A B over `begin` <= p < depth, A: slivers of mr rows, `rows`
// rows in all. `upper`: A[i][p] is 0 for p < i. Row i is wanted up to column i + `wanted`. Rows are taken in parts that
// stay in the second-level cache while the columns pass.
template <class T>
KRISS_ALWAYS_INLINE void accumulate(index_t begin, index_t depth, bool upper, index_t rows, index_t columns,
                                    index_t wanted, const T* a, const T* b, T* tile) {
    constexpr index_t NR = Lanes<T>::nr;
    Tile<T> t;
    for (index_t i0 = 0; i0 < rows; i0 += dense_part) {
        const index_t i1 = least(i0 + dense_part, rows);
        for (index_t g = 0; g * NR < columns; ++g) {
            for (index_t i = i0; i < i1; i += mr) {
                const index_t p = upper && i > begin ? i : begin;
                if (p >= depth || i + mr + wanted <= g * NR) {
                    continue;
                }
                t.product(depth - p, a + i * dense_block + p * mr, b + (g * dense_block + p) * NR);
                T* c = tile + (g * dense_block + i) * NR;
                for (index_t r = 0; r < mr; ++r) {
                    t.add_to(r, c + r * NR);
                }
            }
        }
    }
}

// The diagonal block of a step: what is left of it after columns 0..s of the panel, then its factor, into d (w, step)
// and the matrix; the index of a bad pivot or -1.
template <class T>
KRISS_ALWAYS_INLINE index_t diagonal_step(index_t n, index_t s, index_t w, T* panel, const T* by_column,
                                          const T* by_row, const T* limit, T* d) {
    constexpr index_t W = Lanes<T>::step;
    Tile<T> t;
    for (index_t i = 0; i < w; i += mr) {
        for (index_t j = 0; j < w; j += Lanes<T>::nr) {
            t.product(s, by_row + (s + i) * dense_block, by_column + (s + j) * dense_block);
            for (index_t r = 0; r < mr; ++r) {
                t.put(r, d + (i + r) * W + j);
            }
        }
    }
    for (index_t i = 0; i < w; ++i) {
        for (index_t j = 0; j <= i; ++j) {
            d[i * W + j] = panel[(s + i) * n + s + j] - d[i * W + j];
        }
    }
    const index_t bad = factor_step(w, d, limit);
    for (index_t i = 0; bad < 0 && i < w; ++i) {
        for (index_t j = 0; j <= i; ++j) {
            panel[(s + i) * n + s + j] = d[i * W + j];
        }
    }
    return bad;
}

// Sliver g of the rows below step s of a panel: subtract what columns 0..s contribute, solve with the step's factor d,
// and keep the result in the matrix and in both packed forms. panel: a at row k, column k.
template <class T>
KRISS_ALWAYS_INLINE void eliminate_sliver(index_t n, index_t m, index_t s, index_t w, index_t g, const T* d, T* panel,
                                          T* by_column, T* by_row) {
    constexpr index_t NR = Lanes<T>::nr;
    alignas(64) T x[(Lanes<T>::step + mr) * NR];
    Tile<T> t;
    const index_t rows = least(NR, m - g * NR);
    T* const sliver = by_column + g * NR * dense_block;
    T* const corner = panel + g * NR * n + s;
    for (index_t c = 0; c < w; c += mr) {
        t.product(s, by_row + (s + c) * dense_block, sliver);
        for (index_t r = 0; r < mr; ++r) {
            t.put(r, x + (c + r) * NR);
        }
    }
    for (index_t c = 0; c < w; ++c) {
        for (index_t r = 0; r < NR; ++r) {
            x[c * NR + r] = r < rows ? corner[r * n + c] - x[c * NR + r] : T(0);
        }
    }
    solve_step(w, d, x);
    for (index_t c = 0; c < w; ++c) {
        for (index_t r = 0; r < NR; ++r) {
            const T value = x[c * NR + r];
            const index_t row = g * NR + r;
            sliver[(s + c) * NR + r] = value;
            by_row[(row / mr * dense_block + s + c) * mr + row % mr] = value;
            if (r < rows) {
                corner[r * n + c] = value;
            }
        }
    }
}

// Rows i0..i1 of the trailing triangle: a[i][j] -= sum_p l[i][p] l[j][p] for kb <= j <= i.
template <class T>
KRISS_ALWAYS_INLINE void update_rows(index_t n, index_t kb, index_t i0, index_t i1, T* panel, const T* by_column,
                                     const T* by_row) {
    constexpr index_t NR = Lanes<T>::nr;
    alignas(64) T row[NR];
    Tile<T> t;
    for (index_t j = kb; j < i1; j += NR) {
        for (index_t i = i0; i < i1; i += mr) {
            if (i + mr <= j) {
                continue;
            }
            t.product(kb, by_row + i * dense_block, by_column + j * dense_block);
            if (j + NR <= i + 1 && i + mr <= i1) {
                for (index_t r = 0; r < mr; ++r) {
                    t.subtract_from(r, panel + (i + r) * n + j);
                }
            } else {
                for (index_t r = 0; r < mr && i + r < i1; ++r) {
                    t.put(r, row);
                    for (index_t c = 0; c < NR && j + c <= i + r; ++c) {
                        panel[(i + r) * n + j + c] -= row[c];
                    }
                }
            }
        }
    }
}

// Lower triangle v (kb, kb), row stride n, to its inverse, row by row: v_i = (e_i - sum_{p < i} l_ip v_p) / l_ii.
template <class T>
KRISS_ALWAYS_INLINE void invert_block(index_t n, index_t kb, T* v) {
    T row[dense_block];
    T sum[dense_block];
    for (index_t i = 0; i < kb; ++i) {
        for (index_t j = 0; j < i; ++j) {
            row[j] = v[i * n + j];
            sum[j] = T(0);
        }
        index_t p = 0;
        for (; p + 4 <= i; p += 4) {  // four rows in one pass over the sums, which are added in the same order
            const T* KRISS_RESTRICT v0 = v + p * n;
            const T* KRISS_RESTRICT v1 = v0 + n;
            const T* KRISS_RESTRICT v2 = v1 + n;
            const T* KRISS_RESTRICT v3 = v2 + n;
            const T l0 = row[p];
            const T l1 = row[p + 1];
            const T l2 = row[p + 2];
            const T l3 = row[p + 3];
            for (index_t j = 0; j <= p; ++j) {
                sum[j] = (((sum[j] - l0 * v0[j]) - l1 * v1[j]) - l2 * v2[j]) - l3 * v3[j];
            }
            sum[p + 1] = ((sum[p + 1] - l1 * v1[p + 1]) - l2 * v2[p + 1]) - l3 * v3[p + 1];
            sum[p + 2] = (sum[p + 2] - l2 * v2[p + 2]) - l3 * v3[p + 2];
            sum[p + 3] -= l3 * v3[p + 3];
        }
        for (; p < i; ++p) {
            const T l = row[p];
            const T* KRISS_RESTRICT vp = v + p * n;
            for (index_t j = 0; j <= p; ++j) {
                sum[j] -= l * vp[j];
            }
        }
        const T pivot = v[i * n + i];
        for (index_t j = 0; j < i; ++j) {
            v[i * n + j] = sum[j] / pivot;
        }
        v[i * n + i] = T(1) / pivot;
    }
}

// out[i / mr][p][i % mr] = row i of `source` (row stride n) for p < depth; zero above the diagonal if
// `triangle`.
template <class T>
KRISS_ALWAYS_INLINE void pack_rows(const T* source, index_t n, index_t rows, index_t depth, bool triangle, T* out) {
    for (index_t i = 0; i < (rows + mr - 1) / mr * mr; ++i) {
        const index_t take = i < rows ? (triangle ? i + 1 : depth) : 0;
        for (index_t p = 0; p < depth; ++p) {
            out[(i / mr * dense_block + p) * mr + i % mr] = p < take ? source[i * n + p] : T(0);
        }
    }
}

// The same of the transpose: out[i / mr][p][i % mr] = source[p][i].
template <class T>
KRISS_ALWAYS_INLINE void pack_transposed(const T* source, index_t n, index_t rows, index_t depth, bool triangle,
                                         T* out) {
    for (index_t p = 0; p < depth; ++p) {
        const index_t take = triangle ? least(p + 1, rows) : rows;
        for (index_t i = 0; i < (rows + mr - 1) / mr * mr; ++i) {
            out[(i / mr * dense_block + p) * mr + i % mr] = i < take ? source[p * n + i] : T(0);
        }
    }
}

// Columns j..j+columns of row block k of the inverse triangle: -V[k, k] (L[k, j:k] V[j:k, j]).
template <class T>
KRISS_ALWAYS_INLINE void invert_columns(index_t n, index_t k, index_t kb, index_t j, index_t columns, const T* packed,
                                        const T* diagonal, T* a, T* tile) {
    constexpr index_t NR = Lanes<T>::nr;
    alignas(64) T row[NR];
    T* const b = tile + dense_block * dense_group;
    for (index_t e = 0; e < dense_block * dense_group; ++e) {
        tile[e] = T(0);
    }
    for (index_t q = j / dense_block * dense_block; q < k; q += dense_block) {
        pack_columns(a, n, q, dense_block, j, columns, b);
        accumulate(q < j ? j - q : 0, dense_block, false, kb, columns, columns, packed + q * dense_block, b, tile);
    }
    Tile<T> t;
    for (index_t c = 0; c < columns; c += NR) {
        for (index_t i = 0; i < kb; i += mr) {
            t.product(least(i + mr, kb), diagonal + i * dense_block, tile + c * dense_block);
            for (index_t r = 0; r < mr && i + r < kb; ++r) {
                t.put(r, row);
                for (index_t e = 0; e < least(NR, columns - c); ++e) {
                    a[(k + i + r) * n + j + c + e] = -row[e];
                }
            }
        }
    }
}

// Columns j..j+columns of row block k of V' V.
template <class T>
KRISS_ALWAYS_INLINE void square_columns(index_t n, index_t k, index_t kb, index_t j, index_t columns, const T* packed,
                                        T* a, T* tile) {
    constexpr index_t NR = Lanes<T>::nr;
    T* const b = tile + dense_block * dense_group;
    for (index_t e = 0; e < dense_block * dense_group; ++e) {
        tile[e] = T(0);
    }
    for (index_t q = k; q < n; q += dense_block) {
        const index_t depth = least(dense_block, n - q);
        pack_columns(a, n, q, depth, j, columns, b);
        accumulate(q < j ? j - q : 0, depth, q == k, kb, columns, k - j, packed + (q - k) * dense_block, b, tile);
    }
    for (index_t i = 0; i < kb; ++i) {
        for (index_t c = 0; c < columns && j + c <= k + i; ++c) {
            a[(k + i) * n + j + c] = tile[(c / NR * dense_block + i) * NR + c % NR];
        }
    }
}

}  // namespace dense

// Overwrites the lower triangle of a with L, a = L L'. limit: (n) the least pivot d_i = L_ii^2 accepted in row i; a
// pivot that is not above it, or not finite, stops with not_positive_definite and its index.
// scratch: dense_scratch(n, workers) items. n^3/3 flops; 8 n^2 n / 720 bytes moved besides the packed panels.
template <class T>
Info dense_cholesky(index_t n, T* a, const T* limit, T* scratch, const Executor& ex) {
    constexpr index_t W = dense::Lanes<T>::step;
    constexpr index_t KB = dense_block;
    constexpr index_t NR = dense::Lanes<T>::nr;
    T* const by_column = scratch;                   // rows of the panel as slivers of nr
    T* const by_row = scratch + (n + 2 * KB) * KB;  // the same as slivers of mr
    for (index_t k = 0; k < n; k += KB) {
        const index_t kb = dense::least(KB, n - k);
        const index_t m = n - k;  // rows of the panel, counted from its first
        T* const panel = a + k * n + k;
        for (index_t s = 0; s < kb; s += W) {
            const index_t w = dense::least(W, kb - s);
            alignas(64) T block[W * W];
            T* const d = block;
            const index_t bad = dense::diagonal_step(n, s, w, panel, by_column, by_row, limit + k + s, d);
            if (bad >= 0) {
                return {Status::not_positive_definite, k + s + bad};
            }
            const index_t first = (s + W) / NR;
            const index_t slivers = (m + NR - 1) / NR - first;
            ex.parallel_for(slivers, 4 * W / NR, [=](index_t begin, index_t end) {
                for (index_t g = begin; g < end; ++g) {
                    dense::eliminate_sliver(n, m, s, w, first + g, d, panel, by_column, by_row);
                }
            });
            if (ex.interrupted()) {
                return {Status::interrupted, k + s};
            }
        }
        // One group of rows per task, the longest first.
        const index_t groups = (m - kb + dense_group - 1) / dense_group;
        ex.parallel_for(groups, 1, [=](index_t begin, index_t end) {
            for (index_t g = begin; g < end; ++g) {
                const index_t i0 = kb + (groups - 1 - g) * dense_group;
                dense::update_rows(n, kb, i0, dense::least(i0 + dense_group, m), panel, by_column, by_row);
            }
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

// Overwrites the lower triangle L of a with V = L^-1. n^3/3 flops.
template <class T>
Info dense_invert_triangle(index_t n, T* a, T* scratch, const Executor& ex) {
    constexpr index_t KB = dense_block;
    T* const packed = scratch;  // L[k, 0:k], per block of columns: slivers of mr rows
    T* const diagonal = scratch + 2 * (n + 2 * KB) * KB;
    dense::Slots<T> slots(diagonal + KB * KB, ex.workers);
    ex.parallel_for((n + KB - 1) / KB, 1, [=](index_t begin, index_t end) {
        for (index_t b = begin; b < end; ++b) {
            dense::invert_block(n, dense::least(KB, n - b * KB), a + b * KB * (n + 1));
        }
    });
    if (ex.interrupted()) {
        return {Status::interrupted, 0};
    }
    // V[k, 0:k] = -V[k, k] (L[k, 0:k] V[0:k, 0:k]).
    for (index_t k = KB; k < n; k += KB) {
        const index_t kb = dense::least(KB, n - k);
        ex.parallel_for(k / KB + 1, 1, [=](index_t begin, index_t end) {
            for (index_t q = begin * KB; q < end * KB; q += KB) {
                const bool last = q == k;
                dense::pack_rows(a + k * n + q, n, kb, last ? kb : KB, last, last ? diagonal : packed + q * KB);
            }
        });
        ex.parallel_for((k + dense_group - 1) / dense_group, 1, [=, &slots](index_t begin, index_t end) {
            const index_t slot = slots.take();
            for (index_t j = begin * dense_group; j < dense::least(end * dense_group, k); j += dense_group) {
                dense::invert_columns(n, k, kb, j, dense::least(dense_group, k - j), packed, diagonal, a,
                                      slots.at(slot));
            }
            slots.give(slot);
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

// Overwrites the lower triangle L of a with that of (L L')^-1 = V' V. 2 n^3/3 flops.
template <class T>
Info dense_invert(index_t n, T* a, T* scratch, const Executor& ex) {
    constexpr index_t KB = dense_block;
    const Info info = dense_invert_triangle(n, a, scratch, ex);
    if (info.status != Status::ok) {
        return info;
    }
    T* const packed = scratch;
    dense::Slots<T> slots(scratch + 2 * (n + 2 * KB) * KB + KB * KB, ex.workers);
    // Row block k of the product needs the rows from k on, and only it still needs row block k: upwards, in place.
    for (index_t k = 0; k < n; k += KB) {
        const index_t kb = dense::least(KB, n - k);
        ex.parallel_for((n - k + KB - 1) / KB, 1, [=](index_t begin, index_t end) {
            for (index_t q = k + begin * KB; q < dense::least(k + end * KB, n); q += KB) {
                dense::pack_transposed(a + q * n + k, n, kb, dense::least(KB, n - q), q == k, packed + (q - k) * KB);
            }
        });
        const index_t width = k + kb;
        ex.parallel_for((width + dense_group - 1) / dense_group, 1, [=, &slots](index_t begin, index_t end) {
            const index_t slot = slots.take();
            for (index_t j = begin * dense_group; j < dense::least(end * dense_group, width); j += dense_group) {
                dense::square_columns(n, k, kb, j, dense::least(dense_group, width - j), packed, a, slots.at(slot));
            }
            slots.give(slot);
        });
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

KRISS_NAMESPACE_END
