#include "special_kernels.hpp"

#include "kriss/special/bessel_map.hpp"
#include "kriss/special/bessel_slopes.hpp"
#include "kriss/special/matern.hpp"

KRISS_NAMESPACE_BEGIN

namespace {

using special::Form;
using special::Strided;

template <class T, int Kind, bool Scaled, Form F>
void bessel(index_t n, char* const* at, const index_t* step, const Executor& ex) {
    const Strided<const T> v{at[0], step[0]};
    const Strided<const T> x{at[1], step[1]};
    const Strided<T> out{at[2], step[2]};
    ex.parallel_for(n, special::map_grain, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; i += special::map_block) {
            const index_t m = end - i < special::map_block ? end - i : special::map_block;
            special::bessel_block<T, Kind, Scaled, F>(v, x, out, i, m);
        }
    });
}

inline constexpr index_t slope_grain = 512;

template <class T, int Kind, bool Ratio>
void bessel_slopes(index_t n, char* const* at, const index_t* step, const Executor& ex) {
    const Strided<const T> v{at[0], step[0]};
    const Strided<const T> x{at[1], step[1]};
    const Strided<T> first{at[2], step[2]};
    const Strided<T> second{at[Ratio ? 2 : 3], step[Ratio ? 2 : 3]};
    ex.parallel_for(n, slope_grain, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const special::Slopes y =
                special::slopes_anywhere<Kind>(static_cast<double>(v[i]), static_cast<double>(x[i]));
            if constexpr (Ratio) {
                first[i] = static_cast<T>(y.ratio);
            } else {
                first[i] = static_cast<T>(y.order);
                second[i] = static_cast<T>(y.argument);
            }
        }
    });
}

template <class T, bool Slope>
void matern(index_t n, char* const* at, const index_t* step, const Executor& ex) {
    const Strided<const T> r{at[0], step[0]};
    const Strided<const T> nu{at[1], step[1]};
    const Strided<const T> l{at[2], step[2]};
    const Strided<T> value{at[3], step[3]};
    ex.parallel_for(n, slope_grain, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const special::MaternPoint y = special::matern_point(static_cast<double>(r[i]), static_cast<double>(nu[i]),
                                                                 static_cast<double>(l[i]), Slope);
            value[i] = static_cast<T>(y.value);
            if constexpr (Slope) {
                Strided<T>{at[4], step[4]}[i] = static_cast<T>(y.by_r);
                Strided<T>{at[5], step[5]}[i] = static_cast<T>(y.by_lengthscale);
                Strided<T>{at[6], step[6]}[i] = static_cast<T>(y.by_nu);
            }
        }
    });
}

template <class T>
constexpr SpecialLoops loops = {
    &bessel<T, 1, false, Form::logarithm>,
    &bessel<T, 1, true, Form::logarithm>,
    &bessel<T, -1, false, Form::logarithm>,
    &bessel<T, -1, true, Form::logarithm>,
    &bessel<T, 1, false, Form::value>,
    &bessel<T, 1, true, Form::value>,
    &bessel<T, -1, false, Form::value>,
    &bessel<T, -1, true, Form::value>,
    &bessel_slopes<T, 1, true>,
    &bessel_slopes<T, -1, true>,
    &bessel_slopes<T, 1, false>,
    &bessel_slopes<T, -1, false>,
    &matern<T, false>,
    &matern<T, true>,
};

}  // namespace

KRISS_NAMESPACE_END

namespace kriss::tables::KRISS_ISA {

const SpecialKernels special_kernels = {loops<float>, loops<double>};

}  // namespace kriss::tables::KRISS_ISA
