// Squared norms of the rows of A P for a tall matrix A and upper triangular P, in single precision: twice as many
// numbers in a register, half the bytes in the caches, for scores that are wanted to some percent. A row's error is at
// most about n 2^-24 |P| |P^-1| of its norm; who calls knows P. Squares that are not finite, or so small that
// something may have underflowed, are to be worked out again by others.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/sketch/row_rounds.hpp"

#if defined(__AVX512F__) || defined(__FMA__)
#include <immintrin.h>
#endif

KRISS_NAMESPACE_BEGIN

#if defined(__AVX2__) && defined(__FMA__)
struct SingleSimd {
    using vec = __m256;
    static constexpr int lanes = 8, vecs = 3;
    KRISS_ALWAYS_INLINE static vec zero() { return _mm256_setzero_ps(); }
    KRISS_ALWAYS_INLINE static vec load(const float* p) { return _mm256_loadu_ps(p); }
    KRISS_ALWAYS_INLINE static void store(float* p, vec x) { _mm256_storeu_ps(p, x); }
    KRISS_ALWAYS_INLINE static vec broadcast(float x) { return _mm256_set1_ps(x); }
    KRISS_ALWAYS_INLINE static vec fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
};
#else
struct SingleSimd {
    typedef float vec __attribute__((vector_size(16)));
    typedef float stored __attribute__((vector_size(16), aligned(4), may_alias));
    static constexpr int lanes = 4, vecs = 2;
    KRISS_ALWAYS_INLINE static vec zero() { return vec{0.0F, 0.0F, 0.0F, 0.0F}; }
    KRISS_ALWAYS_INLINE static vec load(const float* p) { return *reinterpret_cast<const stored*>(p); }
    KRISS_ALWAYS_INLINE static void store(float* p, vec x) { *reinterpret_cast<stored*>(p) = x; }
    KRISS_ALWAYS_INLINE static vec broadcast(float x) { return vec{x, x, x, x}; }
    KRISS_ALWAYS_INLINE static vec fma(vec a, vec b, vec c) { return a * b + c; }
};
#endif

// The columns of A lie in strips of eight of which the first is the one that may not be full: a strip's column of A P
// needs the rows of P up to its own, so the zeros cost least there. w, from 1 to 8, is the number of columns in it.
KRISS_ALWAYS_INLINE index_t first_width(index_t n) { return n - strip_width * (strips(n) - 1); }

// acc[r][v] += left[r] right[v] for the registers v from First on.
template <int Rows, int Vecs, int First>
KRISS_ALWAYS_INLINE void square_step(const float* a, const float* right, SingleSimd::vec (&acc)[Rows][Vecs]) {
    SingleSimd::vec b[Vecs];
#pragma GCC unroll 8
    for (int v = First; v < Vecs; ++v) {
        b[v] = SingleSimd::load(right + v * SingleSimd::lanes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        const SingleSimd::vec x = SingleSimd::broadcast(a[8 * r]);
#pragma GCC unroll 8
        for (int v = First; v < Vecs; ++v) {
            acc[r][v] = SingleSimd::fma(x, b[v], acc[r][v]);
        }
    }
}

// The eight of a strip.
template <int Rows, int Vecs, int First>
KRISS_ALWAYS_INLINE void square_strip(const float* a, const float* right, SingleSimd::vec (&acc)[Rows][Vecs]) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
        square_step<Rows, Vecs, First>(a + k, right + k * Vecs * SingleSimd::lanes, acc);
    }
}

// sums[8 r + lane] += squares of (left P)[r][columns of the strips from `at` on], as many as Vecs registers hold. left:
// strips of (panel, 8), row r at 8 r; the first has w columns that count. p: these columns of P, from its first row to
// the last that is not zero.
template <int Rows, int Vecs>
KRISS_ALWAYS_INLINE void square_tile(index_t at, index_t w, const float* left, index_t strip, const float* p,
                                     float* sums) {
    constexpr int wide = Vecs * SingleSimd::lanes, per_strip = 8 / SingleSimd::lanes;
    SingleSimd::vec acc[Rows][Vecs];
    for (int r = 0; r < Rows; ++r) {
        for (int v = 0; v < Vecs; ++v) {
            acc[r][v] = SingleSimd::zero();
        }
    }
    if (w < 8) {
#pragma GCC unroll 1
        for (index_t k = 0; k < w; ++k) {
            square_step<Rows, Vecs, 0>(left + k, p + k * wide, acc);
        }
    }
    if (w == 8 || at > 0) {
        const float* end = left + at * strip;
        if (w < 8) {
            left += strip;
            p += w * wide;
        }
#pragma GCC unroll 1
        for (; left != end; left += strip, p += 8 * wide) {
            square_strip<Rows, Vecs, 0>(left, p, acc);
        }
        // P is zero below its diagonal: the strips of the tile itself concern fewer and fewer registers.
        square_strip<Rows, Vecs, 0>(left, p, acc);
        if constexpr (Vecs > per_strip) {
            square_strip<Rows, Vecs, per_strip>(left + strip, p + 8 * wide, acc);
        }
        if constexpr (Vecs > 2 * per_strip) {
            square_strip<Rows, Vecs, 2 * per_strip>(left + 2 * strip, p + 16 * wide, acc);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        SingleSimd::vec sum = SingleSimd::load(sums + 8 * r);
#pragma GCC unroll 8
        for (int v = 0; v < Vecs; ++v) {
            sum = SingleSimd::fma(acc[r][v], acc[r][v], sum);
        }
        SingleSimd::store(sums + 8 * r, sum);
    }
}

constexpr index_t single_panel = 64;

// Rows of A in strips, the first of w columns, in single precision; in two registers at a time where rows lie one after
// another.
KRISS_ALWAYS_INLINE void pack_single(const View2<const double>& a, index_t i0, index_t rows, index_t depth,
                                     float* KRISS_RESTRICT out) {
    const index_t strip = strip_width * depth;
    const index_t w = first_width(a.cols);
#if defined(__AVX2__) && defined(__FMA__)
    if (a.col_stride == 1) {
        const index_t ns = strips(a.cols);
        const __m256i lane = _mm256_set_epi64x(3, 2, 1, 0);
        const __m256i low_mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(w), lane);
        const __m256i high_mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(w - 4), lane);
        for (index_t i = 0; i < rows; ++i) {
            const double* row = a.data + (i0 + i) * a.row_stride;
            float* to = out + strip_width * i;
            const __m128 first = _mm256_cvtpd_ps(_mm256_maskload_pd(row, low_mask));
            const __m128 second = _mm256_cvtpd_ps(_mm256_maskload_pd(row + 4, high_mask));
            _mm256_storeu_ps(to, _mm256_set_m128(second, first));
            row += w - 8;
            for (index_t s = 1; s < ns; ++s) {
                const __m128 low = _mm256_cvtpd_ps(_mm256_loadu_pd(row + 8 * s));
                const __m128 high = _mm256_cvtpd_ps(_mm256_loadu_pd(row + 8 * s + 4));
                _mm256_storeu_ps(to + s * strip, _mm256_set_m128(high, low));
            }
        }
        for (index_t s = 0; s < ns; ++s) {
            for (index_t i = strip_width * rows; i < strip; ++i) {
                out[s * strip + i] = 0.0F;
            }
        }
        return;
    }
#endif
    const View2<const double> start{a.data, a.rows, w, a.row_stride, a.col_stride};
    pack_strip(start, i0, rows, depth, 0, nullptr, out);
    for (index_t s = 1; s < strips(a.cols); ++s) {
        pack_strip(a, i0, rows, depth, 8 * (s - 1) + w, nullptr, out + s * strip);
    }
}

struct SingleScores {
    View2<const double> a;
    const float* precond = nullptr;  // tile after tile, each (rows of P up to its last column, columns)
    double* squares = nullptr;       // (m)

    // The strips from `at` on that make a tile: the one that is not full, then as many as leave whole tiles, so that
    // the tiles that are not whole are the least deep.
    KRISS_ALWAYS_INLINE static index_t tile_strips(index_t n, index_t at) {
        constexpr index_t most = static_cast<index_t>(SingleSimd::vecs) * SingleSimd::lanes / 8;
        const index_t ragged = first_width(n) < 8 ? 1 : 0;
        const index_t some = (strips(n) - ragged) % most;
        return at < ragged ? 1 : at < ragged + some ? some : most;
    }
    // Rows of P that a tile needs which ends before strip `end`.
    KRISS_ALWAYS_INLINE static index_t tile_rows(index_t n, index_t end) { return first_width(n) + 8 * (end - 1); }

    KRISS_ALWAYS_INLINE static index_t sums(index_t) { return 0; }
    // A panel of floats.
    KRISS_ALWAYS_INLINE static index_t scratch(index_t n) { return single_panel * strip_width * strips(n) / 2; }

    KRISS_ALWAYS_INLINE static void tile(index_t at, index_t count, index_t w, const float* left, index_t strip,
                                         const float* p, float* sums) {
        if constexpr (SingleSimd::vecs == 3) {
            if (count == 3) {
                square_tile<4, 3>(at, w, left, strip, p, sums);
                square_tile<4, 3>(at, w, left + 32, strip, p, sums + 32);
            } else if (count == 2) {
                square_tile<4, 2>(at, w, left, strip, p, sums);
                square_tile<4, 2>(at, w, left + 32, strip, p, sums + 32);
            } else {
                square_tile<8, 1>(at, w, left, strip, p, sums);
            }
        } else {
            square_tile<4, 2>(at, w, left, strip, p, sums);
            square_tile<4, 2>(at, w, left + 32, strip, p, sums + 32);
        }
    }

    KRISS_ALWAYS_INLINE static void chunk(const SingleScores& p, index_t begin, index_t end, double* slot) {
        const index_t n = p.a.cols, ns = strips(n), w = first_width(n);
        index_t tiles = 0;
        for (index_t at = 0; at < ns; at += tile_strips(n, at)) {
            ++tiles;
        }
        float* panel = reinterpret_cast<float*>(slot);
        alignas(32) float sums[8 * single_panel];
        for (index_t i0 = begin; i0 < end; i0 += single_panel) {
            const index_t rows = end - i0 < single_panel ? end - i0 : single_panel;
            const index_t depth = (rows + 7) / 8 * 8;
            const index_t strip = strip_width * depth;
            pack_single(p.a, i0, rows, depth, panel);
            for (index_t i = 0; i < 8 * depth; ++i) {
                sums[i] = 0.0F;
            }
            // The next panel is on its way from memory while this one is worked on.
            const index_t lines = p.a.col_stride == 1 && i0 + 2 * single_panel <= p.a.rows && p.a.row_stride > 0
                                      ? single_panel * p.a.row_stride / 8
                                      : 0;
            const index_t share = lines / (tiles * (depth / 8)) + 1;
            const double* next = p.a.data + (i0 + single_panel) * p.a.row_stride;
            index_t fetched = 0;
            const float* right = p.precond;
            for (index_t at = 0; at < ns;) {
                const index_t count = tile_strips(n, at);
                for (index_t i = 0; i < depth; i += 8) {
                    for (const index_t upto = fetched + share < lines ? fetched + share : lines; fetched < upto;
                         ++fetched) {
                        __builtin_prefetch(next + 8 * fetched, 0, 2);
                    }
                    tile(at, count, w, panel + 8 * i, strip, right, sums + 8 * i);
                }
                at += count;
                right += tile_rows(n, at) * 8 * count;
            }
            for (index_t i = 0; i < rows; ++i) {
                const float* s = sums + 8 * i;
                p.squares[i0 + i] =
                    static_cast<double>(((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])));
            }
        }
    }
};

// Numbers that the tiles of P take, in doubles, a multiple of 8.
KRISS_ALWAYS_INLINE index_t single_tiles(index_t n) {
    index_t size = 0;
    for (index_t at = 0; at < strips(n);) {
        const index_t count = SingleScores::tile_strips(n, at);
        at += count;
        size += SingleScores::tile_rows(n, at) * 8 * count;
    }
    return (size + 15) / 16 * 8;
}

KRISS_ALWAYS_INLINE index_t single_scores_scratch(index_t m, index_t n) {
    return single_tiles(n) + row_slots(m, n) * SingleScores::scratch(n);
}

// The whole pass, precond as (np, np) with P in its upper left corner. 8 m n bytes, about m n^2 flops.
KRISS_ALWAYS_INLINE void single_scores(SingleScores p, double* scratch, const Executor& ex) {
    const index_t n = p.a.cols, np = strip_width * strips(n), w = first_width(n);
    float* tiles = reinterpret_cast<float*>(scratch);
    float* to = tiles;
    for (index_t at = 0; at < strips(n);) {
        const index_t count = SingleScores::tile_strips(n, at);
        const index_t first = at == 0 ? 0 : w + 8 * (at - 1);
        at += count;
        for (index_t i = 0; i < SingleScores::tile_rows(n, at); ++i) {
            for (index_t c = 0; c < 8 * count; ++c, ++to) {
                const index_t j = first + c;
                // A strip that is not full is a tile of its own.
                *to = j < n && j >= i && (first > 0 || w == 8 || c < w) ? p.precond[i * np + j] : 0.0F;
            }
        }
    }
    p.precond = tiles;
    row_rounds(p, scratch + single_tiles(n), ex);
}

KRISS_NAMESPACE_END
