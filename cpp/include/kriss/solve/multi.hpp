// Passes of conjugate gradients on K right-hand sides at once: one product with the matrix for all of them.
//
// Each column has its own scalars, as in K separate solves (Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd
// ed., SIAM 2003, algorithm 9.1), and its bits are those of the single solve (solve/panel.hpp).
//
// Bytes per iteration and column in float64, S = traffic of the coefficients of A (12 nnz + 4 n for CSR), d = 1 with a
// Jacobi preconditioner, else 0:
//     step    x += alpha p;  p = z + beta p;  p'A p     x 16, p 16, r 8     (40 + 8 d / K) n + S / K
//     update  r -= alpha A p;  r'r;  r'D^-1 r           p 8, r 16           (24 + 8 d / K) n + S / K
// together (64 + 16 d / K) n + 2 S / K; 4 nnz + (10 + 3 d) n flops. The product of a row follows the new p at a
// distance of `reach` rows, where p is still in cache, and its result is not kept: it is made again in the second pass,
// which costs flops but saves q = A p (24 n with the line that a store reads first). Where a row reaches too far or A
// costs too much, q is stored: 88 n + S / K with that line.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/panel.hpp"
#include "kriss/solve/reduce.hpp"

KRISS_NAMESPACE_BEGIN

// A number per column, repeated over eight rows, so that loops over a panel need not know its width.
template <class T, int K>
struct PerColumn {
    static constexpr int size = solve_lanes * K;
    T at[size];
    explicit PerColumn(const T* values) {
        for (int l = 0; l < size; ++l) {
            at[l] = values[l % K];
        }
    }
};

// out[c] = x[:, c]'y[:, c].  part: (chunks, K) scratch
template <class T, int K>
void multi_dot(index_t n, const T* x, const T* y, double* part, double* out, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        double lane[solve_lanes * K] = {};
        for (index_t b = begin; b < end; b += panel_block<K>) {
            const index_t rows = b + panel_block<K> < end ? panel_block<K> : end - b;
            add_rows<T, K>(x + b * K, y + b * K, rows, lane);
        }
        column_sums<K>(lane, part + begin / solve_grain * K);
    });
    chunk_sums(part, chunk_count(n), K, out);
}

// x += alpha p, then p = D^-1 z + beta p; in the First iteration p = D^-1 z, whatever p and x hold.
template <class T, int K, bool First, bool Diagonal>
KRISS_ALWAYS_INLINE void direction_rows(index_t rows, const T* KRISS_RESTRICT inverse, const T* KRISS_RESTRICT z,
                                        const PerColumn<T, K>& beta, const PerColumn<T, K>& alpha, T* KRISS_RESTRICT p,
                                        T* KRISS_RESTRICT x) {
    constexpr int group = PerColumn<T, K>::size;
    const index_t size = rows * K;
    if constexpr (Diagonal && K > 1) {
        const auto be = PanelRow<T, K>::load(beta.at);
        const auto al = PanelRow<T, K>::load(alpha.at);
        for (index_t i = 0; i < rows; ++i) {
            auto zi = PanelRow<T, K>::load(z + i * K);
            zi.scale(inverse[i]);
            if constexpr (First) {
                PanelRow<T, K> none{};
                zi.add(T(1), none);
            } else {
                const auto pi = PanelRow<T, K>::load(p + i * K);
                auto xi = PanelRow<T, K>::load(x + i * K);
                xi.add(al, pi);
                xi.store(x + i * K);
                zi.add(be, pi);
            }
            zi.store(p + i * K);
        }
        return;
    }
    const auto one = [&](index_t t, int l) {
        const T zi = Diagonal ? inverse[t / K] * z[t] : z[t];
        if constexpr (First) {
            p[t] = zi + T(0);
        } else {
            const T pi = p[t];
            x[t] = x[t] + alpha.at[l] * pi;
            p[t] = zi + beta.at[l] * pi;
        }
    };
    index_t t = 0;
    for (; t + group <= size; t += group) {
        for (int l = 0; l < group; ++l) {
            one(t + l, l);
        }
    }
    for (int l = 0; t + l < size; ++l) {
        one(t + l, l);
    }
}

// Rows of a strip: every strip is walked by one worker. A strip much longer than the reach has most of its products
// done while p is in cache; if there is none of that kind, strips of one chunk leave all products to a second pass.
inline index_t strip_rows(index_t n, index_t reach, int workers) {
    if (workers <= 1) {
        return (n + solve_grain - 1) / solve_grain * solve_grain;
    }
    for (int share = 4; share >= 1; share /= 2) {
        const index_t each = (n + share * workers - 1) / (share * workers);
        const index_t strip = (each + solve_grain - 1) / solve_grain * solve_grain;
        if (reach + solve_grain <= strip / (share > 1 ? 16 : 4)) {
            return strip;
        }
    }
    return solve_grain;
}

template <class T, int K, bool First, bool Diagonal>
void multi_step_as(index_t n, const PanelProduct<T>& a, const T* inverse, const T* z, const T* beta, const T* alpha,
                   T* p, T* x, T* q, double* part, double* pq, const Executor& ex) {
    const index_t strip = strip_rows(n, a.reach, ex.workers);
    // whether the rows [b, e) of the strip [s0, s1) read no row of another
    const auto inside = [n, &a](index_t b, index_t e, index_t s0, index_t s1) {
        return (s0 == 0 || b - a.reach >= s0) && (s1 == n || e + a.reach <= s1);
    };
    const auto multiply = [=, &a](index_t b, index_t rows, double* lane) {
        T room[solve_block];
        T* y = q != nullptr ? q + b * K : room;
        a.apply(a.self, b, rows, p, y);
        add_rows<T, K>(p + b * K, y, rows, lane);
    };
    ex.parallel_for(n, strip, [=](index_t s0, index_t s1) {
        const PerColumn<T, K> al(alpha);
        const PerColumn<T, K> be(beta);
        index_t front = s0;  // p is new before it
        const auto advance = [&](index_t to) {
            if (front < to) {
                direction_rows<T, K, First, Diagonal>(to - front, Diagonal ? inverse + front : nullptr, z + front * K,
                                                      be, al, p + front * K, First ? nullptr : x + front * K);
                front = to;
            }
        };
        for (index_t begin = s0; begin < s1; begin += solve_grain) {
            const index_t end = begin + solve_grain < s1 ? begin + solve_grain : s1;
            if (!inside(begin, end, s0, s1)) {
                continue;
            }
            double lane[solve_lanes * K] = {};
            for (index_t b = begin; b < end; b += panel_block<K>) {
                const index_t rows = b + panel_block<K> < end ? panel_block<K> : end - b;
                advance(b + rows + a.reach < s1 ? b + rows + a.reach : s1);
                multiply(b, rows, lane);
            }
            column_sums<K>(lane, part + begin / solve_grain * K);
        }
        advance(s1);
    });
    if (strip < n) {
        ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
            const index_t s0 = begin / strip * strip;
            if (inside(begin, end, s0, s0 + strip < n ? s0 + strip : n)) {
                return;
            }
            double lane[solve_lanes * K] = {};
            for (index_t b = begin; b < end; b += panel_block<K>) {
                multiply(b, b + panel_block<K> < end ? panel_block<K> : end - b, lane);
            }
            column_sums<K>(lane, part + begin / solve_grain * K);
        });
    }
    chunk_sums(part, chunk_count(n), K, pq);
}

// x += alpha p;  p = D^-1 z + beta p;  q = A p unless q is null;  pq[c] = p'A p.  Each column has its own alpha and
// beta. inverse: (n) or null for D = 1; part: (chunks, K) scratch. `first`: p = D^-1 z, x is left alone.
template <class T, int K>
void multi_step(index_t n, const PanelProduct<T>& a, bool first, const T* inverse, const T* z, const T* beta,
                const T* alpha, T* p, T* x, T* q, double* part, double* pq, const Executor& ex) {
    if (first && inverse != nullptr) {
        multi_step_as<T, K, true, true>(n, a, inverse, z, beta, alpha, p, x, q, part, pq, ex);
    } else if (first) {
        multi_step_as<T, K, true, false>(n, a, nullptr, z, beta, alpha, p, x, q, part, pq, ex);
    } else if (inverse != nullptr) {
        multi_step_as<T, K, false, true>(n, a, inverse, z, beta, alpha, p, x, q, part, pq, ex);
    } else {
        multi_step_as<T, K, false, false>(n, a, nullptr, z, beta, alpha, p, x, q, part, pq, ex);
    }
}

// The part of multi_step before the product, for a matrix that somebody else multiplies by.
template <class T, int K>
void multi_direction(index_t n, bool first, const T* inverse, const T* z, const T* beta, const T* alpha, T* p, T* x,
                     const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        const PerColumn<T, K> al(alpha);
        const PerColumn<T, K> be(beta);
        const index_t rows = e - b;
        const T* zi = z + b * K;
        T* pi = p + b * K;
        if (first && inverse != nullptr) {
            direction_rows<T, K, true, true>(rows, inverse + b, zi, be, al, pi, nullptr);
        } else if (first) {
            direction_rows<T, K, true, false>(rows, nullptr, zi, be, al, pi, nullptr);
        } else if (inverse != nullptr) {
            direction_rows<T, K, false, true>(rows, inverse + b, zi, be, al, pi, x + b * K);
        } else {
            direction_rows<T, K, false, false>(rows, nullptr, zi, be, al, pi, x + b * K);
        }
    });
}

template <class T, int K, bool Diagonal>
void multi_update_as(index_t n, const PanelProduct<T>& a, const T* inverse, const T* alpha, const T* p, const T* q,
                     const T* from, T* r, double* part, double* rr, double* rho, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=, &a](index_t begin, index_t end) {
        constexpr int group = PerColumn<T, K>::size;
        const PerColumn<T, K> al(alpha);
        double s[solve_lanes * K] = {};
        double w[solve_lanes * K] = {};
        T room[solve_block];
        for (index_t b = begin; b < end; b += panel_block<K>) {
            const index_t rows = b + panel_block<K> < end ? panel_block<K> : end - b;
            const index_t size = rows * K;
            T* KRISS_RESTRICT ro = r + b * K;
            if (from != r) {
                const T* KRISS_RESTRICT source = from + b * K;
                for (index_t t = 0; t < size; ++t) {
                    ro[t] = source[t];
                }
            }
            const T* KRISS_RESTRICT y = nullptr;
            if (q != nullptr) {
                y = q + b * K;
            } else if (p != nullptr) {
                a.apply(a.self, b, rows, p, room);
                y = room;
            }
            if (y != nullptr) {
                index_t t = 0;
                for (; t + group <= size; t += group) {
                    for (int l = 0; l < group; ++l) {
                        ro[t + l] = ro[t + l] + al.at[l] * y[t + l];
                    }
                }
                for (int l = 0; t + l < size; ++l) {
                    ro[t + l] = ro[t + l] + al.at[l] * y[t + l];
                }
            }
            add_rows<T, K>(ro, ro, rows, s);
            if constexpr (Diagonal) {
                double room_wide[solve_block];
                double scaled[solve_block];
                const double* wide = as_double(ro, size, room_wide);
                if constexpr (K == 1) {
                    for (index_t i = 0; i < rows; ++i) {
                        scaled[i] = static_cast<double>(inverse[b + i]) * wide[i];
                    }
                } else {
                    for (index_t i = 0; i < rows; ++i) {
                        auto v = PanelRow<double, K>::load(wide + i * K);
                        v.scale(static_cast<double>(inverse[b + i]));
                        v.store(scaled + i * K);
                    }
                }
                add_rows<double, K>(wide, scaled, rows, w);
            }
        }
        double* out = part + begin / solve_grain * (2 * K);
        column_sums<K>(s, out);
        column_sums<K>(Diagonal ? w : s, out + K);
    });
    double both[2 * K];
    chunk_sums(part, chunk_count(n), 2 * K, both);
    for (int c = 0; c < K; ++c) {
        rr[c] = both[c];
        rho[c] = both[K + c];
    }
}

// r = from + alpha A p, with A p = q, or made here if q is null, or left out if p is null too; rr[c] = r'r and
// rho[c] = r'D^-1 r of each column.  `from` may be r; part: (chunks, 2 K) scratch
template <class T, int K>
void multi_update(index_t n, const PanelProduct<T>& a, const T* inverse, const T* alpha, const T* p, const T* q,
                  const T* from, T* r, double* part, double* rr, double* rho, const Executor& ex) {
    if (inverse != nullptr) {
        multi_update_as<T, K, true>(n, a, inverse, alpha, p, q, from, r, part, rr, rho, ex);
    } else {
        multi_update_as<T, K, false>(n, a, nullptr, alpha, p, q, from, r, part, rr, rho, ex);
    }
}

// rr[c] = ||b[:, c] - (A x)[:, c]||^2.  part: (chunks, K) scratch
template <class T, int K>
void multi_residual(index_t n, const PanelProduct<T>& a, const T* b, const T* x, double* part, double* rr,
                    const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=, &a](index_t begin, index_t end) {
        double lane[solve_lanes * K] = {};
        T room[solve_block];
        for (index_t at = begin; at < end; at += panel_block<K>) {
            const index_t rows = at + panel_block<K> < end ? panel_block<K> : end - at;
            a.apply(a.self, at, rows, x, room);
            for (index_t t = 0; t < rows * K; ++t) {
                room[t] = b[at * K + t] - room[t];
            }
            add_rows<T, K>(room, room, rows, lane);
        }
        column_sums<K>(lane, part + begin / solve_grain * K);
    });
    chunk_sums(part, chunk_count(n), K, rr);
}

// W columns, `stride` numbers apart from row to row: sums and peaks of one chunk
template <class T, int W>
KRISS_ALWAYS_INLINE void scan_chunk(index_t rows, index_t stride, const T* x, double* norms, double* peaks) {
    double lane[solve_lanes * W] = {};
    T top[W] = {};
    for (index_t i = 0; i < rows; ++i) {
        double* KRISS_RESTRICT s = lane + i % solve_lanes * W;
        for (int c = 0; c < W; ++c) {
            const T v = x[i * stride + c];
            const T size = v < T(0) ? -v : v;
            s[c] += static_cast<double>(v) * static_cast<double>(v);
            top[c] = size > top[c] ? size : top[c];
        }
    }
    column_sums<W>(lane, norms);
    for (int c = 0; c < W; ++c) {
        peaks[c] = static_cast<double>(top[c]);
    }
}

// y = A x
template <class T, int K>
void multi_multiply(index_t n, const PanelProduct<T>& a, const T* x, T* y, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=, &a](index_t begin, index_t end) {
        for (index_t b = begin; b < end; b += panel_block<K>) {
            a.apply(a.self, b, b + panel_block<K> < end ? panel_block<K> : end - b, x, y + b * K);
        }
    });
}

// norms[c] = x[:, c]'x[:, c] and peaks[c] = max |x[:, c]| for any number of columns; NaN shows in the norm only.
// part: (chunks, 2 columns) scratch
template <class T>
void column_scan(index_t n, index_t columns, const T* x, double* part, double* norms, double* peaks,
                 const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        double* sums = part + b / solve_grain * 2 * columns;
        double* tops = sums + columns;
        const T* at = x + b * columns;
        index_t c = 0;
        for (; c + 8 <= columns; c += 8) {
            scan_chunk<T, 8>(e - b, columns, at + c, sums + c, tops + c);
        }
        for (; c + 2 <= columns; c += 2) {
            scan_chunk<T, 2>(e - b, columns, at + c, sums + c, tops + c);
        }
        if (c < columns) {
            scan_chunk<T, 1>(e - b, columns, at + c, sums + c, tops + c);
        }
    });
    for (index_t c = 0; c < columns; ++c) {
        norms[c] = peaks[c] = 0.0;
    }
    for (index_t k = 0; k < chunk_count(n); ++k) {
        for (index_t c = 0; c < columns; ++c) {
            const double* sums = part + k * 2 * columns;
            norms[c] += sums[c];
            peaks[c] = sums[columns + c] > peaks[c] ? sums[columns + c] : peaks[c];
        }
    }
}

KRISS_NAMESPACE_END
