"""Classes of the stacked signal, cut by hand: against loops, in tables, and drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from test_report import write_study

from kohorte import store
from kohorte.analysis.evaluation import evaluate
from kohorte.analysis.tables import tabulate_study
from kohorte.ensemble import signal_classes
from kohorte.errors import ConfigError
from kohorte.figures.signal_cuts import name_classes, signal_cuts_figure

NUMBERS = st.floats(0, 1e9)


@given(st.lists(NUMBERS, max_size=30), st.lists(NUMBERS, max_size=6, unique=True))
def test_a_class_begins_at_its_cut(signal, cuts):
    cuts = sorted(cuts)
    found = signal_classes(np.array(signal), cuts)
    assert found.tolist() == [sum(cut <= value for cut in cuts) for value in signal]
    assert len(name_classes(cuts)) == len(cuts) + 1


@pytest.mark.parametrize("cuts", [[2, 1], [1, 1], [np.inf], [[1.0]]])
def test_cuts_ascend(cuts):
    with pytest.raises(ConfigError, match="cuts of the signal must"):
        signal_classes(np.ones(3), cuts)


def test_points_and_scores_have_the_classes(tmp_path):
    from planning import plain_data

    write_study(tmp_path, with_table=False)
    labels = [tmp_path / f"{k}.npy" for k in range(5)]
    rng = np.random.default_rng(4)
    truth = np.repeat(np.arange(3), [30, 20, 10])
    rng.normal(size=(3, 4)), rng.normal(size=(60, 4))
    arrays = [np.where(rng.random(60) < 0.03 * k, (truth + 1) % 3, truth) for k in range(5)]
    arrays[1][:3] = arrays[2][:3] = arrays[3][:3] = 1
    for path, array in zip(labels, arrays, strict=True):
        np.save(path, array)
    ensemble = store.read_ensemble(tmp_path / "ensemble.h5", points=True)
    files = dict(zip(ensemble.realizations.ids, map(str, labels), strict=True))
    table = plain_data(np.ones((60, 2), np.float32), truth=truth, class_names=("a", "b", "c"))
    store.write_data(tmp_path / "data.h5", table)
    signal = ensemble.points.signal
    cuts = [float(np.quantile(signal, 0.3)), float(np.quantile(signal, 0.6))]
    how = {"ensemble": tmp_path / "ensemble.h5", "data": tmp_path / "data.h5", "indexes": []}
    how |= {"files": files, "swept": [], "seed": 1, "resamples": 10}
    with store.open_label_arrays([str(path) for path in labels], files) as opened:
        plain = tabulate_study(opened, **how)
        found = tabulate_study(opened, **how, signal_cuts=cuts)
    expected = np.array([sum(cut <= value for cut in cuts) for value in signal])
    assert found["points"]["signal_class"].tolist() == expected.tolist()
    scores = found["evaluation"].set_index("method")
    judged = evaluate(expected, truth)
    assert scores.loc["signal_cuts", ["accuracy", "ari"]].tolist() == [judged.accuracy, judged.ari]
    assert (found["classes"]["method"] == "signal_cuts").sum() == 3
    assert "signal_class" not in plain["points"]
    assert "signal_cuts" not in plain["evaluation"]["method"].tolist()


@pytest.mark.parametrize("cuts", [[], [3.0], [1.0, 2.0, 900.0]])
def test_the_figure_counts_the_points_of_each_class(cuts):
    signal = np.array([0.0, 1.0, 1.0, 2.5, 3.0, 700.0])
    figure = signal_cuts_figure(
        np.arange(12.0).reshape(6, 2),
        ["x", "y"],
        signal=signal,
        cuts=cuts,
        labels=np.array([0, 0, 1, 1, -1, 0]),
        label_names=["group 0", "group 1"],
    )
    texts = [text.get_text() for text in figure.findobj(Text)]
    sizes = np.bincount(signal_classes(signal, cuts), minlength=len(cuts) + 1)
    for name, size in zip(name_classes(cuts), sizes, strict=True):
        assert f"{name} ({size})" in texts
    lines = figure.axes[2].lines
    assert lines[len(cuts)].get_ydata()[-1] == pytest.approx(100)  # the last class ends at all
    begins = [line.get_ydata()[0] for line in lines[: len(cuts) + 1]]
    below = [100 * np.mean(signal < cut) for cut in cuts]
    assert begins == pytest.approx([0.0, *below])
