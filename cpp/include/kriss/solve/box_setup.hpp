// Setting up a Black-Box multigrid hierarchy: weights of interpolation, coarse operators, factors.
//
// J. E. Dendy, "Black box multigrid", J. Comput. Phys. 48 (1982), section 2; three dimensions: J. E. Dendy, "Two
// multigrid methods for three-dimensional problems with discontinuous and anisotropic coefficients", SIAM J. Sci. Stat.
// Comput. 8 (1987). Coarse points are the odd ones. At a fine point x let F be the axes along which it is not coarse.
// The stencil collapsed over the other axes is c_d = sum over e of a_(x, x + d + e), d along F; then
//     P(x, .) = -(1 / c_0) sum over d != 0 of c_d P(x + d, .),    P(x, .) = identity at coarse points.
// The weight of one coarse point I at x = I + o involves I's weights only:
//     w_o = -(1 / c_0) sum over d, every d_k in {0, -o_k}, d != 0, of c_d w_(o + d),    w_0 = 1,
// so each coarse line is computed by itself. The coarse operator P'AP has at most 3^d points again; it is summed with
// fixed offsets, a term per (point beside I, neighbour of that point, coarse point beside the neighbour).
#pragma once

#include <cmath>

#include "kriss/solve/box_grid.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Why a matrix is not a symmetric stencil on the grid given.
struct BoxFit {
    enum Kind : int { good = 0, outside = 1, asymmetric = 2, diagonal = 3 };
    Kind kind = good;
    index_t row = -1;
    index_t column = -1;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr index_t box_block = 256;

// The code of the offset from point i to column j, or -1 if it is not a neighbour.  i0, i1, i2: indices of point i
template <class T>
KRISS_ALWAYS_INLINE int box_code(const BoxGrid<T>& g, const index_t* flat, index_t i0, index_t i1, index_t i2,
                                 index_t offset, int& at) {
    while (at < box_codes && flat[at] < offset) {
        ++at;
    }
    for (int code = at; code < box_codes && flat[code] == offset; ++code) {
        const index_t j2 = i2 + box_offset(code, 2);
        if (box_line_inside(g, i0 + box_offset(code, 0), i1 + box_offset(code, 1)) && j2 >= 0 && j2 < g.n[2]) {
            return code;
        }
    }
    return -1;
}

// The same by divisions, for grids whose offsets of codes are not sorted.
template <class T>
KRISS_ALWAYS_INLINE int box_divided_code(const BoxGrid<T>& g, index_t i0, index_t i1, index_t i2, index_t j) {
    const index_t d0 = j / (g.n[1] * g.n[2]) - i0;
    const index_t d1 = j / g.n[2] % g.n[1] - i1;
    const index_t d2 = j % g.n[2] - i2;
    const bool beside = d0 >= -1 && d0 <= 1 && d1 >= -1 && d1 <= 1 && d2 >= -1 && d2 <= 1;
    return beside ? static_cast<int>(9 * (d0 + 1) + 3 * (d1 + 1) + d2 + 1) : -1;
}

// The codes of the entries of a row, and the offsets and the kind of point that they are for: most rows have those of
// the row before.
struct BoxRow {
    index_t offset[box_codes];
    int code[box_codes];
    index_t count = -1;
    int place = -1;
};

// f(chunk, row, first entry, how many, their codes or -1): every row in one piece, or several of box_codes entries.
template <class T, class I, class F>
void box_each_row(const BoxGrid<T>& g, const CsrView<T, I>& m, const Executor& ex, F&& f) {
    index_t flat[box_codes];
    for (int code = 0; code < box_codes; ++code) {
        flat[code] = box_flat(g, code);
    }
    // Along an axis of one or two points several codes share a flat offset and those are not sorted.
    bool sorted = true;
    for (int code = 1; code < box_codes; ++code) {
        sorted = sorted && flat[code - 1] <= flat[code];
    }
    ex.parallel_for(m.rows, solve_grain, [&](index_t b, index_t e) {
        BoxRow known;
        index_t i2 = b % g.n[2];
        index_t i1 = b / g.n[2] % g.n[1];
        index_t i0 = b / (g.n[2] * g.n[1]);
        for (index_t i = b; i < e; ++i) {
            const index_t first = m.indptr[i], last = m.indptr[i + 1];
            const auto end = [](index_t k, index_t n) { return (k == 0 ? 1 : 0) + (k + 1 == n ? 2 : 0); };
            const int place = end(i0, g.n[0]) + 4 * end(i1, g.n[1]) + 16 * end(i2, g.n[2]);
            bool same = place == known.place && last - first == known.count;
            if (same) {
                for (index_t k = 0; k < known.count; ++k) {
                    same = same & (static_cast<index_t>(m.indices[first + k]) - i == known.offset[k]);
                }
            }
            if (same) {
                f(b / solve_grain, i, first, known.count, known.code);
            } else {
                int at = 0;
                for (index_t k = first; k < last; k += known.count) {
                    known.count = last - k < box_codes ? last - k : box_codes;
                    for (index_t q = 0; q < known.count; ++q) {
                        const index_t j = static_cast<index_t>(m.indices[k + q]);
                        known.offset[q] = j - i;
                        known.code[q] =
                            sorted ? box_code(g, flat, i0, i1, i2, j - i, at) : box_divided_code(g, i0, i1, i2, j);
                    }
                    f(b / solve_grain, i, k, known.count, known.code);
                }
                known.place = first < last && last - first <= box_codes ? place : -1;
            }
            if (++i2 == g.n[2]) {
                i2 = 0;
                if (++i1 == g.n[1]) {
                    i1 = 0;
                    ++i0;
                }
            }
        }
    });
}

// Codes in use; the first nonzero entry that is not a neighbour.  masks: (chunks), bad: (2 chunks) scratch
template <class T, class I>
BoxFit box_scan(const BoxGrid<T>& g, const CsrView<T, I>& m, unsigned* masks, index_t* bad, unsigned& mask,
                const Executor& ex) {
    const index_t chunks = chunk_count(m.rows);
    for (index_t c = 0; c < chunks; ++c) {
        masks[c] = 0;
        bad[2 * c] = -1;
    }
    box_each_row(g, m, ex, [=](index_t chunk, index_t i, index_t first, index_t count, const int* code) {
        unsigned used = masks[chunk];
        for (index_t k = 0; k < count; ++k) {
            const bool nonzero = m.data[first + k] != T(0);
            if (code[k] >= 0) {
                used |= nonzero ? 1U << code[k] : 0U;
            } else if (nonzero && bad[2 * chunk] < 0) {
                bad[2 * chunk] = i;
                bad[2 * chunk + 1] = static_cast<index_t>(m.indices[first + k]);
            }
        }
        masks[chunk] = used;
    });
    mask = 0;
    for (index_t c = 0; c < chunks; ++c) {
        mask |= masks[c];
        if (bad[2 * c] >= 0) {
            return {BoxFit::outside, bad[2 * c], bad[2 * c + 1]};
        }
    }
    return {};
}

// Fills the streams of g, zero on entry, from m, and compares the entries below the diagonal with those above.
// bad: (2 chunks), counts: (chunks) scratch
template <class T, class I>
BoxFit box_fill(const BoxGrid<T>& g, const CsrView<T, I>& m, index_t* bad, index_t* counts, const Executor& ex) {
    const index_t chunks = chunk_count(m.rows);
    for (index_t c = 0; c < chunks; ++c) {
        counts[c] = 0;
        bad[2 * c] = -1;
    }
    box_each_row(g, m, ex, [&](index_t chunk, index_t i, index_t first, index_t count, const int* code) {
        index_t above = 0;
        for (index_t k = 0; k < count; ++k) {
            const T v = m.data[first + k];
            if (code[k] >= 13 && v != T(0)) {
                g.a[code[k] - 13][i] = v;
                above += code[k] > 13 ? 1 : 0;
            }
        }
        counts[chunk] += above;
    });
    const T close = T(64) * (sizeof(T) == 8 ? T(2.3e-16) : T(1.2e-7));
    box_each_row(g, m, ex, [&](index_t chunk, index_t i, index_t first, index_t count, const int* code) {
        index_t below = 0;
        for (index_t k = 0; k < count; ++k) {
            const T v = m.data[first + k];
            if (code[k] < 0 || code[k] >= 13 || v == T(0)) {
                continue;
            }
            ++below;
            const T* const s = g.a[13 - code[k]];
            const index_t j = static_cast<index_t>(m.indices[first + k]);
            const T other = s == nullptr ? T(0) : s[j];
            if (v - other == T(0)) {  // not of equal infinities
                continue;
            }
            const T scale = std::abs(v) + std::abs(other);
            // rounding of the assembly, relative to the entry or to the diagonal entries of its row and column
            if (!(std::abs(v - other) <= close * scale ||
                  std::abs(v - other) <= close * T(0.01) * (std::abs(g.a[0][i]) + std::abs(g.a[0][j]))) &&
                bad[2 * chunk] < 0) {
                bad[2 * chunk] = i;
                bad[2 * chunk + 1] = j;
            }
        }
        counts[chunk] -= below;
    });
    index_t balance = 0;
    for (index_t c = 0; c < chunks; ++c) {
        if (bad[2 * c] >= 0) {
            return {BoxFit::asymmetric, bad[2 * c], bad[2 * c + 1]};
        }
        balance += counts[c];
    }
    return balance == 0 ? BoxFit{} : BoxFit{BoxFit::asymmetric, -1, -1};
}

// acc[k] += s x[step k] (times v[k]) over m points
template <class T>
KRISS_ALWAYS_INLINE void box_gather(index_t m, int step, const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT v,
                                    T* KRISS_RESTRICT acc) {
    if (step == 2) {
        if (v != nullptr) {
            for (index_t k = 0; k < m; ++k) {
                acc[k] += x[2 * k] * v[k];
            }
        } else {
            for (index_t k = 0; k < m; ++k) {
                acc[k] += x[2 * k];
            }
        }
    } else if (v != nullptr) {
        for (index_t k = 0; k < m; ++k) {
            acc[k] += x[k] * v[k];
        }
    } else {
        for (index_t k = 0; k < m; ++k) {
            acc[k] += x[k];
        }
    }
}

// g.w from g.a: see the top.
template <class T>
void box_weights(const BoxGrid<T>& g, const BoxGrid<T>& c, const Executor& ex) {
    const index_t m = c.n[2];
    constexpr int order[box_codes] = {13, 4,  10, 12, 14, 16, 22, 1, 3, 5,  7,  9,  11, 15,
                                      17, 19, 21, 23, 25, 0,  2,  6, 8, 18, 20, 24, 26};  // by nonzero components
    box_for_lines(c, ex, [&](index_t j0, index_t j1) {
        const index_t at = (j0 * c.n[1] + j1) * m;
        T den[box_block];
        T num[box_block];
        for (const int o : order) {
            T* w = g.w[o];
            if (w == nullptr) {
                continue;
            }
            w += at;
            const index_t x0 = g.step[0] == 2 ? 2 * j0 + 1 + box_offset(o, 0) : j0;
            const index_t x1 = g.step[1] == 2 ? 2 * j1 + 1 + box_offset(o, 1) : j1;
            if (o == 13 || !box_line_inside(g, x0, x1)) {
                for (index_t k = 0; k < m; ++k) {
                    w[k] = o == 13 ? T(1) : T(0);
                }
                continue;
            }
            const index_t base = (x0 * g.n[1] + x1) * g.n[2] + (g.step[2] == 2 ? 1 + box_offset(o, 2) : 0);
            for (index_t b = 0; b < m; b += box_block) {
                const index_t many = b + box_block < m ? box_block : m - b;
                for (index_t k = 0; k < many; ++k) {
                    den[k] = T(0);
                    num[k] = T(0);
                }
                for (int code = 0; code < box_codes; ++code) {
                    // code = d + e: along F every component is 0 or -o_k, along the others anything
                    int towards = o;
                    bool used = box_line_inside(g, x0 + box_offset(code, 0), x1 + box_offset(code, 1));
                    for (int axis = 0; axis < 3; ++axis) {
                        const int along = box_offset(o, axis);
                        const int d = box_offset(code, axis);
                        if (along != 0) {
                            used = used && (d == 0 || d == -along);
                            towards += d * (axis == 0 ? 9 : axis == 1 ? 3 : 1);
                        }
                    }
                    const T* s = used ? box_stream(g, code, base + g.step[2] * b) : nullptr;
                    if (s == nullptr) {
                        continue;
                    }
                    if (towards == o) {
                        box_gather<T>(many, g.step[2], s, nullptr, den);
                    } else {
                        box_gather<T>(many, g.step[2], s, towards == 13 ? nullptr : g.w[towards] + at + b, num);
                    }
                }
                for (index_t k = 0; k < many; ++k) {
                    w[b + k] = den[k] > T(0) ? -num[k] / den[k] : T(0);
                }
            }
            if (box_offset(o, 2) == 1 && g.n[2] == 2 * m) {
                w[m - 1] = T(0);  // the point is outside
            }
        }
    });
}

// c.a = P' A P; the streams of c that exist must be all that can be nonzero.
// About 27 h terms of 2 to 8 products per coarse point for a stencil of h points.
template <class T>
void box_galerkin(const BoxGrid<T>& g, const BoxGrid<T>& c, const Executor& ex) {
    const index_t m = c.n[2];
    box_for_lines(c, ex, [&](index_t j0, index_t j1) {
        const index_t at = (j0 * c.n[1] + j1) * m;
        T term[box_block];
        for (int h = 0; h < box_half; ++h) {
            if (c.a[h] != nullptr) {
                for (index_t k = 0; k < m; ++k) {
                    c.a[h][at + k] = T(0);
                }
            }
        }
        for (index_t b = 0; b < m; b += box_block) {
            const index_t many = b + box_block < m ? box_block : m - b;
            for (int o = 0; o < box_codes; ++o) {
                const T* w = g.w[o];
                const index_t x0 = g.step[0] == 2 ? 2 * j0 + 1 + box_offset(o, 0) : j0;
                const index_t x1 = g.step[1] == 2 ? 2 * j1 + 1 + box_offset(o, 1) : j1;
                if (w == nullptr || !box_line_inside(g, x0, x1)) {
                    continue;
                }
                const index_t base =
                    (x0 * g.n[1] + x1) * g.n[2] + (g.step[2] == 2 ? 1 + box_offset(o, 2) : 0) + g.step[2] * b;
                for (int code = 0; code < box_codes; ++code) {
                    if (!box_line_inside(g, x0 + box_offset(code, 0), x1 + box_offset(code, 1))) {
                        continue;
                    }
                    const T* s = box_stream(g, code, base);
                    if (s == nullptr) {
                        continue;
                    }
                    for (index_t k = 0; k < many; ++k) {
                        term[k] = T(0);
                    }
                    box_gather(many, g.step[2], s, w + at + b, term);
                    // the coarse points beside y = x + d: along each axis one or two
                    int move[3][2];
                    int from[3][2];
                    int ways[3];
                    for (int axis = 0; axis < 3; ++axis) {
                        const int y = box_offset(o, axis) + box_offset(code, axis);
                        ways[axis] = 1;
                        if (g.step[axis] == 1) {
                            move[axis][0] = y;
                            from[axis][0] = 0;
                        } else if (y % 2 == 0) {
                            move[axis][0] = y / 2;
                            from[axis][0] = 0;
                        } else {
                            ways[axis] = 2;
                            move[axis][0] = 0;
                            from[axis][0] = y;
                            move[axis][1] = y;
                            from[axis][1] = -y;
                        }
                    }
                    for (int way = 0; way < 8; ++way) {
                        const int p[3] = {way / 4, way / 2 % 2, way % 2};
                        if (p[0] >= ways[0] || p[1] >= ways[1] || p[2] >= ways[2]) {
                            continue;
                        }
                        const int to = 9 * (move[0][p[0]] + 1) + 3 * (move[1][p[1]] + 1) + move[2][p[2]] + 1;
                        const int side = 9 * (from[0][p[0]] + 1) + 3 * (from[1][p[1]] + 1) + from[2][p[2]] + 1;
                        if (to < 13 || c.a[to - 13] == nullptr ||
                            !box_line_inside(c, j0 + move[0][p[0]], j1 + move[1][p[1]])) {
                            continue;
                        }
                        const T* KRISS_RESTRICT v = g.w[side] + at + b + box_flat(c, to);
                        T* KRISS_RESTRICT out = c.a[to - 13] + at + b;
                        for (index_t k = 0; k < many; ++k) {
                            out[k] += term[k] * v[k];
                        }
                    }
                }
            }
        }
        for (int h = 1; h < box_half; ++h) {  // neighbours beyond the ends of the line
            if (c.a[h] != nullptr && box_offset(h + 13, 2) == 1) {
                c.a[h][at + m - 1] = T(0);
            } else if (c.a[h] != nullptr && box_offset(h + 13, 2) == -1) {
                c.a[h][at] = T(0);
            }
        }
    });
}

// Inverse diagonal; returns the first point whose diagonal entry is not positive and finite, or -1.
template <class T>
index_t box_invert(const BoxGrid<T>& g) {
    const index_t n = g.size();
    index_t bad = -1;
    for (index_t i = n - 1; i >= 0; --i) {
        const T inverse = T(1) / g.a[0][i];
        g.inverse[i] = inverse;
        bad = inverse > T(0) && std::isfinite(inverse) && std::isfinite(g.a[0][i]) ? bad : i;
    }
    return bad;
}

// L D L' of the lines of `axis`: pivot_i = d_i - c_(i-1)^2 / pivot_(i-1), kept inverted. Returns false if some pivot is
// not positive.  bad: (chunks of lines) scratch
template <class T>
bool box_factor_lines(const BoxGrid<T>& g, int axis, index_t* bad, const Executor& ex) {
    const index_t n = g.n[2];
    T* lower = g.lower[axis];
    T* pivot = g.pivot[axis];
    const int code = axis == 0 ? 22 : axis == 1 ? 16 : 14;
    const T* next = g.a[code - 13];
    if (axis == 2) {
        const index_t grain = box_grain(n);
        const index_t lines = g.n[0] * g.n[1];
        ex.parallel_for(lines, grain, [=](index_t b, index_t e) {
            index_t wrong = 0;
            for (index_t q = b; q < e; ++q) {
                const index_t base = q * n;
                T l = T(0);
                for (index_t k = 0; k < n; ++k) {
                    const T d = g.a[0][base + k] - (k > 0 ? l * next[base + k - 1] : T(0));
                    wrong += !(d > T(0)) || !std::isfinite(d);
                    pivot[base + k] = T(1) / d;
                    lower[base + k] = l;
                    l = next[base + k] / d;
                }
            }
            bad[b / grain] = wrong;
        });
        index_t wrong = 0;
        for (index_t q = 0; q < (lines + grain - 1) / grain; ++q) {
            wrong += bad[q];
        }
        return wrong == 0;
    }
    const index_t length = g.n[axis == 0 ? 0 : 1];
    const index_t along = axis == 0 ? g.n[1] * n : n;
    const index_t sheets = g.n[axis == 0 ? 1 : 0];
    const index_t across = axis == 0 ? n : g.n[1] * n;
    index_t wrong = 0;
    for (index_t sheet = 0; sheet < sheets; ++sheet) {
        for (index_t i = 0; i < length; ++i) {
            const index_t base = sheet * across + i * along;
            for (index_t k = 0; k < n; ++k) {
                const index_t here = base + k;
                const T c = i > 0 && next != nullptr ? next[here - along] : T(0);
                const T l = i > 0 ? c * pivot[here - along] : T(0);
                const T d = g.a[0][here] - l * c;
                wrong += !(d > T(0)) || !std::isfinite(d);
                pivot[here] = T(1) / d;
                lower[here] = l;
            }
        }
    }
    return wrong == 0;
}

// Cholesky factor of the coarsest operator, 1 / diagonal in place of the diagonal; returns the first bad pivot or -1.
template <class T>
index_t box_cholesky(const BoxGrid<T>& g, T* factor) {
    const index_t m = g.size();
    for (index_t i = 0; i < m * m; ++i) {
        factor[i] = T(0);
    }
    for (index_t i = 0; i < m; ++i) {
        const index_t i0 = i / (g.n[1] * g.n[2]);
        const index_t i1 = i / g.n[2] % g.n[1];
        const index_t i2 = i % g.n[2];
        for (int code = 13; code < box_codes; ++code) {
            const index_t j2 = i2 + box_offset(code, 2);
            if (g.a[code - 13] != nullptr && j2 >= 0 && j2 < g.n[2] &&
                box_line_inside(g, i0 + box_offset(code, 0), i1 + box_offset(code, 1))) {
                factor[(i + box_flat(g, code)) * m + i] = g.a[code - 13][i];
            }
        }
    }
    for (index_t i = 0; i < m; ++i) {
        T d = factor[i * m + i];
        for (index_t j = 0; j < i; ++j) {
            T s = factor[i * m + j];
            for (index_t k = 0; k < j; ++k) {
                s -= factor[i * m + k] * factor[j * m + k];
            }
            s *= factor[j * m + j];
            factor[i * m + j] = s;
            d -= s * s;
        }
        // a pivot lost to rounding is a singular matrix, not a definite one
        if (!(d > T(m) * (sizeof(T) == 8 ? T(2.3e-16) : T(1.2e-7)) * g.a[0][i]) || !std::isfinite(d)) {
            return i;
        }
        factor[i * m + i] = T(1) / std::sqrt(d);
    }
    return -1;
}

// Share of the blocks of 16 points per axis in which the coupling along an axis is at least `ratio` times the weakest
// one, per axis; opposite couplings of a mixed derivative cancel.
template <class T>
void box_anisotropy(const BoxGrid<T>& g, double ratio, double* share) {
    constexpr index_t side = 16;
    index_t blocks = 0;
    index_t strong[3] = {};
    for (index_t b0 = 0; b0 < g.n[0]; b0 += side) {
        for (index_t b1 = 0; b1 < g.n[1]; b1 += side) {
            for (index_t b2 = 0; b2 < g.n[2]; b2 += side) {
                const index_t e0 = b0 + side < g.n[0] ? b0 + side : g.n[0];
                const index_t e1 = b1 + side < g.n[1] ? b1 + side : g.n[1];
                const index_t m = b2 + side < g.n[2] ? side : g.n[2] - b2;
                double along[3] = {};
                for (int h = 1; h < box_half; ++h) {
                    if (g.a[h] == nullptr) {
                        continue;
                    }
                    double s = 0.0;
                    for (index_t i0 = b0; i0 < e0; ++i0) {
                        for (index_t i1 = b1; i1 < e1; ++i1) {
                            const T* v = g.a[h] + (i0 * g.n[1] + i1) * g.n[2] + b2;
                            for (index_t k = 0; k < m; ++k) {
                                s += static_cast<double>(v[k]);
                            }
                        }
                    }
                    for (int axis = 0; axis < 3; ++axis) {
                        along[axis] += box_offset(h + 13, axis) != 0 ? s : 0.0;
                    }
                }
                // share of the points that have a neighbour along the axis
                const index_t extent[3] = {e0 - b0, e1 - b1, m};
                const bool ends[3] = {e0 == g.n[0], e1 == g.n[1], b2 + m == g.n[2]};
                double pairs[3];
                bool whole = true;
                for (int axis = 0; axis < 3; ++axis) {
                    pairs[axis] =
                        static_cast<double>(extent[axis] - (ends[axis] ? 1 : 0)) / static_cast<double>(extent[axis]);
                    whole = whole && (g.n[axis] == 1 || pairs[axis] > 0.0);
                }
                if (!whole) {
                    continue;
                }
                double weakest = -1.0;
                for (int axis = 0; axis < 3; ++axis) {
                    along[axis] = g.n[axis] > 1 ? std::abs(along[axis]) / pairs[axis] : 0.0;
                    if (g.n[axis] > 1 && (weakest < 0.0 || along[axis] < weakest)) {
                        weakest = along[axis];
                    }
                }
                ++blocks;
                for (int axis = 0; axis < 3; ++axis) {
                    strong[axis] += g.n[axis] > 1 && along[axis] > 0.0 && along[axis] >= ratio * weakest;
                }
            }
        }
    }
    for (int axis = 0; axis < 3; ++axis) {
        share[axis] = blocks > 0 ? static_cast<double>(strong[axis]) / static_cast<double>(blocks) : 0.0;
    }
}

KRISS_NAMESPACE_END
