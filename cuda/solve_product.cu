// Shells over kriss/solve/rows.hpp: products of a CSR matrix with a panel, one thread per entry of the result.
// Of k columns side by side the k threads of a row read each entry of the matrix together and k neighbouring numbers of
// x: 12 nnz / k + 8 n (2 or 3) bytes per column in float64, x counted once; 2 nnz flops.
#include "kriss/solve/rows.hpp"
#include "solve.hpp"

namespace kriss::cuda {

namespace {

template <class T>
struct ProductBody {
    Csr<T> a;
    index_t k;
    Product kind;
    const T* x;
    const T* b;
    T* y;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t c) const {
        const index_t t = row * k + c;
        const T s = row_sum(a, x, row, k, c);
        y[t] = kind == Product::plain ? s : kind == Product::residual ? b[t] - s : b[t] + s;
    }
};

}  // namespace

template <class T>
void csr_product(const Csr<T>& a, index_t k, Product kind, const T* x, const T* b, T* y, stream_t s) {
    rows(a.rows, k, ProductBody<T>{a, k, kind, x, b, y}, s);
}

template void csr_product(const Csr<float>&, index_t, Product, const float*, const float*, float*, stream_t);
template void csr_product(const Csr<double>&, index_t, Product, const double*, const double*, double*, stream_t);

}  // namespace kriss::cuda
