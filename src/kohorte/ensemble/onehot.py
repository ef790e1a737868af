"""Contingency counts as products of one-hot matrices on the device that JAX finds.

With X[k, p] = 1 where point p is in cluster k, all tables at once are X X^T. Accelerators multiply
8-bit integers into 32-bit sums; a CPU multiplies float32, whose sums are exact below 2^24.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from kohorte._checks import extra
from kohorte.ensemble.labels import recode

_ONE_HOT_BYTES = 2**28
_MAX_POINTS = 2**23
_PADDED_CLUSTERS = 64


def count_slab(arrays: list[np.ndarray], ids: list[np.ndarray], first: int) -> np.ndarray:
    """Count all pairs of clusters in one slab of points, (K, K) int64; as popcount.count_slab."""
    widths = [len(x) for x in ids]
    offsets = np.concatenate([[0], np.cumsum(widths)])
    old, n_clusters = int(offsets[first]), int(offsets[-1])
    # Padded shapes, so that slabs and ensembles of similar size share one compilation.
    rows = -(-n_clusters // _PADDED_CLUSTERS) * _PADDED_CLUSTERS
    realization = np.zeros(rows, dtype=np.int32)
    realization[:n_clusters] = np.repeat(np.arange(len(ids)), widths)
    dtype = np.uint8 if max(widths) < np.iinfo(np.uint8).max else np.uint16
    no_label, no_cluster = np.iinfo(dtype).max - 1, np.iinfo(dtype).max  # of padded points, rows
    code = np.full(rows, no_cluster, dtype=dtype)
    code[:n_clusters] = np.concatenate([np.arange(width) for width in widths])
    n = arrays[0].size
    one_hot, product = _product()
    size = max(1024, min(_MAX_POINTS, _ONE_HOT_BYTES // (rows * one_hot.itemsize)))
    size = min(1 << (size.bit_length() - 1), 1 << max(10, (n - 1).bit_length()))
    first_row = old // _PADDED_CLUSTERS * _PADDED_CLUSTERS
    counts = np.zeros((rows - first_row, rows), dtype=np.int64)
    block = np.empty((len(arrays), size), dtype=dtype)
    for start in range(0, n, size):
        stop = min(start + size, n)
        block[:, stop - start :] = no_label
        for r, array in enumerate(arrays):
            block[r, : stop - start] = recode(array[start:stop], ids[r], dtype)
        counts += np.asarray(product(block, realization, code, first_row))
    full = np.zeros((n_clusters, n_clusters), dtype=np.int64)
    full[old:] = counts[old - first_row : n_clusters - first_row, :n_clusters]
    full[:old, old:] = full[old:, :old].T
    return full


@cache
def _product() -> tuple[np.dtype, Callable]:
    """Return the type of the one-hot matrix and the compiled product, for the default device."""
    with extra("jax"):
        import jax
        import jax.numpy as jnp

    if jax.default_backend() == "cpu":
        one_hot: np.dtype = np.dtype(np.float32)
        total: np.dtype = np.dtype(np.float32)
    else:
        one_hot, total = np.dtype(np.int8), np.dtype(np.int32)

    def product(
        block: jax.Array, realization: jax.Array, code: jax.Array, first_row: int
    ) -> jax.Array:
        matrix = (block[realization] == code[:, None]).astype(one_hot)
        return jax.lax.dot_general(
            matrix[first_row:],
            matrix,
            (((1,), (1,)), ((), ())),
            precision=jax.lax.Precision.HIGHEST,
            preferred_element_type=total,
        ).astype(jnp.int32)

    return one_hot, jax.jit(product, static_argnums=3)
