// solve/learner.hpp on three arms that tell nothing of each other, where all is known in closed form;
// solve/renewal.hpp.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"
#include "solve_learner.hpp"

using namespace kriss;

namespace {

struct Small {
    static constexpr index_t arms = 3, kept = 8;
    std::vector<double> tuning, table, factor, numbers, totals, errors, bounds, rows, guess, work;
    LearnerView view;

    Small()
        : tuning{0.9, 0.3, 0.03, 1.0, 0.65, 1.2, 10.0, 0.15, 0.95, 30.0, 0.25, 3.0, 0.6, 0.0},
          table{0, 0, 0, 0, 0, 1.0, 0, 1.0, 0, 0.03},  // all systems alike
          factor{1, 0, 0, 0, 1, 0, 0, 0, 1},
          numbers(learner_numbers, 0.0),
          totals(15, 0.0),
          errors(1, 0.0),
          bounds{HUGE_VAL, HUGE_VAL, HUGE_VAL, -HUGE_VAL, -HUGE_VAL, -HUGE_VAL},
          rows((row_places + 3) * kept, 0.0),
          guess(3, 0.0),
          work(static_cast<std::size_t>(learner_work(arms, arms, kept)), 0.0) {
        numbers[learner_error] = 0.1;
        view = {arms,
                arms,
                1,
                kept,
                1,
                tuning.data(),
                table.data(),
                factor.data(),
                numbers.data(),
                totals.data(),
                errors.data(),
                bounds.data(),
                rows.data(),
                guess.data(),
                work.data()};
    }
};

void closed_form() {
    Small s;
    const double nowhere = std::numeric_limits<double>::quiet_NaN();
    const double place[3] = {2.0, nowhere, nowhere};
    const index_t arm[3] = {0, 0, 1};
    const double y[3] = {1.0, 2.0, 5.0};
    for (int k = 0; k < 3; ++k) {
        solve_learner_add(s.view, arm[k], place, y[k], 0.0);
    }
    KRISS_CHECK(s.numbers[learner_n] == 3.0 && s.numbers[learner_clock] == 3.0);
    KRISS_CHECK(s.bounds[0] == 2.0 && s.bounds[3] == 2.0 && s.bounds[5] == -HUGE_VAL);
    const index_t best = solve_learner_choose(s.view, place, true);
    const double count[3] = {2.0, 1.0, 0.0};
    const double sum[3] = {3.0, 5.0, 0.0};
    const double mean = 8.0 / 3.0;
    double bound[3];
    for (int a = 0; a < 3; ++a) {
        const double expected = mean + (sum[a] - count[a] * mean) / (count[a] + 0.01);
        KRISS_NEAR(s.guess[static_cast<std::size_t>(a)], expected, 1e-12);
        double spread = 0.0;
        for (int i = 0; i < 3; ++i) {
            const double off = (i == a ? 1.0 : 0.0) - count[i] / 3.0;
            spread += off * off / (count[i] + 0.01);
        }
        bound[a] = expected - 0.65 * 0.1 * std::sqrt(spread);
    }
    int least = 0;
    for (int a = 1; a < 3; ++a) {
        least = bound[a] < bound[least] ? a : least;
    }
    KRISS_CHECK(best == least);
    KRISS_CHECK(solve_learner_choose(s.view, place, false) == -1);
    // the error of the guess is that of the view from now on
    const double miss = s.guess[1] - 4.0;
    solve_learner_update(s.view, 1, place, 4.0);
    KRISS_NEAR(s.errors[0], miss * miss < 2.0 ? miss * miss : 2.0, 1e-12);
    KRISS_CHECK(s.numbers[learner_ready] == 0.0 && s.numbers[learner_judged] == 1.0);
}

template <class I>
void renewed() {
    const std::vector<I> indptr{0, 2, 5, 7}, indices{0, 1, 0, 1, 2, 1, 2};
    std::vector<double> data{4, -1, -1, 4, -1, -1, 4}, kept(data);
    const std::vector<index_t> diagonal{0, 3, 6};
    double sums[3];
    const CsrView<double, I> a{3, 3, indptr.data(), indices.data(), data.data()};
    const auto look = [&](const std::vector<I>& columns, bool finite) {
        return solve_renew(a, indptr.data(), columns.data(), kept.data(), diagonal.data(), index_t(3), finite, sums);
    };
    KRISS_CHECK(look(indices, true) == 0 && sums[0] == 8.0 && sums[1] == 12.0 && sums[2] == 4.0);
    data[2] = -9.0;
    KRISS_CHECK(look(indices, true) == 2 && kept[2] == -9.0 && sums[2] == 9.0 && look(indices, true) == 0);
    std::vector<I> other(indices);
    other[4] = 0;
    KRISS_CHECK(look(other, true) == 1);
    data[6] = std::numeric_limits<double>::quiet_NaN();
    KRISS_CHECK(look(indices, true) == 4 && kept[6] == 4.0);
    KRISS_CHECK(look(indices, false) == 2 && std::isinf(sums[2]));
}

}  // namespace

KRISS_CASE("a choice among arms that tell nothing of each other") { closed_form(); }

KRISS_CASE("a matrix that returns") {
    renewed<std::int32_t>();
    renewed<std::int64_t>();
}
