// Kernels of the dense sketches and the random features, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Plain mirrors of the structs in kriss/sketch/*.hpp, which differ in name from level to level.
template <class T>
struct FwhtArgs {
    T* data;
    index_t outer, n, inner;
    index_t outer_stride, stride, inner_stride;
    T scale;
    index_t tasks;
    T* spaces;  // (tasks, fwht_space)
};

template <class T>
struct SrhtArgs {
    std::uint64_t seed;
    index_t d, tile;
    const std::int32_t* place;
    const std::int32_t* row;
    index_t row_offset;
    T* out;
    index_t tasks, round;
    T* spaces;         // (tasks, srht_space)
    T* parts;          // (round, strips, d, 8)
    index_t* cursors;  // (round, tile), CSR only
};

template <class T>
struct FeatureArgs {
    const T* inverse;
    index_t p;
    const T* signs;
    const T* stretch;
    index_t frequencies;
    int map;
    T unit;
    T* out;
    index_t tasks;
    T* works;  // (tasks, 2 p)
};

template <class T>
struct TransformKernels {
    void (*fwht)(const FwhtArgs<T>& args, const Executor& ex);
    void (*srht_dense)(const View2<const T>& a, const SrhtArgs<T>& args, const Executor& ex);
    void (*srht_csr_i32)(const CsrView<T, std::int32_t>& a, const SrhtArgs<T>& args, const Executor& ex);
    void (*srht_csr_i64)(const CsrView<T, std::int64_t>& a, const SrhtArgs<T>& args, const Executor& ex);
    void (*gaussian_dense)(const View2<const T>& a, std::uint64_t seed, index_t d, index_t row_offset, T* out,
                           T* spaces, const Executor& ex);
    void (*gaussian_csr_i32)(const CsrView<T, std::int32_t>& a, std::uint64_t seed, index_t d, index_t row_offset,
                             T* out, T* spaces, const Executor& ex);
    void (*gaussian_csr_i64)(const CsrView<T, std::int64_t>& a, std::uint64_t seed, index_t d, index_t row_offset,
                             T* out, T* spaces, const Executor& ex);
    void (*random_features)(const View2<const T>& x, const FeatureArgs<T>& args, const Executor& ex);
    void (*scatter_rows)(const View2<const T>& a, const std::int64_t* place, const std::int64_t* minus, double* out,
                         const Executor& ex);
    void (*vector_signs)(std::uint64_t seed, index_t which, index_t count, T* out);
};

struct SketchTransformKernels {
    TransformKernels<float> single;
    TransformKernels<double> real;
    index_t (*fwht_space)(index_t n);
    index_t (*srht_space)(index_t d, index_t tile);
    index_t (*srht_round)(index_t cols, index_t tiles, index_t tasks);
    index_t (*gaussian_space)();
    void (*row_signs)(std::uint64_t seed, index_t first, index_t count, double* out);
    void (*random_keys)(std::uint64_t seed, std::uint64_t stream, index_t count, std::uint64_t* out);
    void (*gaussian_entries)(std::uint64_t seed, index_t d, index_t i0, index_t m, double* out);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SketchTransformKernels, sketch_transform_kernels)
