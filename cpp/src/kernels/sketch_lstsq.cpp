#include "sketch_lstsq_kernels.hpp"

#include "kriss/sketch/csr_pass.hpp"
#include "kriss/sketch/extended.hpp"

namespace kriss::tables::KRISS_ISA {
namespace {

index_t extended_size(index_t m, index_t n, index_t nrhs) {
    return tall_slots(m, n, false) * extended_scratch(n, nrhs);
}

template <class In>
void extended(const ExtendedArgs<In>& args, const Executor& ex) {
    ExtendedProblem<In> p;
    p.a = args.a;
    p.b = args.b;
    p.scale = args.scale;
    p.bscale = args.bscale;
    p.z_high = args.z_high;
    p.z_low = args.z_low;
    TallSlots slots;
    slots.count = tall_slots(args.a.rows, args.a.cols, false);
    slots.per_slot = extended_scratch(args.a.cols, args.b.cols);
    slots.data = args.scratch;
    extended_pass(p, slots, args.g_high, args.g_low, args.rr, ex);
}

index_t csr_size(index_t m, index_t n, index_t nnz, index_t nrhs) {
    return csr_slots(m, n, nnz) * csr_scratch(n, nrhs);
}

template <class I>
void csr(const CsrView<double, I>& a, const CsrPassArgs& args, const Executor& ex) {
    CsrPass p;
    p.b = args.b;
    p.bscale = args.bscale;
    p.y_high = args.y_high;
    p.y_low = args.y_low;
    TallSlots slots;
    slots.count = csr_slots(a.rows, a.cols, static_cast<index_t>(a.indptr[a.rows]));
    slots.per_slot = csr_scratch(a.cols, args.b.cols);
    slots.data = args.scratch;
    csr_pass(a, p, slots, args.g_high, args.g_low, args.rr, ex);
}

}  // namespace

const SketchLstsqKernels sketch_lstsq_kernels = {
    &extended_size, &extended<double>, &extended<float>, &csr_size, &csr<std::int32_t>, &csr<std::int64_t>,
};

}  // namespace kriss::tables::KRISS_ISA
