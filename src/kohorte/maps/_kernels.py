"""Compiled kernels of training and winner search.

All in one module: numba's cache notices an edit of the file that holds a kernel, but not of another
file whose functions the kernel calls. Weights are held as (F, M), nodes contiguous, so that every
inner loop runs over nodes and is vectorised. No fastmath and no reordering: sums over features run
from the first to the last, in float32, on every machine.
"""

import math

import numpy as np
from numba import njit

_DISTANCE_BLOCK = 512
_SEARCH_BLOCK = 64
_LARGEST_BITS = np.int32(2**31 - 1)


@njit(nogil=True, cache=True)
def _squared_distances(point, weights, distances):
    """distances[i] = sum over f of (weights[f, i] - point[f])^2, in the order of f."""
    n_features, n_nodes = weights.shape
    leading = n_features % 4
    # A block of distances stays in the first-level cache while the features pass over it, four at
    # a time so that it is read and written less often.
    for start in range(0, n_nodes, _DISTANCE_BLOCK):
        stop = min(start + _DISTANCE_BLOCK, n_nodes)
        total = distances[start:stop]
        if leading == 0:
            total[:] = np.float32(0)
        else:
            w0 = weights[0, start:stop]
            p0 = point[0]
            for i in range(stop - start):
                a = w0[i] - p0
                total[i] = a * a
            for f in range(1, leading):
                w0 = weights[f, start:stop]
                p0 = point[f]
                for i in range(stop - start):
                    a = w0[i] - p0
                    total[i] = total[i] + a * a
        for f in range(leading, n_features, 4):
            w0, w1 = weights[f, start:stop], weights[f + 1, start:stop]
            w2, w3 = weights[f + 2, start:stop], weights[f + 3, start:stop]
            p0, p1, p2, p3 = point[f], point[f + 1], point[f + 2], point[f + 3]
            for i in range(stop - start):
                a = w0[i] - p0
                b = w1[i] - p1
                c = w2[i] - p2
                d = w3[i] - p3
                total[i] = total[i] + a * a + b * b + c * c + d * d


@njit(nogil=True, cache=True)
def _first_least(bits):
    """Lowest index of the smallest value.

    `bits` views non-negative float32 numbers as int32, which keeps their order: the minimum of
    integers is vectorised, that of floats is not, for the sake of NaN and signed zeros.
    """
    least = _LARGEST_BITS
    least_start = 0
    for start in range(0, bits.size, _SEARCH_BLOCK):
        block = bits[start : start + _SEARCH_BLOCK]
        block_least = _LARGEST_BITS
        for i in range(block.size):
            block_least = min(block_least, block[i])
        if block_least < least:
            least = block_least
            least_start = start
    index = least_start
    while bits[index] != least:
        index += 1
    return index


@njit(nogil=True, cache=True)
def _pull(point, weights, x, y, radius, xdim, ydim, by_distance, by_offset, strength):
    """w -= h (w - p) for all nodes within `radius` (Chebyshev) of the winner at (x, y).

    by_distance[d] is h at the distance d and by_offset[xdim + ydim + d] is h at the distance |d|,
    0 beyond the radius. h does not increase with the distance, so at (dx, dy) it is the smaller of
    h(|dx|) and h(|dy|). `strength` (M,) is scratch space.
    """
    n_features = weights.shape[0]
    x_start, x_stop = max(x - radius, 0), min(x + radius + 1, xdim)
    y_start, y_stop = max(y - radius, 0), min(y + radius + 1, ydim)
    middle = xdim + ydim
    if 2 * (x_stop - x_start) >= xdim:
        # Wide windows: whole rows at once, in long loops; h = 0 leaves the nodes outside as is.
        along_row = by_offset[middle - x : middle - x + xdim]
        for row in range(y_start, y_stop):
            limit = by_distance[abs(row - y)]
            row_strength = strength[(row - y_start) * xdim : (row - y_start + 1) * xdim]
            for i in range(xdim):
                row_strength[i] = along_row[i] if along_row[i] < limit else limit
        size = (y_stop - y_start) * xdim
        for f in range(n_features):
            w = weights[f, y_start * xdim : y_start * xdim + size]
            p = point[f]
            for i in range(size):
                w[i] -= strength[i] * (w[i] - p)
        return
    along_row = by_offset[middle + x_start - x : middle + x_stop - x]
    for row in range(y_start, y_stop):
        limit = by_distance[abs(row - y)]
        for f in range(n_features):
            w = weights[f, row * xdim + x_start : row * xdim + x_stop]
            p = point[f]
            for i in range(x_stop - x_start):
                h = along_row[i] if along_row[i] < limit else limit
                w[i] -= h * (w[i] - p)


@njit(nogil=True, cache=True)
def train_steps(points, weights, order, radii, rates, xdim, ydim):
    """Runs one step per entry of `order`, `radii` and `rates`; changes `weights` (F, M)."""
    n_nodes = weights.shape[1]
    distances = np.empty(n_nodes, np.float32)
    bits = distances.view(np.int32)
    strength = np.empty(n_nodes, np.float32)
    middle = xdim + ydim
    by_distance = np.zeros(middle + 1, np.float32)
    by_offset = np.zeros(2 * middle + 1, np.float32)
    radius, rate = -1, -1.0
    for step in range(order.size):
        if radii[step] != radius or rates[step] != rate:
            radius, rate = radii[step], rates[step]
            by_offset[:] = np.float32(0)
            for d in range(min(radius, middle) + 1):
                h = np.float32(rate * math.exp(-d * d / (2 * (radius / 3) ** 2)))
                by_distance[d] = h
                by_offset[middle - d] = h
                by_offset[middle + d] = h
        point = points[order[step]]
        _squared_distances(point, weights, distances)
        winner = _first_least(bits)
        _pull(
            point,
            weights,
            winner % xdim,
            winner // xdim,
            radius,
            xdim,
            ydim,
            by_distance,
            by_offset,
            strength,
        )


@njit(nogil=True, cache=True)
def euclidean_winners(points, weights, nodes):
    """nodes[p] (N,) int32 = the node nearest to each point."""
    distances = np.empty(weights.shape[1], np.float32)
    bits = distances.view(np.int32)
    for p in range(points.shape[0]):
        _squared_distances(points[p], weights, distances)
        nodes[p] = _first_least(bits)


@njit(nogil=True, cache=True)
def euclidean_two_winners(points, weights, nodes, lengths):
    """nodes[p] and lengths[p] (N, 2) of the two nodes nearest to each point; -1, inf for none."""
    n_nodes = weights.shape[1]
    distances = np.empty(n_nodes, np.float32)
    bits = distances.view(np.int32)
    for p in range(points.shape[0]):
        _squared_distances(points[p], weights, distances)
        first = _first_least(bits)
        nodes[p, 0] = first
        lengths[p, 0] = math.sqrt(distances[first])
        if n_nodes == 1:
            nodes[p, 1] = -1
            lengths[p, 1] = np.inf
            continue
        bits[first] = _LARGEST_BITS
        second = _first_least(bits)
        nodes[p, 1] = second
        lengths[p, 1] = math.sqrt(distances[second])
