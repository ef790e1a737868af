"""Missing values filled in from winners: by hand, and against a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflow_project import rewriting

from kohorte import store
from kohorte.analysis import imputation
from kohorte.errors import DataError
from kohorte.maps.imputation import impute, impute_ensemble

GAP = np.nan
FEATURES = np.array([[0.0, GAP], [GAP, 4.0], [5.0, 6.0]])
WEIGHTS = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.float32)


class TestImpute:
    def test_by_hand(self):
        filled = impute(FEATURES, WEIGHTS, np.array([0, 1, 2]))
        assert filled.dtype == np.float32
        np.testing.assert_array_equal(filled, [[0, 2], [3, 4], [5, 6]])
        assert np.isnan(FEATURES[0, 1])

    def test_float32_input_is_not_changed(self):
        features = FEATURES.astype(np.float32)
        features.setflags(write=False)
        impute(features, WEIGHTS, np.array([0, 1, 2]))
        assert np.isnan(features[0, 1])

    @pytest.mark.parametrize(
        ("features", "weights", "winners", "says"),
        [
            (FEATURES, WEIGHTS, [0, 1], r"one node for each of the 3 points, got shape \(2,\)"),
            (FEATURES, WEIGHTS, [0, 1, 3], r"winners must lie in 0\.\.2, got 0\.\.3"),
            (FEATURES, WEIGHTS[:, :1], [0, 1, 2], "1 columns, but the data have 2 features"),
            (FEATURES, WEIGHTS * GAP, [0, 1, 2], "weights has the value nan"),
            (FEATURES * GAP, WEIGHTS, [0, 1, 2], "no value in row 0"),
        ],
    )
    def test_arrays_that_do_not_fit(self, features, weights, winners, says):
        with pytest.raises(DataError, match=says):
            impute(features, weights, np.array(winners))


class TestEnsemble:
    def test_by_hand(self):
        # Entry (0, 1) gets 2, 4, 6 and (1, 0) gets 3, 3, 6: deviations of 8/3 and 2, squared.
        maps = [(WEIGHTS, np.array(winners)) for winners in ([0, 1, 0], [1, 1, 0])]
        maps.append((WEIGHTS + [1, 0], np.array([2, 2, 2])))
        filled, spread = impute_ensemble(FEATURES, iter(maps))
        assert filled.dtype == spread.dtype == np.float64
        np.testing.assert_allclose(filled, [[0, 4], [4, 4], [5, 6]], rtol=1e-15)
        np.testing.assert_allclose(
            spread, [[0, np.sqrt(8 / 3)], [np.sqrt(2), 0], [0, 0]], rtol=1e-15
        )

    def test_maps_that_agree_have_no_spread(self):
        maps = [(WEIGHTS + np.float32(0.1), np.array([0, 1, 2]))] * 7
        filled, spread = impute_ensemble(FEATURES, maps)
        np.testing.assert_array_equal(filled, impute(FEATURES, *maps[0]))
        np.testing.assert_array_equal(spread, 0)

    def test_at_least_one_map(self):
        with pytest.raises(DataError, match="no map to fill missing values in from"):
            impute_ensemble(FEATURES, [])

    @given(seed=st.integers(0, 1000), n_maps=st.integers(1, 6), shift=st.sampled_from([0, 1e6]))
    def test_it_is_mean_and_deviation_of_the_maps(self, seed, n_maps, shift):
        rng = np.random.default_rng(seed)
        features = rng.normal(size=(20, 3))
        features[rng.random((20, 3)) < 0.4] = GAP
        features[:, seed % 3] = shift
        maps = [(rng.normal(shift, size=(4, 3)), rng.integers(4, size=20)) for _ in range(n_maps)]
        filled, spread = impute_ensemble(features, maps)
        each = np.array([impute(features, *one) for one in maps], dtype=np.float64)
        np.testing.assert_allclose(filled, each.mean(axis=0), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(spread, each.std(axis=0), rtol=1e-6, atol=1e-9)
        assert not spread[~np.isnan(features)].any()

        order = rng.permutation(20)
        moved = impute_ensemble(features[order], [(w, winners[order]) for w, winners in maps])
        np.testing.assert_array_equal(moved, [filled[order], spread[order]])


@pytest.fixture
def study(tmp_path):
    """A small data.h5 with two gaps, and the index of two maps."""
    features = FEATURES.astype(np.float32)
    scale, offset = np.array([2.0, 10.0]), np.array([0.0, 100.0])
    rows = np.array([1, 5, 6])
    data = tmp_path / "data.h5"
    store.write_data(
        data, store.PreparedData(features, ("a", "b"), offset, scale, None, None, rows, "d", 2)
    )
    folder = tmp_path / "realizations"
    for name, winners in (("one", [0, 1, 2]), ("two", [2, 1, 0])):
        path = folder / f"{name}.h5"
        with store.create(path, "realization", id=name, content=name) as file:
            store.put(file, {"weights": WEIGHTS, "winners": np.array(winners)})
    index = folder / "batches" / "000.json"
    files = [folder / f"{name}.h5" for name in ("one", "two")]
    store.write_index(index, files, [store.list_realization(file) for file in files])
    return data, [index]


class TestFile:
    @pytest.mark.parametrize("entries", [1, 4, 1 << 22])
    def test_file_in_physical_units(self, study, tmp_path, entries, monkeypatch):
        data, indexes = study
        monkeypatch.setattr(imputation, "BLOCK_ENTRIES", entries)
        path = tmp_path / "imputed.h5"
        imputation.write_imputed(path, data=data, indexes=indexes)
        with store.open_result(path, "imputed") as file:
            assert (file.attrs["n_realizations"], file.attrs["n_missing"]) == (2, 2)
            # Scaled: (0, 1) gets 2 and 6, (1, 0) gets 3 twice.
            np.testing.assert_array_equal(file["features"], [[0, 140], [6, 140], [10, 160]])
            np.testing.assert_array_equal(file["spread"], [[0, 20], [0, 0], [0, 0]])
            np.testing.assert_array_equal(file["missing"], np.isnan(FEATURES))
            np.testing.assert_array_equal(file["rows"], [1, 5, 6])
            assert store.read_text(file["names"]) == ("a", "b")
            assert all(item.attrs["unit"] for item in file.values())

    def test_nothing_is_missing(self, study, tmp_path):
        data, indexes = study
        whole = store.PreparedData(
            WEIGHTS, ("a", "b"), *np.ones((2, 2)), None, None, np.arange(3), "d"
        )
        store.write_data(data, whole)
        with pytest.raises(DataError, match=r"data\.h5: no value is missing.*missing: skip"):
            imputation.write_imputed(tmp_path / "imputed.h5", data=data, indexes=indexes)
        assert not (tmp_path / "imputed.h5").exists()

    def test_a_map_of_another_table(self, study, tmp_path):
        data, indexes = study
        with rewriting(tmp_path / "realizations" / "two.h5") as file:
            del file["winners"]
            file["winners"] = [0, 1]
        with pytest.raises(DataError, match="winners must have one node for each of the 3 points"):
            imputation.write_imputed(tmp_path / "imputed.h5", data=data, indexes=indexes)
