#include "solve_factor_kernels.hpp"

#include "kriss/solve/eisenstat.hpp"
#include "kriss/solve/front_pivots.hpp"
#include "kriss/solve/incomplete.hpp"
#include "kriss/solve/triangular.hpp"
#include "kriss/solve/wavefront.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
const FrontView<T>& front(const void* self) {
    return *static_cast<const FrontView<T>*>(self);
}

template <class T, bool Deep>
void front_start_of(const void* self, const T* r, T* out, double* part, const Executor& ex) {
    front_forward<T, false, Deep>(front<T>(self), r, nullptr, out, part, ex);
}

template <class T, bool Deep>
void front_backward_of(const void* self, const T* r, T beta, T* p, T* t, const Executor& ex) {
    front_backward<T, true, Deep>(front<T>(self), r, beta, p, t, ex);
}

template <class T, bool Deep>
double front_forward_of(const void* self, const T* p, const T* t, T* q, double* part, const Executor& ex) {
    return front_forward<T, true, Deep>(front<T>(self), p, t, q, part, ex);
}

template <class T, bool Deep>
double front_norm_of(const void* self, const T* r, double* part, const Executor& ex) {
    return front_norm<T, Deep>(front<T>(self), r, part, ex);
}

template <class T, bool Deep>
EisenstatOps<T> front_ops_of(const FrontView<T>* view) {
    const index_t n = view->shape.size();
    const index_t strips = view->shape.strips() * view->shape.nz;
    const index_t chunks = chunk_count(n);
    return {n,
            strips > chunks ? strips : chunks,
            view,
            &front_start_of<T, Deep>,
            &front_backward_of<T, Deep>,
            &front_forward_of<T, Deep>,
            &front_norm_of<T, Deep>};
}

template <class T>
EisenstatOps<T> front_ops(const FrontView<T>* view) {
    return view->below != nullptr ? front_ops_of<T, true>(view) : front_ops_of<T, false>(view);
}

template <class T, class I>
const EisenstatRows<T, I>& rows(const void* self) {
    return *static_cast<const EisenstatRows<T, I>*>(self);
}

template <class T, class I>
void rows_start_of(const void* self, const T* r, T* out, double*, const Executor& ex) {
    rows_start(rows<T, I>(self), r, out, ex);
}

template <class T, class I>
void rows_backward_of(const void* self, const T* r, T beta, T* p, T* t, const Executor& ex) {
    rows_backward(rows<T, I>(self), r, beta, p, t, ex);
}

template <class T, class I>
double rows_forward_of(const void* self, const T* p, const T* t, T* q, double* part, const Executor& ex) {
    return rows_product(rows<T, I>(self), p, t, q, part, ex);
}

template <class T, class I>
double rows_norm_of(const void* self, const T* r, double* part, const Executor& ex) {
    return rows_norm(rows<T, I>(self), r, part, ex);
}

template <class T, class I>
EisenstatOps<T> rows_ops(const EisenstatRows<T, I>* view) {
    const index_t n = view->lower.rows;
    return {n,
            chunk_count(n),
            view,
            &rows_start_of<T, I>,
            &rows_backward_of<T, I>,
            &rows_forward_of<T, I>,
            &rows_norm_of<T, I>};
}

template <class T>
bool pivots_of(const PivotView<T>& a, T relax, T shift, T tau, T* pivot, unsigned char* sound, const Executor& ex) {
    return a.front.shape.nz > 1 ? front_pivots<T, true>(a, relax, shift, tau, pivot, sound, ex)
                                : front_pivots<T, false>(a, relax, shift, tau, pivot, sound, ex);
}

template <class T>
void scaled_of(const PivotView<T>& a, T unit, const T* pivot, const T* over, T* west, T* south, T* below, T* rest,
               const Executor& ex) {
    if (a.front.shape.nz > 1) {
        front_scaled<T, true>(a, unit, pivot, over, west, south, below, rest, ex);
    } else {
        front_scaled<T, false>(a, unit, pivot, over, west, south, below, rest, ex);
    }
}

template <class T>
constexpr FrontKernels<T> fronts() {
    return {&front_ops<T>, &eisenstat_cg<T>, &pivots_of<T>, &front_roots<T>, &scaled_of<T>};
}

template <class T, class I>
constexpr FactorKernels<T, I> factors() {
    return {&rows_ops<T, I>,    &first_triangle<T, I>, &mic_diagonal<T, I>,         &mic_factor<T, I>,
            &ilu0_factor<T, I>, &triangle_solve<T, I>, &triangle_solve_multi<T, I>, &triangle_levels<T, I>,
            &level_order<I>,    &level_rows<T, I>,     &level_needs<T, I>,          &triangle_solve_levels<T, I>};
}

}  // namespace

const SolveFactorKernels solve_factor_kernels = {
    fronts<float>(),
    fronts<double>(),
    factors<float, std::int32_t>(),
    factors<float, std::int64_t>(),
    factors<double, std::int32_t>(),
    factors<double, std::int64_t>(),
};

}  // namespace kriss::tables::KRISS_ISA
