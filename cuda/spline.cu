// Piecewise polynomials on the device, by the functions that run on the host.
//
// Evaluation (kriss/spline/eval.hpp): one thread per point and column. Threads of a warp take neighbouring columns of
// one point, so that coefficients and results coalesce; with one column the search is the cost: 4 B of table, 16 B of
// knots, 8 B per coefficient.
//
// Construction of many cubic splines on the same knots (kriss/spline/cubic_batch.hpp): one thread factors, then one
// thread per column. Threads of a warp take neighbouring columns, so that every access to y, c and the scratch
// coalesces and the shared factors are read by broadcast; about 120 B of traffic a row and column in float64.
#include "spline.hpp"

#include "kriss/spline/cubic_batch.hpp"
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

// flag: 1 if the knots cannot be; columns then find nothing to do.
template <class T>
__global__ void factor_kernel(CubicEnds ends, const T* x, T* shared, int* flag) {
    *flag = cubic_factor(ends, x, shared) ? 0 : 1;
}

// flag: 2 if some column is not finite.
template <class T>
__global__ void column_kernel(CubicEnds ends, T* shared, const T* y, index_t m, const T* left, const T* right, T* c,
                              T* scratch, int* flag) {
    if (*flag == 1) {
        return;
    }
    const index_t stride = static_cast<index_t>(gridDim.x) * blockDim.x;
    for (index_t t = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; t < m; t += stride) {
        if (!cubic_column(ends, shared, y, m, t, left[t], right[t], c, scratch)) {
            *flag = 2;  // every thread that writes writes the same
        }
    }
}

}  // namespace

template <class T>
int spline_cubic(const T* x, index_t n, const T* y, index_t m, int left_end, const T* left, int right_end,
                 const T* right, T* c, T* work, int* flag, stream_t s) {
    const CubicEnds ends{static_cast<End>(left_end), static_cast<End>(right_end), n};
    T* const shared = work + n * m;
    factor_kernel<T><<<1, 1, 0, stream(s)>>>(ends, x, shared, flag);
    constexpr unsigned threads = 64;  // few columns must still spread over the multiprocessors
    column_kernel<T><<<blocks(m, threads), threads, 0, stream(s)>>>(ends, shared, y, m, left, right, c, work, flag);
    return static_cast<int>(cudaGetLastError());
}

template int spline_cubic(const double*, index_t, const double*, index_t, int, const double*, int, const double*,
                          double*, double*, int*, stream_t);
template int spline_cubic(const float*, index_t, const float*, index_t, int, const float*, int, const float*, float*,
                          float*, int*, stream_t);

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
