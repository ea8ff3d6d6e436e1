// Kernels of the sketch family, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Plain mirrors of the structs in kriss/sketch/*.hpp, which differ in name from level to level.
template <class In>
struct TallArgs {
    View2<const In> a, b;
    const double *scale, *bscale, *z, *precond;
    double *gram, *g, *rr;  // gram null: not wanted
    double* scratch;        // of tall_scratch_size numbers
};

struct SketchKernels {
    index_t (*tall_scratch_size)(index_t m, index_t n, index_t nrhs, bool want_gram, bool precond);
    void (*tall_d)(const TallArgs<double>& args, const Executor& ex);
    void (*tall_f)(const TallArgs<float>& args, const Executor& ex);

    // Numbers of scratch (type Out) and of offsets (int64) for workers.
    void (*dense_scratch_size)(index_t n, index_t d, int zeta, int workers, index_t* scratch, index_t* offsets);
    void (*dense_dd)(const View2<const double>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                     double* out, double* scratch, std::int64_t* offsets, const Executor& ex);
    void (*dense_ff)(const View2<const float>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                     float* out, float* scratch, std::int64_t* offsets, const Executor& ex);
    void (*dense_fd)(const View2<const float>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                     double* out, double* scratch, std::int64_t* offsets, const Executor& ex);

    // Scratch and offsets: zeta * 64 numbers per block group, `blocks` groups.
    void (*csr_di)(const CsrView<double, std::int32_t>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                   double* out, int blocks, double* signs, std::int64_t* offsets, const Executor& ex);
    void (*csr_dl)(const CsrView<double, std::int64_t>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                   double* out, int blocks, double* signs, std::int64_t* offsets, const Executor& ex);
    void (*csr_fi)(const CsrView<float, std::int32_t>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                   float* out, int blocks, float* signs, std::int64_t* offsets, const Executor& ex);
    void (*csr_fl)(const CsrView<float, std::int64_t>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                   float* out, int blocks, float* signs, std::int64_t* offsets, const Executor& ex);

    // Small dense steps between the passes; kriss/sketch/dense.hpp.
    void (*householder_r)(index_t rows, index_t cols, index_t steps, double* a, double* work);
    index_t (*cholesky_upper)(index_t n, double* g);
    void (*solve_upper)(index_t n, index_t k, bool transposed, const double* u, double* b);
    void (*multiply_upper)(index_t n, index_t k, bool transposed, const double* u, const double* x, double* out);
    int (*jacobi_rows)(index_t n, double* a, double* s, double* work);

    void (*entries)(std::uint64_t seed, index_t d, int zeta, index_t row0, index_t m, std::int64_t* rows,
                    std::int8_t* signs);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SketchKernels, sketch_kernels)
