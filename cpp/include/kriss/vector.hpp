// Vector passes that belong to no family. triad is the yardstick of every bytes-moved limit in benchmarks/.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"

KRISS_NAMESPACE_BEGIN

// a = b + s * c over n items. Moves 24 n bytes per pass in float64 (32 n with write-allocate).
template <class T>
void triad(index_t n, T s, const T* KRISS_RESTRICT b, const T* KRISS_RESTRICT c, T* KRISS_RESTRICT a,
           const Executor& ex) {
    ex.parallel_for(n, 32768, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            a[i] = b[i] + s * c[i];
        }
    });
}

KRISS_NAMESPACE_END
