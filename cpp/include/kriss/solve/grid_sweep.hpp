// SSOR and incomplete factorisations of a stencil that is not stored: M = (E + L) E^-1 (E + L') / (2 - omega), L the
// part of the stencil below its centre, E a diagonal.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 10.2 (SSOR); the pivots E of the
// modified incomplete factorisation are those of solve/incomplete.hpp. The arithmetic is that of ssor_apply_dot
// (solve/ssor.hpp) on the matrix of the stencil, in its order, so the bits are the same.
//
// A sweep goes through the lines of the last axis: what earlier lines contribute is a vector loop, and only the
// neighbour on the line itself is a recurrence. Bytes of an application in float64: 56 n and twice the arrays of
// coefficients; 2 count n + 4 n flops. Axes must not be periodic.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/grid_stencil.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

// to[t] += sign * coefficient * from[offset + t] for the cells t of [first, last) that have the neighbour
template <class T, bool Subtract>
KRISS_ALWAYS_INLINE void grid_add_line(const GridPoints<T>& l, int p, index_t base, index_t width, index_t first,
                                       index_t last, const T* z, T* KRISS_RESTRICT to) {
    const index_t d = l.along[p];
    const index_t low = d < 0 && -d > first ? -d : first;
    const index_t high = d > 0 && width - d < last ? width - d : last;
    const T* KRISS_RESTRICT from = z + base + l.offset[p];
    if (l.stream[p] != nullptr) {
        const T* KRISS_RESTRICT v = l.stream[p] + base;
        for (index_t t = low; t < high; ++t) {
            to[t] += Subtract ? -(v[t] * from[t]) : v[t] * from[t];
        }
    } else {
        const T v = l.constant[p];
        for (index_t t = low; t < high; ++t) {
            to[t] += Subtract ? -(v * from[t]) : v * from[t];
        }
    }
}

template <class T>
KRISS_ALWAYS_INLINE T grid_value(const GridPoints<T>& l, int p, index_t c) {
    return l.stream[p] != nullptr ? l.stream[p][c] : l.constant[p];
}

// The points of a line in lexicographic order: earlier lines, then the line itself before the cell (the last of them
// perhaps its neighbour), the cell, the line behind it, later lines.
struct GridOrder {
    int line = 0;    // first point on the line itself
    int before = 0;  // first point that is the neighbour before the cell, or the centre
    int centre = 0;
    int after = 0;  // first point behind the neighbour after the cell
    int later = 0;  // first point on a later line
};

template <class T>
KRISS_ALWAYS_INLINE GridOrder grid_order(const GridPoints<T>& l) {
    GridOrder o;
    // on the line itself the offset is the step along it
    while (o.line < l.count && l.offset[o.line] != l.along[o.line] && l.offset[o.line] < 0) {
        ++o.line;
    }
    o.centre = o.line;
    while (o.centre < l.count && l.offset[o.centre] < 0) {
        ++o.centre;
    }
    o.before = o.centre > o.line && l.along[o.centre - 1] == -1 ? o.centre - 1 : o.centre;
    o.after = o.centre + 1 < l.count && l.offset[o.centre + 1] == l.along[o.centre + 1] && l.along[o.centre + 1] == 1
                  ? o.centre + 2
                  : o.centre + 1;
    o.later = o.after;
    while (o.later < l.count && l.offset[o.later] == l.along[o.later]) {
        ++o.later;
    }
    return o;
}

// z = M^-1 r.  inverse: (n), the inverse of E times 1 / omega; r, z: (n), apart. The stencil has a centre.
template <class T>
void grid_sweeps(const GridStencil<T>& g, const T* inverse, T omega, const T* r, T* z, const Executor& ex) {
    const index_t width = g.n[2];
    const index_t lines = g.n[0] * g.n[1];
    GridLine<T> room;
    index_t since = 0;
    for (index_t line = 0; line < lines; ++line) {
        const index_t base = line * width;
        const GridPoints<T> l = grid_points(g, line, room);
        const GridOrder o = grid_order(l);
        for (index_t t = 0; t < width; ++t) {
            z[base + t] = r[base + t];
        }
        for (int p = 0; p < o.line; ++p) {
            grid_add_line<T, true>(l, p, base, width, 0, width, z, z + base);
        }
        T last = 0;
        const bool chain = o.before < o.centre;
        for (index_t t = 0; t < width; ++t) {
            const index_t c = base + t;
            const T w = omega * inverse[c];
            T s = z[c];
            for (int p = o.line; p < o.before; ++p) {
                if (t + l.along[p] >= 0) {
                    s -= grid_value(l, p, c) * z[c + l.along[p]];
                }
            }
            last = chain && t > 0 ? s * w - (grid_value(l, o.before, c) * w) * last : s * w;
            z[c] = last;
        }
        since += width;
        if (since >= solve_grain) {
            since = 0;
            if (ex.interrupted()) {
                return;
            }
        }
    }
    for (index_t line = lines - 1; line >= 0; --line) {
        const index_t base = line * width;
        const GridPoints<T> l = grid_points(g, line, room);
        const GridOrder o = grid_order(l);
        T last = 0;
        const bool chain = o.after == o.centre + 2;
        const bool far = o.later > o.after;  // terms of the line come before those of later lines
        for (index_t stop = width; stop > 0;) {
            const index_t start = stop > solve_block ? stop - solve_block : 0;
            T sum[solve_block];
            T* const at = sum - start;
            for (index_t t = start; t < stop; ++t) {
                at[t] = 0;
            }
            if (!far) {
                for (int p = o.later; p < l.count; ++p) {
                    grid_add_line<T, false>(l, p, base, width, start, stop, z, at);
                }
            }
            for (index_t t = stop - 1; t >= start; --t) {
                const index_t c = base + t;
                const T w = omega * inverse[c];
                T s = at[t];
                if (far) {
                    for (int p = o.after; p < l.count; ++p) {
                        const index_t to = t + l.along[p];
                        if (to >= 0 && to < width) {
                            s += grid_value(l, p, c) * z[c + l.offset[p]];
                        }
                    }
                }
                const T v = (T(2) - omega) * z[c] - w * s;
                last = chain && t + 1 < width ? v - (grid_value(l, o.centre + 1, c) * w) * last : v;
                z[c] = last;
            }
            stop = start;
        }
        since += width;
        if (since >= solve_grain) {
            since = 0;
            if (ex.interrupted()) {
                return;
            }
        }
    }
}

// Pivots E of the relaxed modified factorisation: mic_diagonal of solve/incomplete.hpp on the matrix of the stencil,
// which must be symmetric and without triangles.  pivot, upper: (n)
template <class T>
Info grid_mic_pivots(const GridStencil<T>& g, T relax, T shift, T tau, T* pivot, T* upper, const Executor& ex) {
    const index_t width = g.n[2];
    const index_t lines = g.n[0] * g.n[1];
    GridLine<T> room;
    for (index_t line = 0; line < lines; ++line) {
        const index_t base = line * width;
        const GridPoints<T> l = grid_points(g, line, room);
        for (index_t t = 0; t < width; ++t) {
            const index_t c = base + t;
            T d = 0;
            T sum = 0;
            T u = 0;
            for (int p = 0; p < l.count; ++p) {
                const index_t to = t + l.along[p];
                if (to < 0 || to >= width) {
                    continue;
                }
                const T v = grid_value(l, p, c);
                const index_t j = c + l.offset[p];
                if (j < c) {
                    sum += v / pivot[j] * (v + relax * (upper[j] - v));
                } else if (j == c) {
                    d = v;
                } else {
                    u += v;
                }
            }
            upper[c] = u;
            if (!(d > T(0)) || !std::isfinite(d)) {
                return {Status::zero_diagonal, c};
            }
            const T e = (T(1) + shift) * d - sum;
            if (!(e > tau * d) || !std::isfinite(e)) {
                return {Status::not_positive_definite, c};
            }
            pivot[c] = e;
        }
        if ((line + 1) * width / solve_grain != line * width / solve_grain && ex.interrupted()) {
            return {Status::interrupted, base};
        }
    }
    return {};
}

KRISS_NAMESPACE_END
