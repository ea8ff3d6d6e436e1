// The one BLAS/LAPACK table of the process, in both precisions. Empty until the bindings fill it.
#pragma once

#include "kriss/blas.hpp"

namespace kriss {

template <class T>
BlasTable<T>& blas();

template <>
BlasTable<double>& blas<double>();
template <>
BlasTable<float>& blas<float>();

}  // namespace kriss
