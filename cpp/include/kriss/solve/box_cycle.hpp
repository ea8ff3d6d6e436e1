// The symmetric V(1,1) cycle of Black-Box multigrid, and a W cycle that stays cheap.
//
// J. E. Dendy, "Black box multigrid", J. Comput. Phys. 48 (1982), sections 2 and 3; as a preconditioner: O. Tatebe,
// "The multigrid preconditioned conjugate gradient method", NASA CP-3224 (1993). One Gauss-Seidel sweep before, the
// adjoint sweep after the coarse correction: the cycle is symmetric and, Gauss-Seidel converging for every symmetric
// positive definite matrix, positive definite. Points have 2^d colours (the parities of their indices); lines 2^(d-1).
//
// Numbers moved per point of a grid whose stencil has h stored couplings (5-point: 3, 9-point: 5, 7-point: 4,
// 27-point: 14), cycle with point relaxation: before the correction h + 4, residual and restriction h + 6,
// interpolation 4, after it 2 h + 4. With the coarse grids, d = 2: about 40 n numbers, five products with the
// five-point matrix; d = 3: about 45 n.
#pragma once

#include "kriss/solve/box_grid.hpp"

KRISS_NAMESPACE_BEGIN

// One line, both colours of its points, from its sum t over the other lines (overwritten).
// First: parity of the points that go first. e: couplings to the next point, e[-1] readable; x: the line
template <class T, int First, bool Zero>
KRISS_ALWAYS_INLINE void box_relax_line(index_t n, const T* e, const T* KRISS_RESTRICT inverse, T* t, T* x) {
    {
        const T* KRISS_RESTRICT east = e;
        const T* KRISS_RESTRICT old = x;
        T* KRISS_RESTRICT out = t;
        for (index_t k = 0; k < n; ++k) {
            const T s = Zero ? out[k] : out[k] - east[k - 1] * old[k - 1] - east[k] * old[k + 1];
            out[k] = (k & 1) == First ? s * inverse[k] : out[k];
        }
    }
    const T* KRISS_RESTRICT east = e;
    const T* KRISS_RESTRICT now = t;
    T* KRISS_RESTRICT out = x;
    for (index_t k = 0; k < n; ++k) {
        const T s = (now[k] - east[k - 1] * now[k - 1] - east[k] * now[k + 1]) * inverse[k];
        out[k] = (k & 1) == First ? now[k] : s;
    }
}

// Coloured Gauss-Seidel over the points, backward: the colours in reverse. Zero: x is 0 and need not be initialised.
template <class T>
void box_relax_points(const BoxGrid<T>& g, const T* r, T* x, bool backward, bool zero, const Executor& ex) {
    const index_t n = g.n[2];
    for (int turn = 0; turn < 4; ++turn) {
        const int colour = backward ? 3 - turn : turn;
        const BoxColour lines(g, colour);
        const unsigned mask = box_colour_mask(colour, true, !zero);
        ex.parallel_for(lines.count(), box_grain(n), [&, mask](index_t b, index_t e) {
            for (index_t q = b; q < e; ++q) {
                const index_t i0 = lines.i0(q);
                const index_t i1 = lines.i1(q);
                const index_t base = (i0 * g.n[1] + i1) * n;
                T* t = g.work + base;
                box_line_sum(g, i0, i1, mask, x, r + base, t);
                if (backward) {
                    box_relax_line<T, 1, false>(n, g.a[1] + base, g.inverse + base, t, x + base);
                } else if (zero) {
                    box_relax_line<T, 0, true>(n, g.a[1] + base, g.inverse + base, t, x + base);
                } else {
                    box_relax_line<T, 0, false>(n, g.a[1] + base, g.inverse + base, t, x + base);
                }
            }
        });
    }
}

// Tridiagonal systems along G lines side by side, which hides the latency of the recurrence. t: right-hand sides
template <class T, int G>
KRISS_ALWAYS_INLINE void box_thomas(index_t n, const T* const* lower, const T* const* pivot, T* const* t, T* const* x) {
    for (index_t k = 1; k < n; ++k) {
        for (int j = 0; j < G; ++j) {
            t[j][k] -= lower[j][k] * t[j][k - 1];
        }
    }
    for (int j = 0; j < G; ++j) {
        x[j][n - 1] = t[j][n - 1] * pivot[j][n - 1];
    }
    for (index_t k = n - 2; k >= 0; --k) {
        for (int j = 0; j < G; ++j) {
            x[j][k] = t[j][k] * pivot[j][k] - lower[j][k + 1] * x[j][k + 1];
        }
    }
}

// Gauss-Seidel over the lines of the last axis, by colours.
template <class T>
void box_relax_rows(const BoxGrid<T>& g, const T* r, T* x, bool backward, const Executor& ex) {
    const index_t n = g.n[2];
    constexpr int group = 8;
    for (int turn = 0; turn < 4; ++turn) {
        const int colour = backward ? 3 - turn : turn;
        const BoxColour lines(g, colour);
        const index_t grain = (box_grain(n) + group - 1) / group * group;
        ex.parallel_for(lines.count(), grain, [&](index_t b, index_t e) {
            for (index_t q = b; q < e; q += group) {
                const int m = static_cast<int>(q + group <= e ? group : e - q);
                const T* lower[group];
                const T* pivot[group];
                T* t[group];
                T* out[group];
                for (int j = 0; j < m; ++j) {
                    const index_t base = (lines.i0(q + j) * g.n[1] + lines.i1(q + j)) * n;
                    lower[j] = g.lower[2] + base;
                    pivot[j] = g.pivot[2] + base;
                    t[j] = g.work + base;
                    out[j] = x + base;
                    box_line_sum(g, lines.i0(q + j), lines.i1(q + j), box_everything & ~box_own_line, x, r + base,
                                 t[j]);
                }
                if (m == group) {
                    box_thomas<T, group>(n, lower, pivot, t, out);
                } else {
                    for (int j = 0; j < m; ++j) {
                        box_thomas<T, 1>(n, lower + j, pivot + j, t + j, out + j);
                    }
                }
            }
        });
    }
}

inline constexpr index_t box_strip = 64;  // columns that are eliminated together

// Gauss-Seidel over the lines of axis 0 or 1: colours are the parities of the other outer index and of the column.
template <class T>
void box_relax_columns(const BoxGrid<T>& g, int axis, const T* r, T* x, bool backward, const Executor& ex) {
    const index_t n = g.n[2];
    const index_t length = g.n[axis == 0 ? 0 : 1];
    const index_t along = axis == 0 ? g.n[1] * n : n;   // from one point of a line to the next
    const index_t across = axis == 0 ? n : g.n[1] * n;  // from one sheet of lines to the next
    const index_t sheets = g.n[axis == 0 ? 1 : 0];
    const unsigned own = axis == 0 ? (1U << 4 | 1U << 13 | 1U << 22) : (1U << 10 | 1U << 13 | 1U << 16);
    const index_t strips = (n + box_strip - 1) / box_strip;
    for (int turn = 0; turn < 4; ++turn) {
        const int colour = backward ? 3 - turn : turn;
        const index_t first = colour / 2;
        const int parity = colour % 2;
        const index_t mine = (sheets - first + 1) / 2;
        ex.parallel_for(mine * length, box_grain(n), [&](index_t b, index_t e) {
            for (index_t q = b; q < e; ++q) {
                const index_t sheet = first + 2 * (q / length);
                const index_t i0 = axis == 0 ? q % length : sheet;
                const index_t i1 = axis == 0 ? sheet : q % length;
                const index_t base = (i0 * g.n[1] + i1) * n;
                box_line_sum(g, i0, i1, box_everything & ~own, x, r + base, g.work + base);
            }
        });
        ex.parallel_for(mine * strips, 1, [&](index_t b, index_t e) {
            for (index_t q = b; q < e; ++q) {
                const index_t column = q % strips * box_strip;
                const index_t m = column + box_strip < n ? box_strip : n - column;
                const index_t start = (first + 2 * (q / strips)) * across + column;
                for (index_t i = 1; i < length; ++i) {
                    T* KRISS_RESTRICT t = g.work + start + i * along;
                    const T* KRISS_RESTRICT before = t - along;
                    const T* KRISS_RESTRICT lower = g.lower[axis] + start + i * along;
                    for (index_t k = 0; k < m; ++k) {
                        t[k] -= lower[k] * before[k];
                    }
                }
                for (index_t i = length - 1; i >= 0; --i) {
                    const index_t at = start + i * along;
                    T* KRISS_RESTRICT t = g.work + at;
                    const T* KRISS_RESTRICT pivot = g.pivot[axis] + at;
                    T* KRISS_RESTRICT out = x + at;
                    if (i == length - 1) {
                        for (index_t k = 0; k < m; ++k) {
                            t[k] = t[k] * pivot[k];
                        }
                    } else {
                        const T* KRISS_RESTRICT after = g.work + at + along;
                        const T* KRISS_RESTRICT lower = g.lower[axis] + at + along;
                        for (index_t k = 0; k < m; ++k) {
                            t[k] = t[k] * pivot[k] - lower[k] * after[k];
                        }
                    }
                    for (index_t k = parity; k < m; k += 2) {
                        out[k] = t[k];
                    }
                }
            }
        });
    }
}

// One smoothing step: S^-1 applied to the residual, or its adjoint if `backward`.
template <class T>
void box_relax(const BoxGrid<T>& g, const T* r, T* x, bool backward, bool zero, const Executor& ex) {
    if (g.lines == 0) {
        box_relax_points(g, r, x, backward, zero, ex);
        return;
    }
    if (zero) {
        box_for_lines(g, ex, [&](index_t i0, index_t i1) {
            T* out = x + (i0 * g.n[1] + i1) * g.n[2];
            for (index_t k = 0; k < g.n[2]; ++k) {
                out[k] = T(0);
            }
        });
    }
    for (int turn = 0; turn < 3; ++turn) {
        const int axis = backward ? turn : 2 - turn;
        if ((g.lines >> axis & 1U) == 0) {
            continue;
        }
        if (axis == 2) {
            box_relax_rows(g, r, x, backward, ex);
        } else {
            box_relax_columns(g, axis, r, x, backward, ex);
        }
    }
}

// work = r - A x. After a forward sweep over points from 0 the equations hold but for the couplings to later colours.
template <class T>
void box_residual(const BoxGrid<T>& g, const T* r, const T* x, bool swept, const Executor& ex) {
    const index_t n = g.n[2];
    box_for_lines(g, ex, [&](index_t i0, index_t i1) {
        const index_t base = (i0 * g.n[1] + i1) * n;
        T* KRISS_RESTRICT t = g.work + base;
        if (!swept) {
            box_line_sum(g, i0, i1, box_everything, x, r + base, t);
            return;
        }
        const int colour = static_cast<int>(2 * (i0 & 1) + (i1 & 1));
        box_line_sum<T>(g, i0, i1, box_colour_mask(colour, false, true), x, nullptr, t);
        const T* KRISS_RESTRICT east = g.a[1] + base;
        const T* KRISS_RESTRICT v = x + base;
        for (index_t k = 0; k < n; ++k) {
            const T s = t[k] - east[k - 1] * v[k - 1] - east[k] * v[k + 1];
            t[k] = (k & 1) == 0 ? s : t[k];
        }
    });
}

// c.r = P' work.
template <class T>
void box_restrict(const BoxGrid<T>& g, const BoxGrid<T>& c, const Executor& ex) {
    const index_t m = c.n[2];
    box_for_lines(c, ex, [&](index_t j0, index_t j1) {
        const index_t at = (j0 * c.n[1] + j1) * m;
        T* KRISS_RESTRICT out = c.r + at;
        for (index_t k = 0; k < m; ++k) {
            out[k] = T(0);
        }
        for (int beside = 0; beside < 9; ++beside) {
            const int o0 = beside / 3 - 1;
            const int o1 = beside % 3 - 1;
            const index_t i0 = g.step[0] == 2 ? 2 * j0 + 1 + o0 : j0 + o0;
            const index_t i1 = g.step[1] == 2 ? 2 * j1 + 1 + o1 : j1 + o1;
            if ((g.step[0] == 1 && o0 != 0) || (g.step[1] == 1 && o1 != 0) || !box_line_inside(g, i0, i1)) {
                continue;
            }
            const T* KRISS_RESTRICT v = g.work + (i0 * g.n[1] + i1) * g.n[2];
            const T* KRISS_RESTRICT here = g.w[3 * beside + 1] + at;
            if (g.step[2] == 1) {
                for (index_t k = 0; k < m; ++k) {
                    out[k] += here[k] * v[k];
                }
                continue;
            }
            const T* KRISS_RESTRICT before = g.w[3 * beside] + at;
            const T* KRISS_RESTRICT after = g.w[3 * beside + 2] + at;
            for (index_t k = 0; k < m; ++k) {
                out[k] += before[k] * v[2 * k] + here[k] * v[2 * k + 1] + after[k] * v[2 * k + 2];
            }
        }
    });
}

// x += P c.x.  g.work is scratch.
template <class T>
void box_interpolate(const BoxGrid<T>& g, const BoxGrid<T>& c, T* x, const Executor& ex) {
    const index_t n = g.n[2];
    const index_t m = c.n[2];
    box_for_lines(g, ex, [&](index_t i0, index_t i1) {
        T* KRISS_RESTRICT out = x + (i0 * g.n[1] + i1) * n;
        for (int side = 0; side < 4; ++side) {  // the coarse lines beside this one
            index_t j[2];
            int o[2];
            bool inside = true;
            for (int axis = 0; axis < 2; ++axis) {
                const index_t i = axis == 0 ? i0 : i1;
                const bool second = (axis == 0 ? side / 2 : side % 2) != 0;
                if (g.step[axis] == 1 || i % 2 == 1) {
                    j[axis] = g.step[axis] == 1 ? i : i / 2;
                    o[axis] = 0;
                    inside = inside && !second;
                } else {
                    j[axis] = second ? i / 2 : i / 2 - 1;
                    o[axis] = second ? -1 : 1;
                }
                inside = inside && j[axis] >= 0 && j[axis] < c.n[axis];
            }
            if (!inside) {
                continue;
            }
            const index_t at = (j[0] * c.n[1] + j[1]) * m;
            const int code = 9 * (o[0] + 1) + 3 * (o[1] + 1);
            const T* KRISS_RESTRICT v = c.x + at;
            const T* KRISS_RESTRICT here = g.w[code + 1] + at;
            if (g.step[2] == 1) {
                for (index_t k = 0; k < m; ++k) {
                    out[k] += here[k] * v[k];
                }
                continue;
            }
            const T* KRISS_RESTRICT before = g.w[code] + at;
            const T* KRISS_RESTRICT after = g.w[code + 2] + at;
            out[0] += before[0] * v[0];
            out[1] += here[0] * v[0];
            for (index_t k = 1; k < m; ++k) {
                out[2 * k] += before[k] * v[k] + after[k - 1] * v[k - 1];
                out[2 * k + 1] += here[k] * v[k];
            }
            if (n > 2 * m) {
                out[2 * m] += after[m - 1] * v[m - 1];
            }
        }
    });
}

// x = A^-1 r on the coarsest grid by its Cholesky factor.
template <class T>
void box_coarsest(const BoxHierarchy<T>& h) {
    const BoxGrid<T>& g = h.grid[h.count - 1];
    const index_t m = g.size();
    for (index_t i = 0; i < m; ++i) {
        T s = g.r[i];
        for (index_t j = 0; j < i; ++j) {
            s -= h.factor[i * m + j] * g.x[j];
        }
        g.x[i] = s * h.factor[i * m + i];
    }
    for (index_t i = m - 1; i >= 0; --i) {
        T s = g.x[i];
        for (index_t j = i + 1; j < m; ++j) {
            s -= h.factor[j * m + i] * g.x[j];
        }
        g.x[i] = s * h.factor[i * m + i];
    }
}

// x = one cycle for A x = r on level l, from 0.
template <class T>
void box_visit(const BoxHierarchy<T>& h, int l, const T* r, T* x, const Executor& ex) {
    const BoxGrid<T>& g = h.grid[l];
    const Executor mine = box_executor(g, ex);
    box_relax(g, r, x, false, true, mine);
    for (int turn = 0; turn < (l > 0 && l <= h.twice ? 2 : 1); ++turn) {
        const BoxGrid<T>& c = h.grid[l + 1];
        box_residual(g, r, x, turn == 0 && g.lines == 0, mine);
        box_restrict(g, c, mine);
        if (l + 2 == h.count) {
            box_coarsest(h);
        } else {
            box_visit(h, l + 1, c.r, c.x, ex);
        }
        box_interpolate(g, c, x, mine);
    }
    box_relax(g, r, x, true, false, mine);
}

// z = one cycle for A z = r from 0.  r: (n), z: (n) with box_pad readable finite numbers around it
template <class T>
void box_cycle(const BoxHierarchy<T>& h, const T* r, T* z, const Executor& ex) {
    if (h.count > 1) {
        box_visit(h, 0, r, z, ex);
        return;
    }
    const BoxGrid<T>& g = h.grid[0];
    for (index_t i = 0; i < g.size(); ++i) {
        g.r[i] = r[i];
    }
    box_coarsest(h);
    for (index_t i = 0; i < g.size(); ++i) {
        z[i] = g.x[i];
    }
}

KRISS_NAMESPACE_END
