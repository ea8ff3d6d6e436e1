// The sparse-sign sketch: zeta CountSketches stacked, one of d/zeta rows each.
//
// D. M. Kane, J. Nelson, "Sparser Johnson-Lindenstrauss transforms", J. ACM 61 (2014), section 2 (the block
// construction). S is d x m; its rows are cut into zeta blocks of floor or ceil(d/zeta) rows, and column i of S holds
// one entry +-1/sqrt(zeta) in each block. Place and sign of entry e of column i are functions of (seed, i, e) alone:
// word e % 4 of the Philox block with key `seed` and counter (i, e / 4). Hence S does not depend on the number of
// workers, on the cutting of the rows into blocks or on the device.
#pragma once

#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/philox.hpp"

KRISS_NAMESPACE_BEGIN

// First row of block e of zeta in a sketch of d rows; block e ends where block e + 1 starts.
KRISS_HD KRISS_ALWAYS_INLINE index_t sparse_sign_border(index_t d, int zeta, int e) {
    return d / zeta * e + d % zeta * e / zeta;
}

// The place within a block of `size` rows from one random word; the word's top bit is the sign (philox.hpp), the
// others decide here. Relative bias below size / 2^31.
KRISS_HD KRISS_ALWAYS_INLINE std::uint32_t sparse_sign_place(std::uint32_t word, std::uint32_t size) {
    return bounded32(word << 1, size);
}

struct SparseSignEntry {
    index_t row;  // of S, in [0, d)
    int sign;     // +1 or -1
};

// Entry e of column i of S.
KRISS_HD KRISS_ALWAYS_INLINE SparseSignEntry sparse_sign_entry(std::uint64_t seed, index_t d, int zeta, index_t i,
                                                               int e) {
    const PhiloxBlock block = philox4x32(seed, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(e / 4));
    const std::uint32_t word = block.v[e % 4];
    const index_t first = sparse_sign_border(d, zeta, e);
    const index_t size = sparse_sign_border(d, zeta, e + 1) - first;
    return {first + static_cast<index_t>(sparse_sign_place(word, static_cast<std::uint32_t>(size))),
            random_sign<int>(word)};
}

// All entries of columns [row0, row0 + m) of S. rows: (m, zeta), signs: (m, zeta), row-major.
inline void sparse_sign_entries(std::uint64_t seed, index_t d, int zeta, index_t row0, index_t m, std::int64_t* rows,
                                std::int8_t* signs) {
    for (index_t i = 0; i < m; ++i) {
        for (int e = 0; e < zeta; ++e) {
            const SparseSignEntry entry = sparse_sign_entry(seed, d, zeta, row0 + i, e);
            rows[i * zeta + e] = entry.row;
            signs[i * zeta + e] = static_cast<std::int8_t>(entry.sign);
        }
    }
}

KRISS_NAMESPACE_END
