#include "solve_block_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
constexpr BlockOps<T> ops() {
    return {&block_gram<T>, &block_dots<T>, &block_add<T>, &block_solve<T>};
}

}  // namespace

const BlockCgKernels block_cg_kernels = {ops<float>(), ops<double>()};

}  // namespace kriss::tables::KRISS_ISA
