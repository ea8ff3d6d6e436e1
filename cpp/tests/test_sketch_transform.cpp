// Walsh-Hadamard transforms in every layout, tiles of the SRHT, Gaussian entries and random features.
#include "check.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "kriss/sketch/fwht.hpp"
#include "kriss/sketch/gaussian.hpp"
#include "kriss/sketch/random_features.hpp"
#include "kriss/sketch/scatter.hpp"
#include "kriss/sketch/srht.hpp"

using namespace kriss;

namespace {

template <class T>
std::vector<T> numbers(index_t n, std::uint32_t seed) {
    std::vector<T> out(static_cast<std::size_t>(n));
    std::uint32_t state = seed;
    for (T& x : out) {
        state = state * 1664525U + 1013904223U;
        x = static_cast<T>(static_cast<double>(state >> 8) / (1 << 24) - 0.5);
    }
    return out;
}

// The plain loop over the levels, from the widest.
template <class T>
void plain(std::vector<T>& x, index_t n) {
    for (index_t h = n / 2; h >= 1; h /= 2) {
        for (index_t base = 0; base < n; base += 2 * h) {
            for (index_t i = base; i < base + h; ++i) {
                const T a = x[static_cast<std::size_t>(i)];
                const T b = x[static_cast<std::size_t>(i + h)];
                x[static_cast<std::size_t>(i)] = a + b;
                x[static_cast<std::size_t>(i + h)] = a - b;
            }
        }
    }
}

int parity(std::uint32_t x) {
    int sum = 0;
    for (; x != 0; x &= x - 1) {
        sum ^= 1;
    }
    return sum;
}

template <class T>
void check_lines() {
    for (index_t n = 1; n <= 32768; n *= 2) {
        const std::vector<T> x = numbers<T>(n, 7U);
        std::vector<T> want = x;
        plain(want, n);
        std::vector<T> got = x;
        fwht_line(got.data(), n);
        KRISS_CHECK(got == want);
        // The same as three lines with gaps, along either axis.
        for (const bool inner : {false, true}) {
            std::vector<T> wide(static_cast<std::size_t>(6 * n), T(1));
            for (index_t i = 0; i < n; ++i) {
                for (index_t j = 0; j < 3; ++j) {
                    wide[static_cast<std::size_t>(inner ? 6 * i + 2 * j : 2 * (j * n + i))] =
                        x[static_cast<std::size_t>(i)] * static_cast<T>(1 << j);
                }
            }
            FwhtBatch<T> b{wide.data(), inner ? 1 : 3, n, inner ? 3 : 1, 2 * n, inner ? 6 : 2, 2, T(1)};
            std::vector<T> space(static_cast<std::size_t>(2 * fwht_space(n)));
            fwht_batch(b, 2, space.data(), Executor{});
            for (index_t i = 0; i < n; ++i) {
                for (index_t j = 0; j < 3; ++j) {
                    const std::size_t at = static_cast<std::size_t>(inner ? 6 * i + 2 * j : 2 * (j * n + i));
                    KRISS_CHECK(wide[at] == want[static_cast<std::size_t>(i)] * static_cast<T>(1 << j));
                    KRISS_CHECK(wide[at + 1] == T(1));
                }
            }
        }
    }
}

template <class T>
void check_srht() {
    constexpr index_t m = 150, n = 11, d = 20, tile = 64, offset = 37;
    const std::uint64_t seed = 99;
    std::vector<std::int32_t> place(tile), row(d);
    for (index_t i = 0; i < tile; ++i) {
        place[static_cast<std::size_t>(i)] = static_cast<std::int32_t>((i * 37 + 5) % tile);
    }
    for (index_t k = 0; k < d; ++k) {
        row[static_cast<std::size_t>(k)] = static_cast<std::int32_t>(3 * k + 1);
    }
    const std::vector<T> a = numbers<T>(m * n, 3U);
    // Entry by entry.
    std::vector<double> want(d * n, 0.0);
    for (index_t i = 0; i < m; ++i) {
        const index_t t = (offset + i) / tile;
        double sign = 0.0;
        row_signs(seed, offset + i, 1, &sign);
        std::vector<double> left(d);
        vector_signs(seed, t, d, left.data());
        for (index_t k = 0; k < d; ++k) {
            const auto bits = static_cast<std::uint32_t>(row[static_cast<std::size_t>(k)]) &
                              static_cast<std::uint32_t>(place[static_cast<std::size_t>((offset + i) % tile)]);
            const double entry = left[static_cast<std::size_t>(k)] * sign * (parity(bits) != 0 ? -1.0 : 1.0);
            for (index_t j = 0; j < n; ++j) {
                want[static_cast<std::size_t>(k * n + j)] +=
                    entry * static_cast<double>(a[static_cast<std::size_t>(i * n + j)]) / std::sqrt(20.0);
            }
        }
    }
    const Srht<T> s{seed, d, tile, place.data(), row.data(), static_cast<T>(1.0 / std::sqrt(20.0))};
    const double eps = sizeof(T) == 4 ? 1.2e-7 : 2.3e-16;
    for (const index_t round : {index_t{1}, index_t{3}}) {
        for (const bool sparse : {false, true}) {
            std::vector<T> out(d * n, T(0));
            std::vector<T> spaces(static_cast<std::size_t>(round * srht_space(d, tile)));
            std::vector<T> parts(static_cast<std::size_t>(round * strips(n) * srht_part(d)));
            if (sparse) {
                std::vector<std::int32_t> indptr, indices;
                for (index_t i = 0; i <= m; ++i) {
                    indptr.push_back(static_cast<std::int32_t>(i * n));
                }
                for (index_t i = 0; i < m * n; ++i) {
                    indices.push_back(static_cast<std::int32_t>(i % n));
                }
                std::vector<index_t> cursors(static_cast<std::size_t>(round * tile));
                const CsrView<T, std::int32_t> view{m, n, indptr.data(), indices.data(), a.data()};
                srht_csr(view, s, offset, out.data(), round, cursors.data(), spaces.data(), parts.data(), Executor{});
            } else {
                const View2<const T> view{a.data(), m, n, n, 1};
                srht_dense(view, s, offset, out.data(), round, round, spaces.data(), parts.data(), Executor{});
            }
            for (std::size_t i = 0; i < out.size(); ++i) {
                KRISS_NEAR(static_cast<double>(out[i]), want[i], 150.0 * eps);
            }
        }
    }
}

}  // namespace

KRISS_CASE("every line has the bits of the plain levels") {
    check_lines<double>();
    check_lines<float>();
}

KRISS_CASE("tiles of the SRHT are what their entries say, dense and sparse, in pieces") {
    check_srht<double>();
    check_srht<float>();
}

KRISS_CASE("Gaussian products are those with the entries") {
    constexpr index_t m = 130, n = 9, d = 21;
    const std::vector<double> a = numbers<double>(m * n, 5U);
    std::vector<double> entries(d * m);
    gaussian_entries(4U, d, 1000, m, entries.data());
    std::vector<double> out(d * n, 0.0);
    std::vector<double> spaces(static_cast<std::size_t>(2 * gaussian_space()));
    gaussian_dense(View2<const double>{a.data(), m, n, n, 1}, 4U, d, 1000, out.data(), spaces.data(), Executor{});
    for (std::size_t k = 0; k < d; ++k) {
        for (std::size_t j = 0; j < n; ++j) {
            double sum = 0.0;
            for (std::size_t i = 0; i < m; ++i) {
                sum += entries[k * m + i] * a[i * n + j];
            }
            KRISS_CHECK(out[k * n + j] == sum);  // the same terms in the same order
        }
    }
}

KRISS_CASE("features of a row are cosines and sines of three transforms") {
    constexpr index_t p = 16, n = 11, frequencies = 20, m = 3;
    const std::vector<double> x = numbers<double>(m * n, 8U);
    std::vector<double> inverse(n, 2.0), signs(2 * 3 * p), stretch(frequencies, 0.01);
    for (std::size_t i = 0; i < signs.size(); ++i) {
        signs[i] = i * 7 % 3 == 0 ? -1.0 : 1.0;
    }
    std::vector<double> out(m * 2 * frequencies), works(2 * 2 * p);
    random_features(View2<const double>{x.data(), m, n, n, 1}, inverse.data(), p, signs.data(), stretch.data(),
                    frequencies, FeatureRules<double>{FeatureMap::fourier, 3.0}, out.data(), 2, works.data(),
                    Executor{});
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t b = 0; b < 2; ++b) {
            std::vector<double> v(p, 0.0);
            for (std::size_t j = 0; j < n; ++j) {
                v[j] = 2.0 * x[i * n + j];
            }
            for (std::size_t r = 0; r < 3; ++r) {
                for (std::size_t j = 0; j < p; ++j) {
                    v[j] *= signs[(3 * b + r) * p + j];
                }
                plain(v, p);
            }
            for (std::size_t k = 0; k < p && b * p + k < frequencies; ++k) {
                const std::size_t at = i * 2 * frequencies + b * p + k;
                KRISS_NEAR(out[at], 3.0 * std::cos(0.01 * v[k]), 1e-15);
                KRISS_NEAR(out[at + frequencies], 3.0 * std::sin(0.01 * v[k]), 1e-15);
            }
        }
    }
}

KRISS_CASE("rows are scattered in their order, whatever the strides") {
    constexpr index_t m = 700, n = 5, d = 4;
    const std::vector<float> a = numbers<float>(m * n, 2U);
    std::vector<std::int64_t> place(m), minus(m);
    for (std::size_t i = 0; i < m; ++i) {
        place[i] = static_cast<std::int64_t>(i * i % d);
        minus[i] = static_cast<std::int64_t>(i % 3 == 0);
    }
    for (const bool transposed : {false, true}) {
        const View2<const float> view{a.data(), m, n, transposed ? 1 : n, transposed ? m : 1};
        std::vector<double> want(d * n, 0.0), out(d * n, 0.0);
        for (index_t i = 0; i < m; ++i) {
            for (index_t j = 0; j < n; ++j) {
                const double term = static_cast<double>(view(i, j));
                want[static_cast<std::size_t>(place[static_cast<std::size_t>(i)] * n + j)] +=
                    minus[static_cast<std::size_t>(i)] != 0 ? -term : term;
            }
        }
        scatter_rows(view, place.data(), minus.data(), out.data(), Executor{});
        KRISS_CHECK(out == want);
    }
}
