#include "solve_maps_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, class I>
double apply_blocks(const void* self, const T* x, T* y, double* part, const Executor& ex) {
    return block_matvec_dot(*static_cast<const BlockView<T, I>*>(self), x, y, part, ex);
}

template <class T, class I>
constexpr BlockKernels<T, I> blocks() {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {&block_matvec<T, I>, nullptr, {}};
    } else {
        return {&block_matvec<T, I>,
                &apply_blocks<T, I>,
                {&block_matmat<T, I, 1>, &block_matmat<T, I, 2>, &block_matmat<T, I, 4>, &block_matmat<T, I, 8>}};
    }
}

template <class T>
constexpr GridKernels<T> grids() {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {&grid_matvec<T>, nullptr, {}, nullptr, nullptr};
    } else {
        return {&grid_matvec<T>,
                &grid_matvec_dot<T>,
                {&grid_matmat<T, 1>, &grid_matmat<T, 2>, &grid_matmat<T, 4>, &grid_matmat<T, 8>},
                &grid_sweeps<T>,
                &grid_mic_pivots<T>};
    }
}

template <class T>
constexpr MapKernels<T> maps() {
    return {blocks<T, std::int32_t>(), blocks<T, std::int64_t>(), grids<T>()};
}

}  // namespace

const MapsKernels maps_kernels = {maps<float>(), maps<double>(), maps<Cplx<float>>(), maps<Cplx<double>>()};

}  // namespace kriss::tables::KRISS_ISA
