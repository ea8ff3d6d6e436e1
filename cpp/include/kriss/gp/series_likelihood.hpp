// Log-determinant, quadratic form and their exact gradient for many series at once, each O(n).
//
// Filter and score as in series.hpp, with its sources; both here in one pass forward and, for the gradient, one
// backward over what the first left: no pass per parameter. In the state predicted for a point, with S = (r r' - N) / 2
// the derivative of the log-density in its covariance P and r that in its mean m, a longer gap a changes
//     m by F m,   P by F P + P F' + q e e'   (e the last unit vector),
// and the variance of a term changes Q in proportion.
//
// The chain from one point to the next is what takes the time: for J = 2 four sums of products, a quotient and the new
// pivot, some 60 cycles.  Bytes per point: 24; with the gradient 16 (T + S) + 64.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/gp/series.hpp"
#include "kriss/gp/state_space.hpp"
#include "kriss/math.hpp"

namespace kriss {

inline constexpr index_t series_grain = 4;  // series per chunk

// Ragged batch: series s is points offset[s] ... offset[s + 1].
struct SeriesBatch {
    index_t count = 0;
    const index_t* offset = nullptr;  // (count + 1)
    const double* t = nullptr;        // ascending in each series
    const double* tau = nullptr;
    const double* y = nullptr;
};

// Work space for gradients: all (points, ...).
struct SeriesWork {
    double* pred = nullptr;   // (T)
    double* mean = nullptr;   // (S)
    double* sigma = nullptr;  // (1)
    double* error = nullptr;  // (1)
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace series {

// A sum that carries its rounding errors along.
struct Total {
    double sum = 0.0;
    double lost = 0.0;

    KRISS_ALWAYS_INLINE void add(double x) {
        const math::detail::Sum s = math::detail::two_sum(sum, x);
        sum = s.sum;
        lost += s.error;
    }
    KRISS_ALWAYS_INLINE double value() const { return sum + lost; }
};

// Entry (i, k), k <= i, of the prior covariance of a term of order j and unit variance.
KRISS_ALWAYS_INLINE double prior_entry(int j, int i, int k) {
    if (i == k) {
        return j == 3 && i == 1 ? 1.0 / 3.0 : j == 4 && (i == 1 || i == 2) ? 0.2 : 1.0;
    }
    return i != k + 2 ? 0.0 : j == 3 ? -1.0 / 3.0 : -0.2;
}

// Coefficient k of (x + 1)^j.
KRISS_ALWAYS_INLINE double binomial(int j, int k) {
    return k == 0 ? 1.0 : k == 1 ? static_cast<double>(j) : k == 2 ? (j == 3 ? 3.0 : 6.0) : 4.0;
}

// Intensity of the noise that drives a term of order j.
KRISS_ALWAYS_INLINE double intensity(int j) { return j == 1 ? 2.0 : j == 2 ? 4.0 : j == 3 ? 16.0 / 3.0 : 6.4; }

// Beyond it what a longer gap changes is below rounding.
inline constexpr double forgotten = 60.0;

}  // namespace series

// One series forward; out[0] = log-determinant, out[1] = quadratic form. work.pred null: nothing is kept. Returns the
// first point whose variance has no reciprocal, or -1.
template <int J>
index_t series_forward(const SeriesShape<J>& s, index_t n, const double* t, const double* tau, const double* y,
                       const SeriesWork& work, double* out, const Executor& ex) {
    constexpr int most = SeriesShape<J>::most;
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block], variances[series_block];
    double x[most] = {};
    SeriesCovariance<J> cov;
    cov.prior(s);
    series::Total logs, squares;
    for (index_t begin = 0; begin < n; begin += series_block) {
        const index_t m = series::least(series_block, n - begin);
        series::gaps(t, begin, m, gap);
        s.transitions(gap, m, table);
        double square = 0.0;
        for (index_t i = 0; i < m; ++i) {
            const index_t at = begin + i;
            if (at > 0) {
                series_advance(s, table, i, x);
                cov.advance(s, table, i);
            }
            double p[most];
            const double total = cov.seen(s, p) + tau[at];
            if (!(total > 1e-300) || total > 1e300) {
                return at;
            }
            const double inverse = 1.0 / total;
            const double e = y[at] - series_value(s, x);
            if (work.pred != nullptr) {
                cov.store(s, work.pred + at * s.packed());
                for (int k = 0; k < s.states(); ++k) {
                    work.mean[at * s.states() + k] = x[k];
                }
                work.sigma[at] = total;
                work.error[at] = e;
            }
            variances[i] = total;
            square += (e * inverse) * e;
            for (int k = 0; k < s.states(); ++k) {
                x[k] += (p[k] * inverse) * e;
            }
            cov.observe(s, tau[at], inverse);
        }
        squares.add(square);
        for (index_t i = 0; i < m; ++i) {
            variances[i] = math::log(variances[i]);
        }
        double sum = 0.0;
        for (index_t i = 0; i < m; ++i) {
            sum += variances[i];
        }
        logs.add(sum);
        if (series::stop(ex, begin / series_block)) {
            return -1;
        }
    }
    out[0] = logs.value();
    out[1] = squares.value();
    return -1;
}

// What the state predicted for one point says about one term's gap: see the top of the file.
template <int J>
KRISS_ALWAYS_INLINE double series_gap_score(const SeriesShape<J>& s, int lo, int j, double variance, const double* x,
                                            const double (*p)[SeriesShape<J>::most], const double* r,
                                            const double (*info)[SeriesShape<J>::most]) {
    const int n = s.states();
    double total = 0.0;
    for (int a = 0; a < j; ++a) {
        double drift;
        double along = 0.0, against = 0.0;
        if (a + 1 < j) {
            drift = x[lo + a + 1];
            for (int b = 0; b < n; ++b) {
                along += p[lo + a + 1][b] * r[b];
                against += p[lo + a + 1][b] * info[lo + a][b];
            }
        } else {
            drift = 0.0;
            for (int k = 0; k < j; ++k) {
                drift -= series::binomial(j, k) * x[lo + k];
            }
            for (int b = 0; b < n; ++b) {
                double g = 0.0;
                for (int k = 0; k < j; ++k) {
                    g -= series::binomial(j, k) * p[lo + k][b];
                }
                along += g * r[b];
                against += g * info[lo + a][b];
            }
        }
        total += r[lo + a] * (drift + along) - against;
    }
    const int last = lo + j - 1;
    return total + 0.5 * (series::intensity(j) * variance) * (r[last] * r[last] - info[last][last]);
}

// The gradient of the log-density of one series in (log variance, log lengthscale) per term and the log of a factor
// common to all noise variances: out (2 terms + 1).
template <int J>
void series_backward(const SeriesShape<J>& s, index_t n, const double* t, const double* tau, const SeriesWork& work,
                     double* out, const Executor& ex) {
    constexpr int most = SeriesShape<J>::most;
    constexpr int terms_most = J > 0 ? 1 : series_states_max;
    alignas(64) double table[SeriesShape<J>::rows * series_block];
    double gap[series_block];
    const int states = s.states();
    double r[most] = {};
    double p[most][most];
    SeriesCovariance<J> cov;
    SeriesInformation<J> info;
    info.clear(s);
    series::Total noise, variance[terms_most], length[terms_most];
    for (index_t begin = (n - 1) / series_block * series_block; begin >= 0 && n > 0; begin -= series_block) {
        const index_t m = series::least(series_block, n - begin);
        series::gaps(t, begin, m, gap);
        s.transitions(gap, m, table);
        double of_noise = 0.0, of_variance[terms_most] = {}, of_length[terms_most] = {};
        for (index_t i = m - 1; i >= 0; --i) {
            const index_t at = begin + i;
            const double* const x = work.mean + at * states;
            cov.load(s, work.pred + at * s.packed());
            double g[most];
            cov.seen(s, g);
            const double inverse = 1.0 / work.sigma[at];
            double gr = 0.0;
            for (int k = 0; k < states; ++k) {
                g[k] *= inverse;
                gr += g[k] * r[k];
            }
            const double pull = work.error[at] * inverse;
            const double alpha = pull - gr;
            const double kept = tau[at] * inverse;
            series::unseen(s, g, kept, r);
            int lo = 0;
            for (int c = 0; c < s.terms(); ++c) {
                r[lo] += pull;
                lo += s.order(c);
            }
            const double diagonal = inverse + info.observe(s, g, kept, inverse);
            of_noise += (0.5 * tau[at]) * (alpha * alpha - diagonal);
            for (int a = 0; a < states; ++a) {
                for (int b = 0; b <= a; ++b) {
                    double sum = a == b ? cov.d[b] : cov.l[a][b] * cov.d[b];
                    for (int k = 0; k < b; ++k) {
                        sum += cov.l[a][k] * cov.d[k] * cov.l[b][k];
                    }
                    p[a][b] = sum;
                    p[b][a] = sum;
                }
            }
            lo = 0;
            const double* rows = table;
            for (int c = 0; c < s.terms(); ++c) {
                const int j = s.order(c);
                double sum = 0.0;
                if (at == 0) {
                    for (int a = 0; a < j; ++a) {
                        for (int b = 0; b <= a; ++b) {
                            const double w = r[lo + a] * r[lo + b] - info.a[lo + a][lo + b];
                            sum += (a == b ? 0.5 : 1.0) * series::prior_entry(j, a, b) * w;
                        }
                    }
                    of_variance[c] += s.model.variance[c] * sum;
                } else {
                    for (int k = 0; k < j; ++k) {
                        double lr = r[lo + k], whole = 0.0;
                        for (int a = k; a < j; ++a) {
                            const double la = a == k ? 1.0 : series::at(rows, 1 + j * j + a * (a - 1) / 2 + k, i);
                            if (a > k) {
                                lr += la * r[lo + a];
                            }
                            double inner = info.a[lo + a][lo + k];
                            for (int b = k + 1; b < j; ++b) {
                                inner += info.a[lo + a][lo + b] * series::at(rows, 1 + j * j + b * (b - 1) / 2 + k, i);
                            }
                            whole += la * inner;
                        }
                        const double q = series::at(rows, 1 + j * j + j * (j - 1) / 2 + k, i);
                        sum += (0.5 * q) * (lr * lr - whole);
                    }
                    of_variance[c] += sum;
                    const double a = series::at(rows, 0, i);
                    if (a < series::forgotten) {
                        of_length[c] -= a * series_gap_score(s, lo, j, s.model.variance[c], x, p, r, info.a);
                    }
                }
                lo += j;
                rows += series_rows(j) * series_block;
            }
            if (at > 0) {
                series_retreat(s, table, i, r);
                info.retreat(s, table, i);
            }
        }
        noise.add(of_noise);
        for (int c = 0; c < s.terms(); ++c) {
            variance[c].add(of_variance[c]);
            length[c].add(of_length[c]);
        }
        if (series::stop(ex, begin / series_block)) {
            return;
        }
    }
    for (int c = 0; c < s.terms(); ++c) {
        out[2 * c] = variance[c].value();
        out[2 * c + 1] = length[c].value();
    }
    out[2 * s.terms()] = noise.value();
}

// value (count, 2): log-determinant and quadratic form; gradient (count, 2 terms + 1), or null and then work is not
// used; bad (count): the first point of the series whose variance has no reciprocal, or -1.
template <int J>
void series_likelihood(const SeriesModel& model, const SeriesBatch& batch, const SeriesWork& work, double* value,
                       double* gradient, index_t* bad, const Executor& ex) {
    const SeriesShape<J> s{model};
    ex.parallel_for(batch.count, series_grain, [&](index_t first, index_t last) {
        for (index_t k = first; k < last; ++k) {
            const index_t from = batch.offset[k];
            const index_t n = batch.offset[k + 1] - from;
            SeriesWork own;
            if (gradient != nullptr) {
                own = {work.pred + from * s.packed(), work.mean + from * s.states(), work.sigma + from,
                       work.error + from};
            }
            bad[k] = series_forward(s, n, batch.t + from, batch.tau + from, batch.y + from, own, value + 2 * k, ex);
            if (gradient != nullptr && bad[k] < 0) {
                series_backward(s, n, batch.t + from, batch.tau + from, own, gradient + k * (2 * s.terms() + 1), ex);
            }
        }
    });
}

KRISS_NAMESPACE_END
