// The Matern covariance of any smoothness, and its derivatives in distance, lengthscale and smoothness, in one pass.
//
// C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, equation (4.14):
//     k = 2^(1 - nu) / Gamma(nu) z^nu K_nu(z),   z = sqrt(2 nu) r / l.
// The powers of z, of nu and the gamma function are cancelled against those in K before anything is computed: for
// rho = sqrt(nu^2 + z^2) >= 25 and nu >= 8.5, with a = rho - nu = z^2 / (rho + nu),
//     log k = nu log1p(a / (2 nu)) - a - log1p(a / nu) / 2 - stirling(nu) + log S(-1 / rho),
// and below that k = 2 (z / 2)^m [(z / 2)^n K_nu(z)] / Gamma(nu), nu = n + m, the bracket from the scaled recurrence.
// The derivative in z is -k K_{nu-1} / K_nu (DLMF 10.29.4), free of cancellation at z = 0.
#pragma once

#include "kriss/special/bessel_slopes.hpp"

KRISS_NAMESPACE_BEGIN

namespace special {

struct MaternPoint {
    double value;
    double by_r, by_lengthscale, by_nu;
};

// k and d log k / d nu at fixed z, for 0 < z < inf and 0 < nu <= huge.
inline ValueSlope matern_core(double nu, double z, bool slope) {
    const double rho2 = nu * nu + z * z;
    if (rho2 >= uniform_from && nu >= stirling_from) {
        const double rho = std::sqrt(rho2);
        const double inv = 1.0 / rho;
        const double t = nu * inv;
        const double a = z * (z / (rho + nu));
        const double grown = math::log1p(a / (2.0 * nu));
        const UniformSums u = uniform_sums(uniform_terms(rho2), -inv, t * t);
        const double e = (nu * grown - a) - 0.5 * math::log1p(a / nu) - stirling(nu) + math::log(u.s);
        double order = 0.0;
        if (slope) {
            const double c = z * inv;
            const double dv = (2.0 * t * c * c * u.by_tau + t * inv * u.by_g) * (inv / u.s);
            order = grown + (0.5 / nu + digamma_rest(nu) - 0.5 * t * inv + dv);
        }
        return {math::exp(e), order};
    }
    const double n = std::floor(nu + 0.5);
    const double m = nu - n;
    const double half = log_half(z);
    const ValueSlope g = reciprocal_gamma_slope(m);
    double product = 1.0;
    double sum = 0.0;
    for (int j = 1; j <= static_cast<int>(n); ++j) {
        product = product * (m + j);
        sum = sum + 1.0 / (m + j);
    }
    const double front = 2.0 * nu * g.value / product;  // 2 / Gamma(nu)
    double order = half + (1.0 / nu + (g.slope / g.value - sum));
    if (rho2 >= uniform_from) {
        const double rho = std::sqrt(rho2);
        const double inv = 1.0 / rho;
        const double t = nu * inv;
        const double c = z * inv;
        const UniformSums u = uniform_sums(uniform_terms(rho2), -inv, t * t);
        const double angled = angle(nu, z, rho);
        const double dv = (2.0 * t * c * c * u.by_tau + t * inv * u.by_g) * (inv / u.s);
        order = order + (angled - 0.5 * t * inv + dv);
        return {front * u.s * std::sqrt(half_pi * inv) * math::exp(nu * (angled + half) - rho), order};
    }
    PairSlopes k{};
    if (z <= 2.0) {
        k = climb_slopes(static_cast<int>(n), m, temme_slopes(temme_terms(z), m, z), 1.0, 0.25 * z * z);
        return {front * k.k0 * math::exp(m * half), order + k.d0 / k.k0};
    }
    k = interpolated_slopes(m, z);
    const double y = 0.5 * z;
    k.k1 = k.k1 * y;
    k.d1 = k.d1 * y;
    k = climb_slopes(static_cast<int>(n), m, k, 1.0, y * y);
    return {front * k.k0 * std::sqrt(half_pi / z) * math::exp(m * half - z), order + k.d0 / k.k0};
}

// K_{nu-1}(z) / K_nu(z)
inline double previous_ratio(double nu, double z) {
    return nu > 0.5 ? 1.0 / slopes<-1>(nu - 1.0, z).ratio : slopes<-1>(-nu, z).ratio;
}

// r >= 0, nu > 0, l > 0; NaN otherwise. nu = inf is the squared exponential.
inline MaternPoint matern_point(double r, double nu, double l, bool slope) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    if (!(r >= 0.0) || !(nu > 0.0) || !(l > 0.0) || (r == inf && l == inf)) {
        return {nan, nan, nan, nan};
    }
    const double s = r / l;
    if (nu > 1e16) {
        // The next term is below 1e-16 of this one.
        const double k = math::exp(-0.5 * s * s);
        return {k, k > 0.0 ? -k * (s / l) : 0.0, k > 0.0 ? k * s * (s / l) : 0.0, 0.0};
    }
    const double z = std::sqrt(2.0 * nu) * s;
    if (!(z > 0.0)) {
        return {1.0, nu > 0.5 ? -0.0 : nu == 0.5 ? -1.0 / l : -inf, 0.0, 0.0};
    }
    if (!(z < huge)) {
        return {0.0, -0.0, 0.0, 0.0};
    }
    const ValueSlope k = matern_core(nu, z, slope);
    if (!slope || k.value == 0.0) {
        return {k.value, -0.0, 0.0, 0.0};
    }
    const double q = previous_ratio(nu, z);
    const double by_z = k.value * q;
    return {k.value, -by_z * (std::sqrt(2.0 * nu) / l), by_z * (z / l), k.value * (k.slope - q * (0.5 * z / nu))};
}

}  // namespace special

KRISS_NAMESPACE_END
