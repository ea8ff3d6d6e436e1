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

// sums[8 r + lane] += squares of (left P)[r][columns of this tile]. left: strips of (panel, 8), row r at 8 r.
template <int Rows, int Vecs>
KRISS_ALWAYS_INLINE void square_tile(index_t depth, const float* left, index_t strip, const float* p, index_t np,
                                     float* sums) {
    SingleSimd::vec acc[Rows][Vecs];
    for (int r = 0; r < Rows; ++r) {
        for (int v = 0; v < Vecs; ++v) {
            acc[r][v] = SingleSimd::zero();
        }
    }
    // A strip of the left side holds eight of the columns that are summed over.
    for (index_t l = 0; l < depth; l += 8) {
        const float* a = left + l / 8 * strip;
        const float* right = p + l * np;
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) {
            SingleSimd::vec b[Vecs];
#pragma GCC unroll 8
            for (int v = 0; v < Vecs; ++v) {
                b[v] = SingleSimd::load(right + k * np + v * SingleSimd::lanes);
            }
#pragma GCC unroll 8
            for (int r = 0; r < Rows; ++r) {
                const SingleSimd::vec x = SingleSimd::broadcast(a[8 * r + k]);
#pragma GCC unroll 8
                for (int v = 0; v < Vecs; ++v) {
                    acc[r][v] = SingleSimd::fma(x, b[v], acc[r][v]);
                }
            }
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

// As pack_panel, in two registers at a time where rows lie one after another.
KRISS_ALWAYS_INLINE void pack_single(const View2<const double>& a, index_t i0, index_t rows, index_t depth,
                                     float* KRISS_RESTRICT out) {
#if defined(__AVX2__) && defined(__FMA__)
    const index_t full = a.cols / strip_width;
    const index_t rest = a.cols - full * strip_width;
    if (a.col_stride == 1) {
        const index_t strip = strip_width * depth;
        for (index_t i = 0; i < rows; ++i) {
            const double* row = a.data + (i0 + i) * a.row_stride;
            float* to = out + strip_width * i;
            for (index_t s = 0; s < full; ++s) {
                const __m128 low = _mm256_cvtpd_ps(_mm256_loadu_pd(row + 8 * s));
                const __m128 high = _mm256_cvtpd_ps(_mm256_loadu_pd(row + 8 * s + 4));
                _mm256_storeu_ps(to + s * strip, _mm256_set_m128(high, low));
            }
            if (rest > 0) {
                for (index_t c = 0; c < strip_width; ++c) {
                    to[full * strip + c] = c < rest ? static_cast<float>(row[8 * full + c]) : 0.0F;
                }
            }
        }
        for (index_t s = 0; s < strips(a.cols); ++s) {
            for (index_t i = strip_width * rows; i < strip; ++i) {
                out[s * strip + i] = 0.0F;
            }
        }
        return;
    }
#endif
    pack_panel(a, i0, rows, depth, nullptr, out);
}

struct SingleScores {
    View2<const double> a;
    const float* precond = nullptr;  // (np, np) row-major, upper triangular, np = 8 strips(n)
    double* squares = nullptr;       // (m)

    KRISS_ALWAYS_INLINE static index_t sums(index_t) { return 0; }
    // A panel of floats.
    KRISS_ALWAYS_INLINE static index_t scratch(index_t n) { return single_panel * strip_width * strips(n) / 2; }

    KRISS_ALWAYS_INLINE static void chunk(const SingleScores& p, index_t begin, index_t end, double* slot) {
        constexpr index_t step = static_cast<index_t>(SingleSimd::vecs) * SingleSimd::lanes;
        const index_t np = strip_width * strips(p.a.cols);
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
            const index_t share = lines / ((np + step - 1) / step * (depth / 8)) + 1;
            const double* next = p.a.data + (i0 + single_panel) * p.a.row_stride;
            index_t fetched = 0;
            for (index_t j = 0; j < np; j += step) {
                const index_t wide = np - j < step ? np - j : step;
                for (index_t i = 0; i < depth; i += 8) {
                    for (const index_t upto = fetched + share < lines ? fetched + share : lines; fetched < upto;
                         ++fetched) {
                        __builtin_prefetch(next + 8 * fetched, 0, 2);
                    }
                    const float* left = panel + 8 * i;
                    if (wide == step) {
                        square_tile<4, SingleSimd::vecs>(j + wide, left, strip, p.precond + j, np, sums + 8 * i);
                        square_tile<4, SingleSimd::vecs>(j + wide, left + 32, strip, p.precond + j, np,
                                                         sums + 8 * i + 32);
                    } else if (wide == 2 * SingleSimd::lanes) {
                        square_tile<4, 2>(j + wide, left, strip, p.precond + j, np, sums + 8 * i);
                        square_tile<4, 2>(j + wide, left + 32, strip, p.precond + j, np, sums + 8 * i + 32);
                    } else {
                        square_tile<8, 1>(j + wide, left, strip, p.precond + j, np, sums + 8 * i);
                    }
                }
            }
            for (index_t i = 0; i < rows; ++i) {
                const float* s = sums + 8 * i;
                p.squares[i0 + i] =
                    static_cast<double>(((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])));
            }
        }
    }
};

KRISS_NAMESPACE_END
