#include "check.hpp"

#include <cstdint>

#include "kriss/philox.hpp"

using namespace kriss;

namespace {

bool same(const PhiloxBlock& b, std::uint32_t w0, std::uint32_t w1, std::uint32_t w2, std::uint32_t w3) {
    return b.v[0] == w0 && b.v[1] == w1 && b.v[2] == w2 && b.v[3] == w3;
}

}  // namespace

// The known answers that the authors publish with their reference implementation (Random123, kat_vectors).
KRISS_CASE("known answers of philox4x32-10") {
    KRISS_CHECK(same(philox4x32(0, 0, 0), 0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U));
    const std::uint64_t ones = ~std::uint64_t{0};
    KRISS_CHECK(same(philox4x32(ones, ones, ones), 0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU));
    KRISS_CHECK(same(philox4x32(0x299f31d0a4093822U, 0x0370734413198a2eU, 0x85a308d3243f6a88U), 0xd16cfe09U, 0x94fdcceb,
                     0x5001e420U, 0x24126ea1U));
}

KRISS_CASE("uniforms stay inside the open interval, at both ends") {
    KRISS_CHECK(uniform53(0, 0) == 0x1p-53);
    KRISS_CHECK(uniform53(~0U, ~0U) == 1.0 - 0x1p-53);
    KRISS_CHECK(uniform24(0) == 0x1p-24F);
    KRISS_CHECK(uniform24(~0U) == 1.0F - 0x1p-24F);
}

KRISS_CASE("bounded integers reach both ends and nothing beyond") {
    for (std::uint32_t bound : {1U, 2U, 3U, 1000U, 0x80000000U, 0xFFFFFFFFU}) {
        KRISS_CHECK(bounded32(0, bound) == 0);
        KRISS_CHECK(bounded32(~0U, bound) == bound - 1);
        KRISS_CHECK(bounded64(0, 0, bound) == 0);
        KRISS_CHECK(bounded64(~0U, ~0U, bound) == bound - 1);
    }
}

KRISS_CASE("means over many blocks are where they belong") {
    const int blocks = 200000;
    double mean = 0.0;
    double square = 0.0;
    double sign = 0.0;
    int count[7] = {};
    for (int i = 0; i < blocks; ++i) {
        const PhiloxBlock b = philox4x32(42, 7, static_cast<std::uint64_t>(i));
        const double u = uniform53(b.v[0], b.v[1]);
        mean += u;
        square += u * u;
        sign += random_sign<double>(b.v[2]);
        ++count[bounded32(b.v[3], 7)];
    }
    // Five standard deviations of each mean.
    KRISS_NEAR(mean / blocks, 0.5, 5.0 * std::sqrt(1.0 / 12.0 / blocks));
    KRISS_NEAR(square / blocks, 1.0 / 3.0, 5.0 * std::sqrt(4.0 / 45.0 / blocks));
    KRISS_NEAR(sign / blocks, 0.0, 5.0 / std::sqrt(blocks));
    double chi2 = 0.0;
    for (int c : count) {
        chi2 += (c - blocks / 7.0) * (c - blocks / 7.0) / (blocks / 7.0);
    }
    KRISS_CHECK(chi2 < 30.0);  // 6 degrees of freedom: exceeded with probability 4e-5
}

KRISS_CASE("normals: moments, tails and independence of the pair") {
    const int blocks = 200000;
    double m1 = 0.0;
    double m2 = 0.0;
    double m4 = 0.0;
    double cross = 0.0;
    int beyond = 0;
    for (int i = 0; i < blocks; ++i) {
        const NormalPair z = normal_pair(philox4x32(7, 1, static_cast<std::uint64_t>(i)));
        for (double v : {z.first, z.second}) {
            m1 += v;
            m2 += v * v;
            m4 += v * v * v * v;
            beyond += std::fabs(v) > 3.0 ? 1 : 0;
        }
        cross += z.first * z.second;
    }
    const double n = 2.0 * blocks;
    // Five standard deviations of each statistic.
    KRISS_NEAR(m1 / n, 0.0, 5.0 / std::sqrt(n));
    KRISS_NEAR(m2 / n, 1.0, 5.0 * std::sqrt(2.0 / n));
    KRISS_NEAR(m4 / n, 3.0, 5.0 * std::sqrt(96.0 / n));
    KRISS_NEAR(cross / blocks, 0.0, 5.0 / std::sqrt(blocks));
    KRISS_NEAR(beyond / n, 0.0026997960632601866, 5.0 * std::sqrt(0.0027 / n));
}

KRISS_CASE("normals at the ends of the uniforms are finite") {
    for (std::uint32_t w : {0U, ~0U}) {
        const NormalPair z = normal_pair({{w, w, w, w}});
        KRISS_CHECK(std::isfinite(z.first) && std::isfinite(z.second) && std::fabs(z.first) < 8.58);
    }
}
