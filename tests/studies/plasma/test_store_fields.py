"""fields.h5: what is written is what is read, and what does not fit is refused."""

import json

import fields_samples
import h5py
import numpy as np
import pytest

from kohorte.errors import DataError, ResultError
from kohorte.studies.plasma.fields.grid import Fields, Grid
from kohorte.studies.plasma.store import read_fields


@pytest.mark.parametrize("shape", [(24, 32), (6, 16, 20)])
def test_fields_come_back_as_they_were_written(tmp_path, shape):
    path = tmp_path / "fields.h5"
    written = fields_samples.write_sample(path, shape)
    read = read_fields(path)
    assert read.grid == written.grid
    assert (read.time, read.time_unit, read.source) == (2.0, "L/c", "flux ropes")
    assert read.units == dict(written.units)
    for name, array in written.values.items():
        assert read.values[name].dtype == np.float32
        np.testing.assert_array_equal(read.values[name], array.astype(np.float32))
    assert list(read_fields(path, ["rho"]).values) == ["rho"]
    with h5py.File(path) as file:
        assert file.attrs["kind"] == "fields"
        assert json.loads(file.attrs["shape"]) == list(shape)
        assert json.loads(file.attrs["axes"]) == ["z", "y", "x"][-len(shape) :]
        assert json.loads(file.attrs["periodic"]) == [True] * len(shape)
        assert json.loads(file.attrs["features"]) == list(fields_samples.FEATURES)
        assert file["fields/j_par"].attrs["unit"] == "B0 / d"


def test_a_field_that_is_not_there_is_named(tmp_path):
    fields_samples.write_sample(tmp_path / "fields.h5", (8, 8))
    with pytest.raises(ResultError, match="j_up"):
        read_fields(tmp_path / "fields.h5", ["j_up"])


def grid(**changes):
    whole = {"shape": (4, 5), "axes": ("y", "x"), "spacing": (1.0, 1.0), "periodic": (True, True)}
    return Grid(**(whole | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": (4,)}, "two or three axes"),
        ({"shape": (4, 0)}, "at least one cell"),
        ({"axes": ("x", "z")}, "needs the axes x, y"),
        ({"axes": ("x", "x")}, "got x, x"),
        ({"spacing": (1.0,)}, "2 values of spacing"),
        ({"spacing": (1.0, 0.0)}, "finite and above 0"),
        ({"spacing": (1.0, float("nan"))}, "finite and above 0"),
        ({"periodic": (True, True, True)}, "2 values of periodic"),
    ],
)
def test_grids_that_cannot_be_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        grid(**changes)


@pytest.mark.parametrize(
    ("shape", "units", "words"),
    [
        ((5, 4), {"rho": "n0"}, "another order"),
        ((20,), {"rho": "n0"}, "as many cells"),
        ((4, 4), {"rho": "n0"}, r"shape \(4, 4\), the grid \(4, 5\)"),
        ((4, 5), {}, "has no unit"),
    ],
)
def test_a_field_of_another_shape_or_without_a_unit_is_named(shape, units, words):
    with pytest.raises(DataError, match=f"'rho'.*{words}"):
        Fields(grid(), {"rho": np.zeros(shape)}, units)


def test_flux_ropes_are_without_divergence_and_their_current_is_the_curl():
    raw, cells = fields_samples.flux_ropes((64, 64))
    assert cells.plane == (1, 0)
    assert cells.axis("z") is None
    step = cells.spacing[0]

    def derivative(name, axis):
        return (np.roll(raw[name], -1, axis) - np.roll(raw[name], 1, axis)) / (2 * step)

    divergence = derivative("bx", 1) + derivative("by", 0)
    assert divergence.std() < 0.05 * derivative("bx", 1).std()
    curl = derivative("by", 1) - derivative("bx", 0)
    assert np.corrcoef(curl.ravel(), raw["jz"].ravel())[0, 1] > 0.99
    # The sheet between the ropes: opposite to them, and the strongest current there is.
    assert raw["jz"][32, 32] < -2
    assert raw["jz"][32, 16] > 1
    assert np.abs(raw["jz"]).max() == np.abs(raw["jz"][:, 31:33]).max()
