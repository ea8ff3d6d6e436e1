// The launchers of cuda/sketch_residual.cu, built for the host, where cuda/panel.hpp replays every thread of every
// block: the very functions that a device runs, against the pass of the processor. No device is involved.
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "../../cuda/sketch_residual.cu"
#include "check.hpp"
#include "kriss/sketch/extended.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
std::vector<T> noise(index_t n, unsigned seed) {
    std::mt19937 gen(seed);
    std::uniform_real_distribution<double> u(-1.0, 1.0);
    std::vector<T> v(at(n));
    for (auto& e : v) {
        e = static_cast<T>(u(gen));
    }
    return v;
}

struct Sums {
    std::vector<double> high, low, rr;
};

template <class T>
Sums on_device(const cuda::Tall<T>& p) {
    Sums out{std::vector<double>(at(p.n * p.nrhs)), std::vector<double>(at(p.n * p.nrhs)),
             std::vector<double>(at(p.nrhs))};
    std::vector<double> scratch(at(cuda::residual_scratch(p.m, p.n, p.nrhs)));
    cuda::tall_residual(p, scratch.data(), out.high.data(), out.low.data(), out.rr.data(), 0);
    return out;
}

// a in C order or in Fortran order, nrhs right-hand sides side by side
template <class T>
void against_the_processor(index_t m, index_t n, index_t nrhs, bool fortran) {
    const auto a = noise<T>(m * n, 1);
    const auto b = noise<T>(m * nrhs, 2);
    const index_t np = strip_width * strips(n);
    std::vector<double> scale(at(n)), bscale(at(nrhs)), z_high(at(n * nrhs)), z_low(at(n * nrhs));
    std::vector<double> wide_high(at(nrhs * np), 0.0), wide_low(at(nrhs * np), 0.0);
    const auto z = noise<double>(n * nrhs, 3);
    for (index_t j = 0; j < n; ++j) {
        scale[at(j)] = std::ldexp(1.0, static_cast<int>(j % 5) - 2);
    }
    for (index_t q = 0; q < nrhs; ++q) {
        bscale[at(q)] = std::ldexp(1.0, static_cast<int>(q % 3));
        for (index_t j = 0; j < n; ++j) {
            z_high[at(j * nrhs + q)] = wide_high[at(q * np + j)] = z[at(j * nrhs + q)];
            z_low[at(j * nrhs + q)] = wide_low[at(q * np + j)] = 1e-17 * z[at(j * nrhs + q)];
        }
    }
    const index_t row = fortran ? 1 : n;
    const index_t column = fortran ? m : 1;
    const cuda::Tall<T> p{a.data(),      b.data(),      m,           n, nrhs, row, column, nrhs, 1, scale.data(),
                          bscale.data(), z_high.data(), z_low.data()};
    cuda::replay_backward = true;
    const Sums backward = on_device(p);
    cuda::replay_backward = false;
    const Sums got = on_device(p);
    KRISS_CHECK(got.high == backward.high && got.low == backward.low && got.rr == backward.rr);

    ExtendedProblem<T> host;
    host.a = {a.data(), m, n, row, column};
    host.b = {b.data(), m, nrhs, nrhs, 1};
    host.scale = scale.data();
    host.bscale = bscale.data();
    host.z_high = wide_high.data();
    host.z_low = wide_low.data();
    TallSlots slots;
    slots.count = tall_slots(m, n, false);
    slots.per_slot = extended_scratch(n, nrhs);
    std::vector<double> scratch(at(slots.count * slots.per_slot));
    slots.data = scratch.data();
    std::vector<double> high(at(nrhs * np)), low(at(nrhs * np)), rr(at(nrhs));
    extended_pass(host, slots, high.data(), low.data(), rr.data(), Executor{});
    for (index_t q = 0; q < nrhs; ++q) {
        for (index_t j = 0; j < n; ++j) {
            const auto here =
                static_cast<long double>(high[at(q * np + j)]) + static_cast<long double>(low[at(q * np + j)]);
            const auto there = static_cast<long double>(got.high[at(j * nrhs + q)]) +
                               static_cast<long double>(got.low[at(j * nrhs + q)]);
            // twofold sums: what differs is below the square of the roundoff times the sum of sizes
            KRISS_NEAR(static_cast<double>(here - there), 0.0, 1e-29 * static_cast<double>((m + 1) * n * 64));
        }
        KRISS_NEAR(got.rr[at(q)], rr[at(q)], 4e-16 * rr[at(q)]);
    }
}

}  // namespace

KRISS_CASE("residuals and gradients in twofold arithmetic") {
    for (const index_t m : {1, 2, 511, 512, 513, 3000}) {
        for (const index_t n : {1, 7, 8, 33}) {
            for (const index_t nrhs : {1, 3, 8}) {
                against_the_processor<double>(m, n, nrhs, false);
                against_the_processor<float>(m, n, nrhs, true);
            }
        }
    }
    against_the_processor<double>(700, 5, 2, true);
}
