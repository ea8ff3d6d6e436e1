// BiCGStab with the preconditioner on the right.
//
// H. A. van der Vorst, "Bi-CGSTAB: a fast and smoothly converging variant of Bi-CG for the solution of nonsymmetric
// linear systems", SIAM J. Sci. Stat. Comput. 13 (1992), algorithm of section 4.
//
// Bytes per iteration in float64, S = traffic of the coefficients of A:
//     p = r + beta (p - omega v)                  32 n
//     v = A M^-1 p; r~'v                          S + 32 n
//     r -= alpha v; r'r                           24 n
//     t = A M^-1 r; t'r, t't                      S + 32 n
//     x += alpha p^ + omega r^                    32 n
//     r -= omega t; r~'r, r'r                     32 n
// together 2 S + 184 n, and twice the traffic of the preconditioner.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/solve/loop.hpp"

namespace kriss {

struct BicgstabOptions : LoopOptions {
    double eps = 0.0;  // of the working precision
};

struct BicgstabOutcome : LoopOutcome {
    int info = 0;          // SciPy's -10 (rho) and -11 (omega or r~'v), for its rules
    index_t restarts = 0;  // with a new shadow residual, after r~'r had become too small
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr index_t most_shadows = 8;

// work: 5 vectors (r, r~, p, v, t), 7 with M (M^-1 p, M^-1 r), all with zeros around them.
template <class T>
BicgstabOutcome bicgstab(KrylovContext<T>& s, const T* b, T* x, bool zero_start, const BicgstabOptions& opt,
                         T* const* work) {
    using W = Wide<T>;
    BicgstabOutcome out;
    const bool with_m = s.M.apply != nullptr;
    T *const r = work[0], *const shadow = work[1], *const p = work[2], *const v = work[3], *const t = work[4];
    T *const room_p = with_m ? work[5] : nullptr, *const room_s = with_m ? work[6] : nullptr;
    const W one = wide_one<T>();
    const auto size = [](W a) { return std::sqrt(square_of(a)); };
    const auto below = [&](double rr) {
        const double norm = std::sqrt(rr);
        return opt.scipy_rules ? norm < opt.tol : norm <= opt.tol && std::isfinite(norm);
    };
    const double small = opt.eps * opt.eps;

    double rr = first_residual(s, b, static_cast<const T*>(x), zero_start, p, v, r);
    if (s.trouble != Status::ok) {
        out.status = s.trouble;
        return out;
    }
    report(s, std::sqrt(rr));
    copy_items(s.n, static_cast<const T*>(r), shadow);
    double shadow_norm = std::sqrt(rr);
    W rho = wide_from<T>(rr);
    W before{}, alpha{}, omega{};
    bool first = true;
    for (;;) {
        out.residual = std::sqrt(rr);
        if (below(rr) && (!opt.scipy_rules || out.iterations < opt.maxiter)) {
            return out;
        }
        if (out.iterations >= opt.maxiter) {
            out.status = Status::maxiter;
            return out;
        }
        if (!std::isfinite(rr)) {
            out.status = Status::non_finite;
            return out;
        }
        if (opt.scipy_rules) {
            if (size(rho) < small || (!first && size(omega) < small)) {
                out.info = size(rho) < small ? -10 : -11;
                out.status = Status::breakdown;
                return out;
            }
        } else if (!(size(rho) > opt.eps * shadow_norm * std::sqrt(rr)) || (!first && square_of(omega) == 0.0)) {
            // The shadow residual has become orthogonal to r: begin again with a new one.
            if (first || out.restarts == most_shadows) {
                out.status = Status::breakdown;
                return out;
            }
            ++out.restarts;
            copy_items(s.n, static_cast<const T*>(r), shadow);
            shadow_norm = std::sqrt(rr);
            rho = wide_from<T>(rr);
            first = true;
        }
        if (first) {
            copy_items(s.n, static_cast<const T*>(r), p);
        } else {
            const W beta = quotient(rho, before) * quotient(alpha, omega);
            pass<T>(s, p, beta, {{-(beta * omega), v}, {one, r}}, {}, nullptr, false);
        }
        const T* const p_hat = precondition(s, p, room_p);
        if (p_hat == nullptr || !multiply(s, p_hat, v)) {
            out.status = s.trouble;
            return out;
        }
        const W rv = inner<T>(s, shadow, v);
        if (square_of(rv) == 0.0) {
            out.info = -11;
            out.status = Status::breakdown;
            if (opt.scipy_rules || first || out.restarts == most_shadows) {
                return out;
            }
            out.status = Status::ok;
            rho = W{};  // too small: the next round begins again
            continue;
        }
        alpha = quotient(rho, rv);
        rr = pass<T>(s, r, one, {{-alpha, v}});
        if (below(rr)) {
            pass<T>(s, x, one, {{alpha, p_hat}}, {}, nullptr, false);
            out.residual = std::sqrt(rr);
            if (!opt.scipy_rules) {
                ++out.iterations;
                if (!after_iteration(s, out.residual)) {
                    out.status = s.trouble;
                }
            }
            return out;
        }
        const T* const r_hat = precondition(s, r, room_s);
        if (r_hat == nullptr || !multiply(s, r_hat, t)) {
            out.status = s.trouble;
            return out;
        }
        W rt{};
        const double tt = pass<T>(s, t, one, {}, {r}, &rt);
        omega = quotient(conj_of(rt), wide_from<T>(tt));
        if (!opt.scipy_rules && tt == 0.0) {
            omega = W{};
        }
        pass<T>(s, x, one, {{alpha, p_hat}, {omega, r_hat}}, {}, nullptr, false);
        before = rho;
        rr = pass<T>(s, r, one, {{-omega, t}}, {shadow}, &rho);
        first = false;
        ++out.iterations;
        if (!after_iteration(s, std::sqrt(rr))) {
            out.status = s.trouble;
            return out;
        }
    }
}

KRISS_NAMESPACE_END
