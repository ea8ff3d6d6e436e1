// Launchers of cuda/solve_direction.hpp with integer pointers; kriss/solve/_cuda_direction.py calls them. `steps` and
// `sizes` are addresses of host memory, every other pointer one of device memory.
#include "solve_direction.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "families.hpp"
#include "pymod.hpp"

namespace kriss::cuda {

namespace {

using pybind11::arg;

template <class T>
void add_run(pybind11::module_& m, const char* name) {
    m.def(
        name,
        [](integer n, integer k, address steps, integer count, address weights, address sizes, integer levels,
           bool flat, address fields, address cells, address r, address out, double scale, address room, address part,
           address scalars, stream_t stream) {
            std::vector<DirectionGrid> grids(static_cast<std::size_t>(levels));
            const float* field = at<const float>(fields);
            for (integer l = 0; l < levels; ++l) {
                const integer* const size = at<const integer>(sizes) + 3 * l;
                DirectionGrid& g = grids[static_cast<std::size_t>(l)];
                g.n0 = size[0];
                g.n1 = size[1];
                g.n2 = size[2];
                g.flat = flat;
                g.fields = field;
                field += direction_fields * g.image();
            }
            std::vector<DirectionStep> list;
            std::vector<int> level;
            for (integer j = 0; j < count; ++j) {
                const integer* const item = at<const integer>(steps) + j * direction_items;
                list.push_back(direction_decoded(item, at<const float>(weights), at<float>(room)));
                level.push_back(static_cast<int>(item[1]));
            }
            DirectionProgram p;
            p.grids = grids.data();
            p.steps = list.data();
            p.levels = level.data();
            p.count = static_cast<int>(count);
            p.n = n;
            p.cells = at<const integer>(cells);
            p.first = at<float>(room);
            p.last = list.back().out;
            for (integer c = 0; c < k; ++c) {
                direction_network(p, k, c, at<const T>(r), at<T>(out), scale, at<double>(part), at<double>(scalars),
                                  stream);
            }
            check_launch("direction_network");
        },
        "out = scale |r| f(r / |r|) of each column.", arg("n"), arg("k"), arg("steps"), arg("count"), arg("weights"),
        arg("sizes"), arg("levels"), arg("flat"), arg("fields"), arg("cells"), arg("r"), arg("out"), arg("scale"),
        arg("room"), arg("part"), arg("scalars"), arg("stream"));
}

}  // namespace

void add_solve_direction(pybind11::module_& m) {
    m.def(
        "direction_partials", [](integer n) { return static_cast<integer>(direction_partials(n)); },
        "Partial sums that direction_network needs room for.", arg("n"));
    add_run<float>(m, "direction_network_f32");
    add_run<double>(m, "direction_network_f64");
}

}  // namespace kriss::cuda
