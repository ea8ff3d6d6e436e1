// One step of the learner of solver parameters: lowest confidence bounds of log costs, smoothed over parameters,
// contexts and time by Gaussian processes, and a choice among several views of which former systems are like this one.
//
// C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, equation (2.11): the
// posterior over the arms is that of their coefficients in r features, so that a step solves r by r systems only.
// P. Rigollet, A. Zeevi, "Nonparametric bandits with covariates", COLT 2010, section 3. N. Duan, "Smearing estimate: a
// nonparametric retransformation method", J. Amer. Statist. Assoc. 78 (1983), equation (2.2), for means of costs.
//
// With n systems remembered, v views, a arms of which p were played, and r features, a choice takes v n exponentials,
// 8 v n + v p r (r + 2) + v r^3 / 3 + 2 v a r + 2 a r^2 flops and reads 8 n (6 + d) bytes; an update 4 a flops.
#pragma once

#include <cmath>
#include <limits>

#include "kriss/config.hpp"

namespace kriss {

// Places in LearnerView::numbers.
enum LearnerNumber {
    learner_n,        // systems remembered
    learner_clock,    // systems seen
    learner_offset,   // log cost of the first one, which all are relative to
    learner_track,    // level of late
    learner_changed,  // when the costs last changed all at once
    learner_judged,   // weight behind the errors of the views
    learner_usual,    // level over the last 200 systems
    learner_mean,     // mean effect of the arms
    learner_fast,     // squared errors of very late
    learner_weight,   // and the weight behind them
    learner_ready,    // 1 if there is a guess of the next system
    learner_view,     // the view that is believed
    learner_error,    // and its error
    learner_numbers
};

// Places in LearnerView::tuning; see python/kriss/solve/_learners_kernel.py.
enum LearnerTuning {
    tuning_effect,
    tuning_local,
    tuning_least,
    tuning_most,
    tuning_bonus,
    tuning_bold,
    tuning_every,
    tuning_noise,
    tuning_forget,
    tuning_settled,
    tuning_follow,
    tuning_surprise,
    tuning_fast,
    tuning_whole,
    tuning_count
};

// Columns of LearnerView::table: factors of the exponents by squared distance in context, in its rank and in what was
// seen in the matrix, and by age; then as in python/kriss/solve/_learners_kernel.py.
enum LearnerColumn {
    view_linear,
    view_rank,
    view_own,
    view_age,
    view_since,    // 1: only what came after the last change
    view_prior,    // precision of local effects, relative
    view_believe,  // 1: the mean effects are believed
    view_doubt,
    view_trend,  // 1: costs relative to the level of late
    view_floor,
    view_columns
};

// Rows of LearnerView::rows; as many places follow.
enum LearnerRow { row_arm, row_time, row_cost, row_level, row_weight, row_trend, row_places };

struct LearnerView {
    index_t arms = 0;
    index_t rank = 0;
    index_t dim = 0;   // numbers of a context
    index_t kept = 0;  // room for that many systems
    index_t views = 0;
    const double* tuning = nullptr;  // (tuning_count)
    const double* table = nullptr;   // (views, view_columns)
    const double* factor = nullptr;  // (arms, rank): F F' is the covariance over the arms
    double* numbers = nullptr;       // (learner_numbers)
    double* totals = nullptr;  // (5, arms): weights and weighted effects; fading, ones, costs over guesses and logs
    double* errors = nullptr;  // (views)
    double* bounds = nullptr;  // (2, 2 dim + 1): of the places seen
    double* rows = nullptr;    // (row_places + 2 dim + 1, kept); dim of the places are ranks among those kept
    double* guess = nullptr;   // (views, arms): predicted log costs of the next system
    double* work = nullptr;    // (learner_work): scratch

    index_t places() const { return 2 * dim + 1; }
    double* row(index_t k) const { return rows + k * kept; }
};

inline constexpr double learner_fade = 0.998;  // of the smearing estimates, per system
inline constexpr double learner_prior = 20.0;  // systems that the estimate over all arms counts for in that of one
inline constexpr double learner_far = 3.0;     // distance of a log cost from its guess, the most that is believed

inline index_t learner_work(index_t arms, index_t rank, index_t kept) {
    return 4 * kept + 4 * arms + 3 * rank * rank + 2 * rank;
}

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// The view that is believed, and its error.
inline void learner_settle(const LearnerView& l) {
    double least = std::numeric_limits<double>::infinity();
    index_t best = 0;
    for (index_t v = 0; v < l.views; ++v) {
        const double doubted = (l.errors[v] + 1e-4) * l.table[v * view_columns + view_doubt];
        if (doubted < least) {
            least = doubted;
            best = v;
        }
    }
    double error = 0.1;
    if (l.numbers[learner_judged] > 0.0) {
        error = std::sqrt(l.errors[best] / l.numbers[learner_judged]);
        const double floor = l.table[best * view_columns + view_floor];
        error = error > floor ? error : floor;
        // a cost is a whole number of iterations, which errs by that part of one however well it is foreseen
        const double whole = l.tuning[tuning_whole] * std::exp(-(l.numbers[learner_offset] + l.numbers[learner_usual]));
        const double blur = whole < l.tuning[tuning_noise] ? whole : l.tuning[tuning_noise];
        error = error > blur ? error : blur;
        error = error < l.tuning[tuning_most] ? error : l.tuning[tuning_most];
    }
    l.numbers[learner_view] = static_cast<double>(best);
    l.numbers[learner_error] = error;
}

// Cholesky factor of F' diag(counts) F + ridge I into chol (rank, rank), lower.
inline void learner_precision(const LearnerView& l, const double* counts, double ridge, double* chol) {
    const index_t r = l.rank;
    for (index_t i = 0; i < r * r; ++i) {
        chol[i] = 0.0;
    }
    for (index_t a = 0; a < l.arms; ++a) {
        if (counts[a] == 0.0) {
            continue;
        }
        const double* f = l.factor + a * r;
        for (index_t i = 0; i < r; ++i) {
            const double w = counts[a] * f[i];
            for (index_t j = 0; j <= i; ++j) {
                chol[i * r + j] += w * f[j];
            }
        }
    }
    for (index_t j = 0; j < r; ++j) {
        double* row = chol + j * r;
        double d = row[j] + ridge;
        for (index_t k = 0; k < j; ++k) {
            d -= row[k] * row[k];
        }
        row[j] = std::sqrt(d > 0.0 ? d : ridge);  // positive but for rounding
        for (index_t i = j + 1; i < r; ++i) {
            double s = chol[i * r + j];
            for (index_t k = 0; k < j; ++k) {
                s -= chol[i * r + k] * row[k];
            }
            chol[i * r + j] = s / row[j];
        }
    }
}

// x = C^-1 x for a lower factor C
inline void learner_forward(index_t r, const double* chol, double* x) {
    for (index_t i = 0; i < r; ++i) {
        double s = x[i];
        for (index_t k = 0; k < i; ++k) {
            s -= chol[i * r + k] * x[k];
        }
        x[i] = s / chol[i * r + i];
    }
}

// mean = F P^-1 F' rest with P = C C' made of counts and ridge.  room: (rank)
inline void learner_posterior(const LearnerView& l, const double* counts, const double* rest, double ridge,
                              double* chol, double* room, double* mean) {
    const index_t r = l.rank;
    learner_precision(l, counts, ridge, chol);
    for (index_t i = 0; i < r; ++i) {
        room[i] = 0.0;
    }
    for (index_t a = 0; a < l.arms; ++a) {
        if (rest[a] != 0.0) {
            for (index_t i = 0; i < r; ++i) {
                room[i] += rest[a] * l.factor[a * r + i];
            }
        }
    }
    learner_forward(r, chol, room);
    for (index_t i = r - 1; i >= 0; --i) {
        double s = room[i];
        for (index_t k = i + 1; k < r; ++k) {
            s -= chol[k * r + i] * room[k];
        }
        room[i] = s / chol[i * r + i];
    }
    for (index_t a = 0; a < l.arms; ++a) {
        double s = 0.0;
        for (index_t i = 0; i < r; ++i) {
            s += l.factor[a * r + i] * room[i];
        }
        mean[a] = s;
    }
}

// Mean log cost of every arm relative to the level of its systems, smoothed.  chol: (rank, rank); effects: (arms)
inline void learner_effects(const LearnerView& l, double* chol, double* effects) {
    const double noise =
        l.numbers[learner_error] < l.tuning[tuning_noise] ? l.numbers[learner_error] : l.tuning[tuning_noise];
    const double ratio = l.tuning[tuning_local] / l.tuning[tuning_effect];
    double* const rest = l.work + 4 * l.kept;
    double* const room = rest + 4 * l.arms + 3 * l.rank * l.rank;
    double count = 0.0;
    double sum = 0.0;
    for (index_t a = 0; a < l.arms; ++a) {
        count += l.totals[a];
        sum += l.totals[l.arms + a];
    }
    const double mean = count > 0.0 ? sum / count : 0.0;
    l.numbers[learner_mean] = mean;
    for (index_t a = 0; a < l.arms; ++a) {
        rest[a] = l.totals[l.arms + a] - mean * l.totals[a];
    }
    learner_posterior(l, l.totals, rest, noise * noise * (ratio * ratio), chol, room, effects);
    for (index_t a = 0; a < l.arms; ++a) {
        effects[a] = mean + effects[a];
    }
}

// How many of the numbers are below x, an equal one counted half; NaN is none of them.
inline double learner_rank(const double* row, index_t n, double x) {
    double below = 0.0;
    for (index_t s = 0; s < n; ++s) {
        below += row[s] < x ? 1.0 : row[s] == x ? 0.5 : 0.0;
    }
    return below;
}

// Squared distances of all systems from `place`, in three rows of `near`: each number scaled by its range, ranks by how
// many there are; and their ages in a fourth. known: which of the three there are
inline void learner_distances(const LearnerView& l, const double* place, double* near, bool* known) {
    const auto n = static_cast<index_t>(l.numbers[learner_n]);
    const index_t d = l.dim;
    const index_t p = l.places();
    for (index_t part = 0; part < 3; ++part) {
        const index_t first = part == 2 ? 2 * d : 0;
        const index_t last = part == 2 ? p : d;
        double* out = near + part * l.kept;
        known[part] = true;
        for (index_t k = first; k < last; ++k) {
            known[part] = known[part] && std::isfinite(place[k]);
        }
        for (index_t s = 0; s < n && known[part]; ++s) {
            out[s] = 0.0;
        }
        for (index_t k = first; k < last && known[part]; ++k) {
            const double low = l.bounds[k] < place[k] ? l.bounds[k] : place[k];
            const double high = l.bounds[p + k] > place[k] ? l.bounds[p + k] : place[k];
            const double* row = l.row(row_places + k);
            double scale = high > low ? 1.0 / (high - low) : 1.0;
            double at = place[k];
            if (part == 1) {
                at = learner_rank(row, n, at);
                scale = 1.0 / static_cast<double>(n);
                row = l.row(row_places + d + k);
            }
            for (index_t s = 0; s < n; ++s) {
                const double off = (row[s] - at) * scale;
                out[s] += off * off;
            }
        }
        for (index_t s = 0; s < n && known[part]; ++s) {
            out[s] = out[s] == out[s] ? out[s] : 1e3;  // what is missing is far from everything
        }
    }
    const double* time = l.row(row_time);
    for (index_t s = 0; s < n; ++s) {
        near[3 * l.kept + s] = l.numbers[learner_clock] - time[s];
    }
}

// Sums over the systems near in a view, by arm: weights, and weighted log costs (less their trend for such a view).
inline void learner_gather(const LearnerView& l, const double* near, const double* view, double* counts,
                           double* costs) {
    const auto n = static_cast<index_t>(l.numbers[learner_n]);
    const double* arm = l.row(row_arm);
    const double* weight = l.row(row_weight);
    const double* cost = l.row(row_cost);
    const double* trend = l.row(row_trend);
    const double* time = l.row(row_time);
    const bool trending = view[view_trend] != 0.0;
    const bool since = view[view_since] != 0.0 && l.numbers[learner_changed] > 0.0;
    const double changed = l.numbers[learner_changed];
    const index_t part = view[view_linear] != 0.0 ? 0 : view[view_rank] != 0.0 ? 1 : view[view_own] != 0.0 ? 2 : -1;
    const double sharp = part < 0 ? 0.0 : view[part];
    const double fade = view[view_age];
    for (index_t a = 0; a < l.arms; ++a) {
        counts[a] = 0.0;
        costs[a] = 0.0;
    }
    for (index_t s = 0; s < n; ++s) {
        if (since && time[s] < changed) {
            continue;
        }
        double e = part < 0 ? 0.0 : sharp * near[part * l.kept + s];
        e += fade * near[3 * l.kept + s];
        if (!(e > -50.0)) {
            continue;
        }
        const double w = e == 0.0 ? weight[s] : std::exp(e) * weight[s];
        const auto a = static_cast<index_t>(arm[s]);
        counts[a] += w;
        costs[a] += trending ? w * trend[s] : w * cost[s];
    }
}

// The guess of all views, and which arm has the least confidence bound; -1 if not asked to choose. A view that there is
// not, as the context is unknown, guesses as the first one does.  place: (2 dim + 1), NaN where unknown;
// its ranks are not looked at
inline index_t learner_choose(const LearnerView& l, const double* place, bool choosing) {
    const index_t m = l.arms;
    const index_t r = l.rank;
    double* const near = l.work;
    double* const rest = near + 4 * l.kept;  // scratch of learner_effects as well
    double* const counts = rest + m;
    double* const effects = counts + m;
    double* const seen = effects + m;
    double* const behind = seen + m;  // precision of the arms near in the view that is believed
    double* const precision = behind + r * r;
    double* const chol = precision + r * r;
    double* const room = chol + r * r;
    const double error = l.numbers[learner_error];
    const double noise = error < l.tuning[tuning_noise] ? error : l.tuning[tuning_noise];
    const auto believed = static_cast<index_t>(l.numbers[learner_view]);
    bool known[3];
    learner_effects(l, precision, effects);
    learner_distances(l, place, near, known);
    for (index_t v = 0; v < l.views; ++v) {
        const double* view = l.table + v * view_columns;
        double* guess = l.guess + v * m;
        bool there = true;
        for (index_t part = 0; part < 3; ++part) {
            there = there && (view[part] == 0.0 || known[part]);
        }
        if (!there) {
            for (index_t a = 0; a < m; ++a) {
                guess[a] = l.guess[a];
            }
            continue;
        }
        learner_gather(l, near, view, counts, rest);
        const double mean = l.numbers[learner_mean];
        for (index_t a = 0; a < m; ++a) {
            rest[a] -= counts[a] * (mean + (effects[a] - mean) * view[view_believe]);
        }
        learner_posterior(l, counts, rest, noise * noise * view[view_prior], chol, room, guess);
        const double track = view[view_trend] != 0.0 ? l.numbers[learner_track] : 0.0;
        for (index_t a = 0; a < m; ++a) {
            guess[a] += mean + (effects[a] - mean) * view[view_believe] + track;
        }
        if (v == 0 || v == believed) {
            for (index_t a = 0; a < m; ++a) {
                seen[a] = counts[a];
            }
            for (index_t i = 0; i < r * r; ++i) {
                behind[i] = chol[i];
            }
        }
    }
    l.numbers[learner_ready] = 1.0;
    if (!choosing) {
        return -1;
    }
    // The variance of an arm's difference from the arms as they have been played: of that the data tell, and it is
    // nearly none for one that is played all the time.
    double near_sum = 0.0;
    double all_sum = 0.0;
    double ones = 0.0;
    double over = 0.0;
    double off = 0.0;
    for (index_t a = 0; a < m; ++a) {
        near_sum += seen[a];
        all_sum += l.totals[a];
        ones += l.totals[2 * m + a];
        over += l.totals[3 * m + a];
        off += l.totals[4 * m + a];
    }
    for (index_t i = 0; i < r; ++i) {  // features of the arms as they have been played, near and in all; r <= m
        double here = 0.0;
        double all = 0.0;
        for (index_t a = 0; a < m; ++a) {
            here += seen[a] * l.factor[a * r + i];
            all += l.totals[a] * l.factor[a * r + i];
        }
        rest[i] = all / all_sum;
        counts[i] = near_sum > 1e-6 ? here / near_sum : rest[i];
    }
    const double every = l.tuning[tuning_every];
    const double turn = l.numbers[learner_clock] - every * std::floor(l.numbers[learner_clock] / every);
    const double bonus = turn == every - 1.0 ? l.tuning[tuning_bold] : l.tuning[tuning_bonus];
    const double believe = l.table[believed * view_columns + view_believe];
    double least = std::numeric_limits<double>::infinity();
    index_t arm = 0;
    for (index_t a = 0; a < m; ++a) {
        double spread = 0.0;
        for (int k = 0; k < 2; ++k) {
            for (index_t i = 0; i < r; ++i) {
                room[i] = l.factor[a * r + i] - (k == 0 ? counts[i] : rest[i]);
            }
            learner_forward(r, k == 0 ? behind : precision, room);
            double part = 0.0;
            for (index_t i = 0; i < r; ++i) {
                part += room[i] * room[i];
            }
            spread += k == 0 ? part : part * believe;
        }
        // log of the mean of costs over exp of their mean logarithm: sums of costs are what counts. Not where a trend
        // is followed, whose lag would be taken for spread.
        const double held = learner_prior + l.totals[2 * m + a];
        const double smear = ones > 0.0 ? std::log((learner_prior * over / ones + l.totals[3 * m + a]) / held) -
                                              (learner_prior * off / ones + l.totals[4 * m + a]) / held
                                        : 0.0;
        const double bound = l.guess[believed * m + a] + smear * believe - bonus * error * std::sqrt(spread);
        if (bound < least) {
            least = bound;
            arm = a;
        }
    }
    return arm;
}

// Remember one system; there must be room.
inline void learner_add(const LearnerView& l, index_t arm, const double* place, double y, double level) {
    double* const x = l.numbers;
    const auto k = static_cast<index_t>(x[learner_n]);
    const index_t p = l.places();
    l.row(row_arm)[k] = static_cast<double>(arm);
    l.row(row_time)[k] = x[learner_clock];
    l.row(row_cost)[k] = y;
    l.row(row_level)[k] = level;
    for (index_t j = 0; j < p; ++j) {
        l.row(row_places + j)[k] = place[j];
        l.bounds[j] = place[j] < l.bounds[j] ? place[j] : l.bounds[j];
        l.bounds[p + j] = place[j] > l.bounds[p + j] ? place[j] : l.bounds[p + j];
    }
    for (index_t j = 0; j < l.dim; ++j) {
        const double* row = l.row(row_places + j);
        double* rank = l.row(row_places + l.dim + j);
        for (index_t s = 0; s < k; ++s) {
            rank[s] += place[j] < row[s] ? 1.0 : place[j] == row[s] ? 0.5 : 0.0;
        }
        rank[k] = place[j] == place[j] ? learner_rank(row, k, place[j]) : place[j];
    }
    // sums of costs, not of logarithms, are what counts: a dear system weighs more
    if (k == 0) {
        x[learner_usual] = level;
    }
    const double age = x[learner_clock] + 1.0 < 200.0 ? x[learner_clock] + 1.0 : 200.0;
    x[learner_usual] += (level - x[learner_usual]) / age;
    double above = level - x[learner_usual];
    above = above > -1.5 ? above : -1.5;
    above = above < 1.5 ? above : 1.5;
    const double w = std::exp(above);
    l.row(row_weight)[k] = w;
    l.row(row_trend)[k] = y - x[learner_track];
    l.totals[arm] += w;
    l.totals[l.arms + arm] += w * (y - level);
    x[learner_n] += 1.0;
    x[learner_clock] += 1.0;
}

// Take in the log cost y of a system, after which what was guessed of it is forgotten.
inline void learner_update(const LearnerView& l, index_t arm, const double* place, double y) {
    double* const x = l.numbers;
    const double* t = l.tuning;
    if (x[learner_clock] == 0.0) {
        x[learner_offset] = y;
    }
    y -= x[learner_offset];
    double level = y;
    double trend = y;
    if (x[learner_ready] != 0.0) {
        const auto view = static_cast<index_t>(x[learner_view]);
        const double* guess = l.guess + view * l.arms;
        const double miss = (guess[arm] - y) * (guess[arm] - y);
        if (x[learner_clock] >= t[tuning_settled]) {  // before, misses tell of ignorance, not of how costs vary
            for (index_t a = 0; a < 3 * l.arms; ++a) {
                l.totals[2 * l.arms + a] *= learner_fade;
            }
            double above = y - guess[arm];
            above = above < learner_far ? above : learner_far;
            above = above > -learner_far ? above : -learner_far;
            l.totals[2 * l.arms + arm] += 1.0;
            l.totals[3 * l.arms + arm] += std::exp(above);
            l.totals[4 * l.arms + arm] += above;
        }
        // a change is declared if the errors of the view that is believed rise suddenly
        const double usual = t[tuning_surprise] * x[learner_error];
        x[learner_fast] = t[tuning_fast] * x[learner_fast] + (miss < 2.0 ? miss : 2.0);
        x[learner_weight] = t[tuning_fast] * x[learner_weight] + 1.0;
        const bool sudden =
            x[learner_clock] - x[learner_changed] > 8.0 && x[learner_fast] / x[learner_weight] > usual * usual;
        const double keep = sudden ? 0.0 : t[tuning_forget];
        for (index_t v = 0; v < l.views; ++v) {
            const double off = l.guess[v * l.arms + arm] - y;
            l.errors[v] = keep * l.errors[v] + (off * off < 2.0 ? off * off : 2.0);
        }
        x[learner_judged] = keep * x[learner_judged] + 1.0;
        if (sudden) {
            x[learner_changed] = x[learner_clock] - 1.0;
            x[learner_fast] = 0.0;
            x[learner_weight] = 0.0;
        }
        learner_settle(l);
        // Of this system, as it was foreseen: the mean over the arms as they have been played, as those never played
        // are guesswork, and what is learned of effects must not hang on it.
        double count = 0.0;
        double sum = 0.0;
        for (index_t a = 0; a < l.arms; ++a) {
            count += l.totals[a];
            sum += l.totals[a] * guess[a];
        }
        level = sum / count;
        trend = y - guess[arm] + level;
        x[learner_ready] = 0.0;
    }
    learner_add(l, arm, place, y, level);
    const bool fresh = x[learner_clock] - x[learner_changed] <= 1.0;
    x[learner_track] = fresh ? trend : x[learner_track] + t[tuning_follow] * (trend - x[learner_track]);
}

KRISS_NAMESPACE_END
