#include "math_kernels.hpp"

#include "kriss/math.hpp"
#include "kriss/vector.hpp"

KRISS_NAMESPACE_BEGIN

namespace {

constexpr index_t grain = 8192;

// Reads and writes 16 n bytes (float: 8 n).
template <class F, class T>
void map(index_t n, const T* x, T* out, const Executor& ex) {
    ex.parallel_for(n, grain, [=](index_t begin, index_t end) {
#pragma GCC ivdep
        for (index_t i = begin; i < end; ++i) {
            out[i] = F::at(x[i]);
        }
    });
}

struct Exp {
    template <class T>
    KRISS_ALWAYS_INLINE static T at(T x) {
        return math::exp(x);
    }
};

}  // namespace

template <class T>
constexpr ElementaryKernels<T> elementary_kernels = {
    &map<Exp, T>,
};

KRISS_NAMESPACE_END

namespace kriss::tables::KRISS_ISA {

const MathKernels math_kernels = {
    &triad<double>,
    elementary_kernels<double>,
    elementary_kernels<float>,
};

}  // namespace kriss::tables::KRISS_ISA
