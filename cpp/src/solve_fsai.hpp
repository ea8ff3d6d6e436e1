// Factorised approximate inverses, and two products in a row as a preconditioner object: numerics in
// kriss/solve/fsai.hpp.
#pragma once

#include <mutex>
#include <vector>

#include "kriss/status.hpp"
#include "kriss/view.hpp"
#include "solve_native.hpp"

namespace kriss {

// The entries g of the lower triangle G with this pattern, rows of which are sorted and end with the diagonal entry.
// not_positive_definite with the row whose block of A has an unsound pivot, `column` that of the pivot.
template <class T, class I>
Info fsai(const CsrView<T, I>& a, const I* g_indptr, const I* g_indices, T* g, index_t* column, const Executor& ex);

// z = S (F r) + e r over arrays that somebody else keeps; e: (n), or null.
template <class T, class I>
class Products : public NativePrecond<T> {
   public:
    Products(const CsrView<T, I>& first, const CsrView<T, I>& second, const T* extra)
        : first_(first), second_(second), extra_(extra), room_(static_cast<std::size_t>(first.rows)) {}
    index_t size() const override { return first_.rows; }
    double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) override;
    std::size_t nbytes() const { return room_.size() * sizeof(T); }

   private:
    std::mutex busy_;
    CsrView<T, I> first_;
    CsrView<T, I> second_;
    const T* extra_;
    std::vector<T> room_;
};

}  // namespace kriss
