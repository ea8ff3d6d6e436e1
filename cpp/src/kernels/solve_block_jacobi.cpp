#include "solve_block_jacobi_kernels.hpp"

#include "kriss/solve/block_jacobi.hpp"
#include "kriss/solve/gather.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, class I>
unsigned char factor(const CsrView<T, I>& a, const BlocksView<T>& blocks, index_t b, const index_t* label,
                     const index_t* place, T* room, index_t* perm) {
    return static_cast<unsigned char>(block_factor(a, blocks, b, label, place, room, perm));
}

template <class T>
constexpr BlockJacobiKernels<T> blocks() {
    return {&factor<T, std::int32_t>, &factor<T, std::int64_t>, &blocks_apply<T>, &gather_dot<T, index_t>};
}

}  // namespace

const SolveBlockJacobiKernels solve_block_jacobi_kernels = {blocks<float>(), blocks<double>()};

}  // namespace kriss::tables::KRISS_ISA
