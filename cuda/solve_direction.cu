// Shells over kriss/solve/direction_steps.hpp: one launch per step, a thread per point and block of four channels.
// Neighbouring threads read neighbouring points where there are four channels; the weights, the same for all of them,
// come from the cache. Images move 4 (C + D) bytes per point and convolution from C to D channels, as on the processor,
// and the sums have the same bits; the norm of the residual is summed up in another order.
#include "solve_direction.hpp"

#include <cmath>

namespace kriss::cuda {

namespace {

struct ConvolveBody {
    DirectionGrid g;
    DirectionStep s;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t point, index_t block) const {
        direction_convolved(g, s, static_cast<int>(block) * direction_block, g.place(point));
    }
};

// Means on the coarser grid g of what is on f, or the way back.
struct BetweenBody {
    DirectionGrid f;
    DirectionGrid g;
    DirectionStep s;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t point, index_t) const {
        for (int c = 0; c < s.outputs; ++c) {
            if (s.kind == DirectionKind::halve) {
                direction_halved(f, g, s, c, point);
            } else {
                direction_enlarged(f, g, s, c, point);
            }
        }
    }
};

struct SumBody {
    DirectionGrid g;
    DirectionStep s;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t point, index_t) const { direction_summed(g, s, g.place(point)); }
};

template <class T>
struct SquareBody {
    index_t k;
    index_t c;
    const T* r;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t, double* s) const {
        const double v = static_cast<double>(r[row * k + c]);
        s[0] += v * v;
    }
};

// scalars: the root of the mean square, and its inverse; 0 for 0, and NaN and 0 for what is not finite
struct NormBody {
    index_t n;
    double* scalars;
    KRISS_HD void operator()(index_t, const double* s) const {
        const double norm = sqrt(s[0] / static_cast<double>(n));
        const bool finite = norm - norm == 0.0;
        scalars[0] = finite ? norm : norm - norm;
        scalars[1] = finite && norm != 0.0 ? 1.0 / norm : 0.0;
    }
};

template <class T>
struct SpreadBody {
    index_t k;
    index_t c;
    const std::int64_t* cells;
    const T* r;
    const double* scalars;
    float* image;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t) const {
        // NaN would stay in places that no residual is written to, and come back with the next one
        const double v = scalars[1] == 0.0 ? 0.0 : static_cast<double>(r[row * k + c]) * scalars[1];
        image[cells[row]] = static_cast<float>(v);
    }
};

template <class T>
struct CollectBody {
    index_t k;
    index_t c;
    const std::int64_t* cells;
    const float* image;
    const double* scalars;
    double scale;
    T* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t) const {
        out[row * k + c] = static_cast<T>(static_cast<double>(image[cells[row]]) * scalars[0] * scale);
    }
};

}  // namespace

index_t direction_partials(index_t n) { return static_cast<index_t>(sum_blocks(n, 1)); }

void direction_step(const DirectionGrid& g, const DirectionGrid& coarse, const DirectionStep& s, stream_t stream) {
    switch (s.kind) {
        case DirectionKind::convolve: rows(g.points(), s.outputs / direction_block, ConvolveBody{g, s}, stream); break;
        case DirectionKind::halve: rows(coarse.points(), 1, BetweenBody{g, coarse, s}, stream); break;
        case DirectionKind::enlarge: rows(g.points(), 1, BetweenBody{g, coarse, s}, stream); break;
        case DirectionKind::sum: rows(g.points(), 1, SumBody{g, s}, stream); break;
    }
}

template <class T>
void direction_network(const DirectionProgram& p, index_t k, index_t c, const T* r, T* out, double scale, double* part,
                       double* scalars, stream_t s) {
    sums<1>(p.n, 1, SquareBody<T>{k, c, r}, part, NormBody{p.n, scalars}, s);
    rows(p.n, 1, SpreadBody<T>{k, c, p.cells, r, scalars, p.first}, s);
    for (int j = 0; j < p.count; ++j) {
        const DirectionGrid& g = p.grids[p.levels[j]];
        const bool two = p.steps[j].kind == DirectionKind::halve || p.steps[j].kind == DirectionKind::enlarge;
        direction_step(g, two ? p.grids[p.levels[j] + 1] : g, p.steps[j], s);
    }
    rows(p.n, 1, CollectBody<T>{k, c, p.cells, p.last, scalars, scale, out}, s);
}

#define KRISS_CUDA_DIRECTION(T)                                                                                        \
    template void direction_network(const DirectionProgram&, index_t, index_t, const T*, T*, double, double*, double*, \
                                    stream_t);
KRISS_CUDA_DIRECTION(float)
KRISS_CUDA_DIRECTION(double)

}  // namespace kriss::cuda
