#include "sketch_scores_kernels.hpp"

#include "kriss/sketch/scores.hpp"

namespace kriss::tables::KRISS_ISA {
namespace {

index_t scratch_size(index_t m, index_t n, bool want_gram) {
    return score_slots(m, n, want_gram) * score_scratch(n, want_gram);
}

void rows(const ScoreArgs& args, const Executor& ex) {
    ScoreProblem p;
    p.a = args.a;
    p.precond = args.precond;
    p.squares = args.squares;
    p.gram = args.gram;
    score_rows(p, score_slots(args.a.rows, args.a.cols, args.gram != nullptr), args.scratch, ex);
}

}  // namespace

const SketchScoresKernels sketch_scores_kernels = {&scratch_size, &rows};

}  // namespace kriss::tables::KRISS_ISA
