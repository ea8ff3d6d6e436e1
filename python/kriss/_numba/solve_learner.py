"""Numba twins of the learner of solver parameters and of the look at a matrix that returns; same order of operations.

See cpp/include/kriss/solve/learner.hpp, which explains the steps, and cpp/include/kriss/solve/renewal.hpp.
"""

import math

import numpy as np
from numba import njit

N, CLOCK, OFFSET, TRACK, CHANGED, JUDGED, USUAL, MEAN, FAST, WEIGHT, READY, VIEW, ERROR = range(13)
(
    T_EFFECT, T_LOCAL, T_LEAST, T_MOST, T_BONUS, T_BOLD, T_EVERY, T_NOISE, T_FORGET, T_SETTLED, T_FOLLOW, T_SURPRISE,
    T_FAST, T_WHOLE,
) = range(14)  # fmt: skip
V_LINEAR, V_RANK, V_OWN, V_AGE, V_SINCE, V_PRIOR, V_BELIEVE, V_DOUBT, V_TREND, V_FLOOR = range(10)
R_ARM, R_TIME, R_COST, R_LEVEL, R_WEIGHT, R_TREND, R_PLACES = range(7)
FADE, PRIOR, FAR = 0.998, 20.0, 3.0  # of the smearing estimates
solve_grain = 4096


@njit(cache=True, nogil=True)
def _settle(tuning, table, numbers, errors):
    least, best = np.inf, 0
    for v in range(errors.size):
        doubted = (errors[v] + 1e-4) * table[v, V_DOUBT]
        if doubted < least:
            least, best = doubted, v
    error = 0.1
    if numbers[JUDGED] > 0.0:
        error = math.sqrt(errors[best] / numbers[JUDGED])
        floor = table[best, V_FLOOR]
        error = error if error > floor else floor
        whole = tuning[T_WHOLE] * math.exp(-(numbers[OFFSET] + numbers[USUAL]))
        blur = whole if whole < tuning[T_NOISE] else tuning[T_NOISE]
        error = error if error > blur else blur
        error = error if error < tuning[T_MOST] else tuning[T_MOST]
    numbers[VIEW], numbers[ERROR] = best, error


@njit(cache=True, nogil=True)
def _precision(factor, counts, ridge, chol):
    arms, r = factor.shape
    for i in range(r):
        for j in range(r):
            chol[i, j] = 0.0
    for a in range(arms):
        if counts[a] == 0.0:
            continue
        for i in range(r):
            w = counts[a] * factor[a, i]
            for j in range(i + 1):
                chol[i, j] += w * factor[a, j]
    for j in range(r):
        d = chol[j, j] + ridge
        for k in range(j):
            d -= chol[j, k] * chol[j, k]
        chol[j, j] = math.sqrt(d if d > 0.0 else ridge)
        for i in range(j + 1, r):
            s = chol[i, j]
            for k in range(j):
                s -= chol[i, k] * chol[j, k]
            chol[i, j] = s / chol[j, j]


@njit(cache=True, nogil=True)
def _forward(chol, x):
    for i in range(x.size):
        s = x[i]
        for k in range(i):
            s -= chol[i, k] * x[k]
        x[i] = s / chol[i, i]


@njit(cache=True, nogil=True)
def _posterior(factor, counts, rest, ridge, chol, room, mean):
    arms, r = factor.shape
    _precision(factor, counts, ridge, chol)
    for i in range(r):
        room[i] = 0.0
    for a in range(arms):
        if rest[a] != 0.0:
            for i in range(r):
                room[i] += rest[a] * factor[a, i]
    _forward(chol, room)
    for i in range(r - 1, -1, -1):
        s = room[i]
        for k in range(i + 1, r):
            s -= chol[k, i] * room[k]
        room[i] = s / chol[i, i]
    for a in range(arms):
        s = 0.0
        for i in range(r):
            s += factor[a, i] * room[i]
        mean[a] = s


@njit(cache=True, nogil=True)
def _effects(tuning, factor, numbers, totals, rest, chol, room, effects):
    noise = numbers[ERROR] if numbers[ERROR] < tuning[T_NOISE] else tuning[T_NOISE]
    ratio = tuning[T_LOCAL] / tuning[T_EFFECT]
    arms = effects.size
    count, total = 0.0, 0.0
    for a in range(arms):
        count += totals[0, a]
        total += totals[1, a]
    mean = total / count if count > 0.0 else 0.0
    numbers[MEAN] = mean
    for a in range(arms):
        rest[a] = totals[1, a] - mean * totals[0, a]
    _posterior(factor, totals[0], rest, noise * noise * (ratio * ratio), chol, room, effects)
    for a in range(arms):
        effects[a] = mean + effects[a]


@njit(inline="always")
def _rank(row, n, x):
    below = 0.0
    for s in range(n):
        below += 1.0 if row[s] < x else 0.5 if row[s] == x else 0.0
    return below


@njit(cache=True, nogil=True)
def _distances(numbers, bounds, rows, place, near, known):
    n = int(numbers[N])
    p = place.size
    d = (p - 1) // 2
    for part in range(3):
        first = 2 * d if part == 2 else 0
        last = p if part == 2 else d
        known[part] = True
        for k in range(first, last):
            known[part] = known[part] and math.isfinite(place[k])
        if not known[part]:
            continue
        for s in range(n):
            near[part, s] = 0.0
        for k in range(first, last):
            low = bounds[0, k] if bounds[0, k] < place[k] else place[k]
            high = bounds[1, k] if bounds[1, k] > place[k] else place[k]
            scale = 1.0 / (high - low) if high > low else 1.0
            at = place[k]
            row = rows[R_PLACES + k]
            if part == 1:
                at = _rank(row, n, at)
                scale = 1.0 / n
                row = rows[R_PLACES + d + k]
            for s in range(n):
                off = (row[s] - at) * scale
                near[part, s] += off * off
        for s in range(n):
            if math.isnan(near[part, s]):
                near[part, s] = 1e3
    for s in range(n):
        near[3, s] = numbers[CLOCK] - rows[R_TIME, s]


@njit(cache=True, nogil=True)
def _gather(numbers, rows, near, view, counts, costs):
    trending = view[V_TREND] != 0.0
    changed = numbers[CHANGED]
    since = view[V_SINCE] != 0.0 and changed > 0.0
    part = 0 if view[V_LINEAR] != 0.0 else 1 if view[V_RANK] != 0.0 else 2 if view[V_OWN] != 0.0 else -1
    sharp = 0.0 if part < 0 else view[part]
    fade = view[V_AGE]
    for a in range(counts.size):
        counts[a] = costs[a] = 0.0
    for s in range(int(numbers[N])):
        if since and rows[R_TIME, s] < changed:
            continue
        e = 0.0 if part < 0 else sharp * near[part, s]
        e += fade * near[3, s]
        if not e > -50.0:
            continue
        w = rows[R_WEIGHT, s] if e == 0.0 else math.exp(e) * rows[R_WEIGHT, s]
        a = int(rows[R_ARM, s])
        counts[a] += w
        costs[a] += w * rows[R_TREND, s] if trending else w * rows[R_COST, s]


@njit(cache=True, nogil=True, error_model="numpy")
def _choose(tuning, table, factor, numbers, totals, bounds, rows, guess, place, choosing):
    m, r = factor.shape
    near = np.empty((4, rows.shape[1]))
    counts, rest, effects, seen = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    behind, precision, chol, room = np.empty((r, r)), np.empty((r, r)), np.empty((r, r)), np.empty(r)
    known = np.empty(3, np.bool_)
    error = numbers[ERROR]
    noise = error if error < tuning[T_NOISE] else tuning[T_NOISE]
    believed = int(numbers[VIEW])
    _effects(tuning, factor, numbers, totals, rest, precision, room, effects)
    _distances(numbers, bounds, rows, place, near, known)
    mean = numbers[MEAN]
    for v in range(len(table)):
        view = table[v]
        there = True
        for part in range(3):
            there = there and (view[part] == 0.0 or known[part])
        if not there:
            for a in range(m):
                guess[v, a] = guess[0, a]
            continue
        _gather(numbers, rows, near, view, counts, rest)
        for a in range(m):
            rest[a] -= counts[a] * (mean + (effects[a] - mean) * view[V_BELIEVE])
        _posterior(factor, counts, rest, noise * noise * view[V_PRIOR], chol, room, guess[v])
        track = numbers[TRACK] if view[V_TREND] != 0.0 else 0.0
        for a in range(m):
            guess[v, a] += mean + (effects[a] - mean) * view[V_BELIEVE] + track
        if v in (0, believed):
            for a in range(m):
                seen[a] = counts[a]
            for i in range(r):
                for j in range(r):
                    behind[i, j] = chol[i, j]
    numbers[READY] = 1.0
    if not choosing:
        return -1
    near_sum, all_sum, ones, over, off = 0.0, 0.0, 0.0, 0.0, 0.0
    for a in range(m):
        near_sum += seen[a]
        all_sum += totals[0, a]
        ones += totals[2, a]
        over += totals[3, a]
        off += totals[4, a]
    for i in range(r):
        here, every = 0.0, 0.0
        for a in range(m):
            here += seen[a] * factor[a, i]
            every += totals[0, a] * factor[a, i]
        rest[i] = every / all_sum
        counts[i] = here / near_sum if near_sum > 1e-6 else rest[i]
    period = tuning[T_EVERY]
    turn = numbers[CLOCK] - period * math.floor(numbers[CLOCK] / period)
    bonus = tuning[T_BOLD] if turn == period - 1.0 else tuning[T_BONUS]
    believe = table[believed, V_BELIEVE]
    least, best = np.inf, 0
    for a in range(m):
        spread = 0.0
        for k in range(2):
            for i in range(r):
                room[i] = factor[a, i] - (counts[i] if k == 0 else rest[i])
            _forward(behind if k == 0 else precision, room)
            square = 0.0
            for i in range(r):
                square += room[i] * room[i]
            spread += square if k == 0 else square * believe
        smear = 0.0
        if ones > 0.0:
            held = PRIOR + totals[2, a]
            smear = math.log((PRIOR * over / ones + totals[3, a]) / held)
            smear -= (PRIOR * off / ones + totals[4, a]) / held
        bound = guess[believed, a] + smear * believe - bonus * error * math.sqrt(spread)
        if bound < least:
            least, best = bound, a
    return best


@njit(cache=True, nogil=True)
def _add(numbers, totals, bounds, rows, arm, place, y, level):
    k = int(numbers[N])
    rows[R_ARM, k] = arm
    rows[R_TIME, k] = numbers[CLOCK]
    rows[R_COST, k] = y
    rows[R_LEVEL, k] = level
    for j in range(place.size):
        rows[R_PLACES + j, k] = place[j]
        bounds[0, j] = place[j] if place[j] < bounds[0, j] else bounds[0, j]
        bounds[1, j] = place[j] if place[j] > bounds[1, j] else bounds[1, j]
    d = (place.size - 1) // 2
    for j in range(d):
        row, rank = rows[R_PLACES + j], rows[R_PLACES + d + j]
        for s in range(k):
            rank[s] += 1.0 if place[j] < row[s] else 0.5 if place[j] == row[s] else 0.0
        rank[k] = place[j] if math.isnan(place[j]) else _rank(row, k, place[j])
    if k == 0:
        numbers[USUAL] = level
    numbers[USUAL] += (level - numbers[USUAL]) / min(numbers[CLOCK] + 1.0, 200.0)
    above = level - numbers[USUAL]
    above = above if above > -1.5 else -1.5
    above = above if above < 1.5 else 1.5
    w = math.exp(above)
    rows[R_WEIGHT, k] = w
    rows[R_TREND, k] = y - numbers[TRACK]
    totals[0, arm] += w
    totals[1, arm] += w * (y - level)
    numbers[N] += 1.0
    numbers[CLOCK] += 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _update(tuning, table, numbers, totals, errors, bounds, rows, guess, arm, place, y):
    if numbers[CLOCK] == 0.0:
        numbers[OFFSET] = y
    y -= numbers[OFFSET]
    level = trend = y
    if numbers[READY] != 0.0:
        mine = guess[int(numbers[VIEW])]
        miss = (mine[arm] - y) * (mine[arm] - y)
        if numbers[CLOCK] >= tuning[T_SETTLED]:
            for a in range(totals.shape[1]):
                totals[2, a] *= FADE
                totals[3, a] *= FADE
                totals[4, a] *= FADE
            above = y - mine[arm]
            above = above if above < FAR else FAR
            above = above if above > -FAR else -FAR
            totals[2, arm] += 1.0
            totals[3, arm] += math.exp(above)
            totals[4, arm] += above
        usual = tuning[T_SURPRISE] * numbers[ERROR]
        numbers[FAST] = tuning[T_FAST] * numbers[FAST] + (miss if miss < 2.0 else 2.0)
        numbers[WEIGHT] = tuning[T_FAST] * numbers[WEIGHT] + 1.0
        since = numbers[CLOCK] - numbers[CHANGED]
        sudden = since > 8.0 and numbers[FAST] / numbers[WEIGHT] > usual * usual
        keep = 0.0 if sudden else tuning[T_FORGET]
        for v in range(errors.size):
            off = guess[v, arm] - y
            errors[v] = keep * errors[v] + (off * off if off * off < 2.0 else 2.0)
        numbers[JUDGED] = keep * numbers[JUDGED] + 1.0
        if sudden:
            numbers[CHANGED] = numbers[CLOCK] - 1.0
            numbers[FAST] = numbers[WEIGHT] = 0.0
        _settle(tuning, table, numbers, errors)
        count, total = 0.0, 0.0
        for a in range(mine.size):
            count += totals[0, a]
            total += totals[0, a] * mine[a]
        level = total / count
        trend = y - mine[arm] + level
        numbers[READY] = 0.0
    _add(numbers, totals, bounds, rows, arm, place, y, level)
    fresh = numbers[CLOCK] - numbers[CHANGED] <= 1.0
    numbers[TRACK] = trend if fresh else numbers[TRACK] + tuning[T_FOLLOW] * (trend - numbers[TRACK])


def learner_choose(state, place, choosing):
    """The arm with the least confidence bound for a system at `place`; -1 where it is only to be foreseen."""
    tuning, table, factor, numbers, totals, _, bounds, rows, guess, _ = state
    return _choose(tuning, table, factor, numbers, totals, bounds, rows, guess, place, choosing)


def learner_update(state, arm, place, y):
    """Take in the log cost of a system."""
    tuning, table, _, numbers, totals, errors, bounds, rows, guess, _ = state
    _update(tuning, table, numbers, totals, errors, bounds, rows, guess, arm, place, y)


def learner_add(state, arm, place, y, level):
    """Remember a system that another learner has seen."""
    _, _, _, numbers, totals, _, bounds, rows, _, _ = state
    _add(numbers, totals, bounds, rows, arm, place, y, level)


@njit(cache=True, nogil=True)
def _same(a, b):
    different = 0
    for k in range(a.size):
        different |= a[k] != b[k]
    return different == 0


@njit(cache=True, nogil=True)
def _entries(data, bits, kept, kept_bits, diagonal, finite, sums):
    if finite:
        for k in range(data.size):
            if not math.isfinite(data[k]):
                return 4
    out = 0
    total = 0.0
    top = 0.0
    for b in range(0, data.size, solve_grain):
        e = min(b + solve_grain, data.size)
        s = np.zeros(8)
        for k in range(b, e):
            s[(k - b) % 8] += data[k]
        total += ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
        for k in range(b, e):
            v = abs(data[k])
            top = np.inf if math.isnan(v) else v if v > top else top
        for k in range(b, e):
            if bits[k] != kept_bits[k]:
                for i in range(b, e):
                    kept[i] = data[i]
                out = 2
                break
    middle = 0.0
    for k in diagonal:
        middle += data[k]
    sums[0], sums[1], sums[2] = total, middle, top
    return out


def renew(indptr, indices, data, kept_indptr, kept_indices, kept_data, diagonal, finite, sums):
    """1 for another pattern, 4 (if `finite`) for NaN or infinity; else 2 for new entries, which are kept, or 0."""
    if not (_same(indptr, kept_indptr) and _same(indices, kept_indices)):
        return 1
    return _entries(data, data.view(np.int64), kept_data, kept_data.view(np.int64), diagonal, finite, sums)
