// Shells over kriss/special: logarithms of Bessel functions, their ratios and derivatives, one thread per element.
// 24 bytes of traffic (32 with two derivatives) for 100 to 700 flops: bound by the flops. Elements next to one another
// should lie in one region, as they do on a grid.
#include "special.hpp"

// The tables lie on the device alone, and so do the calls of the functions that read them.
#if defined(__CUDACC__)
#define KRISS_TABLE static __device__ const
#pragma nv_diag_suppress 20091
#endif

#include "kriss/special/bessel_point.hpp"
#include "kriss/special/bessel_slopes.hpp"
#include "panel.hpp"

namespace kriss::cuda {

namespace {

struct LogBody {
    bool first_kind, scaled;
    const double* v;
    const double* x;
    double* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t i, index_t) const {
        out[i] = first_kind ? special::log_point<1>(scaled, v[i], x[i]) : special::log_point<-1>(scaled, v[i], x[i]);
    }
};

struct SlopeBody {
    bool first_kind, ratio;
    const double* v;
    const double* x;
    double* first;
    double* second;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t i, index_t) const {
        const special::Slopes y =
            first_kind ? special::slopes_anywhere<1>(v[i], x[i]) : special::slopes_anywhere<-1>(v[i], x[i]);
        first[i] = ratio ? y.ratio : y.order;
        if (!ratio) {
            second[i] = y.argument;
        }
    }
};

}  // namespace

void bessel(int what, index_t n, const double* v, const double* x, double* first, double* second, stream_t s) {
    if (n > 0) {
        const Bessel b = static_cast<Bessel>(what);
        const bool first_kind =
            b == Bessel::log_iv || b == Bessel::log_ive || b == Bessel::iv_ratio || b == Bessel::log_iv_grad;
        if (what < static_cast<int>(Bessel::iv_ratio)) {
            rows(n, 1, LogBody{first_kind, b == Bessel::log_ive || b == Bessel::log_kve, v, x, first}, s);
        } else {
            const bool ratio = what < static_cast<int>(Bessel::log_iv_grad);
            rows(n, 1, SlopeBody{first_kind, ratio, v, x, first, second}, s);
        }
    }
}

}  // namespace kriss::cuda
