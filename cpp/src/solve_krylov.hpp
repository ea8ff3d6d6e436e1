// Linear operators that the Krylov loops multiply by, and the work space of the loops.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kriss/executor.hpp"
#include "kriss/solve/arnoldi.hpp"
#include "kriss/solve/bicgstab.hpp"
#include "kriss/solve/fcg.hpp"
#include "kriss/solve/loop.hpp"
#include "kriss/solve/minres.hpp"
#include "kriss/view.hpp"
#include "solve_krylov_kernels.hpp"
#include "solve_native.hpp"
#include "solve_storage.hpp"

namespace kriss {

template <class T>
class LinearMap {
   public:
    LinearMap() = default;
    LinearMap(const LinearMap&) = delete;
    LinearMap& operator=(const LinearMap&) = delete;
    virtual ~LinearMap() = default;

    // y = F x, x between halo() zeros; false if a callable has raised
    virtual bool apply(const T* x, T* y, const Executor& ex) = 0;
    virtual index_t size() const = 0;
    virtual index_t halo() const { return 0; }
    // How the coefficients are kept: k > 0 diagonals, -b for b x b blocks, 0 otherwise.
    virtual int storage() const { return 0; }
    // Bytes of coefficients and indices read per product, 0 if unknown.
    virtual index_t product_bytes() const { return 0; }
    // y = F x; returns x'y for real numbers (NaN if a callable has raised).  part: (chunk_count(n)) scratch
    virtual double apply_dot(const T* x, T* y, double* part, const Executor& ex);
    // Y = F X on panels (n, width) of 1, 2, 4 or 8 columns; false if the map has no such form.
    virtual bool apply_panel(int /*width*/, const T* /*x*/, T* /*y*/, const Executor& /*ex*/) { return false; }
    // Entries read per product: what decides whether threads pay.
    virtual index_t entries() const { return size(); }
    // (n) what it multiplies item by item, if that is all it does
    virtual const T* diagonal() const { return nullptr; }
    // The same product by rows, from any worker; apply is null if the map has no such form.
    virtual RowsMap<T> rows() { return {}; }
    // Throws again what a callable threw.
    virtual void rethrow() {}
};

// A CSR matrix that somebody else owns, by diagonals or by blocks where that pays.
template <class T, class I>
class CsrMap : public LinearMap<T> {
   public:
    CsrMap(const CsrView<T, I>& a, bool by_diagonal);
    bool apply(const T* x, T* y, const Executor& ex) override;
    index_t size() const override { return a_.rows; }
    index_t halo() const override { return diagonals_.view.halo; }
    int storage() const override { return diagonals_.used() ? diagonals_.view.count : blocks_.storage(); }
    index_t entries() const override { return a_.indptr[a_.rows]; }
    RowsMap<T> rows() override;

   private:
    CsrView<T, I> a_;
    Diagonals<T> diagonals_;
    Blocks<T, I> blocks_;
    std::vector<double> part_;
    index_t reach_ = -1;
};

template <class T>
class DiagonalMap : public LinearMap<T> {
   public:
    DiagonalMap(const T* d, index_t n) : d_(d), n_(n) {}
    bool apply(const T* x, T* y, const Executor& ex) override {
        pass_kernels<T>().scale(n_, d_, x, y, ex);
        return true;
    }
    index_t size() const override { return n_; }
    const T* diagonal() const override { return d_; }

   private:
    const T* d_;
    index_t n_;
};

// A preconditioner object, kept alive by the map.
template <class T>
class NativeMap : public LinearMap<T> {
   public:
    NativeMap(std::shared_ptr<NativePrecond<T>> object, T scale)
        : object_(std::move(object)),
          scale_(scale),
          part_(static_cast<std::size_t>(chunk_count(object_->size())) + 1) {}
    bool apply(const T* x, T* y, const Executor& ex) override {
        object_->apply_dot(x, y, scale_, part_.data(), ex);
        return true;
    }
    index_t size() const override { return object_->size(); }

   private:
    std::shared_ptr<NativePrecond<T>> object_;
    T scale_;
    std::vector<double> part_;
};

// `count` vectors of n items, each between `halo` zeros and on a cache line.
template <class T>
class Vectors {
   public:
    Vectors(index_t n, index_t halo, int count);
    T* operator[](int i) const { return at_[static_cast<std::size_t>(i)]; }
    T* const* data() const { return at_.data(); }

   private:
    Aligned<T> work_;
    std::vector<T*> at_;
};

// What a cycle of GMRES needs beside its vectors: small arrays, the passes, A by rows.
// z, c: null or as in ArnoldiCycle
template <class T>
struct ArnoldiRoom {
    ArnoldiCycle<T> cycle;
    std::vector<Wide<T>> triangle, rotation, g, y, dots, part;
    std::vector<const T*> list;
    std::vector<double> cross;

    ArnoldiRoom(LinearMap<T>& a, index_t steps, int k);
};

// A context over the two maps; `part` is owned here.
template <class T>
struct Bench {
    KrylovContext<T> context;
    Executor ex;
    std::vector<Wide<T>> part;

    // m: null for the identity
    Bench(LinearMap<T>& a, LinearMap<T>* m, const Executor& executor);
};

}  // namespace kriss
