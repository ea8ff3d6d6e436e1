// solve/direction_network.hpp against sums written out in double precision.
#include "kriss/solve/direction_network.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"
#include "direction_domain.hpp"
#include "solve_direction_kernels.hpp"

using namespace kriss;

namespace {

// One step through the table of this processor; a sum after it, as programs end with one.
Image stepped(const Domain& d, const Domain* coarse, const DirectionStep& s, Image out) {
    DirectionStep step = s;
    step.out = out.data();
    if (s.skip != nullptr) {
        step.skip = out.data();
    }
    direction_step(d.g, coarse != nullptr ? coarse->g : d.g, step, {}, {});
    return out;
}

void convolution(index_t n0, index_t n1, index_t n2, bool flat, bool rectify, bool bias, bool gated, bool skip) {
    Draw draw;
    const Domain d(draw, n0, n1, n2, flat);
    const int inputs = 3, outputs = 8, taps = flat ? 9 : 27;
    const Image in = d.image(draw, inputs), old = d.image(draw, outputs);
    const Image w = some(draw, inputs * taps * outputs), b = some(draw, outputs), slopes = some(draw, 2 * outputs);
    DirectionStep s;
    s.inputs = inputs;
    s.outputs = outputs;
    s.rectify = rectify;
    s.in = in.data();
    s.w = w.data();
    s.b = bias ? b.data() : nullptr;
    s.slopes = gated ? slopes.data() : nullptr;
    s.skip = skip ? old.data() : nullptr;
    const Image out = stepped(d, nullptr, s, old);
    const index_t image = d.g.image();
    Image rest = out;
    for (int o = 0; o < outputs; ++o) {
        for (index_t k = 0; k < d.g.lines(); ++k) {
            for (index_t p = 0; p < n2; ++p) {
                double sum = bias ? static_cast<double>(value_at(b, o)) : 0.0;
                for (int c = 0; c < inputs; ++c) {
                    for (int t = 0; t < taps; ++t) {
                        const index_t i = k / n1 + (flat ? 0 : t / 9 - 1), j = k % n1 + t / 3 % 3 - 1;
                        sum += d.value(in, c, i, j, p + t % 3 - 1) *
                               static_cast<double>(value_at(w, (c * taps + t) * outputs + o));
                    }
                }
                sum = rectify && sum < 0.0 ? 0.0 : sum;
                const index_t place = d.g.at(k) + p;
                double gate = static_cast<double>(value_at(d.fields, place));
                if (gated) {
                    gate += static_cast<double>(value_at(d.fields, image + place)) *
                            static_cast<double>(value_at(slopes, o));
                    gate += static_cast<double>(value_at(d.fields, 2 * image + place)) *
                            static_cast<double>(value_at(slopes, outputs + o));
                }
                const double start = skip ? static_cast<double>(value_at(old, o * image + place)) : 0.0;
                KRISS_NEAR(static_cast<double>(value_at(out, o * image + place)), start + gate * sum, 1e-5);
                rest[static_cast<std::size_t>(o * image + place)] = 0.0F;
            }
        }
    }
    for (float v : rest) {
        KRISS_CHECK(v == 0.0F);  // between the lines
    }
}

// Programs of one or two grids, run and stepped through: what both leave in their images.
struct Both {
    Domain fine, half;
    Image w, z, slopes, room, one;

    Both(Draw& draw, bool flat, index_t numbers)
        : fine(draw, flat ? 1 : 3, 6, 70, flat), half(draw, flat ? 1 : 2, 3, 35, flat) {
        for (index_t p = fine.g.at(2); p < fine.g.at(4); ++p) {  // no walls on two lines
            fine.fields[static_cast<std::size_t>(fine.g.image() + p)] = 0.0F;
            fine.fields[static_cast<std::size_t>(2 * fine.g.image() + p)] = 0.0F;
        }
        w = some(draw, channels * channels * (flat ? 9 : 27));
        z = some(draw, channels);
        slopes = some(draw, 2 * channels);
        room.assign(static_cast<std::size_t>(numbers), 0.0F);
    }

    static constexpr int channels = 4;

    DirectionStep decoded(const std::int64_t* item, Image& images) const {
        DirectionStep s = direction_decoded(item, w.data(), images.data());
        s.w = s.kind == DirectionKind::sum ? z.data() : s.w;
        s.slopes = item[9] < 0 ? nullptr : slopes.data();
        return s;
    }

    template <std::size_t N>
    void run(Draw& draw, const std::int64_t (&items)[N][direction_items]) {
        std::vector<DirectionStep> steps;
        for (const auto& item : items) {
            steps.push_back(decoded(item, room));
        }
        const DirectionGrid grids[] = {fine.g, half.g};
        const int levels[N] = {};
        std::vector<std::int64_t> cells;
        std::vector<double> r;
        for (index_t k = 0; k < fine.g.points(); ++k) {
            if (value_at(fine.fields, fine.g.place(k)) > 0.0F) {
                cells.push_back(fine.g.place(k));
                r.push_back(static_cast<double>(draw()));
            }
        }
        DirectionProgram p;
        p.grids = grids;
        p.steps = steps.data();
        p.levels = levels;
        p.count = static_cast<int>(N);
        p.n = static_cast<index_t>(cells.size());
        p.cells = cells.data();
        p.first = room.data();
        p.last = steps.back().out;
        // The image of the residual, by a program that only sums it up
        one.assign(room.size(), 0.0F);
        Image given(room.size(), 0.0F);
        DirectionStep sum = steps.back();
        sum.inputs = 1;
        sum.in = given.data();
        Image out(static_cast<std::size_t>(fine.g.image()), 0.0F);
        sum.out = out.data();
        DirectionProgram first = p;
        first.steps = &sum;
        first.count = 1;
        first.first = given.data();
        first.last = out.data();
        std::vector<double> answer(r.size());
        solve_direction_kernels().run(first, r.data(), answer.data(), 1.0, {});
        std::copy(given.begin(), given.begin() + fine.g.image(), one.begin());
        solve_direction_kernels().run(p, r.data(), answer.data(), 1.0, {});
        for (const auto& item : items) {
            const DirectionStep s = decoded(item, one);
            const bool two = s.kind == DirectionKind::halve || s.kind == DirectionKind::enlarge;
            direction_step(fine.g, two ? half.g : fine.g, s, {}, {});
        }
    }

    bool same(index_t from, index_t count) const {
        return std::equal(room.begin() + from, room.begin() + from + count, one.begin() + from);
    }
};

}  // namespace

KRISS_CASE("convolutions in two and three dimensions") {
    for (int kind = 0; kind < 16; ++kind) {
        convolution(1, 5, 19, true, (kind & 1) != 0, (kind & 2) != 0, (kind & 4) != 0, (kind & 8) != 0);
    }
    convolution(1, 2, 80, true, false, false, true, true);
    convolution(1, 1, 1, true, true, true, true, false);
    convolution(3, 4, 17, false, false, false, true, true);
    convolution(2, 1, 33, false, true, true, false, false);
}

KRISS_CASE("to the coarser grid and back, odd sides too") {
    Draw draw;
    for (const bool flat : {true, false}) {
        const index_t n0 = flat ? 1 : 5, n1 = 7, n2 = 21;
        const Domain fine(draw, n0, n1, n2, flat), coarse(draw, (n0 + 1) / 2, (n1 + 1) / 2, (n2 + 1) / 2, flat);
        const int channels = 4;
        const Image in = fine.image(draw, channels);
        DirectionStep s;
        s.kind = DirectionKind::halve;
        s.inputs = s.outputs = channels;
        s.in = in.data();
        const Image half =
            stepped(fine, &coarse, s, Image(static_cast<std::size_t>(channels * coarse.g.image()), 0.0F));
        DirectionStep back;
        back.kind = DirectionKind::enlarge;
        back.inputs = back.outputs = channels;
        back.in = half.data();
        back.skip = in.data();
        const Image out = stepped(fine, &coarse, back, in);
        for (int c = 0; c < channels; ++c) {
            for (index_t k = 0; k < coarse.g.lines(); ++k) {
                for (index_t p = 0; p < coarse.g.n2; ++p) {
                    double sum = 0.0;
                    const index_t i = flat ? 0 : 2 * (k / coarse.g.n1), j = 2 * (k % coarse.g.n1);
                    for (int corner = 0; corner < 8; ++corner) {
                        if (!flat || corner < 4) {
                            sum += fine.value(in, c, i + corner / 4, j + corner / 2 % 2, 2 * p + corner % 2);
                        }
                    }
                    const double inside = static_cast<double>(value_at(coarse.fields, coarse.g.at(k) + p));
                    KRISS_NEAR(coarse.value(half, c, flat ? 0 : k / coarse.g.n1, k % coarse.g.n1, p),
                               sum * inside / (flat ? 4.0 : 8.0), 1e-6);
                }
            }
            for (index_t k = 0; k < fine.g.lines(); ++k) {
                for (index_t p = 0; p < n2; ++p) {
                    const index_t i = k / n1, j = k % n1, place = fine.g.at(k) + p;
                    const double from = coarse.value(half, c, flat ? 0 : i / 2, j / 2, p / 2);
                    KRISS_NEAR(fine.value(out, c, i, j, p),
                               fine.value(in, c, i, j, p) + from * static_cast<double>(value_at(fine.fields, place)),
                               1e-6);
                }
            }
        }
    }
}

// later: the step that reads the channels of the sum once more
KRISS_CASE("a sum that is taken along") {
    for (const int later : {-1, 0, 1, 2}) {
        for (const bool flat : {true, false}) {
            Draw draw;
            const int channels = Both::channels;
            const Domain size(draw, flat ? 1 : 3, 6, 70, flat), small(draw, flat ? 1 : 2, 3, 35, flat);
            const index_t image = size.g.image(), least = channels * small.g.image();
            const index_t h = image, t = h + channels * image, out = t + channels * image, low = out + image;
            Both both(draw, flat, low + least);
            const std::int64_t items[][direction_items] = {
                {0, 0, 1, channels, 0, 0, -1, 0, -1, 0, h},
                {0, 0, channels, channels, 1, h, -1, 0, -1, 0, t},
                {3, 0, channels, 1, 0, t, -1, 0, -1, -1, out},
                {later == 0 ? 0 : 3, 0, channels, later == 0 ? channels : 1, 0, later == 0 ? t : h, -1, 0, -1, -1,
                 later == 0 ? h : out},
                {1, 0, channels, channels, 0, later == 1 ? t : h, -1, 0, -1, -1, low},
                {2, 0, channels, channels, 0, low, later == 2 ? t : h, 0, -1, -1, h},
                {3, 0, channels, 1, 0, h, -1, 0, -1, -1, out},
            };
            both.run(draw, items);
            KRISS_CHECK(both.same(0, image) && both.same(h, channels * image) && both.same(out, image));
            KRISS_CHECK(both.same(t, channels * image) == (later >= 0));  // nobody reads it otherwise
            KRISS_CHECK(both.same(low, least));
        }
    }
}

KRISS_CASE("a sum into what the convolution before it reads") {
    Draw draw;
    const int channels = Both::channels;
    const Domain size(draw, 1, 6, 70, true);
    const index_t image = size.g.image(), h = image, out = h + channels * image;
    Both both(draw, true, out + image);
    const std::int64_t items[][direction_items] = {
        {0, 0, 1, channels, 0, 0, -1, 0, -1, 0, h},    {3, 0, channels, 1, 0, h, -1, 0, -1, -1, 0},
        {0, 0, 1, channels, 0, 0, h, 0, -1, 0, h},     {3, 0, channels, 1, 0, h, -1, 0, -1, -1, h},
        {3, 0, channels, 1, 0, h, -1, 0, -1, -1, out},
    };
    both.run(draw, items);
    KRISS_CHECK(both.same(0, out + image));
}

KRISS_CASE("a program scales with the residual, and NaN comes out") {
    Draw draw;
    const Domain d(draw, 1, 6, 9, true);
    const int channels = 4;
    const Image w = some(draw, 9 * channels), z = some(draw, channels);
    Image room(static_cast<std::size_t>((channels + 2) * d.g.image()), 0.0F);
    DirectionStep steps[2];
    steps[0].inputs = 1;
    steps[0].outputs = channels;
    steps[0].in = room.data();
    steps[0].w = w.data();
    steps[0].out = room.data() + d.g.image();
    steps[1].kind = DirectionKind::sum;
    steps[1].inputs = channels;
    steps[1].outputs = 1;
    steps[1].in = steps[0].out;
    steps[1].w = z.data();
    steps[1].out = room.data() + (channels + 1) * d.g.image();
    const int levels[2] = {0, 0};
    std::vector<std::int64_t> cells;
    for (index_t k = 0; k < d.g.lines(); ++k) {
        for (index_t p = 0; p < d.g.n2; ++p) {
            if (value_at(d.fields, d.g.at(k) + p) > 0.0F) {
                cells.push_back(d.g.at(k) + p);
            }
        }
    }
    DirectionProgram p;
    p.grids = &d.g;
    p.steps = steps;
    p.levels = levels;
    p.count = 2;
    p.n = static_cast<index_t>(cells.size());
    p.cells = cells.data();
    p.first = room.data();
    p.last = steps[1].out;
    std::vector<double> r(cells.size()), one(cells.size()), two(cells.size());
    for (double& v : r) {
        v = static_cast<double>(draw());
    }
    const auto run = solve_direction_kernels().run;
    run(p, r.data(), one.data(), 1.0, {});
    for (const int exponent : {-1060, -300, 3, 300, 1000}) {
        std::vector<double> scaled(r);
        for (double& v : scaled) {
            v = std::ldexp(v, exponent);
        }
        run(p, scaled.data(), two.data(), 0.5, {});
        for (std::size_t k = 0; k < r.size(); ++k) {
            KRISS_NEAR(std::ldexp(two[k], 1 - exponent), one[k], exponent < -1000 ? 1e-3 : 1e-6);
        }
    }
    std::vector<double> zero(r.size(), 0.0);
    run(p, zero.data(), two.data(), 1.0, {});
    KRISS_CHECK(two[0] == 0.0 && two.back() == 0.0);
    for (const std::size_t k : {std::size_t{0}, r.size() / 2, r.size() - 1}) {
        zero = r;
        zero[k] = std::numeric_limits<double>::quiet_NaN();
        run(p, zero.data(), two.data(), 1.0, {});
        KRISS_CHECK(std::isnan(two[0]));
        zero[k] = std::numeric_limits<double>::infinity();
        run(p, zero.data(), two.data(), 1.0, {});
        KRISS_CHECK(std::isnan(two[0]));
    }
}
