#include "arrays.hpp"
#include "families.hpp"

namespace kriss::bind {

void add_spline(py::module_& m) { (void)m; }

}  // namespace kriss::bind
