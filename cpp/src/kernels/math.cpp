#include "math_kernels.hpp"

#include "kriss/math.hpp"
#include "kriss/vector.hpp"

KRISS_NAMESPACE_BEGIN

namespace {

constexpr index_t grain = 8192;

// Reads and writes 16 n bytes (float: 8 n). ivdep: out is x or does not overlap it.
template <class F, class T>
void map(index_t n, const T* x, T* out, const Executor& ex) {
    ex.parallel_for(n, grain, [=](index_t begin, index_t end) {
#pragma GCC ivdep
        for (index_t i = begin; i < end; ++i) {
            out[i] = F::at(x[i]);
        }
    });
}

#define KRISS_FUNCTOR(Name, call)                                                                                      \
    struct Name {                                                                                                      \
        template <class T>                                                                                             \
        KRISS_ALWAYS_INLINE static T at(T x) {                                                                         \
            return call;                                                                                               \
        }                                                                                                              \
    };
KRISS_FUNCTOR(Exp, math::exp(x))
KRISS_FUNCTOR(Expm1, math::expm1(x))
KRISS_FUNCTOR(Log, math::log(x))
KRISS_FUNCTOR(Log1p, math::log1p(x))
KRISS_FUNCTOR(Erfc, math::erfc(x))
#undef KRISS_FUNCTOR

// Either output may be null. Blocks go through the bounded form; the few arguments beyond its limit are then done
// again, one by one, from the kept copy of the block (an output may be x).
template <class T, bool WantSin, bool WantCos>
void sincos_blocks(const T* x, T* sine, T* cosine, index_t begin, index_t end) {
    using U = decltype(math::detail::bits(T(0)));
    constexpr index_t block = 256;
    constexpr U magnitude_bits = static_cast<U>(~U{0}) >> 1;
    const U limit = math::detail::bits(static_cast<T>(math::trig_limit));
    T kept[block];
    for (index_t b = begin; b < end; b += block) {
        const index_t m = end - b < block ? end - b : block;
        // The bits of |x| order as |x| does; NaN and infinity count as beyond the limit.
        U beyond = 0;
        for (index_t i = 0; i < m; ++i) {
            kept[i] = x[b + i];
            beyond |= limit - (math::detail::bits(kept[i]) & magnitude_bits);
        }
        for (index_t i = 0; i < m; ++i) {
            const auto y = math::sincos_bounded(kept[i]);
            if constexpr (WantSin) {
                sine[b + i] = y.sin;
            }
            if constexpr (WantCos) {
                cosine[b + i] = y.cos;
            }
        }
        if ((beyond & ~magnitude_bits) != 0) {
            for (index_t i = 0; i < m; ++i) {
                if ((math::detail::bits(kept[i]) & magnitude_bits) > limit) {
                    const auto y = math::sincos(kept[i]);
                    if constexpr (WantSin) {
                        sine[b + i] = y.sin;
                    }
                    if constexpr (WantCos) {
                        cosine[b + i] = y.cos;
                    }
                }
            }
        }
    }
}

template <class T>
void sin_all(index_t n, const T* x, T* out, const Executor& ex) {
    ex.parallel_for(n, grain,
                    [=](index_t begin, index_t end) { sincos_blocks<T, true, false>(x, out, nullptr, begin, end); });
}

template <class T>
void cos_all(index_t n, const T* x, T* out, const Executor& ex) {
    ex.parallel_for(n, grain,
                    [=](index_t begin, index_t end) { sincos_blocks<T, false, true>(x, nullptr, out, begin, end); });
}

template <class T>
void sincos_all(index_t n, const T* x, T* sine, T* cosine, const Executor& ex) {
    ex.parallel_for(n, grain,
                    [=](index_t begin, index_t end) { sincos_blocks<T, true, true>(x, sine, cosine, begin, end); });
}

template <class T>
constexpr ElementaryKernels<T> elementary_kernels = {
    &map<Exp, T>, &map<Expm1, T>, &map<Log, T>, &map<Log1p, T>, &map<Erfc, T>, &sin_all<T>, &cos_all<T>, &sincos_all<T>,
};

}  // namespace

KRISS_NAMESPACE_END

namespace kriss::tables::KRISS_ISA {

const MathKernels math_kernels = {
    &triad<double>,
    &multiply_adds,
    elementary_kernels<double>,
    elementary_kernels<float>,
};

}  // namespace kriss::tables::KRISS_ISA
