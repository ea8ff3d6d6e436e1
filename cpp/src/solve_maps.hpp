// Block matrices and stencils on grids as linear maps of the solvers, and conjugate gradients over any map.
#pragma once

#include <memory>
#include <vector>

#include "solve.hpp"
#include "solve_krylov.hpp"
#include "solve_maps_kernels.hpp"
#include "solve_native.hpp"

namespace kriss {

template <class T, class I>
class BlockMap : public LinearMap<T> {
   public:
    explicit BlockMap(const BlockView<T, I>& a) : a_(a) {}
    bool apply(const T* x, T* y, const Executor& ex) override {
        block_kernels<T, I>().matvec(a_, x, y, ex);
        return true;
    }
    double apply_dot(const T* x, T* y, double* part, const Executor& ex) override {
        return block_kernels<T, I>().apply_dot(&a_, x, y, part, ex);
    }
    bool apply_panel(int width, const T* x, T* y, const Executor& ex) override {
        const auto run = block_kernels<T, I>().panel[panel_at(width)];
        if (run != nullptr) {
            run(a_, x, y, ex);
        }
        return run != nullptr;
    }
    index_t size() const override { return a_.rows(); }
    int storage() const override { return -static_cast<int>(a_.high); }
    index_t entries() const override { return a_.indptr[a_.lines] * a_.high * a_.wide; }
    index_t product_bytes() const override {
        return entries() * static_cast<index_t>(sizeof(T)) +
               (a_.indptr[a_.lines] + a_.lines + 1) * static_cast<index_t>(sizeof(I));
    }

   private:
    BlockView<T, I> a_;
};

template <class T>
class GridMap : public LinearMap<T> {
   public:
    // arrays: distinct arrays of coefficients, for the count of bytes
    GridMap(const GridStencil<T>& g, index_t arrays) : g_(g), arrays_(arrays) {}
    bool apply(const T* x, T* y, const Executor& ex) override {
        map_kernels<T>().grid.matvec(g_, x, y, ex);
        return true;
    }
    double apply_dot(const T* x, T* y, double* part, const Executor& ex) override {
        return map_kernels<T>().grid.matvec_dot(g_, x, y, part, ex);
    }
    bool apply_panel(int width, const T* x, T* y, const Executor& ex) override {
        const auto run = map_kernels<T>().grid.panel[panel_at(width)];
        if (run != nullptr) {
            run(g_, x, y, ex);
        }
        return run != nullptr;
    }
    index_t size() const override { return g_.rows(); }
    index_t entries() const override { return g_.rows() * g_.count; }
    index_t product_bytes() const override { return arrays_ * g_.rows() * static_cast<index_t>(sizeof(T)); }
    const GridStencil<T>& stencil() const { return g_; }

   private:
    GridStencil<T> g_;
    index_t arrays_;
};

// SSOR or an incomplete factorisation of a stencil (solve/grid_sweep.hpp).
template <class T>
class GridSweeps : public NativePrecond<T> {
   public:
    GridSweeps(const GridStencil<T>& g, const T* inverse, T omega) : g_(g), inverse_(inverse), omega_(omega) {}
    index_t size() const override { return g_.rows(); }
    double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) override;

   private:
    GridStencil<T> g_;
    const T* inverse_;
    T omega_;
};

// Conjugate gradients over maps. inverse: (n) Jacobi or null; m: any other preconditioner or null.
template <class T>
CgOutcome solve_cg_map(LinearMap<T>& a, const T* b, T* x, const T* inverse, LinearMap<T>* m, const CgProblem& problem,
                       const Executor& ex);

}  // namespace kriss
