// Conjugate gradients on a CSR matrix with a built-in preconditioner: work space, and the whole loop in one call.
#pragma once

#include <vector>

#include "kriss/executor.hpp"
#include "kriss/solve/cg.hpp"
#include "kriss/solve/ssor.hpp"
#include "kriss/view.hpp"

namespace kriss {

enum class Precond : int { none = 0, jacobi = 1, ssor = 2 };

struct CgProblem {
    CgOptions options;
    bool diagonals = true;                     // keep a by diagonals or blocks where that pays (solve_storage.hpp)
    std::vector<double>* residuals = nullptr;  // ||r|| before the first iteration and after each, if wanted
};

// How a was stored during the solve.
struct CgStorage {
    int kind = 0;               // k > 0 diagonals, -b for b x b blocks, 0: CSR
    index_t product_bytes = 0;  // coefficients and indices read per product
};

// x: (n), the start on entry. sweep.inverse: (n) for jacobi and ssor; the rest of sweep for ssor only.
template <class T, class I>
CgOutcome solve_cg(const CsrView<T, I>& a, const T* b, T* x, Precond precond, const SsorView<T, I>& sweep,
                   const CgProblem& problem, CgStorage& storage, const Executor& ex);

// The same with any preconditioner.
template <class T, class I>
CgOutcome solve_cg_with(const CsrView<T, I>& a, const T* b, T* x, const CgPreconditioner<T>& m,
                        const CgProblem& problem, CgStorage& storage, const Executor& ex);

// The same for any operator; `diagonals` of the problem is not looked at.
template <class T>
CgOutcome run_cg(const CgOperator<T>& op, index_t n, const T* b, T* x, const CgPreconditioner<T>& m,
                 const CgProblem& problem, const Executor& ex);

// Below this many stored entries a product takes about as long as waking a thread.
inline constexpr index_t serial_entries = 50000;

// ex itself, or a serial copy if the work is small
inline Executor for_size(const Executor& ex, index_t entries) {
    Executor out = ex;
    if (entries < serial_entries) {
        out.workers = 1;
    }
    return out;
}

}  // namespace kriss
