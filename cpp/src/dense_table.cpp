#include "dense_table.hpp"

namespace kriss {

template <>
DenseTable<double>& dense_table<double>() {
    static DenseTable<double> table;
    return table;
}

template <>
DenseTable<Cplx<double>>& dense_table<Cplx<double>>() {
    static DenseTable<Cplx<double>> table;
    return table;
}

}  // namespace kriss
