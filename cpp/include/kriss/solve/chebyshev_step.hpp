// One step of the Chebyshev iteration on D^-1 A z = D^-1 r, and its coefficients: shared by the preconditioner on the
// processor and the one on a device.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 12.1. With the eigenvalues of
// D^-1 A in [low, high], theta = (high + low) / 2, delta = (high - low) / 2, sigma = theta / delta:
//     d = D^-1 r / theta;  z = d;  rho = 1 / sigma
//     degree times:  rho' = 1 / (2 sigma - rho);  d = rho' rho d + (2 rho' / delta) D^-1 (r - A z)
//                    z += d;  rho = rho'
// z = P(D^-1 A) D^-1 r with a polynomial P of that degree, which takes `degree` products with A. For even degree
// P > 0 for all eigenvalues above 0, also for those beyond `high`: M stays positive definite where that was too small.
#pragma once

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

// d_new = keep d + step D^-1 (r - A z)
struct ChebyshevStep {
    double keep = 0.0;
    double step = 0.0;
};

// The coefficients one step after another; the first call belongs to z = 0.
struct ChebyshevSteps {
    double theta;
    double delta;
    double rho = 0.0;
    bool begun = false;

    KRISS_HD ChebyshevSteps(double low, double high) : theta(0.5 * (high + low)), delta(0.5 * (high - low)) {}

    KRISS_HD ChebyshevStep next() {
        if (!begun) {
            begun = true;
            rho = delta / theta;
            return {0.0, 1.0 / theta};
        }
        const double now = 1.0 / (2.0 * (theta / delta) - rho);
        const ChebyshevStep out{now * rho, 2.0 * now / delta};
        rho = now;
        return out;
    }
};

// rest: (r - A z)_i; inverse: 1 / a_ii
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T chebyshev_direction(T d, T rest, T inverse, T keep, T step) {
    return keep * d + step * (inverse * rest);
}

KRISS_NAMESPACE_END
