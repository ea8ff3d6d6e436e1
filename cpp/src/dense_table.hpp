// LAPACK for the small dense problems of the iterative solvers, beside the table of kriss/blas.hpp. Empty until the
// bindings fill it.
#pragma once

#include <type_traits>

#include "kriss/blas.hpp"
#include "kriss/solve/scalar.hpp"

namespace kriss {

// T is double or Cplx<double>: the two halves of LAPACK name and pass these differently. ormqr is unmqr of the complex
// half.
template <class T>
struct DenseTable {
    using I = blas_int;
    void (*geqrf)(const I* m, const I* n, T* a, const I* lda, T* tau, T* work, const I* lwork, I* info) = nullptr;
    void (*ormqr)(const char* side, const char* t, const I* m, const I* n, const I* k, const T* a, const I* lda,
                  const T* tau, T* c, const I* ldc, T* work, const I* lwork, I* info) = nullptr;
    void (*trtrs)(const char* uplo, const char* t, const char* diag, const I* n, const I* nrhs, const T* a,
                  const I* lda, T* b, const I* ldb, I* info) = nullptr;
    // real: eigenvalues wr + i wi; complex: w, and rwork of 2 n doubles
    using RealGeev = void (*)(const char* left, const char* right, const I* n, T* a, const I* lda, T* wr, T* wi, T* vl,
                              const I* ldvl, T* vr, const I* ldvr, T* work, const I* lwork, I* info);
    using ComplexGeev = void (*)(const char* left, const char* right, const I* n, T* a, const I* lda, T* w, T* vl,
                                 const I* ldvl, T* vr, const I* ldvr, T* work, const I* lwork, double* rwork, I* info);
    std::conditional_t<std::is_same_v<T, double>, RealGeev, ComplexGeev> geev = nullptr;
};

template <class T>
DenseTable<T>& dense_table();

template <>
DenseTable<double>& dense_table<double>();
template <>
DenseTable<Cplx<double>>& dense_table<Cplx<double>>();

}  // namespace kriss
