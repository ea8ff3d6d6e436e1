// Covariance matrices straight from the points, tile by tile: distances, covariance function and sum over terms are
// formed for a chunk of columns that stays in the first-level cache, and each entry is written once.
//
// Coordinates are subtracted before they are scaled: |x|^2 + |z|^2 - 2 x'z cancels for close points, and scaling
// first rounds coordinates that are large against their differences (dates, for instance).
#pragma once

#include "kriss/executor.hpp"
#include "kriss/gp/kernels.hpp"

KRISS_NAMESPACE_BEGIN

inline constexpr index_t cov_chunk = 256;  // columns handled at a time
inline constexpr index_t cov_rows = 32;    // rows of a tile, one item of work

// s2[j] = sum_q ((x_iq - z_jq) / l_q)^2 for one term; xt: (d, nx), zt: (d, nz), both one coordinate per row.
template <class T>
KRISS_ALWAYS_INLINE void cov_distances(const CovSum<T>& cov, index_t term, const T* xt, index_t nx, index_t i,
                                       const T* zt, index_t nz, index_t j0, index_t len, T* KRISS_RESTRICT s2) {
    for (index_t j = 0; j < len; ++j) {
        s2[j] = T(0);
    }
    for (index_t p = cov.first[term]; p < cov.first[term + 1]; ++p) {
        const T x = xt[cov.dim[p] * nx + i];
        const T inv = cov.inv_lengthscale[p];
        const T* KRISS_RESTRICT z = zt + cov.dim[p] * nz + j0;
        for (index_t j = 0; j < len; ++j) {
            const T delta = (x - z[j]) * inv;
            s2[j] += delta * delta;
        }
    }
}

// out[j] = sum_c variance_c k_c(x_i, z_{j0+j}), j < len <= cov_chunk.
template <class T>
KRISS_ALWAYS_INLINE void cov_row(const CovSum<T>& cov, const T* xt, index_t nx, index_t i, const T* zt, index_t nz,
                                 index_t j0, index_t len, T* KRISS_RESTRICT out) {
    alignas(64) T s2[cov_chunk];
    for (index_t c = 0; c < cov.terms; ++c) {
        cov_distances(cov, c, xt, nx, i, zt, nz, j0, len, s2);
        const T variance = cov.variance[c];
        cov_dispatch(cov.kind[c], [&]<CovKind K>() {
            if (c == 0) {
                for (index_t j = 0; j < len; ++j) {
                    out[j] = variance * cov_value<K>(cov_clamp(s2[j]));
                }
            } else {
                for (index_t j = 0; j < len; ++j) {
                    out[j] += variance * cov_value<K>(cov_clamp(s2[j]));
                }
            }
        });
    }
}

// xt: (d, n), out: (n, n) row-major; out[i][j] = k(x_i, x_j) + (i == j) * diagonal[i] for j <= i. The upper triangle is
// written only if `mirror`. diagonal: (n) or null. n^2/2 entries, each (3 d + exp) flops per term; writes 4 n^2 bytes
// in float64 (8 n^2 with mirror).
template <class T>
void assemble_symmetric(const CovSum<T>& cov, const T* xt, index_t n, const T* diagonal, T* out, bool mirror,
                        const Executor& ex) {
    const index_t blocks = (n + cov_rows - 1) / cov_rows;
    // The longest rows come first, so that the last chunks to be handed out are short ones.
    ex.parallel_for(blocks, 1, [&](index_t begin, index_t end) {
        for (index_t b = begin; b < end; ++b) {
            const index_t i0 = (blocks - 1 - b) * cov_rows;
            const index_t i1 = i0 + cov_rows < n ? i0 + cov_rows : n;
            for (index_t j0 = 0; j0 < i1; j0 += cov_chunk) {
                for (index_t i = i0 > j0 ? i0 : j0; i < i1; ++i) {
                    const index_t len = i + 1 - j0 < cov_chunk ? i + 1 - j0 : cov_chunk;
                    cov_row(cov, xt, n, i, xt, n, j0, len, out + i * n + j0);
                }
            }
            if (diagonal != nullptr) {
                for (index_t i = i0; i < i1; ++i) {
                    out[i * n + i] += diagonal[i];
                }
            }
            if (mirror) {
                for (index_t j = 0; j < i1; ++j) {
                    for (index_t i = i0 > j + 1 ? i0 : j + 1; i < i1; ++i) {
                        out[j * n + i] = out[i * n + j];
                    }
                }
            }
        }
    });
}

// xt: (d, nx), zt: (d, nz), out: (nx, nz) row-major; out[i][j] = k(x_i, z_j). Writes 8 nx nz bytes in float64.
template <class T>
void assemble_cross(const CovSum<T>& cov, const T* xt, index_t nx, const T* zt, index_t nz, T* out,
                    const Executor& ex) {
    const index_t blocks = (nx + cov_rows - 1) / cov_rows;
    const index_t panels = (nz + cov_chunk - 1) / cov_chunk;
    ex.parallel_for(blocks * panels, 1, [&](index_t begin, index_t end) {
        for (index_t b = begin; b < end; ++b) {
            const index_t i0 = b / panels * cov_rows;
            const index_t i1 = i0 + cov_rows < nx ? i0 + cov_rows : nx;
            const index_t j0 = b % panels * cov_chunk;
            const index_t len = j0 + cov_chunk < nz ? cov_chunk : nz - j0;
            for (index_t i = i0; i < i1; ++i) {
                cov_row(cov, xt, nx, i, zt, nz, j0, len, out + i * nz + j0);
            }
        }
    });
}

KRISS_NAMESPACE_END
