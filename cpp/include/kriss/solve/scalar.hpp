// A complex number whose product is the textbook's four multiplications: std::complex sends every product through a
// library call that repairs infinities, which costs five times as much and stops vector code.
#pragma once

#include "kriss/config.hpp"

namespace kriss {

template <class R>
struct Cplx {
    R re = 0;
    R im = 0;
};

// double for real T, Cplx<double> for complex T; Real is the type of a norm in working precision.
template <class T>
struct ScalarTraits {
    using Wide = double;
    using Real = T;
    static constexpr bool is_complex = false;
};
template <class R>
struct ScalarTraits<Cplx<R>> {
    using Wide = Cplx<double>;
    using Real = R;
    static constexpr bool is_complex = true;
};
template <class T>
using Wide = typename ScalarTraits<T>::Wide;

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<R> operator+(Cplx<R> a, Cplx<R> b) {
    return {a.re + b.re, a.im + b.im};
}
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<R> operator-(Cplx<R> a, Cplx<R> b) {
    return {a.re - b.re, a.im - b.im};
}
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<R> operator-(Cplx<R> a) {
    return {-a.re, -a.im};
}
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<R> operator*(Cplx<R> a, Cplx<R> b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<R> operator*(R a, Cplx<R> b) {
    return {a * b.re, a * b.im};
}
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<R>& operator+=(Cplx<R>& a, Cplx<R> b) {
    a.re += b.re;
    a.im += b.im;
    return a;
}

KRISS_HD KRISS_ALWAYS_INLINE double conj_of(double a) { return a; }
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<R> conj_of(Cplx<R> a) {
    return {a.re, -a.im};
}
KRISS_HD KRISS_ALWAYS_INLINE double real_of(double a) { return a; }
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE double real_of(Cplx<R> a) {
    return static_cast<double>(a.re);
}
KRISS_HD KRISS_ALWAYS_INLINE double square_of(double a) { return a * a; }
KRISS_HD KRISS_ALWAYS_INLINE double square_of(Cplx<double> a) { return a.re * a.re + a.im * a.im; }
// a / b; for complex numbers by Smith's scaling, so that squares neither over- nor underflow
KRISS_HD KRISS_ALWAYS_INLINE double quotient(double a, double b) { return a / b; }
KRISS_HD KRISS_ALWAYS_INLINE Cplx<double> quotient(Cplx<double> a, Cplx<double> b) {
    const double u = b.re < 0 ? -b.re : b.re;
    const double v = b.im < 0 ? -b.im : b.im;
    if (u >= v) {
        const double t = b.im / b.re;
        const double d = b.re + b.im * t;
        return {(a.re + a.im * t) / d, (a.im - a.re * t) / d};
    }
    const double t = b.re / b.im;
    const double d = b.re * t + b.im;
    return {(a.re * t + a.im) / d, (a.im * t - a.re) / d};
}

// Between the working type and the type that sums are kept in.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T narrow(double a) {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {static_cast<typename ScalarTraits<T>::Real>(a), 0};
    } else {
        return static_cast<T>(a);
    }
}
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T narrow(Cplx<double> a) {
    using R = typename ScalarTraits<T>::Real;
    return {static_cast<R>(a.re), static_cast<R>(a.im)};
}
KRISS_HD KRISS_ALWAYS_INLINE double widen(double a) { return a; }
KRISS_HD KRISS_ALWAYS_INLINE double widen(float a) { return static_cast<double>(a); }
template <class R>
KRISS_HD KRISS_ALWAYS_INLINE Cplx<double> widen(Cplx<R> a) {
    return {static_cast<double>(a.re), static_cast<double>(a.im)};
}

KRISS_NAMESPACE_END
