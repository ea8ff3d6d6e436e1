// A table of BLAS and LAPACK entry points (Fortran calling convention, 32-bit integers), filled by whoever has them:
// the Python package takes them from SciPy (cpp/bindings/blas_pymod.cpp), a C++ user from any BLAS.
#pragma once

#include <array>

#include "kriss/config.hpp"

namespace kriss {

using blas_int = int;

// Column-major matrices throughout, as LAPACK has them. All arguments by pointer.
template <class T>
struct BlasTable {
    using I = blas_int;
    void (*gemm)(const char* ta, const char* tb, const I* m, const I* n, const I* k, const T* alpha, const T* a,
                 const I* lda, const T* b, const I* ldb, const T* beta, T* c, const I* ldc) = nullptr;
    void (*gemv)(const char* t, const I* m, const I* n, const T* alpha, const T* a, const I* lda, const T* x,
                 const I* incx, const T* beta, T* y, const I* incy) = nullptr;
    void (*syrk)(const char* uplo, const char* t, const I* n, const I* k, const T* alpha, const T* a, const I* lda,
                 const T* beta, T* c, const I* ldc) = nullptr;
    void (*symm)(const char* side, const char* uplo, const I* m, const I* n, const T* alpha, const T* a, const I* lda,
                 const T* b, const I* ldb, const T* beta, T* c, const I* ldc) = nullptr;
    void (*trsm)(const char* side, const char* uplo, const char* t, const char* diag, const I* m, const I* n,
                 const T* alpha, const T* a, const I* lda, T* b, const I* ldb) = nullptr;
    void (*trmm)(const char* side, const char* uplo, const char* t, const char* diag, const I* m, const I* n,
                 const T* alpha, const T* a, const I* lda, T* b, const I* ldb) = nullptr;
    void (*potrf)(const char* uplo, const I* n, T* a, const I* lda, I* info) = nullptr;
    void (*potri)(const char* uplo, const I* n, T* a, const I* lda, I* info) = nullptr;
    void (*potrs)(const char* uplo, const I* n, const I* nrhs, const T* a, const I* lda, T* b, const I* ldb,
                  I* info) = nullptr;
    void (*pocon)(const char* uplo, const I* n, const T* a, const I* lda, const T* anorm, T* rcond, T* work, I* iwork,
                  I* info) = nullptr;
    void (*trtri)(const char* uplo, const char* diag, const I* n, T* a, const I* lda, I* info) = nullptr;
    void (*trtrs)(const char* uplo, const char* t, const char* diag, const I* n, const I* nrhs, const T* a,
                  const I* lda, T* b, const I* ldb, I* info) = nullptr;
    void (*lauum)(const char* uplo, const I* n, T* a, const I* lda, I* info) = nullptr;
    void (*geqrf)(const I* m, const I* n, T* a, const I* lda, T* tau, T* work, const I* lwork, I* info) = nullptr;
    void (*ormqr)(const char* side, const char* t, const I* m, const I* n, const I* k, const T* a, const I* lda,
                  const T* tau, T* c, const I* ldc, T* work, const I* lwork, I* info) = nullptr;
    void (*gesdd)(const char* jobz, const I* m, const I* n, T* a, const I* lda, T* s, T* u, const I* ldu, T* vt,
                  const I* ldvt, T* work, const I* lwork, I* iwork, I* info) = nullptr;
    void (*gelsd)(const I* m, const I* n, const I* nrhs, T* a, const I* lda, T* b, const I* ldb, T* s, const T* rcond,
                  I* rank, T* work, const I* lwork, I* iwork, I* info) = nullptr;
    void (*syevd)(const char* jobz, const char* uplo, const I* n, T* a, const I* lda, T* w, T* work, const I* lwork,
                  I* iwork, const I* liwork, I* info) = nullptr;

    KRISS_ALWAYS_INLINE bool bound() const { return gemm != nullptr && syevd != nullptr; }
};

}  // namespace kriss
