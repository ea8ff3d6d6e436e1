// Passes over a series of observations of a Matern process, or of a sum of them, each O(n).
//
// G. Kalman's filter in the factorised form of state_space.hpp, and backwards the recursions of S. J. Koopman,
// "Disturbance smoother for state space models", Biometrika 80 (1993), section 2: with r_i, N_i the derivatives of the
// log-density in the state predicted for i, and e, sigma, g innovation, its variance and the gain,
//     q = Phi' r_{i+1},  M = Phi' N_{i+1} Phi,  (K^-1 y)_i = e_i / sigma_i - g'q,  (K^-1)_ii = 1 / sigma_i + g'M g,
//     r_i = (I - g H)'q + H' e_i / sigma_i,     N_i = (I - g H)'M (I - g H) + H'H / sigma_i.
// The score is that of S. J. Koopman, N. Shephard, "Exact score for time series models in state space form", Biometrika
// 79 (1992), section 3: the derivative in the covariance predicted for i is (r r' - N) / 2.
//
// With S states and T = S (S + 1) / 2, bytes per point and pass: filter 8 T + 24; means and adjoint 8 (T + S) + 40 per
// vector; information 16 T + 24. Flops: filter about 4 S^3 + 60 S^2 for the transition; means and adjoint 4 S^2.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/gp/state_space.hpp"
#include "kriss/math.hpp"

namespace kriss {

// A series and its filter; t ascending.
struct SeriesView {
    index_t n = 0;
    const double* t = nullptr;      // (n)
    const double* tau = nullptr;    // (n) noise variances
    const double* pred = nullptr;   // (n, T) L and D of the predicted covariance
    const double* sigma = nullptr;  // (n) variance of the value seen, noise included
};

// What the backward recursions leave behind, for prediction.
struct SeriesMoments {
    const double* mean = nullptr;         // (n, S) predicted states
    const double* error = nullptr;        // (n) innovations
    const double* score = nullptr;        // (n, S) r
    const double* information = nullptr;  // (n, S, S) N
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace series {

// Gaps before the points begin ... begin + m; 0 before the first of a series.
KRISS_ALWAYS_INLINE void gaps(const double* t, index_t begin, index_t m, double* out) {
    out[0] = begin > 0 ? t[begin] - t[begin - 1] : 0.0;
    const double* const from = t + begin;
    for (index_t i = 1; i < m; ++i) {
        out[i] = from[i] - from[i - 1];
    }
}

KRISS_ALWAYS_INLINE index_t least(index_t a, index_t b) { return a < b ? a : b; }

// Long passes ask every so often whether to stop.
KRISS_ALWAYS_INLINE bool stop(const Executor& ex, index_t block) { return block % 256 == 0 && ex.interrupted(); }

// q = (I - g H)' q for the gain g = p * inverse
template <int J>
KRISS_ALWAYS_INLINE void unseen(const SeriesShape<J>& s, const double* g, double kept, double* q) {
    const int n = s.states();
    double gq = 0.0;
    for (int k = s.single() ? 1 : 0; k < n; ++k) {
        gq += g[k] * q[k];
    }
    if (s.single()) {
        q[0] = kept * q[0] - gq;
        return;
    }
    int lo = 0;
    for (int c = 0; c < s.terms(); ++c) {
        q[lo] -= gq;
        lo += s.order(c);
    }
}

}  // namespace series

// x <- Phi' x
template <int J>
KRISS_ALWAYS_INLINE void series_retreat(const SeriesShape<J>& s, const double* table, index_t i, double* x) {
    int lo = 0;
    for (int c = 0; c < s.terms(); ++c) {
        const int j = s.order(c);
        double y[J > 0 ? J : 4];
        for (int r = 0; r < j; ++r) {
            double sum = series::at(table, 1 + r, i) * x[lo];
            for (int k = 1; k < j; ++k) {
                sum += series::at(table, 1 + k * j + r, i) * x[lo + k];
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

// N, symmetric, with one side of its products in columns: N <- Phi' N Phi and the step over an observation.
template <int J>
struct SeriesInformation {
    static constexpr int most = SeriesShape<J>::most;
    double a[most][most];

    KRISS_ALWAYS_INLINE void clear(const SeriesShape<J>& s) {
        for (int i = 0; i < s.states(); ++i) {
            for (int k = 0; k < s.states(); ++k) {
                a[i][k] = 0.0;
            }
        }
    }

    KRISS_ALWAYS_INLINE void retreat(const SeriesShape<J>& s, const double* table, index_t i) {
        const int n = s.states();
        for (int r = 0; r < n; ++r) {
            series_retreat(s, table, i, a[r]);
        }
        double column[most];
        for (int k = 0; k < n; ++k) {
            for (int r = 0; r < n; ++r) {
                column[r] = a[r][k];
            }
            series_retreat(s, table, i, column);
            for (int r = 0; r < n; ++r) {
                a[r][k] = column[r];
            }
        }
    }

    // Over an observation of gain g, kept = 1 - g_0 without cancellation; returns g'N g of before.
    KRISS_ALWAYS_INLINE double observe(const SeriesShape<J>& s, const double* g, double kept, double inverse) {
        const int n = s.states();
        double whole = 0.0;
        for (int r = 0; r < n; ++r) {
            double sum = 0.0;
            for (int k = 0; k < n; ++k) {
                sum += a[r][k] * g[k];
            }
            whole += sum * g[r];
        }
        for (int r = 0; r < n; ++r) {
            series::unseen(s, g, kept, a[r]);
        }
        double column[most];
        for (int k = 0; k < n; ++k) {
            for (int r = 0; r < n; ++r) {
                column[r] = a[r][k];
            }
            series::unseen(s, g, kept, column);
            for (int r = 0; r < n; ++r) {
                a[r][k] = column[r];
            }
        }
        int lo = 0;
        for (int c = 0; c < s.terms(); ++c) {
            int other = 0;
            for (int b = 0; b < s.terms(); ++b) {
                a[lo][other] += inverse;
                other += s.order(b);
            }
            lo += s.order(c);
        }
        return whole;
    }
};

// The gain g of point i from its predicted covariance; returns 1 / sigma.
template <int J>
KRISS_ALWAYS_INLINE double series_gain(const SeriesShape<J>& s, const SeriesView& v, index_t i,
                                       SeriesCovariance<J>& cov, double* g) {
    cov.load(s, v.pred + i * s.packed());
    cov.seen(s, g);
    const double inverse = 1.0 / v.sigma[i];
    for (int k = 0; k < s.states(); ++k) {
        g[k] *= inverse;
    }
    return inverse;
}

// pred (n, T), sigma (n); returns the first point whose variance has no reciprocal, or -1.
template <int J>
index_t series_filter(const SeriesModel& model, index_t n, const double* t, const double* tau, double* pred,
                      double* sigma, const Executor& ex) {
    const SeriesShape<J> s{model};
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block];
    SeriesCovariance<J> cov;
    cov.prior(s);
    for (index_t begin = 0; begin < n; begin += series_block) {
        const index_t m = series::least(series_block, n - begin);
        series::gaps(t, begin, m, gap);
        s.transitions(gap, m, table);
        for (index_t i = 0; i < m; ++i) {
            if (begin + i > 0) {
                cov.advance(s, table, i);
            }
            cov.store(s, pred + (begin + i) * s.packed());
            double p[SeriesShape<J>::most];
            const double total = cov.seen(s, p) + tau[begin + i];
            if (!(total > 1e-300) || total > 1e300) {
                return begin + i;
            }
            sigma[begin + i] = total;
            cov.observe(s, tau[begin + i], 1.0 / total);
        }
        if (series::stop(ex, begin / series_block)) {
            return -1;
        }
    }
    return -1;
}

// error (n): innovations of y; mean (n, S): predicted states, or null.
template <int J>
void series_means(const SeriesModel& model, const SeriesView& v, const double* y, double* error, double* mean,
                  const Executor& ex) {
    const SeriesShape<J> s{model};
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block];
    double x[SeriesShape<J>::most] = {};
    SeriesCovariance<J> cov;
    for (index_t begin = 0; begin < v.n; begin += series_block) {
        const index_t m = series::least(series_block, v.n - begin);
        series::gaps(v.t, begin, m, gap);
        s.transitions(gap, m, table);
        for (index_t i = 0; i < m; ++i) {
            const index_t at = begin + i;
            if (at > 0) {
                series_advance(s, table, i, x);
            }
            if (mean != nullptr) {
                for (int k = 0; k < s.states(); ++k) {
                    mean[at * s.states() + k] = x[k];
                }
            }
            double g[SeriesShape<J>::most];
            series_gain(s, v, at, cov, g);
            const double e = y[at] - series_value(s, x);
            error[at] = e;
            for (int k = 0; k < s.states(); ++k) {
                x[k] += g[k] * e;
            }
        }
        if (series::stop(ex, begin / series_block)) {
            return;
        }
    }
}

// alpha (n) = K^-1 y from the innovations, which may be the same array; score (n, S): r, or null.
template <int J>
void series_adjoint(const SeriesModel& model, const SeriesView& v, const double* error, double* alpha, double* score,
                    const Executor& ex) {
    const SeriesShape<J> s{model};
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block];
    double r[SeriesShape<J>::most] = {};
    SeriesCovariance<J> cov;
    for (index_t begin = (v.n - 1) / series_block * series_block; begin >= 0 && v.n > 0; begin -= series_block) {
        const index_t m = series::least(series_block, v.n - begin);
        series::gaps(v.t, begin, m, gap);
        s.transitions(gap, m, table);
        for (index_t i = m - 1; i >= 0; --i) {
            const index_t at = begin + i;
            double g[SeriesShape<J>::most];
            const double inverse = series_gain(s, v, at, cov, g);
            double gq = 0.0;
            for (int k = 0; k < s.states(); ++k) {
                gq += g[k] * r[k];
            }
            const double pull = error[at] * inverse;
            alpha[at] = pull - gq;
            series::unseen(s, g, v.tau[at] * inverse, r);
            int lo = 0;
            for (int c = 0; c < s.terms(); ++c) {
                r[lo] += pull;
                lo += s.order(c);
            }
            if (score != nullptr) {
                for (int k = 0; k < s.states(); ++k) {
                    score[at * s.states() + k] = r[k];
                }
            }
            if (at > 0) {
                series_retreat(s, table, i, r);
            }
        }
        if (series::stop(ex, begin / series_block)) {
            return;
        }
    }
}

// diagonal (n) of K^-1; information (n, S, S): N, or null.
template <int J>
void series_information(const SeriesModel& model, const SeriesView& v, double* diagonal, double* information,
                        const Executor& ex) {
    const SeriesShape<J> s{model};
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block];
    SeriesCovariance<J> cov;
    SeriesInformation<J> info;
    info.clear(s);
    const int n = s.states();
    for (index_t begin = (v.n - 1) / series_block * series_block; begin >= 0 && v.n > 0; begin -= series_block) {
        const index_t m = series::least(series_block, v.n - begin);
        series::gaps(v.t, begin, m, gap);
        s.transitions(gap, m, table);
        for (index_t i = m - 1; i >= 0; --i) {
            const index_t at = begin + i;
            double g[SeriesShape<J>::most];
            const double inverse = series_gain(s, v, at, cov, g);
            diagonal[at] = inverse + info.observe(s, g, v.tau[at] * inverse, inverse);
            if (information != nullptr) {
                for (int r = 0; r < n; ++r) {
                    for (int k = 0; k < n; ++k) {
                        information[(at * n + r) * n + k] = info.a[r][k];
                    }
                }
            }
            if (at > 0) {
                info.retreat(s, table, i);
            }
        }
        if (series::stop(ex, begin / series_block)) {
            return;
        }
    }
}

// y = L D^(1/2) z where K = L D L', D the variances sigma: a draw of the observations from standard normal z.
template <int J>
void series_draw(const SeriesModel& model, const SeriesView& v, const double* z, double* y, const Executor& ex) {
    const SeriesShape<J> s{model};
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block];
    double x[SeriesShape<J>::most] = {};
    SeriesCovariance<J> cov;
    for (index_t begin = 0; begin < v.n; begin += series_block) {
        const index_t m = series::least(series_block, v.n - begin);
        series::gaps(v.t, begin, m, gap);
        s.transitions(gap, m, table);
        for (index_t i = 0; i < m; ++i) {
            const index_t at = begin + i;
            if (at > 0) {
                series_advance(s, table, i, x);
            }
            double g[SeriesShape<J>::most];
            series_gain(s, v, at, cov, g);
            const double e = __builtin_sqrt(v.sigma[at]) * z[at];
            y[at] = series_value(s, x) + e;
            for (int k = 0; k < s.states(); ++k) {
                x[k] += g[k] * e;
            }
        }
        if (series::stop(ex, begin / series_block)) {
            return;
        }
    }
}

// out_i = sum_{j <= i} k(t_i, t_j) x_j: with the same for the reversed series, the product of K and a vector.
template <int J>
void series_multiply(const SeriesModel& model, index_t n, const double* t, const double* x, double* out,
                     const Executor& ex) {
    const SeriesShape<J> s{model};
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block];
    double state[SeriesShape<J>::most] = {};
    for (index_t begin = 0; begin < n; begin += series_block) {
        const index_t m = series::least(series_block, n - begin);
        series::gaps(t, begin, m, gap);
        s.transitions(gap, m, table);
        for (index_t i = 0; i < m; ++i) {
            if (begin + i > 0) {
                series_advance(s, table, i, state);
            }
            int lo = 0;
            for (int c = 0; c < s.terms(); ++c) {
                const int j = s.order(c);
                // The first column of P: 1, and -1/3 or -1/5 two below.
                const double scaled = model.variance[c] * x[begin + i];
                state[lo] += scaled;
                if (j > 2) {
                    state[lo + 2] += series_prior_l(j, 2, 0) * scaled;
                }
                lo += j;
            }
            out[begin + i] = series_value(s, state);
        }
        if (series::stop(ex, begin / series_block)) {
            return;
        }
    }
}

// Posterior mean and variance of the value at m new points; after[k]: how many of the points are at or before ts[k].
// variance may be null, and then so may moments.information.
template <int J>
void series_predict(const SeriesModel& model, const SeriesView& v, const SeriesMoments& moments, index_t count,
                    const double* ts, const index_t* after, double* mean, double* variance, const Executor& ex) {
    const SeriesShape<J> s{model};
    ex.parallel_for(count, series_block, [&](index_t begin, index_t end) {
        constexpr int most = SeriesShape<J>::most;
        alignas(64) double before[SeriesShape<J>::rows * series_block];
        alignas(64) double beyond[SeriesShape<J>::rows * series_block];
        double left[series_block], right[series_block];
        const int n = s.states();
        for (index_t k = begin; k < end; ++k) {
            left[k - begin] = after[k] > 0 ? ts[k] - v.t[after[k] - 1] : 0.0;
            right[k - begin] = after[k] < v.n ? v.t[after[k]] - ts[k] : 0.0;
        }
        s.transitions(left, end - begin, before);
        s.transitions(right, end - begin, beyond);
        SeriesCovariance<J> cov;
        SeriesInformation<J> info;
        for (index_t k = begin; k < end; ++k) {
            const index_t i = k - begin;
            const index_t next = after[k];
            double x[most] = {};
            double p[most];
            if (next > 0) {
                const index_t at = next - 1;
                const double inverse = series_gain(s, v, at, cov, p);
                for (int r = 0; r < n; ++r) {
                    x[r] = moments.mean[at * n + r] + p[r] * moments.error[at];
                }
                cov.observe(s, v.tau[at], inverse);
                series_advance(s, before, i, x);
                cov.advance(s, before, i);
            } else {
                cov.prior(s);
            }
            double total = cov.seen(s, p);
            double value = series_value(s, x);
            if (next < v.n) {
                double r[most];
                for (int c = 0; c < n; ++c) {
                    r[c] = moments.score[next * n + c];
                }
                series_retreat(s, beyond, i, r);
                for (int c = 0; c < n; ++c) {
                    value += p[c] * r[c];
                }
                if (variance != nullptr) {
                    for (int a = 0; a < n; ++a) {
                        for (int b = 0; b < n; ++b) {
                            info.a[a][b] = moments.information[(next * n + a) * n + b];
                        }
                    }
                    info.retreat(s, beyond, i);
                    double less = 0.0;
                    for (int a = 0; a < n; ++a) {
                        double sum = 0.0;
                        for (int b = 0; b < n; ++b) {
                            sum += info.a[a][b] * p[b];
                        }
                        less += sum * p[a];
                    }
                    total -= less;
                }
            }
            mean[k] = value;
            if (variance != nullptr) {
                variance[k] = total > 0.0 ? total : 0.0;
            }
        }
    });
}

KRISS_NAMESPACE_END
