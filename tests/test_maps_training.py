import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_lattice import KINDS

from kohorte import _arrays, _principal
from kohorte.errors import ConfigError, DataError
from kohorte.maps import _kernels, online
from kohorte.maps.initial import initial_weights
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS
from kohorte.maps.neighbourhood import KERNELS
from kohorte.maps.online import sample_order, train_online


@given(
    xdim=st.integers(1, 24),
    ydim=st.integers(1, 24),
    n_features=st.integers(1, 9),
    steps=st.integers(1, 120),
    learning_rate=st.sampled_from(["decay", "constant"]),
    seed=st.integers(0, 2**32),
)
def test_training_equals_the_plain_trainer_bit_for_bit(
    xdim, ydim, n_features, steps, learning_rate, seed
):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(30, n_features)).astype(np.float32)
    start = rng.random((xdim * ydim, n_features), dtype=np.float32)
    order = rng.permutation(30)
    expected = oracle.train(features, xdim, ydim, start, order, steps, 0.5, learning_rate)
    rates = {"alpha": 0.5, "learning_rate": learning_rate}
    found = train_online(features, Lattice(xdim, ydim), start, steps=steps, order=order, **rates)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("missing", [0, 0.3])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("topology", "periodic"), KINDS)
def test_every_metric_and_lattice_equals_the_plain_trainer_bit_for_bit(
    topology, periodic, metric, missing
):
    rng = np.random.default_rng(3)
    features = rng.normal(size=(40, 5)).astype(np.float32)
    features[rng.random(features.shape) < missing] = np.nan
    features[:, 2] = np.nan_to_num(features[:, 2])
    sizes = [(1, 1), (9, 1), (1, 6), (5, 4), (2, 2), (7, 4), (26, 8)]
    for size, kernel in zip(sizes, KERNELS, strict=True):
        lattice = Lattice(*size, topology, periodic)
        start = rng.normal(size=(lattice.n_nodes, 5)).astype(np.float32)
        order = rng.integers(40, size=60)
        chosen = {"kernel": kernel, "kernel_distance": rng.choice(["links", "euclidean"])}
        expected = oracle.train_any(features, lattice, start, order, 0.4, 2.3, metric, **chosen)
        chosen |= {"alpha": 0.4, "learning_rate": "constant", "metric": metric, "order": order}
        chosen |= {"radius": 2.3, "radius_schedule": "constant"}
        found = train_online(features, lattice, start, steps=60, **chosen)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("topology", "periodic"), KINDS)
@given(
    sides=st.tuples(st.integers(_kernels.LANES, 40), st.integers(1, 12)),
    radius=st.sampled_from([0, 0.7, 2, 5.5, 9, 40]),
    n_features=st.sampled_from([1, 5, 13]),
    has_ties=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_code_of_its_own_for_a_number_of_features_changes_no_bit(
    topology, periodic, sides, radius, n_features, has_ties, seed
):
    if topology == "hexagonal" and periodic:
        sides = sides[0], sides[1] + sides[1] % 2
    rng, lattice = np.random.default_rng(seed), Lattice(*sides, topology, periodic)
    start = rng.normal(size=(lattice.n_nodes, n_features))
    features = rng.normal(size=(40, n_features))
    if has_ties:
        start, features = start.round(), features.round()
    options = {"alpha": 0.5, "order": rng.integers(40, size=60), "kernel": rng.choice([*KERNELS])}
    options |= {"radius": radius, "radius_schedule": "constant", "steps": 60}
    found = {}
    for work in (0, np.inf):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(online, "SPECIAL_WORK", work)
            found[work] = train_online(features, lattice, start, **options)
    assert found[0].tobytes() == found[np.inf].tobytes()


def test_the_published_schedule_on_the_lattices_that_it_was_not_made_for():
    # A hexagonal lattice counts links, a periodic one goes the short way.
    rng = np.random.default_rng(3)
    features, start = rng.normal(size=(40, 3)), rng.random((60, 3))
    run = {"steps": 400, "alpha": 0.5, "order": np.arange(40)}
    trained = [train_online(features, Lattice(10, 6, *kind), start, **run) for kind in KINDS]
    assert len({weights.tobytes() for weights in trained}) == 4


def test_epochs_are_passes_during_which_schedules_stand_still():
    # The TensorFlow blog's training, written out: factor 1 - t/T on alpha and sigma, one pass over
    # all vectors in their order an iteration, exp(-d^2 / sigma^2) with Euclidean lattice distance.
    rng = np.random.default_rng(8)
    colours = rng.random((15, 3))
    lattice = Lattice(6, 5)
    start = rng.normal(size=(30, 3)).astype(np.float32)
    weights = start.astype(np.float64)
    for iteration in range(40):
        factor = 1 - iteration / 40
        for colour in colours:
            winner = np.argmin(((weights - colour) ** 2).sum(axis=1))
            d2 = lattice.distances_from(winner) ** 2
            h = 0.3 * factor * np.exp(-d2 / (3.0 * factor) ** 2)
            weights += h[:, None] * (colour - weights)
    options = {"epochs": 40, "order": "sequential", "alpha": 0.3, "final_alpha": 0}
    options |= {"learning_rate": "linear", "radius": 3, "final_radius": 0}
    options |= {"kernel": "gaussian_e", "kernel_distance": "euclidean"}
    found = train_online(colours, lattice, start, radius_schedule="linear", **options)
    np.testing.assert_allclose(found, weights, atol=1e-4)


def test_lattices_larger_than_a_block_of_the_kernel(monkeypatch):
    rng = np.random.default_rng(5)
    features = rng.normal(size=(50, 7)).astype(np.float32)
    start = rng.random((30 * 40, 7), dtype=np.float32)
    order = rng.integers(50, size=400)
    expected = oracle.train(features, 30, 40, start, order, 400, 0.9, "decay")
    for work in (online.SPECIAL_WORK, 0):
        monkeypatch.setattr(online, "SPECIAL_WORK", work)
        found = train_online(features, Lattice(30, 40), start, steps=400, alpha=0.9, order=order)
        np.testing.assert_array_equal(found, expected)


def test_lowest_index_wins_a_tie():
    # Both nodes are as far from the point; only node 0 is within reach of itself at full strength.
    trained = train_online([[0.0]], Lattice(2, 1), [[1], [-1]], steps=1, alpha=1, order=[0])
    assert trained[0, 0] == 0
    assert trained[1, 0] < 0


def test_inputs_are_left_alone_and_any_layout_is_accepted():
    rng = np.random.default_rng(1)
    features = rng.integers(-5, 5, size=(40, 3))
    start = rng.random((12, 3))
    start.setflags(write=False)
    kept = start.copy()
    arguments = {"steps": 100, "alpha": 0.4, "order": np.arange(40, dtype=np.uint8)}
    read_only = features.astype(np.float32)
    expected = train_online(read_only, Lattice(4, 3), start.astype(np.float32), **arguments)
    read_only.setflags(write=False)
    for table in (features, np.asfortranarray(features, dtype=float), read_only, features.tolist()):
        found = train_online(table, Lattice(4, 3), start, **arguments)
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(start, kept)


def test_blocks_of_steps_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(2)
    features, start = rng.normal(size=(70, 2)), rng.random((20, 2))

    def train():
        rng = np.random.default_rng(3)
        return train_online(features, Lattice(5, 4), start, steps=500, alpha=0.5, rng=rng)

    whole = train()
    monkeypatch.setattr(online, "STEP_BLOCK", 17)
    np.testing.assert_array_equal(train(), whole)


def test_every_pass_is_a_fresh_permutation_of_all_rows():
    rows = np.concatenate(list(sample_order(50, 120, rng=np.random.default_rng(0))))
    assert rows.size == 120
    np.testing.assert_array_equal(np.sort(rows[:50]), np.arange(50))
    np.testing.assert_array_equal(np.sort(rows[50:100]), np.arange(50))
    assert (rows[:50] != rows[50:100]).any()
    assert np.unique(rows[100:]).size == 20


def test_a_given_order_is_repeated():
    rows = np.concatenate(list(sample_order(5, 8, order=[4, 0, 2])))
    np.testing.assert_array_equal(rows, [4, 0, 2, 4, 0, 2, 4, 0])


def test_training_places_the_map_on_the_data():
    rng = np.random.default_rng(4)
    features = rng.normal(loc=[3, -2], scale=0.1, size=(500, 2))
    start = rng.random((30, 2))
    trained = train_online(features, Lattice(6, 5), start, steps=2000, alpha=0.5, rng=rng)
    np.testing.assert_allclose(trained.mean(axis=0), [3, -2], atol=0.1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"steps": 0}, ConfigError, "steps must be at least 1"),
        ({"steps": 1.5}, ConfigError, "steps must be an integer"),
        ({"alpha": 0}, ConfigError, "alpha must be finite and > 0"),
        ({"alpha": np.nan}, ConfigError, "alpha must be finite"),
        ({"alpha": 1.01}, ConfigError, "alpha must be at most 1"),
        ({"learning_rate": "fast"}, ConfigError, "unknown learning rate"),
        ({"order": "shuffled"}, ConfigError, "order or a numpy Generator"),
        ({"order": "random"}, ConfigError, "unknown order"),
        ({"epochs": 2}, ConfigError, "either steps or epochs"),
        ({"radius": 3.0}, ConfigError, "radius is 3, but the radius_schedule 'reference'"),
        ({"kernel": "square"}, ConfigError, "unknown neighbourhood kernel"),
        ({"metric": "taxi"}, ConfigError, "unknown metric"),
        ({"order": []}, ConfigError, "non-empty"),
        ({"order": [0.5]}, ConfigError, "row numbers"),
        ({"order": [3]}, ConfigError, r"order must lie in 0\.\.2, got 3\.\.3"),
        ({"order": [-1]}, ConfigError, "order must lie in"),
        ({"features": [1, 2]}, DataError, "two-dimensional"),
        ({"features": np.empty((0, 2))}, DataError, "at least one row"),
        ({"features": [["a", "b"]]}, DataError, "real numbers"),
        ({"features": [[1, 2], [np.nan, np.nan]]}, DataError, "no value in row 1"),
        ({"features": [[1, 2], [np.inf, 4]]}, DataError, "inf in row 1, column 0"),
        ({"features": [[1, 1e16]]}, DataError, "scale the data"),
        ({"weights": np.zeros((3, 2))}, DataError, "weights has 3 rows, but the lattice has 4"),
        ({"weights": np.zeros((4, 3))}, DataError, "weights has 3 columns"),
        ({"weights": np.full((4, 2), np.nan)}, DataError, "weights has the value nan"),
    ],
)
def test_bad_arguments(changes, error, message):
    arguments = {"features": np.zeros((3, 2)), "weights": np.zeros((4, 2)), "order": [0]}
    arguments |= {"steps": 5, "alpha": 0.1} | changes
    with pytest.raises(error, match=message):
        train_online(lattice=Lattice(2, 2), **arguments)


def test_uniform_and_sample_starts():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(9, 3)).astype(np.float32)
    uniform = initial_weights(features, Lattice(20, 10), "uniform", rng)
    assert uniform.shape == (200, 3)
    assert uniform.dtype == np.float32
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.05)
    sample = initial_weights(features, Lattice(20, 10), "sample", rng)
    assert {tuple(row) for row in sample} == {tuple(row) for row in features}
    sample[:] = 0
    assert features.any()


def test_pca_start_spans_two_standard_deviations():
    # Variances 9 along (1, 1)/sqrt 2 and 1 along (1, -1)/sqrt 2, mean (10, 20).
    along, across = np.array([1, 1]) / np.sqrt(2), np.array([1, -1]) / np.sqrt(2)
    features = np.array([[10, 20]]) + np.array(
        [a * 3 * along + b * across for a in (-1, 1) for b in (-1, 1)]
    )
    rng = np.random.default_rng(0)
    weights = initial_weights(features, Lattice(5, 3), "pca", rng).reshape(3, 5, 2) - [10, 20]
    np.testing.assert_allclose((weights @ along)[0], [-6, -3, 0, 3, 6], atol=1e-5)
    np.testing.assert_allclose(np.abs(weights @ across)[:, 0], [2, 0, 2], atol=1e-5)
    # The longer side takes the larger variance, here the other one.
    upright = initial_weights(features, Lattice(3, 5), "pca", rng).reshape(5, 3, 2) - [10, 20]
    np.testing.assert_allclose((upright @ along)[:, 0], [-6, -3, 0, 3, 6], atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (3, 3)])
@pytest.mark.parametrize("features", [[[2.0, 3.0]], [[1.0], [5.0]], [[4.0, 4.0], [4.0, 4.0]]])
def test_pca_start_of_degenerate_cases(size, features):
    weights = initial_weights(features, Lattice(*size), "pca", np.random.default_rng(0))
    np.testing.assert_allclose(weights.mean(axis=0), np.mean(features, axis=0), rtol=1e-6)
    if np.ptp(features) == 0 or len(features) == 1:
        assert np.ptp(weights, axis=0).max() == 0


def test_unknown_start():
    with pytest.raises(ConfigError, match="unknown initial weights 'zeros'"):
        initial_weights([[1.0]], Lattice(2, 2), "zeros", np.random.default_rng(0))


def test_bad_values_and_principal_axes_do_not_depend_on_blocks_of_rows(monkeypatch):
    features = np.random.default_rng(0).normal(size=(100, 3))
    whole = initial_weights(features, Lattice(4, 3), "pca", np.random.default_rng(0))
    monkeypatch.setattr(_arrays, "_BLOCK_ENTRIES", 20)
    monkeypatch.setattr(_principal, "_BLOCK_ENTRIES", 20)
    blocks = initial_weights(features, Lattice(4, 3), "pca", np.random.default_rng(0))
    np.testing.assert_allclose(blocks, whole, rtol=1e-5)
    features[57, 2] = -np.inf
    with pytest.raises(DataError, match="-inf in row 57, column 2"):
        _arrays.as_points(features)
