// The blocked factorisation over a plain BLAS written out here: what the library's blocks do is tested from Python.
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "kriss/gp/factor.hpp"

using namespace kriss;

namespace {

// Textbook routines for the argument combinations that factor.hpp uses; column-major.
template <class T>
struct Plain {
    using I = blas_int;
    static index_t at(I i, I j, I ld) { return static_cast<index_t>(i) + static_cast<index_t>(j) * ld; }

    static void gemm(const char* ta, const char* tb, const I* m, const I* n, const I* k, const T* alpha, const T* a,
                     const I* lda, const T* b, const I* ldb, const T* beta, T* c, const I* ldc) {
        for (I i = 0; i < *m; ++i) {
            for (I j = 0; j < *n; ++j) {
                T sum = 0;
                for (I p = 0; p < *k; ++p) {
                    sum += a[*ta == 'T' ? at(p, i, *lda) : at(i, p, *lda)] *
                           b[*tb == 'T' ? at(j, p, *ldb) : at(p, j, *ldb)];
                }
                c[at(i, j, *ldc)] = *alpha * sum + *beta * c[at(i, j, *ldc)];
            }
        }
    }
    static void syrk(const char*, const char* t, const I* n, const I* k, const T* alpha, const T* a, const I* lda,
                     const T* beta, T* c, const I* ldc) {
        for (I j = 0; j < *n; ++j) {
            for (I i = 0; i <= j; ++i) {
                T sum = 0;
                for (I p = 0; p < *k; ++p) {
                    sum += *t == 'T' ? a[at(p, i, *lda)] * a[at(p, j, *lda)] : a[at(i, p, *lda)] * a[at(j, p, *lda)];
                }
                c[at(i, j, *ldc)] = *alpha * sum + *beta * c[at(i, j, *ldc)];
            }
        }
    }
    // B <- alpha U^-T B, U^-1 B (side L) or B U^-1 (side R).
    static void trsm(const char* side, const char*, const char* t, const char*, const I* m, const I* n, const T* alpha,
                     const T* a, const I* lda, T* b, const I* ldb) {
        if (*side == 'L') {
            for (I j = 0; j < *n; ++j) {
                for (I s = 0; s < *m; ++s) {
                    const I i = *t == 'T' ? s : *m - 1 - s;
                    T sum = *alpha * b[at(i, j, *ldb)];
                    for (I p = 0; p < s; ++p) {
                        const I q = *t == 'T' ? p : *m - 1 - p;
                        sum -= a[*t == 'T' ? at(q, i, *lda) : at(i, q, *lda)] * b[at(q, j, *ldb)];
                    }
                    b[at(i, j, *ldb)] = sum / a[at(i, i, *lda)];
                }
            }
        } else {
            for (I i = 0; i < *m; ++i) {
                for (I j = 0; j < *n; ++j) {
                    T sum = *alpha * b[at(i, j, *ldb)];
                    for (I p = 0; p < j; ++p) {
                        sum -= b[at(i, p, *ldb)] * a[at(p, j, *lda)];
                    }
                    b[at(i, j, *ldb)] = sum / a[at(j, j, *lda)];
                }
            }
        }
    }
    // B <- U B (side L) or B U^T (side R).
    static void trmm(const char* side, const char*, const char*, const char*, const I* m, const I* n, const T* alpha,
                     const T* a, const I* lda, T* b, const I* ldb) {
        if (*side == 'L') {
            for (I j = 0; j < *n; ++j) {
                for (I i = 0; i < *m; ++i) {
                    T sum = 0;
                    for (I p = i; p < *m; ++p) {
                        sum += a[at(i, p, *lda)] * b[at(p, j, *ldb)];
                    }
                    b[at(i, j, *ldb)] = *alpha * sum;
                }
            }
        } else {
            for (I i = 0; i < *m; ++i) {
                for (I j = 0; j < *n; ++j) {
                    T sum = 0;
                    for (I p = j; p < *n; ++p) {
                        sum += b[at(i, p, *ldb)] * a[at(j, p, *lda)];
                    }
                    b[at(i, j, *ldb)] = *alpha * sum;
                }
            }
        }
    }
    // Like the library's, lets NaN through: `d <= 0`.
    static void potrf(const char*, const I* n, T* a, const I* lda, I* info) {
        for (I j = 0; j < *n; ++j) {
            for (I i = 0; i <= j; ++i) {
                T sum = a[at(i, j, *lda)];
                for (I p = 0; p < i; ++p) {
                    sum -= a[at(p, i, *lda)] * a[at(p, j, *lda)];
                }
                if (i < j) {
                    a[at(i, j, *lda)] = sum / a[at(i, i, *lda)];
                } else if (sum <= 0) {
                    *info = j + 1;
                    return;
                } else {
                    a[at(j, j, *lda)] = std::sqrt(sum);
                }
            }
        }
        *info = 0;
    }
    static void trtri(const char*, const char*, const I* n, T* a, const I* lda, I* info) {
        for (I j = 0; j < *n; ++j) {
            for (I i = 0; i < j; ++i) {
                T sum = 0;
                for (I p = i; p < j; ++p) {
                    sum -= a[at(i, p, *lda)] * a[at(p, j, *lda)];
                }
                a[at(i, j, *lda)] = sum / a[at(j, j, *lda)];
            }
            a[at(j, j, *lda)] = 1 / a[at(j, j, *lda)];
        }
        *info = 0;
    }
    static void lauum(const char*, const I* n, T* a, const I* lda, I* info) {
        for (I i = 0; i < *n; ++i) {
            for (I j = i; j < *n; ++j) {
                T sum = 0;
                for (I p = j; p < *n; ++p) {
                    sum += a[at(i, p, *lda)] * a[at(j, p, *lda)];
                }
                a[at(i, j, *lda)] = sum;
            }
        }
        *info = 0;
    }
    static BlasTable<T> table() {
        BlasTable<T> t;
        t.gemm = &gemm;
        t.syrk = &syrk;
        t.trsm = &trsm;
        t.trmm = &trmm;
        t.potrf = &potrf;
        t.trtri = &trtri;
        t.lauum = &lauum;
        return t;
    }
};

template <class T>
std::vector<T> matrix(index_t n) {
    std::vector<T> a(static_cast<std::size_t>(n * n));
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < n; ++j) {
            a[static_cast<std::size_t>(i * n + j)] =
                std::exp(-T(i > j ? i - j : j - i) / T(3)) + (i == j ? T(0.5) : T(0));
        }
    }
    return a;
}

template <class T>
void check_factor() {
    const auto blas = Plain<T>::table();
    const double eps = std::numeric_limits<T>::epsilon();
    for (index_t n : {0, 1, 2, 3, 5, 10, 50, 255, 256, 257, 530}) {
        const auto size = static_cast<std::size_t>(n);
        const auto k = matrix<T>(n);
        auto l = k;
        const std::vector<T> limit(size, T(0));
        KRISS_CHECK(cholesky(blas, n, l.data(), limit.data(), Executor{}).status == Status::ok);
        auto inverse = l;
        KRISS_CHECK(invert_factor(blas, n, inverse.data(), Executor{}).status == Status::ok);
        std::vector<T> b(2 * size, T(1));
        KRISS_CHECK(solve_factor(blas, n, l.data(), 2, b.data(), false, Executor{}).status == Status::ok);
        double worst_factor = 0;
        double worst_inverse = 0;
        double worst_solve = 0;
        for (std::size_t i = 0; i < size; ++i) {
            double residual = 1;
            for (std::size_t j = 0; j < size; ++j) {
                double sum = -double(k[i * size + j]);
                double product = i == j ? -1.0 : 0.0;
                for (std::size_t p = 0; p < size; ++p) {
                    sum += p <= i && p <= j ? double(l[i * size + p]) * double(l[j * size + p]) : 0.0;
                    product += double(k[i * size + p]) * double(p >= j ? inverse[p * size + j] : inverse[j * size + p]);
                }
                worst_factor = std::fmax(worst_factor, std::fabs(sum));
                worst_inverse = std::fmax(worst_inverse, std::fabs(product));
                residual -= double(k[i * size + j]) * double(b[size + j]);
            }
            worst_solve = std::fmax(worst_solve, std::fabs(residual));
        }
        // Norms here are below 8 and the condition number below 16.
        KRISS_NEAR(worst_factor, 0.0, 30 * eps);
        KRISS_NEAR(worst_inverse, 0.0, 30 * 16 * eps);
        KRISS_NEAR(worst_solve, 0.0, 30 * 8 * eps);
    }
}

template <class T>
void check_pivots() {
    const auto blas = Plain<T>::table();
    for (index_t n : {1, 5, 300, 520}) {
        for (index_t bad : {index_t(0), n / 2, n - 1}) {
            for (T value : {T(-1), T(0), std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
                auto a = matrix<T>(n);
                a[static_cast<std::size_t>(bad * n + bad)] = value;
                const std::vector<T> limit(static_cast<std::size_t>(n), T(1e-6));
                const Info info = cholesky(blas, n, a.data(), limit.data(), Executor{});
                KRISS_CHECK(info.status == Status::not_positive_definite);
                KRISS_CHECK(info.index == bad);
            }
        }
    }
}

bool always(void*) { return true; }

}  // namespace

KRISS_CASE("factor, inverse and solve, double") { check_factor<double>(); }
KRISS_CASE("factor, inverse and solve, float") { check_factor<float>(); }
KRISS_CASE("bad pivots are found, double") { check_pivots<double>(); }
KRISS_CASE("bad pivots are found, float") { check_pivots<float>(); }

KRISS_CASE("a poll stops each of them") {
    const auto blas = Plain<double>::table();
    Executor ex;
    ex.poll = &always;
    const index_t n = 300;
    auto a = matrix<double>(n);
    const std::vector<double> limit(static_cast<std::size_t>(n), 0.0);
    std::vector<double> b(static_cast<std::size_t>(n), 1.0);
    KRISS_CHECK(cholesky(blas, n, a.data(), limit.data(), ex).status == Status::interrupted);
    KRISS_CHECK(invert_factor(blas, n, a.data(), ex).status == Status::interrupted);
    KRISS_CHECK(solve_factor(blas, n, a.data(), 1, b.data(), false, ex).status == Status::interrupted);
}
