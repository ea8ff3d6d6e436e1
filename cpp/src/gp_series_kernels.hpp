// Passes over one-dimensional Matern series, one table per instruction-set level; kriss/gp/series.hpp says what they
// do. Likelihoods and the filter have a loop for each order of a single term, the other passes one for every model.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/gp/series.hpp"
#include "kriss/gp/series_likelihood.hpp"

namespace kriss {

struct GpSeriesKernels {
    // By order of the only term; 0 for any model.
    index_t (*filter[5])(const SeriesModel& model, index_t n, const double* t, const double* tau, double* pred,
                         double* sigma, const Executor& ex);
    void (*likelihood[5])(const SeriesModel& model, const SeriesBatch& batch, const SeriesWork& work, double* value,
                          double* gradient, index_t* bad, const Executor& ex);
    void (*means)(const SeriesModel& model, const SeriesView& v, const double* y, double* error, double* mean,
                  const Executor& ex);
    void (*adjoint)(const SeriesModel& model, const SeriesView& v, const double* error, double* alpha, double* score,
                    const Executor& ex);
    void (*information)(const SeriesModel& model, const SeriesView& v, double* diagonal, double* information,
                        const Executor& ex);
    void (*draw)(const SeriesModel& model, const SeriesView& v, const double* z, double* y, const Executor& ex);
    void (*multiply)(const SeriesModel& model, index_t n, const double* t, const double* x, double* out,
                     const Executor& ex);
    void (*predict)(const SeriesModel& model, const SeriesView& v, const SeriesMoments& moments, index_t count,
                    const double* ts, const index_t* after, double* mean, double* variance, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(GpSeriesKernels, gp_series_kernels)
