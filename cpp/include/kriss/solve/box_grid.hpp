// One grid of a Black-Box multigrid hierarchy: a symmetric stencil of at most 3^d points, and walks along its lines.
//
// J. E. Dendy, "Black box multigrid", J. Comput. Phys. 48 (1982), 366-386.
//
// Grids have three axes, (n0, n1, n2) with leading ones in fewer dimensions; the last is contiguous and a "line" is a
// run of n2 points along it. An offset d in {-1, 0, 1}^3 has the code 9 (d0 + 1) + 3 (d1 + 1) + (d2 + 1); 13 is the
// point itself. Only the codes 13..26 are stored, a[code - 13], since a_(x, x - d) = a_(x - d, x). Coefficients to
// points outside the grid are 0, so an array is walked as if it were flat: what a wrapped index reads is multiplied by
// 0. Every array has box_pad readable finite numbers before and after it.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/status.hpp"

namespace kriss {

inline constexpr index_t box_pad = 16;
inline constexpr int box_codes = 27;
inline constexpr int box_half = 14;

template <class T>
struct BoxGrid {
    index_t n[3] = {1, 1, 1};
    int step[3] = {1, 1, 1};  // 2: the next grid has the odd points of this axis; 1: all of them
    T* a[box_half] = {};      // null: no such coupling anywhere
    T* inverse = nullptr;     // 1 / a[0]
    T* w[box_codes] = {};     // w[o][I]: weight of coarse point I at the fine point o beside it; null if o leaves I
    unsigned lines = 0;       // axes along which lines are relaxed; 0: points
    T* lower[3] = {};         // L D L' of the lines of axis q: entry of L, and 1 / D
    T* pivot[3] = {};
    T* x = nullptr;  // the correction, the right-hand side, and scratch
    T* r = nullptr;
    T* work = nullptr;

    index_t size() const { return n[0] * n[1] * n[2]; }
};

// Levels from fine to coarse; the last is solved by its Cholesky factor, row-major (m, m), 1 / diagonal in place.
template <class T>
struct BoxHierarchy {
    int count = 0;
    BoxGrid<T>* grid = nullptr;
    T* factor = nullptr;
    int twice = 0;  // levels 1..twice correct from the next grid twice
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

KRISS_ALWAYS_INLINE int box_offset(int code, int axis) {
    return axis == 0 ? code / 9 - 1 : axis == 1 ? code / 3 % 3 - 1 : code % 3 - 1;
}

template <class T>
KRISS_ALWAYS_INLINE index_t box_flat(const BoxGrid<T>& g, int code) {
    return (box_offset(code, 0) * g.n[1] + box_offset(code, 1)) * g.n[2] + box_offset(code, 2);
}

// The coupling of the points from `base` on to their neighbours `code`, or null.
template <class T>
KRISS_ALWAYS_INLINE const T* box_stream(const BoxGrid<T>& g, int code, index_t base) {
    if (code >= 13) {
        const T* s = g.a[code - 13];
        return s == nullptr ? nullptr : s + base;
    }
    const T* s = g.a[13 - code];
    return s == nullptr ? nullptr : s + base + box_flat(g, code);
}

template <class T>
KRISS_ALWAYS_INLINE bool box_line_inside(const BoxGrid<T>& g, index_t i0, index_t i1) {
    return i0 >= 0 && i0 < g.n[0] && i1 >= 0 && i1 < g.n[1];
}

inline constexpr unsigned box_everything = (1U << box_codes) - 1;
inline constexpr unsigned box_own_line = 7U << 12;  // codes 12, 13, 14

enum class BoxStart { zero, copy, add };  // t = 0, t = r, t as it is

// t[k] = start - sum over the K terms of c[j][k] x[j][k].  Reads 2 K numbers per point.
template <class T, int K, BoxStart Start>
KRISS_ALWAYS_INLINE void box_subtract(index_t n, const T* const* c, const T* const* x, const T* KRISS_RESTRICT r,
                                      T* KRISS_RESTRICT t) {
    const T* KRISS_RESTRICT cj[K > 0 ? K : 1];
    const T* KRISS_RESTRICT xj[K > 0 ? K : 1];
    for (int j = 0; j < K; ++j) {
        cj[j] = c[j];
        xj[j] = x[j];
    }
    for (index_t k = 0; k < n; ++k) {
        T s = Start == BoxStart::zero ? T(0) : Start == BoxStart::copy ? r[k] : t[k];
        for (int j = 0; j < K; ++j) {
            s -= cj[j][k] * xj[j][k];
        }
        t[k] = s;
    }
}

template <class T, BoxStart Start>
void box_subtract_few(int count, index_t n, const T* const* c, const T* const* x, const T* r, T* t) {
    switch (count) {
        case 0: box_subtract<T, 0, Start>(n, c, x, r, t); return;
        case 1: box_subtract<T, 1, Start>(n, c, x, r, t); return;
        case 2: box_subtract<T, 2, Start>(n, c, x, r, t); return;
        case 3: box_subtract<T, 3, Start>(n, c, x, r, t); return;
        case 4: box_subtract<T, 4, Start>(n, c, x, r, t); return;
        case 5: box_subtract<T, 5, Start>(n, c, x, r, t); return;
        default: box_subtract<T, 6, Start>(n, c, x, r, t); return;
    }
}

// t = (r or 0) - sum of the couplings in `mask` of line (i0, i1).  x: the grid; r: the line or null; t: the line
template <class T>
void box_line_sum(const BoxGrid<T>& g, index_t i0, index_t i1, unsigned mask, const T* x, const T* r, T* t) {
    const index_t base = (i0 * g.n[1] + i1) * g.n[2];
    const T* c[box_codes];
    const T* v[box_codes];
    int count = 0;
    for (int code = 0; code < box_codes; ++code) {
        if ((mask >> code & 1U) == 0 || !box_line_inside(g, i0 + box_offset(code, 0), i1 + box_offset(code, 1))) {
            continue;
        }
        const T* s = box_stream(g, code, base);
        if (s != nullptr) {
            c[count] = s;
            v[count++] = x + base + box_flat(g, code);
        }
    }
    const int first = count < 6 ? count : 6;
    if (r == nullptr) {
        box_subtract_few<T, BoxStart::zero>(first, g.n[2], c, v, r, t);
    } else {
        box_subtract_few<T, BoxStart::copy>(first, g.n[2], c, v, r, t);
    }
    for (int j = 6; j < count; j += 6) {
        box_subtract_few<T, BoxStart::add>(count - j < 6 ? count - j : 6, g.n[2], c + j, v + j, r, t);
    }
}

// Lines per chunk of work: about solve_grain points.
KRISS_ALWAYS_INLINE index_t box_grain(index_t line) {
    const index_t g = solve_grain / (line > 0 ? line : 1);
    return g < 1 ? 1 : g;
}

// Below this many points a pass takes about as long as waking a thread.
inline constexpr index_t box_serial = 8192;

template <class T>
KRISS_ALWAYS_INLINE Executor box_executor(const BoxGrid<T>& g, const Executor& ex) {
    Executor out = ex;
    if (g.size() < box_serial) {
        out.workers = 1;
    }
    return out;
}

// f(i0, i1) for all lines
template <class T, class F>
void box_for_lines(const BoxGrid<T>& g, const Executor& ex, F&& f) {
    const index_t n1 = g.n[1];
    ex.parallel_for(g.n[0] * n1, box_grain(g.n[2]), [&](index_t b, index_t e) {
        for (index_t q = b; q < e; ++q) {
            f(q / n1, q % n1);
        }
    });
}

// The lines whose indices have the parities of `colour` = 2 p0 + p1.
struct BoxColour {
    index_t p0, p1, m0, m1;

    template <class T>
    BoxColour(const BoxGrid<T>& g, int colour)
        : p0(colour / 2), p1(colour % 2), m0((g.n[0] - p0 + 1) / 2), m1((g.n[1] - p1 + 1) / 2) {}

    index_t count() const { return m0 * m1; }
    index_t i0(index_t q) const { return p0 + 2 * (q / m1); }
    index_t i1(index_t q) const { return p1 + 2 * (q % m1); }
};

// Couplings of a line of `colour` to lines of other colours: those before it if `earlier`, those after it if `later`.
KRISS_ALWAYS_INLINE unsigned box_colour_mask(int colour, bool earlier, bool later) {
    unsigned mask = 0;
    for (int code = 0; code < box_codes; ++code) {
        const int other = colour ^ ((box_offset(code, 0) & 1) * 2 + (box_offset(code, 1) & 1));
        if ((other < colour && earlier) || (other > colour && later)) {
            mask |= 1U << code;
        }
    }
    return mask;
}

KRISS_NAMESPACE_END
