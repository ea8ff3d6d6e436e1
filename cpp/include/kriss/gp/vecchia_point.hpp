// Vecchia's conditional densities one point at a time, for whoever has a thread per point: the functions of vecchia.hpp
// in the same order of operations, so that weights and variances have the same bits. Sources: vecchia.hpp.
//
// What one point needs is spread over memory at a stride, the number of threads, so that neighbouring threads touch
// neighbouring doubles. Per point: m^2 / 2 entries (3 d flops and an exponential per term), m^3 / 3 flops.
#pragma once

#include "kriss/gp/gradient.hpp"
#include "kriss/gp/vecchia.hpp"

namespace kriss {

// Doubles that the functions below need per thread.
constexpr index_t vecchia_point_item(index_t d, index_t m) { return (m + 1) * (m + 2) / 2 + (m + 1) * (d + 6); }

inline constexpr index_t vecchia_point_slots = 128;

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace vecchia {

struct PointRoom {
    double* p;
    index_t stride, d, m;

    KRISS_HD double& row(index_t which, index_t k) const {
        return p[((m + 1) * (m + 2) / 2 + which * (m + 1) + k) * stride];
    }
    KRISS_HD double& tri(index_t i, index_t j) const { return p[(i * (i + 1) / 2 + j) * stride]; }
    KRISS_HD double& x(index_t q, index_t k) const { return row(q, k); }
    KRISS_HD double& keep(index_t k) const { return row(d, k); }
    KRISS_HD double& add(index_t k) const { return row(d + 1, k); }
    KRISS_HD double& inv(index_t k) const { return row(d + 2, k); }
    KRISS_HD double& b(index_t k) const { return row(d + 3, k); }
    KRISS_HD double& y(index_t k) const { return row(d + 4, k); }
    KRISS_HD double& w(index_t k) const { return row(d + 5, k); }
};

KRISS_HD inline void gather_point(const VecchiaView& a, index_t i, const PointRoom& r) {
    for (index_t k = 0; k <= a.m; ++k) {
        const index_t j = k < a.m ? a.near[i * a.m + k] : i;
        const bool neighbour = k < a.m;
        r.keep(k) = j < 0 ? 0.0 : 1.0;
        r.add(k) = j < 0 ? 0.0 : neighbour ? a.noise[j] : a.own == nullptr ? 0.0 : a.own[i];
        for (index_t q = 0; q < a.d; ++q) {
            r.x(q, k) = j < 0 ? 0.0 : neighbour ? a.xt[q * a.n + j] : a.zt[q * a.count + i];
        }
    }
}

KRISS_HD inline double squared_distance(const CovSum<double>& cov, index_t term, const PointRoom& r, index_t i,
                                        index_t j) {
    double s2 = 0.0;
    for (index_t p = cov.first[term]; p < cov.first[term + 1]; ++p) {
        const double delta = (r.x(cov.dim[p], i) - r.x(cov.dim[p], j)) * cov.inv_lengthscale[p];
        s2 += delta * delta;
    }
    return cov_clamp(s2);
}

KRISS_HD inline CovPoint<double> term_point(int kind, double s2) {
    switch (static_cast<CovKind>(kind)) {
        case CovKind::rbf: return cov_point<CovKind::rbf>(s2);
        case CovKind::matern12: return cov_point<CovKind::matern12>(s2);
        case CovKind::matern32: return cov_point<CovKind::matern32>(s2);
        default: return cov_point<CovKind::matern52>(s2);
    }
}

KRISS_HD inline void assemble_point(const CovSum<double>& cov, const PointRoom& r) {
    for (index_t i = 0; i <= r.m; ++i) {
        for (index_t j = 0; j <= i; ++j) {
            double total = 0.0;
            for (index_t c = 0; c < cov.terms; ++c) {
                const double part = cov.variance[c] * term_point(cov.kind[c], squared_distance(cov, c, r, i, j)).value;
                total = c == 0 ? part : total + part;
            }
            r.tri(i, j) = total * (r.keep(i) * r.keep(j));
        }
        r.tri(i, i) += r.add(i) + (1.0 - r.keep(i));
    }
}

// S = L L' in place, b = C^-1 c; v: the last pivot. Whether a pivot is not above its rounding errors.
KRISS_HD inline bool factorise_point(const PointRoom& r, bool strict, double* v) {
    const double tiny = 4.0 * std::sqrt(static_cast<double>(r.m + 1)) * 0x1p-52;
    bool bad = false;
    for (index_t i = 0; i <= r.m; ++i) {
        for (index_t j = 0; j < i; ++j) {
            double sum = r.tri(i, j);
            for (index_t k = 0; k < j; ++k) {
                sum -= r.tri(i, k) * r.tri(j, k);
            }
            r.tri(i, j) = sum * r.inv(j);
        }
        double pivot = r.tri(i, i);
        const double limit = tiny * pivot;
        for (index_t k = 0; k < i; ++k) {
            pivot -= r.tri(i, k) * r.tri(i, k);
        }
        *v = pivot;
        if (i < r.m || strict) {
            bad = bad || !(pivot > limit) || !(pivot < math::detail::infinity64());
        }
        r.tri(i, i) = std::sqrt(pivot);
        r.inv(i) = 1.0 / r.tri(i, i);
    }
    for (index_t i = r.m; i-- > 0;) {
        double sum = r.tri(r.m, i);
        for (index_t k = i + 1; k < r.m; ++k) {
            sum -= r.tri(k, i) * r.b(k);
        }
        r.b(i) = sum * r.inv(i);
    }
    return bad;
}

// w = C^-1 y over the neighbours.
KRISS_HD inline void solve_point(const PointRoom& r) {
    for (index_t i = 0; i < r.m; ++i) {
        double sum = r.y(i);
        for (index_t k = 0; k < i; ++k) {
            sum -= r.tri(i, k) * r.w(k);
        }
        r.w(i) = sum * r.inv(i);
    }
    for (index_t i = r.m; i-- > 0;) {
        double sum = r.w(i);
        for (index_t k = i + 1; k < r.m; ++k) {
            sum -= r.tri(k, i) * r.w(k);
        }
        r.w(i) = sum * r.inv(i);
    }
}

}  // namespace vecchia

// Weights b (m) and variance of point i; whether its matrix is not positive definite to working precision. scratch:
// vecchia_point_item(d, m) doubles at the stride.
KRISS_HD inline bool vecchia_point(const CovSum<double>& cov, const VecchiaView& a, index_t i, double* scratch,
                                   index_t stride, double* b, double* v) {
    const vecchia::PointRoom r{scratch, stride, a.d, a.m};
    vecchia::gather_point(a, i, r);
    vecchia::assemble_point(cov, r);
    const bool bad = vecchia::factorise_point(r, a.own != nullptr, v);
    for (index_t k = 0; k < a.m; ++k) {
        b[k] = r.b(k);
    }
    return bad;
}

// Adds the gradient of log p(y_i | y_N(i)) to acc: per term the log-variance, to be multiplied by it like the
// log-lengthscales that follow; then a factor common to the noise.
KRISS_HD inline void vecchia_gradient_point(const CovSum<double>& cov, const VecchiaView& a, const double* y, index_t i,
                                            double* scratch, index_t stride, double* acc) {
    const vecchia::PointRoom r{scratch, stride, a.d, a.m};
    double v = 0.0;
    vecchia::gather_point(a, i, r);
    vecchia::assemble_point(cov, r);
    vecchia::factorise_point(r, true, &v);
    double e = y[i];
    for (index_t k = 0; k < a.m; ++k) {
        const index_t j = a.near[i * a.m + k];
        r.y(k) = j < 0 ? 0.0 : y[j];
    }
    vecchia::solve_point(r);
    for (index_t k = 0; k < a.m; ++k) {
        e -= r.b(k) * r.y(k);
        r.b(k) = -r.b(k);
    }
    r.b(a.m) = 1.0;
    r.w(a.m) = 0.0;
    const double second = e / v;
    const double first = second * second - 1.0 / v;
    for (index_t p = 0; p <= a.m; ++p) {
        double diagonal = 0.0;
        for (index_t q = 0; q <= p; ++q) {
            const double weight = r.keep(p) * r.keep(q) * (p == q ? 0.5 : 1.0) *
                                  (first * (r.b(p) * r.b(q)) + second * (r.w(p) * r.b(q) + r.b(p) * r.w(q)));
            diagonal = weight;
            index_t slot = 0;
            for (index_t c = 0; c < cov.terms; ++c) {
                const CovPoint<double> k = vecchia::term_point(cov.kind[c], vecchia::squared_distance(cov, c, r, p, q));
                acc[slot++] += weight * k.value;
                for (index_t s = cov.first[c]; s < cov.first[c + 1]; ++s, ++slot) {
                    const double delta = (r.x(cov.dim[s], p) - r.x(cov.dim[s], q)) * cov.inv_lengthscale[s];
                    const double square = delta * delta;  // finite, so that a slope of 0 gives 0
                    acc[slot] += weight * k.slope * (square > 1e30 ? 1e30 : square);
                }
            }
        }
        acc[cov_parameters(cov)] += diagonal * r.add(p);
    }
}

KRISS_NAMESPACE_END
