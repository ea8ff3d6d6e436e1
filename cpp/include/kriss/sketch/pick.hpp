// Rows drawn with probabilities proportional to their weights, in one pass, by inverting the cumulative sums at sorted
// marks.
#pragma once

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

// rows[k] is the first row at which the running sum of the weights is above marks[k], the last one if there is none.
// marks: ascending. 8 m bytes.
KRISS_ALWAYS_INLINE void pick_rows(const double* weights, index_t m, const double* marks, index_t count,
                                   std::int64_t* rows) {
    double sum = 0.0;
    index_t k = 0;
    for (index_t i = 0; i < m && k < count; ++i) {
        sum += weights[i];
        for (; k < count && marks[k] < sum; ++k) {
            rows[k] = i;
        }
    }
    for (; k < count; ++k) {
        rows[k] = m - 1;
    }
}

KRISS_NAMESPACE_END
