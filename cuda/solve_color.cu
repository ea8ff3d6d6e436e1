// Shell over kriss/solve/coloring.hpp: one round over all rows. Reads 4 nnz + 12 n bytes.
#include "kriss/solve/coloring.hpp"
#include "solve.hpp"

namespace kriss::cuda {

namespace {

struct ColorBody {
    const std::int32_t* indptr;
    const std::int32_t* indices;
    bool by_hash;
    const std::int32_t* before;
    std::int32_t* after;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t, double* s) const {
        const std::int32_t c = color_round(indptr, indices, before, by_hash, static_cast<std::int32_t>(row));
        after[row] = c;
        s[0] += c < 0 ? 1.0 : 0.0;
    }
};

struct StoreOne {
    double* out;
    KRISS_HD void operator()(index_t, const double* s) const { out[0] = s[0]; }
};

}  // namespace

void color_rows_round(index_t n, const std::int32_t* indptr, const std::int32_t* indices, bool by_hash,
                      const std::int32_t* before, std::int32_t* after, double* part, double* left, stream_t s) {
    sums<1>(n, 1, ColorBody{indptr, indices, by_hash, before, after}, part, StoreOne{left}, s);
}

}  // namespace kriss::cuda
