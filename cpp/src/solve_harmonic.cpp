#include "solve_harmonic.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "dense_table.hpp"

namespace kriss {

namespace {

double modulus(double a) { return std::fabs(a); }
double modulus(Cplx<double> a) { return std::hypot(a.re, a.im); }

struct Harmonic {
    std::vector<double> re, im;  // 1 / theta
};

// Eigenvalues of a (p, p), destroyed, into h; right vectors into v (p, p): of a real pair the real and the imaginary
// part. False if the iteration failed.
bool eigenvectors(int p, double* a, Harmonic& h, double* v) {
    const auto n = static_cast<std::size_t>(p);
    h.re.resize(n);
    h.im.resize(n);
    const blas_int one = 1;
    const blas_int lwork = 34 * p;
    std::vector<double> work(static_cast<std::size_t>(lwork));
    blas_int info = 0;
    dense_table<double>().geev("N", "V", &p, a, &p, h.re.data(), h.im.data(), nullptr, &one, v, &p, work.data(), &lwork,
                               &info);
    return info == 0;
}

bool eigenvectors(int p, Cplx<double>* a, Harmonic& h, Cplx<double>* v) {
    const auto n = static_cast<std::size_t>(p);
    const blas_int one = 1;
    const blas_int lwork = 33 * p;
    std::vector<Cplx<double>> w(n), work(static_cast<std::size_t>(lwork));
    std::vector<double> rwork(2 * n);
    blas_int info = 0;
    dense_table<Cplx<double>>().geev("N", "V", &p, a, &p, w.data(), nullptr, &one, v, &p, work.data(), &lwork,
                                     rwork.data(), &info);
    for (const Cplx<double>& value : w) {
        h.re.push_back(value.re);
        h.im.push_back(value.im);
    }
    return info == 0;
}

template <class W>
double norm_of(int n, const W* x) {
    double largest = 0.0;
    for (int i = 0; i < n; ++i) {
        largest = std::fmax(largest, modulus(x[i]));
    }
    if (largest == 0.0) {
        return 0.0;
    }
    double sum = 0.0;
    for (int i = 0; i < n; ++i) {
        sum += square_of((1.0 / largest) * x[i]);
    }
    return largest * std::sqrt(sum);
}

}  // namespace

template <class W>
int harmonic_directions(int q, int p, int k, double eps, const W* g, const W* s, W* directions, W* images) {
    if (p == 0 || k == 0) {
        return 0;
    }
    const auto& lapack = dense_table<W>();
    const auto rows = static_cast<std::size_t>(q);
    const auto cols = static_cast<std::size_t>(p);
    for (std::size_t i = 0; i < rows * cols; ++i) {
        if (!std::isfinite(modulus(g[i])) || !std::isfinite(modulus(s[i]))) {
            return 0;
        }
    }
    std::vector<W> r(g, g + rows * cols), right(s, s + rows * cols), tau(cols);
    const blas_int lwork = 32 * std::max(p, q);
    std::vector<W> work(static_cast<std::size_t>(lwork));
    blas_int info = 0;
    lapack.geqrf(&q, &p, r.data(), &q, tau.data(), work.data(), &lwork, &info);
    const char* const adjoint = ScalarTraits<W>::is_complex ? "C" : "T";
    lapack.ormqr("L", adjoint, &q, &p, &p, r.data(), &q, tau.data(), right.data(), &q, work.data(), &lwork, &info);
    double largest = 0.0;
    for (std::size_t i = 0; i < cols; ++i) {
        largest = std::fmax(largest, modulus(r[i * rows + i]));
    }
    if (!(largest > 0.0)) {
        return 0;
    }
    for (std::size_t i = 0; i < cols; ++i) {
        // A direction that B maps to nothing: the largest 1 / theta; it is dropped below.
        W& pivot = r[i * rows + i];
        if (modulus(pivot) < eps * largest) {
            pivot = narrow<W>(eps * largest);
        }
    }
    lapack.trtrs("U", "N", "N", &p, &p, r.data(), &q, right.data(), &q, &info);
    std::vector<W> square(cols * cols), vectors(cols * cols);
    for (std::size_t j = 0; j < cols; ++j) {
        std::copy_n(right.data() + j * rows, cols, square.data() + j * cols);
    }
    Harmonic h;
    if (!eigenvectors(p, square.data(), h, vectors.data())) {
        return 0;
    }
    // Groups of one or, for a pair, two columns by falling modulus.
    std::vector<int> first;
    const auto width = [&h](int j) {
        return !ScalarTraits<W>::is_complex && h.im[static_cast<std::size_t>(j)] != 0.0 ? 2 : 1;
    };
    for (int j = 0; j < p; j += width(j)) {
        const auto at = static_cast<std::size_t>(j);
        if (!std::isfinite(h.re[at]) || !std::isfinite(h.im[at])) {
            return 0;
        }
        first.push_back(j);
    }
    std::stable_sort(first.begin(), first.end(), [&h](int a, int b) {
        const auto i = static_cast<std::size_t>(a);
        const auto j = static_cast<std::size_t>(b);
        return std::hypot(h.re[i], h.im[i]) > std::hypot(h.re[j], h.im[j]);
    });
    int kept = 0;
    int taken = 0;
    for (const int j : first) {
        if (taken + width(j) > k) {
            continue;  // a pair that does not fit: the last place goes to the next real one
        }
        taken += width(j);
        for (int c = j; c < j + width(j); ++c) {
            W* const d = directions + static_cast<std::size_t>(kept) * cols;
            W* const y = images + static_cast<std::size_t>(kept) * rows;
            std::copy_n(vectors.data() + static_cast<std::size_t>(c) * cols, cols, d);
            const double length = norm_of(p, d);
            if (!(length > 0.0)) {
                continue;
            }
            std::fill_n(y, rows, W{});
            for (std::size_t i = 0; i < cols; ++i) {
                d[i] = (1.0 / length) * d[i];
                for (std::size_t t = 0; t < rows; ++t) {
                    y[t] = y[t] + d[i] * g[i * rows + t];
                }
            }
            const double before = norm_of(q, y);
            if (!(before > 100 * eps * largest)) {
                continue;
            }
            for (int pass = 0; pass < 2; ++pass) {
                for (int e = 0; e < kept; ++e) {
                    const W* const ye = images + static_cast<std::size_t>(e) * rows;
                    const W* const de = directions + static_cast<std::size_t>(e) * cols;
                    W dot{};
                    for (std::size_t t = 0; t < rows; ++t) {
                        dot = dot + conj_of(ye[t]) * y[t];
                    }
                    for (std::size_t t = 0; t < rows; ++t) {
                        y[t] = y[t] - dot * ye[t];
                    }
                    for (std::size_t i = 0; i < cols; ++i) {
                        d[i] = d[i] - dot * de[i];
                    }
                }
            }
            const double after = norm_of(q, y);
            if (!(after > std::sqrt(eps) * before)) {
                continue;
            }
            for (std::size_t t = 0; t < rows; ++t) {
                y[t] = (1.0 / after) * y[t];
            }
            for (std::size_t i = 0; i < cols; ++i) {
                d[i] = (1.0 / after) * d[i];
            }
            ++kept;
        }
    }
    return kept;
}

template int harmonic_directions<double>(int, int, int, double, const double*, const double*, double*, double*);
template int harmonic_directions<Cplx<double>>(int, int, int, double, const Cplx<double>*, const Cplx<double>*,
                                               Cplx<double>*, Cplx<double>*);

}  // namespace kriss
