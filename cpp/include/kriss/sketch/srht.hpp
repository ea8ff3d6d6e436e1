// The subsampled randomised Hadamard transform in tiles: S = (1 / sqrt(d)) [L_0 R H P D_0, L_1 R H P D_1, ...].
//
// J. A. Tropp, "Improved analysis of the subsampled randomized Hadamard transform", Adv. Adapt. Data Anal. 3 (2011),
// definition 3.1, for one tile; O. Balabanov, M. Beaupere, L. Grigori, V. Lederer, "Block subsampled randomized
// Hadamard transform for low-rank approximation on distributed architectures", ICML 2023, equation 3, for several. The
// columns of S are cut into tiles of `tile` (a power of two) columns; D_t are the signs of the columns, H the
// Walsh-Hadamard matrix, R picks d of its rows, the same in every tile, and the signs L_t make the tiles independent.
// P permutes the columns of a tile: without it, neighbouring coherent rows of A meet columns of H of which only few
// patterns differ. Column i of S is a function of (seed, i) alone.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/philox.hpp"
#include "kriss/sketch/fwht.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

// +1 or -1 for rows [first, first + count) of a matrix that has no end.
template <class T>
KRISS_ALWAYS_INLINE void row_signs(std::uint64_t seed, index_t first, index_t count, T* out) {
    PhiloxBlock block{};
    for (index_t i = 0; i < count; ++i) {
        const index_t bit = (first + i) % 128;
        if (i == 0 || bit == 0) {
            block = row_sign_block(seed, first + i);
        }
        out[i] = random_bit(block, bit) ? T(-1) : T(1);
    }
}

// The signs of vector number `which`.
template <class T>
KRISS_ALWAYS_INLINE void vector_signs(std::uint64_t seed, index_t which, index_t count, T* out) {
    PhiloxBlock block{};
    for (index_t i = 0; i < count; ++i) {
        if (i % 128 == 0) {
            block = vector_sign_block(seed, which, i);
        }
        out[i] = random_bit(block, i % 128) ? T(-1) : T(1);
    }
}

// 64 random bits for each of [0, count); stream: 1 to 15.
KRISS_ALWAYS_INLINE void random_keys(std::uint64_t seed, std::uint64_t stream, index_t count, std::uint64_t* out) {
    for (index_t i = 0; i < count; ++i) {
        const PhiloxBlock block = philox4x32(seed, static_cast<std::uint64_t>(i / 2), stream);
        const int word = static_cast<int>(2 * (i % 2));
        out[i] = (static_cast<std::uint64_t>(block.v[word]) << 32) | block.v[word + 1];
    }
}

template <class T>
struct Srht {
    std::uint64_t seed;
    index_t d, tile;            // d <= tile
    const std::int32_t* place;  // (tile) P: where the columns of a tile stand
    const std::int32_t* row;    // (d) R: rows of H
    T unit;                     // 1 / sqrt(d)
};

// Numbers of type T: one task's workspace (8 columns of a tile, its signs, those of S's rows, a panel), and the product
// of one tile with one strip of 8 columns.
KRISS_ALWAYS_INLINE index_t srht_space(index_t d, index_t tile) { return (strip_width + 1) * tile + d + 512; }
KRISS_ALWAYS_INLINE index_t srht_part(index_t d) { return strip_width * d; }

// How many tiles are worked on at once: enough for all workers when there are few columns. Affects no result.
KRISS_ALWAYS_INLINE index_t srht_round(index_t cols, index_t tiles, index_t tasks) {
    const index_t ns = strips(cols);
    const index_t want = ns >= tasks ? 1 : (tasks + ns - 1) / ns;
    return want < tiles ? want : tiles;
}

// Transform and pick: to[k * apart + c] = to[...] + term (or = term) for c < width, from work (tile, 8).
template <bool Add, class T>
KRISS_ALWAYS_INLINE void srht_pick(const Srht<T>& s, T* work, const T* left, index_t width, T* to, index_t apart) {
    fwht_rows(work, strip_width * s.tile);
    for (index_t k = 0; k < s.d; ++k) {
        const T* from = work + strip_width * static_cast<index_t>(s.row[k]);
        const T factor = left[k];
        T* at = to + k * apart;
        if (width == strip_width) {
            for (index_t c = 0; c < strip_width; ++c) {
                const T term = factor * (from[c] * s.unit);
                at[c] = Add ? at[c] + term : term;
            }
        } else {
            for (index_t c = 0; c < width; ++c) {
                const T term = factor * (from[c] * s.unit);
                at[c] = Add ? at[c] + term : term;
            }
        }
    }
}

// out: (d, n) row-major, += the parts of `count` tiles in their order; parts: (count, strips, d, 8).
template <class T>
KRISS_ALWAYS_INLINE void srht_join(index_t d, index_t n, index_t count, const T* parts, T* out, const Executor& ex) {
    const index_t ns = strips(n);
    ex.parallel_for(d, 64, [=](index_t begin, index_t end) {
        for (index_t r = 0; r < count; ++r) {
            for (index_t s = 0; s < ns; ++s) {
                const T* part = parts + (r * ns + s) * srht_part(d);
                const index_t width = n - s * strip_width < strip_width ? n - s * strip_width : strip_width;
                for (index_t k = begin; k < end; ++k) {
                    for (index_t c = 0; c < width; ++c) {
                        out[k * n + s * strip_width + c] += part[k * strip_width + c];
                    }
                }
            }
        }
    });
}

// Rows of a that lie in tile t: [begin, end), counted within a.
struct TileRows {
    index_t begin, end;
};
KRISS_ALWAYS_INLINE TileRows tile_rows(index_t tile, index_t t, index_t row_offset, index_t m) {
    const index_t begin = t * tile - row_offset;
    const index_t end = begin + tile;
    return {begin < 0 ? 0 : begin, end < m ? end : m};
}

// out += S[:, row_offset : row_offset + m] a for a dense (m, n) in any strides; out: (d, n) row-major.
// Parts of a tile are transformed as if the rest were zero. Per row of a whole tile: n log2(tile) additions in the
// second cache; from memory 8 m n bytes, once. spaces: (tasks, srht_space); parts: (round, strips, d, 8) if round > 1.
template <class T>
void srht_dense(const View2<const T>& a, const Srht<T>& s, index_t row_offset, T* out, index_t tasks, index_t round,
                T* spaces, T* parts, const Executor& ex) {
    const index_t m = a.rows;
    const index_t n = a.cols;
    const index_t ns = strips(n);
    const index_t t_end = (row_offset + m - 1) / s.tile + 1;
    for (index_t t0 = row_offset / s.tile; t0 < t_end; t0 += round) {
        const index_t count = t_end - t0 < round ? t_end - t0 : round;
        const index_t items = count * ns;
        ex.parallel_for(tasks, 1, [=, &ex](index_t task, index_t) {
            T* work = spaces + task * srht_space(s.d, s.tile);
            T* sign = work + strip_width * s.tile;
            T* left = sign + s.tile;
            T* panel = left + s.d;
            index_t known = -1;
            for (index_t k = items * task / tasks; k < items * (task + 1) / tasks && !ex.interrupted(); ++k) {
                const index_t t = t0 + k / ns;
                const index_t c0 = k % ns * strip_width;
                const TileRows r = tile_rows(s.tile, t, row_offset, m);
                if (t != known) {
                    row_signs(s.seed, row_offset + r.begin, r.end - r.begin, sign);
                    vector_signs(s.seed, t, s.d, left);
                    known = t;
                }
                if (r.end - r.begin < s.tile) {
                    for (index_t i = 0; i < strip_width * s.tile; ++i) {
                        work[i] = T(0);
                    }
                }
                const std::int32_t* place = s.place + (row_offset + r.begin - t * s.tile);
                for (index_t i0 = r.begin; i0 < r.end; i0 += 64) {
                    const index_t rows = r.end - i0 < 64 ? r.end - i0 : 64;
                    pack_strip(a, i0, rows, rows, c0, nullptr, panel);
                    for (index_t i = 0; i < rows; ++i) {
                        T* to = work + strip_width * static_cast<index_t>(place[i0 - r.begin + i]);
                        const T factor = sign[i0 - r.begin + i];
                        for (index_t c = 0; c < strip_width; ++c) {
                            to[c] = factor * panel[strip_width * i + c];
                        }
                    }
                }
                const index_t width = n - c0 < strip_width ? n - c0 : strip_width;
                if (round == 1) {
                    srht_pick<true>(s, work, left, width, out + c0, n);
                } else {
                    srht_pick<false>(s, work, left, strip_width, parts + k * srht_part(s.d), strip_width);
                }
            }
        });
        if (ex.interrupted()) {
            return;
        }
        if (round > 1) {
            srht_join(s.d, n, count, parts, out, ex);
        }
    }
}

// The same for CSR with sorted rows; each tile's rows are spread out strip by strip. One task does one tile.
// cursors: (round, tile); spaces: (round, srht_space); parts: (round, strips, d, 8), needed for round = 1 too.
template <class T, class I>
void srht_csr(const CsrView<T, I>& a, const Srht<T>& s, index_t row_offset, T* out, index_t round, index_t* cursors,
              T* spaces, T* parts, const Executor& ex) {
    const index_t m = a.rows;
    const index_t ns = strips(a.cols);
    const index_t t_end = (row_offset + m - 1) / s.tile + 1;
    for (index_t t0 = row_offset / s.tile; t0 < t_end; t0 += round) {
        const index_t count = t_end - t0 < round ? t_end - t0 : round;
        ex.parallel_for(count, 1, [=, &ex](index_t item, index_t) {
            const index_t t = t0 + item;
            const TileRows r = tile_rows(s.tile, t, row_offset, m);
            T* work = spaces + item * srht_space(s.d, s.tile);
            T* sign = work + strip_width * s.tile;
            T* left = sign + s.tile;
            index_t* cursor = cursors + item * s.tile;
            const std::int32_t* place = s.place + (row_offset + r.begin - t * s.tile);
            row_signs(s.seed, row_offset + r.begin, r.end - r.begin, sign);
            vector_signs(s.seed, t, s.d, left);
            for (index_t i = r.begin; i < r.end; ++i) {
                cursor[i - r.begin] = static_cast<index_t>(a.indptr[i]);
            }
            for (index_t strip = 0; strip < ns && !ex.interrupted(); ++strip) {
                const index_t c0 = strip * strip_width;
                for (index_t i = 0; i < strip_width * s.tile; ++i) {
                    work[i] = T(0);
                }
                for (index_t i = r.begin; i < r.end; ++i) {
                    const auto last = static_cast<index_t>(a.indptr[i + 1]);
                    index_t at = cursor[i - r.begin];
                    T* to = work + strip_width * static_cast<index_t>(place[i - r.begin]);
                    for (; at < last && static_cast<index_t>(a.indices[at]) < c0 + strip_width; ++at) {
                        to[static_cast<index_t>(a.indices[at]) - c0] = sign[i - r.begin] * a.data[at];
                    }
                    cursor[i - r.begin] = at;
                }
                srht_pick<false>(s, work, left, strip_width, parts + (item * ns + strip) * srht_part(s.d), strip_width);
            }
        });
        if (ex.interrupted()) {
            return;
        }
        srht_join(s.d, a.cols, count, parts, out, ex);
    }
}

KRISS_NAMESPACE_END
