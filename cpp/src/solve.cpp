#include "solve.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "kriss/solve/reduce.hpp"
#include "kriss/solve/ssor.hpp"
#include "solve_kernels.hpp"
#include "solve_maps_kernels.hpp"
#include "solve_multi_kernels.hpp"
#include "solve_storage.hpp"

namespace kriss {

template <class T, class I>
CgOutcome solve_cg(const CsrView<T, I>& a, const T* b, T* x, Precond precond, const SsorView<T, I>& sweep,
                   const CgProblem& problem, CgStorage& storage, const Executor& ex) {
    CgPreconditioner<T> m;
    if (precond == Precond::ssor) {
        m.self = &sweep;
        m.apply_dot = csr_kernels<T, I>().ssor;
    } else if (precond == Precond::jacobi) {
        m.inverse = sweep.inverse;
    }
    return solve_cg_with(a, b, x, m, problem, storage, ex);
}

template <class T, class I>
CgOutcome solve_cg_with(const CsrView<T, I>& a, const T* b, T* x, const CgPreconditioner<T>& m,
                        const CgProblem& problem, CgStorage& storage, const Executor& ex) {
    const index_t n = a.rows;
    Diagonals<T> diagonals;
    Blocks<T, I> blocks;
    if (problem.diagonals) {
        choose_storage(a, diagonals, blocks, for_size(ex, a.indptr[n]));
    }
    const PanelKernels<T>& panels = panel_kernels<T>(1);
    CgOperator<T> op{&a, 0, csr_kernels<T, I>().apply_dot, {&a, panels.template csr<I>(), 0}};
    storage.product_bytes =
        a.indptr[n] * static_cast<index_t>(sizeof(T) + sizeof(I)) + n * static_cast<index_t>(sizeof(I));
    if (diagonals.used()) {
        const index_t halo = diagonals.view.halo;
        op = {&diagonals.view, halo, cg_kernels<T>().diagonal_apply_dot, {&diagonals.view, panels.diagonal, halo}};
        storage.kind = diagonals.view.count;
        storage.product_bytes = diagonals.stored * static_cast<index_t>(sizeof(T));
        op.again = n > 0 && again_pays<T>(storage.product_bytes, diagonals.view.count, n, 1);
    } else if (blocks.used()) {
        op = {&blocks.view, 0, block_kernels<T, I>().apply_dot};
        storage.kind = blocks.storage();
        storage.product_bytes = blocks.bytes();
    } else {
        op.rows.reach = bandwidth(a);
    }
    return run_cg(op, n, b, x, m, problem, for_size(ex, a.indptr[n]));
}

template <class T>
CgOutcome run_cg(const CgOperator<T>& op, index_t n, const T* b, T* x, const CgPreconditioner<T>& m,
                 const CgProblem& problem, const Executor& ex) {
    const bool separate = m.apply_dot != nullptr;
    const index_t size = whole_lines<T>(n);
    const index_t pad = whole_lines<T>(op.halo);
    const Aligned<T> work = aligned<T>(size * (separate ? 4 : 3) + 2 * pad);
    const std::unique_ptr<double[]> part(new double[2 * static_cast<std::size_t>(chunk_count(n))]);

    CgOptions options = problem.options;
    if (problem.residuals != nullptr) {
        options.ctx = problem.residuals;
        options.record = [](void* ctx, double norm) { static_cast<std::vector<double>*>(ctx)->push_back(norm); };
    }
    T* p = work.get() + pad;
    std::fill(work.get(), p, T(0));
    std::fill_n(p + n, op.halo, T(0));
    T* r = p + size + pad;
    T* q = r + size;
    T* z = separate ? q + size : nullptr;
    return cg_kernels<T>().cg(n, op, b, x, m, options, r, p, q, z, part.get(), ex);
}

template CgOutcome run_cg(const CgOperator<float>&, index_t, const float*, float*, const CgPreconditioner<float>&,
                          const CgProblem&, const Executor&);
template CgOutcome run_cg(const CgOperator<double>&, index_t, const double*, double*, const CgPreconditioner<double>&,
                          const CgProblem&, const Executor&);

template CgOutcome solve_cg_with(const CsrView<float, std::int32_t>&, const float*, float*,
                                 const CgPreconditioner<float>&, const CgProblem&, CgStorage&, const Executor&);
template CgOutcome solve_cg(const CsrView<float, std::int32_t>&, const float*, float*, Precond,
                            const SsorView<float, std::int32_t>&, const CgProblem&, CgStorage&, const Executor&);
template CgOutcome solve_cg_with(const CsrView<float, std::int64_t>&, const float*, float*,
                                 const CgPreconditioner<float>&, const CgProblem&, CgStorage&, const Executor&);
template CgOutcome solve_cg(const CsrView<float, std::int64_t>&, const float*, float*, Precond,
                            const SsorView<float, std::int64_t>&, const CgProblem&, CgStorage&, const Executor&);
template CgOutcome solve_cg_with(const CsrView<double, std::int32_t>&, const double*, double*,
                                 const CgPreconditioner<double>&, const CgProblem&, CgStorage&, const Executor&);
template CgOutcome solve_cg(const CsrView<double, std::int32_t>&, const double*, double*, Precond,
                            const SsorView<double, std::int32_t>&, const CgProblem&, CgStorage&, const Executor&);
template CgOutcome solve_cg_with(const CsrView<double, std::int64_t>&, const double*, double*,
                                 const CgPreconditioner<double>&, const CgProblem&, CgStorage&, const Executor&);
template CgOutcome solve_cg(const CsrView<double, std::int64_t>&, const double*, double*, Precond,
                            const SsorView<double, std::int64_t>&, const CgProblem&, CgStorage&, const Executor&);

}  // namespace kriss
