// Vector passes with the registers spelt out. What the compiler makes of the plain loops over complex numbers is
// shuffles of single numbers, at a third to a tenth of the speed, or products fused with sums, which -ffp-contract=off
// does not stop and whose bits differ between instruction-set levels.
//
// A sum of complex products is kept as two sums of real ones: conj(a) b as (re a re b, im a im b) and (re a im b,
// im a re b), c v as re c (re v, im v) and im c (re v, im v). Turning and signs come once, after the sum, instead of
// with every product; what is left is a multiplication and an addition for each register of each.
#pragma once

#include "kriss/config.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"

KRISS_NAMESPACE_BEGIN

#if defined(__AVX512F__)
inline constexpr int strand_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int strand_bytes = 32;
#else
inline constexpr int strand_bytes = 16;
#endif

// Real numbers that go through a register together; of complex ones real and imaginary parts in turn.
template <class R, int Bytes = strand_bytes>
struct Strand {
    static constexpr int bytes = Bytes;
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
    // (re, im, ...) -> (re, re, ...)
    KRISS_ALWAYS_INLINE static type reals(type x) {
        if constexpr (lanes == 2) {
            return __builtin_shufflevector(x, x, 0, 0);
        } else if constexpr (lanes == 4) {
            return __builtin_shufflevector(x, x, 0, 0, 2, 2);
        } else if constexpr (lanes == 8) {
            return __builtin_shufflevector(x, x, 0, 0, 2, 2, 4, 4, 6, 6);
        } else {
            return __builtin_shufflevector(x, x, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14);
        }
    }
    // (re, im, ...) -> (im, im, ...)
    KRISS_ALWAYS_INLINE static type imaginaries(type x) {
        if constexpr (lanes == 2) {
            return __builtin_shufflevector(x, x, 1, 1);
        } else if constexpr (lanes == 4) {
            return __builtin_shufflevector(x, x, 1, 1, 3, 3);
        } else if constexpr (lanes == 8) {
            return __builtin_shufflevector(x, x, 1, 1, 3, 3, 5, 5, 7, 7);
        } else {
            return __builtin_shufflevector(x, x, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15);
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
    // Complex numbers from the sums of re c (re v, im v) and im c (re v, im v).
    KRISS_ALWAYS_INLINE static type joined(type by_real, type by_imaginary) {
        return by_real + signs() * swapped(by_imaginary);
    }
    // The complex products a x, with the bits of the plain ones.
    KRISS_ALWAYS_INLINE static type times(type a, type x) {
        return reals(a) * x + (imaginaries(a) * signs()) * swapped(x);
    }
};

// One number of T: what the ends of a vector go through, and the products of sparse matrices.
template <class T>
struct OneStrand {
    using type = Strand<T, static_cast<int>(sizeof(T))>;
};
template <class R>
struct OneStrand<Cplx<R>> {
    using type = Strand<R, 2 * static_cast<int>(sizeof(R))>;
};
template <class T>
using RealOf = typename ScalarTraits<T>::Real;

// s + a x with the bits of the plain expression.
KRISS_ALWAYS_INLINE double plus_product(double s, double a, double x) { return s + a * x; }
KRISS_ALWAYS_INLINE float plus_product(float s, float a, float x) { return s + a * x; }
template <class R>
KRISS_ALWAYS_INLINE Cplx<R> plus_product(Cplx<R> s, Cplx<R> a, Cplx<R> x) {
    using S = typename OneStrand<Cplx<R>>::type;
    S::store(&s, 0, S::load(&s, 0) + S::times(S::load(&a, 0), S::load(&x, 0)));
    return s;
}

// Whether `count` vectors of n items outgrow a second-level cache, so that what comes next is worth asking for.
template <class T>
KRISS_ALWAYS_INLINE bool outgrow(index_t n, index_t count) {
    return n * count * static_cast<index_t>(sizeof(T)) > 1 << 20;
}

// x: list[first..first + Count) from item `at` on; beyond the end of the list, its last vector.  list: (count > 0)
template <int Count, class T>
KRISS_ALWAYS_INLINE void take_vectors(const T* const* list, int first, int count, index_t at, const T** x) {
    for (int p = 0; p < Count; ++p) {
        x[p] = list[first + p < count ? first + p : count - 1] + at;
    }
}

// Asks for real number i of each of the vectors that are read next; null: nothing. A block of a vector is a page, at
// whose end the processor's own prefetching stops: without this, every block of every vector begins with a wait.
template <int Count, class T>
KRISS_ALWAYS_INLINE void ask_for(const T* const* next, index_t i) {
    if (next != nullptr) {
        for (int p = 0; p < Count; ++p) {
            __builtin_prefetch(reinterpret_cast<const RealOf<T>*>(next[p]) + i);
        }
    }
}

// Vectors whose products with one more, or with two, fill the registers.
inline constexpr int reals_abreast = strand_bytes / 8;
inline constexpr int reals_abreast_twice = strand_bytes == 64 ? 4 : strand_bytes == 32 ? 2 : 1;
inline constexpr int complex_abreast = strand_bytes == 64 ? 4 : strand_bytes == 32 ? 2 : 1;

// Of items l mod 8, lane[8 (p Ys + q) + l] += x_p y_q, for Xs vectors x_p and Ys vectors y_q; next: Xs more x.
// x_p, y_q: m items; lane: (Xs, Ys, solve_lanes)
template <int Xs, int Ys>
KRISS_ALWAYS_INLINE void add_product_strands(const double* const* x, const double* const* y, index_t m, double* lane,
                                             const double* const* next) {
    using S = Strand<double>;
    constexpr int packs = solve_lanes / S::lanes;
    typename S::type s[Xs * Ys][packs];
    for (int p = 0; p < Xs * Ys; ++p) {
        for (int k = 0; k < packs; ++k) {
            s[p][k] = S::load(lane, p * solve_lanes + k * S::lanes);
        }
    }
    index_t i = 0;
    for (; i + solve_lanes <= m; i += solve_lanes) {
        ask_for<Xs>(next, i);
        for (int k = 0; k < packs; ++k) {
            typename S::type b[Ys];
            for (int q = 0; q < Ys; ++q) {
                b[q] = S::load(y[q], i + k * S::lanes);
            }
            for (int p = 0; p < Xs; ++p) {
                const typename S::type a = S::load(x[p], i + k * S::lanes);
                for (int q = 0; q < Ys; ++q) {
                    s[p * Ys + q][k] = s[p * Ys + q][k] + a * b[q];
                }
            }
        }
    }
    for (int p = 0; p < Xs * Ys; ++p) {
        for (int k = 0; k < packs; ++k) {
            S::store(lane, p * solve_lanes + k * S::lanes, s[p][k]);
        }
        for (int l = 0; i + l < m; ++l) {
            lane[p * solve_lanes + l] += x[p / Ys][i + l] * y[p % Ys][i + l];
        }
    }
}

// The same for complex numbers, conj(x_p) y_q: of items l mod 4, lane[2 l] and lane[2 l + 1] += re re and im im,
// lane[8 + 2 l] and lane[9 + 2 l] += re x im y and im x re y. One of the two counts is 1.
// lane: (Xs, Ys, 2 solve_lanes)
template <int Xs, int Ys>
KRISS_ALWAYS_INLINE void add_conj_strands(const Cplx<double>* const* x, const Cplx<double>* const* y, index_t m,
                                          double* lane, const Cplx<double>* const* next) {
    static_assert(Xs == 1 || Ys == 1, "that one is turned, once for all");
    using S = Strand<double>;
    constexpr int packs = solve_lanes / S::lanes;
    constexpr int pairs = Xs * Ys;
    typename S::type s[pairs][packs];
    typename S::type t[pairs][packs];
    for (int p = 0; p < pairs; ++p) {
        for (int k = 0; k < packs; ++k) {
            s[p][k] = S::load(lane, 2 * p * solve_lanes + k * S::lanes);
            t[p][k] = S::load(lane, (2 * p + 1) * solve_lanes + k * S::lanes);
            t[p][k] = Ys == 1 ? t[p][k] : S::swapped(t[p][k]);
        }
    }
    index_t i = 0;
    for (; i + solve_lanes / 2 <= m; i += solve_lanes / 2) {
        ask_for<Xs>(next, 2 * i);
        for (int k = 0; k < packs; ++k) {
            const index_t at = 2 * i + k * S::lanes;
            if constexpr (Ys == 1) {
                const typename S::type b = S::load(y[0], at);
                const typename S::type turned = S::swapped(b);
                for (int p = 0; p < Xs; ++p) {
                    const typename S::type a = S::load(x[p], at);
                    s[p][k] = s[p][k] + a * b;
                    t[p][k] = t[p][k] + a * turned;
                }
            } else {
                const typename S::type a = S::load(x[0], at);
                const typename S::type turned = S::swapped(a);
                for (int q = 0; q < Ys; ++q) {
                    const typename S::type b = S::load(y[q], at);
                    s[q][k] = s[q][k] + a * b;
                    t[q][k] = t[q][k] + turned * b;
                }
            }
        }
    }
    for (int p = 0; p < pairs; ++p) {
        double* const of = lane + 2 * solve_lanes * p;
        for (int k = 0; k < packs; ++k) {
            S::store(of, k * S::lanes, s[p][k]);
            S::store(of, solve_lanes + k * S::lanes, Ys == 1 ? t[p][k] : S::swapped(t[p][k]));
        }
        for (int l = 0; i + l < m; ++l) {
            const Cplx<double> a = x[p / Ys][i + l];
            const Cplx<double> b = y[p % Ys][i + l];
            of[2 * l] += a.re * b.re;
            of[2 * l + 1] += a.im * b.im;
            of[solve_lanes + 2 * l] += a.re * b.im;
            of[solve_lanes + 2 * l + 1] += a.im * b.re;
        }
    }
}

// s + sum of c_j v_j from real number `at` on, the terms in order.
template <class S, class T, int Count>
KRISS_ALWAYS_INLINE typename S::type with_terms(typename S::type s, const T* const* v, const T* c, index_t at) {
    if constexpr (ScalarTraits<T>::is_complex) {
        typename S::type x = S::load(v[0], at);
        typename S::type p = c[0].re * x;
        typename S::type q = c[0].im * x;
        for (int j = 1; j < Count; ++j) {
            x = S::load(v[j], at);
            p = p + c[j].re * x;
            q = q + c[j].im * x;
        }
        return s + S::joined(p, q);
    } else {
        for (int j = 0; j < Count; ++j) {
            s = s + c[j] * S::load(v[j], at);
        }
        return s;
    }
}

template <class S, class T, int Count>
KRISS_ALWAYS_INLINE index_t add_terms_by(const T* const* v, const T* c, index_t i, index_t m, T* y,
                                         const T* const* next) {
    for (; i + S::lanes <= m; i += S::lanes) {
        ask_for<Count>(next, i);
        S::store(y, i, with_terms<S, T, Count>(S::load(y, i), v, c, i));
    }
    return i;
}

// y += sum of c_j v_j over m items; next: as many more v
template <class T, int Count>
KRISS_ALWAYS_INLINE void add_terms(const T* const* v, const T* c, index_t m, T* y, const T* const* next) {
    const index_t all = ScalarTraits<T>::is_complex ? 2 * m : m;
    const index_t i = add_terms_by<Strand<RealOf<T>>, T, Count>(v, c, 0, all, y, next);
    add_terms_by<typename OneStrand<T>::type, T, Count>(v, c, i, all, y, next);
}

template <class S, class T, int Count>
KRISS_ALWAYS_INLINE index_t add_terms_to_both_by(const T* const* v, const T* a, const T* c, index_t i, index_t m, T* u,
                                                 T* w, const T* const* next) {
    for (; i + S::lanes <= m; i += S::lanes) {
        ask_for<Count>(next, i);
        const typename S::type s = with_terms<S, T, Count>(S::load(u, i), v, a, i);
        const typename S::type t = with_terms<S, T, Count>(S::load(w, i), v, c, i);
        S::store(u, i, s);
        S::store(w, i, t);
    }
    return i;
}

// u += sum of a_j v_j, w += sum of c_j v_j over m items, v read once; next: as many more v
template <class T, int Count>
KRISS_ALWAYS_INLINE void add_terms_to_both(const T* const* v, const T* a, const T* c, index_t m, T* u, T* w,
                                           const T* const* next) {
    const index_t all = ScalarTraits<T>::is_complex ? 2 * m : m;
    const index_t i = add_terms_to_both_by<Strand<RealOf<T>>, T, Count>(v, a, c, 0, all, u, w, next);
    add_terms_to_both_by<typename OneStrand<T>::type, T, Count>(v, a, c, i, all, u, w, next);
}

template <class S, class T>
KRISS_ALWAYS_INLINE index_t scale_by(T a, index_t i, index_t m, T* y) {
    for (; i + S::lanes <= m; i += S::lanes) {
        const typename S::type x = S::load(y, i);
        if constexpr (ScalarTraits<T>::is_complex) {
            S::store(y, i, S::joined(a.re * x, a.im * x));
        } else {
            S::store(y, i, a * x);
        }
    }
    return i;
}

// y = a y over m items
template <class T>
KRISS_ALWAYS_INLINE void scale_strands(T a, index_t m, T* y) {
    const index_t all = ScalarTraits<T>::is_complex ? 2 * m : m;
    const index_t i = scale_by<Strand<RealOf<T>>, T>(a, 0, all, y);
    scale_by<typename OneStrand<T>::type, T>(a, i, all, y);
}

template <class S, class T>
KRISS_ALWAYS_INLINE index_t finish_by(RealOf<T> scale_u, RealOf<T> scale_w, T cross, index_t i, index_t m, T* u, T* w) {
    for (; i + S::lanes <= m; i += S::lanes) {
        const typename S::type s = scale_u * S::load(u, i);
        S::store(u, i, s);
        if constexpr (ScalarTraits<T>::is_complex) {
            S::store(w, i, scale_w * (S::load(w, i) - S::joined(cross.re * s, cross.im * s)));
        } else {
            S::store(w, i, scale_w * (S::load(w, i) - cross * s));
        }
    }
    return i;
}

// u = scale_u u, then w = scale_w (w - cross u), over m items
template <class T>
KRISS_ALWAYS_INLINE void finish_strands(RealOf<T> scale_u, RealOf<T> scale_w, T cross, index_t m, T* u, T* w) {
    const index_t all = ScalarTraits<T>::is_complex ? 2 * m : m;
    const index_t i = finish_by<Strand<RealOf<T>>, T>(scale_u, scale_w, cross, 0, all, u, w);
    finish_by<typename OneStrand<T>::type, T>(scale_u, scale_w, cross, i, all, u, w);
}

template <class S, class T>
KRISS_ALWAYS_INLINE index_t multiply_by(const T* d, const T* r, index_t i, index_t m, T* z) {
    for (; i + S::lanes <= m; i += S::lanes) {
        if constexpr (ScalarTraits<T>::is_complex) {
            S::store(z, i, S::times(S::load(d, i), S::load(r, i)));
        } else {
            S::store(z, i, S::load(d, i) * S::load(r, i));
        }
    }
    return i;
}

// z = d r, item by item
template <class T>
KRISS_ALWAYS_INLINE void multiply_strands(const T* d, const T* r, index_t m, T* z) {
    const index_t all = ScalarTraits<T>::is_complex ? 2 * m : m;
    const index_t i = multiply_by<Strand<RealOf<T>>, T>(d, r, 0, all, z);
    multiply_by<typename OneStrand<T>::type, T>(d, r, i, all, z);
}

KRISS_NAMESPACE_END
