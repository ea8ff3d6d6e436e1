#include "check.hpp"

#include <cstdint>
#include <vector>

#include "kriss/view.hpp"

using namespace kriss;

namespace {

template <class T>
void strides() {
    std::vector<T> data(12);
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<T>(i);
    }
    const View1<T> forward{data.data(), 12, 1};
    const View1<T> every_third{data.data() + 1, 4, 3};
    const View1<T> backward{data.data() + 11, 12, -1};
    const View1<T> constant{data.data() + 5, 100, 0};
    KRISS_CHECK(forward.contiguous() && !every_third.contiguous() && !backward.contiguous());
    KRISS_CHECK((View1<T>{data.data(), 1, 7}.contiguous()) && (View1<T>{nullptr, 0, 7}.contiguous()));
    for (index_t i = 0; i < 12; ++i) {
        KRISS_CHECK(forward[i] == T(i) && backward[i] == T(11 - i));
    }
    for (index_t i = 0; i < 4; ++i) {
        KRISS_CHECK(every_third[i] == T(1 + 3 * i));
    }
    KRISS_CHECK(constant[0] == T(5) && constant[99] == T(5));
    every_third[2] = T(-1);
    KRISS_CHECK(data[7] == T(-1));
}

template <class T>
void matrices() {
    std::vector<T> data(12);
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<T>(i);
    }
    const View2<T> rows{data.data(), 3, 4, 4, 1};        // row-major 3 x 4
    const View2<T> transposed{data.data(), 4, 3, 1, 4};  // its transpose
    const View2<T> upside_down{data.data() + 8, 3, 4, -4, 1};
    for (index_t i = 0; i < 3; ++i) {
        for (index_t j = 0; j < 4; ++j) {
            KRISS_CHECK(rows(i, j) == T(4 * i + j));
            KRISS_CHECK(transposed(j, i) == rows(i, j));
            KRISS_CHECK(upside_down(2 - i, j) == rows(i, j));
            KRISS_CHECK(rows.row(i)[j] == rows(i, j));
        }
    }
}

template <class T, class I>
void sparse() {
    // [[0, 2], [0, 0], [3, 4]]
    const std::vector<I> indptr{0, 1, 1, 3};
    const std::vector<I> indices{1, 0, 1};
    const std::vector<T> data{2, 3, 4};
    const CsrView<T, I> a{3, 2, indptr.data(), indices.data(), data.data()};
    const T x[2] = {10, 100};
    const T want[3] = {200, 0, 430};
    for (index_t i = 0; i < a.rows; ++i) {
        T sum = 0;
        for (I k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            sum += a.data[k] * x[a.indices[k]];
        }
        KRISS_CHECK(sum == want[i]);
    }
}

}  // namespace

KRISS_CASE("one-dimensional views: unit, large, zero and negative strides, double") { strides<double>(); }
KRISS_CASE("one-dimensional views: unit, large, zero and negative strides, float") { strides<float>(); }
KRISS_CASE("two-dimensional views: rows, transpose, reversed rows, double") { matrices<double>(); }
KRISS_CASE("two-dimensional views: rows, transpose, reversed rows, float") { matrices<float>(); }
KRISS_CASE("CSR views with both index types") {
    sparse<double, std::int32_t>();
    sparse<float, std::int64_t>();
}
