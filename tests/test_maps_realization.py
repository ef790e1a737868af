import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

from kohorte.errors import ConfigError, DataError
from kohorte.maps import winners as winners_module
from kohorte.maps.initial import INITIALS
from kohorte.maps.lattice import Lattice
from kohorte.maps.realization import MapParameters, run_realization
from kohorte.maps.segments import SEGMENTATIONS
from kohorte.maps.umatrix import smooth, u_matrix
from kohorte.maps.winners import find_winners


def iris():
    features, species = load_iris(return_X_y=True)
    return (features - features.mean(axis=0)) / (2 * features.std(axis=0)), species


def results(realization):
    found = dataclasses.asdict(realization)
    del found["seconds"]
    return found


def assert_same(one, two):
    for name, value in results(one).items():
        np.testing.assert_equal(value, results(two)[name], err_msg=name)


def test_parts_of_a_realization_fit_together():
    features, _ = iris()
    parameters = MapParameters(12, 8, steps=3000, alpha=0.5, smoothing=0.8, merge=0.3)
    found = run_realization(features, parameters, 1)
    lattice = Lattice(12, 8)
    assert found.weights.dtype == np.float32
    np.testing.assert_array_equal(found.winners, find_winners(features, found.weights))
    np.testing.assert_array_equal(
        found.u_matrix, smooth(u_matrix(found.weights, lattice), lattice, 0.8)
    )
    np.testing.assert_array_equal(found.hits, np.bincount(found.winners, minlength=96))
    assert found.hits.dtype == np.int64
    assert found.winners.dtype == np.int32
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, found.node_clusters[found.winners])
    assert found.quality["dead_node_share"] == np.mean(found.hits == 0)
    assert list(found.seconds) == ["train", "winners", "segment", "quality"]


def test_iris_at_the_published_parameters():
    # Published single runs reach adjusted Rand indices of .535 to .834, median .729.
    features, species = iris()
    parameters = MapParameters(40, 15, steps=100_000, alpha=0.5)
    scores = [
        adjusted_rand_score(species, run_realization(features, parameters, seed).labels)
        for seed in range(5)
    ]
    assert 0.535 < np.median(scores) < 0.95


@pytest.mark.parametrize("segmentation", sorted(SEGMENTATIONS))
@pytest.mark.parametrize("initial", sorted(INITIALS))
def test_the_seed_decides_and_threads_do_not(monkeypatch, segmentation, initial):
    monkeypatch.setattr(winners_module, "BLOCK_ROWS", 20)
    features, _ = iris()
    parameters = MapParameters(6, 5, steps=500, alpha=0.5, method=segmentation, initial=initial)
    one = run_realization(features, parameters, 5)
    assert_same(one, run_realization(features, parameters, 5, threads=2))
    other = run_realization(features, parameters, 6)
    assert (one.weights != other.weights).any()


def test_start_and_order_have_generators_of_their_own():
    # With next to no learning, the weights are those of the start.
    features, _ = iris()
    one, two = (
        run_realization(features, MapParameters(4, 3, steps=1, alpha=alpha, initial="uniform"), 3)
        for alpha in (1e-6, 2e-6)
    )
    np.testing.assert_allclose(one.weights, two.weights, atol=1e-4)
    three = run_realization(features, MapParameters(4, 3, steps=1, alpha=1e-6, initial="pca"), 3)
    assert np.abs(three.weights - one.weights).max() > 0.1


@pytest.mark.parametrize(("n_clusters", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_labels_take_the_smallest_unsigned_type(n_clusters, dtype):
    features = np.random.default_rng(0).random((5000, 2))
    parameters = MapParameters(
        20, 15, steps=1, alpha=1e-9, initial="sample", method="agglomerative", clusters=n_clusters
    )
    found = run_realization(features, parameters, 0, quality_rows=10)
    assert found.cluster_centroids.size == n_clusters
    assert found.labels.dtype == dtype
    np.testing.assert_array_equal(found.labels, found.node_clusters[found.winners])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("n_points", [1, 2, 30])
@pytest.mark.parametrize("segmentation", sorted(SEGMENTATIONS))
def test_small_maps_and_tables(size, n_points, segmentation):
    features = np.random.default_rng(0).normal(size=(n_points, 2))
    parameters = MapParameters(*size, steps=40, alpha=0.5, method=segmentation)
    found = run_realization(features, parameters, 0)
    assert found.labels.shape == (n_points,)
    assert np.isfinite(found.weights).all()


def test_constant_data_has_one_cluster():
    found = run_realization(np.ones((20, 3)), MapParameters(5, 4, steps=2000, alpha=1.0), 0)
    assert np.unique(found.labels).size == 1
    np.testing.assert_allclose(found.weights, 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xdim": 0}, "xdim must be at least 1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"alpha": -1}, "alpha must be"),
        ({"topology": "hexagon"}, "unknown topology"),
        ({"trainer": "offline"}, "unknown trainer"),
        ({"learning_rate": "fast"}, "unknown learning rate"),
        ({"initial": "zeros"}, "unknown initial 'zeros'"),
        ({"metric": "taxi"}, "unknown metric"),
        ({"method": "none"}, "unknown method"),
        ({"smoothing": -1}, "smoothing must be"),
        ({"merge": float("nan")}, "merge must be"),
        ({"clusters": "gap"}, "unknown clusters"),
    ],
)
def test_bad_parameters(changes, message):
    arguments = {"xdim": 3, "ydim": 2, "steps": 10, "alpha": 0.5} | changes
    with pytest.raises(ConfigError, match=message):
        MapParameters(**arguments)


def test_bad_calls():
    parameters = MapParameters(3, 2, steps=10, alpha=0.5)
    with pytest.raises(ConfigError, match="seed must be at least 0"):
        run_realization([[1.0]], parameters, -1)
    with pytest.raises(ConfigError, match="threads must be at least 1"):
        run_realization([[1.0]], parameters, 0, threads=0)
    with pytest.raises(DataError, match="no value in row 1"):
        run_realization([[1.0], [np.nan]], parameters, 0)
    with pytest.raises(ConfigError, match="needs first weights"):
        run_realization([[1.0]], MapParameters(3, 2, initial="given"), 0)
    with pytest.raises(DataError, match="given first weights: weights has 5 rows"):
        run_realization([[1.0]], MapParameters(3, 2, initial="given"), 0, given=np.ones((5, 1)))


def test_the_package_imports_without_numba():
    code = "import sys, kohorte.maps; sys.exit('numba' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
