import itertools

import h5py
import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_lattice import KINDS

from kohorte.errors import ConfigError, DataError
from kohorte.maps import batch
from kohorte.maps.batch import MiniBatches, train_batch, train_minibatch
from kohorte.maps.history import Observer
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS
from kohorte.maps.neighbourhood import KERNELS


def table(missing=0.0, shape=(40, 3), seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=shape).astype(np.float32)
    features[rng.random(shape) < missing] = np.nan
    # Two features that are always there: with a single one, cosine distances are all equal.
    features[:, :2] = np.where(np.isnan(features[:, :2]), 0.5, features[:, :2])
    return features


@pytest.mark.parametrize("missing", [0, 0.4])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("topology", "periodic"), KINDS)
def test_an_epoch_by_definition(topology, periodic, metric, missing):
    features = table(missing)
    kernels = [name for name in KERNELS if name != "mexican_hat"]
    sizes, distances = [(1, 1), (8, 1), (1, 6), (6, 4), (3, 2)], ["euclidean", "links"] * 3
    for size, kernel, distance in zip(sizes, kernels, distances, strict=False):
        lattice = Lattice(*size, topology, periodic)
        start = np.random.default_rng(1).normal(size=(lattice.n_nodes, 3)).astype(np.float32)
        chosen = {"kernel": kernel, "kernel_distance": distance, "metric": metric}
        expected = oracle.batch_epoch(features, lattice, start, 1.3, **chosen)
        found = train_batch(features, lattice, start, epochs=1, radius=1.3, **chosen)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert found.dtype == np.float32


@given(
    slab=st.integers(1, 90),
    threads=st.integers(1, 3),
    missing=st.sampled_from([0, 0.3]),
    kind=st.sampled_from(KINDS),
)
def test_slabs_and_threads_do_not_change_a_bit(slab, threads, missing, kind):
    features, lattice = table(missing, (80, 4)), Lattice(6, 4, *kind)
    start = np.random.default_rng(1).random((24, 4))
    whole = train_batch(features, lattice, start, epochs=4)
    with (
        pytest.MonkeyPatch.context() as patch,
        h5py.File("memory.h5", "w", driver="core", backing_store=False) as file,
    ):
        patch.setattr(batch, "SLAB_ROWS", slab)
        patch.setattr(batch, "_SMALL", 1)
        on_disk = file.create_dataset("features", data=features, chunks=(7, 4))
        found = train_batch(on_disk, lattice, start, epochs=4, threads=threads)
    np.testing.assert_array_equal(found, whole)


def test_product_kernels_agree_with_the_general_smoothing(monkeypatch):
    features, start = table(0.2, (60, 5)), np.random.default_rng(1).random((63, 5))
    for periodic, (kernel, distance) in itertools.product(
        [False, True], [("gaussian", "euclidean"), ("gaussian_e", "euclidean"), ("bubble", "links")]
    ):
        arguments = {"epochs": 1, "radius": 1.8, "kernel": kernel, "kernel_distance": distance}
        lattice = Lattice(9, 7, periodic=periodic)
        by_axes = train_batch(features, lattice, start, **arguments)
        with monkeypatch.context() as patch:
            patch.setattr(batch.Neighbourhood, "factors", lambda *_: None)
            at_once = train_batch(features, lattice, start, **arguments)
        np.testing.assert_allclose(by_axes, at_once, rtol=1e-6)


def test_nodes_without_support_keep_their_weights():
    features, start = np.array([[0.0, 0.0], [0.1, 0.0]]), np.array([[0.0, 0], [5, 5], [9, 9]])
    bubble = {"epochs": 1, "radius": 1, "kernel": "bubble", "kernel_distance": "links"}
    found = train_batch(features, Lattice(3, 1), start, **bubble)
    np.testing.assert_allclose(found, [[0.05, 0], [0.05, 0], [9, 9]])
    # Of a feature that no point near the node has, too.
    features = np.array([[0.0, np.nan]])
    found = train_batch(features, Lattice(1, 1), [[3.0, 7.0]], epochs=2)
    np.testing.assert_array_equal(found, [[0, 7]])


def test_rough_and_fine_epochs():
    features, lattice = table(shape=(60, 2)), Lattice(5, 4)
    start = np.random.default_rng(1).random((20, 2))
    fall = {"epochs": 5, "radius": 3, "final_radius": 0.8}
    rough = train_batch(features, lattice, start, **fall)
    fine = train_batch(features, lattice, rough, epochs=3, radius=0.8, radius_schedule="constant")
    found = train_batch(features, lattice, start, fine_epochs=3, **fall)
    np.testing.assert_array_equal(found, fine)


def test_repeated_epochs_at_a_small_radius_are_k_means():
    features = np.concatenate([table(shape=(50, 2)) + shift for shift in (0, 20, 40)])
    start = np.array([[1.0, 1], [19, 22], [41, 38]])
    small = {"radius": 0.1, "radius_schedule": "constant"}
    found = train_batch(features, Lattice(3, 1), start, epochs=3, **small)
    means = [features[k * 50 : (k + 1) * 50].mean(axis=0) for k in range(3)]
    np.testing.assert_allclose(found, means, rtol=1e-5)


def test_backends_agree():
    features, lattice = table(shape=(200, 3)), Lattice(6, 4, "hexagonal", True)
    start = np.random.default_rng(1).random((24, 3)).astype(np.float32)
    arguments = {"epochs": 6, "fine_epochs": 2}
    numba, jax = (
        train_batch(features, lattice, start, backend=b, **arguments) for b in ("numba", "jax")
    )
    assert isinstance(jax, np.ndarray)
    assert jax.dtype == np.float32
    np.testing.assert_allclose(jax, numba, atol=1e-4)


@pytest.mark.parametrize("missing", [0, 0.3])
def test_one_batch_of_all_points_with_alpha_one_is_a_batch_epoch(missing):
    features, lattice = table(missing, (70, 3)), Lattice(5, 4)
    start = np.random.default_rng(1).random((20, 3))
    epoch = train_batch(features, lattice, start, epochs=1, radius=2)
    one = {"epochs": 1, "batch_size": 70, "alpha": 1, "radius": 2, "order": "sequential"}
    found = train_minibatch(features, lattice, start, **one)
    np.testing.assert_allclose(found, epoch, rtol=1e-6)


def test_minibatches_by_definition():
    features, lattice = table(0.3, (50, 3)), Lattice(4, 3, "hexagonal")
    start = np.random.default_rng(1).random((12, 3)).astype(np.float32)
    weights, sums, counts = start, 0, 0
    for number, first in enumerate(range(0, 50, 15)):
        rate = 0.4 * (1 - number / 4)
        part_sums, part_counts = oracle.node_sums(features[first : first + 15], weights)
        size = len(features[first : first + 15])
        share = 1 if number == 0 else rate
        sums = sums + share * (part_sums / size - sums)
        counts = counts + share * (part_counts / size - counts)
        h = oracle.kernel_matrix(lattice, 1.5, "gaussian", "euclidean")
        weights = ((h @ sums) / (h @ counts)).astype(np.float32)
    options = {"epochs": 1, "batch_size": 15, "order": "sequential"}
    options |= {"alpha": 0.4, "final_alpha": 0, "learning_rate": "linear"}
    options |= {"radius": 1.5, "radius_schedule": "constant"}
    found = train_minibatch(features, lattice, start, **options)
    np.testing.assert_allclose(found, weights, rtol=1e-5)


def test_minibatches_of_a_generator_and_of_a_file():
    features, lattice = table(shape=(90, 3)), Lattice(4, 3)
    start = np.random.default_rng(1).random((12, 3))
    arguments = {"epochs": 3, "batch_size": 20, "threads": 2}
    one, two, other = (
        train_minibatch(features, lattice, start, rng=np.random.default_rng(seed), **arguments)
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    with h5py.File("memory.h5", "w", driver="core", backing_store=False) as file:
        on_disk = file.create_dataset("features", data=features)
        found = train_minibatch(on_disk, lattice, start, order="sequential", **arguments)
    expected = train_minibatch(features, lattice, start, order="sequential", **arguments)
    np.testing.assert_array_equal(found, expected)
    stream = MiniBatches(lattice, start, 3)
    for first in range(0, 90, 30):
        stream.learn(features[first : first + 30], radius=1.0, rate=0.5)
    assert stream.weights.shape == (12, 3)
    assert np.isfinite(stream.weights).all()


@pytest.mark.parametrize("train", [train_batch, train_minibatch])
def test_an_observer_sees_the_run_and_may_end_it(train):
    features, lattice = table(shape=(90, 3)), Lattice(4, 3)
    start = np.random.default_rng(1).random((12, 3)).astype(np.float32)
    arguments = {"epochs": 40, "radius": 0.9, "radius_schedule": "constant"}
    if train is train_minibatch:
        arguments |= {"batch_size": 90, "alpha": 1, "learning_rate": "constant"}
        arguments |= {"order": "sequential"}
    observer = Observer(features, lattice, moments=40, patience=2)
    found = train(features, lattice, start, observer=observer, **arguments)
    stopped = int(observer.history().step[-1])
    assert 2 < stopped < 40
    arguments["epochs"] = stopped
    np.testing.assert_array_equal(found, train(features, lattice, start, **arguments))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"epochs": 0}, ConfigError, "epochs must be at least 1"),
        ({"fine_epochs": -1}, ConfigError, "fine_epochs must be at least 0"),
        ({"kernel": "mexican_hat"}, ConfigError, "negative values"),
        ({"backend": "torch"}, ConfigError, "unknown backend"),
        ({"metric": "taxi"}, ConfigError, "unknown metric"),
        ({"radius_schedule": "reference", "radius": 3}, ConfigError, "radius is 3, but"),
        ({"radius": 1, "final_radius": 2}, ConfigError, "final_radius is 2, but it falls"),
        ({"threads": 0}, ConfigError, "threads must be at least 1"),
        ({"features": np.zeros((0, 2))}, DataError, "at least one row"),
        ({"features": [[1.0, np.inf]]}, DataError, "inf in row 0"),
        ({"weights": np.zeros((3, 2))}, DataError, "weights has 3 rows"),
    ],
)
def test_bad_arguments(changes, error, message):
    arguments = {"features": np.zeros((3, 2)), "weights": np.zeros((4, 2)), "epochs": 2} | changes
    with pytest.raises(error, match=message):
        train_batch(lattice=Lattice(2, 2), **arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"alpha": 0}, "alpha must be"),
        ({"order": "random"}, "unknown order"),
        ({"rng": None}, "numpy Generator"),
        (
            {"learning_rate": "exponential", "final_alpha": 0},
            "final_alpha is 0, which 'exponential' never reaches",
        ),
    ],
)
def test_bad_arguments_of_minibatches(changes, message):
    arguments = {"epochs": 2, "rng": np.random.default_rng(0)} | changes
    with pytest.raises(ConfigError, match=message):
        train_minibatch(np.zeros((3, 2)), Lattice(2, 2), np.zeros((4, 2)), **arguments)
