"""Results of other versions: they are read as long as the number of their format is the same."""

import json
import re
import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest
from workflow_project import rewriting, write_points

from kohorte import __version__, store
from kohorte.estimators import load_study
from kohorte.store import files

FORMAT_1 = Path(__file__).parent / "format_1"
MAP = "x6_y5_steps400_alpha0.1_r1"


@pytest.fixture
def study(tmp_path):
    """A copy of the study, as this version has made it."""
    folder = shutil.copytree(FORMAT_1, tmp_path / "study")
    for path in folder.rglob("*.h5"):
        with rewriting(path) as file:
            file.attrs["versions"] = json.dumps({"kohorte": __version__})
            parts = files._MADE_BY[file.attrs["kind"]]
            file.attrs["library"] = files.provenance.library_digest(*parts)
    return folder


def paths(folder):
    return [folder / "data.h5", folder / "ensemble.h5", *sorted(folder.glob("realizations/*"))]


@pytest.mark.filterwarnings("ignore:.*made .* by:UserWarning")
def test_results_of_this_format_are_read_whatever_was_added_since(tmp_path):
    """They were written in November 2026; who changes this raises `kohorte.store.files.FORMAT`."""
    assert files.FORMAT == 1
    write_points(tmp_path / "points.csv")
    points = pd.read_csv(tmp_path / "points.csv").drop(columns="kind")[::9]
    assert load_study(FORMAT_1).predict(points).tolist() == [0, 0, 0, 0, 2, 2, 2, 1, 1, 1]
    assert load_study(FORMAT_1, MAP).predict(points).tolist() == [0, 0, 0, 0, 3, 3, 3, 1, 1, 1]
    assert (
        store.read_realization(FORMAT_1 / "realizations" / f"{MAP}.h5").parameters["alpha"] == 0.1
    )


def test_what_another_version_made_is_named(study):
    assert store.other_versions(paths(study)) == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_study(study)
    for path in paths(study)[2:]:
        with rewriting(path) as file:
            file.attrs["versions"] = json.dumps({"kohorte": "0.0.9"})
    with rewriting(study / "ensemble.h5") as file:
        file.attrs["library"] = "0" * 16
    with rewriting(study / "data.h5") as file:  # which is read by the reader of its source alone
        file.attrs["library"] = "0" * 16
    said = (
        f"made ensemble.h5 by other code of kohorte {__version__}; 2 maps by kohorte 0.0.9, "
        f"and this is kohorte {__version__}"
    )
    assert store.other_versions(paths(study)) == said
    with pytest.warns(UserWarning, match=re.escape("made ensemble.h5 by other code of")):
        load_study(study)
    with pytest.warns(UserWarning, match="made 1 maps by kohorte 0.0.9"):
        load_study(study, MAP)
