// Complex numbers in registers: what the compiler makes of the plain loops over them is shuffles of single numbers, at
// a third to a tenth of the speed. Every result has the bits of the plain loop: (a + bi) c is formed as a c, b c and
// one addition of each part, and sums run in the lanes of solve/reduce.hpp.
#pragma once

#include "kriss/config.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"

KRISS_NAMESPACE_BEGIN

// Real numbers that go through a register together; of complex ones real and imaginary parts in turn.
template <class R>
struct Strand {
#if defined(__AVX512F__)
    static constexpr int bytes = 64;
#elif defined(__AVX2__)
    static constexpr int bytes = 32;
#else
    static constexpr int bytes = 16;
#endif
    static constexpr int lanes = bytes / static_cast<int>(sizeof(R));
    typedef R type __attribute__((vector_size(bytes)));
    typedef R stored __attribute__((vector_size(bytes), aligned(sizeof(R)), may_alias));
    KRISS_ALWAYS_INLINE static type load(const void* p, index_t at) {
        return *reinterpret_cast<const stored*>(static_cast<const R*>(p) + at);
    }
    KRISS_ALWAYS_INLINE static void store(void* p, index_t at, type x) {
        *reinterpret_cast<stored*>(static_cast<R*>(p) + at) = x;
    }
    // (re, im, ...) -> (im, re, ...)
    KRISS_ALWAYS_INLINE static type swapped(type x) {
        if constexpr (lanes == 2) {
            return __builtin_shufflevector(x, x, 1, 0);
        } else if constexpr (lanes == 4) {
            return __builtin_shufflevector(x, x, 1, 0, 3, 2);
        } else if constexpr (lanes == 8) {
            return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
        } else {
            return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
        }
    }
    // (-1, 1, ...)
    KRISS_ALWAYS_INLINE static type signs() {
        type y{};
        for (int t = 0; t < lanes; ++t) {
            y[t] = t % 2 == 0 ? R(-1) : R(1);
        }
        return y;
    }
    // (a0, b0, a2, b2, ...) + (a1, b1, a3, b3, ...)
    KRISS_ALWAYS_INLINE static type pair_sums(type a, type b) {
        if constexpr (lanes == 2) {
            return __builtin_shufflevector(a, b, 0, 2) + __builtin_shufflevector(a, b, 1, 3);
        } else if constexpr (lanes == 4) {
            return __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
        } else {
            static_assert(lanes == 8, "of double");
            return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
                   __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
        }
    }
};

// lane[16 q + l] += Re conj(x) y_q, lane[16 q + 8 + l] += Im conj(x) y_q of items l mod 8, for `Count` vectors y_q: x
// is loaded and turned once for all.  x, y_q: m items; lane: (Count, 2 solve_lanes)
template <int Count>
KRISS_ALWAYS_INLINE void add_conj_strands(const Cplx<double>* x, const Cplx<double>* const* y, index_t m,
                                          double* lane) {
    using S = Strand<double>;
    constexpr int each = S::lanes / 2;
    constexpr int packs = solve_lanes / each;
    typename S::type s[Count][packs];
    double room[2 * solve_lanes];
    for (int q = 0; q < Count; ++q) {
        for (int l = 0; l < solve_lanes; ++l) {
            room[2 * l] = lane[2 * solve_lanes * q + l];
            room[2 * l + 1] = lane[2 * solve_lanes * q + solve_lanes + l];
        }
        for (int k = 0; k < packs; ++k) {
            s[q][k] = S::load(room, k * S::lanes);
        }
    }
    index_t i = 0;
    for (; i + solve_lanes <= m; i += solve_lanes) {
        for (int k = 0; k < packs; ++k) {
            const typename S::type a = S::load(x, 2 * (i + k * each));
            const typename S::type turned = S::swapped(a) * S::signs();
            for (int q = 0; q < Count; ++q) {
                const typename S::type b = S::load(y[q], 2 * (i + k * each));
                s[q][k] = s[q][k] + S::pair_sums(a * b, turned * b);
            }
        }
    }
    for (int q = 0; q < Count; ++q) {
        double* const of = lane + 2 * solve_lanes * q;
        for (int k = 0; k < packs; ++k) {
            S::store(room, k * S::lanes, s[q][k]);
        }
        for (int l = 0; l < solve_lanes; ++l) {
            of[l] = room[2 * l];
            of[solve_lanes + l] = room[2 * l + 1];
        }
        for (int l = 0; i + l < m; ++l) {
            const Cplx<double> a = x[i + l];
            const Cplx<double> b = y[q][i + l];
            of[l] += a.re * b.re + a.im * b.im;
            of[solve_lanes + l] += a.re * b.im - a.im * b.re;
        }
    }
}

// y += sum of c_j v_j, the terms in order, over the first items of m; returns how many, the caller does the rest.
template <class R, int Count>
KRISS_ALWAYS_INLINE index_t add_strands(const Cplx<R>* const* v, const Cplx<R>* c, index_t m, Cplx<R>* y) {
    using S = Strand<R>;
    constexpr index_t step = S::lanes / 2;
    index_t i = 0;
    for (; i + step <= m; i += step) {
        typename S::type s = S::load(y, 2 * i);
        for (int j = 0; j < Count; ++j) {
            const typename S::type x = S::load(v[j], 2 * i);
            s = s + (c[j].re * x + (c[j].im * S::signs()) * S::swapped(x));
        }
        S::store(y, 2 * i, s);
    }
    return i;
}

// The same for two vectors at once, with a minus: u -= sum of a_j v_j, w -= sum of c_j v_j.
template <class R, int Count>
KRISS_ALWAYS_INLINE index_t subtract_strands(const Cplx<R>* const* v, const Cplx<R>* a, const Cplx<R>* c, index_t m,
                                             Cplx<R>* u, Cplx<R>* w) {
    using S = Strand<R>;
    constexpr index_t step = S::lanes / 2;
    index_t i = 0;
    for (; i + step <= m; i += step) {
        typename S::type s = S::load(u, 2 * i);
        typename S::type t = S::load(w, 2 * i);
        for (int j = 0; j < Count; ++j) {
            const typename S::type x = S::load(v[j], 2 * i);
            const typename S::type y = S::swapped(x) * S::signs();
            s = s - (a[j].re * x + a[j].im * y);
            t = t - (c[j].re * x + c[j].im * y);
        }
        S::store(u, 2 * i, s);
        S::store(w, 2 * i, t);
    }
    return i;
}

KRISS_NAMESPACE_END
