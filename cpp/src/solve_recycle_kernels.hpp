// The panel passes of recycling, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/recycle.hpp"

namespace kriss {

template <class T>
struct PanelKernels {
    void (*products)(index_t n, int p, const T* const* w, int q, const T* const* u, Wide<T>* out, Wide<T>* part,
                     const Executor& ex);
    void (*change)(index_t n, int p, const T* const* v, int k, const T* g, T* const* out, const Executor& ex);
};

struct RecycleKernels {
    PanelKernels<float> f32;
    PanelKernels<double> f64;
    PanelKernels<Cplx<float>> c64;
    PanelKernels<Cplx<double>> c128;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(RecycleKernels, recycle_kernels)

namespace kriss {

template <class T>
const PanelKernels<T>& panel_kernels() {
    if constexpr (ScalarTraits<T>::is_complex) {
        if constexpr (sizeof(T) == 8) {
            return recycle_kernels().c64;
        } else {
            return recycle_kernels().c128;
        }
    } else if constexpr (sizeof(T) == 4) {
        return recycle_kernels().f32;
    } else {
        return recycle_kernels().f64;
    }
}

}  // namespace kriss
