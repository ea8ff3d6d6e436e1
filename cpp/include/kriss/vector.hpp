// Passes that belong to no family: the yardsticks of benchmarks/, triad of bytes moved, multiply_adds of flops.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"

KRISS_NAMESPACE_BEGIN

// a = b + s * c over n items. Moves 24 n bytes per pass in float64 (32 n with write-allocate).
template <class T>
void triad(index_t n, T s, const T* KRISS_RESTRICT b, const T* KRISS_RESTRICT c, T* KRISS_RESTRICT a,
           const Executor& ex) {
    ex.parallel_for(n, 32768, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            a[i] = b[i] + s * c[i];
        }
    });
}

inline constexpr index_t yardstick_size = 256;

// x = x factor + addend, so many rounds, each product and each sum rounded; so many independent chains of vectors
// that none waits, as far as there are registers. x: (yardstick_size), of which it takes a part. Returns the flops.
KRISS_NOINLINE inline double multiply_adds(index_t rounds, float factor, float addend, float* x) {
#if defined(KRISS_HAVE_VECTOR_TYPES) && defined(__AVX512F__)
    constexpr int lanes = 16, chains = 16;
#elif defined(KRISS_HAVE_VECTOR_TYPES) && defined(__AVX__)
    constexpr int lanes = 8, chains = 13;
#elif defined(KRISS_HAVE_VECTOR_TYPES)
    constexpr int lanes = 4, chains = 13;
#else
    constexpr int lanes = 1, chains = 8;
#endif
#ifdef KRISS_HAVE_VECTOR_TYPES
    typedef float Lanes __attribute__((vector_size(4 * lanes)));
    typedef float Stored __attribute__((vector_size(4 * lanes), aligned(sizeof(float)), may_alias));
#else
    typedef float Lanes;
    typedef float Stored;
#endif
    Lanes v[chains];
    for (int c = 0; c < chains; ++c) {
        v[c] = *reinterpret_cast<const Stored*>(x + c * lanes);
    }
    const Lanes a = Lanes{} + factor, b = Lanes{} + addend;
    for (index_t k = 0; k < rounds; ++k) {
        KRISS_UNROLLED
        for (int c = 0; c < chains; ++c) {
            v[c] = v[c] * a + b;
        }
    }
    for (int c = 0; c < chains; ++c) {
        *reinterpret_cast<Stored*>(x + c * lanes) = v[c];
    }
    return 2.0 * static_cast<double>(rounds) * chains * lanes;
}

KRISS_NAMESPACE_END
