// Predictors of a stationary series on a regular grid: Durbin's recursion.
//
// J. Durbin, "The fitting of time-series models", Revue de l'Institut International de Statistique 28 (1960); with the
// forward and the backward predictor as two arrays, after N. Levinson, "The Wiener RMS error criterion in filter design
// and prediction", J. Math. Phys. 25 (1947). G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed., 2013,
// algorithm 4.7.1. For symmetric Toeplitz T, f = (1, f_1, ..., f_k) solves T_k f = E_k e_0; log det T = sum log E_k,
// and f / E_{n-1} is the first column of T^-1, which all of T^-1 follows from (I. Gohberg, A. Semencul 1972).
//
// 3 n^2 flops; 40 bytes per step and entry, out of the second-level cache up to n of some ten thousand.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"

KRISS_NAMESPACE_BEGIN

// r (n): first row of T; error (n): E; x (n): first column of T^-1; scratch (2 n). Returns the first k for which E_k is
// not above limit, or -1. NaN is not above anything.
template <class T>
index_t toeplitz_durbin(index_t n, const T* KRISS_RESTRICT r, T limit, T* KRISS_RESTRICT error, T* KRISS_RESTRICT x,
                        T* KRISS_RESTRICT scratch, const Executor& ex) {
    constexpr index_t lanes = 8;
    T* KRISS_RESTRICT reversed = scratch;  // reversed[n - 1 - k] = r[k]
    T* KRISS_RESTRICT back = scratch + n;  // the backward predictor of order k lies in back[n - 1 - k ... n - 1]
    T* KRISS_RESTRICT f = x;
    for (index_t i = 0; i < n; ++i) {
        reversed[n - 1 - i] = r[i];
        f[i] = T(0);
        back[i] = T(0);
    }
    if (n == 0) {
        return -1;
    }
    f[0] = T(1);
    back[n - 1] = T(1);
    error[0] = r[0];
    if (!(error[0] > limit)) {
        return 0;
    }
    for (index_t k = 1; k < n; ++k) {
        const T* KRISS_RESTRICT lag = reversed + (n - 1 - k);
        T* KRISS_RESTRICT b = back + (n - 1 - k);
        T lane[lanes] = {};
        const index_t whole = k / lanes * lanes;
        for (index_t i = 0; i < whole; i += lanes) {
            for (index_t j = 0; j < lanes; ++j) {
                lane[j] += f[i + j] * lag[i + j];
            }
        }
        for (index_t i = whole; i < k; ++i) {
            lane[i - whole] += f[i] * lag[i];
        }
        const T sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
        const T rho = sum / error[k - 1];
        for (index_t i = 0; i <= k; ++i) {
            const T u = f[i];
            const T v = b[i];
            f[i] = u - rho * v;
            b[i] = v - rho * u;
        }
        error[k] = (error[k - 1] * (T(1) - rho)) * (T(1) + rho);
        if (!(error[k] > limit)) {
            return k;
        }
        if (k % 256 == 0 && ex.interrupted()) {
            return -1;
        }
    }
    const T last = error[n - 1];
    for (index_t i = 0; i < n; ++i) {
        x[i] = f[i] / last;
    }
    return -1;
}

KRISS_NAMESPACE_END
