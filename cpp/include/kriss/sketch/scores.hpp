// Squared norms of the rows of A P for a tall matrix A and upper triangular P, and on request the Gram matrix of A P,
// in one pass: leverage scores if A P has orthonormal columns (P. Drineas, M. Magdon-Ismail, M. W. Mahoney, D. P.
// Woodruff, "Fast approximation of matrix coherence and statistical leverage", J. Mach. Learn. Res. 13 (2012), section
// 1).
//
// Borders of chunks and the order of all sums depend on m and n only, so the result is the same for any number of
// workers. The products are those of tile.hpp: levels with FMA may differ from v2 in the last bits.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/sketch/tile.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t score_panel = 128;   // rows packed at once
constexpr index_t score_chunk = 2048;  // rows per task

struct ScoreProblem {
    View2<const double> a;            // (m, n)
    const double* precond = nullptr;  // (np, np) row-major, upper triangular, np = 8 strips(n)
    double* squares = nullptr;        // (m)
    double* gram = nullptr;           // (np, np), full symmetric on return; null: not wanted
};

// Tasks of a round: enough for the workers of a large machine, bounded by 64 MiB of Gram matrices.
KRISS_ALWAYS_INLINE index_t score_slots(index_t m, index_t n, bool want_gram) {
    const index_t np = strip_width * strips(n);
    index_t count = 32;
    while (want_gram && count > 4 && count * np * np > (index_t{1} << 23)) {
        count /= 2;
    }
    const index_t chunks = (m + score_chunk - 1) / score_chunk;
    return chunks < count ? (chunks > 0 ? chunks : 1) : count;
}

// Numbers per slot: Gram and two panels.
KRISS_ALWAYS_INLINE index_t score_scratch(index_t n, bool want_gram) {
    const index_t np = strip_width * strips(n);
    return (want_gram ? np * np : 0) + 2 * score_panel * np;
}

// Rows [begin, end) of one chunk.
KRISS_ALWAYS_INLINE void score_chunk_sums(const ScoreProblem& p, index_t begin, index_t end, double* slot) {
    using S = Piece<double>;
    using V = S::type;
    const index_t ns = strips(p.a.cols);
    const index_t np = strip_width * ns;
    double* panel = slot + (p.gram != nullptr ? np * np : 0);
    double* product = panel + score_panel * np;
    for (index_t i0 = begin; i0 < end; i0 += score_panel) {
        const index_t rows = end - i0 < score_panel ? end - i0 : score_panel;
        const index_t depth = (rows + 7) / 8 * 8;
        const index_t strip = strip_width * depth;
        pack_panel(p.a, i0, rows, depth, nullptr, panel);
        product_panel(ns, depth, panel, p.precond, product);
        for (index_t i = 0; i < rows; ++i) {
            V sum[S::count] = {};
            for (index_t s = 0; s < ns; ++s) {
#pragma GCC unroll 4
                for (int v = 0; v < S::count; ++v) {
                    const V x = S::load(product + s * strip + 8 * i + v * S::lanes);
                    sum[v] += x * x;
                }
            }
            double all[8];
            for (int v = 0; v < S::count; ++v) {
                S::store(all + v * S::lanes, sum[v]);
            }
            p.squares[i0 + i] = ((all[0] + all[4]) + (all[1] + all[5])) + ((all[2] + all[6]) + (all[3] + all[7]));
        }
        if (p.gram != nullptr) {
            gram_panel(p.a.cols, depth, product, slot);
        }
    }
}

// The whole pass. Moves 8 m n bytes from memory; m n^2 (1 + 1/n) flops, and as many again for the Gram matrix: at
// 20 Gflop/s per core and 1000000 x 50 that is 0.13 s, against 0.02 s for the bytes.
KRISS_ALWAYS_INLINE void score_rows(const ScoreProblem& p, index_t slots, double* scratch, const Executor& ex) {
    const index_t m = p.a.rows;
    const index_t np = strip_width * strips(p.a.cols);
    const index_t per_slot = score_scratch(p.a.cols, p.gram != nullptr);
    const index_t square = p.gram != nullptr ? np * np : 0;
    const index_t round = slots * score_chunk;
    for (index_t start = 0; start < m; start += round) {
        const index_t stop = start + round < m ? start + round : m;
        ex.parallel_for((stop - start + score_chunk - 1) / score_chunk, 1,
                        [&p, scratch, start, stop, square, per_slot](index_t t, index_t) {
                            double* slot = scratch + t * per_slot;
                            for (index_t k = 0; start == 0 && k < square; ++k) {
                                slot[k] = 0.0;
                            }
                            const index_t begin = start + t * score_chunk;
                            score_chunk_sums(p, begin, begin + score_chunk < stop ? begin + score_chunk : stop, slot);
                        });
        if (ex.interrupted()) {
            return;
        }
    }
    if (p.gram == nullptr) {
        return;
    }
    const index_t chunks = (m + score_chunk - 1) / score_chunk;
    const index_t used = chunks < slots ? chunks : slots;
    for (index_t k = 0; k < np * np; ++k) {
        double total = 0.0;
        for (index_t t = 0; t < used; ++t) {
            total += scratch[t * per_slot + k];
        }
        p.gram[k] = total;
    }
    for (index_t i = 0; i < np; ++i) {
        for (index_t j = 0; j < i; ++j) {
            p.gram[i * np + j] = p.gram[j * np + i];
        }
    }
}

KRISS_NAMESPACE_END
