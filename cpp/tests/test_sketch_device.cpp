// The launchers of cuda/sketch_transform.cu, run by the host thread by thread, against the CPU kernels: the same bits.
#include "../../cuda/sketch_transform.cu"

#include <vector>

#include "check.hpp"
#include "kriss/sketch/fwht.hpp"
#include "kriss/sketch/random_features.hpp"
#include "kriss/sketch/srht.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
std::vector<T> numbers(index_t n, std::uint32_t seed) {
    std::vector<T> out(at(n));
    std::uint32_t state = seed;
    for (T& x : out) {
        state = state * 1664525U + 1013904223U;
        x = static_cast<T>(static_cast<double>(state >> 8) / (1 << 24) - 0.5);
    }
    return out;
}

template <class T>
void check_fwht() {
    for (index_t n = 1; n <= 2048; n *= 2) {
        for (const index_t inner : {index_t{1}, index_t{5}}) {
            const index_t outer = 3;
            std::vector<T> x = numbers<T>(outer * n * inner * 2, 7U);
            std::vector<T> want = x;
            std::vector<T> space(at(fwht_space(n)));
            fwht_batch(FwhtBatch<T>{want.data(), outer, n, inner, n * inner * 2, inner * 2, 2, T(3)}, 1, space.data(),
                       Executor{});
            cuda::fwht<T>(x.data(), outer, n, inner, n * inner * 2, inner * 2, 2, T(3), 0);
            KRISS_CHECK(x == want);
        }
    }
}

template <class T>
void check_srht() {
    constexpr index_t m = 150, n = 11, d = 20, tile = 64, offset = 37;
    std::vector<std::int32_t> place(tile), row(d);
    for (index_t i = 0; i < tile; ++i) {
        place[at(i)] = static_cast<std::int32_t>((i * 37 + 5) % tile);
    }
    for (index_t k = 0; k < d; ++k) {
        row[at(k)] = static_cast<std::int32_t>(3 * k + 1);
    }
    const std::vector<T> a = numbers<T>(m * n, 3U);
    const Srht<T> s{99U, d, tile, place.data(), row.data(), static_cast<T>(1.0 / std::sqrt(20.0))};
    std::vector<T> want(d * n, T(0.25));
    std::vector<T> spaces(at(srht_space(d, tile)));
    srht_dense(View2<const T>{a.data(), m, n, n, 1}, s, offset, want.data(), 1, 1, spaces.data(),
               static_cast<T*>(nullptr), Executor{});
    for (const index_t round : {index_t{1}, index_t{2}, index_t{7}}) {
        std::vector<T> out(d * n, T(0.25));
        std::vector<T> work(at(round * tile * n), T(9));
        cuda::srht<T>(a.data(), m, n, n, 1, 99U, place.data(), tile, row.data(), d, offset, round, work.data(),
                      out.data(), 0);
        KRISS_CHECK(out == want);
    }
}

template <class T>
void check_features() {
    constexpr index_t m = 6, n = 11, p = 16, frequencies = 40;
    std::vector<T> x = numbers<T>(m * n, 4U);
    for (index_t j = 1; j < n; ++j) {
        x[at(2 * n + j)] = T(0);  // exact zeros among its projections
    }
    std::vector<T> inverse(n, T(2)), signs(3 * 3 * p), stretch = numbers<T>(frequencies, 5U);
    for (std::size_t i = 0; i < signs.size(); ++i) {
        signs[i] = i * 7 % 3 == 0 ? T(-1) : T(1);
    }
    for (int map = 0; map < 4; ++map) {
        const index_t width = map == 1 ? 2 * frequencies : frequencies;
        std::vector<T> want(at(m * width)), out(at(m * width), T(9)), works(2 * p), work(m * p);
        random_features(View2<const T>{x.data(), m, n, n, 1}, inverse.data(), p, signs.data(), stretch.data(),
                        frequencies, FeatureRules<T>{static_cast<FeatureMap>(map), T(0.5)}, want.data(), 1,
                        works.data(), Executor{});
        cuda::random_features<T>(x.data(), m, n, n, 1, inverse.data(), signs.data(), p, stretch.data(), frequencies,
                                 map, T(0.5), work.data(), out.data(), 0);
        KRISS_CHECK(out == want);
    }
}

void both_orders(void (*check)()) {
    for (const bool backward : {false, true}) {
        cuda::replay_backward = backward;
        check();
    }
    cuda::replay_backward = false;
}

}  // namespace

KRISS_CASE("transforms by passes of eight have the bits of the processor") {
    both_orders(check_fwht<double>);
    both_orders(check_fwht<float>);
}

KRISS_CASE("tiles of the SRHT, however many at a time") {
    both_orders(check_srht<double>);
    both_orders(check_srht<float>);
}

KRISS_CASE("random features, every map") {
    both_orders(check_features<double>);
    both_orders(check_features<float>);
}
