#include "spline_tensor_kernels.hpp"

#include "kriss/spline/tensor.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

TensorAxis<double> axis_of(const TensorAxisData& a) {
    const std::int32_t parts = a.table != nullptr ? a.buckets : static_cast<std::int32_t>(a.n - 1);
    return {knot_index(a.x, a.n, a.table, parts, a.map), a.start, a.basis};
}

template <int K>
struct Order {
    static constexpr int value = K;
};

template <class F>
void with_order(int K, F&& f) {
    switch (K) {
        case 2: f(Order<2>{}); break;
        case 4: f(Order<4>{}); break;
        case 6: f(Order<6>{}); break;
        default: f(Order<8>{}); break;
    }
}

void basis(int K, const double* t, const std::int32_t* at, index_t cells, double* out) {
    with_order(K, [&](auto order) {
        constexpr int k = decltype(order)::value;
        for (index_t i = 0; i < cells; ++i) {
            tensor_basis<double, k>(t, at[i], out + i * k * k);
        }
    });
}

void scattered(int K, const TensorAxisData& ax, const TensorAxisData& ay, const double* c, index_t ny, index_t m,
               const double* x, const double* y, index_t points, int nux, int nuy, int beyond, double* out,
               const Executor& ex) {
    with_order(K, [&](auto order) {
        tensor_scattered<double, decltype(order)::value>(axis_of(ax), axis_of(ay), c, ny, m, x, y, points, nux, nuy,
                                                         static_cast<Beyond>(beyond), out, ex);
    });
}

void weights(int K, const TensorAxisData& axis, const double* q, index_t points, int nu, int beyond, double* w,
             std::int32_t* first, const Executor& ex) {
    with_order(K, [&](auto order) {
        tensor_axis_weights<double, decltype(order)::value>(axis_of(axis), q, points, nu, static_cast<Beyond>(beyond),
                                                            w, first, ex);
    });
}

void contract(int K, const double* a, index_t outer, index_t n, index_t inner, const double* w,
              const std::int32_t* first, index_t q, double* out, const Executor& ex) {
    with_order(K, [&](auto order) {
        tensor_contract<double, decltype(order)::value>(a, outer, n, inner, w, first, q, out, ex);
    });
}

Info solve(int K, const double* w, const std::int32_t* first, index_t n, double* band, double* b, index_t columns,
           const Executor& ex) {
    return tensor_solve(w, first, n, K, band, b, columns, ex);
}

}  // namespace

const SplineTensorKernels spline_tensor_kernels = {&basis, &scattered, &weights, &contract, &solve};

}  // namespace kriss::tables::KRISS_ISA
