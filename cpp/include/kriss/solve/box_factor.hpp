// Incomplete factorisation of a nine-point stencil as a smoother of multigrid, and the cycle around it; 27 points are
// factored in box_factor3.hpp.
//
// A. Jennings, G. M. Malik, "Partial elimination", J. Inst. Maths Applics 20 (1977), section 3; M. A. Ajiz, A.
// Jennings, "A robust incomplete Choleski-conjugate gradient algorithm", Int. J. Numer. Meth. Engng 20 (1984): fill f
// between the points p and q that is dropped is added in absolute value to both of their diagonal entries, which adds
// |f| [1, -+1; -+1, 1] to the matrix. So M = (1 + L) D (1 + L') exceeds A: the pivots are positive whenever A is
// positive definite, the spectrum of M^-1 A lies in (0, 1], and a symmetric cycle around it is positive definite
// whatever the interpolation. As smoothers of strong coupling in any direction: P. Wesseling, "An Introduction to
// Multigrid Methods", Wiley 1992, section 7.8.
//
// Points are eliminated line by line; within a line from left to right, or (mirrored) from right to left. Strong
// coupling towards the lower right suits the first, towards the lower left the second: then little is dropped. In three
// dimensions planes go from first to last and the lines within them likewise, or (turned) from last to first.
//
// L is kept in single precision (the operator stays symmetric and positive definite: both sweeps use the same numbers).
// Bytes per point: a sweep reads 16 (+ 8 for D backward) and reads and writes 24; a smoothing step with its residual
// (9 points, 40 + 24) moves about 150, 10 + 18 flops. With 27 points a sweep reads 52 (+ 8), a step with its residual
// moves about 290 bytes, 50 + 76 flops. Sweeps run on one thread.
#pragma once

#include <cmath>
#include <utility>

#include "kriss/solve/box_cycle.hpp"
#include "kriss/solve/box_grid.hpp"

namespace kriss {

inline constexpr index_t factor_pad = 8;  // readable numbers before and after the buffers of a line

// Of one grid in one order. All arrays (n) with box_pad around them; off[...] are 0 where a coupling leaves the grid.
struct BoxFactor {
    bool mirrored = false;
    bool turned = false;
    double* inverse = nullptr;  // 1 / D
    float* line = nullptr;      // L towards the next point of the line (in the order of elimination)
    // L towards later lines, three each: lower left, below, lower right. First the next line of the plane, then (three
    // dimensions) the lines before, at and after the same place in the next plane.
    float* off[12] = {};
};

inline constexpr int factors_most = 2;
inline constexpr index_t factor_lines = 5;  // that box_factorise needs room for

// Factorisations of a grid, applied one after the other before the correction, reversed after it.
struct FactoredGrid {
    int count = 0;
    BoxFactor factor[factors_most];
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// room: factor_lines (n2 + 2 box_pad), for the diagonal and the couplings along the line of this line and the next.
// Returns the first point whose pivot is not positive, or -1.  About 40 flops per point; each waits for the pivot
// before, so what the next point needs is handed on in registers.
inline index_t box_factorise(const BoxGrid<double>& g, const BoxFactor& f, double* room) {
    const index_t n = g.size(), width = g.n[2], stride = width + 2 * box_pad;
    for (index_t i = 0; i < factor_lines * stride; ++i) {
        room[i] = 0.0;
    }
    double* d = room + box_pad;
    double* e = d + stride;
    double* dn = e + stride;
    double* en = dn + stride;
    const double* const none = en + stride;
    const auto taken = [width](const double* from, index_t base, double* to) {
        for (index_t x = 0; x < width; ++x) {
            to[x] = from != nullptr ? from[base + x] : 0.0;
        }
    };
    const auto line = [&](int h, index_t base) { return g.a[h] != nullptr ? g.a[h] + base : none; };
    taken(g.a[0], 0, d);
    taken(g.a[1], 0, e);
    const index_t dir = f.mirrored ? -1 : 1;
    const index_t here = f.mirrored ? -1 : 0;    // e[k + here]: the coupling of k ahead
    const index_t behind = f.mirrored ? 0 : -1;  // e[k + behind]: the one behind
    float* const fp = f.mirrored ? f.off[0] : f.off[2];
    float* const fq = f.mirrored ? f.off[2] : f.off[0];
    for (index_t base = 0; base < n; base += width) {
        const bool below = base + width < n;
        if (below) {
            taken(g.a[0], base + width, dn);
            taken(g.a[1], base + width, en);
        }
        const double* const p = line(f.mirrored ? 2 : 4, base);  // ahead and below
        const double* const q = line(f.mirrored ? 4 : 2, base);  // behind and below
        const double* const s = line(3, base);
        index_t x = f.mirrored ? width - 1 : 0;
        double pivot = d[x], back = q[x], lower = s[x];
        for (index_t at = 0; at < width; ++at, x += dir) {
            const index_t k = base + x;
            if (!(pivot > 0.0) || !std::isfinite(pivot)) {
                return k;
            }
            const double inverse = 1.0 / pivot;
            const double ahead = at + 1 < width ? e[x + here] : 0.0;
            const double u = ahead * inverse;
            f.inverse[k] = inverse;
            f.line[k] = static_cast<float>(u);
            pivot = d[x + dir] - ahead * u;
            if (!below) {
                f.off[0][k] = f.off[1][k] = f.off[2][k] = 0.0F;
                continue;
            }
            const double lp = p[x] * inverse;
            const double lq = back * inverse;
            const double ls = lower * inverse;
            fp[k] = static_cast<float>(lp);
            fq[k] = static_cast<float>(lq);
            f.off[1][k] = static_cast<float>(ls);
            const double far = std::abs(ahead * lq);  // between the next point and the one behind and below
            const double wide = std::abs(p[x] * lq);  // between the two corners below
            pivot += far;
            dn[x] -= lower * ls;
            dn[x + dir] += wide - p[x] * lp;
            dn[x - dir] += (far + wide) - back * lq;
            en[x + here] -= lower * lp;
            en[x + behind] -= lower * lq;
            back = q[x + dir] - ahead * ls;
            lower = s[x + dir] - ahead * lp;
        }
        std::swap(d, dn);
        std::swap(e, en);
    }
    return -1;
}

// y[k] = t[k] - c[k] y[k - 1] for a line, c[0] = 0; four steps at a time, whose chains do not wait for each other.
// c, t: readable and finite 3 before and after (what c[0] = 0 cuts off is multiplied by 0); jump: (2 n + 8)
// 12 flops per point
KRISS_NOINLINE inline void box_run(index_t n, const float* KRISS_RESTRICT c, const double* t,
                                   double* KRISS_RESTRICT jump, double* y) {
    double* KRISS_RESTRICT sum = jump + n + factor_pad;
    for (index_t k = 0; k < n; ++k) {
        const double c0 = -static_cast<double>(c[k]);
        const double c1 = -static_cast<double>(c[k - 1]);
        const double c2 = -static_cast<double>(c[k - 2]);
        const double c3 = -static_cast<double>(c[k - 3]);
        const double two = c0 * c1;
        sum[k] = (t[k] + c0 * t[k - 1]) + two * (t[k - 2] + c2 * t[k - 3]);
        jump[k] = two * (c2 * c3);
    }
    double last[4] = {};
    index_t k = 0;
    for (; k + 4 <= n; k += 4) {
        for (int j = 0; j < 4; ++j) {
            last[j] = sum[k + j] + jump[k + j] * last[j];
        }
        for (int j = 0; j < 4; ++j) {
            y[k + j] = last[j];
        }
    }
    for (int j = 0; k < n; ++k, ++j) {
        y[k] = sum[k] + jump[k] * last[j];
    }
}

// The same from the right: y[k] = t[k] - c[k] y[k + 1].
KRISS_NOINLINE inline void box_run_back(index_t n, const float* KRISS_RESTRICT c, const double* t,
                                        double* KRISS_RESTRICT jump, double* y) {
    double* KRISS_RESTRICT sum = jump + n + factor_pad;
    for (index_t k = 0; k < n; ++k) {
        const double c0 = -static_cast<double>(c[k]);
        const double c1 = -static_cast<double>(c[k + 1]);
        const double c2 = -static_cast<double>(c[k + 2]);
        const double c3 = -static_cast<double>(c[k + 3]);
        const double two = c0 * c1;
        sum[k] = (t[k] + c0 * t[k + 1]) + two * (t[k + 2] + c2 * t[k + 3]);
        jump[k] = two * (c2 * c3);
    }
    double last[4] = {};
    index_t k = n;
    for (; k >= 4; k -= 4) {
        for (int j = 0; j < 4; ++j) {
            last[j] = sum[k - 4 + j] + jump[k - 4 + j] * last[j];
        }
        for (int j = 0; j < 4; ++j) {
            y[k - 4 + j] = last[j];
        }
    }
    for (int j = 3; k > 0; --k, --j) {
        y[k - 1] = sum[k - 1] + jump[k - 1] * last[j];
    }
}

// out = (in or 0) - the couplings towards three points of another line, whose values are v. in: null for out itself
KRISS_ALWAYS_INLINE void box_three(index_t n, const float* before, const float* here, const float* after,
                                   const double* v, const double* in, double* out) {
    const float* KRISS_RESTRICT a = before;
    const float* KRISS_RESTRICT b = here;
    const float* KRISS_RESTRICT c = after;
    const double* KRISS_RESTRICT x = v;
    double* KRISS_RESTRICT to = out;
    if (in != nullptr) {
        const double* KRISS_RESTRICT from = in;
        for (index_t k = 0; k < n; ++k) {
            to[k] = from[k] - (static_cast<double>(a[k]) * x[k - 1] + static_cast<double>(b[k]) * x[k] +
                               static_cast<double>(c[k]) * x[k + 1]);
        }
    } else {
        for (index_t k = 0; k < n; ++k) {
            to[k] -= static_cast<double>(a[k]) * x[k - 1] + static_cast<double>(b[k]) * x[k] +
                     static_cast<double>(c[k]) * x[k + 1];
        }
    }
}

// The later line that group j of off[] points to, relative to a line.
KRISS_ALWAYS_INLINE void box_later_line(const BoxFactor& f, int j, index_t& d0, index_t& d1) {
    d0 = j == 0 ? 0 : 1;
    d1 = j == 0 ? (f.turned ? -1 : 1) : j - 2;
}

// x = M^-1 r, or x += M^-1 r.  r: (n), may be t; t: (n) with box_pad around it; room: (3 (width + 2 factor_pad))
KRISS_NOINLINE inline void box_backsolve(const BoxGrid<double>& g, const BoxFactor& f, const double* r, double* t,
                                         double* x, bool add, double* room) {
    const index_t width = g.n[2];
    const index_t lines = g.n[0] * g.n[1];
    const int groups = g.n[0] > 1 ? 4 : 1;
    double* const v = room + factor_pad;  // a line between zeros
    double* const jump = v + width + factor_pad;
    for (index_t k = 0; k < factor_pad; ++k) {
        v[-1 - k] = 0.0;
        v[width + k] = 0.0;
    }
    for (index_t q = 0; q < lines; ++q) {
        const index_t i0 = q / g.n[1];
        const index_t i1 = f.turned ? g.n[1] - 1 - q % g.n[1] : q % g.n[1];
        const index_t base = (i0 * g.n[1] + i1) * width;
        const double* from = r + base;
        for (int j = 0; j < groups; ++j) {
            index_t d0, d1;
            box_later_line(f, j, d0, d1);
            if (box_line_inside(g, i0 - d0, i1 - d1)) {
                const index_t at = base - (d0 * g.n[1] + d1) * width;
                box_three(width, f.off[3 * j + 2] + at - 1, f.off[3 * j + 1] + at, f.off[3 * j] + at + 1, t + at, from,
                          v);
                from = nullptr;
            }
        }
        if (from != nullptr) {
            for (index_t k = 0; k < width; ++k) {
                v[k] = from[k];
            }
        }
        if (f.mirrored) {
            box_run_back(width, f.line + base + 1, v, jump, t + base);
        } else {
            box_run(width, f.line + base - 1, v, jump, t + base);
        }
    }
    for (index_t q = lines - 1; q >= 0; --q) {
        const index_t i0 = q / g.n[1];
        const index_t i1 = f.turned ? g.n[1] - 1 - q % g.n[1] : q % g.n[1];
        const index_t base = (i0 * g.n[1] + i1) * width;
        {
            double* KRISS_RESTRICT out = v;
            const double* KRISS_RESTRICT in = t + base;
            const double* KRISS_RESTRICT inverse = f.inverse + base;
            for (index_t k = 0; k < width; ++k) {
                out[k] = inverse[k] * in[k];
            }
        }
        for (int j = 0; j < groups; ++j) {
            index_t d0, d1;
            box_later_line(f, j, d0, d1);
            if (box_line_inside(g, i0 + d0, i1 + d1)) {
                const index_t at = base + (d0 * g.n[1] + d1) * width;
                box_three(width, f.off[3 * j] + base, f.off[3 * j + 1] + base, f.off[3 * j + 2] + base, t + at, nullptr,
                          v);
            }
        }
        if (f.mirrored) {
            box_run(width, f.line + base, v, jump, t + base);
        } else {
            box_run_back(width, f.line + base, v, jump, t + base);
        }
        double* KRISS_RESTRICT to = x + base;
        const double* KRISS_RESTRICT now = t + base;
        if (add) {
            for (index_t k = 0; k < width; ++k) {
                to[k] += now[k];
            }
        } else {
            for (index_t k = 0; k < width; ++k) {
                to[k] = now[k];
            }
        }
    }
}

// x = one cycle for A x = r on level l, from 0.  room: see box_backsolve
inline void factored_visit(const BoxHierarchy<double>& h, const FactoredGrid* factored, int l, const double* r,
                           double* x, double* room, const Executor& ex) {
    const BoxGrid<double>& g = h.grid[l];
    const FactoredGrid& own = factored[l];
    const Executor mine = box_executor(g, ex);
    for (int j = 0; j < own.count; ++j) {
        if (j > 0) {
            box_residual(g, r, static_cast<const double*>(x), false, mine);
        }
        box_backsolve(g, own.factor[j], j > 0 ? g.work : r, g.work, x, j > 0, room);
    }
    for (int turn = 0; turn < (l > 0 && l <= h.twice ? 2 : 1); ++turn) {
        const BoxGrid<double>& c = h.grid[l + 1];
        box_residual(g, r, static_cast<const double*>(x), false, mine);
        box_restrict(g, c, mine);
        if (ex.interrupted()) {
            return;
        }
        if (l + 2 == h.count) {
            box_coarsest(h);
        } else {
            factored_visit(h, factored, l + 1, c.r, c.x, room, ex);
        }
        box_interpolate(g, c, x, mine);
    }
    for (int j = own.count - 1; j >= 0; --j) {
        box_residual(g, r, static_cast<const double*>(x), false, mine);
        box_backsolve(g, own.factor[j], g.work, g.work, x, true, room);
    }
}

// z = one cycle for A z = r from 0.  r: (n), z: (n) with box_pad readable finite numbers around it
inline void factored_cycle(const BoxHierarchy<double>& h, const FactoredGrid* factored, const double* r, double* z,
                           double* room, const Executor& ex) {
    if (h.count > 1) {
        factored_visit(h, factored, 0, r, z, room, ex);
    } else {
        box_cycle(h, r, z, ex);
    }
}

KRISS_NAMESPACE_END
