"""Numba twins of the stationary iterations: rows one after another, the same bits."""

import time

import numpy as np
from numba import njit

from kriss._numba.solve import place_in_row

sweep_chunk = 256
BURST_SECONDS = 0.1


@njit(cache=True, nogil=True, error_model="numpy")
def _relax(indptr, indices, data, inverse, omega, b, x, rows, backward):
    n = x.size
    for turn in range(n):
        i = n - 1 - turn if backward else turn
        if rows.size:
            i = rows[i]
        s = b[i]
        for k in range(indptr[i], indptr[i + 1]):
            s -= data[k] * x[indices[k]]
        x[i] += omega * (s * inverse[i])


@njit(cache=True, nogil=True)
def _pattern_symmetric(indptr, indices):
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            place = place_in_row(indptr, indices, j, i)
            if place >= indptr[j + 1] or indices[place] != i:
                return False
    return True


def pattern_symmetric(indptr, indices, data, workers):
    return bool(_pattern_symmetric(indptr, indices))


def relax_grid(indptr, indices, data, b, x, workers):
    """None: the rows are swept where they are, which gives the same bits."""
    return


class ColorSweeps:
    """The rows in the order of their colours."""

    def __init__(self, arrays, rows, inverse, b, x):
        self.arrays, self.rows, self.inverse, self.b, self.x = arrays, rows, inverse, b, x.copy()

    def sweep(self, omega, forward, backward, count, workers):
        indptr, indices, data = self.arrays
        none = self.rows[:0]
        relax_sweeps(
            indptr, indices, data, self.inverse, omega, self.b, self.x, self.rows, none, none, forward, backward, count,
            workers,
        )  # fmt: skip

    def read(self, x, workers):
        x[:] = self.x


def color_sweeps(indptr, indices, data, color, colors, inverse, b, x, workers):
    rows = np.argsort(color, kind="stable").astype(indices.dtype)
    return ColorSweeps((indptr, indices, data), rows, inverse, b, x)


def _in_bursts(run, count):
    """run(k) does k sweeps; between bursts the loop is in Python, where Ctrl-C is noticed."""
    most = 1
    while count > 0:
        started = time.perf_counter()
        run(min(most, count))
        count -= min(most, count)
        most = min(2 * most, 1024) if time.perf_counter() - started < BURST_SECONDS / 2 else max(most // 2, 1)


def relax_sweeps(
    indptr, indices, data, inverse, omega, b, x, rows, need, back_need, forward, backward, count, workers
):  # fmt: skip
    kind = data.dtype.type

    def run(k):
        for _ in range(k):
            if forward:
                _relax(indptr, indices, data, inverse, kind(omega), b, x, rows, False)
            if backward:
                _relax(indptr, indices, data, inverse, kind(omega), b, x, rows, True)

    _in_bursts(run, count)


@njit(cache=True, nogil=True, error_model="numpy")
def _jacobi(indptr, indices, data, inverse, omega, b, x, y):
    for i in range(x.size):
        s = b[i]
        for k in range(indptr[i], indptr[i + 1]):
            s -= data[k] * x[indices[k]]
        y[i] = x[i] + omega * (s * inverse[i])
    x[:] = y


def jacobi_sweeps(indptr, indices, data, inverse, omega, b, x, count, workers):
    y = np.empty_like(x)

    def run(k):
        for _ in range(k):
            _jacobi(indptr, indices, data, inverse, data.dtype.type(omega), b, x, y)

    _in_bursts(run, count)


@njit(cache=True, nogil=True)
def _needs(indptr, indices, rows, backward, need):
    n = rows.size
    place = np.empty_like(rows)
    for at in range(n):
        place[rows[n - 1 - at if backward else at]] = at
    for c in range(need.size):
        most = 0
        for at in range(c * sweep_chunk, min((c + 1) * sweep_chunk, n)):
            i = rows[n - 1 - at if backward else at]
            for k in range(indptr[i], indptr[i + 1]):
                other = place[indices[k]] // sweep_chunk
                if other < c:
                    most = max(most, other + 1)
        need[c] = most


def sweep_needs(indptr, indices, data, rows, backward, need, workers):
    _needs(indptr, indices, rows, backward, need)


@njit(cache=True, nogil=True)
def _colors(indptr, indices, color):
    n = color.size
    mark = np.full(n + 1, -1, color.dtype)
    most = 0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] >= i:
                break
            mark[color[indices[k]]] = i
        c = 0
        while mark[c] == i:
            c += 1
        color[i] = c
        most = max(most, c + 1)
    return most


def greedy_colors(indptr, indices, data, color, workers):
    return _colors(indptr, indices, color)


@njit(cache=True, nogil=True)
def _far_from(indptr, indices, start, rank, seen, turn, queue):
    """(levels of a search from `start`, the node of the last level that comes first by degree)."""
    seen[start] = turn
    queue[0] = start
    begin, end, levels, node = 0, 1, 0, start
    while begin < end:
        levels += 1
        node = queue[begin]
        tail = end
        for q in range(begin, end):
            i = queue[q]
            if rank[i] < rank[node]:
                node = i
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                if seen[j] != turn:
                    seen[j] = turn
                    queue[tail] = j
                    tail += 1
        begin, end = end, tail
    return levels, node


@njit(cache=True, nogil=True)
def _rcm(indptr, indices, by_degree, rank, order):
    n = order.size
    placed = np.zeros(n, np.bool_)
    seen = np.zeros(n, np.int64)
    queue = np.empty(n, np.int64)
    near = np.empty(n, np.int64)
    turn = tail = 0
    for least in by_degree:
        if placed[least]:
            continue
        start = least
        turn += 1
        levels, far = _far_from(indptr, indices, start, rank, seen, turn, queue)
        while levels > 2:
            turn += 1
            back, next_far = _far_from(indptr, indices, far, rank, seen, turn, queue)
            if back <= levels:
                break
            start, levels, far = far, back, next_far
        head = tail
        placed[start] = True
        order[tail] = start
        tail += 1
        while head < tail:
            i = order[head]
            head += 1
            count = 0
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                if not placed[j]:
                    placed[j] = True
                    near[count] = rank[j]
                    count += 1
            near[:count].sort()
            for c in range(count):
                order[tail] = by_degree[near[c]]
                tail += 1


def rcm_order(indptr, indices, order, workers):
    """Reverse Cuthill-McKee order of a symmetric pattern; ties go to the smaller number."""
    by_degree = np.argsort(np.diff(indptr), kind="stable")
    rank = np.empty_like(by_degree)
    rank[by_degree] = np.arange(rank.size)
    _rcm(indptr, indices, by_degree, rank, order)
    order[:] = order[::-1].copy()
