#include "check.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "kriss/sketch/csr_pass.hpp"
#include "kriss/sketch/extended.hpp"

using namespace kriss;

namespace {

std::vector<double> numbers(index_t n, std::uint32_t seed) {
    std::vector<double> out(static_cast<std::size_t>(n));
    std::uint32_t state = seed;
    for (double& x : out) {
        state = state * 1664525U + 1013904223U;
        x = static_cast<double>(state >> 8) / (1 << 24) - 0.5;
    }
    return out;
}

// The textbook loops in long double: A'(b - A z) and |b - A z|^2.
template <class In>
std::vector<long double> textbook(const std::vector<In>& a, const std::vector<In>& b, const std::vector<double>& z,
                                  const std::vector<double>& low, index_t m, index_t n) {
    std::vector<long double> out(static_cast<std::size_t>(n + 1), 0.0L);
    for (index_t i = 0; i < m; ++i) {
        long double r = b[static_cast<std::size_t>(i)];
        for (index_t j = 0; j < n; ++j) {
            const auto at = static_cast<std::size_t>(j);
            r -= static_cast<long double>(a[static_cast<std::size_t>(i * n + j)]) *
                 (static_cast<long double>(z[at]) + static_cast<long double>(low[at]));
        }
        for (index_t j = 0; j < n; ++j) {
            out[static_cast<std::size_t>(j)] += a[static_cast<std::size_t>(i * n + j)] * r;
        }
        out[static_cast<std::size_t>(n)] += r * r;
    }
    return out;
}

template <class In>
void dense_against_textbook(index_t m, index_t n) {
    const std::vector<double> from = numbers(m * (n + 1), 7U);
    const std::vector<In> a(from.begin(), from.begin() + m * n);
    const std::vector<In> b(from.begin() + m * n, from.end());
    const index_t np = strip_width * strips(n);
    std::vector<double> z = numbers(np, 5U);
    std::vector<double> low(static_cast<std::size_t>(np), 0.0);
    for (index_t j = 0; j < np; ++j) {
        if (j >= n) {
            z[static_cast<std::size_t>(j)] = 0.0;
        }
        low[static_cast<std::size_t>(j)] = 1e-17 * z[static_cast<std::size_t>(j)];
    }
    const std::vector<double> scale(static_cast<std::size_t>(n), 1.0);
    const double bscale = 1.0;
    ExtendedProblem<In> p;
    p.a = {a.data(), m, n, n, 1};
    p.b = {b.data(), m, 1, 1, 1};
    p.scale = scale.data();
    p.bscale = &bscale;
    p.z_high = z.data();
    p.z_low = low.data();
    TallSlots slots;
    slots.count = tall_slots(m, n, false);
    slots.per_slot = extended_scratch(n, 1);
    std::vector<double> scratch(static_cast<std::size_t>(slots.count * slots.per_slot));
    slots.data = scratch.data();
    std::vector<double> high(static_cast<std::size_t>(np)), rest(static_cast<std::size_t>(np));
    double rr = -1.0;
    extended_pass(p, slots, high.data(), rest.data(), &rr, Executor{});
    const std::vector<long double> want = textbook(a, b, z, low, m, n);
    for (index_t j = 0; j < n; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const long double got = static_cast<long double>(high[at]) + static_cast<long double>(rest[at]);
        KRISS_NEAR(static_cast<double>(got - want[at]), 0.0, 1e-19 * static_cast<double>((m + 1) * n));
    }
    KRISS_NEAR(rr, static_cast<double>(want[static_cast<std::size_t>(n)]), 1e-15 * (rr + 1.0));
}

}  // namespace

KRISS_CASE("sums and products lose nothing") {
    double high = 1e16;
    double low = 0.0;
    twofold_add(high, low, 1.0);
    twofold_add(high, low, 1.0);
    twofold_add(high, low, -1e16);
    KRISS_CHECK(high + low == 2.0);
    const double a = 1.0 + 0x1p-30;
    const double p = a * a;
    KRISS_CHECK(product_error(a, a, p) == 0x1p-60);
    KRISS_CHECK(split_product_error(a, a, p) == 0x1p-60);
}

KRISS_CASE("the dense pass against the textbook") {
    for (const index_t m : {0, 1, 2, 63, 129, 2050, 5000}) {
        for (const index_t n : {1, 7, 8, 9, 33}) {
            dense_against_textbook<double>(m, n);
            dense_against_textbook<float>(m, n);
        }
    }
}

KRISS_CASE("the sparse pass against the dense one") {
    for (const index_t m : {0, 1, 100, 4100}) {
        const index_t n = 13;
        const std::vector<double> a = numbers(m * n, 3U);
        const std::vector<double> b = numbers(m, 4U);
        const std::vector<double> z = numbers(n, 9U);
        const std::vector<double> low(static_cast<std::size_t>(n), 1e-18);
        std::vector<std::int32_t> indptr(static_cast<std::size_t>(m + 1)), indices(static_cast<std::size_t>(m * n));
        for (index_t i = 0; i <= m; ++i) {
            indptr[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i * n);
        }
        for (index_t k = 0; k < m * n; ++k) {
            indices[static_cast<std::size_t>(k)] = static_cast<std::int32_t>(k % n);
        }
        const CsrView<double, std::int32_t> view{m, n, indptr.data(), indices.data(), a.data()};
        const double bscale = 1.0;
        const std::vector<long double> want = textbook(a, b, z, low, m, n);
        for (const bool twofold : {true, false}) {
            CsrPass p;
            p.b = {b.data(), m, 1, 1, 1};
            p.bscale = &bscale;
            p.y_high = z.data();
            p.y_low = twofold ? low.data() : nullptr;
            TallSlots slots;
            slots.count = csr_slots(m, n, m * n);
            slots.per_slot = csr_scratch(n, 1);
            std::vector<double> scratch(static_cast<std::size_t>(slots.count * slots.per_slot));
            slots.data = scratch.data();
            std::vector<double> high(static_cast<std::size_t>(n)), rest(static_cast<std::size_t>(n));
            double rr = -1.0;
            csr_pass(view, p, slots, high.data(), rest.data(), &rr, Executor{});
            const double each = twofold ? 1e-19 : 2e-16;
            for (index_t j = 0; j < n; ++j) {
                const auto at = static_cast<std::size_t>(j);
                const long double got = static_cast<long double>(high[at]) + static_cast<long double>(rest[at]);
                KRISS_NEAR(static_cast<double>(got - want[at]), 0.0, each * static_cast<double>((m + 1) * n));
            }
            KRISS_NEAR(rr, static_cast<double>(want[static_cast<std::size_t>(n)]), 1e-13 * (rr + 1.0));
        }
    }
}
