// The Gaussian sketch: S is d x m with independent N(0, 1/d) entries, each a function of (seed, row of S, column).
//
// Entries k and k + 1 (k even) of column i are the normal pair of the Philox block with counter (i, k / 2)
// (philox.hpp). Every number of SA is the sum of its terms in the order of A's rows, so it is the same bits for any
// number of workers, any order of A, CSR input and consecutive blocks.
#pragma once

#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/philox.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t gaussian_rows = 64;     // rows of A per panel
constexpr index_t gaussian_group = 16;    // rows of S per chunk; even
constexpr index_t gaussian_stride = 512;  // rows of A that all chunks pass before the next ones are read

// Numbers of scratch of one chunk of rows of S.
KRISS_ALWAYS_INLINE index_t gaussian_space() { return gaussian_group * gaussian_rows + strip_width * gaussian_rows; }

// g[(k - k0) * 64 + i] for rows k0 <= k < k1 of S (k0 even) and columns i0 + i, i < 64.
template <class T>
KRISS_ALWAYS_INLINE void gaussian_panel(std::uint64_t seed, double unit, index_t k0, index_t k1, index_t i0, T* g) {
    for (index_t k = k0; k < k1; k += 2) {
        // In two loops over whole panels, so that both vectorise.
        std::uint32_t words[4][gaussian_rows];
        for (index_t i = 0; i < gaussian_rows; ++i) {
            const PhiloxBlock block =
                philox4x32(seed, static_cast<std::uint64_t>(i0 + i), static_cast<std::uint64_t>(k / 2));
            words[0][i] = block.v[0];
            words[1][i] = block.v[1];
            words[2][i] = block.v[2];
            words[3][i] = block.v[3];
        }
        T* KRISS_RESTRICT first = g + (k - k0) * gaussian_rows;
        T* KRISS_RESTRICT second = first + gaussian_rows;
        for (index_t i = 0; i < gaussian_rows; ++i) {
            const NormalPair pair = normal_pair({{words[0][i], words[1][i], words[2][i], words[3][i]}});
            first[i] = static_cast<T>(unit * pair.first);
            second[i] = static_cast<T>(unit * pair.second);
        }
    }
}

// Count rows of SA, eight columns: sum[r] += g[r][i] panel[i] for all i in turn.
template <int Count, class T>
KRISS_ALWAYS_INLINE void gaussian_terms(const T* g, const T* panel, index_t rows, T* out, index_t apart,
                                        index_t width) {
    typename Lanes<T>::type sum[Count];
    for (int r = 0; r < Count; ++r) {
        for (index_t c = 0; c < strip_width; ++c) {
            sum[r][c] = c < width ? out[r * apart + c] : T(0);
        }
    }
    for (index_t i = 0; i < rows; ++i) {
        const typename Lanes<T>::type x = KRISS_CLANES(T, panel + strip_width * i);
        for (int r = 0; r < Count; ++r) {
            sum[r] += g[r * gaussian_rows + i] * x;
        }
    }
    for (int r = 0; r < Count; ++r) {
        for (index_t c = 0; c < width; ++c) {
            out[r * apart + c] = sum[r][c];
        }
    }
}

// out += S[:, row_offset : row_offset + m] a. a: (m, n) any strides; out: (d, n) row-major. 2 d m n flops and d m
// entries of S, two for one Philox block, one logarithm and one sine and cosine. spaces: (ceil(d / 16),
// gaussian_space).
template <class T>
void gaussian_dense(const View2<const T>& a, std::uint64_t seed, index_t d, index_t row_offset, T* out, T* spaces,
                    const Executor& ex) {
    const index_t n = a.cols;
    const double unit = 1.0 / std::sqrt(static_cast<double>(d));
    for (index_t begin = 0; begin < a.rows; begin += gaussian_stride) {
        const index_t end = begin + gaussian_stride < a.rows ? begin + gaussian_stride : a.rows;
        ex.parallel_for(d, gaussian_group, [=](index_t k0, index_t k1) {
            T* g = spaces + k0 / gaussian_group * gaussian_space();
            T* panel = g + gaussian_group * gaussian_rows;
            for (index_t i0 = begin; i0 < end; i0 += gaussian_rows) {
                const index_t rows = end - i0 < gaussian_rows ? end - i0 : gaussian_rows;
                gaussian_panel(seed, unit, k0, k1, row_offset + i0, g);
                for (index_t c0 = 0; c0 < n; c0 += strip_width) {
                    pack_strip(a, i0, rows, rows, c0, nullptr, panel);
                    const index_t width = n - c0 < strip_width ? n - c0 : strip_width;
                    index_t k = k0;
                    for (; k + 4 <= k1; k += 4) {
                        gaussian_terms<4>(g + (k - k0) * gaussian_rows, panel, rows, out + k * n + c0, n, width);
                    }
                    for (; k < k1; ++k) {
                        gaussian_terms<1>(g + (k - k0) * gaussian_rows, panel, rows, out + k * n + c0, n, width);
                    }
                }
            }
        });
        if (ex.interrupted()) {
            return;
        }
    }
}

// The same for CSR input: 2 d nnz flops. Zero terms of a dense row would not change the sum.
template <class T, class I>
void gaussian_csr(const CsrView<T, I>& a, std::uint64_t seed, index_t d, index_t row_offset, T* out, T* spaces,
                  const Executor& ex) {
    const double unit = 1.0 / std::sqrt(static_cast<double>(d));
    for (index_t begin = 0; begin < a.rows; begin += gaussian_stride) {
        const index_t end = begin + gaussian_stride < a.rows ? begin + gaussian_stride : a.rows;
        ex.parallel_for(d, gaussian_group, [=](index_t k0, index_t k1) {
            T* g = spaces + k0 / gaussian_group * gaussian_space();
            for (index_t i0 = begin; i0 < end; i0 += gaussian_rows) {
                const index_t rows = end - i0 < gaussian_rows ? end - i0 : gaussian_rows;
                gaussian_panel(seed, unit, k0, k1, row_offset + i0, g);
                for (index_t k = k0; k < k1; ++k) {
                    T* row = out + k * a.cols;
                    for (index_t i = 0; i < rows; ++i) {
                        const T factor = g[(k - k0) * gaussian_rows + i];
                        for (I at = a.indptr[i0 + i]; at < a.indptr[i0 + i + 1]; ++at) {
                            T& to = row[static_cast<index_t>(a.indices[at])];
                            to = to + factor * a.data[at];
                        }
                    }
                }
            }
        });
        if (ex.interrupted()) {
            return;
        }
    }
}

// Entries of columns [i0, i0 + m): out (d, m) row-major.
inline void gaussian_entries(std::uint64_t seed, index_t d, index_t i0, index_t m, double* out) {
    const double unit = 1.0 / std::sqrt(static_cast<double>(d));
    for (index_t k = 0; k < d; ++k) {
        for (index_t i = 0; i < m; ++i) {
            const NormalPair pair =
                normal_pair(philox4x32(seed, static_cast<std::uint64_t>(i0 + i), static_cast<std::uint64_t>(k / 2)));
            out[k * m + i] = unit * (k % 2 == 0 ? pair.first : pair.second);
        }
    }
}

KRISS_NAMESPACE_END
