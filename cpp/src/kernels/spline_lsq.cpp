#include "spline_lsq_kernels.hpp"

#include "kriss/spline/bspline.hpp"
#include "kriss/spline/lsq.hpp"
#include "kriss/spline/place.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

Info solve(const double* x, const double* y, const double* w, index_t points, const double* t, index_t n, int k,
           index_t m, double* r, double* q, double* rss, double* c, double* block, const Executor& ex) {
    return lsq_solve(x, y, w, points, t, BandTriangle<double>{n, k, m, r, q, rss}, c, block, ex);
}

void penalty(const double* t, index_t n, int k, int nu, const double* nodes, const double* weights, index_t parts,
             double* p) {
    double scratch[lsq_max_degree + 1];
    for (index_t span = 0; span < n - k; ++span) {
        const double left = t[span + k];
        const double width = t[span + k + 1] - left;
        for (index_t i = 0; i < parts; ++i) {
            double* const row = p + (span * parts + i) * (k + 1);
            basis_at(t + span + k, k, left + nodes[i] * width, nu, row, scratch);
            const double root = __builtin_sqrt(weights[i] * width);
            for (int a = 0; a <= k; ++a) {
                row[a] *= root;
            }
        }
    }
}

Info place(const double* x, const double* y, const double* w, index_t points, int k, index_t number,
           const double* starts, index_t start_count, index_t rounds, index_t polished, index_t sweeps,
           index_t iterations, index_t relocations, double* knots, double* rss, index_t* solved, double* work,
           const Executor& ex) {
    return place_knots(x, y, w, points, k, number, starts, start_count,
                       PlaceOptions{rounds, polished, sweeps, iterations, relocations}, knots, rss, solved, work, ex);
}

}  // namespace

const SplineLsqKernels spline_lsq_kernels = {
    &solve, &detail::band_inverse<double>, &lsq_leverage<double>, &penalty, &lsq_penalised<double>, &place,
};

}  // namespace kriss::tables::KRISS_ISA
