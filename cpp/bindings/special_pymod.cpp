// The special functions as NumPy ufuncs, so that out=, where=, broadcasting and casting are NumPy's own.
//
// A ufunc made here runs the loop of this processor's instruction-set level. Large arrays are split over the worker
// pool; there is no poll for Ctrl-C inside, as in NumPy's own ufuncs: the signal is handled when the call returns.
#include <pybind11/pybind11.h>

#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

#include <array>
#include <cfenv>
#include <map>
#include <memory>
#include <string>

#include "kriss/executor.hpp"
#include "pool.hpp"
#include "special_kernels.hpp"
#include "special_pymod.hpp"

namespace kriss::bind {

namespace py = pybind11;

namespace {

// What a ufunc points to for as long as the process lives.
struct Function {
    std::string name, doc;
    int inputs = 0;
    int outputs = 0;
    StridedLoop single = nullptr;
    StridedLoop twice = nullptr;
    std::array<PyUFuncGenericFunction, 2> loops{};
    std::array<void*, 2> data{};
    std::string types;
};

struct Entry {
    StridedLoop SpecialLoops::* loop;
    int inputs, outputs;
};

const std::map<std::string, Entry>& entries() {
    static const std::map<std::string, Entry> all = {
        {"log_iv", {&SpecialLoops::log_iv, 2, 1}},
        {"log_ive", {&SpecialLoops::log_ive, 2, 1}},
        {"log_kv", {&SpecialLoops::log_kv, 2, 1}},
        {"log_kve", {&SpecialLoops::log_kve, 2, 1}},
        {"iv", {&SpecialLoops::iv, 2, 1}},
        {"ive", {&SpecialLoops::ive, 2, 1}},
        {"kv", {&SpecialLoops::kv, 2, 1}},
        {"kve", {&SpecialLoops::kve, 2, 1}},
        {"iv_ratio", {&SpecialLoops::iv_ratio, 2, 1}},
        {"kv_ratio", {&SpecialLoops::kv_ratio, 2, 1}},
        {"log_iv_grad", {&SpecialLoops::log_iv_grad, 2, 2}},
        {"log_kv_grad", {&SpecialLoops::log_kv_grad, 2, 2}},
        {"matern", {&SpecialLoops::matern, 3, 1}},
        {"matern_grad", {&SpecialLoops::matern_grad, 3, 4}},
    };
    return all;
}

constexpr int most_arguments = 7;

// Whether an output shares memory with an input other than element by element. NumPy makes copies where operands
// overlap; what is left are reduce and accumulate, which feed an output back in.
bool feeds_back(const Function& f, char** at, const npy_intp* step, index_t n, std::size_t size) {
    const auto low = [&](int j) { return at[j] + (step[j] < 0 ? (n - 1) * step[j] : 0); };
    const auto high = [&](int j) {
        return at[j] + (step[j] > 0 ? (n - 1) * step[j] : 0) + static_cast<std::ptrdiff_t>(size);
    };
    for (int o = f.inputs; o < f.inputs + f.outputs; ++o) {
        for (int j = 0; j < f.inputs; ++j) {
            const bool same = at[o] == at[j] && step[o] == step[j] && step[o] != 0;
            if (!same && low(o) < high(j) && low(j) < high(o)) {
                return true;
            }
        }
    }
    return false;
}

void run_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

template <class T>
void inner(char** at, const npy_intp* dimensions, const npy_intp* steps, void* data) {
    const auto& f = *static_cast<const Function*>(data);
    const StridedLoop loop = sizeof(T) == 4 ? f.single : f.twice;
    const index_t n = dimensions[0];
    if (n <= 0) {
        return;
    }
    // Both sides of a selection are computed: what they raise is no business of the caller's.
    std::fenv_t environment;
    std::feholdexcept(&environment);
    index_t step[most_arguments];
    char* place[most_arguments];
    for (int j = 0; j < f.inputs + f.outputs; ++j) {
        step[j] = steps[j];
        place[j] = at[j];
    }
    int workers = num_threads();
    Executor ex;
    if (n > 1 && feeds_back(f, at, steps, n, sizeof(T))) {
        for (index_t i = 0; i < n; ++i) {
            loop(1, place, step, ex);
            for (int j = 0; j < f.inputs + f.outputs; ++j) {
                place[j] += step[j];
            }
        }
    } else {
        ex.run = &run_pool;
        ex.self = &workers;
        ex.workers = workers;
        loop(n, place, step, ex);
    }
    std::fesetenv(&environment);
}

bool import_numpy() { return _import_array() >= 0 && _import_umath() >= 0; }

py::object make(const std::string& name, const std::string& doc) {
    static const bool ready = import_numpy();
    if (!ready) {
        throw py::error_already_set();
    }
    const auto found = entries().find(name);
    if (found == entries().end()) {
        throw py::key_error("no special function is called " + name);
    }
    auto made = std::make_unique<Function>();
    made->name = name;
    made->doc = doc;
    made->inputs = found->second.inputs;
    made->outputs = found->second.outputs;
    made->single = special_kernels().f32.*(found->second.loop);
    made->twice = special_kernels().f64.*(found->second.loop);
    made->loops = {&inner<float>, &inner<double>};
    made->data = {made.get(), made.get()};
    const auto arguments = static_cast<std::size_t>(made->inputs + made->outputs);
    made->types =
        std::string(arguments, static_cast<char>(NPY_FLOAT)) + std::string(arguments, static_cast<char>(NPY_DOUBLE));
    Function* const kept = made.release();  // the ufunc points into it for ever
    PyObject* const ufunc =
        PyUFunc_FromFuncAndData(kept->loops.data(), kept->data.data(), kept->types.data(), 2, kept->inputs,
                                kept->outputs, PyUFunc_None, kept->name.c_str(), kept->doc.c_str(), 0);
    if (ufunc == nullptr) {
        throw py::error_already_set();
    }
    return py::reinterpret_steal<py::object>(ufunc);
}

}  // namespace

void add_special(py::module_& m) {
    m.def("ufunc", &make, py::arg("name"), py::arg("doc"), "The special function of that name as a NumPy ufunc.");
}

}  // namespace kriss::bind
