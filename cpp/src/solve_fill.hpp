// Incomplete factorisations with fill in memory that grows, and two triangles as a preconditioner object.
#pragma once

#include <mutex>
#include <vector>

#include "kriss/solve/triangular.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"
#include "solve_native.hpp"

namespace kriss {

// Strict rows of a triangle.
template <class T, class I>
struct StrictRows {
    std::vector<I> indptr;
    std::vector<I> indices;
    std::vector<T> data;
};

// U of ICT, root its diagonal; L and U of ILUT, inverse that of U's diagonal. Options and statuses:
// kriss/solve/fill.hpp; out_of_range means here that the factors have more entries than I can count.
struct FillOptions;
template <class T, class I>
Info ict(const CsrView<T, I>& a, const I* where, const FillOptions& opt, StrictRows<T, I>& u, std::vector<T>& root,
         const Executor& ex);
template <class T, class I>
Info ilut(const CsrView<T, I>& a, const FillOptions& opt, StrictRows<T, I>& l, StrictRows<T, I>& u,
          std::vector<T>& inverse, const Executor& ex);

// Rows of a triangle sorted by level, made where they pay: large triangles with wide levels on many threads. Levels
// visit the rows out of the order in which memory holds them, which costs more than a second thread brings.
template <class T, class I>
class TriangleSolver {
   public:
    explicit TriangleSolver(const TriangleView<T, I>& a) : a_(a) {}
    index_t rows() const { return a_.strict.rows; }
    // z = T^-1 r; r may be z. Not from two threads at once.
    void solve(const T* r, T* z, const Executor& ex);
    std::size_t nbytes() const;

    static constexpr index_t parallel_rows = 100'000;
    static constexpr int parallel_threads = 4;
    static constexpr index_t wide = 1024;  // rows to a level

   private:
    void plan(const Executor& ex);

    TriangleView<T, I> a_;
    bool planned_ = false;
    bool by_levels_ = false;
    std::vector<I> order_;
    std::vector<I> need_;
    StrictRows<T, I> sorted_;
    std::vector<index_t> done_;
    LevelView<T, I> view_;
};

// z = Q' U^-1 L^-1 P r over arrays that somebody else keeps. rows[i]: the place of r_i before the first solve;
// columns[i]: that of z_i after the second; null: i.
template <class T, class I>
class Factors : public NativePrecond<T> {
   public:
    Factors(const TriangleView<T, I>& first, const TriangleView<T, I>& second, const I* rows, const I* columns);
    index_t size() const override { return first_.rows(); }
    double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) override;
    std::size_t nbytes() const { return first_.nbytes() + second_.nbytes() + room_.size() * sizeof(T); }

   private:
    std::mutex busy_;
    TriangleSolver<T, I> first_;
    TriangleSolver<T, I> second_;
    const I* rows_;
    const I* columns_;
    std::vector<T> room_;
};

}  // namespace kriss
