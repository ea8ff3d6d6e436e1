// Kernels of local cubic interpolation, one table per instruction-set level and precision.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

template <class T>
struct SplineHermiteKernels {
    // Items of scratch of `local`; its last ones, n / hermite_grain(m) + 2, suffice for `hermite`.
    index_t (*work)(index_t n, index_t m);
    // x: (n), y, d: (n, m), c: (4, n - 1, m), work: as above.
    Info (*hermite)(const T* x, const T* y, const T* d, index_t n, index_t m, T* c, T* work, const Executor& ex);
    // kind: 0 PCHIP, 1 Akima, 2 modified Akima.
    Info (*local)(int kind, const T* x, const T* y, index_t n, index_t m, bool shared, T* c, T* work,
                  const Executor& ex);
};

struct SplineHermiteTables {
    SplineHermiteKernels<double> f64;
    SplineHermiteKernels<float> f32;

    template <class T>
    const SplineHermiteKernels<T>& get() const {
        if constexpr (sizeof(T) == 8) {
            return f64;
        } else {
            return f32;
        }
    }
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SplineHermiteTables, spline_hermite_kernels)
