// The launcher of cuda/special.cu, built for the host, where cuda/panel.hpp replays every thread of every block: the
// very functions that a device runs, against the vector loops of the processor, bit by bit. No device is involved.
#include <cmath>
#include <limits>
#include <vector>

#include "../../cuda/special.cu"
#include "check.hpp"
#include "kriss/special/bessel_map.hpp"

using namespace kriss;

namespace {

using Doubles = std::vector<double>;
using special::Form;

bool same(const Doubles& a, const Doubles& b) {
    bool good = a.size() == b.size();
    for (std::size_t i = 0; good && i < a.size(); ++i) {
        good = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    }
    return good;
}

template <int Kind, bool Scaled>
Doubles on_host(Doubles v, Doubles x) {
    Doubles out(v.size());
    const index_t step = sizeof(double);
    const special::Strided<const double> a{reinterpret_cast<char*>(v.data()), step};
    const special::Strided<const double> b{reinterpret_cast<char*>(x.data()), step};
    const special::Strided<double> c{reinterpret_cast<char*>(out.data()), step};
    const auto n = static_cast<index_t>(v.size());
    for (index_t i = 0; i < n; i += special::map_block) {
        const index_t m = n - i < special::map_block ? n - i : special::map_block;
        special::bessel_block<double, Kind, Scaled, Form::logarithm>(a, b, c, i, m);
    }
    return out;
}

Doubles on_device(cuda::Bessel what, const Doubles& v, const Doubles& x, Doubles* second = nullptr) {
    Doubles out(v.size());
    const auto n = static_cast<index_t>(v.size());
    cuda::bessel(static_cast<int>(what), n, v.data(), x.data(), out.data(), second ? second->data() : nullptr, 0);
    return out;
}

}  // namespace

KRISS_CASE("every Bessel function has the bits of the processor") {
    constexpr double inf = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    Doubles v, x;
    const Doubles orders{0.0,  0.25,  0.5,   1.0, 3.7,   8.49, 8.5,  12.0, 24.9, 25.0,
                         48.0, 141.0, 700.0, 1e4, 1e152, -0.3, -7.0, inf,  nan};
    for (double order : orders) {
        for (double at = 1e-300; at < 1e-8; at *= 1e40) {
            v.push_back(order);
            x.push_back(at);
        }
        for (double at = 1e-8; at < 2e6; at *= 1.19) {
            v.push_back(order);
            x.push_back(at);
        }
        for (double at : {0.0, 0.1, 2.0, 8.0, 0.6627 * order, 1e152, 5e-324, inf, nan, -1.0}) {
            v.push_back(order);
            x.push_back(at);
        }
    }
    KRISS_CHECK(same(on_device(cuda::Bessel::log_iv, v, x), on_host<1, false>(v, x)));
    KRISS_CHECK(same(on_device(cuda::Bessel::log_ive, v, x), on_host<1, true>(v, x)));
    KRISS_CHECK(same(on_device(cuda::Bessel::log_kv, v, x), on_host<-1, false>(v, x)));
    KRISS_CHECK(same(on_device(cuda::Bessel::log_kve, v, x), on_host<-1, true>(v, x)));
    Doubles ratio_i(v.size()), ratio_k(v.size()), order_i(v.size()), order_k(v.size()), by_i(v.size()), by_k(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) {
        const special::Slopes a = special::slopes_anywhere<1>(v[i], x[i]);
        const special::Slopes b = special::slopes_anywhere<-1>(v[i], x[i]);
        ratio_i[i] = a.ratio;
        order_i[i] = a.order;
        by_i[i] = a.argument;
        ratio_k[i] = b.ratio;
        order_k[i] = b.order;
        by_k[i] = b.argument;
    }
    Doubles second(v.size());
    KRISS_CHECK(same(on_device(cuda::Bessel::iv_ratio, v, x), ratio_i));
    KRISS_CHECK(same(on_device(cuda::Bessel::kv_ratio, v, x), ratio_k));
    KRISS_CHECK(same(on_device(cuda::Bessel::log_iv_grad, v, x, &second), order_i) && same(second, by_i));
    KRISS_CHECK(same(on_device(cuda::Bessel::log_kv_grad, v, x, &second), order_k) && same(second, by_k));
}
