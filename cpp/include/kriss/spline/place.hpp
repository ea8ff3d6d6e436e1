// Where to put a given number of knots of a least-squares spline.
//
// C. de Boor, A Practical Guide to Splines, Springer 1978, chapter XII (newnot): the k-th derivative of the present fit
// is constant on each cell; from its jumps e estimates |s^(k+1)|, and new knots give every cell the same share of the
// integral of e^(1/(k+1)). From several starts, a few rounds each. D. L. B. Jupp, Approximation to data by splines with
// free knots, SIAM J. Numer. Anal. 15, 1978: the logarithms of ratios of neighbouring widths are free variables; the
// coefficients are solved for at every step, and the residual is reduced by Levenberg's and Marquardt's damped
// Gauss-Newton steps. The sum of squares has many local minima, so one knot at a time is first tried at places all over
// the room between its neighbours.
//
// Work: one solution (lsq.hpp) per trial, some 50 for the starts, then (9 sweeps + iterations) (number + 1) per
// polished candidate.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/math.hpp"
#include "kriss/spline/lsq.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

struct PlaceOptions {
    index_t rounds = 12;      // of newnot per start
    index_t polished = 3;     // candidates that are improved
    index_t sweeps = 0;       // at most, one knot at a time
    index_t iterations = 25;  // at most, all knots together
    index_t relocations = 4;  // at most, any knot to any cell
};

// Items of T that place_knots needs as scratch.
inline index_t place_work(index_t points, index_t number, int k, index_t starts, const PlaceOptions& o) {
    const index_t n = number + k + 1;
    return (n + k + 1) + n * (k + 1) + 2 * n + 1 + lsq_block(k, 1) + (starts * o.rounds + 2) * (number + 1) +
           points * (number + 2) + number * (2 * number + 5) + 3 * number + 2;
}

namespace detail {

template <class T>
struct Placer {
    const T* x;
    const T* y;
    const T* w;
    index_t points;
    index_t number;
    int k;
    const Executor* ex;
    T* t;      // (number + 2 k + 2)
    T* c;      // (number + k + 1)
    T* block;  // lsq_block(k, 1)
    BandTriangle<T> s;
    index_t solved;
    bool stopped;

    index_t n() const { return number + k + 1; }

    // Schoenberg and Whitney: data x_j with t_j < x_j < t_{j+k+1}, one for each B-spline, and knots that increase.
    bool admissible() const {
        for (index_t i = k; i < n(); ++i) {
            if (!(t[i] < t[i + 1])) {
                return false;
            }
        }
        index_t j = 0;
        for (index_t i = 0; i < n(); ++i) {
            while (j < points && !(x[j] > t[i] || (i == 0 && x[j] >= t[0]))) {
                ++j;
            }
            if (!(j < points && (x[j] < t[i + k + 1] || (i == n() - 1 && x[j] <= t[n()])))) {
                return false;
            }
            ++j;
        }
        return true;
    }

    // Residual sum of squares with these interior knots; infinity where there is no fit.
    T solve(const T* interior) {
        for (int i = 0; i <= k; ++i) {
            t[i] = x[0];
            t[n() + i] = x[points - 1];
        }
        for (index_t i = 0; i < number; ++i) {
            t[k + 1 + i] = interior[i];
        }
        const T none = T(__builtin_inf());
        if (stopped || !admissible()) {
            return none;
        }
        ++solved;
        const Info info = lsq_solve(x, y, w, points, t, s, c, block, *ex);
        if (info.status == Status::interrupted || ex->interrupted()) {
            stopped = true;
        }
        return info.status == Status::ok ? s.rss[0] : none;
    }

    // Weighted residuals of the last solution.
    void residuals(T* out) const {
        each_block(t, n(), k, x, points, Executor{}, [&](index_t cell, index_t begin, index_t end) {
            basis_block(t, k, cell, x + begin, end - begin, block);
            for (index_t i = 0; i < end - begin; ++i) {
                T v = y[begin + i];
                for (int a = 0; a <= k; ++a) {
                    v -= c[cell + a] * block[a * lsq_rows + i];
                }
                out[begin + i] = w[begin + i] * v;
            }
        });
    }

    // Interior knots that equidistribute the last solution; density: (number + 1) scratch.
    void newnot(T* interior, T* top, T* density) const {
        const index_t cells = number + 1;
        for (index_t cell = 0; cell < cells; ++cell) {
            T d[lsq_max_degree + 1];
            for (int a = 0; a <= k; ++a) {
                d[a] = c[cell + a];
            }
            for (int j = 1; j <= k; ++j) {
                for (int a = k; a >= j; --a) {
                    d[a] = T(k - j + 1) * (d[a] - d[a - 1]) / (t[cell + a + k - j + 1] - t[cell + a]);
                }
            }
            top[cell] = d[k];
        }
        const T* const b = t + k;
        T most = T(0);
        for (index_t i = 0; i < cells; ++i) {
            const T before = i > 0 ? jump(top, b, i - 1) : jump(top, b, 0);
            const T after = i + 1 < cells ? jump(top, b, i) : jump(top, b, cells - 2);
            density[i] = before + after;
            most = density[i] > most ? density[i] : most;
        }
        T total = T(0);
        for (index_t i = 0; i < cells; ++i) {
            // A floor keeps cells where the derivative happens to vanish from growing without bound.
            const T e = density[i] > T(1e-12) * most ? density[i] : T(1e-12) * most;
            density[i] = most > T(0) ? math::exp(math::log(e) / T(k + 1)) : T(1);
            total += density[i] * (b[i + 1] - b[i]);
        }
        T reached = T(0);
        index_t cell = 0;
        for (index_t i = 0; i < number; ++i) {
            const T wanted = total * T(i + 1) / T(cells);
            while (cell + 1 < cells && reached + density[cell] * (b[cell + 1] - b[cell]) < wanted) {
                reached += density[cell] * (b[cell + 1] - b[cell]);
                ++cell;
            }
            interior[i] = b[cell] + (wanted - reached) / density[cell];
        }
    }

    static T jump(const T* top, const T* b, index_t i) {
        const T v = (top[i + 1] - top[i]) / (b[i + 2] - b[i]);
        return v < T(0) ? -v : v;
    }

    // One knot at a time to a better place between its neighbours, while a sweep gains 1 %. trial: (number) scratch.
    T sweep(T* interior, T rss, index_t sweeps, T* trial) {
        for (index_t round = 0; round < sweeps; ++round) {
            const T before = rss;
            for (index_t j = 0; j < number; ++j) {
                const T low = j > 0 ? interior[j - 1] : x[0];
                const T high = j + 1 < number ? interior[j + 1] : x[points - 1];
                const T room = high - low;
                const T start = interior[j];
                for (int place = 0; place < 9; ++place) {
                    for (index_t i = 0; i < number; ++i) {
                        trial[i] = interior[i];
                    }
                    trial[j] = place < 7 ? low + room * (T(0.02) + T(0.16) * T(place))
                                         : start + (place == 7 ? T(-0.02) : T(0.02)) * room;
                    if (!(trial[j] > low && trial[j] < high)) {
                        continue;
                    }
                    const T found = solve(trial);
                    if (found < rss) {
                        rss = found;
                        interior[j] = trial[j];
                    }
                }
            }
            if (!(rss < T(0.99) * before)) {
                break;
            }
        }
        return rss;
    }

    // Interior knots from Jupp's variables.
    void knots_of(const T* kappa, T* interior) const {
        const T low = x[0];
        const T high = x[points - 1];
        T log_width = T(0);
        T total = T(1);
        for (index_t i = 0; i < number; ++i) {
            log_width += kappa[i];
            total += math::exp(log_width > T(60) ? T(60) : log_width < T(-60) ? T(-60) : log_width);
        }
        log_width = T(0);
        T sum = T(1);
        for (index_t i = 0; i < number; ++i) {
            interior[i] = low + (high - low) * (sum / total);
            log_width += kappa[i];
            sum += math::exp(log_width > T(60) ? T(60) : log_width < T(-60) ? T(-60) : log_width);
        }
    }

    // All knots together. work: points * (number + 2) + number * (2 * number + 5).
    T together(T* interior, T rss, index_t iterations, T* work) {
        T* const r = work;                             // (points)
        T* const moved = r + points;                   // (points)
        T* const jac = moved + points;                 // (number, points)
        T* const normal = jac + number * points;       // (number, number)
        T* const gradient = normal + number * number;  // (number)
        T* const kappa = gradient + number;            // (number)
        T* const step = kappa + number;                // (number)
        T* const trial = step + number;                // (number)
        T* const ahead = trial + number;               // (number), then factors (number, number) after it
        T* const factor = ahead + number;
        T before = interior[0] - x[0];
        for (index_t i = 0; i < number; ++i) {
            const T after = (i + 1 < number ? interior[i + 1] : x[points - 1]) - interior[i];
            kappa[i] = math::log(after / before);
            before = after;
        }
        T damping = T(1e-3);
        bool fresh = true;
        for (index_t round = 0; round < iterations && !stopped; ++round) {
            if (fresh) {
                knots_of(kappa, trial);
                const T now = solve(trial);
                if (!(now < T(__builtin_inf()))) {
                    return rss;
                }
                residuals(r);
                constexpr T h = T(1e-6);
                for (index_t j = 0; j < number; ++j) {
                    const T kept = kappa[j];
                    kappa[j] = kept + h;
                    knots_of(kappa, trial);
                    kappa[j] = kept;
                    if (!(solve(trial) < T(__builtin_inf()))) {
                        return rss;
                    }
                    residuals(moved);
                    for (index_t i = 0; i < points; ++i) {
                        jac[j * points + i] = (moved[i] - r[i]) / h;
                    }
                }
                for (index_t a = 0; a < number; ++a) {
                    for (index_t b = 0; b <= a; ++b) {
                        T sum = T(0);
                        for (index_t i = 0; i < points; ++i) {
                            sum += jac[a * points + i] * jac[b * points + i];
                        }
                        normal[a * number + b] = sum;
                    }
                    T sum = T(0);
                    for (index_t i = 0; i < points; ++i) {
                        sum += jac[a * points + i] * r[i];
                    }
                    gradient[a] = sum;
                }
                fresh = false;
            }
            T largest = T(0);
            for (index_t a = 0; a < number; ++a) {
                largest = normal[a * number + a] > largest ? normal[a * number + a] : largest;
            }
            bool good = largest > T(0);
            for (index_t a = 0; a < number && good; ++a) {
                for (index_t b = 0; b <= a; ++b) {
                    T v = normal[a * number + b];
                    v += a == b ? damping * (v + T(1e-6) * largest) : T(0);
                    for (index_t l = 0; l < b; ++l) {
                        v -= factor[a * number + l] * factor[b * number + l];
                    }
                    if (a == b) {
                        good = v > T(0);
                        factor[a * number + a] = good ? T(__builtin_sqrt(v)) : T(1);
                    } else {
                        factor[a * number + b] = v / factor[b * number + b];
                    }
                }
            }
            if (!good) {
                return rss;
            }
            for (index_t a = 0; a < number; ++a) {
                T v = -gradient[a];
                for (index_t l = 0; l < a; ++l) {
                    v -= factor[a * number + l] * step[l];
                }
                step[a] = v / factor[a * number + a];
            }
            for (index_t a = number - 1; a >= 0; --a) {
                T v = step[a];
                for (index_t l = a + 1; l < number; ++l) {
                    v -= factor[l * number + a] * step[l];
                }
                step[a] = v / factor[a * number + a];
            }
            for (index_t a = 0; a < number; ++a) {
                ahead[a] = kappa[a] + step[a];
            }
            knots_of(ahead, trial);
            const T found = solve(trial);
            if (found < rss) {
                const bool slow = found > rss * T(1 - 1e-4);
                rss = found;
                for (index_t a = 0; a < number; ++a) {
                    kappa[a] = ahead[a];
                    interior[a] = trial[a];
                }
                damping *= T(0.2);
                fresh = true;
                if (slow) {
                    return rss;
                }
            } else {
                damping *= T(5);
                if (damping > T(1e6)) {
                    return rss;
                }
            }
        }
        return rss;
    }
};

}  // namespace detail

// x: (points) sorted, y: (points), w: (points) weights of the residuals, starts: (starts, number) interior knots to
// begin with, number >= 1; knots: (number) the best found, *rss its sum of squares, infinity if no start admits a fit,
// *solved the number of least-squares solutions.
template <class T>
Info place_knots(const T* x, const T* y, const T* w, index_t points, int k, index_t number, const T* starts,
                 index_t start_count, const PlaceOptions& o, T* knots, T* rss, index_t* solved, T* work,
                 const Executor& ex) {
    const index_t n = number + k + 1;
    T* next = work;
    const auto take = [&next](index_t items) {
        T* const here = next;
        next += items;
        return here;
    };
    detail::Placer<T> p{};
    p.x = x;
    p.y = y;
    p.w = w;
    p.points = points;
    p.number = number;
    p.k = k;
    p.ex = &ex;
    p.t = take(n + k + 1);
    p.c = take(n);
    p.block = take(lsq_block(k, 1));
    p.s = BandTriangle<T>{n, k, 1, take(n * (k + 1)), take(n), take(1)};
    T* const found = take((start_count * o.rounds + 2) * (number + 1));  // rows: rss, knots
    T* const trial = take(number);
    T* const top = take(number + 1);
    T* const density = take(number + 1);
    T* const rest = next;
    index_t count = 0;
    for (index_t start = 0; start < start_count; ++start) {
        for (index_t i = 0; i < number; ++i) {
            trial[i] = starts[start * number + i];
        }
        for (index_t round = 0; round < o.rounds; ++round) {
            const T value = p.solve(trial);
            if (!(value < T(__builtin_inf()))) {
                break;
            }
            // Kept sorted, best first.
            index_t at = count;
            while (at > 0 && found[(at - 1) * (number + 1)] > value) {
                for (index_t i = 0; i <= number; ++i) {
                    found[at * (number + 1) + i] = found[(at - 1) * (number + 1) + i];
                }
                --at;
            }
            found[at * (number + 1)] = value;
            for (index_t i = 0; i < number; ++i) {
                found[at * (number + 1) + 1 + i] = trial[i];
            }
            ++count;
            p.newnot(trial, top, density);
        }
    }
    *rss = count > 0 ? found[0] : T(__builtin_inf());
    for (index_t i = 0; i < number && count > 0; ++i) {
        knots[i] = found[1 + i];
    }
    // The best candidates and, every eighth, some of the others: good starts beat long polishing.
    for (index_t i = 0; i < o.polished && *rss > T(0) && !p.stopped; ++i) {
        const index_t which = i < 3 ? i : 3 + 8 * (i - 3);
        if (which >= count) {
            break;
        }
        T* const interior = found + which * (number + 1) + 1;
        T value = p.sweep(interior, interior[-1], o.sweeps, trial);
        value = p.together(interior, value, o.iterations, rest);
        if (value < *rss) {
            *rss = value;
            for (index_t a = 0; a < number; ++a) {
                knots[a] = interior[a];
            }
        }
    }
    // The best one with any knot taken out and put into the middle of any cell; the two most promising are improved.
    for (index_t round = 0; round < o.relocations && count > 0 && *rss > T(0) && !p.stopped; ++round) {
        const T before = *rss;
        T* const two = found;  // the candidates are not needed any more
        two[0] = two[number + 1] = T(__builtin_inf());
        for (index_t out = 0; out < number; ++out) {
            for (index_t cell = 0; cell <= number; ++cell) {
                if (cell == out || cell == out + 1) {
                    continue;
                }
                const T low = cell > 0 ? knots[cell - 1] : x[0];
                const T high = cell < number ? knots[cell] : x[points - 1];
                index_t at = 0;
                for (index_t i = 0; i <= number; ++i) {
                    if (i == cell) {
                        trial[at++] = low + (high - low) / T(2);
                    }
                    if (i < number && i != out) {
                        trial[at++] = knots[i];
                    }
                }
                const T value = p.solve(trial);
                T* const worse = two + number + 1;
                if (!(value < worse[0])) {
                    continue;
                }
                T* const into = value < two[0] ? two : worse;
                if (into == two) {
                    for (index_t i = 0; i <= number; ++i) {
                        worse[i] = two[i];
                    }
                }
                into[0] = value;
                for (index_t i = 0; i < number; ++i) {
                    into[1 + i] = trial[i];
                }
            }
        }
        for (index_t which = 0; which < 2; ++which) {
            T* const interior = two + which * (number + 1) + 1;
            if (!(interior[-1] < T(__builtin_inf()))) {
                continue;
            }
            const T value = p.together(interior, interior[-1], o.iterations, rest);
            if (value < *rss) {
                *rss = value;
                for (index_t a = 0; a < number; ++a) {
                    knots[a] = interior[a];
                }
            }
        }
        if (!(*rss < T(0.999) * before)) {
            break;
        }
    }
    *solved = p.solved;
    return {p.stopped ? Status::interrupted : Status::ok, -1};
}

KRISS_NAMESPACE_END
