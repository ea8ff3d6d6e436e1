// Cholesky factor and inverse of a covariance matrix in place, at the rate of the library's matrix products, in steps
// short enough to be interrupted: what runs where the processor has no fused multiply-add (dense.hpp runs elsewhere).
//
// The blocked algorithms are those of E. Anderson et al., "LAPACK Users' Guide", 3rd ed., SIAM 1999 (potrf, trtri,
// lauum), with every step cut into strips of columns and a poll between strips.
//
// A row-major lower triangle is a column-major upper one: K = L L' (row-major) is K = U' U (column-major), U = L'.
// Below, A(i, j) = a[i + j * n] is column-major and only i <= j is referenced.
#pragma once

#include <cmath>
#include <limits>

#include "kriss/blas.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

namespace detail {

inline constexpr blas_int factor_block = 256;  // width of a panel
inline constexpr double strip_flops = 4e9;     // one library call between two polls: some 0.05-0.2 s

// Columns of a strip of work with `flops_per_column`: at least 32, and at most `columns`.
KRISS_ALWAYS_INLINE blas_int strip(double flops_per_column, index_t columns) {
    const double wide = strip_flops / (flops_per_column > 1 ? flops_per_column : 1);
    const index_t w = wide < 32 ? 32 : wide > 1e6 ? 1000000 : static_cast<index_t>(wide);
    return static_cast<blas_int>(w < columns ? w : columns);
}

}  // namespace detail

// Overwrites the lower triangle of a (n, n), row-major, with L. limit: (n) the least pivot d_i = L_ii^2 accepted in
// row i; a pivot that is not above it, or not finite, stops with not_positive_definite and its index.
// n^3/3 flops; 8 n^2 (1 + n / 256 / 3) bytes moved.
template <class T>
Info cholesky(const BlasTable<T>& blas, index_t n_, T* a, const T* limit, const Executor& ex) {
    const blas_int n = static_cast<blas_int>(n_);
    const T one = 1;
    const T minus = -1;
    for (blas_int k = 0; k < n; k += detail::factor_block) {
        const blas_int kb = n - k < detail::factor_block ? n - k : detail::factor_block;
        const blas_int next = k + kb;
        T* diag = a + k + k * n_;
        blas_int info = 0;
        blas.potrf("U", &kb, diag, &n, &info);
        const blas_int good = info > 0 ? info - 1 : kb;
        for (blas_int i = 0; i < good; ++i) {
            const T l = diag[i + i * n_];
            if (!(l * l > limit[k + i]) || !(l <= std::numeric_limits<T>::max())) {
                return {Status::not_positive_definite, k + i};
            }
        }
        if (info != 0) {
            return {info > 0 ? Status::not_positive_definite : Status::failed, k + good};
        }
        if (next < n) {
            const blas_int width = detail::strip(double(kb) * double(n - next), n - next);
            for (blas_int j = next; j < n; j += width) {
                const blas_int jb = n - j < width ? n - j : width;
                blas.trsm("L", "U", "T", "N", &kb, &jb, &one, diag, &n, a + k + j * n_, &n);
                const blas_int above = j - next;
                if (above > 0) {
                    blas.gemm("T", "N", &above, &jb, &kb, &minus, a + k + next * n_, &n, a + k + j * n_, &n, &one,
                              a + next + j * n_, &n);
                }
                blas.syrk("U", "T", &jb, &kb, &minus, a + k + j * n_, &n, &one, a + j + j * n_, &n);
                if (ex.interrupted()) {
                    return {Status::interrupted, k};
                }
            }
        }
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

// Overwrites the lower triangle L of a (n, n), row-major, with L^-1. n^3/3 flops.
template <class T>
Info invert_triangle(const BlasTable<T>& blas, index_t n_, T* a, const Executor& ex) {
    const blas_int n = static_cast<blas_int>(n_);
    const T one = 1;
    const T minus = -1;
    for (blas_int k = 0; k < n; k += detail::factor_block) {
        const blas_int kb = n - k < detail::factor_block ? n - k : detail::factor_block;
        T* diag = a + k + k * n_;
        if (k > 0) {
            // A(0:k, k:k+kb) <- -V(0:k, 0:k) A(0:k, k:k+kb) U_kk^-1, V the inverse found so far.
            const blas_int width = detail::strip(double(k) * double(k), kb);
            for (blas_int j = 0; j < kb; j += width) {
                const blas_int jb = kb - j < width ? kb - j : width;
                blas.trmm("L", "U", "N", "N", &k, &jb, &one, a, &n, a + (k + j) * n_, &n);
                if (ex.interrupted()) {
                    return {Status::interrupted, k};
                }
            }
            blas.trsm("R", "U", "N", "N", &k, &kb, &minus, diag, &n, a + k * n_, &n);
        }
        blas_int info = 0;
        blas.trtri("U", "N", &kb, diag, &n, &info);
        if (info != 0) {
            return {Status::singular, k + info - 1};
        }
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

// Overwrites the lower triangle L of a (n, n), row-major, with the lower triangle of (L L')^-1. 2 n^3/3 flops.
template <class T>
Info invert_factor(const BlasTable<T>& blas, index_t n_, T* a, const Executor& ex) {
    const Info first = invert_triangle(blas, n_, a, ex);
    if (first.status != Status::ok) {
        return first;
    }
    // V V' with V upper: block column k receives V(0:k, k) V_kk' + V(0:k, k+1:) V(k, k+1:)'.
    const blas_int n = static_cast<blas_int>(n_);
    const T one = 1;
    for (blas_int k = 0; k < n; k += detail::factor_block) {
        const blas_int kb = n - k < detail::factor_block ? n - k : detail::factor_block;
        const blas_int next = k + kb;
        T* diag = a + k + k * n_;
        blas.trmm("R", "U", "T", "N", &k, &kb, &one, diag, &n, a + k * n_, &n);
        blas_int info = 0;
        blas.lauum("U", &kb, diag, &n, &info);
        const blas_int rest = n - next;
        if (rest > 0) {
            const blas_int width = detail::strip(2.0 * double(k) * double(rest), kb);
            for (blas_int j = 0; j < kb && k > 0; j += width) {
                const blas_int jb = kb - j < width ? kb - j : width;
                blas.gemm("N", "T", &k, &jb, &rest, &one, a + next * n_, &n, a + k + j + next * n_, &n, &one,
                          a + (k + j) * n_, &n);
                if (ex.interrupted()) {
                    return {Status::interrupted, k};
                }
            }
            blas.syrk("U", "N", &kb, &rest, &one, a + k + next * n_, &n, &one, diag, &n);
        }
        if (ex.interrupted()) {
            return {Status::interrupted, k};
        }
    }
    return {};
}

// b: (rhs, n) row-major, one right-hand side per row. Overwrites each with (L L')^-1 b, or with L^-1 b if `half`.
// 2 n^2 flops per right-hand side (n^2 if `half`).
template <class T>
Info solve_factor(const BlasTable<T>& blas, index_t n_, const T* a, index_t rhs, T* b, bool half, const Executor& ex) {
    const blas_int n = static_cast<blas_int>(n_);
    const T one = 1;
    if (n == 0) {
        return {};
    }
    const index_t width = detail::strip(2.0 * double(n) * double(n), rhs);
    for (index_t j = 0; j < rhs; j += width) {
        const blas_int jb = static_cast<blas_int>(rhs - j < width ? rhs - j : width);
        blas.trsm("L", "U", "T", "N", &n, &jb, &one, a, &n, b + j * n_, &n);
        if (!half) {
            blas.trsm("L", "U", "N", "N", &n, &jb, &one, a, &n, b + j * n_, &n);
        }
        if (ex.interrupted()) {
            return {Status::interrupted, j};
        }
    }
    return {};
}

KRISS_NAMESPACE_END
