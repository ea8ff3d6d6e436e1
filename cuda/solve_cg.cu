// Shells over kriss/solve/cg.hpp and cg_scalars.hpp: the vector passes of conjugate gradients on a panel of k columns.
// Besides the product with A (cuSPARSE's through CuPy for one column, solve_product.cu for several), per column:
//     direction   p = D^-1 r + beta p                                     24 n bytes in float64, 32 n with Jacobi
//     step        p'q -> alpha                                            16 n
//     update      x += alpha p, r -= alpha q, r'r, r'D^-1 r -> beta       48 n, 56 n with Jacobi
//     rho         r'z -> beta, only with another M                        16 n
// (the diagonal counts once per panel). alpha, beta and the status live on the device, so the host only queues launches
// and looks at the statuses now and then; a column whose status is set is frozen.
#include "kriss/solve/cg.hpp"
#include "solve.hpp"

namespace kriss::cuda {

namespace {

KRISS_HD inline const double* column_state(const double* state, index_t c) { return state + c * cg_state_size; }

template <class T>
struct ResidualBody {
    index_t k;
    const T* inverse;
    const T* b;
    const T* q;
    T* r;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t c, double* s) const {
        const index_t t = row * k + c;
        const T v = q != nullptr ? axpy_at(b[t], T(-1), q[t]) : b[t];
        r[t] = v;
        const double w = static_cast<double>(v);
        s[0] += w * w;
        s[1] += inverse != nullptr ? w * (static_cast<double>(inverse[row]) * w) : w * w;
    }
};

struct StoreTwo {
    index_t k;
    double* out;
    KRISS_HD void operator()(index_t c, const double* s) const {
        out[c] = s[0];
        out[k + c] = s[1];
    }
};

template <class T>
struct DirectionBody {
    index_t k;
    const T* inverse;
    const T* z;
    const double* state;
    T* p;
    KRISS_HD bool live(index_t c) const { return cg_running(column_state(state, c)); }
    KRISS_HD void operator()(index_t row, index_t c) const {
        const index_t t = row * k + c;
        const T beta = static_cast<T>(column_state(state, c)[cg_beta]);
        p[t] = direction_at(inverse != nullptr ? inverse[row] * z[t] : z[t], p[t], beta);
    }
};

template <class T>
struct DotBody {
    index_t k;
    const T* u;
    const T* v;
    const double* state;
    KRISS_HD bool live(index_t c) const { return cg_running(column_state(state, c)); }
    KRISS_HD void operator()(index_t row, index_t c, double* s) const {
        const index_t t = row * k + c;
        s[0] += static_cast<double>(u[t]) * static_cast<double>(v[t]);
    }
};

struct TakePq {
    double* state;
    KRISS_HD void operator()(index_t c, const double* s) const { cg_take_pq(state + c * cg_state_size, s[0]); }
};

struct TakeRho {
    double* state;
    KRISS_HD void operator()(index_t c, const double* s) const { cg_take_rho(state + c * cg_state_size, s[0]); }
};

template <class T>
struct UpdateBody {
    index_t k;
    const T* inverse;
    const T* p;
    const T* q;
    const double* state;
    T* x;
    T* r;
    KRISS_HD bool live(index_t c) const { return cg_running(column_state(state, c)); }
    KRISS_HD void operator()(index_t row, index_t c, double* s) const {
        const index_t t = row * k + c;
        const T alpha = static_cast<T>(column_state(state, c)[cg_alpha]);
        x[t] = axpy_at(x[t], alpha, p[t]);
        const T v = axpy_at(r[t], -alpha, q[t]);
        r[t] = v;
        const double w = static_cast<double>(v);
        s[0] += w * w;
        s[1] += inverse != nullptr ? w * (static_cast<double>(inverse[row]) * w) : w * w;
    }
};

struct TakeNorms {
    index_t k;
    double* state;
    double* history;
    index_t length;
    bool own;
    KRISS_HD void operator()(index_t c, const double* s) const {
        double* mine = state + c * cg_state_size;
        cg_take_norm(mine, s[0], history != nullptr ? history + c : nullptr, length, k);
        if (own) {
            cg_take_rho(mine, s[1]);
        }
    }
};

}  // namespace

index_t cg_partials(index_t n, index_t k) { return static_cast<index_t>(sum_blocks(n, k)) * k; }

template <class T>
void cg_residual(index_t n, index_t k, const T* inverse, const T* b, const T* q, T* r, double* part, double* out,
                 stream_t s) {
    sums<2>(n, k, ResidualBody<T>{k, inverse, b, q, r}, part, StoreTwo{k, out}, s);
}

template <class T>
void cg_direction(index_t n, index_t k, const T* inverse, const T* z, const double* state, T* p, stream_t s) {
    rows(n, k, DirectionBody<T>{k, inverse, z, state, p}, s);
}

template <class T>
void cg_step(index_t n, index_t k, const T* p, const T* q, double* part, double* state, stream_t s) {
    sums<1>(n, k, DotBody<T>{k, p, q, state}, part, TakePq{state}, s);
}

template <class T>
void cg_update(index_t n, index_t k, const T* inverse, const T* p, const T* q, T* x, T* r, double* part, double* state,
               double* history, index_t length, bool own, stream_t s) {
    sums<2>(n, k, UpdateBody<T>{k, inverse, p, q, state, x, r}, part, TakeNorms{k, state, history, length, own}, s);
}

template <class T>
void cg_rho(index_t n, index_t k, const T* r, const T* z, double* part, double* state, stream_t s) {
    sums<1>(n, k, DotBody<T>{k, r, z, state}, part, TakeRho{state}, s);
}

#define KRISS_CUDA_CG(T)                                                                                               \
    template void cg_residual(index_t, index_t, const T*, const T*, const T*, T*, double*, double*, stream_t);         \
    template void cg_direction(index_t, index_t, const T*, const T*, const double*, T*, stream_t);                     \
    template void cg_step(index_t, index_t, const T*, const T*, double*, double*, stream_t);                           \
    template void cg_update(index_t, index_t, const T*, const T*, const T*, T*, T*, double*, double*, double*,         \
                            index_t, bool, stream_t);                                                                  \
    template void cg_rho(index_t, index_t, const T*, const T*, double*, double*, stream_t);
KRISS_CUDA_CG(float)
KRISS_CUDA_CG(double)

}  // namespace kriss::cuda
