#include "gp_order.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace kriss {

namespace {

constexpr index_t leaf_size = 8;

struct Node {
    index_t begin, end;   // points of the tree's order
    index_t left = -1;    // the right child is left + 1
    index_t least = 0;    // lowest index of a point inside
    double farthest = 0;  // largest distance of a point inside
    index_t which = -1;   // that point, the lowest index among equals
};

double squared_distance(const double* a, const double* b, index_t d) {
    double sum = 0.0;
    for (index_t q = 0; q < d; ++q) {
        const double delta = a[q] - b[q];
        sum += delta * delta;
    }
    return sum;
}

// Boxes over x. Roundings are monotone, so that the computed distance to a box is never above the computed distance to
// a point inside: pruning loses nothing.
class Tree {
   public:
    Tree(index_t n, index_t d, const double* x) : d_(d), x_(x), item_(static_cast<std::size_t>(n)) {
        for (index_t i = 0; i < n; ++i) {
            item_[static_cast<std::size_t>(i)] = i;
        }
        if (n > 0) {
            nodes_.reserve(static_cast<std::size_t>(4 * n / leaf_size + 4));
            nodes_.push_back({0, n});
            bounds_.resize(static_cast<std::size_t>(2 * d));
            split();
        }
    }

    bool maximin(const double* centre, index_t* order, const Executor& ex);
    void nearest(const double* z, index_t m, index_t limit, double* best, index_t* near,
                 std::vector<index_t>& stack) const;

   private:
    const double* point(index_t i) const { return x_ + i * d_; }
    double box_distance(index_t node, const double* z) const {
        const double* low = bounds_.data() + 2 * d_ * node;
        double sum = 0.0;
        for (index_t q = 0; q < d_; ++q) {
            const double below = low[q] - z[q];
            const double above = z[q] - low[d_ + q];
            const double delta = below > 0.0 ? below : above > 0.0 ? above : 0.0;
            sum += delta * delta;
        }
        return sum;
    }
    Node& node(index_t k) { return nodes_[static_cast<std::size_t>(k)]; }
    const Node& node(index_t k) const { return nodes_[static_cast<std::size_t>(k)]; }
    void split();
    void refresh(Node& a);
    void update(index_t k, const double* z);

    index_t d_;
    const double* x_;
    std::vector<index_t> item_;
    std::vector<Node> nodes_;
    std::vector<double> bounds_;  // per node: lower corner, upper corner
    std::vector<double> distance_;
};

void Tree::split() {
    for (index_t k = 0; k < static_cast<index_t>(nodes_.size()); ++k) {
        const index_t begin = node(k).begin;
        const index_t end = node(k).end;
        bounds_.resize(static_cast<std::size_t>(2 * d_ * (k + 1)));
        double* low = bounds_.data() + 2 * d_ * k;
        double* high = low + d_;
        std::copy_n(point(item_[static_cast<std::size_t>(begin)]), d_, low);
        std::copy_n(low, d_, high);
        index_t least = std::numeric_limits<index_t>::max();
        for (index_t p = begin; p < end; ++p) {
            const index_t i = item_[static_cast<std::size_t>(p)];
            least = std::min(least, i);
            for (index_t q = 0; q < d_; ++q) {
                low[q] = std::min(low[q], point(i)[q]);
                high[q] = std::max(high[q], point(i)[q]);
            }
        }
        node(k).least = least;
        index_t widest = 0;
        for (index_t q = 1; q < d_; ++q) {
            widest = high[q] - low[q] > high[widest] - low[widest] ? q : widest;
        }
        if (end - begin <= leaf_size || !(high[widest] > low[widest])) {
            continue;
        }
        const index_t middle = begin + (end - begin) / 2;
        std::nth_element(item_.begin() + begin, item_.begin() + middle, item_.begin() + end, [&](index_t a, index_t b) {
            const double u = point(a)[widest];
            const double w = point(b)[widest];
            return u < w || (u == w && a < b);
        });
        node(k).left = static_cast<index_t>(nodes_.size());
        nodes_.push_back({begin, middle});
        nodes_.push_back({middle, end});
    }
}

// The farthest point of a node from its children or points.
void Tree::refresh(Node& a) {
    a.farthest = -1.0;
    a.which = -1;
    if (a.left >= 0) {
        for (index_t c = a.left; c < a.left + 2; ++c) {
            const Node& child = node(c);
            if (child.farthest > a.farthest || (child.farthest == a.farthest && child.which < a.which)) {
                a.farthest = child.farthest;
                a.which = child.which;
            }
        }
        return;
    }
    for (index_t p = a.begin; p < a.end; ++p) {
        const index_t i = item_[static_cast<std::size_t>(p)];
        const double far = distance_[static_cast<std::size_t>(i)];
        if (far > a.farthest || (far == a.farthest && far >= 0.0 && i < a.which)) {
            a.farthest = far;
            a.which = i;
        }
    }
}

// Distances to the chosen points after z has joined them. A chosen point has distance -1.
void Tree::update(index_t k, const double* z) {
    Node& a = node(k);
    const double near = box_distance(k, z);
    if (near > 0.0 && near >= a.farthest) {
        return;
    }
    if (a.left >= 0) {
        update(a.left, z);
        update(a.left + 1, z);
    } else {
        for (index_t p = a.begin; p < a.end; ++p) {
            const index_t i = item_[static_cast<std::size_t>(p)];
            double& far = distance_[static_cast<std::size_t>(i)];
            far = std::min(far, squared_distance(point(i), z, d_));
        }
    }
    refresh(a);
}

bool Tree::maximin(const double* centre, index_t* order, const Executor& ex) {
    const index_t n = static_cast<index_t>(item_.size());
    if (n == 0) {
        return true;
    }
    distance_.assign(static_cast<std::size_t>(n), std::numeric_limits<double>::infinity());
    index_t next = 0;
    for (index_t i = 1; i < n; ++i) {
        if (squared_distance(point(i), centre, d_) < squared_distance(point(next), centre, d_)) {
            next = i;
        }
    }
    for (Node& a : nodes_) {
        a.farthest = std::numeric_limits<double>::infinity();
    }
    for (index_t k = 0; k < n; ++k) {
        order[k] = next;
        distance_[static_cast<std::size_t>(next)] = -1.0;
        update(0, point(next));
        const Node& root = node(0);
        if (root.farthest == 0.0) {  // what is left repeats chosen points
            for (index_t i = 0; i < n; ++i) {
                if (distance_[static_cast<std::size_t>(i)] == 0.0) {
                    order[++k] = i;
                }
            }
            return true;
        }
        next = root.which;
        if (k % 64 == 0 && ex.interrupted()) {
            return false;
        }
    }
    return true;
}

// best, near: (m), filled in increasing distance.
void Tree::nearest(const double* z, index_t m, index_t limit, double* best, index_t* near,
                   std::vector<index_t>& stack) const {
    index_t have = 0;
    for (index_t s = 0; s < m; ++s) {
        near[s] = -1;
    }
    if (nodes_.empty() || m == 0) {
        return;
    }
    stack.clear();
    stack.push_back(0);
    while (!stack.empty()) {
        const index_t k = stack.back();
        stack.pop_back();
        const Node& a = node(k);
        if (a.least >= limit || (have == m && box_distance(k, z) > best[m - 1])) {
            continue;
        }
        if (a.left >= 0) {
            const bool right = box_distance(a.left + 1, z) < box_distance(a.left, z);
            stack.push_back(right ? a.left : a.left + 1);
            stack.push_back(right ? a.left + 1 : a.left);
            continue;
        }
        for (index_t p = a.begin; p < a.end; ++p) {
            const index_t i = item_[static_cast<std::size_t>(p)];
            if (i >= limit) {
                continue;
            }
            const double far = squared_distance(point(i), z, d_);
            if (have == m && (far > best[m - 1] || (far == best[m - 1] && i > near[m - 1]))) {
                continue;
            }
            index_t at = have < m ? have++ : m - 1;
            for (; at > 0 && (best[at - 1] > far || (best[at - 1] == far && near[at - 1] > i)); --at) {
                best[at] = best[at - 1];
                near[at] = near[at - 1];
            }
            best[at] = far;
            near[at] = i;
        }
    }
}

}  // namespace

bool gp_maximin(index_t n, index_t d, const double* x, const double* centre, index_t* order, const Executor& ex) {
    return Tree(n, d, x).maximin(centre, order, ex);
}

void gp_nearest(index_t n, index_t d, const double* x, index_t count, const double* z, index_t m, bool before,
                index_t* near, const Executor& ex) {
    const Tree tree(n, d, x);
    ex.parallel_for(count, 256, [&](index_t begin, index_t end) {
        std::vector<index_t> stack;
        std::vector<double> best(static_cast<std::size_t>(m));
        for (index_t i = begin; i < end; ++i) {
            tree.nearest(z + i * d, m, before ? i : n, best.data(), near + i * m, stack);
        }
    });
}

}  // namespace kriss
