// Register tiles for products of packed panels (panel.hpp): the inner loops of the Gram matrix and of panel * P.
//
// The tile shape follows the registers of the level: 8 x 24 numbers with AVX-512, 4 x 12 with AVX2, 4 x 4 else. Each
// number of a result is a sum over one panel in the order of its rows, so the shape does not change it. With FMA
// hardware (v3, v4) every step is one fma; without (v2) it is a product and a sum, so v2 may differ in the last bits.
// That is allowed here because both products only build a preconditioner: the refinement decides the answer.
#pragma once

#include "kriss/config.hpp"
#include "kriss/sketch/panel.hpp"

#if defined(__AVX512F__) || defined(__FMA__)
#include <immintrin.h>
#endif

KRISS_NAMESPACE_BEGIN

#if defined(__AVX512F__)
struct Simd {
    using vec = __m512d;
    static constexpr int lanes = 8, rows = 8, vecs = 3;
    KRISS_ALWAYS_INLINE static vec zero() { return _mm512_setzero_pd(); }
    KRISS_ALWAYS_INLINE static vec load(const double* p) { return _mm512_loadu_pd(p); }
    KRISS_ALWAYS_INLINE static void store(double* p, vec x) { _mm512_storeu_pd(p, x); }
    KRISS_ALWAYS_INLINE static vec broadcast(double x) { return _mm512_set1_pd(x); }
    KRISS_ALWAYS_INLINE static vec fma(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
    KRISS_ALWAYS_INLINE static vec add(vec a, vec b) { return _mm512_add_pd(a, b); }
};
#elif defined(__AVX2__) && defined(__FMA__)
struct Simd {
    using vec = __m256d;
    static constexpr int lanes = 4, rows = 4, vecs = 3;
    KRISS_ALWAYS_INLINE static vec zero() { return _mm256_setzero_pd(); }
    KRISS_ALWAYS_INLINE static vec load(const double* p) { return _mm256_loadu_pd(p); }
    KRISS_ALWAYS_INLINE static void store(double* p, vec x) { _mm256_storeu_pd(p, x); }
    KRISS_ALWAYS_INLINE static vec broadcast(double x) { return _mm256_set1_pd(x); }
    KRISS_ALWAYS_INLINE static vec fma(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
    KRISS_ALWAYS_INLINE static vec add(vec a, vec b) { return _mm256_add_pd(a, b); }
};
#else
struct Simd {
    typedef double vec __attribute__((vector_size(16)));
    typedef double stored __attribute__((vector_size(16), aligned(8), may_alias));
    static constexpr int lanes = 2, rows = 4, vecs = 2;
    KRISS_ALWAYS_INLINE static vec zero() { return vec{0.0, 0.0}; }
    KRISS_ALWAYS_INLINE static vec load(const double* p) { return *reinterpret_cast<const stored*>(p); }
    KRISS_ALWAYS_INLINE static void store(double* p, vec x) { *reinterpret_cast<stored*>(p) = x; }
    KRISS_ALWAYS_INLINE static vec broadcast(double x) { return vec{x, x}; }
    KRISS_ALWAYS_INLINE static vec fma(vec a, vec b, vec c) { return a * b + c; }
    KRISS_ALWAYS_INLINE static vec add(vec a, vec b) { return a + b; }
};
#endif

// c[r][v] += sum_k left[k][r] * right_v[k], k < depth: left and right_v step by 8 numbers per k.
template <int Rows, int Vecs>
KRISS_ALWAYS_INLINE void gram_tile(index_t depth, const double* left, const double* const* right, double* c,
                                   index_t ldc) {
    Simd::vec acc[Rows][Vecs];
    for (int r = 0; r < Rows; ++r) {
        for (int v = 0; v < Vecs; ++v) {
            acc[r][v] = Simd::zero();
        }
    }
    for (index_t k = 0; k < depth; ++k) {
        Simd::vec b[Vecs];
#pragma GCC unroll 8
        for (int v = 0; v < Vecs; ++v) {
            b[v] = Simd::load(right[v] + 8 * k);
        }
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const Simd::vec a = Simd::broadcast(left[8 * k + r]);
#pragma GCC unroll 8
            for (int v = 0; v < Vecs; ++v) {
                acc[r][v] = Simd::fma(a, b[v], acc[r][v]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < Vecs; ++v) {
            double* p = c + r * ldc + v * Simd::lanes;
            Simd::store(p, Simd::add(Simd::load(p), acc[r][v]));
        }
    }
}

// g += panel' panel, upper tiles only, columns that pad the matrix left alone. panel: strips of (depth, 8); g: (8 ns,
// 8 ns) row-major, ns the strips of n columns.
KRISS_ALWAYS_INLINE void gram_panel(index_t n, index_t depth, const double* panel, double* g) {
    constexpr index_t step = static_cast<index_t>(Simd::lanes) * Simd::vecs;
    const index_t np = strip_width * strips(n);
    const index_t used = (n + Simd::lanes - 1) / Simd::lanes * Simd::lanes;
    const index_t strip = strip_width * depth;
    for (index_t j = 0; j < used; j += step) {
        const index_t wide = used - j < step ? used - j : step;
        const double* right[Simd::vecs];
        for (int v = 0; v < Simd::vecs; ++v) {
            const index_t c = j + v * Simd::lanes < used ? j + v * Simd::lanes : j;
            right[v] = panel + c / 8 * strip + c % 8;
        }
        // A narrow tile is higher, so that enough sums are under way at once.
        const index_t high = wide == Simd::lanes ? 8 : Simd::rows;
        for (index_t i = 0; i < j + wide; i += high) {
            const double* left = panel + i / 8 * strip + i % 8;
            double* c = g + i * np + j;
            if (wide == step) {
                gram_tile<Simd::rows, Simd::vecs>(depth, left, right, c, np);
            } else if (wide == 2 * Simd::lanes) {
                gram_tile<Simd::rows, 2>(depth, left, right, c, np);
            } else {
                gram_tile<8, 1>(depth, left, right, c, np);
            }
        }
    }
}

// c[r][v] = sum_l left[r][l] * p[l][v], l < depth. left: row r at 8 r within a strip, l / 8 counts strips.
template <int Rows, int Vecs>
KRISS_ALWAYS_INLINE void product_tile(index_t depth, const double* left, index_t strip, const double* p, index_t np,
                                      double* const* out) {
    Simd::vec acc[Rows][Vecs];
    for (int r = 0; r < Rows; ++r) {
        for (int v = 0; v < Vecs; ++v) {
            acc[r][v] = Simd::zero();
        }
    }
    for (index_t l = 0; l < depth; ++l) {
        const double* a = left + l / 8 * strip + l % 8;
        Simd::vec b[Vecs];
#pragma GCC unroll 8
        for (int v = 0; v < Vecs; ++v) {
            b[v] = Simd::load(p + l * np + v * Simd::lanes);
        }
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const Simd::vec x = Simd::broadcast(a[8 * r]);
#pragma GCC unroll 8
            for (int v = 0; v < Vecs; ++v) {
                acc[r][v] = Simd::fma(x, b[v], acc[r][v]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < Vecs; ++v) {
            Simd::store(out[v] + 8 * r, acc[r][v]);
        }
    }
}

// out = panel p with p upper triangular, (8 ns, 8 ns) row-major; panel and out: strips of (rows, 8), rows % 8 == 0.
KRISS_ALWAYS_INLINE void product_panel(index_t ns, index_t rows, const double* panel, const double* p, double* out) {
    constexpr index_t step = static_cast<index_t>(Simd::lanes) * Simd::vecs;
    const index_t np = strip_width * ns;
    const index_t strip = strip_width * rows;
    for (index_t j = 0; j < np; j += step) {
        const index_t wide = np - j < step ? np - j : step;
        for (index_t i = 0; i < rows; i += Simd::rows) {
            double* to[Simd::vecs];
            for (int v = 0; v < Simd::vecs; ++v) {
                const index_t c = j + v * Simd::lanes < np ? j + v * Simd::lanes : j;
                to[v] = out + c / 8 * strip + c % 8 + 8 * i;
            }
            if (wide == step) {
                product_tile<Simd::rows, Simd::vecs>(j + wide, panel + 8 * i, strip, p + j, np, to);
            } else if (wide == 2 * Simd::lanes) {
                product_tile<Simd::rows, 2>(j + wide, panel + 8 * i, strip, p + j, np, to);
            } else {
                product_tile<Simd::rows, 1>(j + wide, panel + 8 * i, strip, p + j, np, to);
            }
        }
    }
}

KRISS_NAMESPACE_END
