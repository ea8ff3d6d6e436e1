// The learner of solver parameters and the look at a matrix that returns, compiled once: both wait for memory or libm.
#pragma once

#include <cstdint>

#include "kriss/solve/learner.hpp"
#include "kriss/view.hpp"

namespace kriss {

// See kriss/solve/learner.hpp and kriss/solve/renewal.hpp.
index_t solve_learner_choose(const LearnerView& l, const double* place, bool choosing);
void solve_learner_update(const LearnerView& l, index_t arm, const double* place, double y);
void solve_learner_add(const LearnerView& l, index_t arm, const double* place, double y, double level);

template <class I>
int solve_renew(const CsrView<double, I>& a, const I* indptr, const I* indices, double* data, const index_t* diagonal,
                index_t count, bool finite, double* sums);

}  // namespace kriss
