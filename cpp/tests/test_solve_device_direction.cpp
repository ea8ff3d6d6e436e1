// The launchers of cuda/solve_direction.cu, built for the host, where cuda/panel.hpp replays every thread of every
// block, against the kernels of the processor: steps to the bit, whole networks up to the order of one sum. No device
// is involved.
#include "../../cuda/solve_direction.cu"
#include "device.hpp"
#include "direction_domain.hpp"
#include "kriss/solve/direction_network.hpp"

namespace {

// One step on the processor and as a device would do it, threads in either order.
void alike(const Domain& d, const Domain* coarse, const DirectionStep& s, const Image& old) {
    const DirectionGrid& other = coarse != nullptr ? coarse->g : d.g;
    DirectionStep step = s;
    const auto onto = [&](Image& out) {
        step.out = out.data();
        step.skip = s.skip != nullptr ? out.data() : nullptr;
    };
    Image here = old, there = old;
    onto(here);
    kriss::direction_step(d.g, other, step, {}, Executor{});
    onto(there);
    either_way(there, [&] { cuda::direction_step(d.g, other, step, 0); });
    KRISS_CHECK(here == there && here != old);
}

void convolution(index_t n0, index_t n1, index_t n2, bool flat, int inputs, int outputs, int kind) {
    Draw draw;
    const Domain d(draw, n0, n1, n2, flat);
    const Image in = d.image(draw, inputs), old = d.image(draw, outputs);
    const Image w = some(draw, inputs * (flat ? 9 : 27) * outputs), b = some(draw, outputs),
                slopes = some(draw, 2 * outputs);
    DirectionStep s;
    s.inputs = inputs;
    s.outputs = outputs;
    s.in = in.data();
    s.w = w.data();
    s.rectify = (kind & 1) != 0;
    s.b = (kind & 2) != 0 ? b.data() : nullptr;
    s.slopes = (kind & 4) != 0 ? slopes.data() : nullptr;
    s.skip = (kind & 8) != 0 ? old.data() : nullptr;
    alike(d, nullptr, s, old);
}

template <class T>
void network(index_t k) {
    Draw draw;
    const Domain fine(draw, 1, 13, 37, true), coarse(draw, 1, 7, 19, true);
    const int channels = 8;
    const index_t image = fine.g.image(), half = coarse.g.image();
    const Image w = some(draw, 9 * channels + channels * channels * 9 + channels);
    Image room(at(2 * image + 2 * channels * (image + half)), 0.0F);
    const index_t h = image, t = h + channels * image, low = t + channels * image, out = low + channels * half;
    // the step before the last one writes to the image that the residual goes to, outside the domain too
    const std::int64_t items[][direction_items] = {
        {0, 0, 1, channels, 1, 0, -1, 0, -1, -1, h},
        {1, 0, channels, channels, 0, h, -1, 0, -1, -1, low},
        {2, 0, channels, channels, 0, low, h, 0, -1, -1, t},
        {0, 0, channels, channels, 0, t, -1, 9 * channels, -1, -1, h},
        {2, 0, 1, 1, 0, low, -1, 0, -1, -1, 0},
        {3, 0, channels, 1, 0, h, -1, 9 * channels + channels * channels * 9, -1, -1, out},
    };
    const DirectionGrid grids[] = {fine.g, coarse.g};
    std::vector<DirectionStep> steps;
    for (const auto& item : items) {
        steps.push_back(direction_decoded(item, w.data(), room.data()));
    }
    const int levels[] = {0, 0, 0, 0, 0, 0};
    std::vector<std::int64_t> cells;
    for (index_t p = 0; p < fine.g.points(); ++p) {
        if (value_at(fine.fields, fine.g.place(p)) > 0.0F) {
            cells.push_back(fine.g.place(p));
        }
    }
    const auto n = static_cast<index_t>(cells.size());
    const DirectionProgram program{grids, steps.data(), levels, 6, n, cells.data(), room.data(), steps.back().out};
    const DirectionProgram launches{grids, steps.data(), levels, 6, n, cells.data(), room.data(), steps.back().out};
    auto r = noise<T>(n * k, 3);
    std::vector<T> z(r.size());
    std::vector<double> part(at(cuda::direction_partials(n))), scalars(2);
    for (index_t c = 0; c < k; ++c) {
        either_way(z, [&] {
            cuda::direction_network(launches, k, c, r.data(), z.data(), 0.25, part.data(), scalars.data(), 0);
        });
        const auto column = column_of(r, k, c), got = column_of(z, k, c);
        const std::vector<double> from(column.begin(), column.end());
        std::vector<double> wanted(from.size());
        direction_run(program, from.data(), wanted.data(), 0.25, Executor{});
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            KRISS_NEAR(static_cast<double>(got[i]), wanted[i], 1e-5);
        }
    }
    std::vector<T> none(r.size(), T(0)), first(r.size()), again(r.size());
    cuda::direction_network(launches, k, 0, r.data(), first.data(), 0.25, part.data(), scalars.data(), 0);
    cuda::direction_network(launches, k, 0, none.data(), z.data(), 0.25, part.data(), scalars.data(), 0);
    KRISS_CHECK(z.front() == T(0) && z[at((n - 1) * k)] == T(0));
    none[at(5 * k)] = std::numeric_limits<T>::quiet_NaN();
    cuda::direction_network(launches, k, 0, none.data(), z.data(), 0.25, part.data(), scalars.data(), 0);
    KRISS_CHECK(std::isnan(z.front()) && std::isnan(z[at((n - 1) * k)]));
    cuda::direction_network(launches, k, 0, r.data(), again.data(), 0.25, part.data(), scalars.data(), 0);
    for (index_t i = 0; i < n; ++i) {
        KRISS_CHECK(again[at(i * k)] == first[at(i * k)]);  // nothing is left of it
    }
}

}  // namespace

KRISS_CASE("convolutions of a device are those of the processor") {
    for (int kind = 0; kind < 16; ++kind) {
        convolution(1, 5, 19, true, 3, 8, kind);
    }
    convolution(1, 1, 1, true, 1, 4, 6);
    convolution(1, 33, 130, true, 4, 16, 13);
    convolution(3, 4, 17, false, 4, 4, 12);
    convolution(2, 1, 33, false, 2, 8, 3);
}

KRISS_CASE("means, the way back and sums of channels, odd sides too") {
    for (const bool flat : {true, false}) {
        Draw draw;
        const index_t n0 = flat ? 1 : 5;
        const Domain fine(draw, n0, 7, 21, flat), coarse(draw, (n0 + 1) / 2, 4, 11, flat);
        const int channels = 5;
        const Image in = fine.image(draw, channels), half = coarse.image(draw, channels), b = some(draw, channels);
        DirectionStep s;
        s.kind = DirectionKind::halve;
        s.inputs = s.outputs = channels;
        s.in = in.data();
        alike(fine, &coarse, s, half);
        s.kind = DirectionKind::enlarge;
        s.in = half.data();
        alike(fine, &coarse, s, in);
        s.skip = in.data();
        alike(fine, &coarse, s, in);
        DirectionStep sum;
        sum.kind = DirectionKind::sum;
        sum.inputs = channels;
        sum.outputs = 1;
        sum.in = in.data();
        sum.w = b.data();
        alike(fine, nullptr, sum, fine.image(draw, 1));
        sum.b = b.data();
        alike(fine, nullptr, sum, fine.image(draw, 1));
    }
}

KRISS_CASE("networks of a device are those of the processor") {
    network<double>(1);
    network<double>(3);
    network<float>(2);
}
