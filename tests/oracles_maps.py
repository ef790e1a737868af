"""Slow, plain versions of the definitions that kohorte.maps is held to."""

import itertools
import math

import numpy as np
from oracles_lattice import distances, four_squares, neighbours, places, step
from scipy import ndimage


def distance(a, b, metric):
    """Distance over the features that both vectors have; NaN is a missing value."""
    pairs = [(p, q) for p, q in zip(a, b, strict=True) if not (math.isnan(p) or math.isnan(q))]
    if not pairs:
        return math.inf
    apart = [abs(float(p) - float(q)) for p, q in pairs]
    scale = len(a) / len(pairs)
    if metric == "euclidean":
        return math.sqrt(scale * sum(d * d for d in apart))
    if metric == "sqeuclidean":
        return scale * sum(d * d for d in apart)
    if metric == "manhattan":
        return scale * sum(apart)
    if metric == "chebyshev":
        return max(apart)
    lengths = math.hypot(*(p for p, _ in pairs)) * math.hypot(*(q for _, q in pairs))
    return 1 - sum(float(p) * float(q) for p, q in pairs) / lengths if lengths else 1.0


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


def fused(a, b, c):
    """a b + c in float32 with one rounding; the product of two float32 fits in a long double."""
    return (a.astype(np.longdouble) * b + c).astype(np.float32)


def squared_distances(point, weights):
    total = np.zeros(weights.shape[0], np.float32)
    for f in range(weights.shape[1]):
        step = weights[:, f] - point[f]
        total = fused(step, step, total)
    return total


def search_keys(point, weights, metric):
    """What online training compares, in its arithmetic: float32, feature by feature."""
    present = ~np.isnan(point)
    total, norm = np.zeros((2, weights.shape[0]), np.float32)
    for f in np.flatnonzero(present):
        w = weights[:, f]
        step = w - point[f]
        if metric in ("euclidean", "sqeuclidean"):
            total = fused(step, step, total)
        elif metric == "manhattan":
            total = total + np.abs(step)
        elif metric == "chebyshev":
            total = np.maximum(total, np.abs(step))
        else:
            total, norm = fused(w, -point[f], total), fused(w, w, norm)
    if metric == "cosine":
        total = np.divide(total, np.sqrt(norm), out=np.zeros_like(total), where=norm > 0)
    return total


KERNELS = {
    "truncated_gaussian": lambda d, n: math.exp(-(d**2) / (2 * (n / 3) ** 2)) if d <= n else 0.0,
    "gaussian": lambda d, n: math.exp(-(d**2) / (2 * n**2)),
    "gaussian_e": lambda d, n: math.exp(-(d**2) / n**2),
    "exponential": lambda d, n: math.exp(-d / n),
    "bubble": lambda d, n: 1.0 if d <= n else 0.0,
    "mexican_hat": lambda d, n: (1 - (d / n) ** 2) * math.exp(-((d / n) ** 2) / 2),
    "triangle": lambda d, n: max(0.0, 1 - d / n),
}


def train_any(features, lattice, weights, order, alpha, radius, metric, *, kernel, kernel_distance):
    """Online training at a constant rate and radius, one node at a time."""
    weights = weights.copy()
    for row in order:
        point = features[row]
        winner = int(np.argmin(search_keys(point, weights, metric)))
        present = ~np.isnan(point)
        for node, d in enumerate(lattice.distances_from(winner, kernel_distance)):
            h = np.float32(alpha * KERNELS[kernel](d, radius))
            weights[node, present] -= h * (weights[node, present] - point[present])
    return weights


def node_sums(features, weights, metric="euclidean"):
    """Per-node sums and counts of the present values, (M, F) each."""
    sums, counts = np.zeros((2, *weights.shape))
    for point in features:
        winner = min(range(len(weights)), key=lambda i: distance(point, weights[i], metric))
        present = ~np.isnan(point)
        sums[winner, present] += point[present]
        counts[winner] += present
    return sums, counts


def kernel_matrix(lattice, radius, kernel, kernel_distance):
    """h(d(i, j)) of all pairs of nodes."""
    table = lattice.distances_from(np.arange(lattice.n_nodes), kernel_distance)
    return np.array([[KERNELS[kernel](d, radius) for d in row] for row in table])


def batch_epoch(features, lattice, weights, radius, *, kernel, kernel_distance, metric):
    sums, counts = node_sums(features, weights, metric)
    h = kernel_matrix(lattice, radius, kernel, kernel_distance)
    sums, counts = h @ sums, h @ counts
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1), weights)


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


def u_matrix(weights, lattice, metric):
    u = []
    for node, others in enumerate(neighbours(lattice)):
        lengths = [distance(weights[node], weights[k], metric) for k in others]
        u.append(sum(lengths) / len(lengths) if lengths else 0.0)
    return np.array(u)


def smooth(u, lattice, length):
    kernel = np.exp(-((distances(lattice) / length) ** 2))
    return kernel @ u / kernel.sum(axis=1)


def descend(u, lattice):
    """The centroid node of every node."""
    bottoms = []
    for start in range(lattice.n_nodes):
        node = start
        while True:
            best = node
            for k in neighbours(lattice)[node]:
                if u[k] < u[best]:
                    best = k
            if best == node:
                break
            node = best
        bottoms.append(node)
    return bottoms


def spline(plane, at, lattice):
    """Cubic spline of an array at positions (one array for each axis), far from where it ends."""
    far = 60
    padded = np.pad(plane, far, mode="wrap" if lattice.periodic else "reflect")
    return ndimage.map_coordinates(padded, [np.asarray(axis) + far for axis in at], order=3)


def path_cost(u, lattice, a, b):
    (x, y), (dx, dy) = places(lattice)[a], step(lattice, a, b)
    count = 5 * (math.isqrt(four_squares(lattice, dx, dy)) // 2)
    plane = np.asarray(u, dtype=float).reshape(lattice.ydim, lattice.xdim) ** 2
    columns, rows = np.linspace(x, x + dx, count), np.linspace(y, y + dy, count)
    if lattice.topology == "hexagonal" and lattice.ydim > 1:
        halves = np.arange(2 * lattice.xdim)
        plane = np.array(
            [spline(row, [(halves - k % 2) / 2], lattice) for k, row in enumerate(plane)]
        )
    else:
        columns = columns / 2
    return max(0.0, float(spline(plane, [rows, columns], lattice).sum()))


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


def distortion(features, weights, winners, strengths, metric):
    """strengths: (M, M) kernel between every two nodes."""
    metric = "sqeuclidean" if metric == "euclidean" else metric
    total = 0.0
    for p, c in zip(features, winners, strict=True):
        for i, w in enumerate(weights):
            total += strengths[c, i] * distance(p, w, metric)
    return total / len(features)


def shortest_paths(weights, lattice, metric):
    """(M, M) lengths by Floyd and Warshall over the links of the lattice."""
    table = np.full((lattice.n_nodes, lattice.n_nodes), np.inf)
    for node, others in enumerate(neighbours(lattice)):
        table[node, node] = 0
        for k in others:
            table[node, k] = distance(weights[node], weights[k], metric)
    for way in range(lattice.n_nodes):
        table = np.minimum(table, table[:, way, None] + table[way])
    return table


def topographic_product(weights, lattice, metric):
    n_nodes = lattice.n_nodes
    total = 0.0
    for j in range(n_nodes):
        others = [i for i in range(n_nodes) if i != j]
        near = dict(enumerate(distances(lattice)[j]))
        similar = {i: distance(weights[j], weights[i], metric) for i in others}
        by_place, by_weight = sorted(others, key=near.get), sorted(others, key=similar.get)
        for k in range(1, n_nodes):
            product = 1.0
            for a, v in zip(by_place[:k], by_weight[:k], strict=True):
                product *= similar[a] / similar[v] * near[a] / near[v]
            total += math.log(product ** (1 / (2 * k)))
    return total / (n_nodes * (n_nodes - 1))


def kolmogorov_distance(a, b):
    """Largest difference of two empirical distributions, over all values."""
    a, b = np.asarray(a), np.asarray(b)
    return max(abs(np.mean(a <= v) - np.mean(b <= v)) for v in np.concatenate([a, b]))


def rank_preservation(in_data, on_map, k):
    """Trustworthiness and preservation, as means over all orders of tied points.

    in_data, on_map: distances (n, n) of the points.
    """

    def all_ranks(i, table):
        others = [j for j in range(len(table)) if j != i]
        orders = [
            order
            for order in itertools.permutations(others)
            if all(table[i][a] <= table[i][b] for a, b in itertools.pairwise(order))
        ]
        return [{j: rank for rank, j in enumerate(order, 1)} for order in orders]

    n = len(in_data)
    untrue = lost = 0.0
    for i in range(n):
        data_ranks, map_ranks = all_ranks(i, in_data), all_ranks(i, on_map)
        cases = len(data_ranks) * len(map_ranks)
        for r, q in itertools.product(data_ranks, map_ranks):
            untrue += sum(max(r[j] - k, 0) for j in q if q[j] <= k) / cases
            lost += sum(max(q[j] - k, 0) for j in r if r[j] <= k) / cases
    scale = 2 / (n * k * (2 * n - 3 * k - 1))
    return 1 - scale * untrue, 1 - scale * lost


def cluster_nodes(nodes, hits, starts, passes):
    """K-means as `_kmeans.cluster_nodes` defines it, with whole tables of distances."""
    nodes, hits = np.asarray(nodes, np.float64), np.asarray(hits, np.float64)
    held = np.flatnonzero(hits > 0)
    points, weights = nodes[held], hits[held]
    centres, shares = np.empty((0, nodes.shape[1])), weights
    for start in starts:
        if shares.sum() == 0:
            break
        running = np.cumsum(shares)
        chosen = np.flatnonzero((running > start * running[-1]) & (shares > 0))[0]
        centres = np.vstack([centres, points[chosen]])
        shares = weights * squares_to(points, centres).min(axis=1)
    clusters = np.full(len(points), -1)
    for _ in range(passes):
        nearest = squares_to(points, centres).argmin(axis=1)
        if np.array_equal(nearest, clusters):
            break
        clusters = nearest
        for k in np.unique(clusters):
            centres[k] = np.average(points[clusters == k], axis=0, weights=weights[clusters == k])
    inhabited = np.unique(clusters)
    found = inhabited[squares_to(nodes, centres[inhabited]).argmin(axis=1)]
    found[held] = clusters
    return found


def squares_to(points, centres):
    return ((points[:, None] - centres) ** 2).sum(axis=2)
