// Matern processes of one variable as state-space models: transitions, process noise and one step of a filter.
//
// J. Hartikainen, S. Sarkka, "Kalman filtering and smoothing solutions to temporal Gaussian process regression models",
// MLSP 2010, section 4: a Matern process of smoothness nu = J - 1/2 is the first component of a J-vector that solves a
// linear stochastic differential equation with the characteristic polynomial (x + rate)^J, rate = sqrt(2 nu) / l.
// Component j is divided by rate^j here, so that everything depends on a = rate * gap alone:
//     Phi(a) = exp(F a),   Q(a) = q int_0^a b(s) b(s)' ds,   b = last column of Phi,   P = Q(infinity),
// with P_00 = 1. Integrating term by term, Q_jk = P_jk G(2 J - 1 - j - k, 2 a) + exp(-2 a) times a polynomial, where
// G(k, x) = exp(-x) sum_{i >= k} x^i / i!. Both parts are of the order of Q_jk for small a: nothing cancels.
//
// The covariance of the state is kept as L D L', L unit lower triangular. Seeing the first component through noise only
// scales D_0; a step in time is the weighted Gram-Schmidt process of C. L. Thornton, "Triangular covariance
// factorizations for Kalman filtering", JPL memorandum 33-798, 1976, section 3, over the columns of [Phi L, L_Q].
// Pivots are sums of positive numbers: they keep their digits however close the points are, where P - Phi P Phi',
// Joseph's form and a dense Cholesky factorisation lose all of them. For sums of terms the observation is the update of
// G. J. Bierman, "Factorization Methods for Discrete Sequential Estimation", Academic Press 1977, section V.3, lower
// triangle instead of upper.
//
// Points closer than series_closest(J) lengthscales / sqrt(2 nu) count as the same point.
#pragma once

#include "kriss/config.hpp"
#include "kriss/math.hpp"

namespace kriss {

// A sum of Matern terms; every pointer is borrowed.
struct SeriesModel {
    int terms = 0;
    int states = 0;                    // sum of order
    const int* order = nullptr;        // (terms) J, 1 to 4
    const double* variance = nullptr;  // (terms)
    const double* rate = nullptr;      // (terms) sqrt(2 nu) / lengthscale
};

inline constexpr int series_states_max = 16;
inline constexpr index_t series_block = 64;

// Rows of a term in the table of transitions: a, Phi (J J), L_Q below its diagonal by rows, D_Q (J).
constexpr int series_rows(int j) { return 1 + j * j + j * (j - 1) / 2 + j; }
inline constexpr int series_rows_max = series_states_max / 4 * series_rows(4);

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Below it a counts as 0, so that a^(2 J - 1) and its inverse stay in range.
template <int J>
constexpr double series_closest() {
    return J == 1 ? 0.0 : J == 2 ? 1e-60 : J == 3 ? 1e-40 : 1e-28;
}

namespace series {

constexpr double factorial(int k) { return k <= 1 ? 1.0 : static_cast<double>(k) * factorial(k - 1); }

// k! / (k + m)!
constexpr double fraction(int k, int m) { return m == 0 ? 1.0 : fraction(k, m - 1) / static_cast<double>(k + m); }

// sum_{m=M}^{N} k! / (k + m)! x^(m - M)
template <int K, int M, int N>
KRISS_HD KRISS_ALWAYS_INLINE double tail(double x) {
    constexpr double c = fraction(K, M);
    if constexpr (M == N) {
        return c;
    } else {
        return tail<K, M + 1, N>(x) * x + c;
    }
}

// sum_{i=M}^{N} x^(i - M) / i!
template <int M, int N>
KRISS_HD KRISS_ALWAYS_INLINE double head(double x) {
    constexpr double c = 1.0 / factorial(M);
    if constexpr (M == N) {
        return c;
    } else {
        return head<M + 1, N>(x) * x + c;
    }
}

// G(K, x) for odd K >= 3; xk = x^K, e = exp(-x).
template <int K>
KRISS_HD KRISS_ALWAYS_INLINE double gamma_ratio(double x, double xk, double e) {
    constexpr double switch_at = 0.5 * (K + 1);
    constexpr double first = 1.0 / factorial(K);
    const double near = (e * xk) * (first * tail<K, 0, 25>(x < switch_at ? x : switch_at));
    const double far = 1.0 - e * head<0, K - 1>(x);
    return x < switch_at ? near : far;
}

KRISS_HD KRISS_ALWAYS_INLINE double reciprocal(double x) { return x > 0.0 ? 1.0 / x : 0.0; }

KRISS_HD KRISS_ALWAYS_INLINE double clamped(double a, double closest) {
    const double b = a > 750.0 ? 750.0 : a;
    return b < closest ? 0.0 : b;
}

// Row r of item i of a table of transitions.
KRISS_HD KRISS_ALWAYS_INLINE double& at(double* table, int r, index_t i) { return table[r * series_block + i]; }
KRISS_HD KRISS_ALWAYS_INLINE double at(const double* table, int r, index_t i) { return table[r * series_block + i]; }

}  // namespace series

// Transitions of one term over gaps: out (series_rows(J), series_block), items 0 ... m - 1.
template <int J>
void series_transitions(double rate, double variance, const double* KRISS_RESTRICT gap, index_t m,
                        double* KRISS_RESTRICT out) {
    using namespace series;
    constexpr double closest = series_closest<J>();
    for (index_t i = 0; i < m; ++i) {
        const double a = clamped(rate * gap[i], closest);
        const double b = math::exp(-a);
        at(out, 0, i) = a;
        if constexpr (J == 1) {
            at(out, 1, i) = b;
            at(out, 2, i) = variance * -math::expm1(-2.0 * a);
        } else if constexpr (J == 2) {
            const double e = b * b, x = 2.0 * a, ea = e * a;
            at(out, 1, i) = b * (1.0 + a);
            at(out, 2, i) = b * a;
            at(out, 3, i) = -(b * a);
            at(out, 4, i) = b * (1.0 - a);
            const double q00 = gamma_ratio<3>(x, x * x * x, e);
            const double q01 = 2.0 * (ea * a);
            const double q11 = (q00 + (e * x) * head<1, 2>(x)) + ea * (2.0 - 2.0 * a);
            const double l = q01 * reciprocal(q00);
            at(out, 5, i) = l;
            at(out, 6, i) = variance * q00;
            at(out, 7, i) = variance * (q11 - l * q01);
        } else if constexpr (J == 3) {
            const double e = b * b, x = 2.0 * a, a2 = a * a, x3 = x * x * x, h = 0.5 * a2;
            at(out, 1, i) = b * (1.0 + a + h);
            at(out, 2, i) = b * (a + a2);
            at(out, 3, i) = b * h;
            at(out, 4, i) = -(b * h);
            at(out, 5, i) = b * (1.0 + a - a2);
            at(out, 6, i) = b * (a - h);
            at(out, 7, i) = b * (h - a);
            at(out, 8, i) = b * (a2 - 3.0 * a);
            at(out, 9, i) = b * (1.0 - 2.0 * a + h);
            const double g5 = gamma_ratio<5>(x, x3 * (x * x), e);
            const double g3 = g5 + (e * x3) * head<3, 4>(x);
            const double g1 = g3 + (e * x) * head<1, 2>(x);
            const double ea = e * a, ea2 = e * a2;
            const double p = (ea2 * a) * (4.0 / 3.0 - 2.0 / 3.0 * a);
            const double q01 = 2.0 / 3.0 * (ea2 * a2);
            const double q02 = p - g3 / 3.0;
            const double q11 = p + g3 / 3.0;
            const double q12 = 2.0 / 3.0 * (ea2 * ((2.0 - a) * (2.0 - a)));
            const double q22 = g1 + ea * (10.0 / 3.0 + a * (-22.0 / 3.0 + a * (4.0 - 2.0 / 3.0 * a)));
            const double i0 = reciprocal(g5);
            const double l10 = q01 * i0, l20 = q02 * i0;
            const double d1 = q11 - l10 * q01;
            const double s21 = q12 - l20 * q01;
            const double l21 = s21 * reciprocal(d1);
            at(out, 10, i) = l10;
            at(out, 11, i) = l20;
            at(out, 12, i) = l21;
            at(out, 13, i) = variance * g5;
            at(out, 14, i) = variance * d1;
            at(out, 15, i) = variance * ((q22 - l20 * q02) - l21 * s21);
        } else {
            static_assert(J == 4);
            const double e = b * b, x = 2.0 * a, a2 = a * a, a3 = a2 * a, h = 0.5 * a2, x3 = x * x * x;
            const double c = a3 / 6.0, half = 0.5 * a3;
            at(out, 1, i) = b * (1.0 + a + h + c);
            at(out, 2, i) = b * (a + a2 + half);
            at(out, 3, i) = b * (h + half);
            at(out, 4, i) = b * c;
            at(out, 5, i) = -(b * c);
            at(out, 6, i) = b * (1.0 + a + h - half);
            at(out, 7, i) = b * (a + a2 - half);
            at(out, 8, i) = b * (h - c);
            at(out, 9, i) = b * (c - h);
            at(out, 10, i) = b * (half - 2.0 * a2);
            at(out, 11, i) = b * (1.0 + a - 2.5 * a2 + half);
            at(out, 12, i) = b * (a - a2 + c);
            at(out, 13, i) = b * (a2 - a - c);
            at(out, 14, i) = b * (3.5 * a2 - 4.0 * a - half);
            at(out, 15, i) = b * (4.0 * a2 - 6.0 * a - half);
            at(out, 16, i) = b * (1.0 - 3.0 * a + 1.5 * a2 - c);
            const double x5 = x3 * (x * x);
            const double g7 = gamma_ratio<7>(x, x5 * (x * x), e);
            const double g5 = g7 + (e * x5) * head<5, 6>(x);
            const double g3 = g5 + (e * x3) * head<3, 4>(x);
            const double g1 = g3 + (e * x) * head<1, 2>(x);
            const double ea = e * a, ea2 = e * a2, ea3 = e * a3, t = 4.0 / 45.0;
            const double p = (ea3 * a2) * (4.0 / 15.0 - t * a);
            const double q01 = t * (ea3 * a3);
            const double q02 = p - g5 / 5.0;
            const double q03 = (ea2 * a2) * (4.0 / 15.0 + a * (-8.0 / 15.0 + t * a));
            const double q11 = p + g5 / 5.0;
            const double q12 = (ea2 * a2) * (4.0 / 5.0 + a * (-8.0 / 15.0 + t * a));
            const double q13 = ea3 * (4.0 / 3.0 + a * (-2.0 + a * (4.0 / 5.0 - t * a))) - g3 / 5.0;
            const double q22 = ea3 * (28.0 / 15.0 + a * (-34.0 / 15.0 + a * (4.0 / 5.0 - t * a))) + g3 / 5.0;
            const double q23 = ea2 * (16.0 / 5.0 + a * (-32.0 / 5.0 + a * (64.0 / 15.0 + a * (-16.0 / 15.0 + t * a))));
            const double q33 =
                g1 + ea * (22.0 / 5.0 +
                           a * (-74.0 / 5.0 + a * (236.0 / 15.0 + a * (-106.0 / 15.0 + a * (4.0 / 3.0 - t * a)))));
            const double i0 = reciprocal(g7);
            const double l10 = q01 * i0, l20 = q02 * i0, l30 = q03 * i0;
            const double d1 = q11 - l10 * q01;
            const double i1 = reciprocal(d1);
            const double s21 = q12 - l20 * q01, s31 = q13 - l30 * q01;
            const double l21 = s21 * i1, l31 = s31 * i1;
            const double d2 = (q22 - l20 * q02) - l21 * s21;
            const double s32 = (q23 - l30 * q02) - l31 * s21;
            const double l32 = s32 * reciprocal(d2);
            at(out, 17, i) = l10;
            at(out, 18, i) = l20;
            at(out, 19, i) = l21;
            at(out, 20, i) = l30;
            at(out, 21, i) = l31;
            at(out, 22, i) = l32;
            at(out, 23, i) = variance * g7;
            at(out, 24, i) = variance * d1;
            at(out, 25, i) = variance * d2;
            at(out, 26, i) = variance * (((q33 - l30 * q03) - l31 * s31) - l32 * s32);
        }
    }
}

// The factors of P in the same numbering: L below its diagonal by rows, then D, for unit variance.
KRISS_HD KRISS_ALWAYS_INLINE double series_prior_l(int j, int i, int k) {
    if (j == 3) {
        return i == 2 && k == 0 ? -1.0 / 3.0 : 0.0;
    }
    if (j == 4) {
        return i == 2 && k == 0 ? -0.2 : i == 3 && k == 1 ? -1.0 : 0.0;
    }
    return 0.0;
}
KRISS_HD KRISS_ALWAYS_INLINE double series_prior_d(int j, int k) {
    if (j == 3) {
        return k == 0 ? 1.0 : k == 1 ? 1.0 / 3.0 : 8.0 / 9.0;
    }
    if (j == 4) {
        return k == 0 ? 1.0 : k == 1 ? 0.2 : k == 2 ? 0.16 : 0.8;
    }
    return 1.0;
}

// A model whose only term has order J if J > 0, any model if J = 0.
template <int J>
struct SeriesShape {
    static constexpr int most = J > 0 ? J : series_states_max;
    static constexpr int rows = J > 0 ? series_rows(J) : series_rows_max;

    const SeriesModel& model;

    KRISS_ALWAYS_INLINE int terms() const { return J > 0 ? 1 : model.terms; }
    KRISS_ALWAYS_INLINE int states() const { return J > 0 ? J : model.states; }
    KRISS_ALWAYS_INLINE int order(int c) const { return J > 0 ? J : model.order[c]; }
    KRISS_ALWAYS_INLINE bool single() const { return J > 0 || model.terms == 1; }
    // Doubles of a packed L and D.
    KRISS_ALWAYS_INLINE int packed() const { return states() * (states() + 1) / 2; }

    // table: (rows, series_block)
    KRISS_ALWAYS_INLINE void transitions(const double* gap, index_t m, double* table) const {
        if constexpr (J > 0) {
            series_transitions<J>(model.rate[0], model.variance[0], gap, m, table);
        } else {
            for (int c = 0; c < model.terms; ++c) {
                switch (model.order[c]) {
                    case 1: series_transitions<1>(model.rate[c], model.variance[c], gap, m, table); break;
                    case 2: series_transitions<2>(model.rate[c], model.variance[c], gap, m, table); break;
                    case 3: series_transitions<3>(model.rate[c], model.variance[c], gap, m, table); break;
                    default: series_transitions<4>(model.rate[c], model.variance[c], gap, m, table); break;
                }
                table += series_rows(model.order[c]) * series_block;
            }
        }
    }
};

// L D L', the covariance of a state.
template <int J>
struct SeriesCovariance {
    static constexpr int most = SeriesShape<J>::most;
    double l[most][most];  // below the diagonal
    double d[most];

    void prior(const SeriesShape<J>& s) {
        for (int i = 0; i < s.states(); ++i) {
            for (int k = 0; k < i; ++k) {
                l[i][k] = 0.0;
            }
        }
        int lo = 0;
        for (int c = 0; c < s.terms(); ++c) {
            const int j = s.order(c);
            for (int i = 0; i < j; ++i) {
                for (int k = 0; k < i; ++k) {
                    l[lo + i][lo + k] = series_prior_l(j, i, k);
                }
                d[lo + i] = s.model.variance[c] * series_prior_d(j, i);
            }
            lo += j;
        }
    }

    KRISS_ALWAYS_INLINE void store(const SeriesShape<J>& s, double* KRISS_RESTRICT out) const {
        int at = 0;
        for (int i = 0; i < s.states(); ++i) {
            for (int k = 0; k < i; ++k) {
                out[at++] = l[i][k];
            }
        }
        for (int i = 0; i < s.states(); ++i) {
            out[at++] = d[i];
        }
    }

    KRISS_ALWAYS_INLINE void load(const SeriesShape<J>& s, const double* KRISS_RESTRICT from) {
        int at = 0;
        for (int i = 0; i < s.states(); ++i) {
            for (int k = 0; k < i; ++k) {
                l[i][k] = from[at++];
            }
        }
        for (int i = 0; i < s.states(); ++i) {
            d[i] = from[at++];
        }
    }

    // Phi L D L' Phi' + Q with transition i of the table.
    KRISS_ALWAYS_INLINE void advance(const SeriesShape<J>& s, const double* table, index_t i) {
        const int n = s.states();
        double w[most][most];  // Phi L
        double v[most][most];  // L_Q, lower triangle
        double q[most];
        int lo = 0;
        for (int c = 0; c < s.terms(); ++c) {
            const int j = s.order(c);
            for (int r = 0; r < j; ++r) {
                for (int k = 0; k < n; ++k) {
                    double sum = k >= lo && k < lo + j ? series::at(table, 1 + r * j + (k - lo), i) : 0.0;
                    for (int p = k + 1 > lo ? k + 1 : lo; p < lo + j; ++p) {
                        sum += series::at(table, 1 + r * j + (p - lo), i) * l[p][k];
                    }
                    w[lo + r][k] = sum;
                }
                for (int k = 0; k < lo; ++k) {
                    v[lo + r][k] = 0.0;
                }
                for (int k = 0; k < r; ++k) {
                    v[lo + r][lo + k] = series::at(table, 1 + j * j + r * (r - 1) / 2 + k, i);
                }
                v[lo + r][lo + r] = 1.0;
                q[lo + r] = series::at(table, 1 + j * j + j * (j - 1) / 2 + r, i);
            }
            lo += j;
            table += series_rows(j) * series_block;
        }
        double fresh[most];
        double wd[most] = {};
        double vq[most] = {};
        for (int k = 0; k < n; ++k) {
            wd[0] = w[k][0] * d[0];
            vq[0] = v[k][0] * q[0];
            double sum = wd[0] * w[k][0];
            double noise = vq[0] * v[k][0];
            for (int p = 1; p < n; ++p) {
                wd[p] = w[k][p] * d[p];
                sum += wd[p] * w[k][p];
            }
            for (int p = 1; p <= k; ++p) {
                vq[p] = v[k][p] * q[p];
                noise += vq[p] * v[k][p];
            }
            fresh[k] = sum + noise;
            const double inverse = series::reciprocal(fresh[k]);
            for (int r = k + 1; r < n; ++r) {
                double left = w[r][0] * wd[0];
                double right = v[r][0] * vq[0];
                for (int p = 1; p < n; ++p) {
                    left += w[r][p] * wd[p];
                }
                for (int p = 1; p <= k; ++p) {
                    right += v[r][p] * vq[p];
                }
                const double f = (left + right) * inverse;
                l[r][k] = f;
                for (int p = 0; p < n; ++p) {
                    w[r][p] -= f * w[k][p];
                }
                for (int p = 0; p <= k; ++p) {
                    v[r][p] -= f * v[k][p];
                }
            }
        }
        for (int k = 0; k < n; ++k) {
            d[k] = fresh[k];
        }
    }

    // p = P H: its covariance with the value seen; returns the variance of that, H' P H.
    KRISS_ALWAYS_INLINE double seen(const SeriesShape<J>& s, double* p) const {
        const int n = s.states();
        if (s.single()) {
            p[0] = d[0];
            for (int r = 1; r < n; ++r) {
                p[r] = l[r][0] * d[0];
            }
            return d[0];
        }
        double f[most];
        factored(s, f);
        double total = 0.0;
        for (int k = 0; k < n; ++k) {
            total += (d[k] * f[k]) * f[k];
        }
        for (int r = 0; r < n; ++r) {
            double sum = d[r] * f[r];
            for (int k = 0; k < r; ++k) {
                sum += l[r][k] * (d[k] * f[k]);
            }
            p[r] = sum;
        }
        return total;
    }

    // After an observation of the value with noise tau, whose variance was sigma = 1 / inverse.
    KRISS_ALWAYS_INLINE void observe(const SeriesShape<J>& s, double tau, double inverse) {
        if (s.single()) {
            d[0] *= tau * inverse;
            return;
        }
        const int n = s.states();
        double f[most], gain[most];
        factored(s, f);
        double alpha = tau;
        for (int k = n - 1; k >= 0; --k) {
            const double v = d[k] * f[k];
            const double next = alpha + f[k] * v;
            // Without noise alpha starts at 0, and as long as it is 0 so is all of the gain.
            const double slope = alpha > 0.0 ? f[k] / alpha : 0.0;
            d[k] *= next > 0.0 ? alpha / next : 1.0;
            for (int r = k + 1; r < n; ++r) {
                const double old = l[r][k];
                l[r][k] = old - slope * gain[r];
                gain[r] += old * v;
            }
            gain[k] = v;
            alpha = next;
        }
    }

   private:
    // f = L' H
    KRISS_ALWAYS_INLINE void factored(const SeriesShape<J>& s, double* f) const {
        const int n = s.states();
        for (int k = 0; k < n; ++k) {
            f[k] = 0.0;
        }
        int lo = 0;
        for (int c = 0; c < s.terms(); ++c) {
            for (int k = 0; k < lo; ++k) {
                f[k] += l[lo][k];
            }
            f[lo] += 1.0;
            lo += s.order(c);
        }
    }
};

// x <- Phi x
template <int J>
KRISS_ALWAYS_INLINE void series_advance(const SeriesShape<J>& s, const double* table, index_t i, double* x) {
    int lo = 0;
    for (int c = 0; c < s.terms(); ++c) {
        const int j = s.order(c);
        double y[J > 0 ? J : 4];
        for (int r = 0; r < j; ++r) {
            double sum = series::at(table, 1 + r * j, i) * x[lo];
            for (int k = 1; k < j; ++k) {
                sum += series::at(table, 1 + r * j + k, i) * x[lo + k];
            }
            y[r] = sum;
        }
        for (int r = 0; r < j; ++r) {
            x[lo + r] = y[r];
        }
        lo += j;
        table += series_rows(j) * series_block;
    }
}

// H' x
template <int J>
KRISS_ALWAYS_INLINE double series_value(const SeriesShape<J>& s, const double* x) {
    double sum = x[0];
    int lo = s.order(0);
    for (int c = 1; c < s.terms(); ++c) {
        sum += x[lo];
        lo += s.order(c);
    }
    return sum;
}

KRISS_NAMESPACE_END
