// The steps of the learner of solver parameters, over arrays that its Python object holds.
#include "solve_learner_pymod.hpp"

#include <cstdint>

#include "arrays.hpp"
#include "solve_learner.hpp"

namespace kriss::bind {

namespace {

using Real = array<double>;

// state: tuning, table, factor, numbers, totals, errors, bounds, rows, guess, work; its arrays are written to.
LearnerView learner(const py::tuple& state) {
    expect(state.size() == 10, "state must be ten arrays");
    Real part[10];
    for (std::size_t k = 0; k < 10; ++k) {
        const py::object item = state[k];
        expect(py::isinstance<Real>(item), "state must be contiguous arrays of float64");
        part[k] = py::reinterpret_borrow<Real>(item);
    }
    const auto& [tuning, table, factor, numbers, totals, errors, bounds, rows, guess, work] = part;
    LearnerView l;
    expect(
        factor.ndim() == 2 && rows.ndim() == 2 && bounds.ndim() == 2 && table.ndim() == 2 && rows.shape(0) > row_places,
        "factor, rows, bounds and table must have two dimensions");
    l.arms = factor.shape(0);
    l.rank = factor.shape(1);
    l.dim = (rows.shape(0) - row_places - 1) / 2;
    l.kept = rows.shape(1);
    l.views = table.shape(0);
    expect(l.rank <= l.arms && tuning.size() == tuning_count && table.shape(1) == view_columns &&
               numbers.size() == learner_numbers && totals.size() == 5 * l.arms && errors.size() == l.views &&
               bounds.shape(1) == l.places() && bounds.shape(0) == 2 && rows.shape(0) == row_places + l.places() &&
               guess.size() == l.views * l.arms && work.size() == learner_work(l.arms, l.rank, l.kept),
           "the arrays of a learner disagree");
    l.tuning = tuning.data();
    l.table = table.data();
    l.factor = factor.data();
    l.numbers = part[3].mutable_data();
    l.totals = part[4].mutable_data();
    l.errors = part[5].mutable_data();
    l.bounds = part[6].mutable_data();
    l.rows = part[7].mutable_data();
    l.guess = part[8].mutable_data();
    l.work = part[9].mutable_data();
    expect(l.numbers[learner_n] >= 0.0 && l.numbers[learner_n] <= static_cast<double>(l.kept) &&
               l.numbers[learner_view] >= 0.0 && l.numbers[learner_view] < static_cast<double>(l.views),
           "the numbers of a learner are out of range");
    return l;
}

void check_system(const LearnerView& l, std::int64_t arm, const Real& place) {
    expect(arm >= 0 && arm < l.arms && place.size() == l.places() && l.numbers[learner_n] < static_cast<double>(l.kept),
           "arm or place are out of range, or there is no room");
}

template <class I>
void add_renew(py::module_& m) {
    m.def(
        "renew",
        [](const array<I>& indptr, const array<I>& indices, const Real& data, const array<I>& kept_indptr,
           const array<I>& kept_indices, Real& kept_data, const array<std::int64_t>& diagonal, bool finite,
           Real& sums) {
            const auto rows = static_cast<index_t>(indptr.size()) - 1;
            expect(rows >= 0 && kept_indptr.size() == indptr.size() && indices.size() == data.size() &&
                       kept_indices.size() == indices.size() && kept_data.size() == data.size() && sums.size() == 3 &&
                       static_cast<index_t>(kept_indptr.data()[rows]) == static_cast<index_t>(data.size()),
                   "a matrix and its copy must have as many rows and entries");
            const CsrView<double, I> a{rows, rows, indptr.data(), indices.data(), data.data()};
            return solve_renew(a, kept_indptr.data(), kept_indices.data(), kept_data.mutable_data(),
                               reinterpret_cast<const index_t*>(diagonal.data()), static_cast<index_t>(diagonal.size()),
                               finite, sums.mutable_data());
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("kept_indptr").noconvert(), py::arg("kept_indices").noconvert(), py::arg("kept_data").noconvert(),
        py::arg("diagonal").noconvert(), py::arg("finite"), py::arg("sums").noconvert(),
        "1 for another pattern, 4 (if `finite`) for NaN or infinity; else 2 for new entries, which are kept, or 0.");
}

}  // namespace

void add_solve_learner(py::module_& m) {
    static_assert(sizeof(std::int64_t) == sizeof(index_t));
    m.def(
        "learner_choose",
        [](const py::tuple& state, const Real& place, bool choosing) {
            const LearnerView l = learner(state);
            expect(static_cast<index_t>(place.size()) == l.places(), "place must be (2 dim + 1)");
            return static_cast<std::int64_t>(solve_learner_choose(l, place.data(), choosing));
        },
        py::arg("state"), py::arg("place").noconvert(), py::arg("choosing"),
        "The arm with the least confidence bound for a system at `place`; -1 where it is only to be foreseen.");
    m.def(
        "learner_update",
        [](const py::tuple& state, std::int64_t arm, const Real& place, double y) {
            const LearnerView l = learner(state);
            check_system(l, arm, place);
            solve_learner_update(l, static_cast<index_t>(arm), place.data(), y);
        },
        py::arg("state"), py::arg("arm"), py::arg("place").noconvert(), py::arg("y"),
        "Take in the log cost of a system.");
    m.def(
        "learner_add",
        [](const py::tuple& state, std::int64_t arm, const Real& place, double y, double level) {
            const LearnerView l = learner(state);
            check_system(l, arm, place);
            solve_learner_add(l, static_cast<index_t>(arm), place.data(), y, level);
        },
        py::arg("state"), py::arg("arm"), py::arg("place").noconvert(), py::arg("y"), py::arg("level"),
        "Remember a system that another learner has seen.");
    add_renew<std::int32_t>(m);
    add_renew<std::int64_t>(m);
}

}  // namespace kriss::bind
