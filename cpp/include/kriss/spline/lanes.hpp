// Eight numbers that are worked on together: vectors of the compiler, which become whatever registers there are.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

namespace detail {

// real: eight T; whole: eight integers of the same size; the rest takes a positive T apart.
template <class T>
struct LanesOf;
template <>
struct LanesOf<double> {
    using real = double __attribute__((vector_size(8 * sizeof(double))));
    using whole = std::int64_t __attribute__((vector_size(8 * sizeof(double))));
    static constexpr int fraction = 52;
    static constexpr std::int64_t keep = static_cast<std::int64_t>(0x800FFFFFFFFFFFFF);
    static constexpr std::int64_t half = 0x3FE0000000000000;
    static constexpr std::int64_t mask = 0x7FF;
    static constexpr std::int64_t bias = 1022;
};
template <>
struct LanesOf<float> {
    using real = float __attribute__((vector_size(8 * sizeof(float))));
    using whole = std::int32_t __attribute__((vector_size(8 * sizeof(float))));
    static constexpr int fraction = 23;
    static constexpr std::int32_t keep = static_cast<std::int32_t>(0x807FFFFF);
    static constexpr std::int32_t half = 0x3F000000;
    static constexpr std::int32_t mask = 0xFF;
    static constexpr std::int32_t bias = 126;
};

}  // namespace detail

KRISS_NAMESPACE_END
