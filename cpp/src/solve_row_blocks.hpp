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
    std::vector<std::int32_t> start;

    std::size_t nbytes() const;
    // Valid while this object stays where it is.
    RowBlocks view();
};

// Blocks end where a row is not coupled to the one before (at the end of a grid line) or after a number of rows, the
// largest number that leaves at least three of them side by side on average. An empty schedule where there is none or
// the matrix is too small to gain.  O(nnz) for each size tried.
template <class T>
RowSchedule row_schedule(const CsrView<T, std::int32_t>& a);

}  // namespace kriss
