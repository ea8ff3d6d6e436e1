#include "sketch_kernels.hpp"

#include "kriss/sketch/dense.hpp"
#include "kriss/sketch/sparse_sign_apply.hpp"
#include "kriss/sketch/tall.hpp"

namespace kriss::tables::KRISS_ISA {
namespace {

index_t tall_scratch_size(index_t m, index_t n, index_t nrhs, bool want_gram, bool precond) {
    return tall_slots(m, n, want_gram) * tall_scratch(n, nrhs, want_gram, precond);
}

template <class In>
void tall(const TallArgs<In>& args, const Executor& ex) {
    TallProblem<In> p;
    p.a = args.a;
    p.b = args.b;
    p.scale = args.scale;
    p.bscale = args.bscale;
    p.z = args.z;
    p.precond = args.precond;
    p.want_gram = args.gram != nullptr;
    TallSlots slots;
    slots.count = tall_slots(args.a.rows, args.a.cols, p.want_gram);
    slots.per_slot = tall_scratch(args.a.cols, args.b.cols, p.want_gram, args.precond != nullptr);
    slots.data = args.scratch;
    tall_pass(p, slots, args.gram, args.g, args.rr, ex);
}

void dense_scratch_size(index_t n, index_t d, int zeta, int workers, index_t* scratch, index_t* offsets) {
    const SketchPlan plan = sketch_plan(n, zeta, workers);
    *scratch = sketch_scratch(plan, d, zeta);
    *offsets = sketch_offsets(plan, zeta);
}

template <class In, class Out>
void dense(const View2<const In>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset, Out* out,
           Out* scratch, std::int64_t* offsets, const Executor& ex) {
    sparse_sign_dense(a, seed, d, zeta, row_offset, out, sketch_plan(a.cols, zeta, ex.workers), scratch, offsets, ex);
}

}  // namespace

const SketchKernels sketch_kernels = {
    &tall_scratch_size,
    &tall<double>,
    &tall<float>,
    &dense_scratch_size,
    &dense<double, double>,
    &dense<float, float>,
    &dense<float, double>,
    &sparse_sign_csr<double, std::int32_t, double>,
    &sparse_sign_csr<double, std::int64_t, double>,
    &sparse_sign_csr<float, std::int32_t, float>,
    &sparse_sign_csr<float, std::int64_t, float>,
    &householder_r,
    &cholesky_upper,
    &solve_upper,
    &multiply_upper,
    &jacobi_rows,
    &sparse_sign_entries,
};

}  // namespace kriss::tables::KRISS_ISA
