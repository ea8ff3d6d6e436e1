// Polynomials in a matrix as preconditioner objects: numerics in kriss/solve/polynomial.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "kriss/executor.hpp"
#include "kriss/solve/polynomial.hpp"
#include "kriss/view.hpp"
#include "solve_native.hpp"
#include "solve_storage.hpp"

namespace kriss {

enum class PolyForm : int { chebyshev = 0, horner = 1, roots = 2 };

// One row of the table that a polynomial is made of:
//     chebyshev   z_(k+1) = row[0] z_k + row[1] z_(k-1) + row[2] D^-1 (r - A z_k),  z_0 = start D^-1 r, z_(-1) = 0
//     horner      z_(k+1) = r - row[0] A z_k,  z_0 = r, the last one times start
//     roots       a root row[0] + i row[1] of 1 - t p(t); of a pair of conjugates one
using PolyRow = std::array<double, 3>;

// The polynomial without its matrix.
template <class T>
class PolynomialBase : public NativePrecond<T> {
   public:
    PolynomialBase(index_t n, PolyForm form, double start, std::vector<PolyRow> rows, const T* d);

    index_t size() const override { return n_; }
    double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) override;
    index_t scratch_bytes() const;
    virtual int diagonals() const = 0;
    virtual index_t nbytes() const = 0;

   protected:
    virtual index_t halo() const = 0;
    virtual index_t entries() const = 0;
    virtual double step(const PolyStep<T>& s, double* part, const Executor& ex) const = 0;

   private:
    struct Run;
    double chebyshev(Run& run);
    double horner(Run& run);
    double roots(Run& run);
    void make_room();

    index_t n_;
    PolyForm form_;
    double start_;
    std::vector<PolyRow> rows_;
    const T* d_;  // (n) or null
    std::mutex busy_;
    Aligned<T> work_;
    T* room_[3] = {};  // vectors between zeros
};

// Over a CSR matrix that somebody else owns, copied by diagonals where that pays.
template <class T, class I>
class Polynomial final : public PolynomialBase<T> {
   public:
    Polynomial(const CsrView<T, I>& a, PolyForm form, double start, std::vector<PolyRow> rows, const T* d)
        : PolynomialBase<T>(a.rows, form, start, std::move(rows), d), a_(a), diagonals_(by_diagonals(a)) {}
    int diagonals() const override { return diagonals_.view.count; }
    index_t nbytes() const override {
        return this->scratch_bytes() + diagonals_.stored * static_cast<index_t>(sizeof(T));
    }

   protected:
    index_t halo() const override { return diagonals_.view.halo; }
    index_t entries() const override { return a_.indptr[a_.rows]; }
    double step(const PolyStep<T>& s, double* part, const Executor& ex) const override;

   private:
    CsrView<T, I> a_;
    Diagonals<T> diagonals_;
};

}  // namespace kriss
