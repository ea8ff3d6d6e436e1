#include "spline_kernels.hpp"

#include "kriss/spline/cubic.hpp"
#include "kriss/spline/eval.hpp"
#include "kriss/spline/search.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
bool nearly_uniform(const T* x, index_t n) {
    return knots_nearly_uniform(x, n);
}

template <class T>
void bucket_map(const T* x, index_t n, std::int32_t* map, std::int32_t* buckets) {
    const BucketMap how = choose_map(x, n);
    *map = how.map;
    *buckets = how.buckets;
}

template <class T>
void bucket_table(const T* x, index_t n, std::int32_t map, std::int32_t* table, std::int32_t buckets) {
    fill_table(x, n, BucketMap{map, buckets}, table);
}

template <class T>
void evaluate_pieces(const T* x, index_t n, const std::int32_t* table, std::int32_t buckets, std::int32_t map,
                     const T* c, index_t order, index_t columns, const T* q, index_t points, int nu, int beyond, T* out,
                     const Executor& ex) {
    const std::int32_t parts = table != nullptr ? buckets : static_cast<std::int32_t>(n - 1);
    const KnotIndex<T> ix = knot_index(x, n, table, parts, map);
    evaluate(ix, Pieces<T>{c, order, n - 1, columns}, q, points, nu, static_cast<Beyond>(beyond), out, ex);
}

template <class T>
Info cubic_spline(const T* x, const T* y, index_t n, index_t m, int left_end, const T* left, int right_end,
                  const T* right, T* c, T* work, const Executor& ex) {
    return cubic(x, y, n, m, static_cast<End>(left_end), left, static_cast<End>(right_end), right, c, work, ex);
}

template <class T>
constexpr SplineKernels<T> fill() {
    return {&nearly_uniform<T>, &bucket_map<T>, &bucket_table<T>, &evaluate_pieces<T>, &cubic_spline<T>};
}

}  // namespace

const SplineTables spline_kernels = {fill<double>(), fill<float>()};

}  // namespace kriss::tables::KRISS_ISA
