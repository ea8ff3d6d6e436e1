// Covariance functions of the scaled distance, with unit variance, and their derivatives in the log-lengthscales.
//
// C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006: the squared
// exponential, equation (4.9); the Matern class, equations (4.14), (4.16) and (4.17); lengthscales per dimension
// (ARD), equation (5.1); the derivative of the log-likelihood, equation (5.9).
//
// With delta_q = (x_q - z_q) / l_q and s2 = sum_q delta_q^2, every function here depends on s2 alone, and
//     dk / dlog l_q = slope(s2) * delta_q^2,
// where slope = -2 dk/ds2 has a closed form that does not divide by the distance (Matern 1/2 apart, whose product
// slope * delta_q^2 <= s exp(-s) vanishes at s = 0), so that the diagonal is not 0/0.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/math.hpp"

namespace kriss {

enum class CovKind : int { rbf = 0, matern12 = 1, matern32 = 2, matern52 = 3 };

inline constexpr int cov_kinds = 4;

// A weighted sum of covariance functions over columns of X, flattened. Every pointer is borrowed.
template <class T>
struct CovSum {
    index_t terms = 0;
    const int* kind = nullptr;           // (terms) CovKind
    const T* variance = nullptr;         // (terms)
    const index_t* first = nullptr;      // (terms + 1) offsets into dim and inv_lengthscale
    const index_t* dim = nullptr;        // (first[terms]) columns of X
    const T* inv_lengthscale = nullptr;  // (first[terms]) 1 / l_q
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <class T>
struct CovPoint {
    T value;
    T slope;
};

// Beyond this every function here is 0 in either precision; stopping there keeps infinity * 0 out of the formulas.
// NaN passes through.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T cov_clamp(T s2) {
    return s2 > T(1e6) ? T(1e6) : s2;
}

// s2: from cov_clamp. Returns k and slope from one exponential.
template <CovKind K, class T>
KRISS_HD KRISS_ALWAYS_INLINE CovPoint<T> cov_point(T s2) {
    if constexpr (K == CovKind::rbf) {
        const T e = math::exp(T(-0.5) * s2);
        return {e, e};
    } else {
        const T s = std::sqrt(s2);
        if constexpr (K == CovKind::matern12) {
            const T e = math::exp(-s);
            return {e, s > T(0) ? e / s : s2};
        } else if constexpr (K == CovKind::matern32) {
            const T a = T(1.7320508075688772935) * s;
            const T e = math::exp(-a);
            return {(T(1) + a) * e, T(3) * e};
        } else {
            const T a = T(2.2360679774997896964) * s;
            const T e = math::exp(-a);
            const T b = T(1) + a;
            return {(b + T(1.6666666666666666667) * s2) * e, T(1.6666666666666666667) * b * e};
        }
    }
}

template <CovKind K, class T>
KRISS_HD KRISS_ALWAYS_INLINE T cov_value(T s2) {
    return cov_point<K>(s2).value;
}

// Calls f.template operator()<K>() for the kind k.
template <class F>
KRISS_ALWAYS_INLINE void cov_dispatch(int k, F&& f) {
    switch (static_cast<CovKind>(k)) {
        case CovKind::rbf: f.template operator()<CovKind::rbf>(); break;
        case CovKind::matern12: f.template operator()<CovKind::matern12>(); break;
        case CovKind::matern32: f.template operator()<CovKind::matern32>(); break;
        default: f.template operator()<CovKind::matern52>(); break;
    }
}

// One entry k(x_i, z_j); xt: (d, nx), zt: (d, nz). The same operations in the same order as cov_row in assemble.hpp,
// for whoever has a thread per entry.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T cov_entry(const CovSum<T>& cov, const T* xt, index_t nx, index_t i, const T* zt,
                                         index_t nz, index_t j) {
    T total = T(0);
    for (index_t c = 0; c < cov.terms; ++c) {
        T s2 = T(0);
        for (index_t p = cov.first[c]; p < cov.first[c + 1]; ++p) {
            const T delta = (xt[cov.dim[p] * nx + i] - zt[cov.dim[p] * nz + j]) * cov.inv_lengthscale[p];
            s2 += delta * delta;
        }
        s2 = cov_clamp(s2);
        T value = T(0);
        switch (static_cast<CovKind>(cov.kind[c])) {
            case CovKind::rbf: value = cov_value<CovKind::rbf>(s2); break;
            case CovKind::matern12: value = cov_value<CovKind::matern12>(s2); break;
            case CovKind::matern32: value = cov_value<CovKind::matern32>(s2); break;
            default: value = cov_value<CovKind::matern52>(s2); break;
        }
        total = c == 0 ? cov.variance[c] * value : total + cov.variance[c] * value;
    }
    return total;
}

KRISS_NAMESPACE_END
