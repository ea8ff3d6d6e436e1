// Shells over kriss/solve/rows.hpp: sweeps of Jacobi, and of Gauss-Seidel and over-relaxation colour by colour.
// A launch per colour; a sweep over all of them reads 12 nnz + 36 n bytes in float64 (the gathers of x counted once).
#include "kriss/solve/rows.hpp"
#include "solve.hpp"

namespace kriss::cuda {

namespace {

template <class T>
struct JacobiBody {
    Csr<T> a;
    index_t k;
    const T* inverse;
    T omega;
    const T* b;
    const T* x;
    T* y;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t c) const {
        const index_t t = row * k + c;
        y[t] = x != nullptr ? row_relaxed(a, inverse, omega, b, x, row, k, c) : omega * (inverse[row] * b[t]);
    }
};

template <class T>
struct RelaxBody {
    Csr<T> a;
    index_t k;
    const std::int32_t* order;
    const T* inverse;
    T omega;
    const T* b;
    T* x;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t at, index_t c) const {
        const index_t row = static_cast<index_t>(order[at]);
        x[row * k + c] = row_relaxed(a, inverse, omega, b, x, row, k, c);
    }
};

}  // namespace

template <class T>
void jacobi_sweep(const Csr<T>& a, index_t k, const T* inverse, T omega, const T* b, const T* x, T* y, stream_t s) {
    rows(a.rows, k, JacobiBody<T>{a, k, inverse, omega, b, x, y}, s);
}

template <class T>
void group_sweep(const Csr<T>& a, index_t k, index_t groups, const std::int64_t* starts, const std::int32_t* order,
                 bool backward, const T* inverse, T omega, const T* b, T* x, stream_t s) {
    for (index_t turn = 0; turn < groups; ++turn) {
        const index_t g = backward ? groups - 1 - turn : turn;
        const index_t first = static_cast<index_t>(starts[g]);
        const index_t count = static_cast<index_t>(starts[g + 1]) - first;
        if (count > 0) {
            rows(count, k, RelaxBody<T>{a, k, order + first, inverse, omega, b, x}, s);
        }
    }
}

#define KRISS_CUDA_SWEEP(T)                                                                                            \
    template void jacobi_sweep(const Csr<T>&, index_t, const T*, T, const T*, const T*, T*, stream_t);                 \
    template void group_sweep(const Csr<T>&, index_t, index_t, const std::int64_t*, const std::int32_t*, bool,         \
                              const T*, T, const T*, T*, stream_t);
KRISS_CUDA_SWEEP(float)
KRISS_CUDA_SWEEP(double)

}  // namespace kriss::cuda
