"""JAX on a GPU, where it sees one: the same counts, and maps that are the same up to rounding."""

import jax
import numpy as np
import pytest

from kohorte.ensemble import accelerated
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.maps import _jax
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS, rowwise
from kohorte.maps.winners import find_winners

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(jax.default_backend() == "cpu", reason="JAX sees no accelerator here"),
]


@pytest.mark.parametrize("n_clusters", [9, 300])
def test_counts_on_an_accelerator(n_clusters):
    rng = np.random.default_rng(3)
    sample = rng.integers(0, n_clusters, (12, 3_000_000)).astype(np.uint16)
    found = count_overlaps(sample, backend="jax").counts
    np.testing.assert_array_equal(found, count_overlaps(sample, backend="numba").counts)


@pytest.mark.parametrize("method", accelerated.METHODS)
def test_methods_on_an_accelerator(method):
    sample = [np.random.default_rng(r).integers(0, 9, 1_100_000) for r in range(8)]
    ids = [np.arange(9)] * 8
    rows = accelerated.lay_out(ids, 0)
    found = accelerated.METHODS[method](rows, sample, ids, 1)
    np.testing.assert_array_equal(found, count_overlaps(sample, backend="numba").counts)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("metric", sorted(METRICS))
def test_batch_training_on_an_accelerator(metric, missing):
    rng = np.random.default_rng(3)
    offset = np.float32(0 if metric == "cosine" else 100)
    points = rng.normal(size=(50_000, 7)).astype(np.float32) + offset
    weights = rng.normal(size=(3, 600, 7)).astype(np.float32) + offset
    if missing:
        points[::3, 2] = np.nan
    found = _jax.search_winners(points, weights[0], metric=metric)
    expected = find_winners(points, weights[0], metric=metric)
    # Where the nodes differ their distances do not, but for rounding.
    chosen, nearest = (rowwise(points, weights[0][c], metric) for c in (found, expected))
    np.testing.assert_allclose(chosen, nearest, rtol=1e-3, atol=1e-6)
    assert (found == expected).mean() > 0.999

    radii = np.array([[8, 4, 2, 1]] * 3, dtype=float)
    arguments = {"lattice": Lattice(30, 20), "radii": radii, "metric": metric}
    trained = _jax.train_stack(points, weights=weights, **arguments)
    np.testing.assert_array_equal(_jax.train_stack(points, weights=weights, **arguments), trained)
    for stack, start in zip(trained, weights, strict=True):
        alone = _jax.train_stack(
            points, weights=start, **arguments | {"radii": radii[0]}, block_bytes=1 << 25
        )
        errors = [
            rowwise(points, w[find_winners(points, w, metric=metric)], metric).mean()
            for w in (stack, alone)
        ]
        np.testing.assert_allclose(*errors, rtol=1e-3)
