// Residual and gradient of a least-squares iterate in twofold arithmetic: one pass over a tall dense matrix.
//
// With D = diag(scale), R = B diag(bscale) - A D Z and Z = z_high + z_low, all to about 106 bits:
//     g = (A D)' R as g_high + g_low,   rr_q = |R_q|^2.
// Refinement with such gradients is limited by the condition number times the square of the unit roundoff, not by the
// condition number squared times the unit roundoff. J. Demmel, Y. Hida, E. J. Riedy, X. S. Li, "Extra-precise iterative
// refinement for overdetermined least squares problems", ACM Trans. Math. Softw. 35 (2009), section 2.
//
// Traffic: 8 m n bytes; work: 22 instructions on vectors per vector of A, which two cores hide behind the memory.
// Chunks and order of sums as in tall.hpp: depend on m and n only.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/sketch/tall.hpp"
#include "kriss/sketch/twofold.hpp"

KRISS_NAMESPACE_BEGIN

template <class In>
struct ExtendedProblem {
    View2<const In> a;               // (m, n)
    View2<const In> b;               // (m, nrhs)
    const double* scale = nullptr;   // (n), powers of two
    const double* bscale = nullptr;  // (nrhs), powers of two
    const double* z_high = nullptr;  // (nrhs, np), np = 8 strips(n), zero beyond n
    const double* z_low = nullptr;   // (nrhs, np)
};

constexpr int strip_vecs = static_cast<int>(strip_width) / Simd::lanes;

// Numbers per slot: panel, sums (high, low) with 8 places for |R|^2 each, residuals of a panel (high, low).
KRISS_ALWAYS_INLINE index_t extended_scratch(index_t n, index_t nrhs) {
    const index_t np = strip_width * strips(n);
    return tall_panel * np + 2 * nrhs * (np + strip_width) + 2 * tall_panel;
}

// row . z in twofold arithmetic: eight lanes, then 0+4, 1+5, 2+6, 3+7, then pairs of these.
KRISS_ALWAYS_INLINE void extended_dot(index_t ns, const double* row, index_t strip, const double* z_high,
                                      const double* z_low, double& high, double& low) {
    Simd::vec h[strip_vecs], l[strip_vecs];
    for (int v = 0; v < strip_vecs; ++v) {
        h[v] = Simd::zero();
        l[v] = Simd::zero();
    }
    for (index_t s = 0; s < ns; ++s) {
#pragma GCC unroll 4
        for (int v = 0; v < strip_vecs; ++v) {
            twofold_fma(h[v], l[v], Simd::load(row + s * strip + v * Simd::lanes),
                        Simd::load(z_high + 8 * s + v * Simd::lanes), Simd::load(z_low + 8 * s + v * Simd::lanes));
        }
    }
    // Lanes four apart lie in different vectors as long as there are two.
#pragma GCC unroll 2
    for (int gap = strip_vecs / 2; gap >= 1; gap /= 2) {
#pragma GCC unroll 2
        for (int v = 0; v < gap; ++v) {
            twofold_add(h[v], l[v], h[v + gap]);
            l[v] = l[v] + l[v + gap];
        }
    }
    double hs[Simd::lanes], ls[Simd::lanes];
    Simd::store(hs, h[0]);
    Simd::store(ls, l[0]);
#pragma GCC unroll 3
    for (int gap = Simd::lanes / 2; gap >= 1; gap /= 2) {
#pragma GCC unroll 4
        for (int c = 0; c < gap; ++c) {
            twofold_add(hs[c], ls[c], hs[c + gap]);
            ls[c] = ls[c] + ls[c + gap];
        }
    }
    high = hs[0];
    low = ls[0];
}

// Rows [begin, end) of one chunk into one slot.
template <class In>
KRISS_ALWAYS_INLINE void extended_chunk(const ExtendedProblem<In>& p, index_t begin, index_t end, double* slot) {
    const index_t ns = strips(p.a.cols);
    const index_t np = strip_width * ns;
    const index_t sums = p.b.cols * (np + strip_width);
    double* panel = slot;
    double* high = panel + tall_panel * np;
    double* low = high + sums;
    double* r_high = low + sums;
    double* r_low = r_high + tall_panel;
    for (index_t i0 = begin; i0 < end; i0 += tall_panel) {
        const index_t rows = end - i0 < tall_panel ? end - i0 : tall_panel;
        const index_t strip = strip_width * rows;
        pack_panel(p.a, i0, rows, rows, p.scale, panel);
        for (index_t q = 0; q < p.b.cols; ++q) {
            double* g_high = high + q * (np + strip_width);
            double* g_low = low + q * (np + strip_width);
            for (index_t i = 0; i < rows; ++i) {
                double az = 0.0;
                double az_low = 0.0;
                extended_dot(ns, panel + 8 * i, strip, p.z_high + q * np, p.z_low + q * np, az, az_low);
                double one = static_cast<double>(p.b(i0 + i, q)) * p.bscale[q];
                double rest = -az_low;
                twofold_add(one, rest, -az);
                twofold_normalise(one, rest);
                r_high[i] = one;
                r_low[i] = rest;
                twofold_add(g_high[np], g_low[np], one * one);
            }
            for (index_t s = 0; s < ns; ++s) {
                const double* from = panel + s * strip;
                Simd::vec h[strip_vecs], l[strip_vecs];
                for (int v = 0; v < strip_vecs; ++v) {
                    h[v] = Simd::load(g_high + 8 * s + v * Simd::lanes);
                    l[v] = Simd::load(g_low + 8 * s + v * Simd::lanes);
                }
                for (index_t i = 0; i < rows; ++i) {
                    const Simd::vec one = Simd::broadcast(r_high[i]);
                    const Simd::vec rest = Simd::broadcast(r_low[i]);
#pragma GCC unroll 4
                    for (int v = 0; v < strip_vecs; ++v) {
                        twofold_fma(h[v], l[v], Simd::load(from + 8 * i + v * Simd::lanes), one, rest);
                    }
                }
                for (int v = 0; v < strip_vecs; ++v) {
                    Simd::store(g_high + 8 * s + v * Simd::lanes, h[v]);
                    Simd::store(g_low + 8 * s + v * Simd::lanes, l[v]);
                }
            }
        }
    }
}

// The whole pass. g_high, g_low: (nrhs, np); rr: (nrhs).
template <class In>
void extended_pass(const ExtendedProblem<In>& p, const TallSlots& slots, double* g_high, double* g_low, double* rr,
                   const Executor& ex) {
    const index_t m = p.a.rows;
    const index_t np = strip_width * strips(p.a.cols);
    const index_t nrhs = p.b.cols;
    const index_t sums = nrhs * (np + strip_width);
    const index_t at_sums = tall_panel * np;
    const index_t round = slots.count * tall_chunk;
    for (index_t start = 0; start < m; start += round) {
        const index_t stop = start + round < m ? start + round : m;
        ex.parallel_for((stop - start + tall_chunk - 1) / tall_chunk, 1,
                        [&p, &slots, start, stop, at_sums, sums](index_t t, index_t) {
                            double* slot = slots.data + t * slots.per_slot;
                            if (start == 0) {
                                for (index_t k = 0; k < 2 * sums; ++k) {
                                    slot[at_sums + k] = 0.0;
                                }
                            }
                            const index_t begin = start + t * tall_chunk;
                            extended_chunk(p, begin, begin + tall_chunk < stop ? begin + tall_chunk : stop, slot);
                        });
        if (ex.interrupted()) {
            return;
        }
    }
    const index_t chunks = (m + tall_chunk - 1) / tall_chunk;
    const index_t used = chunks < slots.count ? chunks : slots.count;
    for (index_t gap = 1; gap < used; gap *= 2) {
        for (index_t t = 0; t + gap < used; t += 2 * gap) {
            double* to = slots.data + t * slots.per_slot + at_sums;
            const double* from = slots.data + (t + gap) * slots.per_slot + at_sums;
            for (index_t k = 0; k < sums; ++k) {
                twofold_add(to[k], to[sums + k], from[k]);
                to[sums + k] += from[sums + k];
            }
        }
    }
    for (index_t q = 0; q < nrhs; ++q) {
        double* high = slots.data + at_sums + q * (np + strip_width);
        for (index_t j = 0; j <= np; ++j) {
            double one = used > 0 ? high[j] : 0.0;
            double rest = used > 0 ? high[sums + j] : 0.0;
            twofold_normalise(one, rest);
            if (j < np) {
                g_high[q * np + j] = one;
                g_low[q * np + j] = rest;
            } else {
                rr[q] = one;
            }
        }
    }
}

KRISS_NAMESPACE_END
