#include "arrays.hpp"
#include "families.hpp"
#include "kriss/spline/smooth.hpp"
#include "spline_smooth_kernels.hpp"

namespace kriss::bind {

void add_spline_smooth(py::module_& m) {
    using real = array<double>;
    m.def(
        "scan",
        [](const real& h, const real& rw, const real& vr, const real& y, const real& lam, real& edf, real& rss,
           real& energy, real& logdet, real& work, int workers) {
            const auto n = static_cast<index_t>(rw.size());
            const auto count = static_cast<index_t>(lam.size());
            expect(n >= 3 && count >= 1, "expected at least 3 points and one lam");
            expect(h.size() == n - 1 && vr.size() == n && y.size() == n, "h, rw, vr and y disagree");
            expect(edf.size() == count && rss.size() == count && energy.size() == count && logdet.size() == count,
                   "results must have the size of lam");
            expect(work.size() >= smooth_scan_work(n, count), "work is too small");
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_smooth_kernels().scan(n, h.data(), rw.data(), vr.data(), y.data(), lam.data(), count,
                                                    edf.mutable_data(), rss.mutable_data(), energy.mutable_data(),
                                                    logdet.mutable_data(), work.mutable_data(), ex);
            });
            return static_cast<int>(info.status);
        },
        py::arg("h").noconvert(), py::arg("rw").noconvert(), py::arg("vr").noconvert(), py::arg("y").noconvert(),
        py::arg("lam").noconvert(), py::arg("edf").noconvert(), py::arg("rss").noconvert(),
        py::arg("energy").noconvert(), py::arg("logdet").noconvert(), py::arg("work").noconvert(), py::arg("workers"),
        "Degrees of freedom, residual and log-determinant of the smoothing spline for each lam; returns a status.");
    m.def(
        "fit",
        [](const real& h, const real& rw, const real& y, double lam, real& f, real& g, real& leverage, real& work,
           int workers) {
            const auto n = static_cast<index_t>(rw.size());
            expect(n >= 3 && y.ndim() == 2 && y.shape(1) == n, "y must be (m, n) with n >= 3");
            const auto columns = static_cast<index_t>(y.shape(0));
            expect(h.size() == n - 1 && leverage.size() == n, "h, rw and leverage disagree");
            expect(f.size() == y.size() && g.size() == y.size(), "f and g must have the size of y");
            expect(work.size() >= smooth_fit_work(n), "work is too small");
            const Info info = call(workers, [&](const Executor&) {
                return spline_smooth_kernels().fit(n, columns, h.data(), rw.data(), y.data(), lam, f.mutable_data(),
                                                   g.mutable_data(), leverage.mutable_data(), work.mutable_data());
            });
            return static_cast<int>(info.status);
        },
        py::arg("h").noconvert(), py::arg("rw").noconvert(), py::arg("y").noconvert(), py::arg("lam"),
        py::arg("f").noconvert(), py::arg("g").noconvert(), py::arg("leverage").noconvert(),
        py::arg("work").noconvert(), py::arg("workers"),
        "Values f, second derivatives g and leverage of the smoothing spline for one lam; returns a status.");
}

}  // namespace kriss::bind
