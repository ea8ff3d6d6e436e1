// Passes over the rows of tall matrices, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Plain mirrors of the structs in kriss/sketch/, which differ in name from level to level.
struct SingleScoreArgs {
    View2<const double> a;
    const float* precond;
    double* squares;
};

struct LewisArgs {
    View2<const double> a;
    const double* precond;
    double *logw, *gram;
    double half, relax, power;
};

struct LossArgs {
    View2<const double> a;
    const double *x, *b, *w;  // w null: ones
    int loss;
    double parameters[3];
    double *t, *u, *d, *cross;  // cross null: not of this loss
    double *gram, *slope, *mixed, *scalars;
};

// scratch: of as many numbers as the function before it says.
struct SketchRowsKernels {
    index_t (*single_scratch)(index_t m, index_t n);
    void (*single)(const SingleScoreArgs& args, double* scratch, const Executor& ex);
    void (*pick)(const double* weights, index_t m, const double* marks, index_t count, std::int64_t* rows);
    index_t (*lewis_scratch)(index_t m, index_t n);
    double (*lewis)(const LewisArgs& args, double* scratch, const Executor& ex);
    index_t (*loss_scratch)(index_t m, index_t n);
    void (*loss)(const LossArgs& args, double* scratch, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SketchRowsKernels, sketch_rows_kernels)
