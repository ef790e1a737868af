"""Drawing figures into files: only those that would change, the same in any number of processes."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.drawing import draw_figures

FIGURES = {
    "clusters": {"module": "kohorte.figures.realizations", "parameters": {"swept": ["alpha"]}},
    "stability": {"module": "kohorte.figures.stability", "parameters": {}},
    "effects": {"module": "kohorte.figures.agreement", "parameters": {}},
}
INPUTS = {"clusters": "realizations", "stability": "stability", "effects": "effects"}


@pytest.fixture
def study(tmp_path):
    """Figures and their inputs, as the workflow gives them."""
    gsum = np.linspace(9, 1, 12)
    tables = {
        "realizations": {"n_clusters": [3, 4, 4, 5], "alpha": [0.1, 0.1, 0.2, 0.2]},
        "stability": {
            "gsum": gsum, "gsum_low": gsum - 1, "gsum_high": gsum + 1, "consensus_group": [0, 1] * 6
        },
        "effects": {name: [] for name in ("parameter", "within", "between", "p_value")},
    }  # fmt: skip
    inputs = {name: str(tmp_path / f"{name}.csv") for name in tables}
    for name, table in tables.items():
        store.write_csv(pd.DataFrame(table), inputs[name])
    figures = {
        name: {**figure, "inputs": [INPUTS[name]], "library": "a"}
        for name, figure in FIGURES.items()
    }
    return figures, inputs


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


def test_bytes_do_not_depend_on_the_number_of_processes(study, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two", tmp_path / "alone"]
    assert draw_figures(*study, folders[0]) == list(FIGURES)
    assert draw_figures(*study, folders[1], processes=2) == list(FIGURES)
    for name in reversed(FIGURES):
        draw_figures({name: study[0][name]}, study[1], folders[2])
    one, two, alone = map(pictures, folders)
    assert sorted(one) == sorted(f"{name}.{s}" for name in FIGURES for s in ("pdf", "png"))
    assert one == two == alone


def test_only_what_would_change_is_drawn_again(study, tmp_path):
    figures, inputs = study
    folder = tmp_path / "figures"
    draw_figures(figures, inputs, folder)
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert draw_figures(figures, inputs, folder, processes=2) == []
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times
    figures["effects"] |= {"library": "b"}
    assert draw_figures(figures, inputs, folder) == ["effects"]
    figures["clusters"] |= {"parameters": {"swept": []}}
    assert draw_figures(figures, inputs, folder) == ["clusters"]
    table = pd.read_csv(inputs["stability"])
    store.write_csv(table.iloc[:6], inputs["stability"])
    assert draw_figures(figures, inputs, folder) == ["stability"]
    (folder / "effects.pdf").unlink()
    (folder / "clusters.png").write_bytes(b"edited")
    assert sorted(draw_figures(figures, inputs, folder)) == ["clusters", "effects"]
    (folder / ".effects.json").write_text(json.dumps([]))
    (folder / ".clusters.json").write_bytes(b"{")
    assert sorted(draw_figures(figures, inputs, folder)) == ["clusters", "effects"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_figure_that_cannot_be_drawn_is_named(study, tmp_path, processes):
    figures, inputs = study
    figures["feature_map"] = {**figures["effects"], "module": __name__, "inputs": []}
    with pytest.raises(ConfigError, match="figure feature_map: no such feature"):
        draw_figures(figures, inputs, tmp_path, processes=processes)


def draw_feature_map(inputs, parameters):
    raise ConfigError("no such feature")


def test_formats_width_and_font_hold_for_each_figure_and_give_the_same_bytes(study, tmp_path):
    figures, inputs = study
    chosen = {"formats": ["svg", "png"], "width": 120.0, "font": "DejaVu Sans Mono", "dpi": 150}
    figures = {name: {**figure, **chosen} for name, figure in figures.items()}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, processes in zip(folders, (1, 2), strict=True):
        assert draw_figures(figures, inputs, folder, processes=processes) == list(FIGURES)
        assert draw_figures(figures, inputs, folder) == []
    one, two = map(pictures, folders)
    assert one == two
    assert sorted(one) == sorted(f"{name}.{s}" for name in FIGURES for s in ("png", "svg"))
    for name in FIGURES:
        svg = one[f"{name}.svg"].decode()
        assert f'width="{120 / 25.4 * 72:.6g}' in svg
        assert "DejaVuSansMono" in svg
        assert "<dc:date>" not in svg
        with Image.open(folders[0] / f"{name}.png") as picture:
            assert picture.width == pytest.approx(120 / 25.4 * 150, abs=1)


def test_files_of_formats_that_are_no_longer_asked_for_go(study, tmp_path):
    figures, inputs = study
    one = {"stability": figures["stability"]}
    draw_figures(one, inputs, tmp_path / "f")
    one["stability"] |= {"formats": ["png", "svg"]}
    assert draw_figures(one, inputs, tmp_path / "f") == ["stability"]
    assert sorted(pictures(tmp_path / "f")) == ["stability.png", "stability.svg"]
