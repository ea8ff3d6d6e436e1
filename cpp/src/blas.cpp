#include "blas.hpp"

namespace kriss {

template <>
BlasTable<double>& blas<double>() {
    static BlasTable<double> table;
    return table;
}

template <>
BlasTable<float>& blas<float>() {
    static BlasTable<float> table;
    return table;
}

}  // namespace kriss
