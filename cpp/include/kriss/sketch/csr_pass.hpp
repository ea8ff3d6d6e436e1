// Residual and gradient of a least-squares iterate with a tall sparse matrix, one pass over its entries.
//
//     R = B diag(bscale) - A Y,   g = A' R,   rr_q = |R_q|^2,   Y = y_high + y_low or y_high alone.
// Two forms: plain, for the steps of conjugate gradients (with B = 0 it is -A'A Y), and twofold (twofold.hpp), for
// residuals that a solution is judged and refined by.
//
// Traffic: 12 or 16 bytes per entry once, as a row is still in cache when its gradient is scattered. Chunks of rows go
// to slots, each with a gradient of its own; their number depends on the sizes only, so that results do not depend on
// the number of workers.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/sketch/tall.hpp"
#include "kriss/sketch/twofold.hpp"

KRISS_NAMESPACE_BEGIN

struct CsrPass {
    View2<const double> b;           // (m, nrhs)
    const double* bscale = nullptr;  // (nrhs), powers of two
    const double* y_high = nullptr;  // (n, nrhs)
    const double* y_low = nullptr;   // (n, nrhs), or null: plain
};

// As many slots as keep clearing and joining them cheaper than the pass itself.
KRISS_ALWAYS_INLINE index_t csr_slots(index_t m, index_t n, index_t nnz) {
    const index_t chunks = (m + tall_chunk - 1) / tall_chunk;
    index_t count = 32;
    while (count > 1 && (count > chunks || count * n > nnz)) {
        count /= 2;
    }
    return count;
}

// Numbers per slot: gradient and |R|^2 (high, low), one row's residuals (high, low).
KRISS_ALWAYS_INLINE index_t csr_scratch(index_t n, index_t nrhs) { return 2 * (n + 1) * nrhs + 2 * nrhs; }

template <class T, class I>
KRISS_ALWAYS_INLINE void csr_rows_plain(const CsrView<T, I>& a, const CsrPass& p, index_t begin, index_t end, double* g,
                                        double* rr, double* r) {
    const index_t nrhs = p.b.cols;
    for (index_t i = begin; i < end; ++i) {
        for (index_t q = 0; q < nrhs; ++q) {
            double az = 0.0;
            for (I k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
                az += static_cast<double>(a.data[k]) * p.y_high[a.indices[k] * nrhs + q];
            }
            r[q] = p.b(i, q) * p.bscale[q] - az;
            rr[q] += r[q] * r[q];
        }
        for (I k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const auto value = static_cast<double>(a.data[k]);
            double* to = g + a.indices[k] * nrhs;
            for (index_t q = 0; q < nrhs; ++q) {
                to[q] += value * r[q];
            }
        }
    }
}

template <class T, class I>
KRISS_ALWAYS_INLINE void csr_rows_twofold(const CsrView<T, I>& a, const CsrPass& p, index_t begin, index_t end,
                                          double* g, double* g_low, double* rr, double* rr_low, double* r) {
    const index_t nrhs = p.b.cols;
    double* r_low = r + nrhs;
    for (index_t i = begin; i < end; ++i) {
        for (index_t q = 0; q < nrhs; ++q) {
            double az = 0.0;
            double az_low = 0.0;
            for (I k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
                const index_t at = a.indices[k] * nrhs + q;
                twofold_fma(az, az_low, static_cast<double>(a.data[k]), p.y_high[at], p.y_low[at]);
            }
            double one = p.b(i, q) * p.bscale[q];
            double rest = -az_low;
            twofold_add(one, rest, -az);
            twofold_normalise(one, rest);
            r[q] = one;
            r_low[q] = rest;
            twofold_add(rr[q], rr_low[q], one * one);
        }
        for (I k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const auto value = static_cast<double>(a.data[k]);
            const index_t at = a.indices[k] * nrhs;
            for (index_t q = 0; q < nrhs; ++q) {
                twofold_fma(g[at + q], g_low[at + q], value, r[q], r_low[q]);
            }
        }
    }
}

// The whole pass. g_high, g_low: (n, nrhs); rr: (nrhs). slots.per_slot = csr_scratch(n, nrhs).
template <class T, class I>
void csr_pass(const CsrView<T, I>& a, const CsrPass& p, const TallSlots& slots, double* g_high, double* g_low,
              double* rr, const Executor& ex) {
    const index_t m = a.rows;
    const index_t nrhs = p.b.cols;
    const index_t size = a.cols * nrhs;
    const index_t sums = size + nrhs;
    const bool twofold = p.y_low != nullptr;
    const index_t filled = twofold ? 2 * sums : sums;
    const index_t round = slots.count * tall_chunk;
    const index_t chunks = (m + tall_chunk - 1) / tall_chunk;
    const index_t used = chunks < slots.count ? chunks : slots.count;
    for (index_t start = 0; start < m; start += round) {
        const index_t stop = start + round < m ? start + round : m;
        ex.parallel_for((stop - start + tall_chunk - 1) / tall_chunk, 1,
                        [&a, &p, &slots, start, stop, size, sums, filled, twofold](index_t t, index_t) {
                            double* slot = slots.data + t * slots.per_slot;
                            if (start == 0) {
                                for (index_t k = 0; k < filled; ++k) {
                                    slot[k] = 0.0;
                                }
                            }
                            const index_t begin = start + t * tall_chunk;
                            const index_t end = begin + tall_chunk < stop ? begin + tall_chunk : stop;
                            double* r = slot + 2 * sums;
                            if (twofold) {
                                double* low = slot + sums;
                                csr_rows_twofold(a, p, begin, end, slot, low, slot + size, low + size, r);
                            } else {
                                csr_rows_plain(a, p, begin, end, slot, slot + size, r);
                            }
                        });
        if (ex.interrupted()) {
            return;
        }
    }
    for (index_t gap = 1; gap < used; gap *= 2) {
        for (index_t t = 0; t + gap < used; t += 2 * gap) {
            double* to = slots.data + t * slots.per_slot;
            const double* from = slots.data + (t + gap) * slots.per_slot;
            for (index_t k = 0; k < sums; ++k) {
                if (twofold) {
                    twofold_add(to[k], to[sums + k], from[k]);
                    to[sums + k] += from[sums + k];
                } else {
                    to[k] += from[k];
                }
            }
        }
    }
    for (index_t k = 0; k < sums; ++k) {
        double one = used > 0 ? slots.data[k] : 0.0;
        double rest = used > 0 && twofold ? slots.data[sums + k] : 0.0;
        twofold_normalise(one, rest);
        if (k < size) {
            g_high[k] = one;
            g_low[k] = rest;
        } else {
            rr[k - size] = one;
        }
    }
}

KRISS_NAMESPACE_END
