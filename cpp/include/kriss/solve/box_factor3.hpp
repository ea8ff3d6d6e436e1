// Incomplete factorisation of a 27-point stencil in the sense of box_factor.hpp: dropped fill f between the points p
// and q is added in absolute value to both of their diagonal entries, so that the product of the factors exceeds the
// matrix.
//
// M. A. Ajiz, A. Jennings, "A robust incomplete Choleski-conjugate gradient algorithm", Int. J. Numer. Meth. Engng 20
// (1984), section 3.
//
// In the order of elimination a point has 13 later neighbours, h = 1..13 for the offsets of the codes 14..26; mirrored
// and turned orders exchange the signs of the last and of the middle axis. The neighbours p < q of a point are
// neighbours themselves if every component of their offsets differs by one at most, and then q is number q - p of p:
// the fill of a row goes to consecutive entries of another one. Rows of 16 numbers, two planes of them at a time.
#pragma once

#include <cmath>

#include "kriss/solve/box_factor.hpp"
#include "kriss/solve/box_grid.hpp"

namespace kriss {

inline constexpr int factor_row = 16;  // numbers per point: the diagonal entry, 13 couplings, two zeros

// near[p][q], q > p: whether two later neighbours of a point are neighbours; far[p][q], q != p: whether they are not.
struct BoxFill {
    double near[box_half][factor_row] = {};
    double far[box_half][factor_row] = {};

    constexpr BoxFill() {
        for (int p = 1; p < box_half; ++p) {
            for (int q = 1; q < box_half; ++q) {
                bool close = true;
                for (int scale = 1; scale <= 9; scale *= 3) {
                    const int e = (q + 13) / scale % 3 - (p + 13) / scale % 3;
                    close = close && e >= -1 && e <= 1;
                }
                near[p][q] = close && q > p ? 1.0 : 0.0;
                far[p][q] = close ? 0.0 : 1.0;
            }
        }
    }
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr BoxFill box_fill_pattern{};

// Rows of plane i0 in the order of f: the diagonal entry, the couplings to later neighbours, zeros.  rows: (n1 n2, 16)
inline void box_fill_rows(const BoxGrid<double>& g, const BoxFactor& f, index_t i0, double* rows) {
    const index_t width = g.n[2];
    for (index_t i1 = 0; i1 < g.n[1]; ++i1) {
        const index_t base = (i0 * g.n[1] + i1) * width;
        double* to = rows + i1 * width * factor_row;
        for (int h = 0; h < factor_row; ++h) {
            const double* from = nullptr;
            if (h < box_half) {
                const int d0 = box_offset(h + 13, 0);
                const int d1 = f.turned ? -box_offset(h + 13, 1) : box_offset(h + 13, 1);
                const int d2 = f.mirrored ? -box_offset(h + 13, 2) : box_offset(h + 13, 2);
                if (box_line_inside(g, i0 + d0, i1 + d1)) {
                    from = box_stream(g, 9 * (d0 + 1) + 3 * (d1 + 1) + d2 + 1, base);
                }
            }
            for (index_t k = 0; k < width; ++k) {
                to[k * factor_row + h] = from == nullptr ? 0.0 : from[k];
            }
        }
    }
}

inline constexpr int fill_half = factor_row / 2;

// Subtracts the fill between the neighbours p and q, for eight of the q, from the row of p; what is not fill, and the
// end of the row before, which they reach into as well, are left as they are.
KRISS_ALWAYS_INLINE void box_add_fill(int p, int start, double l, const double* a, double* row) {
    const double* KRISS_RESTRICT near = box_fill_pattern.near[p] + start;
    const double* KRISS_RESTRICT from = a + start;
    double* KRISS_RESTRICT to = row + start - p;
    for (int j = 0; j < fill_half; ++j) {
        to[j] -= from[j] * l * near[j];
    }
}

// work: (2 n1 n2 + 1, 16).  Returns the first point whose pivot is not positive, or -1.  About 900 flops per point.
KRISS_NOINLINE inline index_t box_factorise3(const BoxGrid<double>& g, const BoxFactor& f, double* work) {
    const index_t n1 = g.n[1], n2 = g.n[2];
    const index_t plane = n1 * n2;
    float* out[box_half] = {};
    index_t move[box_half] = {};  // from a point to its later neighbour within a plane
    for (int h = 1; h < box_half; ++h) {
        const int d0 = box_offset(h + 13, 0);
        const int d1 = f.turned ? -box_offset(h + 13, 1) : box_offset(h + 13, 1);
        const int d2 = f.mirrored ? -box_offset(h + 13, 2) : box_offset(h + 13, 2);
        out[h] = h == 1 ? f.line : d0 == 0 ? f.off[d2 + 1] : f.off[3 * (d1 + 2) + d2 + 1];
        move[h] = d1 * n2 + d2;
    }
    double* const planes = work + factor_row;
    for (int j = 0; j < factor_row; ++j) {
        work[j] = 0.0;
    }
    box_fill_rows(g, f, 0, planes);
    for (index_t i0 = 0; i0 < g.n[0]; ++i0) {
        double* const rows = planes + (i0 % 2) * plane * factor_row;
        double* const below = planes + (1 - i0 % 2) * plane * factor_row;
        if (i0 + 1 < g.n[0]) {
            box_fill_rows(g, f, i0 + 1, below);
        }
        for (index_t at = 0; at < plane; ++at) {
            const index_t i1 = f.turned ? n1 - 1 - at / n2 : at / n2;
            const index_t i2 = f.mirrored ? n2 - 1 - at % n2 : at % n2;
            const index_t k = i1 * n2 + i2;
            const double* row = rows + k * factor_row;
            const double pivot = row[0];
            if (!(pivot > 0.0) || !std::isfinite(pivot)) {
                return i0 * plane + k;
            }
            const double inverse = 1.0 / pivot;
            double a[factor_row], l[factor_row], sum[factor_row];
            for (int h = 0; h < factor_row; ++h) {
                a[h] = row[h];
                l[h] = a[h] * inverse;
                sum[h] = 0.0;
            }
            f.inverse[i0 * plane + k] = inverse;
            for (int p = 1; p < box_half; ++p) {
                out[p][i0 * plane + k] = static_cast<float>(l[p]);
                const double size = std::abs(l[p]);
                for (int q = 0; q < factor_row; ++q) {
                    sum[q] += size * box_fill_pattern.far[p][q];
                }
            }
            for (int q = 0; q < factor_row; ++q) {  // what is due to the diagonal entries
                sum[q] = std::abs(a[q]) * sum[q] - a[q] * l[q];
            }
            for (int p = 1; p < box_half; ++p) {
                if (a[p] != 0.0) {  // or the neighbour may not exist
                    double* to = (p < 5 ? rows : below) + (k + move[p]) * factor_row;
                    if (p < fill_half) {
                        box_add_fill(p, 0, l[p], a, to);
                    }
                    box_add_fill(p, fill_half, l[p], a, to);
                    to[0] += sum[p];
                }
            }
        }
    }
    return -1;
}

KRISS_NAMESPACE_END
