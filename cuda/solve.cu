// Shells over kriss/solve/cg.hpp. Three passes per iteration besides the product, which is cuSPARSE's (through CuPy):
//     direction   p = D^-1 r + beta p                                     24 n bytes in float64, 32 n with Jacobi
//     step        p'q -> alpha                                            16 n
//     update      x += alpha p, r -= alpha q, r'r, r'D^-1 r -> beta       48 n, 56 n with Jacobi
// alpha, beta and the status live on the device, so the host only queues launches and looks at the status now and
// then. Sums run in double, over a grid that depends on n alone and in a fixed tree: same bits from run to run.
#include "solve.hpp"

#include "kriss/solve/cg.hpp"
#include "kriss/status.hpp"

namespace kriss::cuda {

namespace {

constexpr unsigned threads = 256;

__host__ __device__ unsigned cg_blocks(index_t n) {
    const index_t wanted = (n + 4 * threads - 1) / (4 * threads);
    return static_cast<unsigned>(wanted < 1 ? 1 : wanted < 1024 ? wanted : 1024);
}

__device__ bool running(const double* state) { return state[cg_status] < 0.0; }

// The sum of v over the block, in thread 0.
__device__ double block_sum(double v) {
    __shared__ double room[threads];
    room[threadIdx.x] = v;
    __syncthreads();
    for (unsigned half = threads / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            room[threadIdx.x] += room[threadIdx.x + half];
        }
        __syncthreads();
    }
    const double sum = room[0];
    __syncthreads();
    return sum;
}

// part[0..count) added by one block
__device__ double sum_partials(const double* part, unsigned count) {
    double s = 0.0;
    for (unsigned k = threadIdx.x; k < count; k += threads) {
        s += part[k];
    }
    return block_sum(s);
}

template <class T>
__global__ void direction_kernel(index_t n, const T* inverse, const T* r, const double* state, T* p) {
    if (!running(state)) {
        return;
    }
    const T beta = static_cast<T>(state[cg_beta]);
    const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
    for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
        p[i] = direction_at(inverse != nullptr ? inverse[i] * r[i] : r[i], p[i], beta);
    }
}

template <class T>
__global__ void dot_kernel(index_t n, const T* p, const T* q, const double* state, double* part) {
    if (!running(state)) {
        return;
    }
    double s = 0.0;
    const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
    for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
        s += static_cast<double>(p[i]) * static_cast<double>(q[i]);
    }
    s = block_sum(s);
    if (threadIdx.x == 0) {
        part[blockIdx.x] = s;
    }
}

__global__ void alpha_kernel(const double* part, unsigned count, double* state) {
    if (!running(state)) {
        return;
    }
    const double pq = sum_partials(part, count);
    if (threadIdx.x != 0) {
        return;
    }
    if (!(pq > 0.0) || isinf(pq)) {
        const Status status = isfinite(pq) ? Status::indefinite_matrix : Status::non_finite;
        state[cg_status] = static_cast<double>(static_cast<int>(status));
    } else {
        state[cg_alpha] = state[cg_rho] / pq;
    }
}

template <class T>
__global__ void update_kernel(index_t n, const T* inverse, const T* p, const T* q, const double* state, T* x, T* r,
                              double* part) {
    if (!running(state)) {
        return;
    }
    const T alpha = static_cast<T>(state[cg_alpha]);
    double s = 0.0;
    double t = 0.0;
    const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
    for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
        x[i] = axpy_at(x[i], alpha, p[i]);
        const T v = axpy_at(r[i], -alpha, q[i]);
        r[i] = v;
        const double w = static_cast<double>(v);
        s += w * w;
        if (inverse != nullptr) {
            t += w * (static_cast<double>(inverse[i]) * w);
        }
    }
    s = block_sum(s);
    t = block_sum(t);
    if (threadIdx.x == 0) {
        part[blockIdx.x] = s;
        part[gridDim.x + blockIdx.x] = inverse != nullptr ? t : s;
    }
}

__global__ void beta_kernel(const double* part, unsigned count, double* state, double* history, index_t length) {
    if (!running(state)) {
        return;
    }
    const double rr = sum_partials(part, count);
    const double rho = sum_partials(part + count, count);
    if (threadIdx.x != 0) {
        return;
    }
    const index_t done = static_cast<index_t>(state[cg_iterations]);
    state[cg_iterations] = static_cast<double>(done + 1);
    state[cg_rr] = rr;
    if (history != nullptr) {
        history[done % length] = sqrt(rr);
    }
    Status status = Status::ok;
    bool stop = true;
    if (!isfinite(rr)) {
        status = Status::non_finite;
    } else if (sqrt(rr) <= state[cg_tol]) {
        status = Status::ok;
    } else if (!(rho > 0.0) || isinf(rho)) {
        status = isfinite(rho) ? Status::indefinite_precond : Status::non_finite;
    } else {
        stop = false;
    }
    if (stop) {
        state[cg_status] = static_cast<double>(static_cast<int>(status));
    }
    state[cg_beta] = rho / state[cg_rho];
    state[cg_rho] = rho;
}

}  // namespace

index_t cg_partials(index_t n) { return static_cast<index_t>(cg_blocks(n)); }

template <class T>
void cg_direction(index_t n, const T* inverse, const T* r, const double* state, T* p, stream_t s) {
    direction_kernel<<<cg_blocks(n), threads, 0, stream(s)>>>(n, inverse, r, state, p);
}

template <class T>
void cg_step(index_t n, const T* p, const T* q, double* part, double* state, stream_t s) {
    dot_kernel<<<cg_blocks(n), threads, 0, stream(s)>>>(n, p, q, state, part);
    alpha_kernel<<<1, threads, 0, stream(s)>>>(part, cg_blocks(n), state);
}

template <class T>
void cg_update(index_t n, const T* inverse, const T* p, const T* q, T* x, T* r, double* part, double* state,
               double* history, index_t length, stream_t s) {
    update_kernel<<<cg_blocks(n), threads, 0, stream(s)>>>(n, inverse, p, q, state, x, r, part);
    beta_kernel<<<1, threads, 0, stream(s)>>>(part, cg_blocks(n), state, history, length);
}

template void cg_direction(index_t, const float*, const float*, const double*, float*, stream_t);
template void cg_direction(index_t, const double*, const double*, const double*, double*, stream_t);
template void cg_step(index_t, const float*, const float*, double*, double*, stream_t);
template void cg_step(index_t, const double*, const double*, double*, double*, stream_t);
template void cg_update(index_t, const float*, const float*, const float*, float*, float*, double*, double*, double*,
                        index_t, stream_t);
template void cg_update(index_t, const double*, const double*, const double*, double*, double*, double*, double*,
                        double*, index_t, stream_t);

}  // namespace kriss::cuda
