// Scores of rows, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/view.hpp"

namespace kriss {

// A plain mirror of the struct in kriss/sketch/scores.hpp, which differs in name from level to level.
struct ScoreArgs {
    View2<const double> a;
    const double* precond;
    double *squares, *gram;  // gram null: not wanted
    double* scratch;         // of scratch_size numbers
};

struct SketchScoresKernels {
    index_t (*scratch_size)(index_t m, index_t n, bool want_gram);
    void (*rows)(const ScoreArgs& args, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SketchScoresKernels, sketch_scores_kernels)
