// Random domains on a grid, and images on them, for the tests of networks of search directions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "draw.hpp"
#include "kriss/solve/direction_steps.hpp"

using namespace kriss;

namespace {

using Image = std::vector<float>;

Image some(Draw& draw, index_t count) {
    Image out(static_cast<std::size_t>(count));
    for (float& v : out) {
        v = draw();
    }
    return out;
}

float value_at(const Image& v, index_t k) { return v[static_cast<std::size_t>(k)]; }

struct Domain {
    DirectionGrid g;
    Image fields;

    Domain(Draw& draw, index_t n0, index_t n1, index_t n2, bool flat) {
        g.n0 = n0;
        g.n1 = n1;
        g.n2 = n2;
        g.flat = flat;
        fields.assign(static_cast<std::size_t>(direction_fields * g.image()), 0.0F);
        for (index_t k = 0; k < g.lines(); ++k) {
            for (index_t p = 0; p < n2; ++p) {
                const bool inside = draw() > -0.7F;
                const index_t place = g.at(k) + p;
                fields[static_cast<std::size_t>(place)] = inside ? 1.0F : 0.0F;
                fields[static_cast<std::size_t>(g.image() + place)] = inside ? 0.5F * draw() : 0.0F;
                fields[static_cast<std::size_t>(2 * g.image() + place)] = inside ? 0.5F * draw() : 0.0F;
            }
        }
        g.fields = fields.data();
    }
    // An image with zeros between its lines.
    Image image(Draw& draw, index_t channels) const {
        Image out(static_cast<std::size_t>(channels * g.image()), 0.0F);
        for (index_t c = 0; c < channels; ++c) {
            for (index_t k = 0; k < g.lines(); ++k) {
                for (index_t p = 0; p < g.n2; ++p) {
                    out[static_cast<std::size_t>(c * g.image() + g.at(k) + p)] = draw();
                }
            }
        }
        return out;
    }
    // Where point (i, j, p) is; 0 outside.
    double value(const Image& v, index_t c, index_t i, index_t j, index_t p) const {
        if (i < 0 || j < 0 || p < 0 || i >= g.n0 || j >= g.n1 || p >= g.n2) {
            return 0.0;
        }
        return static_cast<double>(value_at(v, c * g.image() + g.at(i * g.n1 + j) + p));
    }
};

}  // namespace
