// The gradient of the log marginal likelihood in the logarithms of the hyperparameters, without storing dK/dtheta.
//
// C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, equation (5.9):
//     g_t = 1/2 sum_ij W_ij dK_ij/dtheta_t,   W = alpha alpha' - K^-1,   alpha = K^-1 y.
// dK is formed again for every tile, from the points: the pass reads the lower triangle of K^-1 once (4 n^2 bytes in
// float64) whatever the number of parameters.
#pragma once

#include "kriss/gp/assemble.hpp"

KRISS_NAMESPACE_BEGIN

inline constexpr index_t grad_lanes = 8;  // partial sums per parameter; fixed, so that every level adds alike

// Parameters of a sum: per term its log-variance, then its log-lengthscales; then the logarithm of a common factor of
// the noise.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE index_t cov_parameters(const CovSum<T>& cov) {
    return cov.terms + cov.first[cov.terms];
}

// Doubles of scratch that log_likelihood_gradient needs.
KRISS_ALWAYS_INLINE index_t gradient_scratch(index_t n, index_t parameters) {
    return (n + cov_rows - 1) / cov_rows * parameters * grad_lanes;
}

namespace detail {

// acc[l] += sum over j = l mod 8 of w[j] * f(j), in increasing j.
template <class T, class F>
KRISS_ALWAYS_INLINE void lane_sum(index_t len, T* KRISS_RESTRICT acc, F&& f) {
    T part[grad_lanes];
    for (index_t l = 0; l < grad_lanes; ++l) {
        part[l] = acc[l];
    }
    index_t j = 0;
    for (; j + grad_lanes <= len; j += grad_lanes) {
        for (index_t l = 0; l < grad_lanes; ++l) {
            part[l] += f(j + l);
        }
    }
    for (index_t l = 0; j < len; ++j, ++l) {
        part[l] += f(j);
    }
    for (index_t l = 0; l < grad_lanes; ++l) {
        acc[l] = part[l];
    }
}

template <class T>
KRISS_ALWAYS_INLINE T lane_total(const T* a) {
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

// One row of tiles: adds to acc (parameters, 8) the sums over columns j0..j0+len of row i. `last` halves the diagonal.
template <class T>
KRISS_ALWAYS_INLINE void gradient_row(const CovSum<T>& cov, const T* xt, index_t n, const T* alpha, const T* inverse,
                                      index_t i, index_t j0, index_t len, T* acc) {
    alignas(64) T w[cov_chunk];
    alignas(64) T s2[cov_chunk];
    alignas(64) T value[cov_chunk];
    const T ai = alpha[i];
    const T* KRISS_RESTRICT row = inverse + i * n + j0;
    const T* KRISS_RESTRICT aj = alpha + j0;
    for (index_t j = 0; j < len; ++j) {
        w[j] = ai * aj[j] - row[j];
    }
    if (j0 + len == i + 1) {
        w[len - 1] *= T(0.5);  // the diagonal counts once, each entry below it twice
    }
    for (index_t c = 0; c < cov.terms; ++c) {
        cov_distances(cov, c, xt, n, i, xt, n, j0, len, s2);
        cov_dispatch(cov.kind[c], [&]<CovKind K>() {
            for (index_t j = 0; j < len; ++j) {
                const CovPoint<T> k = cov_point<K>(cov_clamp(s2[j]));
                value[j] = w[j] * k.value;
                s2[j] = w[j] * k.slope;
            }
        });
        lane_sum(len, acc, [&](index_t j) { return value[j]; });
        acc += grad_lanes;
        for (index_t p = cov.first[c]; p < cov.first[c + 1]; ++p) {
            const T x = xt[cov.dim[p] * n + i];
            const T inv = cov.inv_lengthscale[p];
            const T* KRISS_RESTRICT z = xt + cov.dim[p] * n + j0;
            lane_sum(len, acc, [&](index_t j) {
                const T delta = (x - z[j]) * inv;
                // Where the clamp acts the slope is 0; the square must stay finite for the product to be 0 too.
                const T square = delta * delta;
                return s2[j] * (square > T(1e30) ? T(1e30) : square);
            });
            acc += grad_lanes;
        }
    }
}

}  // namespace detail

// xt: (d, n), alpha: (n), inverse: (n, n) row-major, lower triangle of K^-1, noise: (n) or null.
// gradient: (parameters + 1), the last entry for the noise. scratch: gradient_scratch(n, parameters) items.
template <class T>
void log_likelihood_gradient(const CovSum<T>& cov, const T* xt, index_t n, const T* alpha, const T* inverse,
                             const T* noise, T* gradient, T* scratch, const Executor& ex) {
    const index_t parameters = cov_parameters(cov);
    const index_t blocks = (n + cov_rows - 1) / cov_rows;
    const index_t stride = parameters * grad_lanes;
    for (index_t k = 0; k < blocks * stride; ++k) {
        scratch[k] = T(0);
    }
    ex.parallel_for(blocks, 1, [&](index_t begin, index_t end) {
        for (index_t b = begin; b < end; ++b) {
            const index_t block = blocks - 1 - b;
            const index_t i0 = block * cov_rows;
            const index_t i1 = i0 + cov_rows < n ? i0 + cov_rows : n;
            for (index_t j0 = 0; j0 < i1; j0 += cov_chunk) {
                for (index_t i = i0 > j0 ? i0 : j0; i < i1; ++i) {
                    const index_t len = i + 1 - j0 < cov_chunk ? i + 1 - j0 : cov_chunk;
                    detail::gradient_row(cov, xt, n, alpha, inverse, i, j0, len, scratch + block * stride);
                }
            }
        }
    });
    index_t slot = 0;
    for (index_t c = 0; c < cov.terms; ++c) {
        for (index_t p = cov.first[c] - 1; p < cov.first[c + 1]; ++p, ++slot) {
            T total = T(0);
            for (index_t b = 0; b < blocks; ++b) {
                total += detail::lane_total(scratch + b * stride + slot * grad_lanes);
            }
            gradient[slot] = cov.variance[c] * total;
        }
    }
    T trace[grad_lanes] = {};
    if (noise != nullptr) {
        detail::lane_sum(n, trace, [&](index_t i) { return noise[i] * (alpha[i] * alpha[i] - inverse[i * n + i]); });
    }
    gradient[slot] = T(0.5) * detail::lane_total(trace);
}

KRISS_NAMESPACE_END
