// The rows of the cubic spline system and its ends; equations in cubic.hpp.
#pragma once

#include <limits>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

enum class End : int { not_a_knot = 0, slope = 1, curvature = 2, periodic = 3 };

// n >= 2 knots, N = n - 1 cells.
struct CubicEnds {
    End left = End::not_a_knot;
    End right = End::not_a_knot;
    index_t n = 0;
};

namespace detail {

// Rows lo..hi of the symmetric system, from widths h and slopes d. Empty (hi < lo) for very few knots.
template <class T>
struct CubicRows {
    CubicEnds ends;
    index_t N;
    index_t lo;
    index_t hi;
    const T* h;  // (N)

    KRISS_HD CubicRows(const CubicEnds& e, const T* widths)
        : ends(e),
          N(e.n - 1),
          lo(e.left == End::not_a_knot ? 2 : 1),
          hi(e.n - 1 - (e.right == End::not_a_knot ? 2 : 1)),
          h(widths) {}

    // What an end takes from the diagonal of its neighbour: p is the end cell's width, q the next one's.
    KRISS_HD KRISS_ALWAYS_INLINE T take_diagonal(End end, T p, T q) const {
        return end == End::not_a_knot ? q * ((q - p) / (p + T(2) * q)) : end == End::slope ? p / T(2) : T(0);
    }

    KRISS_HD KRISS_ALWAYS_INLINE T diagonal(index_t i) const {
        T a = T(2) * (h[i - 1] + h[i]);
        if (i == lo) {
            a -= take_diagonal(ends.left, h[0], N > 1 ? h[1] : h[0]);
        }
        if (i == hi) {
            a -= take_diagonal(ends.right, h[N - 1], N > 1 ? h[N - 2] : h[0]);
        }
        return a;
    }

    // d: slopes of one column, `step` apart; left, right: the given end derivatives.
    KRISS_HD KRISS_ALWAYS_INLINE T rhs(index_t i, const T* d, index_t step, T left, T right) const {
        T b = T(6) * (d[i * step] - d[(i - 1) * step]);
        if (i == lo) {
            if (ends.left == End::curvature) {
                b -= h[0] * left;
            } else if (ends.left == End::slope) {
                b -= T(3) * (d[0] - left);
            } else if (ends.left == End::not_a_knot) {
                b -= (h[1] / (h[0] + h[1])) * (h[1] / (h[0] + T(2) * h[1])) * (T(6) * (d[step] - d[0]));
            }
        }
        if (i == hi) {
            if (ends.right == End::curvature) {
                b -= h[N - 1] * right;
            } else if (ends.right == End::slope) {
                b -= T(3) * (right - d[(N - 1) * step]);
            } else if (ends.right == End::not_a_knot) {
                const T p = h[N - 1];
                const T q = h[N - 2];
                b -= (q / (p + q)) * (q / (p + T(2) * q)) * (T(6) * (d[(N - 1) * step] - d[(N - 2) * step]));
            }
        }
        return b;
    }
};

// Coefficients of one cell from its second derivatives.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE void cubic_cell(T h, T d, T M0, T M1, T y, T* c0, T* c1, T* c2, T* c3) {
    *c0 = (M1 - M0) / h / T(6);
    *c1 = M0 / T(2);
    *c2 = d - h * ((T(2) * M0 + M1) / T(6));
    *c3 = y;
}

// M_0, M_1, M_{N-1}, M_N as far as the ends eliminated them, with the other rows known; M and d are `step` apart.
template <class T>
KRISS_HD inline void cubic_ends(const CubicRows<T>& rows, const T* d, index_t step, T left, T right, T* M) {
    const index_t N = rows.N;
    const T* const h = rows.h;
    const End a = rows.ends.left;
    const End b = rows.ends.right;
    // Not-a-knot rows 1 and N - 1: (p + 2 q) M_near + (q - p) M_far = f.
    const T p0 = h[0];
    const T q0 = N > 1 ? h[1] : h[0];
    const T p1 = h[N - 1];
    const T q1 = N > 1 ? h[N - 2] : h[0];
    const T f0 = N > 1 ? (q0 / (p0 + q0)) * (T(6) * (d[step] - d[0])) : T(0);
    const T f1 = N > 1 ? (q1 / (p1 + q1)) * (T(6) * (d[(N - 1) * step] - d[(N - 2) * step])) : T(0);
    // Slope rows: M_end = half - M_neighbour / 2.
    const T half0 = T(3) * (d[0] - left) / h[0];
    const T half1 = T(3) * (right - d[(N - 1) * step]) / h[N - 1];

    if (N == 1) {
        // Two points; not-a-knot stands for the slope of the straight line.
        const T e0 = a == End::slope ? half0 : T(0);
        const T e1 = b == End::slope ? half1 : T(0);
        if (a == End::curvature && b == End::curvature) {
            M[0] = left;
            M[step] = right;
        } else if (a == End::curvature) {
            M[0] = left;
            M[step] = e1 - left / T(2);
        } else if (b == End::curvature) {
            M[step] = right;
            M[0] = e0 - right / T(2);
        } else {
            M[0] = (T(2) * e0 - e1) * (T(2) / T(3));
            M[step] = (T(2) * e1 - e0) * (T(2) / T(3));
        }
        return;
    }
    if (a == End::curvature) {
        M[0] = left;
    }
    if (b == End::curvature) {
        M[N * step] = right;
    }
    if (a == End::not_a_knot && b == End::not_a_knot && N == 2) {
        // Three points, one parabola.
        const T flat = T(2) * ((d[step] - d[0]) / (h[0] + h[1]));
        M[0] = M[step] = M[2 * step] = flat;
        return;
    }
    if (a == End::not_a_knot && b == End::not_a_knot && N == 3) {
        // Four points, one cubic: two rows in M_1, M_2 with determinant 3 h_1 (h_0 + h_1 + h_2).
        const T width = h[0] + h[1] + h[2];
        const T share = T(1) / (T(3) * h[1]);
        M[step] = (((p1 + T(2) * q1) / width) * f0 - ((q0 - p0) / width) * f1) * share;
        M[2 * step] = (((p0 + T(2) * q0) / width) * f1 - ((q1 - p1) / width) * f0) * share;
    } else if (a == End::not_a_knot && b == End::slope && N == 2) {
        M[step] = (f0 - (q0 - p0) * half1) / (p0 + T(2) * q0 - (q0 - p0) / T(2));
    } else if (a == End::slope && b == End::not_a_knot && N == 2) {
        M[step] = (f1 - (q1 - p1) * half0) / (p1 + T(2) * q1 - (q1 - p1) / T(2));
    } else {
        if (a == End::not_a_knot) {
            M[step] = (f0 - (q0 - p0) * M[2 * step]) / (p0 + T(2) * q0);
        }
        if (b == End::not_a_knot) {
            M[(N - 1) * step] = (f1 - (q1 - p1) * M[(N - 2) * step]) / (p1 + T(2) * q1);
        }
    }
    if (a == End::slope) {
        M[0] = half0 - M[step] / T(2);
    }
    if (b == End::slope) {
        M[N * step] = half1 - M[(N - 1) * step] / T(2);
    }
    if (a == End::not_a_knot) {
        M[0] = M[step] + (p0 / q0) * (M[step] - M[2 * step]);
    }
    if (b == End::not_a_knot) {
        M[N * step] = M[(N - 1) * step] + (p1 / q1) * (M[(N - 1) * step] - M[(N - 2) * step]);
    }
}

// Widths and slopes of cells [begin, end); true if some x does not increase or something is not finite.
template <class T>
KRISS_ALWAYS_INLINE bool cubic_slopes(const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT y, index_t m, index_t begin,
                                      index_t end, T* KRISS_RESTRICT h, T* KRISS_RESTRICT d) {
    constexpr T big = std::numeric_limits<T>::max();
    int bad = 0;
    if (m == 1) {
        for (index_t i = begin; i < end; ++i) {
            const T width = x[i + 1] - x[i];
            const T v = (y[i + 1] - y[i]) / width;
            bad |= static_cast<int>(!((width > T(0)) & (width <= big) & (v <= big) & (v >= -big)));
            h[i] = width;
            d[i] = v;
        }
        return bad != 0;
    }
    for (index_t i = begin; i < end; ++i) {
        const T width = x[i + 1] - x[i];
        bad |= static_cast<int>(!((width > T(0)) & (width <= big)));
        h[i] = width;
        for (index_t t = 0; t < m; ++t) {
            const T v = (y[(i + 1) * m + t] - y[i * m + t]) / width;
            bad |= static_cast<int>(!((v <= big) & (v >= -big)));
            d[i * m + t] = v;
        }
    }
    return bad != 0;
}

}  // namespace detail

KRISS_NAMESPACE_END
