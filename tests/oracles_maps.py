"""Slow, plain versions of the definitions that kohorte.maps is held to."""

import itertools
import math

import numpy as np
from scipy import ndimage

TIE_ORDER = [(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]


def neighbours(node, xdim, ydim):
    x, y = node % xdim, node // xdim
    return [
        (y + dy) * xdim + x + dx
        for dx, dy in TIE_ORDER
        if 0 <= x + dx < xdim and 0 <= y + dy < ydim
    ]


def schedule(xdim, ydim, steps, alpha, learning_rate):
    """Neighbourhood size and learning rate used at every step, by walking through a run."""
    n_max = max(xdim, ydim) + 1
    floor = 8 if n_max > 8 else min(3, n_max - 1)
    quarter = steps // 4
    n_min = floor if quarter > n_max - floor else n_max - quarter
    f = quarter // (n_max - n_min) if n_max > n_min else None
    n, sizes, rates = n_max, [], []
    for t in range(steps):
        sizes.append(n)
        rates.append(alpha)
        if f is not None and t > 2 * quarter and t % f == 0 and n > n_min:
            n = n_max - (t - 2 * quarter) // f
        if learning_rate == "decay" and t != 0 and t % max(1, steps // 25) == 0:
            alpha *= 0.75
    return sizes, rates


def squared_distances(point, weights):
    total = np.zeros(weights.shape[0], np.float32)
    for f in range(weights.shape[1]):
        step = weights[:, f] - point[f]
        total = total + step * step
    return total


def train(features, xdim, ydim, weights, order, steps, alpha, learning_rate):
    weights = weights.copy()
    nodes = np.arange(xdim * ydim)
    sizes, rates = schedule(xdim, ydim, steps, alpha, learning_rate)
    for t in range(steps):
        p = features[order[t % len(order)]]
        c = np.argmin(squared_distances(p, weights))
        d = np.maximum(np.abs(nodes % xdim - c % xdim), np.abs(nodes // xdim - c // xdim))
        n = sizes[t]
        table = np.array(
            [
                np.float32(rates[t] * math.exp(-k * k / (2 * (n / 3) ** 2))) if k <= n else 0
                for k in range(max(xdim, ydim))
            ],
            np.float32,
        )
        weights -= table[d][:, None] * (weights - p)
    return weights


def u_matrix(weights, xdim, ydim):
    u = []
    for node in range(xdim * ydim):
        lengths = [math.dist(weights[node], weights[k]) for k in neighbours(node, xdim, ydim)]
        u.append(sum(lengths) / len(lengths) if lengths else 0.0)
    return np.array(u)


def smooth(u, xdim, ydim, length):
    out = []
    for i in range(xdim * ydim):
        kernel = [
            math.exp(-(((i % xdim - j % xdim) ** 2 + (i // xdim - j // xdim) ** 2) / length**2))
            for j in range(xdim * ydim)
        ]
        out.append(float(np.dot(kernel, u)) / sum(kernel))
    return np.array(out)


def descend(u, xdim, ydim):
    """The centroid node of every node."""
    bottoms = []
    for start in range(xdim * ydim):
        node = start
        while True:
            best = node
            for k in neighbours(node, xdim, ydim):
                if u[k] < u[best]:
                    best = k
            if best == node:
                break
            node = best
        bottoms.append(node)
    return bottoms


def path_cost(u, xdim, ydim, a, b):
    ends = np.array([[a // xdim, b // xdim], [a % xdim, b % xdim]], dtype=float)
    count = 5 * int(math.dist(ends[:, 0], ends[:, 1]))
    line = [np.linspace(start, stop, count) for start, stop in ends]
    plane = np.asarray(u, dtype=float).reshape(ydim, xdim) ** 2
    return max(0.0, float(ndimage.map_coordinates(plane, line, order=3).sum()))


def merge(costs, sizes, threshold):
    """Round by round, from a dict of costs {(i, j): cost}: where each basin ends up."""
    sizes = list(sizes)
    members = {i: [i] for i in range(len(sizes))}
    while len(members) > 1 and threshold > 0:
        pairs = {pair: costs[pair] for pair in itertools.combinations(sorted(members), 2)}
        largest = max(pairs.values())
        scaled = {pair: cost / largest if largest > 0 else 0.0 for pair, cost in pairs.items()}
        pair = min(scaled, key=lambda key: (scaled[key], costs[key], key))
        if not scaled[pair] < threshold:
            break
        stays, goes = pair if sizes[pair[0]] >= sizes[pair[1]] else pair[::-1]
        members[stays] += members.pop(goes)
        sizes[stays] += sizes[goes]
    return [next(k for k, basins in members.items() if i in basins) for i in range(len(sizes))]


def distortion(features, weights, winners, xdim, radius):
    total = 0.0
    for p, c in zip(features, winners, strict=True):
        for i, w in enumerate(weights):
            d = max(abs(i % xdim - c % xdim), abs(i // xdim - c // xdim))
            if d <= radius:
                total += math.exp(-d * d / (2 * (radius / 3) ** 2)) * math.dist(p, w) ** 2
    return total / len(features)


def shortest_path(weights, xdim, ydim, a, b):
    """Bellman-Ford over the links of the lattice."""
    length = [math.inf] * (xdim * ydim)
    length[a] = 0.0
    for _ in range(xdim * ydim):
        for i in range(xdim * ydim):
            for k in neighbours(i, xdim, ydim):
                length[k] = min(length[k], length[i] + math.dist(weights[i], weights[k]))
    return length[b]


def topographic_product(weights, xdim, ydim):
    n_nodes = xdim * ydim
    place = [(r % xdim, r // xdim) for r in range(n_nodes)]
    total = 0.0
    for j in range(n_nodes):
        others = [i for i in range(n_nodes) if i != j]

        def near(i, j=j):
            return math.dist(place[j], place[i])

        def similar(i, j=j):
            return math.dist(weights[j], weights[i])

        by_place, by_weight = sorted(others, key=near), sorted(others, key=similar)
        for k in range(1, n_nodes):
            product = 1.0
            for a, v in zip(by_place[:k], by_weight[:k], strict=True):
                product *= similar(a) / similar(v) * near(a) / near(v)
            total += math.log(product ** (1 / (2 * k)))
    return total / (n_nodes * (n_nodes - 1))


def kolmogorov_distance(a, b):
    """Largest difference of two empirical distributions, over all values."""
    a, b = np.asarray(a), np.asarray(b)
    return max(abs(np.mean(a <= v) - np.mean(b <= v)) for v in np.concatenate([a, b]))


def rank_preservation(data, places, k):
    """Trustworthiness and preservation, as means over all orders of tied points."""

    def all_ranks(i, table):
        others = [j for j in range(len(table)) if j != i]
        distance = {
            j: sum((a - b) ** 2 for a, b in zip(table[i], table[j], strict=True)) for j in others
        }
        orders = [
            order
            for order in itertools.permutations(others)
            if all(distance[a] <= distance[b] for a, b in itertools.pairwise(order))
        ]
        return [{j: rank for rank, j in enumerate(order, 1)} for order in orders]

    n = len(data)
    untrue = lost = 0.0
    for i in range(n):
        in_data, on_map = all_ranks(i, data), all_ranks(i, places)
        cases = len(in_data) * len(on_map)
        for r, q in itertools.product(in_data, on_map):
            untrue += sum(max(r[j] - k, 0) for j in q if q[j] <= k) / cases
            lost += sum(max(q[j] - k, 0) for j in r if r[j] <= k) / cases
    scale = 2 / (n * k * (2 * n - 3 * k - 1))
    return 1 - scale * untrue, 1 - scale * lost
