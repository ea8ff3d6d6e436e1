#include "spline_hermite_kernels.hpp"

#include "kriss/spline/hermite.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
Info hermite_pieces(const T* x, const T* y, const T* d, index_t n, index_t m, T* c, T* work, const Executor& ex) {
    return hermite_cubic(x, y, d, n, m, c, work, ex);
}

template <class T>
Info local_pieces(int kind, const T* x, const T* y, index_t n, index_t m, bool shared, T* c, T* work,
                  const Executor& ex) {
    return local_cubic(static_cast<Local>(kind), x, y, n, m, shared, c, work, ex);
}

template <class T>
constexpr SplineHermiteKernels<T> fill() {
    return {&local_cubic_work, &hermite_pieces<T>, &local_pieces<T>};
}

}  // namespace

const SplineHermiteTables spline_hermite_kernels = {fill<double>(), fill<float>()};

}  // namespace kriss::tables::KRISS_ISA
