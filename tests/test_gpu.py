"""The JAX backend as accelerators run it; on a GPU where JAX sees one."""

import jax
import numpy as np
import pytest

from kohorte.ensemble import onehot
from kohorte.ensemble.overlaps import count_overlaps


def labels(n_points, n_realizations=6, n_clusters=9):
    rng = np.random.default_rng(3)
    return rng.integers(0, n_clusters, (n_realizations, n_points)).astype(np.uint8)


@pytest.fixture
def accelerator_types(monkeypatch):
    """Let the product use the 8-bit integers of accelerators, whatever the device."""
    onehot._product.cache_clear()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    yield
    onehot._product.cache_clear()


def test_integer_products_give_the_same_counts(accelerator_types):
    assert onehot._product()[0] == np.int8
    sample = labels(5000)
    found = count_overlaps(sample, backend="jax").counts
    np.testing.assert_array_equal(found, count_overlaps(sample, backend="numba").counts)


@pytest.mark.gpu
@pytest.mark.skipif(jax.default_backend() == "cpu", reason="JAX sees no accelerator here")
def test_counts_on_an_accelerator():
    sample = labels(3_000_000, n_realizations=12)
    found = count_overlaps(sample, backend="jax").counts
    np.testing.assert_array_equal(found, count_overlaps(sample, backend="numba").counts)
