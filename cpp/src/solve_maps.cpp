#include "solve_maps.hpp"

#include "kriss/solve/reduce.hpp"
#include "solve_kernels.hpp"

namespace kriss {

template <class T>
double GridSweeps<T>::apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) {
    const index_t n = g_.rows();
    map_kernels<T>().grid.sweeps(g_, inverse_, omega_, r, z, ex);
    if (scale != T(1)) {
        ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                z[i] *= scale;
            }
        });
    }
    return cg_kernels<T>().dot(n, r, z, part, ex);
}

template <class T>
CgOutcome solve_cg_map(LinearMap<T>& a, const T* b, T* x, const T* inverse, LinearMap<T>* m, const CgProblem& problem,
                       const Executor& ex) {
    // The loops take const objects: a map's own scratch is what changes.
    const auto apply = [](const void* self, const T* v, T* y, double* part, const Executor& exe) {
        return static_cast<LinearMap<T>*>(const_cast<void*>(self))->apply_dot(v, y, part, exe);
    };
    CgPreconditioner<T> precond;
    precond.inverse = inverse;
    if (m != nullptr) {
        precond.self = m;
        precond.apply_dot = apply;
    }
    const CgOperator<T> op{&a, a.halo(), apply};
    return run_cg(op, a.size(), b, x, precond, problem, for_size(ex, a.entries()));
}

template class GridSweeps<float>;
template class GridSweeps<double>;
template CgOutcome solve_cg_map(LinearMap<float>&, const float*, float*, const float*, LinearMap<float>*,
                                const CgProblem&, const Executor&);
template CgOutcome solve_cg_map(LinearMap<double>&, const double*, double*, const double*, LinearMap<double>*,
                                const CgProblem&, const Executor&);

}  // namespace kriss
