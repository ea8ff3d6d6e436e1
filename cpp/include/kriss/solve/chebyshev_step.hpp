// One step of the Chebyshev iteration on D^-1 A z = D^-1 r, and its coefficients, for processors and devices alike.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 12.1, in three terms: with the
// eigenvalues of D^-1 A in [low, high], theta = (high + low) / 2, delta = (high - low) / 2, sigma = theta / delta,
//     z_1 = z_0 + D^-1 (r - A z_0) / theta;  rho = 1 / sigma
//     rho' = 1 / (2 sigma - rho);  z_k+1 = (1 + rho' rho) z_k - rho' rho z_k-1 + (2 rho' / delta) D^-1 (r - A z_k)
// From z_0 = 0, z_m+1 = P(D^-1 A) D^-1 r with a polynomial P of degree m, which takes m products with A. For even
// degree P > 0 for all eigenvalues above 0, also for those beyond `high`: M stays positive definite where that was too
// small.
#pragma once

#include "kriss/config.hpp"

namespace kriss {

// z+ = a z + b z- + c D^-1 (r - A z)
struct ChebyshevStep {
    double a = 1.0;
    double b = 0.0;
    double c = 0.0;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// The coefficients one step after another, 0 < low < high.
struct ChebyshevSteps {
    double theta;
    double delta;
    double rho = 0.0;
    bool begun = false;

    KRISS_HD ChebyshevSteps(double low, double high) : theta((high + low) / 2), delta((high - low) / 2) {}

    KRISS_HD ChebyshevStep next() {
        const double sigma = theta / delta;
        if (!begun) {
            begun = true;
            rho = 1.0 / sigma;
            return {1.0, 0.0, 1.0 / theta};
        }
        const double now = 1.0 / (2.0 * sigma - rho);
        const ChebyshevStep out{1.0 + now * rho, -now * rho, 2.0 * now / delta};
        rho = now;
        return out;
    }
};

// sum: (A z)_i; inverse: 1 / a_ii
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T chebyshev_next(T sum, T r, T inverse, T z, T before, T a, T b, T c) {
    const T rest = inverse * (c * r + -c * sum);
    return (rest + a * z) + b * before;
}

KRISS_NAMESPACE_END
