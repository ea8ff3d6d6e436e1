#include "check.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "kriss/spline/tensor.hpp"

using namespace kriss;

namespace {

// Cox-de Boor by recursion: the textbook, slow.
double cox(const std::vector<double>& t, int k, std::size_t j, double x, bool last) {
    if (k == 0) {
        return (t[j] <= x && x < t[j + 1]) || (last && t[j] < t[j + 1] && x == t[j + 1]) ? 1.0 : 0.0;
    }
    const auto K = static_cast<std::size_t>(k);
    double sum = 0.0;
    if (t[j + K] > t[j]) {
        sum += (x - t[j]) / (t[j + K] - t[j]) * cox(t, k - 1, j, x, last);
    }
    if (t[j + K + 1] > t[j + 1]) {
        sum += (t[j + K + 1] - x) / (t[j + K + 1] - t[j + 1]) * cox(t, k - 1, j + 1, x, last);
    }
    return sum;
}

// Cubic B-splines on distinct knots 0, 1, 3, 4 with full multiplicity at the ends; pieces by exact fit of four points.
template <class T>
struct CubicAxis {
    std::vector<double> t{0, 0, 0, 0, 1, 3, 4, 4, 4, 4};
    std::vector<T> x{0, 1, 3, 4};
    std::vector<std::int32_t> start{0, 1, 2};
    std::vector<T> basis;
    TensorAxis<T> axis;
    static constexpr index_t count = 6;

    CubicAxis() {
        for (int cell = 0; cell < 3; ++cell) {
            const double left = static_cast<double>(x[static_cast<std::size_t>(cell)]);
            const double h = static_cast<double>(x[static_cast<std::size_t>(cell) + 1]) - left;
            double value[4][4];
            for (int p = 0; p < 4; ++p) {
                for (int j = 0; j < 4; ++j) {
                    value[p][j] = cox(t, 3, static_cast<std::size_t>(cell + j), left + h * (p + 0.5) / 5.0, false);
                }
            }
            // Newton's divided differences, then to powers of the distance.
            double power[4][4] = {};
            for (int j = 0; j < 4; ++j) {
                double d[4];
                double s[4];
                for (int p = 0; p < 4; ++p) {
                    d[p] = value[p][j];
                    s[p] = h * (p + 0.5) / 5.0;
                }
                for (int level = 1; level < 4; ++level) {
                    for (int p = 3; p >= level; --p) {
                        d[p] = (d[p] - d[p - 1]) / (s[p] - s[p - level]);
                    }
                }
                double poly[4] = {d[3], 0, 0, 0};
                for (int p = 2; p >= 0; --p) {
                    for (int q = 3; q > 0; --q) {
                        poly[q] = poly[q - 1] - s[p] * poly[q];
                    }
                    poly[0] = d[p] - s[p] * poly[0];
                }
                for (int p = 0; p < 4; ++p) {
                    power[p][j] = poly[p];
                }
            }
            for (auto& row : power) {
                for (const double v : row) {
                    basis.push_back(static_cast<T>(v));
                }
            }
        }
        axis = {knot_index<T>(x.data(), 4, nullptr, 3, 0), start.data(), basis.data()};
    }
};

template <class T>
void values_and_interpolation() {
    const CubicAxis<T> a;
    const T tol = sizeof(T) == 8 ? T(1e-12) : T(2e-5);
    // The pieces by the recurrence are those by fitting the textbook's values.
    const std::vector<T> knots(a.t.begin(), a.t.end());
    for (std::size_t cell = 0; cell < 3; ++cell) {
        T piece[16];
        tensor_basis<T, 4>(knots.data(), static_cast<index_t>(cell) + 3, piece);
        for (std::size_t i = 0; i < 16; ++i) {
            KRISS_CHECK(std::abs(piece[i] - a.basis[cell * 16 + i]) < tol);
        }
    }
    // Interpolation at six sites reproduces a bicubic polynomial everywhere.
    const std::vector<T> sites{0, T(0.5), T(1.25), T(2.5), T(3.5), 4};
    const auto f = [](T x, T y) { return T(1) + x - x * y * y / T(4) + x * x * x / T(16) - y * y * y / T(8); };
    constexpr index_t n = 6;
    std::vector<T> w(n * 4);
    std::vector<std::int32_t> first(n);
    const Executor ex;
    tensor_axis_weights<T, 4>(a.axis, sites.data(), n, 0, Beyond::nan, w.data(), first.data(), ex);
    for (index_t i = 0; i < n; ++i) {
        T sum = T(0);
        for (index_t j = 0; j < 4; ++j) {
            const double exact = cox(a.t, 3, static_cast<std::size_t>(first[static_cast<std::size_t>(i)] + j),
                                     static_cast<double>(sites[static_cast<std::size_t>(i)]), true);
            KRISS_CHECK(std::abs(static_cast<double>(w[static_cast<std::size_t>(i * 4 + j)]) - exact) <
                        static_cast<double>(tol));
            sum += w[static_cast<std::size_t>(i * 4 + j)];
        }
        KRISS_CHECK(std::abs(sum - T(1)) < tol);
    }
    std::vector<T> z(n * n);
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < n; ++j) {
            z[static_cast<std::size_t>(i * n + j)] =
                f(sites[static_cast<std::size_t>(i)], sites[static_cast<std::size_t>(j)]);
        }
    }
    std::vector<T> band(n * 7);
    for (int axis = 0; axis < 2; ++axis) {
        KRISS_CHECK(tensor_solve(w.data(), first.data(), n, 4, band.data(), z.data(), n, ex).status == Status::ok);
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j < i; ++j) {
                const T keep = z[static_cast<std::size_t>(i * n + j)];
                z[static_cast<std::size_t>(i * n + j)] = z[static_cast<std::size_t>(j * n + i)];
                z[static_cast<std::size_t>(j * n + i)] = keep;
            }
        }
    }
    std::vector<T> qx;
    std::vector<T> qy;
    for (int i = 0; i < 37; ++i) {
        qx.push_back(T(4) * T((i * 7) % 37) / T(36));
        qy.push_back(T(4) * T((i * 11) % 37) / T(36));
    }
    const auto points = static_cast<index_t>(qx.size());
    std::vector<T> out(qx.size());
    tensor_scattered<T, 4>(a.axis, a.axis, z.data(), n, 1, qx.data(), qy.data(), points, 0, 0, Beyond::nan, out.data(),
                           ex);
    std::vector<T> slope(qx.size());
    tensor_scattered<T, 4>(a.axis, a.axis, z.data(), n, 1, qx.data(), qy.data(), points, 0, 1, Beyond::extend,
                           slope.data(), ex);
    for (std::size_t i = 0; i < qx.size(); ++i) {
        KRISS_CHECK(std::abs(out[i] - f(qx[i], qy[i])) < T(10) * tol);
        KRISS_CHECK(std::abs(slope[i] - (-qx[i] * qy[i] / T(2) - T(3) * qy[i] * qy[i] / T(8))) < T(100) * tol);
        const T one = tensor_one<T, 4>(a.axis, a.axis, z.data(), n, 1, qx[i], qy[i], 0, 0, Beyond::nan, 0);
        KRISS_CHECK(one == out[i]);
    }
    // A grid by two contractions has the same sums in another order.
    std::vector<T> wq(qx.size() * 4);
    std::vector<std::int32_t> fq(qx.size());
    tensor_axis_weights<T, 4>(a.axis, qx.data(), points, 0, Beyond::nan, wq.data(), fq.data(), ex);
    std::vector<T> lines(qx.size() * n);
    tensor_contract<T, 4>(z.data(), 1, n, n, wq.data(), fq.data(), points, lines.data(), ex);
    std::vector<T> grid(qx.size() * qx.size());
    tensor_contract<T, 4>(lines.data(), points, n, 1, wq.data(), fq.data(), points, grid.data(), ex);
    for (std::size_t i = 0; i < qx.size(); ++i) {
        for (std::size_t j = 0; j < qx.size(); ++j) {
            KRISS_CHECK(std::abs(grid[i * qx.size() + j] - f(qx[i], qx[j])) < T(10) * tol);
        }
    }
    // Outside, NaN, and beyond every derivative.
    const T nan = std::numeric_limits<T>::quiet_NaN();
    const T outside = tensor_one<T, 4>(a.axis, a.axis, z.data(), n, 1, T(-1), T(2), 0, 0, Beyond::nan, 0);
    const T missing = tensor_one<T, 4>(a.axis, a.axis, z.data(), n, 1, nan, T(2), 7, 0, Beyond::extend, 0);
    KRISS_CHECK(outside != outside);
    KRISS_CHECK(missing != missing);
    KRISS_CHECK((tensor_one<T, 4>(a.axis, a.axis, z.data(), n, 1, T(1), T(2), 4, 0, Beyond::extend, 0)) == T(0));
    // Sites that do not interlace with the knots.
    std::vector<std::int32_t> wrong(first);
    wrong[0] = 2;
    KRISS_CHECK(tensor_solve(w.data(), wrong.data(), n, 4, band.data(), z.data(), n, ex).status == Status::singular);
}

}  // namespace

KRISS_CASE("tensor-product splines against the textbook") {
    values_and_interpolation<double>();
    values_and_interpolation<float>();
}
