#include "solve_learner.hpp"

#include "kriss/solve/renewal.hpp"

namespace kriss {

index_t solve_learner_choose(const LearnerView& l, const double* place, bool choosing) {
    return learner_choose(l, place, choosing);
}

void solve_learner_update(const LearnerView& l, index_t arm, const double* place, double y) {
    learner_update(l, arm, place, y);
}

void solve_learner_add(const LearnerView& l, index_t arm, const double* place, double y, double level) {
    learner_add(l, arm, place, y, level);
}

template <class I>
int solve_renew(const CsrView<double, I>& a, const I* indptr, const I* indices, double* data, const index_t* diagonal,
                index_t count, bool finite, double* sums) {
    return renew(a, indptr, indices, data, diagonal, count, finite, sums);
}

template int solve_renew(const CsrView<double, std::int32_t>&, const std::int32_t*, const std::int32_t*, double*,
                         const index_t*, index_t, bool, double*);
template int solve_renew(const CsrView<double, std::int64_t>&, const std::int64_t*, const std::int64_t*, double*,
                         const index_t*, index_t, bool, double*);

}  // namespace kriss
