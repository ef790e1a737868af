import logging

import numpy as np
import pytest

from kohorte.errors import ConfigError
from kohorte.maps.batch import train_batch
from kohorte.maps.history import HISTORY_ROWS, Observer
from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte.maps.quality import quantization_error, topographic_error
from kohorte.maps.winners import find_two_winners


def table(n=60):
    return np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)


def observed(steps=97, n=60, lattice=None, **options):
    features, lattice = table(n), lattice or Lattice(5, 4)
    start = np.random.default_rng(1).random((lattice.n_nodes, 3), dtype=np.float32)
    observer = Observer(features, lattice, **options)
    arguments = {"steps": steps, "alpha": 0.4, "order": "sequential"}
    trained = train_online(features, lattice, start, observer=observer, **arguments)
    plain = train_online(features, lattice, start, **arguments)
    np.testing.assert_array_equal(trained, plain)
    return observer, start, trained


def test_errors_of_the_moments():
    observer, start, trained = observed(moments=10, snapshots=3)
    history = observer.history()
    np.testing.assert_array_equal(history.step, [0, 9, 19, 29, 38, 48, 58, 67, 77, 87, 97])
    for entry, weights in ((0, start), (-1, trained)):
        nodes, lengths = find_two_winners(table(), weights)
        assert history.quantization_error[entry] == quantization_error(lengths[:, 0])
        assert history.topographic_error[entry] == topographic_error(nodes, Lattice(5, 4))
    np.testing.assert_array_equal(history.snapshot_step, [0, 48, 97])
    np.testing.assert_array_equal(history.snapshots[0], start)
    np.testing.assert_array_equal(history.snapshots[-1], trained)
    assert history.snapshots.dtype == np.float32
    assert history.alpha[0] == 0.4
    assert history.alpha[-1] < 0.01
    assert history.radius[0] == 6


def test_snapshots_are_copies_and_one_is_the_end():
    observer, _, trained = observed(snapshots=1, moments=0)
    history = observer.history()
    np.testing.assert_array_equal(history.snapshots, trained[None])
    assert history.step.size == 0
    assert observer.history().snapshot_step.tolist() == [97]


def test_nothing_to_record():
    observer, *_ = observed(moments=0)
    assert observer.history().snapshots.shape == (0, 20, 3)


def test_more_moments_than_steps_and_one_node():
    observer, *_ = observed(steps=3, moments=50, snapshots=9, lattice=Lattice(1, 1))
    history = observer.history()
    np.testing.assert_array_equal(history.step, [0, 1, 2, 3])
    assert np.isnan(history.topographic_error).all()
    np.testing.assert_array_equal(history.snapshot_step, [0, 1, 2, 3])


def test_errors_are_measured_on_a_part_of_a_large_table():
    n = 3 * HISTORY_ROWS
    observer, start, _ = observed(n=n, moments=1)
    _, lengths = find_two_winners(table(n)[::3], start)
    assert observer.history().quantization_error[0] == quantization_error(lengths[:, 0])


def test_training_stops_when_the_error_falls_no_more(caplog):
    features, lattice = table(), Lattice(5, 4)
    start = np.random.default_rng(1).random((20, 3))
    arguments = {"epochs": 60, "radius": 0.8, "radius_schedule": "constant"}
    with caplog.at_level(logging.INFO):
        observer = Observer(features, lattice, moments=60, patience=1, snapshots=2)
        train_batch(features, lattice, start, observer=observer, **arguments)
    history = observer.history()
    errors = history.quantization_error
    stopped = history.step[-1]
    assert stopped < 60
    assert errors[-1] >= errors[1:-1].min()
    assert (np.diff(errors[1:-1]) < 0).all()
    assert history.snapshot_step.tolist() == [0, stopped]
    assert "falls no more" in caplog.text
    assert "training takes about" in caplog.text
    # A larger fall is asked for: the end comes earlier.
    eager = Observer(features, lattice, moments=60, patience=1, tolerance=0.2)
    train_batch(features, lattice, start, observer=eager, **arguments)
    assert eager.history().step[-1] < stopped


def test_progress_is_called_to_the_end():
    calls = []
    observed(moments=2, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, 97)
    assert calls[-1] == (97, 97)
    assert len(calls) > 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"moments": -1}, "history must be at least 0"),
        ({"snapshots": -1}, "snapshots must be at least 0"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"patience": 3, "moments": 0}, "patience is 3, but history is 0"),
        ({"tolerance": -1}, "tolerance must be"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigError, match=message):
        Observer(table(), Lattice(2, 2), **options)
