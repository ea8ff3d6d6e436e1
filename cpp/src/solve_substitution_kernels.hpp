// Substitution with stored triangles, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/substitution.hpp"

namespace kriss {

struct SolveSubstitutionKernels {
    Info (*f32_i32)(const StoredTriangle<float, std::int32_t>& a, index_t k, float* x, const Executor& ex);
    Info (*f32_i64)(const StoredTriangle<float, std::int64_t>& a, index_t k, float* x, const Executor& ex);
    Info (*f64_i32)(const StoredTriangle<double, std::int32_t>& a, index_t k, double* x, const Executor& ex);
    Info (*f64_i64)(const StoredTriangle<double, std::int64_t>& a, index_t k, double* x, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveSubstitutionKernels, solve_substitution_kernels)
