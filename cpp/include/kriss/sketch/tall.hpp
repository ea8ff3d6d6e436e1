// One pass over a tall matrix A that yields, in column-scaled variables, the residual of a least-squares iterate, its
// gradient, and on request the Gram matrix of A D or of A D P.
//
// With D = diag(scale), B' = B diag(bscale), R = B' - A D Z:
//     g = (A D)' R,   rr_q = |R_q|^2,   gram = (A D P)' (A D P), P upper triangular or absent.
// Scales that are powers of two change no rounding. The gradient is summed in blocks of 64 rows that are joined by a
// pairwise tree (the error of a plain sum over all rows would dominate the refinement; N. J. Higham, "The accuracy of
// floating point summation", SIAM J. Sci. Comput. 14 (1993), section 3), chunks of rows by compensated addition.
//
// Borders of chunks and the order of all sums depend on m and n only, so the result is the same for any number of
// workers.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/sketch/tile.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t tall_block = 64;    // rows summed plainly
constexpr index_t tall_panel = 128;   // rows packed at once
constexpr index_t tall_chunk = 2048;  // rows per task
constexpr index_t tall_levels = 6;    // log2(tall_chunk / tall_block) + 1

template <class In>
struct TallProblem {
    View2<const In> a;                // (m, n)
    View2<const In> b;                // (m, nrhs)
    const double* scale = nullptr;    // (n)
    const double* bscale = nullptr;   // (nrhs)
    const double* z = nullptr;        // (nrhs, np) row-major, np = 8 strips(n), zero beyond n
    const double* precond = nullptr;  // (np, np) row-major, upper triangular; null: identity
    bool want_gram = false;
};

// Sums of one slot; task t of a round owns slot t. All pointers into scratch.
struct TallSlots {
    index_t count = 0;
    index_t per_slot = 0;
    double* data = nullptr;
};

// Number of slots: enough for the workers of a large machine, bounded by 64 MiB of Gram matrices.
KRISS_ALWAYS_INLINE index_t tall_slots(index_t m, index_t n, bool want_gram) {
    const index_t np = strip_width * strips(n);
    index_t count = 32;
    if (want_gram) {
        while (count > 4 && count * np * np > (index_t{1} << 23)) {
            count /= 2;
        }
    }
    const index_t chunks = (m + tall_chunk - 1) / tall_chunk;
    return chunks < count ? (chunks > 0 ? chunks : 1) : count;
}

// Numbers per slot: Gram, two panels (one with no preconditioner), sums (high, low) and the tree.
KRISS_ALWAYS_INLINE index_t tall_scratch(index_t n, index_t nrhs, bool want_gram, bool precond) {
    const index_t np = strip_width * strips(n);
    const index_t sums = nrhs * (np + strip_width);
    return (want_gram ? np * np : 0) + tall_panel * np * (precond ? 2 : 1) + sums * (2 + tall_levels) + tall_panel;
}

// high + low += x, without losing the rounding error of the sum (Knuth's two-sum).
KRISS_ALWAYS_INLINE void add_compensated(double& high, double& low, double x) {
    const double sum = high + x;
    const double part = sum - high;
    low += (high - (sum - part)) + (x - part);
    high = sum;
}

// One block of rows <= 64: r = b' - panel z for each right-hand side, sums[q] = (panel' r, |r|^2).
// panel: strips of (depth, 8) starting at the block's first row; sums: (nrhs, np + 8).
template <class In>
KRISS_ALWAYS_INLINE void tall_block_sums(const TallProblem<In>& p, index_t i0, index_t rows, const double* panel,
                                         index_t depth, double* KRISS_RESTRICT r, double* KRISS_RESTRICT sums) {
    const index_t ns = strips(p.a.cols);
    const index_t np = strip_width * ns;
    const index_t strip = strip_width * depth;
    using P = Piece<double>;
    using V = P::type;
    const V zero = {};
    for (index_t q = 0; q < p.b.cols; ++q) {
        const double* z = p.z + q * np;
        double rr = 0.0;
        for (index_t i = 0; i < rows; ++i) {
            // Constant places, or the sums would live in memory.
            V dot[4][P::count];
#pragma GCC unroll 4
            for (int u = 0; u < 4; ++u) {
#pragma GCC unroll 4
                for (int v = 0; v < P::count; ++v) {
                    dot[u][v] = zero;
                }
            }
            index_t s = 0;
            for (; s + 4 <= ns; s += 4) {
#pragma GCC unroll 4
                for (int u = 0; u < 4; ++u) {
#pragma GCC unroll 4
                    for (int v = 0; v < P::count; ++v) {
                        dot[u][v] += P::load(panel + (s + u) * strip + 8 * i + v * P::lanes) *
                                     P::load(z + 8 * (s + u) + v * P::lanes);
                    }
                }
            }
#pragma GCC unroll 3
            for (int u = 0; u < 3; ++u) {
                if (s + u < ns) {
#pragma GCC unroll 4
                    for (int v = 0; v < P::count; ++v) {
                        dot[u][v] += P::load(panel + (s + u) * strip + 8 * i + v * P::lanes) *
                                     P::load(z + 8 * (s + u) + v * P::lanes);
                    }
                }
            }
            double sum[8];
            for (int v = 0; v < P::count; ++v) {
                P::store(sum + v * P::lanes, (dot[0][v] + dot[1][v]) + (dot[2][v] + dot[3][v]));
            }
            const double az = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
            r[i] = static_cast<double>(p.b(i0 + i, q)) * p.bscale[q] - az;
            rr += r[i] * r[i];
        }
        double* out = sums + q * (np + strip_width);
        for (index_t s = 0; s < ns; ++s) {
            const double* from = panel + s * strip;
            V g[4][P::count];
#pragma GCC unroll 4
            for (int u = 0; u < 4; ++u) {
#pragma GCC unroll 4
                for (int v = 0; v < P::count; ++v) {
                    g[u][v] = zero;
                }
            }
            index_t i = 0;
            for (; i + 4 <= rows; i += 4) {
#pragma GCC unroll 4
                for (int u = 0; u < 4; ++u) {
#pragma GCC unroll 4
                    for (int v = 0; v < P::count; ++v) {
                        g[u][v] += P::load(from + 8 * (i + u) + v * P::lanes) * r[i + u];
                    }
                }
            }
#pragma GCC unroll 3
            for (int u = 0; u < 3; ++u) {
                if (i + u < rows) {
#pragma GCC unroll 4
                    for (int v = 0; v < P::count; ++v) {
                        g[u][v] += P::load(from + 8 * (i + u) + v * P::lanes) * r[i + u];
                    }
                }
            }
            for (int v = 0; v < P::count; ++v) {
                P::store(out + 8 * s + v * P::lanes, (g[0][v] + g[1][v]) + (g[2][v] + g[3][v]));
            }
        }
        out[np] = rr;
        for (index_t c = 1; c < strip_width; ++c) {
            out[np + c] = 0.0;
        }
    }
}

// Rows [begin, end) of one chunk into one slot.
template <class In>
KRISS_ALWAYS_INLINE void tall_chunk_sums(const TallProblem<In>& p, index_t begin, index_t end, double* slot) {
    const index_t n = p.a.cols;
    const index_t ns = strips(n);
    const index_t np = strip_width * ns;
    const index_t sums = p.b.cols * (np + strip_width);
    double* gram = slot;
    double* panel = gram + (p.want_gram ? np * np : 0);
    double* second = panel + tall_panel * np;
    double* high = second + (p.precond != nullptr ? tall_panel * np : 0);
    double* low = high + sums;
    double* tree = low + sums;  // (levels, sums): tree[l] waits for its partner if bit l of `blocks` is set
    double* r = tree + tall_levels * sums;
    index_t blocks = 0;
    for (index_t i0 = begin; i0 < end; i0 += tall_panel) {
        const index_t rows = end - i0 < tall_panel ? end - i0 : tall_panel;
        const index_t depth = p.want_gram ? tall_panel : rows;
        pack_panel(p.a, i0, rows, depth, p.scale, panel);
        for (index_t j0 = 0; j0 < rows; j0 += tall_block) {
            const index_t some = rows - j0 < tall_block ? rows - j0 : tall_block;
            index_t level = 0;
            while ((blocks >> level & 1) != 0) {
                ++level;
            }
            // The fresh block goes to `level`, after the waiting ones below it have been added to it.
            double* fresh = tree + level * sums;
            tall_block_sums(p, i0 + j0, some, panel + 8 * j0, depth, r, fresh);
            for (index_t l = 0; l < level; ++l) {
                const double* waiting = tree + l * sums;
                for (index_t k = 0; k < sums; ++k) {
                    fresh[k] = waiting[k] + fresh[k];
                }
            }
            ++blocks;
        }
        if (p.want_gram && p.precond != nullptr) {
            product_panel(ns, depth, panel, p.precond, second);
            gram_panel(n, depth, second, gram);
        } else if (p.want_gram) {
            gram_panel(n, depth, panel, gram);
        }
    }
    for (index_t l = 0; l < tall_levels; ++l) {
        if ((blocks >> l & 1) != 0) {
            for (index_t k = 0; k < sums; ++k) {
                add_compensated(high[k], low[k], tree[l * sums + k]);
            }
        }
    }
}

// The whole pass. gram: (np, np), full symmetric on return; g: (nrhs, np); rr: (nrhs).
// Moves m (n + nrhs) sizeof(In) bytes from memory; m n^2 (1 + 1/n) flops for the Gram matrix, the same again for P,
// and 4 m n nrhs for residual and gradient. At 40 GB/s and 400000 x 100 that is 8 ms for the bytes.
template <class In>
void tall_pass(const TallProblem<In>& p, const TallSlots& slots, double* gram, double* g, double* rr,
               const Executor& ex) {
    const index_t m = p.a.rows;
    const index_t np = strip_width * strips(p.a.cols);
    const index_t nrhs = p.b.cols;
    const index_t sums = nrhs * (np + strip_width);
    const index_t square = p.want_gram ? np * np : 0;
    const index_t at_sums = square + tall_panel * np * (p.precond != nullptr ? 2 : 1);
    const index_t round = slots.count * tall_chunk;
    for (index_t start = 0; start < m; start += round) {
        const index_t stop = start + round < m ? start + round : m;
        ex.parallel_for((stop - start + tall_chunk - 1) / tall_chunk, 1,
                        [&p, &slots, start, stop, square, at_sums, sums](index_t t, index_t) {
                            double* slot = slots.data + t * slots.per_slot;
                            if (start == 0) {
                                for (index_t k = 0; k < square; ++k) {
                                    slot[k] = 0.0;
                                }
                                for (index_t k = 0; k < 2 * sums; ++k) {
                                    slot[at_sums + k] = 0.0;
                                }
                            }
                            const index_t begin = start + t * tall_chunk;
                            tall_chunk_sums(p, begin, begin + tall_chunk < stop ? begin + tall_chunk : stop, slot);
                        });
        if (ex.interrupted()) {
            return;
        }
    }
    const index_t used =
        (m + tall_chunk - 1) / tall_chunk < slots.count ? (m + tall_chunk - 1) / tall_chunk : slots.count;
    for (index_t gap = 1; gap < used; gap *= 2) {
        for (index_t t = 0; t + gap < used; t += 2 * gap) {
            double* to = slots.data + t * slots.per_slot;
            const double* from = slots.data + (t + gap) * slots.per_slot;
            for (index_t k = 0; k < square; ++k) {
                to[k] += from[k];
            }
            for (index_t k = 0; k < sums; ++k) {
                add_compensated(to[at_sums + k], to[at_sums + sums + k], from[at_sums + k]);
                to[at_sums + sums + k] += from[at_sums + sums + k];
            }
        }
    }
    const double* total = slots.data;
    for (index_t q = 0; q < nrhs; ++q) {
        const double* high = total + at_sums + q * (np + strip_width);
        for (index_t j = 0; j < np; ++j) {
            g[q * np + j] = used > 0 ? high[j] + high[sums + j] : 0.0;
        }
        rr[q] = used > 0 ? high[np] + high[sums + np] : 0.0;
    }
    if (p.want_gram) {
        for (index_t i = 0; i < np; ++i) {
            for (index_t j = 0; j < np; ++j) {
                gram[i * np + j] = used > 0 ? (i <= j ? total[i * np + j] : total[j * np + i]) : 0.0;
            }
        }
    }
}

KRISS_NAMESPACE_END
