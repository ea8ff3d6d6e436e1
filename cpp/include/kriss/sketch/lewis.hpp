// One step towards the Lewis weights of a tall matrix, in one pass: w[i] <- w[i]^(1-g) (|A_i P|^p)^g, and the Gram
// matrix of the rows w[i]^(1/2-1/p) A_i P, from which the next P comes.
//
// M. B. Cohen, R. Peng, "lp row sampling by Lewis weights", STOC 2015, section 3; the relaxed map is our own.
#pragma once

#include "kriss/math.hpp"
#include "kriss/sketch/row_rounds.hpp"
#include "kriss/sketch/tile.hpp"

KRISS_NAMESPACE_BEGIN

struct LewisProblem {
    View2<const double> a;            // (m, n)
    const double* precond = nullptr;  // (np, np) row-major, upper triangular, np = 8 strips(n)
    double* logw = nullptr;           // (m) logarithms of the weights, -inf for rows of zeros
    double half = 0.5;                // p / 2
    double relax = 1.0;               // g; 0 leaves the weights alone
    double power = -0.5;              // 1/2 - 1/p

    // A slot: Gram matrix, largest change of a logarithm; two panels.
    KRISS_ALWAYS_INLINE static index_t sums(index_t n) { return strip_width * strips(n) * strip_width * strips(n) + 1; }
    KRISS_ALWAYS_INLINE static index_t scratch(index_t n) {
        return sums(n) + 7 + 2 * row_panel * strip_width * strips(n);
    }

    KRISS_ALWAYS_INLINE static void chunk(const LewisProblem& p, index_t begin, index_t end, double* slot) {
        using S = Piece<double>;
        const index_t ns = strips(p.a.cols);
        const index_t np = strip_width * ns;
        double* panel = slot + np * np + 8;
        double* product = panel + row_panel * np;
        double square[row_panel], factor[row_panel], change[row_panel];
        for (index_t i0 = begin; i0 < end; i0 += row_panel) {
            const index_t rows = end - i0 < row_panel ? end - i0 : row_panel;
            const index_t depth = (rows + 7) / 8 * 8;
            const index_t strip = strip_width * depth;
            pack_panel(p.a, i0, rows, depth, nullptr, panel);
            product_panel(ns, depth, panel, p.precond, product);
            for (index_t i = 0; i < depth; ++i) {
                S::type sum[S::count] = {};
                for (index_t s = 0; s < ns; ++s) {
#pragma GCC unroll 4
                    for (int v = 0; v < S::count; ++v) {
                        const S::type x = S::load(product + s * strip + 8 * i + v * S::lanes);
                        sum[v] += x * x;
                    }
                }
                double all[8];
                for (int v = 0; v < S::count; ++v) {
                    S::store(all + v * S::lanes, sum[v]);
                }
                square[i] = ((all[0] + all[4]) + (all[1] + all[5])) + ((all[2] + all[6]) + (all[3] + all[7]));
            }
            double* logw = p.logw + i0;
            const double none = -math::detail::infinity64();
            for (index_t i = 0; i < rows; ++i) {
                const double old = logw[i];
                const bool good = square[i] > 0.0 && old > none;
                const double move = good ? p.half * math::log(good ? square[i] : 1.0) - old : 0.0;
                const double now = good ? old + p.relax * move : none;
                change[i] = move < 0.0 ? -move : move;
                logw[i] = now;
                factor[i] = good ? math::exp(p.power * (good ? now : 0.0)) : 0.0;
            }
            for (index_t i = rows; i < depth; ++i) {
                change[i] = factor[i] = 0.0;
            }
            double largest = slot[np * np];
            for (index_t i = 0; i < rows; ++i) {
                largest = change[i] > largest ? change[i] : largest;
            }
            slot[np * np] = largest;
            scale_rows(ns, depth, factor, product);
            gram_panel(p.a.cols, depth, product, slot);
        }
    }
};

// The whole pass: 8 m n + 16 m bytes, 2 m n^2 flops, a logarithm and an exponential a row. gram: (np, np), full.
// Returns the largest change of a logarithm before relaxation.
KRISS_ALWAYS_INLINE double lewis_step(const LewisProblem& p, double* scratch, double* gram, const Executor& ex) {
    const index_t n = p.a.cols;
    const index_t np = strip_width * strips(n);
    if (!row_rounds(p, scratch, ex)) {
        return 0.0;
    }
    add_slots(p.a.rows, n, LewisProblem::scratch(n), 0, np * np, scratch, gram);
    mirror_upper(np, gram);
    const index_t chunks = (p.a.rows + row_chunk - 1) / row_chunk;
    const index_t slots = row_slots(p.a.rows, n);
    double largest = 0.0;
    for (index_t t = 0; t < (chunks < slots ? chunks : slots); ++t) {
        const double here = scratch[t * LewisProblem::scratch(n) + np * np];
        largest = here > largest ? here : largest;
    }
    return largest;
}

KRISS_NAMESPACE_END
