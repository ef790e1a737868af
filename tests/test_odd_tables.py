"""Tables that are not plain: masked, far from zero, with empty columns, of text and dates."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

from kohorte import SOM, SOMEnsemble
from kohorte._arrays import as_nodes, as_points, find_centers, unmask
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import DataError
from kohorte.maps.batch import MiniBatches
from kohorte.maps.lattice import Lattice
from kohorte.maps.realization import MapParameters, run_realization

RNG = np.random.default_rng(5)
GROUP = np.repeat([0, 1, 2], 40)
X = RNG.normal(size=(120, 3)) * 0.4 + 4 * np.c_[GROUP, GROUP == 1, GROUP == 2]
QUICK = {"trainer": "batch", "epochs": 8, "initial": "pca"}
SMALL = SOM(5, 4, **QUICK, random_state=0)


def gaps(values):
    """Return values with some NaN, and the same as a masked array with an absurd fill."""
    absent = np.random.default_rng(1).random(values.shape) < 0.1
    absent[absent.all(axis=1)] = False
    masked = np.ma.MaskedArray(np.where(absent, -9999, values), absent)
    return np.where(absent, np.nan, values), masked


# ---- masks


def containers():
    astropy = pytest.importorskip("astropy.table")
    plain, masked = gaps(np.round(X, 2))
    columns = [masked[:, k] for k in range(3)]
    frame = pd.DataFrame(plain, columns=list("abc"))
    record = np.ma.empty(120, dtype=[(name, float) for name in "abc"])
    for name, column in zip("abc", columns, strict=True):
        record[name] = column
    table = astropy.Table(
        [astropy.MaskedColumn(c, name=n) for n, c in zip("abc", columns, strict=True)]
    )
    objects = frame.astype(object).where(frame.notna(), pd.NA)
    return {
        "masked": masked,
        "rows": list(masked),
        "record": record,
        "astropy": table,
        "nullable": frame.astype("Float64"),
        "objects": objects,
    }


@pytest.mark.parametrize("kind", ["masked", "rows", "record", "astropy", "nullable", "objects"])
def test_what_is_masked_is_missing(kind):
    plain, _ = gaps(np.round(X, 2))
    given = containers()[kind]
    expected = SOM(5, 4, **QUICK, random_state=0).fit(plain)
    found = SOM(5, 4, **QUICK, random_state=0).fit(given)
    assert_array_equal(found.weights_, expected.weights_)
    assert_array_equal(found.predict(given), expected.labels_)
    assert_array_equal(found.impute(given), expected.impute(plain))
    if kind in ("astropy", "nullable", "objects"):
        assert_array_equal(found.feature_names_in_, list("abc"))


def test_masked_integers_nodes_and_labels():
    whole = np.ma.masked_equal(np.array([[1, 2], [-1, 4]]), -1)
    assert_array_equal(as_points(whole, missing=True), np.float32([[1, 2], [np.nan, 4]]))
    with pytest.raises(DataError, match="nan in row 1, column 0"):
        as_points(whole)
    assert unmask(np.ma.MaskedArray([1, 2])).dtype.kind == "i"
    masked = np.ma.masked_equal([0, 1, -1], -1)
    with pytest.raises(DataError, match="winners has masked entries"):
        as_nodes(masked, 4, "winners")
    with pytest.raises(DataError, match=r"labels of realization 1 have masked.*noise=-1"):
        count_overlaps([np.array([0, 1, 1]), masked])


# ---- offsets


@pytest.mark.parametrize("offset", [1.7e9, 5.2e6, -2.45e6, 1.7e18])
def test_a_far_offset_is_subtracted_first(offset):
    far = X * (2.0**24 if offset > 1e18 else 1) + offset
    near = far - far[0]
    som, other = (SOM(6, 4, **QUICK, random_state=0) for _ in range(2))
    som.fit(far), other.fit(near)
    assert adjusted_rand_score(other.winners_, som.winners_) > 0.95
    assert_allclose(som.weights_ - far[0], other.weights_, atol=2e-3 * np.ptp(near))
    assert_array_equal(som.predict(far), som.labels_)
    assert som.score(far) == -som.quantization_error_
    assert som.quantization_error_ == pytest.approx(other.quantization_error_, rel=0.02)
    gappy = far.copy()
    gappy[::7, 1] = np.nan
    assert np.abs(som.impute(gappy) - far).max() < np.ptp(near[:, 1])


def test_a_far_offset_in_an_ensemble_a_stream_and_files(tmp_path):
    far = X + [0, 4.9e6, 1.6e9]
    ensemble = SOMEnsemble(SMALL, n_realizations=3, groups=3, random_state=0).fit(far)
    assert adjusted_rand_score(GROUP, ensemble.labels_) == 1
    assert_array_equal(ensemble.center_ != 0, [False, True, True])
    assert_array_equal(ensemble.predict(far), ensemble.labels_)
    ensemble.save(tmp_path)
    loaded = SOMEnsemble.load(tmp_path)
    assert_array_equal(loaded.predict(far), ensemble.labels_)
    assert_array_equal(loaded.estimators_[0].weights_, ensemble.estimators_[0].weights_)
    streams = [SOM(5, 4, steps=360, initial="sample", random_state=0) for _ in range(2)]
    for stream, table in zip(streams, (far, X), strict=True):
        for part in np.array_split(np.random.default_rng(0).permutation(table), 3):
            stream.partial_fit(part)
    assert streams[0].score(far) == pytest.approx(streams[1].score(X), rel=0.01)
    more = SOM(5, 4, **(QUICK | {"initial": streams[0].weights_}))
    assert more.fit(far).quantization_error_ < 1


def test_only_what_float32_cannot_hold_is_centred():
    values = np.c_[
        X[:, 0] + 1e3, X[:, 0] * 1e9, X[:, 0] + 1e7, np.full(120, 1e8), np.full(120, np.nan)
    ]
    assert_array_equal(find_centers(values) != 0, [False, False, True, True, False])
    # One wild value does not hide the offset of the others.
    values[0, 2] = 0
    assert find_centers(values)[2] > 9e6
    with pytest.raises(DataError, match="column 0: its values differ by too little"):
        run_realization(X + 1e9, MapParameters(3, 2, steps=10), 0)
    with pytest.raises(DataError, match=r"feature 1 .*|feature 'b'.*cosine"):
        SOM(3, 2, metric="cosine", steps=10).fit(pd.DataFrame(X + [0, 1e9, 0], columns=list("abc")))


def test_soft_places_of_far_points():
    pytest.importorskip("equinox")
    from kohorte.maps.soft import soft_coordinates

    far = X + [0, 0, 1.6e9]
    som = SOM(5, 4, **QUICK, random_state=0).fit(far)
    assert np.abs(soft_coordinates(som, far, 50.0) - som.transform(far)).mean() < 0.1


# ---- features without a value


def test_a_feature_without_a_value_stays_missing(tmp_path):
    table = np.c_[X, np.full(120, np.nan)]
    with pytest.warns(UserWarning, match="no value of feature 3"):
        som = SOM(5, 4, **QUICK, random_state=0).fit(table)
    expected = SOM(5, 4, **QUICK, random_state=0).fit(X)
    assert_array_equal(som.weights_[:, :3], expected.weights_)
    assert np.isnan(som.weights_[:, 3]).all()
    assert_array_equal(som.factors_, [1, 1, 1, 0])
    new = np.c_[X, RNG.normal(size=120) * 100]
    assert_array_equal(som.distances(new), expected.distances(X))
    assert np.isnan(som.impute(table)[:, 3]).all()
    with pytest.raises(DataError, match="row 0 has no value in the 3 of 4 features"):
        som.predict([[np.nan, np.nan, np.nan, 1]])
    som.save(tmp_path / "map.h5")
    assert_array_equal(SOM.load(tmp_path / "map.h5").predict(new), som.predict(new))
    # Training that goes on learns it once there are values.
    som.set_params(warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(som.fit(table).weights_[:, 3]).all()
        assert np.isfinite(som.fit(new).weights_).all()


def test_a_feature_that_a_map_s_rows_do_not_have():
    table = X.copy()
    table[:, 2] = np.nan
    table[7, 2] = 3.5
    parameters = MapParameters(4, 3, row_share=0.5, trainer="batch", epochs=5)
    seen = {}
    for seed in range(8):
        found = run_realization(table, parameters, seed)
        lost = found.factors is not None
        seen[lost] = found
        if lost:
            assert_array_equal(found.factors, [1, 1, 0])
            assert_array_equal(
                found.weights[:, 2], np.float32(3.5)
            )  # the mean of those that have it
    assert set(seen) == {True, False}
    # Online, a row that no step takes.
    online = MapParameters(4, 3, trainer="online", steps=5, order="sequential")
    assert_array_equal(run_realization(table, online, 0).factors, [1, 1, 0])


def test_a_feature_that_comes_late_in_a_stream():
    first, later = np.c_[X[:, :2], np.full(120, np.nan)], X
    som = SOM(4, 3, steps=600, initial="uniform", random_state=0).partial_fit(first)
    assert np.isnan(som.weights_[:, 2]).all()
    assert np.isnan(som.impute(first)[:, 2]).all()
    assert som.predict(later).shape == (120,)
    som.partial_fit(later)
    assert som.factors_ is None
    assert X[:, 2].min() <= som.weights_[:, 2].min()
    assert som.weights_[:, 2].max() <= X[:, 2].max()
    run = MiniBatches(Lattice(4, 3), np.zeros((12, 2)), 2)
    run.learn([[1, np.nan]], radius=2, rate=1)
    run.learn([[1, 5]], radius=0.01, rate=0.5)
    assert_array_equal(run.weights[:, 1], 5)  # also of nodes without support


# ---- text, dates, scales


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["Adelie"] * 120, r"column 'd' holds 'Adelie' in row 0.*encode"),
        (pd.Categorical(["low"] * 120), "column 'd' holds 'low'"),
        ([1.5] * 119 + ["n/a"], "column 'd' holds 'n/a' in row 119"),
        (pd.date_range("2024", periods=120), r"column 'd' holds dates.*days since"),
        (pd.to_timedelta(range(120), "s"), "column 'd' holds durations"),
    ],
)
def test_the_column_that_cannot_be_used_is_named(column, message):
    frame = pd.DataFrame(X, columns=list("abc")).assign(d=column)
    for estimator in (SOM(3, 2, steps=10), SOMEnsemble(SOM(3, 2, steps=10), n_realizations=2)):
        with pytest.raises(DataError, match=message):
            estimator.fit(frame)


def test_arrays_of_text_and_dates():
    with pytest.raises(DataError, match="column 1 holds 'x' in row 1"):
        SOM(3, 2).fit([[1, 2], [3, "x"]])
    with pytest.raises(DataError, match="holds dates"):
        SOM(3, 2).fit(np.array([["2020-01-01"], ["2020-01-02"]], "M8[s]"))


def test_text_and_dates_in_tables_of_others():
    days = np.arange(120)
    fit = SOM(3, 2, steps=10, random_state=0).fit
    plain = fit(X[:, :2])
    table = pa.table({"a": X[:, 0], "b": X[:, 1]})
    for values in (table, table.to_batches()[0], xr.DataArray(X[:, :2], dims=("n", "f"))):
        assert_array_equal(fit(values).weights_, plain.weights_)
    assert fit(table).feature_names_in_.tolist() == ["a", "b"]
    for column, message in [
        (days.astype("M8[D]"), r"column 'd' holds datetime\.date.* in row 0, which is no number"),
        (days.astype("M8[s]"), "column 'd' holds dates"),
        (days.astype("m8[s]"), "column 'd' holds durations"),
        (["x"] * 120, "column 'd' holds 'x' in row 0"),
    ]:
        with pytest.raises(DataError, match=message):
            fit(table.append_column("d", pa.array(column)))
    with pytest.raises(DataError, match="column 0 holds dates"):
        fit(xr.DataArray(days.astype("M8[ns]")[:, None], dims=("n", "f")))


def test_whole_numbers_that_float64_rounds_are_refused_as_objects():
    ids = [2**60 + k for k in range(120)]
    table = np.c_[X[:, :1].astype(object), np.array(ids, dtype=object)]
    gappy = table.copy()
    gappy[3, 1] = None
    message = "column 1 holds whole numbers from 1152921504606846976 to 1152921504606847095"
    fit = SOM(3, 2, steps=10).fit
    for values in (table, gappy, table.tolist(), pd.DataFrame(table), pd.DataFrame(gappy)):
        with pytest.raises(DataError, match=message):
            fit(values)
    with pytest.raises(DataError, match="column 0 holds whole numbers"):
        fit(np.ma.array(np.c_[ids, ids], mask=np.arange(240).reshape(120, 2) == 0))
    # Small ones, and numbers that are no whole ones, are as good as others.
    for other in (range(120), 2.0**60 + 2.0**9 * np.arange(120)):
        table[:, 1] = other
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it outweighs the other
            assert fit(table).n_features_in_ == 2


def test_a_warning_where_one_feature_outweighs_another():
    frame = pd.DataFrame(X * [1, 1, 500], columns=["a", "b", "mass"])
    with pytest.warns(UserWarning, match=r"'mass' varies .* as 'a|'mass' varies .* as 'b"):
        SOM(3, 2, steps=10).fit(frame)
    with pytest.warns(UserWarning, match="StandardScaler"):
        SOMEnsemble(SOM(3, 2, steps=10), n_realizations=2).fit(frame)
    SOM(3, 2, steps=10, feature_weights=[1, 1, 1 / 500]).fit(frame)
