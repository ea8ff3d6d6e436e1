// Shells over kriss/solve/chebyshev_step.hpp: the Chebyshev iteration, one launch per step.
// A step reads the neighbours' z while z changes, so z goes back and forth between two arrays; the new one takes the
// place of the one before last:
//     z+ = a z + b z- + c D^-1 (r - A z)        12 nnz + 44 n bytes in float64, 2 nnz + 8 n flops
// and no sum is needed: that is what makes it a preconditioner for devices.
#include "kriss/solve/chebyshev_step.hpp"
#include "kriss/solve/rows.hpp"
#include "solve.hpp"

namespace kriss::cuda {

namespace {

template <class T>
struct ChebyshevBody {
    Csr<T> a;
    index_t k;
    const T* inverse;
    T za;
    T zb;
    T zc;
    const T* r;
    const T* z;   // null: zero
    bool before;  // whether out holds the z before
    T* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t c) const {
        const index_t t = row * k + c;
        const T sum = z != nullptr ? row_sum(a, z, row, k, c) : T(0);
        out[t] =
            chebyshev_next(sum, r[t], inverse[row], z != nullptr ? z[t] : T(0), before ? out[t] : T(0), za, zb, zc);
    }
};

template <class T>
struct CopyBody {
    index_t k;
    const T* from;
    T* to;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t c) const { to[row * k + c] = from[row * k + c]; }
};

}  // namespace

template <class T>
void chebyshev_iterate(const Csr<T>& a, index_t k, const T* inverse, double low, double high, int degree, bool zero,
                       const T* r, T* z, T* other, stream_t s) {
    ChebyshevSteps coefficients(low, high);
    // The last step must write z, so that with an even degree the first one does, too: z is copied before where it
    // counts.
    T* out = degree % 2 == 0 ? z : other;
    const T* from = nullptr;
    if (!zero) {
        from = z;
        if (out == z) {
            rows(a.rows, k, CopyBody<T>{k, z, other}, s);
            from = other;
        }
    }
    for (int turn = 0; turn <= degree; ++turn) {
        const ChebyshevStep c = coefficients.next();
        const bool before = turn > (zero ? 1 : 0);
        rows(a.rows, k,
             ChebyshevBody<T>{a, k, inverse, static_cast<T>(c.a), static_cast<T>(c.b), static_cast<T>(c.c), r, from,
                              before, out},
             s);
        from = out;
        out = out == z ? other : z;
    }
}

#define KRISS_CUDA_CHEBYSHEV(T)                                                                                        \
    template void chebyshev_iterate(const Csr<T>&, index_t, const T*, double, double, int, bool, const T*, T*, T*,     \
                                    stream_t);
KRISS_CUDA_CHEBYSHEV(float)
KRISS_CUDA_CHEBYSHEV(double)

}  // namespace kriss::cuda
