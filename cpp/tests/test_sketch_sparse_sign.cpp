#include "check.hpp"

#include <cstdint>
#include <vector>

#include "kriss/sketch/sparse_sign.hpp"
#include "kriss/sketch/sparse_sign_apply.hpp"

using namespace kriss;

namespace {

template <class T>
std::vector<T> numbers(index_t n) {
    std::vector<T> out(static_cast<std::size_t>(n));
    std::uint32_t state = 1;
    for (T& x : out) {
        state = state * 1664525U + 1013904223U;
        x = static_cast<T>(state >> 8) / static_cast<T>(1 << 24) - static_cast<T>(0.5);
    }
    return out;
}

// The textbook: add entry by entry.
template <class T>
std::vector<T> by_hand(const std::vector<T>& a, index_t m, index_t n, std::uint64_t seed, index_t d, int zeta) {
    std::vector<T> out(static_cast<std::size_t>(d * n), T(0));
    const T unit = static_cast<T>(1.0 / std::sqrt(static_cast<double>(zeta)));
    for (index_t i = 0; i < m; ++i) {
        for (int e = 0; e < zeta; ++e) {
            const SparseSignEntry entry = sparse_sign_entry(seed, d, zeta, i, e);
            for (index_t j = 0; j < n; ++j) {
                T& place = out[static_cast<std::size_t>(entry.row * n + j)];
                place = place + static_cast<T>(entry.sign) * (a[static_cast<std::size_t>(i * n + j)] * unit);
            }
        }
    }
    return out;
}

template <class T>
std::vector<T> apply(const View2<const T>& a, std::uint64_t seed, index_t d, int zeta, int workers) {
    const SketchPlan plan = sketch_plan(a.cols, zeta, workers);
    std::vector<T> out(static_cast<std::size_t>(d * a.cols), T(0));
    std::vector<T> scratch(static_cast<std::size_t>(sketch_scratch(plan, d, zeta)));
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(sketch_offsets(plan, zeta)));
    sparse_sign_dense(a, seed, d, zeta, 0, out.data(), plan, scratch.data(), offsets.data(), Executor{});
    return out;
}

template <class T>
void bits() {
    for (const index_t m : {1, 2, 63, 64, 65, 300}) {
        for (const index_t n : {1, 7, 8, 9, 40}) {
            for (const int zeta : {1, 3, 4, 8}) {
                const index_t d = 29;
                const std::vector<T> a = numbers<T>(m * n);
                const std::vector<T> want = by_hand(a, m, n, 42U, d, zeta);
                for (const int workers : {1, 2, 7, 64}) {
                    KRISS_CHECK(apply(View2<const T>{a.data(), m, n, n, 1}, 42U, d, zeta, workers) == want);
                }
                std::vector<T> columns(a.size());
                for (index_t i = 0; i < m; ++i) {
                    for (index_t j = 0; j < n; ++j) {
                        columns[static_cast<std::size_t>(j * m + i)] = a[static_cast<std::size_t>(i * n + j)];
                    }
                }
                KRISS_CHECK(apply(View2<const T>{columns.data(), m, n, 1, m}, 42U, d, zeta, 2) == want);
            }
        }
    }
}

template <class T>
void csr() {
    // 3 x 4: [0 1 0 2; 0 0 0 0; 3 0 4 0]
    const std::vector<std::int32_t> indptr{0, 2, 2, 4};
    const std::vector<std::int32_t> indices{1, 3, 0, 2};
    const std::vector<T> data{T(1), T(2), T(3), T(4)};
    const std::vector<T> dense{T(0), T(1), T(0), T(2), T(0), T(0), T(0), T(0), T(3), T(0), T(4), T(0)};
    const CsrView<T, std::int32_t> a{3, 4, indptr.data(), indices.data(), data.data()};
    const std::vector<T> want = by_hand(dense, 3, 4, 7U, 11, 5);
    for (const int blocks : {1, 2, 5}) {
        std::vector<T> out(44, T(0));
        std::vector<T> signs(static_cast<std::size_t>(blocks) * 5 * 64);
        std::vector<std::int64_t> offsets(signs.size());
        sparse_sign_csr(a, 7U, index_t{11}, 5, index_t{0}, out.data(), blocks, signs.data(), offsets.data(),
                        Executor{});
        KRISS_CHECK(out == want);
    }
}

}  // namespace

KRISS_CASE("entries lie in their blocks, and blocks tile the rows") {
    for (const index_t d : {8, 9, 100, 2147483647}) {
        for (const int zeta : {1, 3, 8}) {
            KRISS_CHECK(sparse_sign_border(d, zeta, 0) == 0);
            KRISS_CHECK(sparse_sign_border(d, zeta, zeta) == d);
            for (int e = 0; e < zeta; ++e) {
                const index_t first = sparse_sign_border(d, zeta, e);
                const index_t last = sparse_sign_border(d, zeta, e + 1);
                KRISS_CHECK(first < last);
                for (index_t i = 0; i < 200; ++i) {
                    const SparseSignEntry entry = sparse_sign_entry(9U, d, zeta, i, e);
                    KRISS_CHECK(entry.row >= first && entry.row < last);
                    KRISS_CHECK(entry.sign == 1 || entry.sign == -1);
                }
            }
        }
    }
}

KRISS_CASE("dense, every plan and order: the bits of the textbook loop, double") { bits<double>(); }
KRISS_CASE("dense, every plan and order: the bits of the textbook loop, float") { bits<float>(); }
KRISS_CASE("CSR: the bits of the dense matrix, double") { csr<double>(); }
KRISS_CASE("CSR: the bits of the dense matrix, float") { csr<float>(); }

KRISS_CASE("a panel holds scaled, converted, zero-padded strips") {
    const std::vector<float> a = numbers<float>(10 * 11);
    double scale[11];
    for (int j = 0; j < 11; ++j) {
        scale[j] = 0.5 * (j + 1);
    }
    for (const bool by_columns : {false, true}) {
        const View2<const float> view{a.data(), 10, 11, by_columns ? 1 : 11, by_columns ? 10 : 1};
        std::vector<double> strip(8 * 16, -1.0);
        for (const index_t c0 : {0, 8}) {
            pack_strip(view, 1, 9, 16, c0, scale, strip.data());
            for (index_t i = 0; i < 16; ++i) {
                for (index_t c = 0; c < 8; ++c) {
                    const bool inside = i < 9 && c0 + c < 11;
                    const double want = inside ? static_cast<double>(view(1 + i, c0 + c)) * scale[c0 + c] : 0.0;
                    KRISS_CHECK(strip[static_cast<std::size_t>(8 * i + c)] == want);
                }
            }
        }
    }
}
