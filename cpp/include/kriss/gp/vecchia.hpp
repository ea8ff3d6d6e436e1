// A Gaussian density as a product of conditionals on a few neighbours each: the factor, its likelihood's gradient and
// predictions, one small Cholesky factorisation per point.
//
// A. V. Vecchia, "Estimation and Model Identification for Continuous Spatial Processes", Journal of the Royal
// Statistical Society B 50 (1988), equation (4). For point i with neighbours N, S the covariance of (N, i) with noise
// on its diagonal, C its block over N and c its column for i:
//     b = C^-1 c,   v = S_ii - c'b,   log p(y_i | y_N) = -(log(2 pi v) + e^2 / v) / 2,   e = y_i - b'y_N.
// With a = (-b, 1) and w = (C^-1 y_N, 0): dv = a'dS a, because b minimises a'S a, and de = -w'dS a. Hence
//     d log p = sum_rc P_rc dS_rc,   P = -(1/v - e^2/v^2)/2 a a' + (e/v)/2 (w a' + a w'),
// and dS is formed from the points, never stored.
//
// Eight points go together, one per lane of every loop, so that a Cholesky factorisation of order 20 is vector code. A
// point with fewer than m neighbours has them filled up with independent ones: unit rows, which change nothing.
//
// Per point: m^2 / 2 entries (3 d flops and an exponential per term), m^3 / 3 flops; 8 m bytes written, (d + 1) m
// doubles gathered.
#pragma once

#include <cmath>
#include <limits>

#include "kriss/executor.hpp"
#include "kriss/gp/kernels.hpp"
#include "kriss/status.hpp"

namespace kriss {

inline constexpr index_t vecchia_lanes = 8;

// Doubles of scratch that a group of points needs.
constexpr index_t vecchia_item(index_t d, index_t m) {
    return vecchia_lanes * ((m + 1) * (m + 2) / 2 + (m + 1) * (d + 9));
}
// Chunks that the points are cut into, by the sizes alone.
constexpr index_t vecchia_chunks(index_t n, index_t d, index_t m) {
    const index_t groups = (n + vecchia_lanes - 1) / vecchia_lanes;
    const index_t room = (index_t{1} << 23) / vecchia_item(d, m);
    const index_t most = room < 4 ? 4 : room > 64 ? 64 : room;
    return groups < most ? groups : most;
}

// Borrowed arrays of one problem.  Neighbours refer to columns of xt, points to columns of zt.
struct VecchiaView {
    index_t n = 0;                  // points that are conditioned on
    index_t count = 0;              // points
    index_t d = 0;                  // coordinates
    index_t m = 0;                  // neighbours of each, at least 1
    const double* xt = nullptr;     // (d, n)
    const double* zt = nullptr;     // (d, count)
    const double* noise = nullptr;  // (n) on the neighbours' diagonal
    const double* own = nullptr;    // (count) on the points' diagonal, or null for none and v that may vanish
    const index_t* near = nullptr;  // (count, m), -1: none
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace vecchia {

inline constexpr index_t W = vecchia_lanes;

struct Room {
    double* tri;    // (m + 1)(m + 2) / 2 entries of W: S, then L
    double* x;      // (d, m + 1) of W
    double* keep;   // (m + 1) of W: 1, or 0 where there is no neighbour
    double* add;    // (m + 1) of W: noise
    double* inv;    // (m + 1) of W: 1 / L_rr
    double* b;      // (m + 1) of W
    double* y;      // (m + 1) of W
    double* w;      // (m + 1) of W
    double* s2;     // (m + 1) of W
    double* value;  // (m + 1) of W
    double* slope;  // (m + 1) of W
};

KRISS_ALWAYS_INLINE Room room(double* p, index_t d, index_t m) {
    const index_t row = (m + 1) * W;
    Room r{};
    r.tri = p;
    p += (m + 1) * (m + 2) / 2 * W;
    r.x = p;
    p += d * row;
    r.keep = p;
    r.add = p + row;
    r.inv = p + 2 * row;
    r.b = p + 3 * row;
    r.y = p + 4 * row;
    r.w = p + 5 * row;
    r.s2 = p + 6 * row;
    r.value = p + 7 * row;
    r.slope = p + 8 * row;
    return r;
}

KRISS_ALWAYS_INLINE double* entry(const Room& r, index_t i, index_t j) { return r.tri + (i * (i + 1) / 2 + j) * W; }

// Coordinates and noise of the neighbours and points of one group.
inline void gather(const VecchiaView& a, index_t i0, const Room& r) {
    const index_t m = a.m;
    for (index_t l = 0; l < W; ++l) {
        const index_t i = i0 + l < a.count ? i0 + l : a.count - 1;
        for (index_t k = 0; k < m; ++k) {
            const index_t j = a.near[i * m + k];
            r.keep[k * W + l] = j < 0 ? 0.0 : 1.0;
            r.add[k * W + l] = j < 0 ? 0.0 : a.noise[j];
            for (index_t q = 0; q < a.d; ++q) {
                r.x[(q * (m + 1) + k) * W + l] = j < 0 ? 0.0 : a.xt[q * a.n + j];
            }
        }
        r.keep[m * W + l] = 1.0;
        r.add[m * W + l] = a.own == nullptr ? 0.0 : a.own[i];
        for (index_t q = 0; q < a.d; ++q) {
            r.x[(q * (m + 1) + m) * W + l] = a.zt[q * a.count + i];
        }
    }
}

// s2 of point `row` of the group against its points 0..row, for one term.
KRISS_ALWAYS_INLINE void distances(const CovSum<double>& cov, index_t term, const Room& r, index_t m, index_t row) {
    double* KRISS_RESTRICT s2 = r.s2;
    const index_t len = (row + 1) * W;
    for (index_t k = 0; k < len; ++k) {
        s2[k] = 0.0;
    }
    for (index_t p = cov.first[term]; p < cov.first[term + 1]; ++p) {
        const double inv = cov.inv_lengthscale[p];
        const double* KRISS_RESTRICT x = r.x + cov.dim[p] * (m + 1) * W;
        double here[W];
        for (index_t l = 0; l < W; ++l) {
            here[l] = x[row * W + l];
        }
        for (index_t j = 0; j <= row; ++j) {
            for (index_t l = 0; l < W; ++l) {
                const double delta = (here[l] - x[j * W + l]) * inv;
                s2[j * W + l] += delta * delta;
            }
        }
    }
}

template <CovKind K>
KRISS_ALWAYS_INLINE void values(const double* KRISS_RESTRICT s2, index_t len, double variance, bool fresh,
                                double* KRISS_RESTRICT out) {
    if (fresh) {
        for (index_t k = 0; k < len; ++k) {
            out[k] = variance * cov_value<K>(cov_clamp(s2[k]));
        }
    } else {
        for (index_t k = 0; k < len; ++k) {
            out[k] += variance * cov_value<K>(cov_clamp(s2[k]));
        }
    }
}

template <CovKind K>
KRISS_ALWAYS_INLINE void slopes(const double* KRISS_RESTRICT s2, index_t len, double* KRISS_RESTRICT value,
                                double* KRISS_RESTRICT slope) {
    for (index_t k = 0; k < len; ++k) {
        const CovPoint<double> at = cov_point<K>(cov_clamp(s2[k]));
        value[k] = at.value;
        slope[k] = at.slope;
    }
}

// S of the group into tri.
inline void assemble(const CovSum<double>& cov, const Room& r, index_t m) {
    for (index_t i = 0; i <= m; ++i) {
        double* KRISS_RESTRICT out = entry(r, i, 0);
        const index_t len = (i + 1) * W;
        for (index_t c = 0; c < cov.terms; ++c) {
            distances(cov, c, r, m, i);
            const double variance = cov.variance[c];
            switch (static_cast<CovKind>(cov.kind[c])) {
                case CovKind::rbf: values<CovKind::rbf>(r.s2, len, variance, c == 0, out); break;
                case CovKind::matern12: values<CovKind::matern12>(r.s2, len, variance, c == 0, out); break;
                case CovKind::matern32: values<CovKind::matern32>(r.s2, len, variance, c == 0, out); break;
                default: values<CovKind::matern52>(r.s2, len, variance, c == 0, out); break;
            }
        }
        for (index_t j = 0; j <= i; ++j) {
            for (index_t l = 0; l < W; ++l) {
                out[j * W + l] *= r.keep[i * W + l] * r.keep[j * W + l];
            }
        }
        for (index_t l = 0; l < W; ++l) {
            out[i * W + l] += r.add[i * W + l] + (1.0 - r.keep[i * W + l]);
        }
    }
}

// S = L L' in place, b = C^-1 c and v = the last pivot.  bad[l]: whether a pivot is not above its rounding errors; the
// last one counts only if `strict`.
inline void factorise(const Room& r, index_t m, bool strict, double* v, bool* bad) {
    const double tiny = 4.0 * std::sqrt(static_cast<double>(m + 1)) * std::numeric_limits<double>::epsilon();
    for (index_t l = 0; l < W; ++l) {
        bad[l] = false;
    }
    for (index_t i = 0; i <= m; ++i) {
        double* const row = entry(r, i, 0);
        for (index_t j = 0; j < i; ++j) {
            const double* KRISS_RESTRICT other = entry(r, j, 0);
            double sum[W];
            for (index_t l = 0; l < W; ++l) {
                sum[l] = row[j * W + l];
            }
            for (index_t k = 0; k < j; ++k) {
                for (index_t l = 0; l < W; ++l) {
                    sum[l] -= row[k * W + l] * other[k * W + l];
                }
            }
            for (index_t l = 0; l < W; ++l) {
                row[j * W + l] = sum[l] * r.inv[j * W + l];
            }
        }
        double pivot[W];
        double limit[W];
        for (index_t l = 0; l < W; ++l) {
            pivot[l] = row[i * W + l];
            limit[l] = tiny * pivot[l];
        }
        for (index_t k = 0; k < i; ++k) {
            for (index_t l = 0; l < W; ++l) {
                pivot[l] -= row[k * W + l] * row[k * W + l];
            }
        }
        for (index_t l = 0; l < W; ++l) {
            v[l] = pivot[l];
            if (i < m || strict) {
                bad[l] = bad[l] || !(pivot[l] > limit[l]) || !(pivot[l] <= std::numeric_limits<double>::max());
            }
            row[i * W + l] = std::sqrt(pivot[l]);
            r.inv[i * W + l] = 1.0 / row[i * W + l];
        }
    }
    const double* const last = entry(r, m, 0);
    for (index_t i = m; i-- > 0;) {
        double sum[W];
        for (index_t l = 0; l < W; ++l) {
            sum[l] = last[i * W + l];
        }
        for (index_t k = i + 1; k < m; ++k) {
            const double* KRISS_RESTRICT below = entry(r, k, i);
            for (index_t l = 0; l < W; ++l) {
                sum[l] -= below[l] * r.b[k * W + l];
            }
        }
        for (index_t l = 0; l < W; ++l) {
            r.b[i * W + l] = sum[l] * r.inv[i * W + l];
        }
    }
}

// w = C^-1 y over the neighbours.
inline void solve_neighbours(const Room& r, index_t m) {
    for (index_t i = 0; i < m; ++i) {
        const double* KRISS_RESTRICT row = entry(r, i, 0);
        double sum[W];
        for (index_t l = 0; l < W; ++l) {
            sum[l] = r.y[i * W + l];
        }
        for (index_t k = 0; k < i; ++k) {
            for (index_t l = 0; l < W; ++l) {
                sum[l] -= row[k * W + l] * r.w[k * W + l];
            }
        }
        for (index_t l = 0; l < W; ++l) {
            r.w[i * W + l] = sum[l] * r.inv[i * W + l];
        }
    }
    for (index_t i = m; i-- > 0;) {
        double sum[W];
        for (index_t l = 0; l < W; ++l) {
            sum[l] = r.w[i * W + l];
        }
        for (index_t k = i + 1; k < m; ++k) {
            const double* KRISS_RESTRICT below = entry(r, k, i);
            for (index_t l = 0; l < W; ++l) {
                sum[l] -= below[l] * r.w[k * W + l];
            }
        }
        for (index_t l = 0; l < W; ++l) {
            r.w[i * W + l] = sum[l] * r.inv[i * W + l];
        }
    }
}

// acc[slot * W + l] += sum over the pairs of a group of P dS for one group.  a: (-b, 1), w, and the two factors of P.
inline void contract(const CovSum<double>& cov, const Room& r, index_t m, const double* first, const double* second,
                     double* acc) {
    for (index_t i = 0; i <= m; ++i) {
        const index_t len = (i + 1) * W;
        // The weights of row i, in the row of L that is no longer needed; the diagonal counts once, other pairs twice.
        double* KRISS_RESTRICT weight = entry(r, i, 0);
        for (index_t j = 0; j <= i; ++j) {
            const double half = i == j ? 0.5 : 1.0;
            for (index_t l = 0; l < W; ++l) {
                const double ai = r.b[i * W + l], aj = r.b[j * W + l], wi = r.w[i * W + l], wj = r.w[j * W + l];
                const double mask = r.keep[i * W + l] * r.keep[j * W + l] * half;
                weight[j * W + l] = mask * (first[l] * (ai * aj) + second[l] * (wi * aj + ai * wj));
            }
        }
        double* at = acc;
        for (index_t c = 0; c < cov.terms; ++c) {
            distances(cov, c, r, m, i);
            switch (static_cast<CovKind>(cov.kind[c])) {
                case CovKind::rbf: slopes<CovKind::rbf>(r.s2, len, r.value, r.slope); break;
                case CovKind::matern12: slopes<CovKind::matern12>(r.s2, len, r.value, r.slope); break;
                case CovKind::matern32: slopes<CovKind::matern32>(r.s2, len, r.value, r.slope); break;
                default: slopes<CovKind::matern52>(r.s2, len, r.value, r.slope); break;
            }
            for (index_t j = 0; j <= i; ++j) {
                for (index_t l = 0; l < W; ++l) {
                    at[l] += weight[j * W + l] * r.value[j * W + l];
                }
            }
            for (index_t k = 0; k < len; ++k) {
                r.slope[k] *= weight[k];
            }
            at += W;
            for (index_t p = cov.first[c]; p < cov.first[c + 1]; ++p) {
                const double inv = cov.inv_lengthscale[p];
                const double* KRISS_RESTRICT x = r.x + cov.dim[p] * (m + 1) * W;
                for (index_t j = 0; j <= i; ++j) {
                    for (index_t l = 0; l < W; ++l) {
                        const double delta = (x[i * W + l] - x[j * W + l]) * inv;
                        const double square = delta * delta;  // finite, so that a slope of 0 gives 0
                        at[l] += r.slope[j * W + l] * (square > 1e30 ? 1e30 : square);
                    }
                }
                at += W;
            }
        }
        for (index_t l = 0; l < W; ++l) {
            at[l] += weight[i * W + l] * r.add[i * W + l];
        }
    }
}

struct FactorTask {
    const CovSum<double>& cov;
    const VecchiaView& a;
    double* b;
    double* v;
    double* scratch;
    index_t* bad;
    index_t per;  // groups per chunk
    const Executor& ex;

    void operator()(index_t begin, index_t end) const {
        const index_t m = a.m;
        const Room r = room(scratch + begin / per * vecchia_item(a.d, m), a.d, m);
        for (index_t g = begin; g < end && !ex.interrupted(); ++g) {
            const index_t i0 = g * W;
            double pivot[W] = {};
            bool wrong[W] = {};
            gather(a, i0, r);
            assemble(cov, r, m);
            factorise(r, m, a.own != nullptr, pivot, wrong);
            for (index_t l = 0; l < W && i0 + l < a.count; ++l) {
                for (index_t k = 0; k < m; ++k) {
                    b[(i0 + l) * m + k] = r.b[k * W + l];
                }
                v[i0 + l] = pivot[l];
                if (wrong[l] && bad[begin / per] < 0) {
                    bad[begin / per] = i0 + l;
                }
            }
        }
    }
};

struct GradientTask {
    const CovSum<double>& cov;
    const VecchiaView& a;
    const double* y;
    double* part;  // (chunks, parameters + 1, W)
    double* scratch;
    index_t parameters;
    index_t per;
    const Executor& ex;

    void operator()(index_t begin, index_t end) const {
        const index_t m = a.m;
        const Room r = room(scratch + begin / per * vecchia_item(a.d, m), a.d, m);
        double* const acc = part + begin / per * (parameters + 1) * W;
        for (index_t g = begin; g < end && !ex.interrupted(); ++g) {
            const index_t i0 = g * W;
            double v[W] = {};
            double e[W];
            double first[W];
            double second[W];
            bool wrong[W] = {};
            gather(a, i0, r);
            assemble(cov, r, m);
            factorise(r, m, true, v, wrong);
            for (index_t l = 0; l < W; ++l) {
                const index_t i = i0 + l < a.count ? i0 + l : a.count - 1;
                e[l] = y[i];
                for (index_t k = 0; k < m; ++k) {
                    const index_t j = a.near[i * m + k];
                    r.y[k * W + l] = j < 0 ? 0.0 : y[j];
                }
            }
            solve_neighbours(r, m);
            for (index_t k = 0; k < m; ++k) {
                for (index_t l = 0; l < W; ++l) {
                    e[l] -= r.b[k * W + l] * r.y[k * W + l];
                    r.b[k * W + l] = -r.b[k * W + l];
                }
            }
            for (index_t l = 0; l < W; ++l) {
                const double real = i0 + l < a.count ? 1.0 : 0.0;
                r.b[m * W + l] = 1.0;
                r.w[m * W + l] = 0.0;
                second[l] = real * (e[l] / v[l]);
                first[l] = real * (e[l] / v[l] * (e[l] / v[l]) - 1.0 / v[l]);
            }
            contract(cov, r, m, first, second, acc);
        }
    }
};

}  // namespace vecchia

// b: (count, m), v: (count).  scratch: vecchia_chunks x vecchia_item doubles; bad: (vecchia_chunks).
// not_positive_definite with the first point whose small matrix has a pivot not above its rounding errors.
inline Info vecchia_factor(const CovSum<double>& cov, const VecchiaView& a, double* b, double* v, double* scratch,
                           index_t* bad, const Executor& ex) {
    const index_t groups = (a.count + vecchia_lanes - 1) / vecchia_lanes;
    if (groups == 0) {
        return {};
    }
    const index_t chunks = vecchia_chunks(a.count, a.d, a.m);
    const index_t per = (groups + chunks - 1) / chunks;
    for (index_t k = 0; k < chunks; ++k) {
        bad[k] = -1;
    }
    const vecchia::FactorTask task{cov, a, b, v, scratch, bad, per, ex};
    ex.parallel_for(groups, per, task);
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    for (index_t k = 0; k < chunks; ++k) {
        if (bad[k] >= 0) {
            return {Status::not_positive_definite, bad[k]};
        }
    }
    return {};
}

// The gradient of sum_i log p(y_i | y_N(i)) in the logarithms of the parameters: per term the variance, then the
// lengthscales; then of a factor common to the noise.  part: (chunks, parameters + 1, 8).
inline Info vecchia_gradient(const CovSum<double>& cov, const VecchiaView& a, const double* y, double* gradient,
                             double* part, double* scratch, const Executor& ex) {
    const index_t parameters = cov.terms + cov.first[cov.terms];
    const index_t groups = (a.count + vecchia_lanes - 1) / vecchia_lanes;
    const index_t chunks = groups == 0 ? 0 : vecchia_chunks(a.count, a.d, a.m);
    for (index_t k = 0; k < chunks * (parameters + 1) * vecchia_lanes; ++k) {
        part[k] = 0.0;
    }
    if (groups > 0) {
        const index_t per = (groups + chunks - 1) / chunks;
        const vecchia::GradientTask task{cov, a, y, part, scratch, parameters, per, ex};
        ex.parallel_for(groups, per, task);
    }
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    for (index_t slot = 0; slot <= parameters; ++slot) {
        double total = 0.0;
        for (index_t k = 0; k < chunks; ++k) {
            const double* p = part + (k * (parameters + 1) + slot) * vecchia_lanes;
            total += ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
        }
        gradient[slot] = total;
    }
    index_t slot = 0;
    for (index_t c = 0; c < cov.terms; ++c) {
        for (index_t p = cov.first[c] - 1; p < cov.first[c + 1]; ++p, ++slot) {
            gradient[slot] *= cov.variance[c];
        }
    }
    return {};
}

// e = (I - B) y, for rows of y and e (count, n).
inline void vecchia_residual(index_t n, index_t m, index_t count, const index_t* near, const double* b, const double* y,
                             double* e, const Executor& ex) {
    for (index_t s = 0; s < count && !ex.interrupted(); ++s) {
        const double* const from = y + s * n;
        for (index_t i = 0; i < n; ++i) {
            double sum = from[i];
            for (index_t k = 0; k < m; ++k) {
                const index_t j = near[i * m + k];
                sum -= j < 0 ? 0.0 : b[i * m + k] * from[j];
            }
            e[s * n + i] = sum;
        }
    }
}

// x = (I - B)^-1 z, one row after the other: draws from unit noise scaled by sqrt(v).  z: (draws, n), in place.
inline void vecchia_substitute(index_t n, index_t m, index_t draws, const index_t* near, const double* b, double* z,
                               const Executor& ex) {
    for (index_t s = 0; s < draws; ++s) {
        double* const x = z + s * n;
        for (index_t i = 0; i < n; ++i) {
            double sum = x[i];
            for (index_t k = 0; k < m; ++k) {
                const index_t j = near[i * m + k];
                sum += j < 0 ? 0.0 : b[i * m + k] * x[j];
            }
            x[i] = sum;
        }
        if (ex.interrupted()) {
            return;
        }
    }
}

KRISS_NAMESPACE_END
