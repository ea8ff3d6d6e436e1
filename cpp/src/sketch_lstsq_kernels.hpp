// Passes of the least-squares solvers beside those of sketch_kernels.hpp, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Plain mirrors of the structs in kriss/sketch/{extended,csr_pass}.hpp, which differ in name from level to level.
template <class In>
struct ExtendedArgs {
    View2<const In> a, b;
    const double *scale, *bscale, *z_high, *z_low;
    double *g_high, *g_low, *rr;
    double* scratch;  // of extended_size numbers
};

struct CsrPassArgs {
    View2<const double> b;
    const double *bscale, *y_high, *y_low;  // y_low null: plain
    double *g_high, *g_low, *rr;
    double* scratch;  // of csr_size numbers
};

struct SketchLstsqKernels {
    index_t (*extended_size)(index_t m, index_t n, index_t nrhs);
    void (*extended_d)(const ExtendedArgs<double>& args, const Executor& ex);
    void (*extended_f)(const ExtendedArgs<float>& args, const Executor& ex);
    index_t (*csr_size)(index_t m, index_t n, index_t nnz, index_t nrhs);
    void (*csr_i)(const CsrView<double, std::int32_t>& a, const CsrPassArgs& args, const Executor& ex);
    void (*csr_l)(const CsrView<double, std::int64_t>& a, const CsrPassArgs& args, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SketchLstsqKernels, sketch_lstsq_kernels)
