// Shells over kriss/gp/tree_point.hpp: covariance matrices, sums of their derivatives, and products that never form
// them (B. Charlier, J. Feydy, J. A. Glaunes, F.-D. Collin, G. Durif, "Kernel Operations on the GPU, with Autodiff,
// without Memory Overflows", Journal of Machine Learning Research 22 (2021), section 2, for the idea).
//
// Assembly writes 8 bytes per entry. The contraction reads 8 bytes of weights per entry (8 k from the cache for panels)
// and writes one double per thread and slot. A product reads the points of a tile once per 256 rows, through the
// first-level cache, where a warp reads one address at a time: (d + k) loads against 3 d + 2 k flops and the covariance
// function. Sums run in an order that depends on the sizes alone.
#include "gp_tree.hpp"

#include "slots.hpp"

namespace kriss::cuda {

namespace {

constexpr index_t sweep_lanes = 256;  // columns side by side
constexpr index_t most_groups = 512;  // rows side by side
constexpr index_t enough = 1 << 18;   // threads that fill a device
constexpr index_t least_tile = 256;   // columns of a tile of a product

// Worker w takes columns w mod lanes, + lanes, ... of rows w / lanes, + groups, ...
struct Sweep {
    index_t lanes, groups;
    KRISS_HD index_t workers() const { return lanes * groups; }
};

Sweep sweep(index_t nx, index_t nz) {
    return {nz < sweep_lanes ? nz : sweep_lanes, nx < most_groups ? nx : most_groups};
}

struct Points {
    const double* xt;
    index_t nx;
    const double* zt;
    index_t nz;
    bool same;
    KRISS_HD tree::Entry at(index_t i, index_t j) const { return {xt, nx, i, zt, nz, j, same}; }
};

struct AssembleBody {
    CovTree t;
    Points p;
    const double* diagonal;
    double* out;
    Sweep s;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t worker, index_t) const {
        for (index_t i = worker / s.lanes; i < p.nx; i += s.groups) {
            for (index_t j = worker % s.lanes; j < p.nz; j += s.lanes) {
                const double value = tree_point(t, p.at(i, j));
                out[i * p.nz + j] = diagonal != nullptr && i == j ? value + diagonal[i] : value;
            }
        }
    }
};

struct ContractBody {
    CovTree t;
    Points p;
    Weighing how;
    const double* alpha;
    const double* w;
    const double* left;
    const double* right;
    index_t k;
    double* acc;  // (slots, workers)
    Sweep s;

    KRISS_HD double weight(index_t i, index_t j) const {
        const index_t at = i * p.nz + j;
        if (how == Weighing::likelihood) {
            const double v = alpha[i] * alpha[j] - w[at];
            return i == j ? 0.5 * v : v;
        }
        if (how == Weighing::square) {
            return i == j ? w[at] : w[at] + w[j * p.nz + i];
        }
        if (how == Weighing::cross) {
            return w[at];
        }
        double sum = 0.0;
        for (index_t c = 0; c < k; ++c) {
            sum += left[i * k + c] * right[j * k + c];
        }
        return sum;
    }
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t worker, index_t) const {
        double own[point_slots];
        for (index_t q = 0; q < t.slots; ++q) {
            own[q] = 0.0;
        }
        const bool half = how == Weighing::likelihood || how == Weighing::square;
        for (index_t i = worker / s.lanes; i < p.nx; i += s.groups) {
            const index_t last = half ? i + 1 : p.nz;
            for (index_t j = worker % s.lanes; j < last; j += s.lanes) {
                tree_contract_point(t, p.at(i, j), weight(i, j), own);
            }
        }
        for (index_t q = 0; q < t.slots; ++q) {
            acc[q * s.workers() + worker] = own[q];
        }
    }
};

struct TreeEntries {
    CovTree t;
    Points p;
    KRISS_HD double operator()(index_t i, index_t j) const { return tree_point(t, p.at(i, j)); }
};

struct SumEntries {
    CovSum<double> cov;
    Points p;
    KRISS_HD double operator()(index_t i, index_t j) const { return cov_entry(cov, p.xt, p.nx, i, p.zt, p.nz, j); }
};

// Row i of one tile: columns first..first+width of V. Neighbouring threads take neighbouring rows of the same tile.
template <class Entries>
struct TileBody {
    Entries entry;
    const double* v;
    index_t k, first, width, tile;
    double* part;  // (tiles, max_panel, nx)
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const {
        const index_t at = item / entry.p.nx;
        const index_t i = item % entry.p.nx;
        const index_t end = (at + 1) * tile < entry.p.nz ? (at + 1) * tile : entry.p.nz;
        double sum[max_panel] = {};
        for (index_t j = at * tile; j < end; ++j) {
            const double c = entry(i, j);
            const double* row = v + j * k + first;
            for (index_t q = 0; q < max_panel; ++q) {  // a constant bound keeps the sums in registers
                if (q < width) {
                    sum[q] += c * row[q];
                }
            }
        }
        for (index_t q = 0; q < max_panel; ++q) {
            if (q < width) {
                part[(at * max_panel + q) * entry.p.nx + i] = sum[q];
            }
        }
    }
};

struct TileSum {
    const double* part;
    index_t tiles, nx, k, first;
    double* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t i, index_t q) const {
        double sum = 0.0;
        for (index_t at = 0; at < tiles; ++at) {
            sum += part[(at * max_panel + q) * nx + i];
        }
        out[i * k + first + q] = sum;
    }
};

template <class Entries>
void product(const Entries& entry, const double* v, index_t k, double* out, double* part, stream_t s) {
    const index_t nx = entry.p.nx;
    const index_t tiles = product_tiles(nx, entry.p.nz);
    if (nx == 0) {
        return;
    }
    const index_t tile = tiles == 0 ? 0 : (entry.p.nz + tiles - 1) / tiles;
    for (index_t first = 0; first < k; first += max_panel) {
        const index_t width = k - first < max_panel ? k - first : max_panel;
        if (tiles > 0) {
            rows(tiles * nx, 1, TileBody<Entries>{entry, v, k, first, width, tile, part}, s);
        }
        rows(nx, width, TileSum{part, tiles, nx, k, first, out}, s);
    }
}

}  // namespace

index_t tree_workers(index_t nx, index_t nz) { return sweep(nx, nz).workers(); }

void tree_assemble(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, bool same,
                   const double* diagonal, double* out, stream_t s) {
    const Sweep shape = sweep(nx, nz);
    if (shape.workers() > 0) {
        rows(shape.workers(), 1, AssembleBody{t, {xt, nx, zt, nz, same}, diagonal, out, shape}, s);
    }
}

void tree_contract(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, bool same, int how,
                   const double* alpha, const double* w, const double* left, const double* right, index_t k,
                   double* out, double* work, stream_t s) {
    const Sweep shape = sweep(nx, nz);
    const index_t workers = shape.workers();
    double* const acc = work + slots_room;
    if (workers > 0) {
        rows(workers, 1,
             ContractBody{t, {xt, nx, zt, nz, same}, static_cast<Weighing>(how), alpha, w, left, right, k, acc, shape},
             s);
    }
    sum_slots(t.slots, workers, acc, work, out, s);
}

index_t product_tiles(index_t nx, index_t nz) {
    const index_t most = (nz + least_tile - 1) / least_tile;
    const index_t wanted = nx > 0 ? (enough + nx - 1) / nx : 1;
    return wanted < most ? wanted : most;
}

void tree_product(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, bool same,
                  const double* v, index_t k, double* out, double* part, stream_t s) {
    product(TreeEntries{t, {xt, nx, zt, nz, same}}, v, k, out, part, s);
}

void sum_product(const CovSum<double>& cov, const double* xt, index_t nx, const double* zt, index_t nz, const double* v,
                 index_t k, double* out, double* part, stream_t s) {
    product(SumEntries{cov, {xt, nx, zt, nz, false}}, v, k, out, part, s);
}

}  // namespace kriss::cuda
