// Least-squares splines with given knots: min sum_i (w_i (y_i - s(x_i)))^2, also with a penalty on a derivative.
//
// C. de Boor, A Practical Guide to Splines, Springer 1978, chapter XIV; J. K. Reid, A note on the least squares
// solution of a band system of linear equations by Householder reductions, Comput. J. 10, 1967. A row of the design has
// k + 1 entries, the B-splines on its span. The data are sorted, so rows come span by span; a block of at most 64 rows
// of one span is reduced against the k + 1 rows of the triangle that share its columns by k + 1 Householder reflections
// of vectors that lie in the first cache. Nothing is squared but norms: the solution has the accuracy of a QR
// factorisation, and what is left of the right-hand side is the residual.
//
// Work per row in the block: basis 4 k (k + 1) / 2, reflections 4 (k + 1) (k / 2 + 1 + m) flops for m right-hand sides.
// Traffic: x, y, w once.
//
// G = R'R has bandwidth k. The band of Z = G^-1 (I. Erisman, W. Tinney, On computing certain elements of the inverse of
// a sparse matrix, Comm. ACM 18, 1975; Hutchinson, de Hoog 1985 for splines) gives the leverages w_i^2 B(x_i)'Z B(x_i).
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/math.hpp"
#include "kriss/spline/lanes.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

constexpr int lsq_max_degree = 15;
constexpr index_t lsq_rows = 64;

// Items of T that one block needs: k + 1 columns of the design and m right-hand sides.
inline index_t lsq_block(int k, index_t m) { return lsq_rows * (k + 1 + m); }

// The triangle R: (n, k + 1), R[i, d] in column i + d; q: (n, m) the reduced right-hand side; rss: (m).
template <class T>
struct BandTriangle {
    index_t n = 0;
    int k = 0;
    index_t m = 1;
    T* r = nullptr;
    T* q = nullptr;
    T* rss = nullptr;

    void clear() const {
        for (index_t i = 0; i < n * (k + 1); ++i) {
            r[i] = T(0);
        }
        for (index_t i = 0; i < n * m; ++i) {
            q[i] = T(0);
        }
        for (index_t j = 0; j < m; ++j) {
            rss[j] = T(0);
        }
    }
};

namespace detail {

template <class T>
KRISS_ALWAYS_INLINE T lanes_sum(const typename LanesOf<T>::real& v) {
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

// Inner product of two columns of 8 * octets rows.
template <class T>
KRISS_ALWAYS_INLINE T column_dot(const T* a, const T* b, index_t octets) {
    using V = typename LanesOf<T>::real;
    V sum = {};
    for (index_t o = 0; o < octets; ++o) {
        V u;
        V v;
        __builtin_memcpy(&u, a + 8 * o, sizeof(V));
        __builtin_memcpy(&v, b + 8 * o, sizeof(V));
        sum += u * v;
    }
    return lanes_sum<T>(sum);
}

// b -= s a
template <class T>
KRISS_ALWAYS_INLINE void column_less(T s, const T* a, T* b, index_t octets) {
    using V = typename LanesOf<T>::real;
    for (index_t o = 0; o < octets; ++o) {
        V u;
        V v;
        __builtin_memcpy(&u, a + 8 * o, sizeof(V));
        __builtin_memcpy(&v, b + 8 * o, sizeof(V));
        v -= s * u;
        __builtin_memcpy(b + 8 * o, &v, sizeof(V));
    }
}

// Reduce `rows` <= 64 rows with columns first ... first + k, stored by columns in block (k + 1 + m, 64) with zeros up
// to a multiple of eight rows, into the triangle. The block is overwritten.
template <class T>
inline void absorb(const BandTriangle<T>& s, index_t first, index_t rows, T* block) {
    const index_t octets = (rows + 7) / 8;
    const int k = s.k;
    for (int c = 0; c <= k; ++c) {
        T* const a = block + c * lsq_rows;
        const T sigma = column_dot(a, a, octets);
        if (sigma == T(0)) {
            continue;
        }
        T* const row = s.r + (first + c) * (k + 1);
        const T alpha = row[0];
        const T norm = T(__builtin_sqrt(alpha * alpha + sigma));
        const T v0 = alpha > T(0) ? alpha + norm : alpha - norm;
        const T scale = T(1) / (norm * (v0 > T(0) ? v0 : -v0));
        row[0] = alpha > T(0) ? -norm : norm;
        for (int d = c + 1; d <= k; ++d) {
            T* const b = block + d * lsq_rows;
            const T f = scale * (v0 * row[d - c] + column_dot(a, b, octets));
            row[d - c] -= f * v0;
            column_less(f, a, b, octets);
        }
        T* const right = s.q + (first + c) * s.m;
        for (index_t j = 0; j < s.m; ++j) {
            T* const b = block + (k + 1 + j) * lsq_rows;
            const T f = scale * (v0 * right[j] + column_dot(a, b, octets));
            right[j] -= f * v0;
            column_less(f, a, b, octets);
        }
    }
    for (index_t j = 0; j < s.m; ++j) {
        const T* const b = block + (k + 1 + j) * lsq_rows;
        s.rss[j] += column_dot(b, b, octets);
    }
}

// The B-splines on the span of t[cell + k] at `rows` points, by columns in block (k + 1, 64), zeros after the last.
template <class T>
inline void basis_block(const T* t, int k, index_t cell, const T* x, index_t rows, T* block) {
    using V = typename LanesOf<T>::real;
    const index_t octets = (rows + 7) / 8;
    const T* const tl = t + cell + k;
    T gap[lsq_max_degree * (lsq_max_degree + 1) / 2 + 1];  // 1 / (t_{l+m} - t_{l+m-j})
    for (int j = 1, at = 0; j <= k; ++j) {
        for (int m = 1; m <= j; ++m, ++at) {
            gap[at] = T(1) / (tl[m] - tl[m - j]);
        }
    }
    for (index_t o = 0; o < octets; ++o) {
        V p = {};
        V one = {};
        for (index_t l = 0; l < 8; ++l) {
            const bool there = 8 * o + l < rows;
            p[l] = there ? x[8 * o + l] : tl[0];
            one[l] = there ? T(1) : T(0);
        }
        V h[lsq_max_degree + 1];
        h[0] = one;
        for (int j = 1, at = 0; j <= k; ++j) {
            V old = h[0];
            h[0] = V{};
            for (int m = 1; m <= j; ++m, ++at) {
                const V next = h[m];
                const V w = old * gap[at];
                h[m - 1] += w * (tl[m] - p);
                h[m] = w * (p - tl[m - j]);
                old = next;
            }
        }
        for (int m = 0; m <= k; ++m) {
            __builtin_memcpy(block + m * lsq_rows + 8 * o, &h[m], sizeof(V));
        }
    }
}

// Calls f(cell, begin, end) for blocks of sorted points that lie in one span; cell counts from the first base span.
template <class T, class F>
KRISS_ALWAYS_INLINE bool each_block(const T* t, index_t n, int k, const T* x, index_t points, const Executor& ex,
                                    F&& f) {
    index_t last = n - k - 1;
    while (last > 0 && !(t[last + k] < t[last + k + 1])) {
        --last;
    }
    index_t cell = 0;
    index_t i = 0;
    for (index_t blocks = 1; i < points; ++blocks) {
        while (cell < last && x[i] >= t[cell + k + 1]) {
            ++cell;
        }
        index_t end = i + 1;
        const index_t most = points - i < lsq_rows ? points : i + lsq_rows;
        while (end < most && (cell == last || x[end] < t[cell + k + 1])) {
            ++end;
        }
        f(cell, i, end);
        i = end;
        if (blocks % 4096 == 0 && ex.interrupted()) {
            return false;
        }
    }
    return true;
}

// Columns of a block times the weights of its rows.
template <class T>
KRISS_ALWAYS_INLINE void weigh(const T* w, index_t rows, int columns, T* block) {
    for (int c = 0; c < columns; ++c) {
        T* const a = block + c * lsq_rows;
        for (index_t i = 0; i < rows; ++i) {
            a[i] *= w[i];
        }
    }
}

// c: (n, m) from the triangle; false where a diagonal entry is zero or not finite, or below `least` times the norm of
// its column, which is what a column that depends on those before it leaves.
template <class T>
inline index_t back_substitute(const BandTriangle<T>& s, T least, T* c) {
    const int k = s.k;
    for (index_t i = s.n - 1; i >= 0; --i) {
        const T* const row = s.r + i * (k + 1);
        T norm = T(0);
        for (index_t d = 0; d <= k && d <= i; ++d) {
            const T v = s.r[(i - d) * (k + 1) + d];
            norm += v * v;
        }
        if (!(row[0] * row[0] > least * least * norm)) {
            return i;
        }
        for (index_t j = 0; j < s.m; ++j) {
            T v = s.q[i * s.m + j];
            for (index_t d = 1; d <= k && i + d < s.n; ++d) {
                v -= row[d] * c[(i + d) * s.m + j];
            }
            c[i * s.m + j] = v / row[0];
        }
    }
    return -1;
}

// Band of Z = (R'R)^-1: z[i, d] = Z_{i, i + d}, (n, k + 1).
template <class T>
inline void band_inverse(const T* r, index_t n, int k, T* z) {
    const index_t width = k + 1;
    for (index_t i = n - 1; i >= 0; --i) {
        const index_t w = n - 1 - i < k ? n - 1 - i : k;
        const T* const row = r + i * width;
        T* const own = z + i * width;
        for (index_t j = w + 1; j <= k; ++j) {
            own[j] = T(0);
        }
        for (index_t j = w; j >= 1; --j) {
            T sum = T(0);
            for (index_t l = 1; l <= w; ++l) {
                const index_t low = j < l ? j : l;
                const index_t gap = j < l ? l - j : j - l;
                sum += row[l] * z[(i + low) * width + gap];
            }
            own[j] = -sum / row[0];
        }
        T sum = T(0);
        for (index_t l = 1; l <= w; ++l) {
            sum += row[l] * own[l];
        }
        own[0] = (T(1) / row[0] - sum) / row[0];
    }
}

}  // namespace detail

// x: (points) sorted within [t_k, t_n], y: (points, m), w: (points) weights of the residuals, t: (n + k + 1); on return
// the triangle, c: (n, m). block: lsq_block(k, m). Info::index: a coefficient that the data do not determine.
template <class T>
Info lsq_solve(const T* x, const T* y, const T* w, index_t points, const T* t, const BandTriangle<T>& s, T* c, T* block,
               const Executor& ex) {
    const int k = s.k;
    const index_t m = s.m;
    s.clear();
    const bool done = detail::each_block(t, s.n, k, x, points, ex, [&](index_t cell, index_t begin, index_t end) {
        const index_t rows = end - begin;
        detail::basis_block(t, k, cell, x + begin, rows, block);
        for (index_t j = 0; j < m; ++j) {
            T* const b = block + (k + 1 + j) * lsq_rows;
            for (index_t i = 0; i < rows; ++i) {
                b[i] = y[(begin + i) * m + j];
            }
            for (index_t i = rows; i < (rows + 7) / 8 * 8; ++i) {
                b[i] = T(0);
            }
        }
        // Every column of the block, right-hand sides included, takes the weight of its row.
        for (index_t a = 0; a < k + 1 + m; ++a) {
            detail::weigh(w + begin, rows, 1, block + a * lsq_rows);
        }
        detail::absorb(s, cell, rows, block);
    });
    if (!done) {
        return {Status::interrupted, -1};
    }
    const T least = (sizeof(T) == 8 ? T(2.2e-16) : T(1.2e-7)) * T(8);
    const index_t bad = detail::back_substitute(s, least, c);
    return bad >= 0 ? Info{Status::singular, bad} : Info{};
}

// leverage: (points), w_i^2 B(x_i)'Z B(x_i) with the band z: (n, k + 1). block: lsq_block(k, 0).
template <class T>
Info lsq_leverage(const T* x, const T* w, index_t points, const T* t, index_t n, int k, const T* z, T* leverage,
                  T* block, const Executor& ex) {
    const bool done = detail::each_block(t, n, k, x, points, ex, [&](index_t cell, index_t begin, index_t end) {
        const index_t rows = end - begin;
        detail::basis_block(t, k, cell, x + begin, rows, block);
        detail::weigh(w + begin, rows, k + 1, block);
        for (index_t i = 0; i < rows; ++i) {
            T sum = T(0);
            for (int a = 0; a <= k; ++a) {
                const T* const row = z + (cell + a) * (k + 1);
                T inner = row[0] * block[a * lsq_rows + i];
                for (int b = a + 1; b <= k; ++b) {
                    inner += T(2) * row[b - a] * block[b * lsq_rows + i];
                }
                sum += block[a * lsq_rows + i] * inner;
            }
            leverage[begin + i] = sum;
        }
    });
    return {done ? Status::ok : Status::interrupted, -1};
}

// Items of T that lsq_penalised needs as scratch for n coefficients.
inline index_t lsq_penalised_work(index_t n, int k) { return n * (3 * (k + 1) + 4) + lsq_block(k, 1); }

// For each lam: minimise |R c - q|^2 + lam |P c|^2, where r (n, k + 1) and q (n) are a triangle and p (spans, parts,
// k + 1) rows of P with columns span ... span + k, spans = n - k. edf = tr (R'R Z), rss = |R c - q|^2, penalty = |P
// c|^2, logdet = log det(R'R + lam P'P). c: (n), leverage's band z: (n, k + 1), both for the last lam. NaN where
// singular. Per lam 4 n (parts + 1) (k + 1)^2 flops for the triangle and 4 n (k + 1)^2 for the band of the inverse.
template <class T>
Info lsq_penalised(const T* r, const T* q, index_t n, int k, const T* p, index_t parts, const T* lam, index_t count,
                   T* edf, T* rss, T* penalty, T* logdet, T* c, T* z, T* work, const Executor& ex) {
    const index_t width = k + 1;
    T* const triangle = work;              // (n, k + 1)
    T* const gram = triangle + n * width;  // (n, k + 1), band of R'R
    T* const right = gram + n * width;     // (n)
    T* const ignored = right + n;          // (1)
    T* const block = ignored + 1;          // lsq_block(k, 1)
    for (index_t i = 0; i < n; ++i) {
        for (index_t d = 0; d < width; ++d) {
            // (R'R)_{i, i + d} = sum_l R_{l, i} R_{l, i + d}, l from i + d - k to i.
            T sum = T(0);
            for (index_t l = i + d - k > 0 ? i + d - k : 0; l <= i && i + d < n; ++l) {
                sum += r[l * width + i - l] * r[l * width + i + d - l];
            }
            gram[i * width + d] = sum;
        }
    }
    const BandTriangle<T> s{n, k, 1, triangle, right, ignored};
    for (index_t which = 0; which < count; ++which) {
        const T root = T(__builtin_sqrt(lam[which]));
        s.clear();
        for (index_t first = 0; first < n - k; ++first) {
            // The rows of R that begin here (at the end, all that are left) and the rows of P on this span.
            const index_t own = first == n - k - 1 ? k + 1 : 1;
            const index_t rows = own + parts;
            for (index_t a = 0; a < (width + 1) * lsq_rows; ++a) {
                block[a] = T(0);
            }
            for (index_t i = 0; i < own; ++i) {
                for (index_t a = i; a < width; ++a) {
                    block[a * lsq_rows + i] = r[(first + i) * width + a - i];
                }
                block[width * lsq_rows + i] = q[first + i];
            }
            for (index_t i = 0; i < parts; ++i) {
                for (index_t a = 0; a < width; ++a) {
                    block[a * lsq_rows + own + i] = root * p[(first * parts + i) * width + a];
                }
            }
            detail::absorb(s, first, rows, block);
        }
        const T nan = T(__builtin_nan(""));
        edf[which] = rss[which] = penalty[which] = logdet[which] = nan;
        if (ex.interrupted()) {
            return {Status::interrupted, -1};
        }
        if (detail::back_substitute(s, T(0), c) >= 0) {
            continue;
        }
        detail::band_inverse(triangle, n, k, z);
        T trace = T(0);
        T squares = T(0);
        T logs = T(0);
        for (index_t i = 0; i < n; ++i) {
            T inner = gram[i * width] * z[i * width];
            T residual = -q[i];
            for (index_t d = 0; d < width && i + d < n; ++d) {
                inner += d > 0 ? T(2) * gram[i * width + d] * z[i * width + d] : T(0);
                residual += r[i * width + d] * c[i + d];
            }
            trace += inner;
            squares += residual * residual;
            const T diagonal = triangle[i * width];
            logs += math::log(diagonal > T(0) ? diagonal : -diagonal);
        }
        T rough = T(0);
        for (index_t first = 0; first < n - k; ++first) {
            for (index_t i = 0; i < parts; ++i) {
                T v = T(0);
                for (index_t a = 0; a < width; ++a) {
                    v += p[(first * parts + i) * width + a] * c[first + a];
                }
                rough += v * v;
            }
        }
        edf[which] = trace;
        rss[which] = squares;
        penalty[which] = rough;
        logdet[which] = T(2) * logs;
    }
    return {};
}

KRISS_NAMESPACE_END
