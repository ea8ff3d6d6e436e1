#include "sketch_rows_kernels.hpp"

#include "kriss/sketch/lewis.hpp"
#include "kriss/sketch/pick.hpp"
#include "kriss/sketch/row_losses.hpp"
#include "kriss/sketch/single_scores.hpp"

namespace kriss::tables::KRISS_ISA {
namespace {

index_t single_scratch(index_t m, index_t n) { return single_scores_scratch(m, n); }

void single(const SingleScoreArgs& args, double* scratch, const Executor& ex) {
    SingleScores p;
    p.a = args.a;
    p.precond = args.precond;
    p.squares = args.squares;
    single_scores(p, scratch, ex);
}

void pick(const double* weights, index_t m, const double* marks, index_t count, std::int64_t* rows) {
    pick_rows(weights, m, marks, count, rows);
}

index_t lewis_scratch(index_t m, index_t n) { return row_slots(m, n) * LewisProblem::scratch(n); }

double lewis(const LewisArgs& args, double* scratch, const Executor& ex) {
    LewisProblem p;
    p.a = args.a;
    p.precond = args.precond;
    p.logw = args.logw;
    p.half = args.half;
    p.relax = args.relax;
    p.power = args.power;
    return lewis_step(p, scratch, args.gram, ex);
}

index_t loss_scratch(index_t m, index_t n) { return row_slots(m, n) * LossProblem::scratch(n); }

void loss(const LossArgs& args, double* scratch, const Executor& ex) {
    LossProblem p;
    p.a = args.a;
    p.x = args.x;
    p.b = args.b;
    p.w = args.w;
    p.loss = args.loss;
    p.first = args.parameters[0];
    p.second = args.parameters[1];
    p.third = args.parameters[2];
    p.t = args.t;
    p.u = args.u;
    p.d = args.d;
    p.cross = args.cross;
    loss_pass(p, scratch, args.gram, args.slope, args.mixed, args.scalars, ex);
}

}  // namespace

const SketchRowsKernels sketch_rows_kernels = {&single_scratch, &single,       &pick, &lewis_scratch,
                                               &lewis,          &loss_scratch, &loss};

}  // namespace kriss::tables::KRISS_ISA
