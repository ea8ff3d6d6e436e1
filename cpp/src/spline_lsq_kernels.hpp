// Least-squares splines, one table per instruction-set level (double only).
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

struct SplineLsqKernels {
    // x, w: (points), y: (points, m), t: (n + k + 1), r: (n, k + 1), q, c: (n, m), rss: (m), block: lsq_block(k, m).
    Info (*solve)(const double* x, const double* y, const double* w, index_t points, const double* t, index_t n, int k,
                  index_t m, double* r, double* q, double* rss, double* c, double* block, const Executor& ex);
    // r, z: (n, k + 1).
    void (*inverse)(const double* r, index_t n, int k, double* z);
    // leverage: (points), block: lsq_block(k, 0).
    Info (*leverage)(const double* x, const double* w, index_t points, const double* t, index_t n, int k,
                     const double* z, double* leverage, double* block, const Executor& ex);
    // nodes, weights: (parts) of a rule on [0, 1]; p: (n - k, parts, k + 1), derivative nu of the B-splines at the
    // nodes of every span times the root of its weight there.
    void (*penalty)(const double* t, index_t n, int k, int nu, const double* nodes, const double* weights,
                    index_t parts, double* p);
    // edf, rss, rough, logdet: (count), c: (n), z: (n, k + 1), work: lsq_penalised_work(n, k).
    Info (*penalised)(const double* r, const double* q, index_t n, int k, const double* p, index_t parts,
                      const double* lam, index_t count, double* edf, double* rss, double* rough, double* logdet,
                      double* c, double* z, double* work, const Executor& ex);
    // starts: (start_count, number), knots: (number), work: place_work.
    Info (*place)(const double* x, const double* y, const double* w, index_t points, int k, index_t number,
                  const double* starts, index_t start_count, index_t rounds, index_t polished, index_t sweeps,
                  index_t iterations, index_t relocations, double* knots, double* rss, index_t* solved, double* work,
                  const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SplineLsqKernels, spline_lsq_kernels)
