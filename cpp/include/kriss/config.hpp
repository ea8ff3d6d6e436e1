// The only file that knows which compiler reads it: g++, clang++, nvcc, and which instruction-set level.
//
// Everything that generates code in these headers lives in `namespace kriss` inside an inline namespace named
// after the instruction-set level of the translation unit (KRISS_ISA). The same template compiled for x86-64-v2
// and for x86-64-v4 therefore has two different symbols and the linker cannot merge them.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define KRISS_HD __host__ __device__
#else
#define KRISS_HD
#endif

// a * b + c of doubles, rounded once, where that is one instruction.
#if defined(__CUDA_ARCH__)
#define KRISS_FMA(a, b, c) __fma_rn(a, b, c)
#elif defined(__FMA__)
#define KRISS_FMA(a, b, c) __builtin_fma(a, b, c)
#endif

// Before a loop that a device unrolls four times and no more: all at once, it runs out of registers.
#if defined(__CUDACC__)
#define KRISS_UNROLL_4 _Pragma("unroll 4")
#else
#define KRISS_UNROLL_4
#endif

// Before a loop over arrays that should be registers: not at all, or completely.
#if defined(__GNUC__) && !defined(__clang__)
#define KRISS_NO_UNROLL _Pragma("GCC unroll 1")
#define KRISS_UNROLLED _Pragma("GCC unroll 16")
#elif defined(__clang__)
#define KRISS_NO_UNROLL _Pragma("clang loop unroll(disable)")
#define KRISS_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define KRISS_NO_UNROLL
#define KRISS_UNROLLED
#endif

#if defined(__GNUC__) || defined(__clang__)
#define KRISS_ALWAYS_INLINE inline __attribute__((always_inline))
#define KRISS_NOINLINE __attribute__((noinline))
#define KRISS_RESTRICT __restrict__
#else
#define KRISS_ALWAYS_INLINE inline
#define KRISS_NOINLINE
#define KRISS_RESTRICT
#endif

// Vector types of GCC and Clang, which nvcc does not read.
#if (defined(__GNUC__) || defined(__clang__)) && !defined(__CUDACC__)
#define KRISS_HAVE_VECTOR_TYPES
#endif

#ifndef KRISS_ISA
#define KRISS_ISA base
#endif

#define KRISS_NAMESPACE_BEGIN                                                                                          \
    namespace kriss {                                                                                                  \
    inline namespace KRISS_ISA {
#define KRISS_NAMESPACE_END                                                                                            \
    }                                                                                                                  \
    }

namespace kriss {

using index_t = std::ptrdiff_t;  // every size, stride and loop counter

}  // namespace kriss
