// Residual and gradient of a least-squares iterate in twofold arithmetic, on the device: kriss/sketch/extended.hpp, one
// thread per row or per partial sum.
//
// With D = diag(scale), R = B diag(bscale) - A D Z and Z = z_high + z_low:  g = (A D)' R as g_high + g_low,
// rr = |R|^2 per right-hand side. Three launches: the residual of each row; the sums of a slot of rows for each column
// of A and for |R|^2; those sums over the slots, in order. No atomics, slots depend on m alone: the same bits in every
// run.
//
// Traffic: A twice, 16 m bytes of residuals written once and read n / 32 times (from cache); 2 (22 + 22) m n
// operations. Threads of a warp hold neighbouring columns of A while they add up a slot (whole lines of A in C order),
// and neighbouring rows for the residual (whole lines in Fortran order; in C order each thread walks along a line of
// its own, which the first-level cache holds).
#include "kriss/sketch/twofold_number.hpp"
#include "panel.hpp"
#include "sketch_residual.hpp"

namespace kriss::cuda {

namespace {

template <class T>
struct ResidualBody {
    Tall<T> p;
    double *r_high, *r_low;  // (m, nrhs)

    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t i, index_t q) const {
        double az = 0.0;
        double az_low = 0.0;
        for (index_t j = 0; j < p.n; ++j) {
            const double v = static_cast<double>(p.a[i * p.row_stride + j * p.col_stride]) * p.scale[j];
            twofold_fma(az, az_low, v, p.z_high[j * p.nrhs + q], p.z_low[j * p.nrhs + q]);
        }
        double one = static_cast<double>(p.b[i * p.b_row_stride + q * p.b_col_stride]) * p.bscale[q];
        double rest = -az_low;
        twofold_add(one, rest, -az);
        twofold_normalise(one, rest);
        r_high[i * p.nrhs + q] = one;
        r_low[i * p.nrhs + q] = rest;
    }
};

// Row of this panel: slot * (n + 1) + j; j = n stands for |R|^2.
template <class T>
struct SlotBody {
    Tall<T> p;
    index_t per_slot;
    const double *r_high, *r_low;
    double *high, *low;

    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t q) const {
        const index_t slot = row / (p.n + 1);
        const index_t j = row - slot * (p.n + 1);
        const index_t begin = slot * per_slot;
        const index_t end = begin + per_slot < p.m ? begin + per_slot : p.m;
        double sum = 0.0;
        double rest = 0.0;
        for (index_t i = begin; i < end; ++i) {
            const double one = r_high[i * p.nrhs + q];
            if (j == p.n) {
                twofold_add(sum, rest, one * one);
            } else {
                const double v = static_cast<double>(p.a[i * p.row_stride + j * p.col_stride]) * p.scale[j];
                twofold_fma(sum, rest, v, one, r_low[i * p.nrhs + q]);
            }
        }
        high[row * p.nrhs + q] = sum;
        low[row * p.nrhs + q] = rest;
    }
};

struct JoinBody {
    index_t n, nrhs, slots;
    const double *high, *low;
    double *g_high, *g_low, *rr;

    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t j, index_t q) const {
        double sum = 0.0;
        double rest = 0.0;
        for (index_t s = 0; s < slots; ++s) {
            const index_t at = (s * (n + 1) + j) * nrhs + q;
            twofold_add(sum, rest, high[at]);
            rest += low[at];
        }
        twofold_normalise(sum, rest);
        if (j == n) {
            rr[q] = sum;
        } else {
            g_high[j * nrhs + q] = sum;
            g_low[j * nrhs + q] = rest;
        }
    }
};

}  // namespace

index_t residual_slots(index_t m) {
    const index_t slots = (m + 511) / 512;
    return slots < 4096 ? slots : 4096;
}

index_t residual_scratch(index_t m, index_t n, index_t nrhs) { return 2 * nrhs * (m + residual_slots(m) * (n + 1)); }

template <class T>
void tall_residual(const Tall<T>& p, double* scratch, double* g_high, double* g_low, double* rr, stream_t s) {
    const index_t slots = residual_slots(p.m);
    const index_t per_slot = slots == 0 ? 0 : (p.m + slots - 1) / slots;
    double* r_high = scratch;
    double* r_low = r_high + p.m * p.nrhs;
    double* high = r_low + p.m * p.nrhs;
    double* low = high + slots * (p.n + 1) * p.nrhs;
    rows(p.m, p.nrhs, ResidualBody<T>{p, r_high, r_low}, s);
    rows(slots * (p.n + 1), p.nrhs, SlotBody<T>{p, per_slot, r_high, r_low, high, low}, s);
    rows(p.n + 1, p.nrhs, JoinBody{p.n, p.nrhs, slots, high, low, g_high, g_low, rr}, s);
}

template void tall_residual(const Tall<float>&, double*, double*, double*, double*, stream_t);
template void tall_residual(const Tall<double>&, double*, double*, double*, double*, stream_t);

}  // namespace kriss::cuda
