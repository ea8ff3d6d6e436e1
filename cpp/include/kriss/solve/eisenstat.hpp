// Conjugate gradients with M = (E + L) E^-1 (E + L') in Eisenstat's form: two triangular sweeps, no product with A.
//
// S. C. Eisenstat, "Efficient implementation of a class of preconditioned conjugate gradient methods", SIAM J. Sci.
// Stat. Comput. 2 (1981), section 3; Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003,
// section 9.2.2. A = L + D + L'; E is a positive diagonal: D / omega for SSOR, the pivots of (modified) incomplete
// Cholesky for a graph without triangles. Everything is scaled by E^-1/2 on both sides first, so that M = (I + L)(I +
// L') and A = (I + L) + (I + L') + (D - 2 I) below. The iteration is CG for (I + L)^-1 A (I + L')^-1; its iterates are
// those of preconditioned CG.
//
// Bytes per iteration in float64, n unknowns, S = traffic of L (16 n for a five-point stencil, 24 n for a seven-point
// one, see solve/wavefront.hpp; 12 nnz(L) + 4 n for CSR):
//     p = r + beta p;  t = (I + L')^-1 p              r 8, p 16, t 8        32 n + S
//     q = (I + L)^-1 (p + (D - 2 I) t);  p'(t + q)    p 8, t 8, D 8, q 8    32 n + S
//     x += alpha t;  r -= alpha (t + q);  r'r         x 16, r 16, t 8, q 8  48 n
// together 112 n + 2 S, without write-allocate; 4 nnz(L) + 12 n flops.
//
// r'r is the residual in the norm of M^-1. The norm of b - A x itself is that of (I + L) r in the old scale: half a
// product, taken when the estimate (their last ratio times r'r) meets the tolerance, and every 25th iteration.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/cg.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

// The sweeps with one storage of I + L. n: length of a vector, padding included.
template <class T>
struct EisenstatOps {
    index_t n = 0;
    index_t parts = 0;  // numbers of scratch that a sum needs
    const void* self = nullptr;
    void (*start)(const void* self, const T* r, T* out, double* part, const Executor& ex) = nullptr;  // (I + L)^-1 r
    void (*backward)(const void* self, const T* r, T beta, T* p, T* t, const Executor& ex) = nullptr;
    double (*forward)(const void* self, const T* p, const T* t, T* q, double* part, const Executor& ex) = nullptr;
    double (*norm)(const void* self, const T* r, double* part, const Executor& ex) = nullptr;
};

// Rows in natural order. lower, upper: the strict triangles, scaled, rows sorted.
template <class T, class I>
struct EisenstatRows {
    CsrView<T, I> lower;
    CsrView<T, I> upper;
    const T* rest = nullptr;   // (n) diagonal of A minus 2, scaled
    const T* scale = nullptr;  // (n) E^1/2
};

inline constexpr index_t eisenstat_check = 25;  // iterations between two norms of b - A x

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// s[l] += p (t + q) over one chunk
template <class T>
KRISS_ALWAYS_INLINE double dot_sum_chunk(const T* p, const T* t, const T* q, index_t n) {
    double s[solve_lanes] = {};
    double wide[solve_block];
    double room[solve_block];
    for (index_t b = 0; b < n; b += solve_block) {
        const index_t m = b + solve_block < n ? solve_block : n - b;
        for (index_t i = 0; i < m; ++i) {
            room[i] = static_cast<double>(t[b + i] + q[b + i]);
        }
        add_products(as_double(p + b, m, wide), room, m, s);
    }
    return lane_sum(s);
}

// (I + L) y = r, or with t: right-hand side r + rest t. The value of the row just before is taken last, from a
// register, so that one product and one difference stand between two rows.
template <class T, class I, bool WithT>
KRISS_ALWAYS_INLINE void rows_forward(const EisenstatRows<T, I>& a, index_t first, index_t last,
                                      const T* KRISS_RESTRICT r, const T* KRISS_RESTRICT t, T* KRISS_RESTRICT y) {
    const CsrView<T, I>& m = a.lower;
    T carried = first > 0 ? y[first - 1] : T(0);
    for (index_t i = first; i < last; ++i) {
        index_t k = m.indptr[i];
        index_t stop = m.indptr[i + 1];
        const bool next = stop > k && m.indices[stop - 1] == i - 1;
        stop -= next ? 1 : 0;
        T s = WithT ? r[i] + a.rest[i] * t[i] : r[i];
        for (; k < stop; ++k) {
            s -= m.data[k] * y[m.indices[k]];
        }
        carried = next ? s - m.data[k] * carried : s;
        y[i] = carried;
    }
}

template <class T, class I>
void rows_start(const EisenstatRows<T, I>& a, const T* r, T* out, const Executor& ex) {
    for (index_t b = 0; b < a.lower.rows; b += solve_grain) {
        rows_forward<T, I, false>(a, b, b + solve_grain < a.lower.rows ? b + solve_grain : a.lower.rows, r, nullptr,
                                  out);
        if (ex.interrupted()) {
            return;
        }
    }
}

template <class T, class I>
double rows_product(const EisenstatRows<T, I>& a, const T* p, const T* t, T* q, double* part, const Executor& ex) {
    const index_t n = a.lower.rows;
    for (index_t b = 0; b < n; b += solve_grain) {
        const index_t e = b + solve_grain < n ? b + solve_grain : n;
        rows_forward<T, I, true>(a, b, e, p, t, q);
        part[b / solve_grain] = dot_sum_chunk(p + b, t + b, q + b, e - b);
        if (ex.interrupted()) {
            return 0.0;
        }
    }
    return chunk_sum(part, chunk_count(n));
}

// p = r + beta p (r null: p is left as it is), then (I + L') t = p
template <class T, class I>
void rows_backward(const EisenstatRows<T, I>& a, const T* r, T beta, T* KRISS_RESTRICT p, T* KRISS_RESTRICT t,
                   const Executor& ex) {
    const CsrView<T, I>& m = a.upper;
    const index_t n = m.rows;
    T carried = 0;
    for (index_t b = (chunk_count(n) - 1) * solve_grain; b >= 0; b -= solve_grain) {
        const index_t e = b + solve_grain < n ? b + solve_grain : n;
        if (r != nullptr) {
            for (index_t i = b; i < e; ++i) {
                p[i] = direction_at(r[i], p[i], beta);
            }
        }
        for (index_t i = e - 1; i >= b; --i) {
            const index_t start = m.indptr[i];
            const index_t stop = m.indptr[i + 1];
            const bool next = start < stop && m.indices[start] == i + 1;
            T s = p[i];
            for (index_t k = start + (next ? 1 : 0); k < stop; ++k) {
                s -= m.data[k] * t[m.indices[k]];
            }
            carried = next ? s - m.data[start] * carried : s;
            t[i] = carried;
        }
        if (ex.interrupted()) {
            return;
        }
    }
}

// || scale (I + L) r ||^2
template <class T, class I>
double rows_norm(const EisenstatRows<T, I>& a, const T* r, double* part, const Executor& ex) {
    const index_t n = a.lower.rows;
    ex.parallel_for(n, solve_grain, [=, &a](index_t b, index_t e) {
        double lanes[solve_lanes] = {};
        double room[solve_block];
        for (index_t c = b; c < e; c += solve_block) {
            const index_t m = c + solve_block < e ? solve_block : e - c;
            for (index_t i = c; i < c + m; ++i) {
                T s = r[i];
                for (index_t k = a.lower.indptr[i]; k < a.lower.indptr[i + 1]; ++k) {
                    s += a.lower.data[k] * r[a.lower.indices[k]];
                }
                room[i - c] = static_cast<double>(a.scale[i] * s);
            }
            add_products(room, room, m, lanes);
        }
        part[b / solve_grain] = lane_sum(lanes);
    });
    return chunk_sum(part, chunk_count(n));
}

// x += alpha t;  r -= alpha (t + q);  returns r'r
template <class T>
double eisenstat_update(index_t n, T alpha, const T* t, const T* q, T* x, T* r, double* part, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        double s[solve_lanes] = {};
        double wide[solve_block];
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            const T* KRISS_RESTRICT tt = t + b;
            const T* KRISS_RESTRICT qq = q + b;
            T* KRISS_RESTRICT xx = x + b;
            T* KRISS_RESTRICT rr = r + b;
            for (index_t i = 0; i < m; ++i) {
                const T ti = tt[i];
                xx[i] = axpy_at(xx[i], alpha, ti);
                rr[i] = axpy_at(rr[i], -alpha, ti + qq[i]);
            }
            const double* v = as_double(rr, m, wide);
            add_products(v, v, m, s);
        }
        part[begin / solve_grain] = lane_sum(s);
    });
    return chunk_sum(part, chunk_count(n));
}

// Solves A x = f from x = 0, all scaled. f: the right-hand side on entry, overwritten (it becomes q).
// x, r, p, t, f: (ops.n); part: (ops.parts) scratch. opt.tol refers to || b - A x || in the old scale.
// outcome.residual: that norm, from r.
template <class T>
CgOutcome eisenstat_cg(const EisenstatOps<T>& ops, T* f, T* x, T* r, T* p, T* t, const CgOptions& opt, double* part,
                       const Executor& ex) {
    CgOutcome out;
    const index_t n = ops.n;
    T* q = f;
    ops.start(ops.self, f, r, part, ex);
    double rho = fixed_dot(n, r, r, part, ex);
    double norm2 = ops.norm(ops.self, r, part, ex);
    double ratio = norm2 / rho;
    double beta = 0.0;
    const double peak = rho;
    const auto small = [&](double v) { return std::isfinite(v) && std::sqrt(v) <= opt.tol; };
    for (index_t i = 0; i < n; ++i) {
        x[i] = T(0);
        p[i] = T(0);
    }
    bool fresh = true;  // norm2 was computed, not estimated
    for (;;) {
        if (ex.interrupted()) {
            out.status = Status::interrupted;
            return out;
        }
        const bool look = small(norm2) || out.iterations % eisenstat_check == 0 || rho <= 1e-60 * peak;
        if (look && !fresh) {
            norm2 = ops.norm(ops.self, r, part, ex);
            ratio = norm2 / rho;
            fresh = true;
        }
        if (small(norm2) || (std::isfinite(rho) && rho <= 1e-60 * peak)) {
            out.status = Status::ok;
            break;
        }
        if (out.iterations >= opt.maxiter) {
            out.status = Status::maxiter;
            break;
        }
        if (!std::isfinite(rho) || !std::isfinite(norm2)) {
            out.status = Status::non_finite;
            break;
        }
        ops.backward(ops.self, r, static_cast<T>(beta), p, t, ex);
        const double pv = ops.forward(ops.self, p, t, q, part, ex);
        ++out.matvecs;
        if (ex.interrupted()) {
            out.status = Status::interrupted;
            return out;
        }
        if (!(pv > 0.0 && std::isfinite(pv))) {
            out.status = !std::isfinite(pv) ? Status::non_finite : Status::indefinite_matrix;
            break;
        }
        const double next = eisenstat_update(n, static_cast<T>(rho / pv), t, q, x, r, part, ex);
        beta = next / rho;
        rho = next;
        norm2 = ratio * rho;
        fresh = false;
        ++out.iterations;
        if (opt.record != nullptr) {
            opt.record(opt.ctx, std::sqrt(norm2));
        }
    }
    if (!fresh) {
        norm2 = ops.norm(ops.self, r, part, ex);
    }
    out.residual = std::sqrt(norm2);
    return out;
}

KRISS_NAMESPACE_END
