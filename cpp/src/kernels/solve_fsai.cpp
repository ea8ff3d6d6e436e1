#include "solve_fsai_kernels.hpp"

#include "kriss/solve/fsai.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, class I>
constexpr FsaiKernels<T, I> inverses() {
    return {&fsai_rows<T, I>, &second_product<T, I>};
}

}  // namespace

const SolveFsaiKernels solve_fsai_kernels = {
    inverses<float, std::int32_t>(),
    inverses<float, std::int64_t>(),
    inverses<double, std::int32_t>(),
    inverses<double, std::int64_t>(),
};

}  // namespace kriss::tables::KRISS_ISA
