#include "spline_bspline_kernels.hpp"

#include "kriss/spline/bspline.hpp"
#include "kriss/spline/bspline_interp.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
void evaluate_bspline(const T* t, const T* c, index_t n, index_t columns, int k, const std::int32_t* table,
                      std::int32_t buckets, std::int32_t map, const T* q, index_t points, int nu, int beyond, T* out,
                      const Executor& ex) {
    const index_t knots = n - k + 1;
    const std::int32_t parts = table != nullptr ? buckets : static_cast<std::int32_t>(knots - 1);
    const KnotIndex<T> ix = knot_index(t + k, knots, table, parts, map);
    bspline_evaluate(ix, BSplineView<T>{t, c, n, columns, k}, q, points, nu, static_cast<Beyond>(beyond), out, ex);
}

template <class T>
Info interpolate(const T* x, index_t n, const T* t, int k, index_t m, T* c, T* a, std::int32_t* first,
                 const Executor& ex) {
    return bspline_interpolate(x, n, t, k, m, c, a, first, ex);
}

template <class T>
Info interpolate_ends(const T* x, index_t n, const T* t, int k, const std::int32_t* left, index_t lefts,
                      const std::int32_t* right, index_t rights, index_t m, T* c, T* a, const Executor& ex) {
    return bspline_interpolate_ends(x, n, t, k, left, lefts, right, rights, m, c, a, ex);
}

template <class T>
void to_pieces(const T* t, const T* c, index_t n, index_t columns, int k, const T* x, index_t cells, T* out,
               const Executor& ex) {
    bspline_to_pieces(BSplineView<T>{t, c, n, columns, k}, x, cells, out, ex);
}

template <class T>
constexpr BSplineKernels<T> fill() {
    return {&evaluate_bspline<T>, &interpolate<T>, &interpolate_ends<T>, &to_pieces<T>};
}

}  // namespace

const BSplineTables bspline_kernels = {fill<double>(), fill<float>()};

}  // namespace kriss::tables::KRISS_ISA
