#include "sketch_transform_kernels.hpp"

#include "kriss/sketch/fwht.hpp"
#include "kriss/sketch/gaussian.hpp"
#include "kriss/sketch/random_features.hpp"
#include "kriss/sketch/scatter.hpp"
#include "kriss/sketch/srht.hpp"

namespace kriss::tables::KRISS_ISA {
namespace {

template <class T>
void fwht(const FwhtArgs<T>& a, const Executor& ex) {
    fwht_batch(FwhtBatch<T>{a.data, a.outer, a.n, a.inner, a.outer_stride, a.stride, a.inner_stride, a.scale}, a.tasks,
               a.spaces, ex);
}

template <class T>
Srht<T> srht(const SrhtArgs<T>& args) {
    return {args.seed,  args.d,   args.tile,
            args.place, args.row, static_cast<T>(1.0 / std::sqrt(static_cast<double>(args.d)))};
}

template <class T>
void dense(const View2<const T>& a, const SrhtArgs<T>& args, const Executor& ex) {
    srht_dense(a, srht(args), args.row_offset, args.out, args.tasks, args.round, args.spaces, args.parts, ex);
}

template <class T, class I>
void sparse(const CsrView<T, I>& a, const SrhtArgs<T>& args, const Executor& ex) {
    srht_csr(a, srht(args), args.row_offset, args.out, args.round, args.cursors, args.spaces, args.parts, ex);
}

template <class T>
void features(const View2<const T>& x, const FeatureArgs<T>& a, const Executor& ex) {
    random_features(x, a.inverse, a.p, a.signs, a.stretch, a.frequencies,
                    FeatureRules<T>{static_cast<FeatureMap>(a.map), a.unit}, a.out, a.tasks, a.works, ex);
}

template <class T>
void signs(std::uint64_t seed, index_t which, index_t count, T* out) {
    vector_signs(seed, which, count, out);
}

template <class T>
constexpr TransformKernels<T> kernels() {
    return {&fwht<T>,
            &dense<T>,
            &sparse<T, std::int32_t>,
            &sparse<T, std::int64_t>,
            &gaussian_dense<T>,
            &gaussian_csr<T, std::int32_t>,
            &gaussian_csr<T, std::int64_t>,
            &features<T>,
            &scatter_rows<T, double>,
            &signs<T>};
}

index_t batch_space(index_t n) { return fwht_space(n); }
index_t tile_space(index_t d, index_t tile) { return srht_space(d, tile); }
index_t tile_round(index_t cols, index_t tiles, index_t tasks) { return srht_round(cols, tiles, tasks); }
index_t normal_space() { return gaussian_space(); }
void all_row_signs(std::uint64_t seed, index_t first, index_t count, double* out) {
    row_signs(seed, first, count, out);
}
void keys(std::uint64_t seed, std::uint64_t stream, index_t count, std::uint64_t* out) {
    random_keys(seed, stream, count, out);
}

}  // namespace

const SketchTransformKernels sketch_transform_kernels = {
    kernels<float>(), kernels<double>(), &batch_space, &tile_space,       &tile_round,
    &normal_space,    &all_row_signs,    &keys,        &gaussian_entries,
};

}  // namespace kriss::tables::KRISS_ISA
