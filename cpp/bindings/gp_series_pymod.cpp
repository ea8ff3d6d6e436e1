// One-dimensional Matern series: filter, smoother, likelihood.
#include "gp_series_kernels.hpp"

#include <cstdint>
#include <memory>

#include "arrays.hpp"
#include "families.hpp"

namespace kriss::bind {

namespace {

using Doubles = array<double>;
using Ints = array<std::int32_t>;
using Longs = array<std::int64_t>;

static_assert(sizeof(std::int64_t) == sizeof(index_t) && sizeof(std::int32_t) == sizeof(int));

SeriesModel model_of(const Ints& order, const Doubles& variance, const Doubles& rate) {
    const auto terms = static_cast<index_t>(order.size());
    expect(terms > 0 && variance.size() == terms && rate.size() == terms, "order, variance and rate disagree");
    int states = 0;
    for (index_t c = 0; c < terms; ++c) {
        expect(order.data()[c] >= 1 && order.data()[c] <= 4 && states <= series_states_max,
               "order must be 1 to 4, its sum at most 16");
        states += order.data()[c];
    }
    expect(states <= series_states_max, "order must be 1 to 4, its sum at most 16");
    return {static_cast<int>(terms), states, order.data(), variance.data(), rate.data()};
}

int loop_of(const SeriesModel& model) { return model.terms == 1 ? model.order[0] : 0; }

index_t packed(const SeriesModel& model) { return model.states * (model.states + 1) / 2; }

SeriesView view_of(const SeriesModel& model, const Doubles& t, const Doubles& tau, const Doubles& pred,
                   const Doubles& sigma) {
    const auto n = static_cast<index_t>(t.size());
    expect(tau.size() == n && sigma.size() == n && pred.size() == n * packed(model),
           "t, tau, pred and sigma disagree on n");
    return {n, t.data(), tau.data(), pred.data(), sigma.data()};
}

// null for an empty array
double* or_null(Doubles& a, index_t size, const char* message) {
    expect(a.size() == 0 || static_cast<index_t>(a.size()) == size, message);
    return a.size() == 0 ? nullptr : a.mutable_data();
}

}  // namespace

void add_gp_series(py::module_& m) {
    const auto order = py::arg("order").noconvert();
    const auto variance = py::arg("variance").noconvert();
    const auto rate = py::arg("rate").noconvert();
    const auto t = py::arg("t").noconvert();
    const auto tau = py::arg("tau").noconvert();
    const auto pred = py::arg("pred").noconvert();
    const auto sigma = py::arg("sigma").noconvert();
    m.def(
        "filter",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& noise, Doubles& p,
           Doubles& sd, int workers) {
            const SeriesModel model = model_of(o, v, r);
            const auto n = static_cast<index_t>(times.size());
            expect(noise.size() == n && sd.size() == n && p.size() == n * packed(model), "sizes disagree on n");
            double* const out = p.mutable_data();
            double* const var = sd.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return gp_series_kernels().filter[loop_of(model)](model, n, times.data(), noise.data(), out, var, ex);
            });
        },
        order, variance, rate, t, tau, pred, sigma, py::arg("workers"),
        "pred (n, T), sigma (n): the filter; returns the first point without a positive variance, or -1.");
    m.def(
        "means",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& noise,
           const Doubles& p, const Doubles& sd, const Doubles& y, Doubles& error, Doubles& mean, int workers) {
            const SeriesModel model = model_of(o, v, r);
            const SeriesView view = view_of(model, times, noise, p, sd);
            expect(y.ndim() == 2 && y.shape(1) == view.n && error.size() == y.size(), "y and error must be (k, n)");
            const auto rows = static_cast<index_t>(y.shape(0));
            double* const e = error.mutable_data();
            double* const x = or_null(mean, rows * view.n * model.states, "mean must be (k, n, S) or empty");
            call(workers, [&](const Executor& ex) {
                ex.parallel_for(rows, 1, [&](index_t k, index_t) {
                    gp_series_kernels().means(model, view, y.data() + k * view.n, e + k * view.n,
                                              x == nullptr ? nullptr : x + k * view.n * model.states, ex);
                });
            });
        },
        order, variance, rate, t, tau, pred, sigma, py::arg("y").noconvert(), py::arg("error").noconvert(),
        py::arg("mean").noconvert(), py::arg("workers"), "error (k, n): innovations; mean (k, n, S) or empty.");
    m.def(
        "adjoint",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& noise,
           const Doubles& p, const Doubles& sd, const Doubles& error, Doubles& alpha, Doubles& score, int workers) {
            const SeriesModel model = model_of(o, v, r);
            const SeriesView view = view_of(model, times, noise, p, sd);
            expect(error.ndim() == 2 && error.shape(1) == view.n && alpha.size() == error.size(),
                   "error and alpha must be (k, n)");
            const auto rows = static_cast<index_t>(error.shape(0));
            double* const a = alpha.mutable_data();
            double* const x = or_null(score, rows * view.n * model.states, "score must be (k, n, S) or empty");
            call(workers, [&](const Executor& ex) {
                ex.parallel_for(rows, 1, [&](index_t k, index_t) {
                    gp_series_kernels().adjoint(model, view, error.data() + k * view.n, a + k * view.n,
                                                x == nullptr ? nullptr : x + k * view.n * model.states, ex);
                });
            });
        },
        order, variance, rate, t, tau, pred, sigma, py::arg("error").noconvert(), py::arg("alpha").noconvert(),
        py::arg("score").noconvert(), py::arg("workers"), "alpha (k, n) = K^-1 y; score (k, n, S) or empty.");
    m.def(
        "information",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& noise,
           const Doubles& p, const Doubles& sd, Doubles& diagonal, Doubles& info, int workers) {
            const SeriesModel model = model_of(o, v, r);
            const SeriesView view = view_of(model, times, noise, p, sd);
            expect(diagonal.size() == view.n, "diagonal must be (n)");
            double* const d = diagonal.mutable_data();
            double* const x = or_null(info, view.n * model.states * model.states, "info must be (n, S, S) or empty");
            call(workers, [&](const Executor& ex) { gp_series_kernels().information(model, view, d, x, ex); });
        },
        order, variance, rate, t, tau, pred, sigma, py::arg("diagonal").noconvert(), py::arg("info").noconvert(),
        py::arg("workers"), "diagonal (n) of K^-1; info (n, S, S) or empty.");
    m.def(
        "draw",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& noise,
           const Doubles& p, const Doubles& sd, const Doubles& z, Doubles& out, int workers) {
            const SeriesModel model = model_of(o, v, r);
            const SeriesView view = view_of(model, times, noise, p, sd);
            expect(z.ndim() == 2 && z.shape(1) == view.n && out.size() == z.size(), "z and out must be (k, n)");
            const auto rows = static_cast<index_t>(z.shape(0));
            double* const x = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                ex.parallel_for(rows, 1, [&](index_t k, index_t) {
                    gp_series_kernels().draw(model, view, z.data() + k * view.n, x + k * view.n, ex);
                });
            });
        },
        order, variance, rate, t, tau, pred, sigma, py::arg("z").noconvert(), py::arg("out").noconvert(),
        py::arg("workers"), "out (k, n): draws with covariance K from standard normal z.");
    m.def(
        "multiply",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& x, Doubles& out,
           int workers) {
            const SeriesModel model = model_of(o, v, r);
            const auto n = static_cast<index_t>(times.size());
            expect(x.size() == n && out.size() == n, "t, x and out disagree on n");
            double* const y = out.mutable_data();
            call(workers,
                 [&](const Executor& ex) { gp_series_kernels().multiply(model, n, times.data(), x.data(), y, ex); });
        },
        order, variance, rate, t, py::arg("x").noconvert(), py::arg("out").noconvert(), py::arg("workers"),
        "out_i = sum over j <= i of k(t_i, t_j) x_j.");
    m.def(
        "predict",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& noise,
           const Doubles& p, const Doubles& sd, const Doubles& mean, const Doubles& error, const Doubles& score,
           const Doubles& info, const Doubles& ts, const Longs& after, Doubles& out, Doubles& var, int workers) {
            const SeriesModel model = model_of(o, v, r);
            const SeriesView view = view_of(model, times, noise, p, sd);
            const auto count = static_cast<index_t>(ts.size());
            expect(mean.size() == view.n * model.states && score.size() == mean.size() && error.size() == view.n,
                   "mean and score must be (n, S), error (n)");
            expect(after.size() == count && out.size() == count, "ts, after and out disagree");
            double* const w = or_null(var, count, "var must be (m) or empty");
            expect(w == nullptr || info.size() == mean.size() * model.states, "info must be (n, S, S)");
            for (index_t k = 0; k < count; ++k) {
                expect(after.data()[k] >= 0 && after.data()[k] <= view.n, "after must be 0 to n");
            }
            const SeriesMoments moments{mean.data(), error.data(), score.data(), info.data()};
            const auto* const at = reinterpret_cast<const index_t*>(after.data());
            double* const x = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                gp_series_kernels().predict(model, view, moments, count, ts.data(), at, x, w, ex);
            });
        },
        order, variance, rate, t, tau, pred, sigma, py::arg("mean").noconvert(), py::arg("error").noconvert(),
        py::arg("score").noconvert(), py::arg("info").noconvert(), py::arg("ts").noconvert(),
        py::arg("after").noconvert(), py::arg("out").noconvert(), py::arg("var").noconvert(), py::arg("workers"),
        "Posterior mean and variance (or empty) at ts; after: how many of t are at or before each.");
    m.def(
        "likelihood",
        [](const Ints& o, const Doubles& v, const Doubles& r, const Doubles& times, const Doubles& noise,
           const Doubles& y, const Longs& offset, Doubles& value, Doubles& gradient, Longs& bad, int workers) {
            const SeriesModel model = model_of(o, v, r);
            const auto n = static_cast<index_t>(times.size());
            const auto count = static_cast<index_t>(offset.size()) - 1;
            expect(noise.size() == n && y.size() == n, "t, tau and y disagree on n");
            expect(count >= 0 && offset.data()[0] == 0 && offset.data()[count] == n, "offset must run from 0 to n");
            for (index_t k = 0; k < count; ++k) {
                expect(offset.data()[k] <= offset.data()[k + 1], "offset must not decrease");
            }
            expect(value.size() == 2 * count && bad.size() == count, "value must be (count, 2), bad (count)");
            double* const g = or_null(gradient, count * (2 * model.terms + 1), "gradient must be (count, p) or empty");
            const SeriesBatch batch{count, reinterpret_cast<const index_t*>(offset.data()), times.data(), noise.data(),
                                    y.data()};
            double* const out = value.mutable_data();
            auto* const where = reinterpret_cast<index_t*>(bad.mutable_data());
            std::unique_ptr<double[]> scratch;
            SeriesWork work;
            if (g != nullptr) {
                const index_t per = packed(model) + model.states + 2;
                scratch = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(n * per));
                work.pred = scratch.get();
                work.mean = work.pred + n * packed(model);
                work.sigma = work.mean + n * model.states;
                work.error = work.sigma + n;
            }
            call(workers, [&](const Executor& ex) {
                gp_series_kernels().likelihood[loop_of(model)](model, batch, work, out, g, where, ex);
            });
        },
        order, variance, rate, t, tau, py::arg("y").noconvert(), py::arg("offset").noconvert(),
        py::arg("value").noconvert(), py::arg("gradient").noconvert(), py::arg("bad").noconvert(), py::arg("workers"),
        "value (count, 2): log-determinant and quadratic form of each series; gradient (count, p) or empty.");
}

}  // namespace kriss::bind
