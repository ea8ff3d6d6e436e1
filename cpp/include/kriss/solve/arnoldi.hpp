// One cycle of GMRES: Arnoldi's process with classical Gram-Schmidt, reorthogonalised where cancellation asks for it,
// and the least-squares problem by Givens rotations.
//
// Y. Saad, M. H. Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear systems",
// SIAM J. Sci. Stat. Comput. 7 (1986), section 3. Flexible: Y. Saad, "A flexible inner-outer preconditioned GMRES
// algorithm", SIAM J. Sci. Comput. 14 (1993), algorithm 2.2. Reorthogonalisation: J. W. Daniel, W. B. Gragg, L.
// Kaufman, G. W. Stewart, "Reorthogonalization and stable algorithms for updating the Gram-Schmidt QR factorization",
// Math. Comp. 30 (1976), with the factor 1/sqrt(2). Against the columns of C first, as the recycling method of M. L.
// Parks, E. de Sturler, G. Mackey, D. D. Johnson, S. Maiti, "Recycling Krylov subspaces for sequences of linear
// systems", SIAM J. Sci. Comput. 28 (2006), algorithm 2 (GCRO-DR) wants it.
//
// Bytes of step j in float64, beyond the product and the preconditioner: 16 n (j + k) + 48 n, or 24 n (j + k) + 72 n
// with reorthogonalisation; 4 n (j + k) flops or twice as many.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/solve/loop.hpp"
#include "kriss/solve/scalar.hpp"

namespace kriss {

template <class T>
struct ArnoldiCycle {
    index_t steps = 0;            // most
    bool left = false;            // the operator is M^-1 A, else A M^-1
    T* const* v = nullptr;        // (steps + 1) vectors; v[0] has norm 1
    T* const* z = nullptr;        // (steps) vectors M^-1 v_j, kept for a flexible method; null: not kept
    T* room = nullptr;            // (n) scratch
    int k = 0;                    // columns of C
    T* const* c = nullptr;        // (k) orthonormal vectors
    Wide<T>* h = nullptr;         // (steps, steps + 1): row j is column j of the Hessenberg matrix
    Wide<T>* b = nullptr;         // (steps, k): row j is C^H A M^-1 v_j
    Wide<T>* triangle = nullptr;  // (steps, steps + 1) scratch
    Wide<T>* rotation = nullptr;  // (steps, 2) scratch
    Wide<T>* g = nullptr;         // (steps + 1) scratch
    Wide<T>* y = nullptr;         // (steps) out: the coefficients of the update
    double beta = 0.0;            // norm of the residual at the start
    double tol = 0.0;             // stop once the norm is at most this
    double eps = 0.0;             // of the working precision
    // called with the norm of the residual after each step; false stops
    bool (*hook)(void* self, double norm) = nullptr;
    void* hook_self = nullptr;
};

struct ArnoldiOutcome {
    index_t steps = 0;
    double residual = 0.0;
    bool breakdown = false;  // the space is invariant: the solution is exact, or A is singular
    bool finite = true;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Dots of w with the vectors list[0..count), a pass for every max_terms of them. Returns ||w||^2.
template <class T>
double project(KrylovContext<T>& s, const T* const* list, int count, T* w, Wide<T>* out) {
    double norm = 0.0;
    int at = 0;
    do {
        FusedPass<T> f;
        f.n = s.n;
        f.beta = narrow<T>(1.0);
        f.y = w;
        f.norm = at == 0;
        for (; f.dots < max_terms && at + f.dots < count; ++f.dots) {
            f.w[f.dots] = list[at + f.dots];
        }
        const double rr = s.fused(f, out + at, s.part, *s.ex);
        norm = f.norm ? rr : norm;
        at += f.dots;
    } while (at < count);
    return norm;
}

// w -= sum of c_j list_j; with `again`, its dots with the list afterwards. Returns ||w||^2 afterwards.
template <class T>
double subtract(KrylovContext<T>& s, const T* const* list, int count, const Wide<T>* c, T* w, Wide<T>* again) {
    double norm = 0.0;
    int at = 0;
    do {
        FusedPass<T> f;
        f.n = s.n;
        f.beta = narrow<T>(1.0);
        f.y = w;
        for (; f.terms < max_terms && at + f.terms < count; ++f.terms) {
            f.v[f.terms] = list[at + f.terms];
            f.c[f.terms] = narrow<T>(-c[at + f.terms]);
        }
        at += f.terms;
        f.norm = at == count;
        if (at == count && again != nullptr && count <= max_terms) {
            for (; f.dots < count; ++f.dots) {
                f.w[f.dots] = list[f.dots];
            }
        }
        norm = s.fused(f, again, s.part, *s.ex);
    } while (at < count);
    if (again != nullptr && count > max_terms) {
        norm = project(s, list, count, w, again);
    }
    return norm;
}

// The rotation that takes (a, b), b >= 0 real, to (r, 0): c real, s = ..., applied as c a + s b, -conj(s) a + c b.
template <class W>
void rotation_for(W a, double b, double& c, W& s, W& r) {
    const double size = std::sqrt(square_of(a));
    if (b == 0.0) {
        c = 1.0;
        s = W{};
        r = a;
        return;
    }
    const double h = std::hypot(size, b);
    if (size == 0.0) {
        c = 0.0;
        s = W{};
        if constexpr (sizeof(W) == sizeof(double)) {
            s = 1.0;
            r = b;
        } else {
            s.re = 1.0;
            r = {b, 0.0};
        }
        return;
    }
    c = size / h;
    if constexpr (sizeof(W) == sizeof(double)) {
        const double sign = a < 0 ? -1.0 : 1.0;
        s = sign * b / h;
        r = sign * h;
    } else {
        const W phase = (1.0 / size) * a;
        s = (b / h) * phase;
        r = h * phase;
    }
}

template <class T>
ArnoldiOutcome arnoldi(KrylovContext<T>& s, const ArnoldiCycle<T>& a, const T** list, Wide<T>* dots) {
    // list: (k + steps) scratch; dots: (2 (k + steps)) scratch
    using W = Wide<T>;
    ArnoldiOutcome out;
    const index_t ld = a.steps + 1;
    for (index_t j = 0; j <= a.steps; ++j) {
        a.g[j] = W{};
    }
    a.g[0] = wide_from<T>(a.beta);
    for (int j = 0; j < a.k; ++j) {
        list[j] = a.c[j];
    }
    out.residual = a.beta;
    for (index_t j = 0; j < a.steps; ++j) {
        T* const w = a.v[j + 1];
        list[a.k + j] = a.v[j];
        if (a.left) {
            T* const t = s.M.apply != nullptr ? a.room : w;
            if (!multiply(s, static_cast<const T*>(a.v[j]), t) || precondition(s, t, w) == nullptr) {
                break;
            }
        } else {
            const T* z = precondition(s, a.v[j], a.z != nullptr ? a.z[j] : a.room);
            if (z == nullptr) {
                break;
            }
            if (a.z != nullptr && z != a.z[j]) {
                copy_items(s.n, z, a.z[j]);
            }
            if (!multiply(s, z, w)) {
                break;
            }
        }
        const int count = a.k + static_cast<int>(j) + 1;
        W* const first = dots;
        W* const second = dots + (a.k + a.steps);
        const double before = project(s, list, count, w, first);
        double parallel = 0.0;
        for (int i = 0; i < count; ++i) {
            parallel += square_of(first[i]);
        }
        const bool twice = !(before - parallel > 0.5 * before);
        double after = subtract(s, list, count, first, w, twice ? second : nullptr);
        if (twice) {
            after = subtract(s, list, count, second, w, nullptr);
            for (int i = 0; i < count; ++i) {
                first[i] = first[i] + second[i];
            }
        }
        double h1 = std::sqrt(after);
        W* const h = a.h + j * ld;
        W* const r = a.triangle + j * ld;
        for (int i = 0; i < a.k; ++i) {
            a.b[j * a.k + i] = first[i];
        }
        for (index_t i = 0; i <= j; ++i) {
            h[i] = r[i] = first[a.k + i];
        }
        if (!std::isfinite(h1) || !std::isfinite(before)) {
            out.finite = false;
            break;
        }
        out.breakdown = !(h1 > a.eps * std::sqrt(before));
        if (out.breakdown) {
            h1 = 0.0;
        } else {
            pass<T>(s, w, wide_from<T>(1.0 / h1), {}, {}, nullptr, false);
        }
        h[j + 1] = wide_from<T>(h1);
        for (index_t i = 0; i < j; ++i) {
            const W c = a.rotation[2 * i];
            const W sn = a.rotation[2 * i + 1];
            const W n0 = r[i];
            const W n1 = r[i + 1];
            r[i] = c * n0 + sn * n1;
            r[i + 1] = -conj_of(sn) * n0 + c * n1;
        }
        double c = 1.0;
        W sn{};
        W length{};
        rotation_for(r[j], h1, c, sn, length);
        a.rotation[2 * j] = wide_from<T>(c);
        a.rotation[2 * j + 1] = sn;
        r[j] = length;
        a.g[j + 1] = -conj_of(sn) * a.g[j];
        a.g[j] = wide_from<T>(c) * a.g[j];
        out.residual = std::sqrt(square_of(a.g[j + 1]));
        out.steps = j + 1;
        if (a.hook != nullptr && !a.hook(a.hook_self, out.residual)) {
            s.trouble = Status::failed;
            break;
        }
        if (out.residual <= a.tol || out.breakdown) {
            break;
        }
    }
    // Back substitution; a zero pivot (A singular on the space) leaves its coefficient out.
    for (index_t i = out.steps - 1; i >= 0; --i) {
        W sum = a.g[i];
        for (index_t j = i + 1; j < out.steps; ++j) {
            sum = sum - a.triangle[j * ld + i] * a.y[j];
        }
        const W pivot = a.triangle[i * ld + i];
        a.y[i] = square_of(pivot) > 0.0 ? quotient(sum, pivot) : W{};
    }
    return out;
}

KRISS_NAMESPACE_END
