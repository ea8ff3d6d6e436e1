// MINRES for symmetric (Hermitian) systems that may be indefinite; the preconditioner is positive definite.
//
// C. C. Paige, M. A. Saunders, "Solution of sparse indefinite systems of linear equations", SIAM J. Numer. Anal. 12
// (1975), section 6, with the stopping quantities of their published program (SOL, Stanford).
//
// Bytes per iteration in float64, S = traffic of the coefficients of A:
//     u = A y                                         S + 16 n
//     u = s u - s shift y - (beta/oldb) r1; y'u       32 n
//     u -= (alpha/beta) r2; u'u                       24 n
//     w = (s y - oldeps w1 - delta w2) / gamma        32 n
//     x += phi w                                      24 n
// together S + 128 n, with a preconditioner its own traffic and 16 n for r'M^-1 r. The scaled Lanczos vector v = s y is
// never formed.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/solve/loop.hpp"

namespace kriss {

struct MinresOptions : LoopOptions {
    double shift = 0.0;
    double rtol = 0.0;  // of SciPy's tests
    double eps = 0.0;   // of the working precision
};

struct MinresOutcome : LoopOutcome {
    int istop = 0;  // the published program's number, for SciPy's rules
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Solves (A - shift I) x = b from the x given. work: 5 vectors, 7 with M, all with zeros around them.
// Natively it ends once ||b - (A - shift) x|| <= tol: what the recurrence carries is the M^-1 norm, so its ratio to the
// true one is measured where it matters (one product each time).
template <class T>
MinresOutcome minres(KrylovContext<T>& s, const T* b, T* x, bool zero_start, const MinresOptions& opt, T* const* work) {
    MinresOutcome out;
    const bool with_m = s.M.apply != nullptr;
    T* u = work[0];
    T* r1 = work[1];
    T* r2 = work[2];
    T* w = work[3];
    T* w2 = work[4];
    T* spare = with_m ? work[5] : nullptr;
    T* other = with_m ? work[6] : nullptr;
    T* y = r2;
    const auto one = wide_one<T>();
    const auto real = [](double a) { return wide_from<T>(a); };

    const auto true_residual = [&](T* p, T* into) -> double {
        copy_items(s.n, static_cast<const T*>(x), p);
        if (!multiply(s, static_cast<const T*>(p), into)) {
            return -1.0;
        }
        return pass<T>(s, into, real(-1.0), {{one, b}, {real(opt.shift), p}});
    };
    // y = M^-1 r2, returning r2'y; `plain` is r2'r2
    const auto apply_m = [&](double plain) -> double {
        if (!with_m) {
            y = r2;
            return plain;
        }
        T* const into = y == spare ? other : spare;
        if (precondition(s, r2, into) == nullptr) {
            return -1.0;
        }
        y = into;
        return real_of(inner<T>(s, r2, y));
    };
    double rr = 0.0;
    if (zero_start) {
        copy_items(s.n, b, r2);
        rr = pass<T>(s, r2, one, {});
    } else {
        rr = true_residual(w, r2);
    }
    if (s.trouble != Status::ok) {
        out.status = s.trouble;
        return out;
    }
    out.residual = std::sqrt(rr);
    report(s, out.residual);
    if (!std::isfinite(rr)) {
        out.status = Status::non_finite;
        return out;
    }
    if (!opt.scipy_rules && out.residual <= opt.tol) {
        return out;
    }
    for (T* v : {w, w2}) {
        for (index_t i = 0; i < s.n; ++i) {
            v[i] = T{};
        }
    }
    const double beta1_square = apply_m(rr);
    if (s.trouble != Status::ok) {
        out.status = s.trouble;
        return out;
    }
    if (!(beta1_square >= 0.0) || !std::isfinite(beta1_square)) {
        out.status = std::isfinite(beta1_square) ? Status::indefinite_precond : Status::non_finite;
        return out;
    }
    if (beta1_square == 0.0) {
        out.status = rr > 0.0 ? Status::indefinite_precond : Status::ok;
        return out;
    }
    const double beta1 = std::sqrt(beta1_square);
    double oldb = 0.0, beta = beta1, dbar = 0.0, epsln = 0.0, phibar = beta1;
    double tnorm2 = 0.0, gmax = 0.0, gmin = 1.7976931348623157e308, cs = -1.0, sn = 0.0;
    double kappa = std::sqrt(rr) / beta1;  // true norm over carried norm
    double size = 0.0;                     // of A, by the entries of the tridiagonal matrix
    out.status = Status::maxiter;
    while (out.iterations < opt.maxiter) {
        const index_t it = ++out.iterations;
        const double scale = 1.0 / beta;
        if (!multiply(s, static_cast<const T*>(y), u)) {
            out.status = s.trouble;
            return out;
        }
        Wide<T> yu{};
        if (it >= 2) {
            pass<T>(s, u, real(scale), {{real(-opt.shift * scale), y}, {real(-beta / oldb), r1}}, {y}, &yu, false);
        } else {
            pass<T>(s, u, real(scale), {{real(-opt.shift * scale), y}}, {y}, &yu, false);
        }
        const double alfa = scale * real_of(yu);
        const double uu = pass<T>(s, u, one, {{real(-alfa / beta), r2}});
        const T* const v = y;  // without its factor `scale`
        const double oldeps = epsln;
        const double delta = cs * dbar + sn * alfa;
        const double gbar = sn * dbar - cs * alfa;
        T* old = r1;
        r1 = r2;
        r2 = u;
        u = old;
        oldb = beta;
        const double beta_square = apply_m(uu);
        if (s.trouble != Status::ok) {
            out.status = s.trouble;
            return out;
        }
        if (!(beta_square >= 0.0) || !std::isfinite(beta_square) || !std::isfinite(alfa)) {
            out.status =
                std::isfinite(beta_square) && std::isfinite(alfa) ? Status::indefinite_precond : Status::non_finite;
            return out;
        }
        beta = std::sqrt(beta_square);
        tnorm2 += alfa * alfa + oldb * oldb + beta * beta;
        if (it == 1 && beta / beta1 <= 10 * opt.eps) {
            out.istop = -1;
        }
        epsln = sn * beta;
        dbar = -cs * beta;
        const double root = std::hypot(gbar, dbar);
        size = std::fmax(size, std::hypot(alfa, std::hypot(beta, it >= 2 ? oldb : 0.0)));
        if (!opt.scipy_rules && root <= 10 * opt.eps * size) {
            // A r = 0 for the present residual r: a least-squares solution of a singular system. The step that
            // follows would divide by a rounding error.
            --out.iterations;
            out.status = Status::stagnated;
            return out;
        }
        double gamma = std::hypot(gbar, beta);
        gamma = gamma > opt.eps ? gamma : opt.eps;
        cs = gbar / gamma;
        sn = beta / gamma;
        const double phi = cs * phibar;
        phibar = sn * phibar;
        // w = (v - oldeps w1 - delta w2) / gamma, over w1
        T* const w1 = w2;
        w2 = w;
        w = w1;
        pass<T>(s, w, real(-oldeps / gamma), {{real(scale / gamma), v}, {real(-delta / gamma), w2}}, {}, nullptr,
                false);
        const double xx = pass<T>(s, x, one, {{real(phi), w}}, {}, nullptr, opt.scipy_rules);
        gmax = gmax > gamma ? gmax : gamma;
        gmin = gmin < gamma ? gmin : gamma;
        const double anorm = std::sqrt(tnorm2);
        const double test2 = anorm == 0.0 ? HUGE_VAL : root / anorm;
        if (opt.scipy_rules) {
            const double ynorm = std::sqrt(xx);
            const double epsx = anorm * ynorm * opt.eps;
            const double test1 = ynorm == 0.0 || anorm == 0.0 ? HUGE_VAL : phibar / (anorm * ynorm);
            if (out.istop == 0) {
                if (1.0 + test2 <= 1.0) {
                    out.istop = 2;
                }
                if (1.0 + test1 <= 1.0) {
                    out.istop = 1;
                }
                if (it >= opt.maxiter) {
                    out.istop = 6;
                }
                if (gmax / gmin >= 0.1 / opt.eps) {
                    out.istop = 4;
                }
                if (epsx >= beta1) {
                    out.istop = 3;
                }
                if (test2 <= opt.rtol) {
                    out.istop = 2;
                }
                if (test1 <= opt.rtol) {
                    out.istop = 1;
                }
            }
            if (!after_iteration(s, phibar)) {
                out.status = s.trouble;
                return out;
            }
            if (out.istop != 0) {
                out.status = out.istop == 6 ? Status::maxiter : Status::ok;
                return out;
            }
            continue;
        }
        out.residual = kappa * phibar;
        if (!after_iteration(s, out.residual)) {
            out.status = s.trouble;
            return out;
        }
        const bool end = beta == 0.0;  // the Krylov space is exhausted
        if (with_m && (out.residual <= opt.tol || end)) {
            const double true_square = true_residual(y == spare ? other : spare, u);
            if (true_square < 0.0) {
                out.status = s.trouble;
                return out;
            }
            kappa = phibar > 0.0 ? std::sqrt(true_square) / phibar : kappa;
            out.residual = std::sqrt(true_square);
        }
        if (out.residual <= opt.tol) {
            out.status = Status::ok;
            return out;
        }
        if (end) {
            out.status = Status::stagnated;
            return out;
        }
    }
    return out;
}

KRISS_NAMESPACE_END
