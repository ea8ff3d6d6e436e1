// Passes of block conjugate gradients over k vectors at once, and the small dense work between them.
//
// H. Ji, Y. Li, "A breakdown-free block conjugate gradient method", BIT Numer. Math. 57 (2017), algorithm 2: the search
// directions are orthonormalised each time, and what depends on the others is left out. The orthonormal basis comes
// from the Gram matrix: A. Stathopoulos, K. Wu, "A block orthogonalization procedure with constant synchronization
// requirements", SIAM J. Sci. Comput. 23 (2002), with pivoted Cholesky (N. J. Higham, "Accuracy and Stability of
// Numerical Algorithms", 2nd ed., SIAM 2002, section 10.3) in the place of the eigenvalues, twice.
//
// A block is k vectors of n numbers. Five hundred rows at a time pass through the caches, so that every vector comes
// from memory once per pass. Per iteration in float64, without A and M: 2 Gram matrices of two blocks and 2 of one, 3
// updates and 2 triangular solves, about 192 n k bytes and 14 n k^2 flops.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"

KRISS_NAMESPACE_BEGIN

// g[i * m + j] = v_i'w_j.  v: k vectors, w: m vectors; part: (chunk_count(n), k m) scratch. With v == w only once.
template <class T>
void block_gram(index_t n, int k, const T* const* v, int m, const T* const* w, double* part, double* g,
                const Executor& ex) {
    const bool one = v == w;
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        double* out = part + begin / solve_grain * k * m;
        for (int i = 0; i < k; ++i) {
            for (int j = one ? i : 0; j < m; ++j) {
                out[i * m + j] = dot_chunk(v[i] + begin, w[j] + begin, end - begin);
            }
        }
    });
    for (int i = 0; i < k; ++i) {
        for (int j = one ? i : 0; j < m; ++j) {
            double s = 0.0;
            for (index_t c = 0; c < chunk_count(n); ++c) {
                s += part[c * k * m + i * m + j];
            }
            g[i * m + j] = s;
            if (one) {
                g[j * m + i] = s;
            }
        }
    }
}

// d[j] = v_j'w_j.  part: (chunk_count(n), k) scratch
template <class T>
void block_dots(index_t n, int k, const T* const* v, const T* const* w, double* part, double* d, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        for (int j = 0; j < k; ++j) {
            part[begin / solve_grain * k + j] = dot_chunk(v[j] + begin, w[j] + begin, end - begin);
        }
    });
    for (int j = 0; j < k; ++j) {
        d[j] = 0.0;
        for (index_t c = 0; c < chunk_count(n); ++c) {
            d[j] += part[c * k + j];
        }
    }
}

// y += sum over `Count` vectors of c_i v_i
template <class T, int Count>
KRISS_ALWAYS_INLINE void add_some(index_t m, const T* const* v, index_t begin, const T* c, T* KRISS_RESTRICT y) {
    const T* KRISS_RESTRICT from[Count];
    T factor[Count];
    for (int i = 0; i < Count; ++i) {
        from[i] = v[i] + begin;
        factor[i] = c[i];
    }
    for (index_t t = 0; t < m; ++t) {
        T s = y[t];
        for (int i = 0; i < Count; ++i) {
            s += factor[i] * from[i][t];
        }
        y[t] = s;
    }
}

// y += sum_i c_i v_i for m rows from `begin`, c_i = c[i * stride]
template <class T>
KRISS_ALWAYS_INLINE void add_all(index_t m, int k, const T* const* v, index_t begin, const double* c, index_t stride,
                                 double sign, T* y) {
    int i = 0;
    for (; i < k; i += 4) {
        T some[4];
        const int count = k - i < 4 ? k - i : 4;
        for (int l = 0; l < count; ++l) {
            some[l] = static_cast<T>(sign * c[(i + l) * stride]);
        }
        switch (count) {
            case 4: add_some<T, 4>(m, v + i, begin, some, y); break;
            case 3: add_some<T, 3>(m, v + i, begin, some, y); break;
            case 2: add_some<T, 2>(m, v + i, begin, some, y); break;
            default: add_some<T, 1>(m, v + i, begin, some, y);
        }
    }
}

// y_j += sign * sum_i v_i c[i * m + j].  v: k vectors, y: m others
template <class T>
void block_add(index_t n, int k, const T* const* v, int m, const double* c, double sign, T* const* y,
               const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t rows = b + solve_block < end ? solve_block : end - b;
            for (int j = 0; j < m; ++j) {
                add_all(rows, k, v, b, c + j, static_cast<index_t>(m), sign, y[j] + b);
            }
        }
    });
}

// V = V R^-1 in place.  v: k vectors; r: (k, k) upper triangular
template <class T>
void block_solve(index_t n, int k, T* const* v, const double* r, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t rows = b + solve_block < end ? solve_block : end - b;
            for (int j = 0; j < k; ++j) {
                T* KRISS_RESTRICT y = v[j] + b;
                add_all(rows, j, v, b, r + j, static_cast<index_t>(k), -1.0, v[j] + b);
                const T scale = static_cast<T>(1.0 / r[j * k + j]);
                for (index_t t = 0; t < rows; ++t) {
                    y[t] *= scale;
                }
            }
        }
    });
}

KRISS_NAMESPACE_END

namespace kriss {

// Cholesky factor of a permuted g (k, k), which is overwritten: g[pivot, pivot] = R'R for the first `rank` pivots,
// those above `drop`. r: (rank, rank) upper triangular, tightly packed; pivot: (k). Returns the rank, -1 on NaN or
// infinity.
inline int pivoted_cholesky(int k, double* g, double drop, int* pivot, double* r) {
    for (int i = 0; i < k * k; ++i) {
        if (!std::isfinite(g[i])) {
            return -1;
        }
    }
    for (int i = 0; i < k; ++i) {
        pivot[i] = i;
    }
    int rank = 0;
    for (; rank < k; ++rank) {
        int best = rank;
        for (int i = rank + 1; i < k; ++i) {
            if (g[i * k + i] > g[best * k + best]) {
                best = i;
            }
        }
        if (!(g[best * k + best] > drop)) {
            break;
        }
        for (int i = 0; i < k; ++i) {
            const double t = g[rank * k + i];
            g[rank * k + i] = g[best * k + i];
            g[best * k + i] = t;
        }
        for (int i = 0; i < k; ++i) {
            const double t = g[i * k + rank];
            g[i * k + rank] = g[i * k + best];
            g[i * k + best] = t;
        }
        const int p = pivot[rank];
        pivot[rank] = pivot[best];
        pivot[best] = p;
        const double root = std::sqrt(g[rank * k + rank]);
        g[rank * k + rank] = root;
        for (int j = rank + 1; j < k; ++j) {
            g[rank * k + j] /= root;
        }
        for (int i = rank + 1; i < k; ++i) {
            for (int j = rank + 1; j < k; ++j) {
                g[i * k + j] -= g[rank * k + i] * g[rank * k + j];
            }
        }
    }
    for (int i = 0; i < rank; ++i) {
        for (int j = 0; j < rank; ++j) {
            r[i * rank + j] = j >= i ? g[i * k + j] : 0.0;
        }
    }
    return rank;
}

// g = L L' in place (lower triangle). False if a pivot is not positive, which is then left in `bad`.
inline bool small_cholesky(int k, double* g, double& bad) {
    for (int j = 0; j < k; ++j) {
        for (int i = 0; i < j; ++i) {
            g[j * k + j] -= g[j * k + i] * g[j * k + i];
        }
        if (!(g[j * k + j] > 0.0 && std::isfinite(g[j * k + j]))) {
            bad = g[j * k + j];
            return false;
        }
        g[j * k + j] = std::sqrt(g[j * k + j]);
        for (int r = j + 1; r < k; ++r) {
            for (int i = 0; i < j; ++i) {
                g[r * k + j] -= g[r * k + i] * g[j * k + i];
            }
            g[r * k + j] /= g[j * k + j];
        }
    }
    return true;
}

// c = (L L')^-1 c for c: (k, m)
inline void small_solve(int k, const double* l, int m, double* c) {
    for (int j = 0; j < m; ++j) {
        for (int i = 0; i < k; ++i) {
            for (int t = 0; t < i; ++t) {
                c[i * m + j] -= l[i * k + t] * c[t * m + j];
            }
            c[i * m + j] /= l[i * k + i];
        }
        for (int i = k - 1; i >= 0; --i) {
            for (int t = i + 1; t < k; ++t) {
                c[i * m + j] -= l[t * k + i] * c[t * m + j];
            }
            c[i * m + j] /= l[i * k + i];
        }
    }
}

}  // namespace kriss
