// Evaluation of piecewise polynomials on the device: one thread per point and column, the same functions as on the
// host (kriss/spline/eval.hpp). Threads of a warp take neighbouring columns of one point, so that coefficients and
// results coalesce; with one column the search is the cost: 4 B of table, 16 B of knots, 8 B per coefficient.
#include "spline.hpp"

#include "kriss/spline/eval.hpp"

namespace kriss::cuda {
namespace {

template <class T>
__global__ void evaluate_kernel(KnotIndex<T> ix, Pieces<T> pp, const T* q, index_t items, int nu, Beyond beyond,
                                T* out) {
    const index_t stride = static_cast<index_t>(gridDim.x) * blockDim.x;
    for (index_t k = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; k < items; k += stride) {
        const index_t point = k / pp.columns;
        out[k] = evaluate_one(ix, pp, q[point], nu, beyond, k - point * pp.columns);
    }
}

}  // namespace

template <class T>
int spline_evaluate(const T* x, index_t n, const T* ends, const std::int32_t* table, std::int32_t buckets,
                    std::int32_t map, const T* c, index_t order, index_t columns, const T* q, index_t points, int nu,
                    int beyond, T* out, stream_t s) {
    const index_t items = points * columns;
    if (items == 0) {
        return 0;
    }
    const std::int32_t parts = table != nullptr ? buckets : static_cast<std::int32_t>(n - 1);
    const KnotIndex<T> ix = knot_index(x, n, ends[0], ends[1], ends[2], ends[3], table, parts, map);
    constexpr unsigned threads = 256;
    evaluate_kernel<T><<<blocks(items, threads), threads, 0, stream(s)>>>(ix, Pieces<T>{c, order, n - 1, columns}, q,
                                                                          items, nu, static_cast<Beyond>(beyond), out);
    return static_cast<int>(cudaGetLastError());
}

template int spline_evaluate(const double*, index_t, const double*, const std::int32_t*, std::int32_t, std::int32_t,
                             const double*, index_t, index_t, const double*, index_t, int, int, double*, stream_t);
template int spline_evaluate(const float*, index_t, const float*, const std::int32_t*, std::int32_t, std::int32_t,
                             const float*, index_t, index_t, const float*, index_t, int, int, float*, stream_t);

}  // namespace kriss::cuda
