// An order of the rows of a symmetric pattern that brings its entries close to the diagonal.
#pragma once

#include "kriss/config.hpp"

namespace kriss {

// Reverse Cuthill-McKee (E. Cuthill, J. McKee, "Reducing the bandwidth of sparse symmetric matrices", Proc. 24th Nat.
// Conf. ACM, 1969), every component from an end found as in A. George, J. W. H. Liu, "An implementation of a
// pseudoperipheral node finder", ACM Trans. Math. Software 5 (1979). Ties go to the smaller number, so that the order
// is the same on every machine. indptr: (n + 1), indices: (nnz), the pattern symmetric; order: (n) out.
// O(nnz log(longest row)) for each of the few searches from end to end.
template <class I>
void reverse_cuthill_mckee(index_t n, const I* indptr, const I* indices, I* order);

}  // namespace kriss
