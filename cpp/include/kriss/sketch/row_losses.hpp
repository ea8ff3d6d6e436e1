// Sums over the rows of a regression problem at x, in one pass: t = A x, a loss of (t, b) with its derivatives, the
// gradient A'u and the curvature A'DA. What Newton's method needs of Huber's loss (P. J. Huber, E. M. Ronchetti,
// "Robust Statistics", 2nd ed., 2009, section 7.7), of the logistic one, and of smoothed p-norms.
#pragma once

#include "kriss/math.hpp"
#include "kriss/sketch/row_rounds.hpp"
#include "kriss/sketch/tile.hpp"

KRISS_NAMESPACE_BEGIN

enum RowLoss : int { loss_logistic = 0, loss_huber = 1, loss_huber_scale = 2, loss_power = 3 };

struct LossProblem {
    View2<const double> a;      // (m, n)
    const double* x = nullptr;  // (np), np = 8 strips(n), zero beyond n
    const double* b = nullptr;  // (m)
    const double* w = nullptr;  // (m) weights, or null
    int loss = loss_logistic;
    // huber: delta; huber_scale: delta, s; power: p, unit, s.
    double first = 1.0, second = 1.0, third = 0.0;
    double *t = nullptr, *u = nullptr, *d = nullptr;  // (m): A x, minus the derivative in t, the second derivative
    double* cross = nullptr;                          // (m), huber_scale: minus the derivative of u in s

    // A slot: Gram matrix, A'u, A'cross, value, first and second derivative in s; a panel.
    KRISS_ALWAYS_INLINE static index_t sums(index_t n) {
        return strip_width * strips(n) * strip_width * strips(n) + 2 * strip_width * strips(n) + 3;
    }
    KRISS_ALWAYS_INLINE static index_t scratch(index_t n) { return sums(n) + 5 + row_panel * strip_width * strips(n); }

    static void chunk(const LossProblem& p, index_t begin, index_t end, double* slot);
};

struct LossPanel {
    double t[row_panel], b[row_panel], w[row_panel];                       // in
    double u[row_panel], d[row_panel], cross[row_panel];                   // out
    double value[row_panel], derivative[row_panel], curvature[row_panel];  // out
};

// Weights of rows past the last one are 0.
KRISS_ALWAYS_INLINE void logistic_panel(index_t depth, LossPanel& q) {
#pragma GCC ivdep
    for (index_t i = 0; i < depth; ++i) {
        const double margin = q.b[i] * q.t[i];
        const double size = margin < 0.0 ? -margin : margin;
        const double e = math::exp(-size);
        const double high = 1.0 / (1.0 + e);  // of the two probabilities
        const double low = e * high;
        q.value[i] = q.w[i] * (math::log1p(e) + (margin < 0.0 ? size : 0.0));
        q.u[i] = q.w[i] * (q.b[i] * (margin < 0.0 ? high : low));
        q.d[i] = q.w[i] * (low * high);
        // What is not a number stays one.
        q.value[i] = margin == margin ? q.value[i] : margin;
    }
}

KRISS_ALWAYS_INLINE void huber_panel(index_t depth, double delta, LossPanel& q) {
#pragma GCC ivdep
    for (index_t i = 0; i < depth; ++i) {
        const double r = q.b[i] - q.t[i];
        const double low = r < -delta ? -delta : r;
        const double c = low > delta ? delta : low;
        q.value[i] = q.w[i] * (c * (r - 0.5 * c));
        q.u[i] = q.w[i] * c;
        q.d[i] = c == r ? q.w[i] : 0.0;
    }
}

KRISS_ALWAYS_INLINE void huber_scale_panel(index_t depth, double delta, double s, LossPanel& q) {
#pragma GCC ivdep
    for (index_t i = 0; i < depth; ++i) {
        const double v = (q.b[i] - q.t[i]) / s;
        const double low = v < -delta ? -delta : v;
        const double c = low > delta ? delta : low;
        const double curved = c == v ? 2.0 / s * q.w[i] : 0.0;
        q.value[i] = s * (q.w[i] * (1.0 + c * (2.0 * v - c)));
        q.derivative[i] = q.w[i] * (1.0 - c * c);
        q.curvature[i] = curved * (c * c);
        q.u[i] = 2.0 * (q.w[i] * c);
        q.d[i] = curved;
        q.cross[i] = curved * c;
    }
}

KRISS_ALWAYS_INLINE void power_panel(index_t depth, double p, double unit, double s, LossPanel& q) {
    // Nothing is left of the logarithm at p = 2, and 0 times that of 0 would be NaN.
    const double power = 0.5 * p - 1.0;
    const double keep = power == 0.0 ? 1.0 : 0.0;
#pragma GCC ivdep
    for (index_t i = 0; i < depth; ++i) {
        const double r = (q.b[i] - q.t[i]) / unit;
        const double r2 = r * r;
        const double y = r2 + s * s;
        const double low = math::exp(power * math::log(y + keep));
        const double ratio = r2 / (y > 0.0 ? y : 1.0);
        q.value[i] = q.w[i] * (low * y);
        q.u[i] = q.w[i] * (p / unit * (r * low));
        q.d[i] = q.w[i] * (p / (unit * unit) * (low * (1.0 + (p - 2.0) * ratio)));
    }
}

// 8 m n + 32 m bytes; 4 m n + m n^2 flops, and some forty flops a row for the loss.
inline void LossProblem::chunk(const LossProblem& p, index_t begin, index_t end, double* slot) {
    using S = Piece<double>;
    const index_t n = p.a.cols;
    const index_t ns = strips(n);
    const index_t np = strip_width * ns;
    double* slope = slot + np * np;
    double* mixed = slope + np;
    double* scalars = mixed + np;
    double* panel = scalars + 8;
    LossPanel q;
    for (index_t i0 = begin; i0 < end; i0 += row_panel) {
        const index_t rows = end - i0 < row_panel ? end - i0 : row_panel;
        const index_t depth = (rows + 7) / 8 * 8;
        const index_t strip = strip_width * depth;
        pack_panel(p.a, i0, rows, depth, nullptr, panel);
        for (index_t i = 0; i < depth; ++i) {
            S::type sum[S::count] = {};
            for (index_t s = 0; s < ns; ++s) {
#pragma GCC unroll 4
                for (int v = 0; v < S::count; ++v) {
                    sum[v] += S::load(panel + s * strip + 8 * i + v * S::lanes) * S::load(p.x + 8 * s + v * S::lanes);
                }
            }
            double all[8];
            for (int v = 0; v < S::count; ++v) {
                S::store(all + v * S::lanes, sum[v]);
            }
            q.t[i] = ((all[0] + all[4]) + (all[1] + all[5])) + ((all[2] + all[6]) + (all[3] + all[7]));
        }
        for (index_t i = 0; i < depth; ++i) {
            const bool here = i < rows;
            q.b[i] = here ? p.b[i0 + i] : 0.0;
            q.w[i] = here ? (p.w != nullptr ? p.w[i0 + i] : 1.0) : 0.0;
        }
        switch (p.loss) {
            case loss_huber: huber_panel(depth, p.first, q); break;
            case loss_huber_scale: huber_scale_panel(depth, p.first, p.second, q); break;
            case loss_power: power_panel(depth, p.first, p.second, p.third, q); break;
            default: logistic_panel(depth, q);
        }
        // Rows that only fill the panel count for nothing, whatever the loss makes of them.
        for (index_t i = rows; i < depth; ++i) {
            q.value[i] = q.u[i] = q.d[i] = q.cross[i] = q.derivative[i] = q.curvature[i] = 0.0;
        }
        for (index_t i = 0; i < rows; ++i) {
            p.t[i0 + i] = q.t[i];
            p.u[i0 + i] = q.u[i];
            p.d[i0 + i] = q.d[i];
        }
        scalars[0] += lane_sum(q.value, depth);
        if (p.cross != nullptr) {
            for (index_t i = 0; i < rows; ++i) {
                p.cross[i0 + i] = q.cross[i];
            }
            scalars[1] += lane_sum(q.derivative, depth);
            scalars[2] += lane_sum(q.curvature, depth);
        }
        for (index_t s = 0; s < ns; ++s) {
            S::type sum[S::count] = {}, other[S::count] = {};
            for (index_t i = 0; i < depth; ++i) {
#pragma GCC unroll 4
                for (int v = 0; v < S::count; ++v) {
                    const S::type x = S::load(panel + s * strip + 8 * i + v * S::lanes);
                    sum[v] += x * q.u[i];
                    if (p.cross != nullptr) {
                        other[v] += x * q.cross[i];
                    }
                }
            }
#pragma GCC unroll 4
            for (int v = 0; v < S::count; ++v) {
                double* at = slope + 8 * s + v * S::lanes;
                S::store(at, S::load(at) + sum[v]);
                at = mixed + 8 * s + v * S::lanes;
                S::store(at, S::load(at) + other[v]);
            }
        }
        for (index_t i = 0; i < depth; ++i) {
            q.d[i] = __builtin_sqrt(q.d[i]);
        }
        scale_rows(ns, depth, q.d, panel);
        gram_panel(n, depth, panel, slot);
    }
}

// The whole pass. gram: (np, np), full; slope, mixed: (np); scalars: value, first and second derivative in s.
KRISS_ALWAYS_INLINE void loss_pass(const LossProblem& p, double* scratch, double* gram, double* slope, double* mixed,
                                   double* scalars, const Executor& ex) {
    const index_t m = p.a.rows;
    const index_t n = p.a.cols;
    const index_t np = strip_width * strips(n);
    const index_t size = LossProblem::scratch(n);
    if (!row_rounds(p, scratch, ex)) {
        return;
    }
    add_slots(m, n, size, 0, np * np, scratch, gram);
    mirror_upper(np, gram);
    add_slots(m, n, size, np * np, np, scratch, slope);
    add_slots(m, n, size, np * np + np, np, scratch, mixed);
    add_slots(m, n, size, np * np + 2 * np, 3, scratch, scalars);
}

KRISS_NAMESPACE_END
