// Networks that return a search direction.
#include "solve_direction_pymod.hpp"

#include <cstdint>
#include <vector>

#include "arrays.hpp"
#include "solve_direction_kernels.hpp"

namespace kriss::bind {

namespace {

using Integer = array<std::int64_t>;
using Real = array<float>;

// There are `size` numbers of `all` from offset `at` on; or it is -1, and may be.
void within(index_t all, index_t at, index_t size, bool optional) {
    expect((optional && at == -1) || (at >= 0 && size >= 0 && at <= all - size), "an offset is out of range");
}

std::vector<DirectionGrid> hierarchy(const Integer& sizes, bool flat, const Real& fields) {
    expect(sizes.ndim() == 2 && sizes.shape(1) == 3 && sizes.shape(0) > 0, "sizes must be (levels, 3)");
    std::vector<DirectionGrid> out;
    index_t at = 0;
    for (index_t l = 0; l < static_cast<index_t>(sizes.shape(0)); ++l) {
        DirectionGrid g;
        g.n0 = static_cast<index_t>(sizes.data()[3 * l]);
        g.n1 = static_cast<index_t>(sizes.data()[3 * l + 1]);
        g.n2 = static_cast<index_t>(sizes.data()[3 * l + 2]);
        g.flat = flat;
        expect(g.n0 > 0 && g.n1 > 0 && g.n2 > 0 && (!flat || g.n0 == 1), "a grid has no points");
        if (l > 0) {
            const DirectionGrid& f = out.back();
            expect(g.n0 == (f.n0 + 1) / 2 && g.n1 == (f.n1 + 1) / 2 && g.n2 == (f.n2 + 1) / 2, "grids must halve");
        }
        within(static_cast<index_t>(fields.size()), at, direction_fields * g.image(), false);
        g.fields = fields.data() + at;
        at += direction_fields * g.image();
        out.push_back(g);
    }
    return out;
}

}  // namespace

void add_solve_direction(py::module_& m) {
    m.def(
        "run",
        [](const Integer& steps, const Real& weights, const Integer& sizes, bool flat, const Real& fields,
           const Integer& cells, const array<double>& r, array<double>& out, double scale, Real& room, int workers) {
            const std::vector<DirectionGrid> grids = hierarchy(sizes, flat, fields);
            expect(steps.ndim() == 2 && steps.shape(1) == direction_items && steps.shape(0) > 0,
                   "steps must be (k, 11)");
            const auto count = static_cast<index_t>(steps.shape(0)), levels = static_cast<index_t>(grids.size());
            const auto all = static_cast<index_t>(weights.size()), space = static_cast<index_t>(room.size());
            const index_t taps = flat ? 9 : 27, fine = grids.front().image();
            std::vector<DirectionStep> list(static_cast<std::size_t>(count));
            std::vector<int> at(list.size());
            const float* const w = weights.data();
            float* const images = room.mutable_data();
            for (index_t k = 0; k < count; ++k) {
                const std::int64_t* const item = steps.data() + k * direction_items;
                DirectionStep& s = list[static_cast<std::size_t>(k)];
                expect(item[0] >= 0 && item[0] <= 3, "a step is of no kind");
                expect(item[2] > 0 && item[3] > 0 && item[2] <= 4096 && item[3] <= 4096, "channels are out of range");
                s.kind = static_cast<DirectionKind>(item[0]);
                s.inputs = static_cast<int>(item[2]);
                s.outputs = static_cast<int>(item[3]);
                const bool halve = s.kind == DirectionKind::halve, enlarge = s.kind == DirectionKind::enlarge;
                const bool convolve = s.kind == DirectionKind::convolve;
                expect(item[1] >= 0 && item[1] < levels - (halve || enlarge ? 1 : 0), "a level is out of range");
                const auto level = static_cast<std::size_t>(item[1]);
                at[static_cast<std::size_t>(k)] = static_cast<int>(level);
                expect(!convolve || s.outputs % direction_block == 0, "outputs must be a multiple of 4");
                expect(s.kind != DirectionKind::sum || s.outputs == 1, "a sum has one output");
                expect(convolve || s.kind == DirectionKind::sum || s.inputs == s.outputs, "channels must be kept");
                const index_t here = grids[level].image();
                const index_t next = halve || enlarge ? grids[level + 1].image() : here;
                const index_t from = (enlarge ? next : here) * s.inputs, to = (halve ? next : here) * s.outputs;
                within(space, item[5], from, false);
                within(space, item[6], to, true);
                within(space, item[10], to, false);
                expect(!convolve || item[5] + from <= item[10] || item[10] + to <= item[5], "in and out overlap");
                const index_t numbers = convolve ? s.inputs * taps * s.outputs : halve || enlarge ? 0 : s.inputs;
                within(all, item[7], numbers, false);
                within(all, item[8], s.outputs, true);
                within(all, item[9], 2 * s.outputs, true);
                s = direction_decoded(item, w, images);
            }
            const auto n = static_cast<index_t>(cells.size());
            expect(
                static_cast<index_t>(r.size()) == n && static_cast<index_t>(out.size()) == n && n > 0 && space >= fine,
                "cells, r and out disagree");
            const std::int64_t* const place = cells.data();
            bool increase = true;
            for (index_t i = 1; i < n; ++i) {
                increase = increase & (place[i - 1] < place[i]);
            }
            expect(increase, "cells must increase");
            expect(place[0] >= 0 && place[n - 1] < fine, "a cell is out of range");
            expect(list.back().kind == DirectionKind::sum && at.back() == 0, "the last step must be a sum");
            DirectionProgram p;
            p.grids = grids.data();
            p.steps = list.data();
            p.levels = at.data();
            p.count = static_cast<int>(count);
            p.n = n;
            p.cells = cells.data();
            p.first = images;
            p.last = list.back().out;
            const double* const from = r.data();
            double* const to = out.mutable_data();
            call(workers, [&](const Executor& ex) { solve_direction_kernels().run(p, from, to, scale, ex); });
        },
        py::arg("steps").noconvert(), py::arg("weights").noconvert(), py::arg("sizes").noconvert(), py::arg("flat"),
        py::arg("fields").noconvert(), py::arg("cells").noconvert(), py::arg("r").noconvert(),
        py::arg("out").noconvert(), py::arg("scale"), py::arg("room").noconvert(), py::arg("workers"),
        "out = scale |r| f(r / |r|); steps: kind, level, inputs, outputs, rectify, offsets of in, skip, w, b, slopes, "
        "out.");
}

}  // namespace kriss::bind
