// Conjugate gradients on up to max_columns right-hand sides at once.
#pragma once

#include <vector>

#include "kriss/executor.hpp"
#include "kriss/solve/multi.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

// y = F x on panels (n, width) of somebody else's making; returns false to stop the solve.
template <class T>
struct PanelHook {
    void* self = nullptr;
    bool (*apply)(void* self, const T* x, T* y, int width) = nullptr;
};

template <class T>
struct MultiProblem {
    index_t n = 0;
    int columns = 0;
    const T* b = nullptr;         // (n, columns)
    T* x = nullptr;               // (n, columns): the start, then the solution
    const T* inverse = nullptr;   // (n) Jacobi, or null
    PanelHook<T> product;         // in the place of a matrix
    PanelHook<T> precond;         // in the place of the identity or Jacobi
    const double* tol = nullptr;  // (columns)
    index_t maxiter = 0;
    bool zero_start = true;
};

// What became of one column. status is ok once the recurrence says converged: whether `norm` agrees is for the caller.
struct ColumnOutcome {
    Status status = Status::ok;
    index_t iterations = 0;
    double residual = 0.0;          // by the recurrence
    double norm = 0.0;              // of b - A x, recomputed; NaN if A is a hook
    std::vector<double> residuals;  // before the first iteration and after each
};

struct MultiOutcome {
    std::vector<ColumnOutcome> columns;
    index_t products = 0;  // of A with a panel
    int diagonals = 0;     // 0: CSR or hook
    bool stopped = false;  // by a hook
};

// a is not looked at if problem.product is set.
template <class T, class I>
MultiOutcome solve_cg_multi(const CsrView<T, I>& a, const MultiProblem<T>& problem, const Executor& ex);

}  // namespace kriss
