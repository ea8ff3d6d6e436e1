// Flexible and deflated conjugate gradients: directions made A-orthogonal explicitly.
//
// Flexible: Y. Notay, "Flexible conjugate gradients", SIAM J. Sci. Comput. 22 (2000), equations (1) to (5): the new
// direction is made A-orthogonal to the last `window` ones, which a preconditioner that changes from step to step asks
// for. With one direction kept and a fixed M it is the plain method; it then serves complex Hermitian systems too.
// Deflated: Y. Saad, M. Yeung, J. Erhel, F. Guyomarc'h, "A deflated version of the conjugate gradient algorithm", SIAM
// J. Sci. Comput. 21 (2000), algorithm 3.5: every direction is also made A-orthogonal to the columns of U, with W = A U
// and E = U^H W. (Its step z - U E^-1 W^H z + beta p is the same, as W^H p = 0.)
//
// Bytes per iteration in float64, S = traffic of the coefficients of A, m directions kept, k columns of U:
//     z^H q_i, W^H z                       8 n (m + k) + 8 n
//     p = z - sum ... - U mu               8 n (m + k) + 16 n
//     q = A p; p^H q                       S + 32 n
//     x += alpha p                         24 n
//     r -= alpha q; r'r; r^H p             24 n
// together S + 104 n + 16 n (m + k), and the traffic of the preconditioner.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/solve/loop.hpp"

namespace kriss {

template <class T>
struct FcgProblem {
    int window = 1;                      // directions kept, 1 .. max_terms / 2
    T* const* p = nullptr;               // (window + 1) vectors with zeros around them
    T* const* q = nullptr;               // (window + 1) vectors
    int k = 0;                           // columns of U, at most max_terms / 2
    const T* const* u = nullptr;         // (k) vectors
    const T* const* w = nullptr;         // (k) vectors A u
    const Wide<T>* e_inverse = nullptr;  // (k, k) row-major: the inverse of U^H W
    // The first `keep` directions and their images, scaled to p^H A p = 1, for a later deflation.
    int keep = 0;
    T* const* kept_p = nullptr;
    T* const* kept_q = nullptr;  // null: not wanted
};

struct FcgOutcome : LoopOutcome {
    int kept = 0;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// r, z: vectors with zeros around them. x must already contain the component in U (U^H r = 0), unless k is 0.
template <class T>
FcgOutcome fcg(KrylovContext<T>& s, const T* b, T* x, bool zero_start, const LoopOptions& opt, const FcgProblem<T>& d,
               T* r, T* room) {
    using W = Wide<T>;
    FcgOutcome out;
    const W one = wide_one<T>();
    double rr = first_residual(s, b, static_cast<const T*>(x), zero_start, d.p[0], d.q[0], r);
    if (s.trouble != Status::ok) {
        out.status = s.trouble;
        return out;
    }
    report(s, std::sqrt(rr));
    double weight[max_terms] = {};  // p_i^H q_i of what is kept
    int stored = 0;                 // directions in the ring
    int slot = 0;                   // where the next one goes
    for (;;) {
        out.residual = std::sqrt(rr);
        if (!std::isfinite(rr)) {
            out.status = Status::non_finite;
            return out;
        }
        if (out.residual <= opt.tol) {
            return out;
        }
        if (out.iterations >= opt.maxiter) {
            out.status = Status::maxiter;
            return out;
        }
        T* const z = precondition(s, r, room);
        if (z == nullptr) {
            out.status = s.trouble;
            return out;
        }
        // coefficients of z along what is kept
        T* const p = d.p[slot];
        T* const q = d.q[slot];
        FusedPass<T> dots;
        dots.n = s.n;
        dots.y = z;
        dots.beta = narrow<T>(1.0);
        int order[max_terms];
        for (int i = 0; i < stored; ++i) {
            order[i] = (slot + d.window + 1 - stored + i) % (d.window + 1);
            dots.w[dots.dots++] = d.q[order[i]];
        }
        for (int i = 0; i < d.k; ++i) {
            dots.w[dots.dots++] = d.w[i];
        }
        dots.w[dots.dots++] = r;  // r^H z, whose sign judges M
        W c[max_terms + 1] = {};
        s.fused(dots, c, s.part, *s.ex);
        const double rz = real_of(c[dots.dots - 1]);
        if (!(rz > 0.0) || !std::isfinite(rz)) {
            out.status = std::isfinite(rz) ? Status::indefinite_precond : Status::non_finite;
            return out;
        }
        FusedPass<T> make;
        make.n = s.n;
        make.y = p;
        make.beta = T{};
        make.v[0] = z;
        make.c[0] = narrow<T>(1.0);
        make.terms = 1;
        for (int i = 0; i < stored; ++i) {
            make.v[make.terms] = d.p[order[i]];
            make.c[make.terms++] = narrow<T>((-1.0 / weight[order[i]]) * c[i]);
        }
        for (int i = 0; i < d.k; ++i) {
            W mu{};
            for (int j = 0; j < d.k; ++j) {
                mu = mu + d.e_inverse[i * d.k + j] * c[stored + j];
            }
            make.v[make.terms] = d.u[i];
            make.c[make.terms++] = narrow<T>(-mu);
        }
        make.w[make.dots++] = r;
        W rp{};  // r^H p
        s.fused(make, &rp, s.part, *s.ex);
        if (!multiply(s, static_cast<const T*>(p), q)) {
            out.status = s.trouble;
            return out;
        }
        const double pq = real_of(inner<T>(s, static_cast<const T*>(p), q));
        if (!(pq > 0.0) || !std::isfinite(pq)) {
            out.status = std::isfinite(pq) ? Status::indefinite_matrix : Status::non_finite;
            return out;
        }
        if (out.kept < d.keep) {
            const W unit = wide_from<T>(1.0 / std::sqrt(pq));
            pass<T>(s, d.kept_p[out.kept], W{}, {{unit, p}}, {}, nullptr, false);
            if (d.kept_q != nullptr) {
                pass<T>(s, d.kept_q[out.kept], W{}, {{unit, q}}, {}, nullptr, false);
            }
            ++out.kept;
        }
        weight[slot] = pq;
        const W alpha = (1.0 / pq) * conj_of(rp);
        pass<T>(s, x, one, {{alpha, p}}, {}, nullptr, false);
        rr = pass<T>(s, r, one, {{-alpha, q}});
        slot = (slot + 1) % (d.window + 1);
        stored = stored < d.window ? stored + 1 : d.window;
        ++out.iterations;
        if (!after_iteration(s, std::sqrt(rr))) {
            out.status = s.trouble;
            return out;
        }
    }
}

KRISS_NAMESPACE_END
