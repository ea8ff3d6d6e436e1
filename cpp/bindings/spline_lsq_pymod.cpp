#include "arrays.hpp"
#include "families.hpp"
#include "kriss/spline/lsq.hpp"
#include "kriss/spline/place.hpp"
#include "spline_lsq_kernels.hpp"

namespace kriss::bind {

namespace {

using real = array<double>;

// Coefficients of knots t for degree k.
index_t coefficients(const real& t, int k) {
    expect(k >= 0 && k <= lsq_max_degree && t.size() >= 2 * (k + 1), "t must hold at least 2 (k + 1) knots");
    return static_cast<index_t>(t.size()) - k - 1;
}

}  // namespace

void add_spline_lsq(py::module_& m) {
    m.attr("MAX_DEGREE") = lsq_max_degree;
    m.def(
        "solve",
        [](const real& x, const real& y, const real& w, const real& t, int k, real& r, real& q, real& rss, real& c,
           real& block, int workers) {
            const index_t n = coefficients(t, k);
            const auto points = static_cast<index_t>(x.size());
            expect(y.ndim() == 2 && y.shape(0) == points && w.size() == points, "x, y and w disagree");
            const auto columns = static_cast<index_t>(y.shape(1));
            expect(r.size() == n * (k + 1) && q.size() == n * columns && c.size() == n * columns &&
                       rss.size() == columns && block.size() >= lsq_block(k, columns),
                   "results have wrong sizes");
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_lsq_kernels().solve(x.data(), y.data(), w.data(), points, t.data(), n, k, columns,
                                                  r.mutable_data(), q.mutable_data(), rss.mutable_data(),
                                                  c.mutable_data(), block.mutable_data(), ex);
            });
            return py::make_tuple(static_cast<int>(info.status), info.index);
        },
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("w").noconvert(), py::arg("t").noconvert(),
        py::arg("k"), py::arg("r").noconvert(), py::arg("q").noconvert(), py::arg("rss").noconvert(),
        py::arg("c").noconvert(), py::arg("block").noconvert(), py::arg("workers"),
        "Least-squares spline on knots t; returns a status and a coefficient.");
    m.def(
        "inverse",
        [](const real& r, real& z) {
            expect(r.ndim() == 2 && r.shape(1) >= 1 && z.size() == r.size(), "r and z must be (n, k + 1)");
            spline_lsq_kernels().inverse(r.data(), static_cast<index_t>(r.shape(0)), static_cast<int>(r.shape(1)) - 1,
                                         z.mutable_data());
        },
        py::arg("r").noconvert(), py::arg("z").noconvert(), "Band z of the inverse of r'r.");
    m.def(
        "leverage",
        [](const real& x, const real& w, const real& t, int k, const real& z, real& leverage, real& block,
           int workers) {
            const index_t n = coefficients(t, k);
            const auto points = static_cast<index_t>(x.size());
            expect(w.size() == points && leverage.size() == points && z.size() == n * (k + 1) &&
                       block.size() >= lsq_block(k, 0),
                   "x, w, z, leverage and block disagree");
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_lsq_kernels().leverage(x.data(), w.data(), points, t.data(), n, k, z.data(),
                                                     leverage.mutable_data(), block.mutable_data(), ex);
            });
            return static_cast<int>(info.status);
        },
        py::arg("x").noconvert(), py::arg("w").noconvert(), py::arg("t").noconvert(), py::arg("k"),
        py::arg("z").noconvert(), py::arg("leverage").noconvert(), py::arg("block").noconvert(), py::arg("workers"),
        "Leverage of every point.");
    m.def(
        "penalty",
        [](const real& t, int k, int nu, const real& nodes, const real& weights, real& p) {
            const index_t n = coefficients(t, k);
            const auto parts = static_cast<index_t>(nodes.size());
            expect(nu >= 0 && nu <= k && weights.size() == parts && p.size() == (n - k) * parts * (k + 1),
                   "p must be (n - k, parts, k + 1)");
            spline_lsq_kernels().penalty(t.data(), n, k, nu, nodes.data(), weights.data(), parts, p.mutable_data());
        },
        py::arg("t").noconvert(), py::arg("k"), py::arg("nu"), py::arg("nodes").noconvert(),
        py::arg("weights").noconvert(), py::arg("p").noconvert(), "Rows of the penalty on derivative nu.");
    m.def(
        "penalised",
        [](const real& r, const real& q, const real& p, const real& lam, real& edf, real& rss, real& rough,
           real& logdet, real& c, real& z, real& work, int workers) {
            expect(r.ndim() == 2 && p.ndim() == 3 && r.shape(1) >= 1 && p.shape(2) == r.shape(1), "r and p disagree");
            const auto n = static_cast<index_t>(r.shape(0));
            const int k = static_cast<int>(r.shape(1)) - 1;
            const auto count = static_cast<index_t>(lam.size());
            const auto parts = static_cast<index_t>(p.shape(1));
            expect(n > k && p.shape(0) == n - k && q.size() == n && c.size() == n && z.size() == r.size() &&
                       parts + k + 1 <= lsq_rows && work.size() >= lsq_penalised_work(n, k),
                   "sizes disagree");
            expect(edf.size() == count && rss.size() == count && rough.size() == count && logdet.size() == count,
                   "results must have the size of lam");
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_lsq_kernels().penalised(r.data(), q.data(), n, k, p.data(), parts, lam.data(), count,
                                                      edf.mutable_data(), rss.mutable_data(), rough.mutable_data(),
                                                      logdet.mutable_data(), c.mutable_data(), z.mutable_data(),
                                                      work.mutable_data(), ex);
            });
            return static_cast<int>(info.status);
        },
        py::arg("r").noconvert(), py::arg("q").noconvert(), py::arg("p").noconvert(), py::arg("lam").noconvert(),
        py::arg("edf").noconvert(), py::arg("rss").noconvert(), py::arg("rough").noconvert(),
        py::arg("logdet").noconvert(), py::arg("c").noconvert(), py::arg("z").noconvert(), py::arg("work").noconvert(),
        py::arg("workers"), "Penalised fits for every lam; coefficients and band of the inverse for the last.");
    m.def(
        "place",
        [](const real& x, const real& y, const real& w, int k, const real& starts, int rounds, int polished, int sweeps,
           int iterations, int relocations, real& knots, int workers) {
            const auto points = static_cast<index_t>(x.size());
            expect(k >= 1 && k <= lsq_max_degree && points > k && y.size() == points && w.size() == points,
                   "x, y and w disagree");
            expect(starts.ndim() == 2 && starts.shape(1) >= 1 && knots.size() == starts.shape(1),
                   "starts must be (count, number)");
            const auto number = static_cast<index_t>(starts.shape(1));
            const auto count = static_cast<index_t>(starts.shape(0));
            const PlaceOptions o{rounds, polished, sweeps, iterations, relocations};
            real work(place_work(points, number, k, count, o));
            double rss = 0.0;
            index_t solved = 0;
            double* const scratch = work.mutable_data();
            call(workers, [&](const Executor& ex) {
                return spline_lsq_kernels().place(x.data(), y.data(), w.data(), points, k, number, starts.data(), count,
                                                  rounds, polished, sweeps, iterations, relocations,
                                                  knots.mutable_data(), &rss, &solved, scratch, ex);
            });
            return py::make_tuple(rss, solved);
        },
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("w").noconvert(), py::arg("k"),
        py::arg("starts").noconvert(), py::arg("rounds"), py::arg("polished"), py::arg("sweeps"), py::arg("iterations"),
        py::arg("relocations"), py::arg("knots").noconvert(), py::arg("workers"),
        "Interior knots from the starts (count, number); returns their sum of squares and the solutions computed.");
}

}  // namespace kriss::bind
