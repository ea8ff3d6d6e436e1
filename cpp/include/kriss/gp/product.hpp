// K(X, Z) V without the matrix: a tile of covariances at a time is formed, used and forgotten.
//
// B. Charlier, J. Feydy, J. A. Glaunes, F.-D. Collin, G. Durif, "Kernel Operations on the GPU, with Autodiff, without
// Memory Overflows", Journal of Machine Learning Research 22 (2021), section 2, for the idea; the sums are our own.
//
// Per entry and term 3 d flops and an exponential, and 2 k flops; traffic from main memory 8 (d + k) (n / 32) m bytes,
// most of it served by the second-level cache.
#pragma once

#include "kriss/gp/assemble.hpp"

KRISS_NAMESPACE_BEGIN

namespace product {

inline constexpr index_t lanes = 8;

// sum_j a[j] b[j] in eight lanes that are added pairwise.
KRISS_ALWAYS_INLINE double dot(index_t len, const double* KRISS_RESTRICT a, const double* KRISS_RESTRICT b) {
    double part[lanes] = {};
    index_t j = 0;
    for (; j + lanes <= len; j += lanes) {
        for (index_t l = 0; l < lanes; ++l) {
            part[l] += a[j + l] * b[j + l];
        }
    }
    for (index_t l = 0; j < len; ++j, ++l) {
        part[l] += a[j] * b[j];
    }
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

// Four such sums at a time, each as `dot` adds it; b: rows `stride` apart.
KRISS_ALWAYS_INLINE void dots(index_t len, const double* KRISS_RESTRICT a, const double* KRISS_RESTRICT b,
                              index_t stride, double* KRISS_RESTRICT out) {
    double part[4][lanes] = {};
    index_t j = 0;
    for (; j + lanes <= len; j += lanes) {
        for (index_t s = 0; s < 4; ++s) {
            for (index_t l = 0; l < lanes; ++l) {
                part[s][l] += a[j + l] * b[s * stride + j + l];
            }
        }
    }
    for (index_t l = 0; j < len; ++j, ++l) {
        for (index_t s = 0; s < 4; ++s) {
            part[s][l] += a[j] * b[s * stride + j];
        }
    }
    for (index_t s = 0; s < 4; ++s) {
        const double* p = part[s];
        out[s] += ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
    }
}

struct Task {
    const CovSum<double>& cov;
    const double* xt;
    index_t nx;
    const double* zt;
    index_t nz;
    const double* vt;
    index_t k;
    double* out;
    const Executor& ex;

    void operator()(index_t begin, index_t end) const {
        alignas(64) double row[cov_chunk];
        for (index_t b = begin; b < end; ++b) {
            const index_t i0 = b * cov_rows;
            const index_t i1 = i0 + cov_rows < nx ? i0 + cov_rows : nx;
            for (index_t i = i0; i < i1; ++i) {
                for (index_t s = 0; s < k; ++s) {
                    out[i * k + s] = 0.0;
                }
            }
            for (index_t j0 = 0; j0 < nz && !ex.interrupted(); j0 += cov_chunk) {
                const index_t len = j0 + cov_chunk < nz ? cov_chunk : nz - j0;
                for (index_t i = i0; i < i1; ++i) {
                    cov_row(cov, xt, nx, i, zt, nz, j0, len, row);
                    index_t s = 0;
                    for (; s + 4 <= k; s += 4) {
                        dots(len, row, vt + s * nz + j0, nz, out + i * k + s);
                    }
                    for (; s < k; ++s) {
                        out[i * k + s] += dot(len, row, vt + s * nz + j0);
                    }
                }
            }
        }
    }
};

}  // namespace product

// out: (nx, k) = K(x, z) V.  xt: (d, nx), zt: (d, nz), vt: (k, nz), one column of V per row.
inline void covariance_product(const CovSum<double>& cov, const double* xt, index_t nx, const double* zt, index_t nz,
                               const double* vt, index_t k, double* out, const Executor& ex) {
    const product::Task task{cov, xt, nx, zt, nz, vt, k, out, ex};
    ex.parallel_for((nx + cov_rows - 1) / cov_rows, 1, task);
}

KRISS_NAMESPACE_END
