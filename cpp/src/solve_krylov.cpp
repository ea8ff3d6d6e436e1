#include "solve_krylov.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "solve.hpp"
#include "solve_kernels.hpp"
#include "solve_maps_kernels.hpp"

namespace kriss {

template <class T>
double LinearMap<T>::apply_dot(const T* x, T* y, double* part, const Executor& ex) {
    if (!apply(x, y, ex)) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    if constexpr (ScalarTraits<T>::is_complex) {
        return 0.0;
    } else {
        return cg_kernels<T>().dot(size(), x, y, part, ex);
    }
}

template <class T, class I>
CsrMap<T, I>::CsrMap(const CsrView<T, I>& a, bool by_diagonal) : a_(a) {
    if constexpr (!ScalarTraits<T>::is_complex) {
        if (by_diagonal) {
            choose_storage(a, diagonals_, blocks_);
        }
        if (diagonals_.used()) {
            part_.resize(static_cast<std::size_t>(chunk_count(a.rows)));
        }
    } else if (by_diagonal) {
        blocks_ = by_blocks(a);
    }
}

template <class T, class I>
bool CsrMap<T, I>::apply(const T* x, T* y, const Executor& ex) {
    if constexpr (!ScalarTraits<T>::is_complex) {
        if (diagonals_.used()) {
            cg_kernels<T>().diagonal_apply_dot(&diagonals_.view, x, y, part_.data(), ex);
            return true;
        }
    }
    if (blocks_.used()) {
        block_kernels<T, I>().matvec(blocks_.view, x, y, ex);
        return true;
    }
    if constexpr (sizeof(I) == 4) {
        pass_kernels<T>().csr_i32(a_, x, y, ex);
    } else {
        pass_kernels<T>().csr_i64(a_, x, y, ex);
    }
    return true;
}

template <class T, class I>
RowsMap<T> CsrMap<T, I>::rows() {
    if (blocks_.used()) {
        return {};
    }
    if (diagonals_.used()) {
        reach_ = diagonals_.view.halo;
    } else if (reach_ < 0) {
        for (index_t i = 0; i < a_.rows; ++i) {
            for (index_t k = a_.indptr[i]; k < a_.indptr[i + 1]; ++k) {
                reach_ = std::max(reach_, std::abs(static_cast<index_t>(a_.indices[k]) - i));
            }
        }
    }
    return {this,
            [](void* self, const T* x, T* y, index_t begin, index_t end) {
                const CsrMap& map = *static_cast<const CsrMap*>(self);
                const PassKernels<T>& k = pass_kernels<T>();
                if constexpr (!ScalarTraits<T>::is_complex) {
                    if (map.diagonals_.used()) {
                        k.diagonal_rows(map.diagonals_.view, x, y, begin, end);
                        return;
                    }
                }
                if constexpr (sizeof(I) == 4) {
                    k.csr_rows_i32(map.a_, x, y, begin, end);
                } else {
                    k.csr_rows_i64(map.a_, x, y, begin, end);
                }
            },
            reach_};
}

template <class T>
ArnoldiRoom<T>::ArnoldiRoom(LinearMap<T>& a, index_t steps, int k) {
    const auto m = static_cast<std::size_t>(steps);
    const auto all = m + static_cast<std::size_t>(k);
    triangle.resize(m * (m + 1));
    rotation.resize(2 * m);
    g.resize(m + 1);
    y.resize(m);
    dots.resize(2 * (2 * all + 1));
    part.resize(static_cast<std::size_t>(chunk_count(a.size())) *
                static_cast<std::size_t>(delayed_columns(static_cast<int>(all))));
    list.resize(all + 1);
    cross.resize((all + 1) * (all + 1));
    cycle.steps = steps;
    cycle.k = k;
    cycle.triangle = triangle.data();
    cycle.rotation = rotation.data();
    cycle.g = g.data();
    cycle.y = y.data();
    cycle.part = part.data();
    cycle.cross = cross.data();
    cycle.rows = a.rows();
    cycle.products = pass_kernels<T>().delayed_products;
    cycle.update = pass_kernels<T>().delayed_update;
    cycle.step = pass_kernels<T>().delayed_step;
}

template <class T>
Vectors<T>::Vectors(index_t n, index_t halo, int count) {
    const index_t pad = whole_lines<T>(halo);
    index_t step = whole_lines<T>(n) + pad;
    // Vectors whose distance is a multiple of large powers of two meet in the same few sets of the caches: four of them
    // share a page instead.
    constexpr index_t page = 4096 / static_cast<index_t>(sizeof(T));
    if (step >= 4 * page) {
        step += ((page / 4 - step) % page + page) % page;
    }
    work_ = aligned<T>(pad + step * count);
    // Only the zeros between the vectors: a vector is written before it is read.
    for (int i = 0; i < count; ++i) {
        T* const v = work_.get() + pad + step * i;
        at_.push_back(v);
        std::fill(v - pad, v, T{});
        std::fill(v + n, v + step, T{});
    }
}

template <class T>
Bench<T>::Bench(LinearMap<T>& a, LinearMap<T>* m, const Executor& executor) {
    const auto apply = [](void* self, const T* x, T* y, const Executor& exe) {
        return static_cast<LinearMap<T>*>(self)->apply(x, y, exe);
    };
    context.n = a.size();
    ex = for_size(executor, std::max(a.entries(), 4 * a.size()));
    context.A = {&a, apply};
    if (m != nullptr) {
        context.M = {m, apply};
        context.diagonal = m->diagonal();
    }
    context.fused = pass_kernels<T>().fused;
    part.resize(static_cast<std::size_t>(chunk_count(context.n)) * (max_terms + 1));
    context.part = part.data();
    context.ex = &ex;
}

#define KRISS_INSTANTIATE(T)                                                                                           \
    template class LinearMap<T>;                                                                                       \
    template class CsrMap<T, std::int32_t>;                                                                            \
    template class CsrMap<T, std::int64_t>;                                                                            \
    template class Vectors<T>;                                                                                         \
    template struct ArnoldiRoom<T>;                                                                                    \
    template struct Bench<T>;

KRISS_INSTANTIATE(float)
KRISS_INSTANTIATE(double)
KRISS_INSTANTIATE(Cplx<float>)
KRISS_INSTANTIATE(Cplx<double>)

}  // namespace kriss
