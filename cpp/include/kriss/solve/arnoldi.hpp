// One cycle of GMRES: Arnoldi's process with classical Gram-Schmidt, done twice, the second time together with the
// first of the next step (solve/gram_schmidt.hpp), and the least-squares problem by Givens rotations.
//
// Y. Saad, M. H. Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear systems",
// SIAM J. Sci. Stat. Comput. 7 (1986), section 3. Flexible: Y. Saad, "A flexible inner-outer preconditioned GMRES
// algorithm", SIAM J. Sci. Comput. 14 (1993), algorithm 2.2. Against the columns of C first, as the recycling method of
// M. L. Parks, E. de Sturler, G. Mackey, D. D. Johnson, S. Maiti, "Recycling Krylov subspaces for sequences of linear
// systems", SIAM J. Sci. Comput. 28 (2006), algorithm 2 (GCRO-DR) wants it.
//
// Step j has u_j = C t_j + V_j s_j + rho_j v_j, orthogonalised once, and multiplies it before it is v_j:
//     w = A M^-1 u_j = C b + V_j p + p_j v_j + sigma u_(j+1).
// t and s, of the size of rounding, come with the products of w. By linearity the columns for v_j instead of u_j are
// (column j - sum over i of s_ij column i) / rho_j, what t adds being left out as rounding; a flexible method keeps z_j
// = M_j^-1 u_j and needs no such step. Where little of w remains (cancel_most), it is orthogonalised again at once, so
// that t and s stay small.
//
// With `loss` above 0 the second time is left out while it is not needed: where one orthogonalisation leaves |w'| of
// |w|, the products of w' with the basis Q are those of I - Q^H Q with the coefficients h, and rounding, over |w'|. The
// bound
//     e_i <= (sum over l of E_il |h_l| + c eps |w|) / |w'|,  E_il >= |q_i^H q_l|,
// goes along in the order of the basis, as the recurrence of H. D. Simon, "The Lanczos algorithm with partial
// reorthogonalization", Math. Comp. 42 (1984), section 3, does for symmetric matrices. The criterion of J. W. Daniel,
// W. B. Gragg, L. Kaufman, G. W. Stewart, "Reorthogonalization and stable algorithms for updating the Gram-Schmidt QR
// factorization", Math. Comp. 30 (1976), section 4, looks at |w'| / |w| alone; with its constant of 1 / sqrt(2) nearly
// every step of a restarted method is repeated, with a smaller one the loss grows from step to step unseen. The
// relation A Z = C B + V H does not depend on it: coefficients and remainder make up w whatever the basis is.
//
// Bytes of step j in float64, beyond the preconditioner, with m = j + k: 16 n m + 48 n, 16 n m + 32 n and what the
// product reads beside its vectors if the operator can be applied by rows, 8 n m + 64 n where steps are joined
// (solve/arnoldi_step.hpp); 8 n m flops, 4 n m without the second time.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/solve/arnoldi_step.hpp"
#include "kriss/solve/gram_schmidt.hpp"
#include "kriss/solve/loop.hpp"
#include "kriss/solve/scalar.hpp"

namespace kriss {

template <class T>
struct ArnoldiCycle {
    index_t steps = 0;            // most
    bool left = false;            // the operator is M^-1 A, else A M^-1
    bool complete = true;         // the last vector of v is wanted too, of norm 1 and orthogonal to working precision
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
    // Bound for the products of different vectors of [C, V] up to which the second time is left out; 0: it never is.
    // Not heeded where what u has along C would be neglected (k > 0 without z).
    double loss = 0.0;
    double* cross = nullptr;  // (k + steps + 1) squared: E. In: among the columns of C. Null: loss is 0
    // From here to update: ArnoldiRoom of cpp/src/solve_krylov.hpp fills them in.
    Wide<T>* part = nullptr;  // (chunk_count(n), delayed_columns(k + steps)) scratch
    RowsMap<T> rows;          // A by rows, if it can be applied so
    void (*products)(const DelayedPass<T>& f, Wide<T>* out, double* norms, Wide<T>* part, const Executor& ex) = nullptr;
    double (*update)(const DelayedPass<T>& f, Wide<T>* part, const Executor& ex) = nullptr;
    double (*step)(const DelayedPass<T>& f, const DelayedPass<T>& g, const StepBetween<T>& between, Wide<T>* out,
                   double* norms, Wide<T>* part, const Executor& ex) = nullptr;
    double beta = 0.0;  // norm of the residual at the start
    double tol = 0.0;   // stop once the norm is at most this
    double eps = 0.0;   // of the working precision
    // called with the norm of the residual after each step; false stops
    bool (*hook)(void* self, double norm) = nullptr;
    void* hook_self = nullptr;
};

// ||w - V V^H w||^2 / ||w||^2 below which w is orthogonalised again at once. More where what u has along C is
// neglected.
inline constexpr double cancel_most = 1e-4;
inline constexpr double cancel_most_beside_c = 1e-2;
inline constexpr double cross_rounding = 4.0;  // units in the last place that one orthogonalisation leaves beside E h

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

// Column j, given for u_j, made that of v_j = (u_j - sum over i < j of s_i v_i) / rho.
// columns: `length` numbers each, `ld` apart; of a Hessenberg matrix, column i ends after i + 2 of them.
template <class W>
void column_for_v(index_t j, index_t length, bool hessenberg, index_t ld, W* columns, const W* s, double rho) {
    W* const mine = columns + j * ld;
    for (index_t i = 0; i < j; ++i) {
        const W* const other = columns + i * ld;
        const index_t stop = hessenberg && i + 2 < length ? i + 2 : length;
        for (index_t r = 0; r < stop; ++r) {
            mine[r] = mine[r] - s[i] * other[r];
        }
    }
    for (index_t r = 0; r < length; ++r) {
        mine[r] = (1.0 / rho) * mine[r];
    }
}

// w = A M^-1 u or M^-1 A u, unless the pass that follows can do it by rows; false if the loop has to stop
template <class T>
bool arnoldi_image(KrylovContext<T>& s, const ArnoldiCycle<T>& a, index_t j, DelayedPass<T>& f) {
    T* const u = f.u;
    T* const w = f.w;
    f.product = {};
    f.x = u;
    if (a.left && s.M.apply != nullptr) {
        return multiply(s, static_cast<const T*>(u), a.room) && precondition(s, a.room, w) != nullptr;
    }
    if (!a.left) {
        const T* z = precondition(s, u, a.z != nullptr ? a.z[j] : a.room);
        if (z == nullptr) {
            return false;
        }
        if (a.z != nullptr && z != a.z[j]) {
            copy_items(s.n, z, a.z[j]);
        }
        f.x = z;
    }
    if (a.rows.apply == nullptr) {
        return multiply(s, f.x, w);
    }
    f.product = a.rows;
    ++s.matvecs;
    return true;
}

// Bounds for the products of vector `count` with those before it: its column and row of E. of_w: (count) coefficients
// of the orthogonalisation, null after a second one; before, after: norms. Returns the largest.
template <class W>
double bound_cross(double* cross, index_t ld, int count, const W* of_w, double eps, double before, double after) {
    double most = 0.0;
    for (int i = 0; i < count; ++i) {
        double sum = cross_rounding * eps * before;
        for (int l = 0; of_w != nullptr && l < count; ++l) {
            sum += l != i ? cross[i * ld + l] * std::sqrt(square_of(of_w[l])) : 0.0;
        }
        const double e = sum / after;
        cross[i * ld + count] = cross[count * ld + i] = e;
        most = e > most ? e : most;  // a NaN shows in the norms
    }
    return most;
}

// R y = g.  triangle: (steps, ld), row j is column j of R. A coefficient is left out (0) where its pivot is zero, and,
// the smallest pivots first, while rounding in A z_j y_j, as large as A is, would outweigh a tenth of beta: A is then
// singular on the space but for rounding, and the whole update would be noise.
template <class T>
void back_substitute(index_t steps, index_t ld, const Wide<T>* triangle, const Wide<T>* g, double beta, double eps,
                     Wide<T>* y) {
    using W = Wide<T>;
    double largest = 0.0;
    for (index_t j = 0; j < steps; ++j) {
        y[j] = wide_one<T>();  // 0: left out
        double length = 0.0;
        for (index_t i = 0; i <= j; ++i) {
            length += square_of(triangle[j * ld + i]);
        }
        largest = std::fmax(largest, length);
    }
    for (index_t dropped = 0; dropped <= steps; ++dropped) {
        for (index_t i = steps - 1; i >= 0; --i) {
            const W pivot = triangle[i * ld + i];
            if (square_of(y[i]) == 0.0 || !(square_of(pivot) > 0.0)) {
                y[i] = W{};
                continue;
            }
            W sum = g[i];
            for (index_t j = i + 1; j < steps; ++j) {
                sum = sum - triangle[j * ld + i] * y[j];
            }
            y[i] = quotient(sum, pivot);
        }
        index_t worst = -1;
        double least = largest;
        bool noise = false;
        for (index_t j = 0; j < steps; ++j) {
            noise = noise || eps * eps * largest * square_of(y[j]) > 0.01 * beta * beta;
            const double pivot = square_of(triangle[j * ld + j]);
            if (square_of(y[j]) > 0.0 && pivot < least) {
                least = pivot;
                worst = j;
            }
        }
        if (!noise || worst < 0) {
            return;
        }
        y[worst] = W{};
    }
}

// Rows between those of one step and of the next that share the caches; no more than delayed_step allows.
inline constexpr index_t reach_most = solve_grain;

// Whether step j can end together with the products of the next one.
template <class T>
bool joins(const KrylovContext<T>& s, const ArnoldiCycle<T>& a, index_t j) {
    return a.step != nullptr && j + 1 < a.steps && a.k + j + 1 <= step_most && a.rows.apply != nullptr &&
           a.rows.reach >= 0 && a.rows.reach <= reach_most &&
           (s.M.apply == nullptr || (!a.left && s.diagonal != nullptr));
}

// The end of step j (f) and the products of the next one, after its image; returns ||w||^2 of f.
template <class T>
double joined_step(KrylovContext<T>& s, const ArnoldiCycle<T>& a, index_t j, const DelayedPass<T>& f, bool once,
                   Wide<T>* out, double* norms) {
    DelayedPass<T> g;
    g.n = f.n;
    g.count = f.count + 1;
    g.list = f.list;
    g.u = a.v[j + 1];
    g.w = a.v[j + 2];
    g.once = once;
    g.product = a.rows;
    StepBetween<T> between;
    between.diagonal = s.diagonal;
    between.z = a.z != nullptr && !a.left ? a.z[j + 1] : s.M.apply != nullptr ? a.room : nullptr;
    between.reach = a.rows.reach;
    g.x = between.z != nullptr ? between.z : g.u;
    ++s.matvecs;
    return a.step(f, g, between, out, norms, a.part, *s.ex);
}

// ||r|| after step j if its remainder has the norm h1: the column h, as given, through the rotations. room: (j + 1)
template <class T>
double residual_ahead(const ArnoldiCycle<T>& a, index_t j, const Wide<T>* h, double h1, Wide<T>* room) {
    using W = Wide<T>;
    for (index_t i = 0; i <= j; ++i) {
        room[i] = h[i];
    }
    for (index_t i = 0; i < j; ++i) {
        const W n0 = room[i];
        room[i + 1] = -conj_of(a.rotation[2 * i + 1]) * n0 + a.rotation[2 * i] * room[i + 1];
    }
    return std::sqrt(square_of(a.g[j]) / (square_of(room[j]) + h1 * h1)) * h1;
}

template <class T>
ArnoldiOutcome arnoldi(KrylovContext<T>& s, const ArnoldiCycle<T>& a, const T** list, Wide<T>* room) {
    // list: (k + steps) scratch; room: (2, 2 (k + steps) + 1) scratch
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
    const double most = a.k > 0 && a.z == nullptr ? cancel_most_beside_c : cancel_most;
    if (a.k > 0) {
        // A residual that has shrunk has more along C than rounding, by as much as it has shrunk.
        project(s, list, a.k, a.v[0], room);
        subtract(s, list, a.k, room, a.v[0], static_cast<W*>(nullptr));
    }
    double sigma = 0.0;  // u_j is the vector that column j - 1 left, divided by it
    const index_t all = a.k + a.steps + 1;
    const bool bounds = a.cross != nullptr && a.loss > 0.0;
    const bool lax = bounds && (a.k == 0 || a.z != nullptr);
    double lost = 0.0;    // bound for the products of u_j with the vectors before it
    double square = 1.0;  // ||u_j||^2
    bool ahead = false;   // the products of this step have been taken at the end of the last
    double norms[2] = {};
    Wide<T>* dots = room;
    Wide<T>* other = room + 2 * (a.k + a.steps) + 1;
    DelayedPass<T> f;
    f.n = s.n;
    f.list = list;
    // What the second orthogonalisation of u_j tells of column j - 1.
    const auto correct = [&](index_t j, const W* p, double rho) {
        for (int i = 0; i < a.k; ++i) {
            a.b[(j - 1) * a.k + i] = a.b[(j - 1) * a.k + i] + sigma * p[i];
        }
        W* const before = a.h + (j - 1) * ld;
        for (index_t i = 0; i < j; ++i) {
            before[i] = before[i] + sigma * p[a.k + i];
        }
        before[j] = wide_from<T>(sigma * rho);
    };
    for (index_t j = 0; j < a.steps; ++j) {
        const int count = a.k + static_cast<int>(j);
        f.count = count;
        f.u = a.v[j];
        f.w = a.v[j + 1];
        f.once = lax && j > 0 && lost <= a.loss;
        if (!ahead) {
            if (!arnoldi_image(s, a, j, f)) {
                break;
            }
            a.products(f, dots, norms, a.part, *s.ex);
        }
        W* const of_u = dots;
        W* const of_w = dots + count;
        if (s.ex->interrupted()) {
            s.trouble = Status::interrupted;
            break;
        }
        double small = 0.0;
        double parallel = 0.0;
        W own = dots[2 * count];
        for (int i = 0; i < count; ++i) {
            small += square_of(of_u[i]);
            parallel += square_of(of_w[i]);
            own = own - conj_of(of_u[i]) * of_w[i];
        }
        const double before = norms[1];
        const double rho = std::sqrt(f.once ? square : norms[0] - small);
        if (!std::isfinite(before) || !(rho > 0.0) || !std::isfinite(rho)) {
            out.finite = false;
            break;
        }
        own = (1.0 / rho) * own;
        parallel += square_of(own);
        const double left_over = before - parallel;
        const bool twice = !(left_over > most * before);
        const double scale = twice ? before : left_over;
        f.of_u = of_u;
        f.of_w = of_w;
        f.cross = own;
        f.scale_u = 1.0 / rho;
        f.scale_w = scale > 0.0 ? 1.0 / std::sqrt(scale) : 1.0;
        list[count] = a.v[j];
        of_w[count] = own;
        if (bounds) {
            if (!f.once) {
                bound_cross<W>(a.cross, all, count, nullptr, a.eps, 1.0, 1.0);
            }
            lost = bound_cross(a.cross, all, count + 1, twice ? nullptr : of_w, a.eps, twice ? 1.0 : std::sqrt(before),
                               twice ? 1.0 : std::sqrt(left_over));
        }
        ahead = !twice && joins(s, a, j) &&
                residual_ahead(a, j, of_w + a.k, std::sqrt(left_over), a.triangle + j * ld) > 1.01 * a.tol;
        double after =
            ahead ? joined_step(s, a, j, f, lax && lost <= a.loss, other, norms) : a.update(f, a.part, *s.ex);
        if (j > 0 && !f.once) {
            correct(j, of_u, rho);
        }
        sigma = 1.0 / f.scale_w;
        W* const h = a.h + j * ld;
        W* const r = a.triangle + j * ld;
        for (int i = 0; i < a.k; ++i) {
            a.b[j * a.k + i] = of_w[i];
        }
        for (index_t i = 0; i < j; ++i) {
            h[i] = of_w[a.k + i];
        }
        h[j] = own;
        if (twice) {
            project(s, list, count + 1, f.w, dots + count);
            after = subtract(s, list, count + 1, dots + count, f.w, static_cast<W*>(nullptr));
            for (int i = 0; i < a.k; ++i) {
                a.b[j * a.k + i] = a.b[j * a.k + i] + sigma * dots[count + i];
            }
            for (index_t i = 0; i <= j; ++i) {
                h[i] = h[i] + sigma * dots[count + a.k + i];
            }
        }
        double h1 = sigma * std::sqrt(after);
        square = twice ? 1.0 : after;
        if (!std::isfinite(h1)) {
            out.finite = false;
            break;
        }
        out.breakdown = !(h1 > a.eps * std::sqrt(before));
        if (out.breakdown) {
            h1 = 0.0;
        } else if (twice) {
            pass<T>(s, f.w, wide_from<T>(1.0 / std::sqrt(after)), {}, {}, nullptr, false);
            sigma = h1;
        }
        h[j + 1] = wide_from<T>(h1);
        if (a.z == nullptr) {
            column_for_v(j, j + 2, true, ld, a.h, static_cast<const W*>(of_u + a.k), rho);
            column_for_v(j, static_cast<index_t>(a.k), false, static_cast<index_t>(a.k), a.b,
                         static_cast<const W*>(of_u + a.k), rho);
            sigma /= rho;
            h1 = real_of(h[j + 1]);
        }
        for (index_t i = 0; i <= j; ++i) {
            r[i] = h[i];
        }
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
        if (ahead) {
            W* const last = dots;
            dots = other;
            other = last;
        }
    }
    if (a.complete && out.steps > 0 && out.finite && !out.breakdown && s.trouble == Status::ok) {
        const int count = a.k + static_cast<int>(out.steps);
        T* const last = a.v[out.steps];
        double rho = std::sqrt(square);
        if (!lax || !(lost <= a.loss)) {
            project(s, list, count, last, dots);
            rho = std::sqrt(subtract(s, list, count, dots, last, static_cast<W*>(nullptr)));
            correct(out.steps, dots, rho);
            if (bounds) {
                bound_cross<W>(a.cross, all, count, nullptr, a.eps, 1.0, 1.0);
            }
        }
        pass<T>(s, last, wide_from<T>(1.0 / rho), {}, {}, nullptr, false);
    }
    back_substitute<T>(out.steps, ld, a.triangle, a.g, a.beta, a.eps, a.y);
    return out;
}

KRISS_NAMESPACE_END
