// What the loops of the Krylov methods share: the system, one fused pass, and the ways to stop.
#pragma once

#include <cmath>
#include <initializer_list>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/krylov.hpp"
#include "kriss/solve/scalar.hpp"
#include "kriss/status.hpp"

namespace kriss {

// y = F x. Returns false to stop the loop (a callable has raised).
template <class T>
struct VectorMap {
    void* self = nullptr;
    bool (*apply)(void* self, const T* x, T* y, const Executor& ex) = nullptr;
};

// A vector that is multiplied by A must lie between `halo` readable zeros (solve/stencil.hpp); all vectors that the
// loops take as scratch do.
template <class T>
struct KrylovContext {
    index_t n = 0;
    VectorMap<T> A;
    VectorMap<T> M;               // apply is null for the identity
    const T* diagonal = nullptr;  // (n) M is the product with this, if not null
    double (*fused)(const FusedPass<T>& f, Wide<T>* out, Wide<T>* part, const Executor& ex) = nullptr;
    Wide<T>* part = nullptr;  // (chunk_count(n), max_terms + 1)
    const Executor* ex = nullptr;
    // called with the norm of the residual before the first iteration and after each
    void (*record)(void* self, double norm) = nullptr;
    void* record_self = nullptr;
    // called after each iteration, x up to date; false stops the loop
    bool (*callback)(void* self) = nullptr;
    void* callback_self = nullptr;

    index_t matvecs = 0;
    Status trouble = Status::ok;  // failed: a callable has raised; interrupted
};

struct LoopOptions {
    double tol = 0.0;
    index_t maxiter = 0;
    bool scipy_rules = false;
};

struct LoopOutcome {
    Status status = Status::ok;
    index_t iterations = 0;
    double residual = 0.0;  // by the recurrence
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <class T>
struct Term {
    Wide<T> c;
    const T* v;
};

// y = beta y + sum of the terms; out_j = w_j^H y. Returns ||y||^2.
template <class T>
double pass(KrylovContext<T>& s, T* y, Wide<T> beta, std::initializer_list<Term<T>> terms,
            std::initializer_list<const T*> w = {}, Wide<T>* out = nullptr, bool norm = true) {
    FusedPass<T> f;
    f.n = s.n;
    f.beta = narrow<T>(beta);
    f.y = y;
    f.norm = norm;
    for (const Term<T>& t : terms) {
        f.v[f.terms] = t.v;
        f.c[f.terms++] = narrow<T>(t.c);
    }
    for (const T* v : w) {
        f.w[f.dots++] = v;
    }
    return s.fused(f, out, s.part, *s.ex);
}

template <class T>
Wide<T> wide_one() {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {1.0, 0.0};
    } else {
        return 1.0;
    }
}

template <class T>
Wide<T> wide_from(double a) {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {a, 0.0};
    } else {
        return a;
    }
}

// x^H y
template <class T>
Wide<T> inner(KrylovContext<T>& s, const T* x, T* y) {
    Wide<T> out{};
    pass<T>(s, y, wide_one<T>(), {}, {x}, &out, false);
    return out;
}

// y = A x; false if the loop has to stop
template <class T>
bool multiply(KrylovContext<T>& s, const T* x, T* y) {
    ++s.matvecs;
    if (!s.A.apply(s.A.self, x, y, *s.ex)) {
        s.trouble = Status::failed;
    } else if (s.ex->interrupted()) {
        s.trouble = Status::interrupted;
    }
    return s.trouble == Status::ok;
}

// z = M^-1 r; with the identity z is r itself and `room` stays unused. Null if the loop has to stop.
template <class T>
T* precondition(KrylovContext<T>& s, T* r, T* room) {
    if (s.M.apply == nullptr) {
        return r;
    }
    if (!s.M.apply(s.M.self, r, room, *s.ex)) {
        s.trouble = Status::failed;
        return nullptr;
    }
    return room;
}

template <class T>
void report(KrylovContext<T>& s, double norm) {
    if (s.record != nullptr) {
        s.record(s.record_self, norm);
    }
}

template <class T>
bool after_iteration(KrylovContext<T>& s, double norm) {
    report(s, norm);
    if (s.callback != nullptr && !s.callback(s.callback_self)) {
        s.trouble = Status::failed;
        return false;
    }
    return true;
}

template <class T>
void copy_items(index_t n, const T* from, T* to) {
    for (index_t i = 0; i < n; ++i) {
        to[i] = from[i];
    }
}

// r = b - A x (r = b without a product if zero_start) into r; p and q: scratch. Returns ||r||^2, negative if the loop
// has to stop.
template <class T>
double first_residual(KrylovContext<T>& s, const T* b, const T* x, bool zero_start, T* p, T* q, T* r) {
    copy_items(s.n, b, r);
    if (zero_start) {
        return pass<T>(s, r, wide_one<T>(), {});
    }
    copy_items(s.n, x, p);
    if (!multiply(s, static_cast<const T*>(p), q)) {
        return -1.0;
    }
    return pass<T>(s, r, wide_one<T>(), {{wide_from<T>(-1.0), q}});
}

KRISS_NAMESPACE_END
