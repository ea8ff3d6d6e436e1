// The schedule of solve/row_blocks.hpp and its memory.
#pragma once

#include <cstdint>
#include <vector>

#include "kriss/solve/row_blocks.hpp"
#include "kriss/view.hpp"

namespace kriss {

struct RowSchedule {
    std::vector<std::int32_t> order[2];
    std::vector<std::int32_t> coupled;
    std::vector<std::int32_t> first;
    std::vector<index_t> done;
    index_t epoch = 0;
    index_t rows = 0;

    std::size_t nbytes() const;
    // Valid while this object stays where it is.
    RowBlocks view();
};

// The largest blocks that leave at least three of them side by side on average; an empty schedule where there are none
// or the matrix is too small to gain.  O(nnz) for each size tried.
template <class T>
RowSchedule row_schedule(const CsrView<T, std::int32_t>& a);

}  // namespace kriss
