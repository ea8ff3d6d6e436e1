// Elementary functions against the C library's long double, in both precisions: dense samples, special values, signs.
#include "check.hpp"

#include <cstdint>
#include <limits>
#include <vector>

#include "kriss/math.hpp"
#include "kriss/philox.hpp"

using namespace kriss;

namespace {

template <class T>
constexpr T inf = std::numeric_limits<T>::infinity();
template <class T>
const T nan = std::numeric_limits<T>::quiet_NaN();
template <class T>
constexpr T tiny = std::numeric_limits<T>::denorm_min();

constexpr bool wide_reference = std::numeric_limits<long double>::digits >= 64;

template <class T>
double ulps(T found, long double exact) {
    int e = 0;
    std::frexp(exact, &e);
    const int least = std::numeric_limits<T>::min_exponent;
    const long double unit = std::ldexp(1.0L, (e < least ? least : e) - std::numeric_limits<T>::digits);
    return static_cast<double>(std::fabs((static_cast<long double>(found) - exact) / unit));
}

// The largest error of f over n samples of [low, high]; with `binades` the sample is 2^u.
template <class T, class F, class R>
double worst(F f, R reference, double low, double high, bool binades = false) {
    double most = 0.0;
    for (std::uint64_t i = 0; i < 60000; ++i) {
        const PhiloxBlock b = philox4x32(2026, static_cast<std::uint64_t>(sizeof(T)), i);
        const double u = low + (high - low) * uniform53(b.v[0], b.v[1]);
        const T x = static_cast<T>(binades ? std::exp2(u) : u);
        const double e = ulps(f(x), reference(static_cast<long double>(x)));
        most = !(e <= most) ? e : most;
    }
    return most;
}

bool same(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

template <class T>
void bounds() {
    const bool d = sizeof(T) == 8;
    // Without a wider reference (long double = double) only gross errors can be seen.
    const double slack = wide_reference ? 0.001 : 1.0;
    const double rounded = 0.51 + slack;
    const auto e = [](T x) { return math::exp(x); };
    const auto re = [](long double x) { return std::exp(x); };
    KRISS_CHECK((worst<T>(e, re, -0.4, 0.4) <= 0.7 + slack));
    KRISS_CHECK((worst<T>(e, re, d ? -708.0 : -87.0, d ? 709.7 : 88.7) <= 0.7 + slack));
    KRISS_CHECK((worst<T>(e, re, d ? -745.0 : -103.9, d ? -708.4 : -87.4) <= 0.8 + slack));
    const auto m = [](T x) { return math::expm1(x); };
    const auto rm = [](long double x) { return std::expm1(x); };
    KRISS_CHECK((worst<T>(m, rm, -0.4, 0.4) <= (d ? 1.0 + slack : rounded)));
    KRISS_CHECK((worst<T>(m, rm, -45.0, 45.0) <= (d ? 1.0 + slack : rounded)));
    const auto l = [](T x) { return math::log(x); };
    const auto rl = [](long double x) { return std::log(x); };
    KRISS_CHECK((worst<T>(l, rl, 0.7, 1.42) <= 0.75 + slack));
    KRISS_CHECK((worst<T>(l, rl, d ? -1074.0 : -149.0, d ? 1023.9 : 127.9, true) <= 0.75 + slack));
    const auto p = [](T x) { return math::log1p(x); };
    const auto rp = [](long double x) { return std::log1p(x); };
    KRISS_CHECK((worst<T>(p, rp, -0.999, 0.5) <= (d ? 0.75 + slack : rounded)));
    KRISS_CHECK((worst<T>(p, rp, -100.0, 100.0, true) <= (d ? 0.75 + slack : rounded)));
    const auto c = [](T x) { return math::erfc(x); };
    const auto rc = [](long double x) { return std::erfc(x); };
    KRISS_CHECK((worst<T>(c, rc, -6.0, 2.0) <= (d ? 1.3 + slack : rounded)));
    KRISS_CHECK((worst<T>(c, rc, 0.6, 0.9) <= (d ? 1.3 + slack : rounded)));
    KRISS_CHECK((worst<T>(c, rc, 2.0, d ? 26.5 : 9.1) <= (d ? 1.3 + slack : rounded)));
    const auto s = [](T x) { return math::sin(x); };
    const auto rs = [](long double x) { return std::sin(x); };
    const auto o = [](T x) { return math::cos(x); };
    const auto ro = [](long double x) { return std::cos(x); };
    for (double limit : {0.8, 100.0, 1.6e6, 1e12}) {
        KRISS_CHECK((worst<T>(s, rs, -limit, limit) <= (d ? 0.8 + slack : rounded)));
        KRISS_CHECK((worst<T>(o, ro, -limit, limit) <= (d ? 0.8 + slack : rounded)));
    }
    KRISS_CHECK((worst<T>(s, rs, 21.0, d ? 1023.0 : 127.0, true) <= (d ? 0.8 + slack : rounded)));
    KRISS_CHECK((worst<T>(o, ro, 21.0, d ? 1023.0 : 127.0, true) <= (d ? 0.8 + slack : rounded)));
}

template <class T>
void special_values() {
    const T zero = 0;
    KRISS_CHECK(math::exp(zero) == T(1) && math::exp(-zero) == T(1));
    KRISS_CHECK(math::exp(inf<T>) == inf<T> && same(math::exp(-inf<T>), 0.0));
    KRISS_CHECK(same(math::expm1(zero), zero) && same(math::expm1(-zero), -zero));
    KRISS_CHECK(math::expm1(inf<T>) == inf<T> && math::expm1(-inf<T>) == T(-1));
    KRISS_CHECK(math::log(zero) == -inf<T> && math::log(-zero) == -inf<T> && math::log(inf<T>) == inf<T>);
    KRISS_CHECK(same(math::log(T(1)), 0.0) && std::isnan(math::log(T(-1))) && std::isnan(math::log(-inf<T>)));
    KRISS_CHECK(same(math::log1p(zero), zero) && same(math::log1p(-zero), -zero));
    KRISS_CHECK(math::log1p(T(-1)) == -inf<T> && math::log1p(inf<T>) == inf<T> && std::isnan(math::log1p(T(-2))));
    KRISS_CHECK(math::erfc(zero) == T(1) && same(math::erfc(inf<T>), 0.0) && math::erfc(-inf<T>) == T(2));
    KRISS_CHECK(same(math::sin(zero), zero) && same(math::sin(-zero), -zero) && math::cos(zero) == T(1));
    KRISS_CHECK(std::isnan(math::sin(inf<T>)) && std::isnan(math::cos(-inf<T>)));
    for (T x : {tiny<T>, -tiny<T>, std::numeric_limits<T>::min()}) {
        KRISS_CHECK(math::sin(x) == x && math::expm1(x) == x && math::log1p(x) == x);
        KRISS_CHECK(math::exp(x) == T(1) && math::cos(x) == T(1) && math::erfc(x) == T(1));
    }
    KRISS_CHECK(std::isnan(math::exp(nan<T>)) && std::isnan(math::expm1(nan<T>)) && std::isnan(math::log(nan<T>)));
    KRISS_CHECK(std::isnan(math::log1p(nan<T>)) && std::isnan(math::erfc(nan<T>)) && std::isnan(math::sin(nan<T>)));
    KRISS_CHECK(std::isnan(math::cos(nan<T>)));
    const T most = std::numeric_limits<T>::max();
    KRISS_CHECK(math::exp(most) == inf<T> && math::exp(-most) == zero && math::expm1(-most) == T(-1));
    KRISS_CHECK(math::erfc(most) == zero && math::erfc(-most) == T(2));
    KRISS_CHECK(std::fabs(math::sin(most)) <= T(1) && std::fabs(math::cos(-most)) <= T(1));
}

}  // namespace

KRISS_CASE("errors within the stated bounds, double") { bounds<double>(); }
KRISS_CASE("errors within the stated bounds, float") { bounds<float>(); }
KRISS_CASE("special values, double") { special_values<double>(); }
KRISS_CASE("special values, float") { special_values<float>(); }

KRISS_CASE("the double nearest to a multiple of pi/2 keeps its digits") {
    const double x = std::ldexp(6381956970095103.0, 797);
    KRISS_NEAR(math::cos(x), -4.6871659242546277e-19, 1e-34);
    KRISS_CHECK(math::sin(x) == 1.0);
}

KRISS_CASE("both reductions agree where they meet") {
    double x = math::trig_limit;
    for (int i = 0; i < 1000; ++i) {
        const auto a = math::detail::sincos_of(math::detail::reduce_bounded(x));
        const auto b = math::detail::sincos_of(math::detail::reduce_huge(x));
        KRISS_NEAR(a.sin, b.sin, 2.3e-16);
        KRISS_NEAR(a.cos, b.cos, 2.3e-16);
        x = std::nextafter(x, 0.0);
    }
}

KRISS_CASE("sincos returns the bits of sin and cos, and the bounded form those of the full one") {
    for (double x = -1.6e6; x < 1.6e6; x += 1234.567) {
        const auto y = math::sincos(x);
        const auto z = math::sincos_bounded(x);
        KRISS_CHECK(same(y.sin, math::sin(x)) && same(y.cos, math::cos(x)));
        KRISS_CHECK(same(y.sin, z.sin) && same(y.cos, z.cos));
    }
}

// The example of docs/math.rst.
// [example]
namespace {

// Softplus, log(1 + exp(x)), of a whole array. Compiled with -O3 -fno-trapping-math this loop is vector code.
void softplus(index_t n, const double* x, double* y) {
    for (index_t i = 0; i < n; ++i) {
        const double a = x[i] > 0.0 ? x[i] : -x[i];
        y[i] = (x[i] > 0.0 ? x[i] : 0.0) + math::log1p(math::exp(-a));
    }
}

}  // namespace
// [end]

KRISS_CASE("the example of the documentation") {
    const double x[5] = {-800.0, -1.0, 0.0, 1.0, 800.0};
    double y[5];
    softplus(5, x, y);
    KRISS_CHECK(y[0] == 0.0 && y[4] == 800.0);
    for (int i = 1; i < 4; ++i) {
        KRISS_NEAR(y[i], std::log(1.0 + std::exp(x[i])), 4e-16);
    }
}
