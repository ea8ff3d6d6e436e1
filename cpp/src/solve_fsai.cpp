#include "solve_fsai.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "solve_fsai_kernels.hpp"
#include "solve_kernels.hpp"

namespace kriss {

namespace {

constexpr index_t fsai_grain = 512;  // rows to a task

}  // namespace

template <class T, class I>
Info fsai(const CsrView<T, I>& a, const I* g_indptr, const I* g_indices, T* g, index_t* column, const Executor& ex) {
    const index_t n = a.rows;
    index_t longest = 0;
    for (index_t i = 0; i < n; ++i) {
        longest = std::max<index_t>(longest, g_indptr[i + 1] - g_indptr[i]);
    }
    const T tau = T(4) * std::numeric_limits<T>::epsilon();
    std::vector<index_t> bad(static_cast<std::size_t>((n + fsai_grain - 1) / fsai_grain), -1);
    std::vector<index_t> pivot(bad.size(), -1);
    ex.parallel_for(n, fsai_grain, [&](index_t begin, index_t end) {
        const auto task = static_cast<std::size_t>(begin / fsai_grain);
        std::vector<T> room(static_cast<std::size_t>(longest * longest));
        bad[task] = fsai_kernels<T, I>().rows(a, g_indptr, g_indices, begin, end, tau, room.data(), g, &pivot[task]);
    });
    for (std::size_t k = 0; k < bad.size(); ++k) {
        if (bad[k] >= 0) {
            *column = pivot[k];
            return {Status::not_positive_definite, bad[k]};
        }
    }
    return {};
}

template <class T, class I>
double Products<T, I>::apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) {
    const std::lock_guard lock(busy_);
    csr_kernels<T, I>().matvec(first_, r, room_.data(), ex);
    return fsai_kernels<T, I>().second(second_, room_.data(), extra_, r, scale, z, part, ex);
}

#define KRISS_INVERSES(T, I)                                                                                           \
    template Info fsai<T, I>(const CsrView<T, I>&, const I*, const I*, T*, index_t*, const Executor&);                 \
    template class Products<T, I>;
KRISS_INVERSES(float, std::int32_t)
KRISS_INVERSES(float, std::int64_t)
KRISS_INVERSES(double, std::int32_t)
KRISS_INVERSES(double, std::int64_t)
#undef KRISS_INVERSES

}  // namespace kriss
