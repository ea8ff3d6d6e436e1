// Smoothing-spline kernels, one table per instruction-set level (double only: lam spans many decades).
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

struct SplineSmoothKernels {
    // h: (n - 1), rw, vr, y: (n), lam and the four results: (count), work: smooth_scan_work(n, count).
    Info (*scan)(index_t n, const double* h, const double* rw, const double* vr, const double* y, const double* lam,
                 index_t count, double* edf, double* rss, double* energy, double* logdet, double* work,
                 const Executor& ex);
    // y, f, g: (m, n), leverage: (n), work: smooth_fit_work(n).
    Info (*fit)(index_t n, index_t m, const double* h, const double* rw, const double* y, double lam, double* f,
                double* g, double* leverage, double* work);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SplineSmoothKernels, spline_smooth_kernels)
