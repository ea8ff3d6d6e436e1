// Preconditioned conjugate gradients with fused vector passes.
//
// M. R. Hestenes, E. Stiefel, "Methods of conjugate gradients for solving linear systems", J. Res. NBS 49 (1952),
// section 3; preconditioned: Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003,
// algorithm 9.1.
//
// Bytes per iteration in float64, n unknowns, S = traffic of the coefficients of A (12 nnz + 4 n for CSR with int32
// indices; solve/stencil.hpp has smaller ones), d = 1 with a Jacobi preconditioner, else 0:
//     step    x += alpha p;  p = z + beta p;  q = A p;  p'q   x 16, p 16, r 8, q 8, diagonal 8 d, S   (48 + 8 d) n + S
//     update  r -= alpha q;  r'r;  r'D^-1 r                   r 16, q 8, diagonal 8 d                 (24 + 8 d) n
// together (72 + 16 d) n + S, without write-allocate; 2 nnz + (10 + 3 d) n flops. The product of a row follows the new
// p at a distance of the bandwidth of A, where p is still in cache (solve/multi.hpp); where A is wide p is read again,
// 8 n more. Where the coefficients are few (constant diagonals) q is not stored but made again in the second pass,
// which reads p in its place: (64 + 16 d) n. The update of x waits for the next iteration, where p is read anyway. Any
// other preconditioner adds its own traffic and reads z for r.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/multi.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/status.hpp"

namespace kriss {

struct CgNorms {
    double rr = 0.0;   // r'r
    double rho = 0.0;  // r'D^-1 r
};

// q = A p, returning p'q. p has `halo` readable zeros before and after it. A few rows of the product at a time, if rows
// is set, go together with the update of p; `again` says that q is cheaper to make twice than to keep.
template <class T>
struct CgOperator {
    const void* self = nullptr;
    index_t halo = 0;
    double (*apply_dot)(const void* self, const T* p, T* q, double* part, const Executor& ex) = nullptr;
    PanelProduct<T> rows = {};
    bool again = false;
};

// M^-1: the identity (both null), a diagonal (inverse), or z = M^-1 r returning r'z (apply_dot).
template <class T>
struct CgPreconditioner {
    const T* inverse = nullptr;
    const void* self = nullptr;
    double (*apply_dot)(const void* self, const T* r, T* z, double* part, const Executor& ex) = nullptr;
};

struct CgOptions {
    double tol = 0.0;  // stop once ||r|| <= tol, or < tol if strict
    index_t maxiter = 0;
    bool strict = false;     // SciPy's test
    bool guard = true;       // stop on !(p'Ap > 0) and !(r'M^-1 r > 0)
    bool verify = true;      // recompute b - A x before saying converged; restart once if it disagrees
    bool zero_start = true;  // x0 = 0: r = b without a product
    // called with ||r|| before the first iteration and after each
    void (*record)(void* ctx, double norm) = nullptr;
    void* ctx = nullptr;
};

struct CgOutcome {
    Status status = Status::ok;
    index_t iterations = 0;
    index_t matvecs = 0;
    double residual = 0.0;  // ||b - A x||, recomputed if verify, else carried by the recurrence
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Per-element steps, shared with the CUDA shells.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T direction_at(T z, T p, T beta) {
    return z + beta * p;
}

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T axpy_at(T y, T alpha, T x) {
    return y + alpha * x;
}

// p = D^-1 z + beta p, and before that x += alpha p.  inverse: (n) or null for D = 1; x: (n) or null
template <class T, bool Diagonal, bool WithX>
KRISS_ALWAYS_INLINE void direction_chunk(index_t n, const T* KRISS_RESTRICT inverse, const T* KRISS_RESTRICT z, T beta,
                                         T alpha, T* KRISS_RESTRICT p, T* KRISS_RESTRICT x) {
    for (index_t i = 0; i < n; ++i) {
        const T pi = p[i];
        if constexpr (WithX) {
            x[i] = axpy_at(x[i], alpha, pi);
        }
        p[i] = direction_at(Diagonal ? inverse[i] * z[i] : z[i], pi, beta);
    }
}

template <class T>
void cg_direction(index_t n, const T* inverse, const T* z, T beta, T alpha, T* p, T* x, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        const index_t m = e - b;
        if (inverse != nullptr) {
            if (x != nullptr) {
                direction_chunk<T, true, true>(m, inverse + b, z + b, beta, alpha, p + b, x + b);
            } else {
                direction_chunk<T, true, false>(m, inverse + b, z + b, beta, alpha, p + b, nullptr);
            }
        } else if (x != nullptr) {
            direction_chunk<T, false, true>(m, nullptr, z + b, beta, alpha, p + b, x + b);
        } else {
            direction_chunk<T, false, false>(m, nullptr, z + b, beta, alpha, p + b, nullptr);
        }
    });
}

// r += alpha q over one chunk; returns its part of r'r and r'D^-1 r. The sums run over blocks still in the first-level
// cache: each of the three loops is one the compiler turns into vector code.
template <class T, bool Diagonal>
KRISS_ALWAYS_INLINE CgNorms update_chunk(index_t n, const T* KRISS_RESTRICT inverse, T alpha, const T* KRISS_RESTRICT q,
                                         T* KRISS_RESTRICT r) {
    double s[solve_lanes] = {};
    double t[solve_lanes] = {};
    double wide[solve_block];
    double scaled[solve_block];
    for (index_t b = 0; b < n; b += solve_block) {
        const index_t m = b + solve_block < n ? solve_block : n - b;
        for (index_t i = 0; i < m; ++i) {
            r[b + i] = axpy_at(r[b + i], alpha, q[b + i]);
        }
        const double* v = as_double(r + b, m, wide);
        add_products(v, v, m, s);
        if constexpr (Diagonal) {
            for (index_t i = 0; i < m; ++i) {
                scaled[i] = static_cast<double>(inverse[b + i]) * v[i];
            }
            add_products(v, scaled, m, t);
        }
    }
    const double rr = lane_sum(s);
    return {rr, Diagonal ? lane_sum(t) : rr};
}

// r += alpha q (alpha carries its sign); returns r'r and r'D^-1 r.  part: (2 chunk_count(n)) scratch
template <class T>
CgNorms cg_update(index_t n, const T* inverse, T alpha, const T* q, T* r, double* part, const Executor& ex) {
    const index_t count = chunk_count(n);
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        const CgNorms v = inverse != nullptr ? update_chunk<T, true>(e - b, inverse + b, alpha, q + b, r + b)
                                             : update_chunk<T, false>(e - b, nullptr, alpha, q + b, r + b);
        part[b / solve_grain] = v.rr;
        part[count + b / solve_grain] = v.rho;
    });
    return {chunk_sum(part, count), chunk_sum(part + count, count)};
}

// x += alpha p
template <class T>
void cg_axpy(index_t n, T alpha, const T* p, T* x, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        for (index_t i = b; i < e; ++i) {
            x[i] = axpy_at(x[i], alpha, p[i]);
        }
    });
}

// Solves A x = b from the x given.  b, x, r, p, q, z: (n); z may be null unless M.apply_dot is set;
// part: (2 chunk_count(n)) scratch. p lies between A.halo zeros; it need not be initialised itself.
template <class T>
CgOutcome cg(index_t n, const CgOperator<T>& A, const T* b, T* x, const CgPreconditioner<T>& M, const CgOptions& opt,
             T* r, T* p, T* q, T* z, double* part, const Executor& ex) {
    CgOutcome out;
    bool interrupted = false;

    // r = b - A x; returns r'r and r'D^-1 r
    const auto residual = [&](bool product) {
        if (product) {
            const T* v = x;
            if (A.halo > 0) {
                // p is not in use whenever a residual is computed
                for (index_t i = 0; i < n; ++i) {
                    p[i] = x[i];
                }
                v = p;
            }
            A.apply_dot(A.self, v, q, part, ex);
            ++out.matvecs;
        }
        ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                r[i] = b[i];
            }
        });
        return product ? cg_update(n, M.inverse, T(-1), q, r, part, ex) : cg_update(n, M.inverse, T(0), b, r, part, ex);
    };
    // tol itself is infinite when b is, hence the first test
    const auto below = [&](double rr) {
        return opt.strict ? std::sqrt(rr) < opt.tol : std::isfinite(rr) && std::sqrt(rr) <= opt.tol;
    };

    CgNorms norm = residual(!opt.zero_start);
    if (opt.record != nullptr) {
        opt.record(opt.ctx, std::sqrt(norm.rr));
    }
    bool restarted = false;
    bool fresh = true;  // r is b - A x, not the recurrence's
    double alpha = 0.0;
    double beta = 0.0;
    double rho = 0.0;
    T* const kept = A.again ? nullptr : q;
    double peak = norm.rr;  // largest r'r since the last recomputation
    for (index_t i = 0; i < n; ++i) {
        p[i] = T(0);
    }
    for (;;) {
        interrupted = ex.interrupted();
        if (interrupted) {
            out.status = Status::interrupted;
            break;
        }
        // A recurrence that has fallen by 30 digits describes rounding errors, not b - A x, and soon underflows.
        if (below(norm.rr) || (opt.guard && std::isfinite(norm.rr) && norm.rr <= 1e-60 * peak)) {
            out.status = Status::ok;
            if (!opt.verify || fresh) {
                break;
            }
            cg_axpy(n, static_cast<T>(alpha), p, x, ex);
            alpha = 0.0;
            norm = residual(true);
            fresh = true;
            if (below(norm.rr)) {
                break;
            }
            if (restarted || !std::isfinite(norm.rr)) {
                out.status = std::isfinite(norm.rr) ? Status::stagnated : Status::non_finite;
                break;
            }
            restarted = true;
            beta = 0.0;
            peak = norm.rr;
        }
        if (out.iterations >= opt.maxiter) {
            out.status = Status::maxiter;
            break;
        }
        if (opt.guard ? !std::isfinite(norm.rr) : std::isnan(norm.rr)) {
            out.status = Status::non_finite;
            break;
        }
        double next = norm.rho;
        if (M.apply_dot != nullptr) {
            next = M.apply_dot(M.self, r, z, part, ex);
        }
        if (opt.guard && !(next > 0.0 && std::isfinite(next))) {
            out.status = !std::isfinite(next) ? Status::non_finite : Status::indefinite_precond;
            break;
        }
        if (out.iterations > 0 && !(fresh && restarted)) {
            beta = next / rho;
        }
        rho = next;
        const T* from = M.apply_dot != nullptr ? z : r;
        const T al = static_cast<T>(alpha);
        const T be = static_cast<T>(beta);
        alpha = 0.0;
        double pq = 0.0;
        if (A.rows.apply != nullptr) {
            multi_step<T, 1>(n, A.rows, false, M.inverse, from, &be, &al, p, x, kept, part, &pq, ex);
        } else {
            cg_direction(n, M.inverse, from, be, al, p, x, ex);
            pq = A.apply_dot(A.self, p, q, part, ex);
        }
        ++out.matvecs;
        if (opt.guard && !(pq > 0.0 && std::isfinite(pq))) {
            out.status = !std::isfinite(pq) ? Status::non_finite : Status::indefinite_matrix;
            break;
        }
        if (ex.interrupted()) {
            out.status = Status::interrupted;
            break;
        }
        alpha = rho / pq;
        const T back = static_cast<T>(-alpha);
        if (A.rows.apply != nullptr) {
            multi_update<T, 1>(n, A.rows, M.inverse, &back, p, kept, r, r, part, &norm.rr, &norm.rho, ex);
        } else {
            norm = cg_update(n, M.inverse, back, q, r, part, ex);
        }
        fresh = false;
        peak = norm.rr > peak ? norm.rr : peak;
        ++out.iterations;
        if (opt.record != nullptr) {
            opt.record(opt.ctx, std::sqrt(norm.rr));
        }
    }
    if (out.status != Status::interrupted) {
        if (alpha != 0.0 && !fresh) {
            cg_axpy(n, static_cast<T>(alpha), p, x, ex);
        }
        if (opt.verify && !fresh) {
            norm = residual(true);
            if (out.status == Status::maxiter && below(norm.rr)) {
                out.status = Status::ok;
            }
        }
    }
    out.residual = std::sqrt(norm.rr);
    return out;
}

KRISS_NAMESPACE_END
