// Shells over kriss/gp/vecchia_point.hpp: one small Cholesky factorisation per thread, its matrix spread over memory so
// that a warp reads and writes whole lines. 16 (m + 1)(m + 2) / 2 bytes of traffic at least for m^3 / 3 flops, most of
// it served by the caches: a thread's matrix is 2 kB for m = 20.
#include "gp_vecchia.hpp"

#include "slots.hpp"

namespace kriss::cuda {

namespace {

constexpr index_t most_workers = 1 << 15;

struct FactorBody {
    CovSum<double> cov;
    VecchiaView a;
    double* b;
    double* v;
    std::int32_t* bad;
    double* work;
    index_t workers;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t worker, index_t) const {
        for (index_t i = worker; i < a.count; i += workers) {
            bad[i] = vecchia_point(cov, a, i, work + worker, workers, b + i * a.m, v + i) ? 1 : 0;
        }
    }
};

struct GradientBody {
    CovSum<double> cov;
    index_t slots;
    VecchiaView a;
    const double* y;
    double* acc;  // (slots, workers)
    double* work;
    index_t workers;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t worker, index_t) const {
        double own[vecchia_point_slots];
        for (index_t k = 0; k < slots; ++k) {
            own[k] = 0.0;
        }
        for (index_t i = worker; i < a.count; i += workers) {
            vecchia_gradient_point(cov, a, y, i, work + worker, workers, own);
        }
        for (index_t k = 0; k < slots; ++k) {
            acc[k * workers + worker] = own[k];
        }
    }
};

}  // namespace

index_t vecchia_workers(index_t count) { return count < most_workers ? count : most_workers; }

void vecchia_factor(const CovSum<double>& cov, const VecchiaView& a, double* b, double* v, std::int32_t* bad,
                    double* work, stream_t s) {
    const index_t workers = vecchia_workers(a.count);
    if (workers > 0) {
        rows(workers, 1, FactorBody{cov, a, b, v, bad, work, workers}, s);
    }
}

void vecchia_gradient(const CovSum<double>& cov, index_t parameters, const VecchiaView& a, const double* y,
                      double* gradient, double* work, stream_t s) {
    const index_t workers = vecchia_workers(a.count);
    const index_t slots = parameters + 1;
    double* const acc = work + slots_room;
    if (workers > 0) {
        rows(workers, 1, GradientBody{cov, slots, a, y, acc, acc + slots * workers, workers}, s);
    }
    sum_slots(slots, workers, acc, work, gradient, s);
}

}  // namespace kriss::cuda
