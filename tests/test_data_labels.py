"""Label files of other clusterers."""

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import zarr

from kohorte import store
from kohorte.data.labels import open_labels
from kohorte.ensemble import combine, count_overlaps
from kohorte.errors import DataError

LABELS = np.array([3, 0, 0, 7])


def read(path, **options):
    with open_labels(path, **options) as labels:
        return np.asarray(labels.array[:])


def test_every_format(tmp_path):
    np.save(tmp_path / "a.npy", LABELS.astype(np.uint8))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["labels"] = LABELS
        file["deep/ids"] = LABELS
    pd.DataFrame({"x": LABELS}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"x": LABELS * 0, "labels": LABELS}).to_parquet(tmp_path / "a.parquet")
    for name in ("a.npy", "a.h5", "a.csv", "a.parquet"):
        np.testing.assert_array_equal(read(tmp_path / name), LABELS)
    np.testing.assert_array_equal(read(tmp_path / "a.h5", name="deep/ids"), LABELS)


def test_large_arrays_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", LABELS)
    with open_labels(tmp_path / "a.npy") as labels:
        assert isinstance(labels.array, np.memmap)


def test_what_is_no_row_of_integers_is_refused(tmp_path):
    np.save(tmp_path / "fraction.npy", np.array([0.0, 0.5]))
    np.save(tmp_path / "matrix.npy", np.zeros((2, 2), dtype=int))
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    pd.DataFrame({"x": [0, 1], "y": [0, 1]}).to_csv(tmp_path / "two.csv", index=False)
    pd.DataFrame({"x": [0, 1.5]}).to_csv(tmp_path / "half.csv", index=False)
    (tmp_path / "text.h5").write_text("no")
    for name, message in {
        "fraction.npy": r"array, data row 1: 0\.5 is not a whole number",
        "matrix.npy": r".*shape \(2, 2\)",
        "pickle.npy": "",
        "two.csv": "no column 'labels'; it has x, y.*label_name",
        "half.csv": r"column 'x', data row 1: 1\.5 is not a whole",
        "text.h5": "is not an HDF5 file",
    }.items():
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read(tmp_path / name)


SEEN = [2, 0, None, 2, 1, None]
IDS = [2, 0, -1, 2, 1, -1]
NAMES = ["c", "a", None, "c", "b", None]


def write_table(path, columns):
    """Write columns with gaps (None) to a file of any format."""
    frame = pd.DataFrame(columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def fill(values, gap):
    return [gap if value is None else value for value in values]


class TestMissingLabels:
    """A missing label is that of a point which the run did not see, in every format."""

    @pytest.mark.parametrize("labels", [SEEN, NAMES], ids=["numbers", "names"])
    def test_in_every_format(self, tmp_path, labels):
        is_text = labels is NAMES
        gap = "" if is_text else np.nan
        array = np.array(fill(labels, gap))
        np.save(tmp_path / "a.npy", array)
        np.savez(tmp_path / "a.npz", labels=array, other=np.arange(6))
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["labels"] = array.astype("S1" if is_text else "f4")
        kind = "string" if is_text else "Int64"
        columns = {"sample": list("uvwxyz"), "labels": pd.array(labels, kind)}
        for name in ("a.csv", "a.tsv", "a.parquet"):
            write_table(tmp_path / name, columns)
        pd.DataFrame({"labels": labels}).to_csv(tmp_path / "floats.csv")  # 2.0, 0.0, ...
        lines = ["labels", *map(str, fill(labels, "")[:-1]), '""']
        (tmp_path / "one.csv").write_text("\n".join(lines) + "\n")
        found = sorted(path.name for path in tmp_path.iterdir())
        assert len(found) == 8
        for name in found:
            with open_labels(tmp_path / name) as opened:
                assert np.asarray(opened.array[:]).tolist() == IDS, name
                assert opened.n_missing == 2

    @pytest.mark.parametrize("token", ["NA", "", "NaN", "nan", "?", ".", "-9999", "outlier"])
    def test_markers(self, tmp_path, token):
        lines = [f"{i},{value}" for i, value in enumerate(fill(SEEN, token))]
        (tmp_path / "a.csv").write_text("\n".join([",cluster", *lines]))
        options = {"missing_values": [-9999, "outlier"]}
        with open_labels(tmp_path / "a.csv", "cluster", options=options) as opened:
            assert opened.array.tolist() == IDS

    @pytest.mark.parametrize("noise", [-1, -5, 0, 7])
    def test_have_the_id_of_points_left_out(self, tmp_path, noise):
        """The number of a name is never that of the points that are left out."""
        for labels in ([*SEEN, noise], [*NAMES, str(noise)]):
            path = write_table(tmp_path / "a.csv", {"labels": pd.array(labels, "string")})
            with open_labels(path, noise=noise) as opened:
                left_out = [value is None or str(value) == str(noise) for value in labels]
                assert (opened.array == noise).tolist() == left_out
                assert len(np.unique(opened.array)) == 4 - (noise == 0 and labels[0] == 2)

    def test_a_name_that_looks_like_a_marker(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("labels\nNA\nEU\nNA\n")
        with open_labels(path) as opened:
            assert opened.array.tolist() == [-1, 0, -1]
        with open_labels(path, options={"not_missing": ["NA"]}) as opened:
            assert opened.array.tolist() == [1, 0, 1]

    def test_integers_with_a_code(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([3, -9999, 1]))
        with open_labels(tmp_path / "a.npy", options={"missing_values": [-9999]}) as opened:
            assert (opened.array.tolist(), opened.n_missing) == ([3, -1, 1], 1)

    def test_all_missing(self, tmp_path):
        (tmp_path / "a.csv").write_text("labels\nNA\nNA\n")
        with (
            pytest.raises(DataError, match=r"'labels' has no label: all 2 are missing"),
            open_labels(tmp_path / "a.csv"),
        ):
            pass


class TestOneColumn:
    """Of a table one column is read; whatever is in the others does no harm."""

    OTHERS = '"","label, old","when","cluster"\n"r1","x",2024-05-01,{}\n"r2",,,{}\n"r2","-",NA,{}\n'

    def test_others_are_not_looked_at(self, tmp_path):
        (tmp_path / "a.csv").write_text(self.OTHERS.format(5, 3, 5))
        assert read(tmp_path / "a.csv", name="cluster").tolist() == [5, 3, 5]
        says = "no column 'labels'; it has label, old, when, cluster, so name .*label_name"
        with pytest.raises(DataError, match=says):
            read(tmp_path / "a.csv")

    @pytest.mark.parametrize("first", ["", "Unnamed: 0", "rownames"])
    def test_row_names_are_no_labels(self, tmp_path, first):
        (tmp_path / "a.csv").write_text(f'"{first}","x"\n"a",4\n"b",2\n')
        assert read(tmp_path / "a.csv").tolist() == [4, 2]

    def test_tables_of_r_and_pandas(self, tmp_path):
        (tmp_path / "table.dat").write_text('"x"\n"s 1" 4\n"s 2" NA\n"s 3" 2\n')
        assert read(tmp_path / "table.dat").tolist() == [4, -1, 2]
        pd.Series([4, 2], index=["u", "v"], name="x").to_csv(tmp_path / "series.csv")
        assert read(tmp_path / "series.csv").tolist() == [4, 2]
        frame = pd.DataFrame({"x": pd.Categorical(["b", "a"]), "flag": [True, False]})
        frame.to_parquet(tmp_path / "frame.parquet")
        assert read(tmp_path / "frame.parquet", name="x").tolist() == [1, 0]
        assert read(tmp_path / "frame.parquet", name="flag").tolist() == [1, 0]

    def test_dialects_name_their_own_keys(self, tmp_path):
        (tmp_path / "a.txt").write_text("# k-means\nid;c\nu;4\nv;2\n", encoding="utf-16")
        key = r"realizations\.label_options\."
        says = rf"set {key}comment to '#', and {key}delimiter to ';'"
        with pytest.raises(DataError, match=says):
            read(tmp_path / "a.txt", name="c")
        options = {"comment": "#", "delimiter": ";"}
        assert read(tmp_path / "a.txt", name="c", options=options).tolist() == [4, 2]
        np.savetxt(tmp_path / "b.txt", [4, 2], fmt="%.18e")
        with pytest.raises(DataError, match=rf"set {key}header to false"):
            read(tmp_path / "b.txt")
        assert read(tmp_path / "b.txt", options={"header": False}).tolist() == [4, 2]
        # They say nothing of files of other kinds.
        np.save(tmp_path / "c.npy", [4, 2])
        frame = {"c": [4, 2], "d": ["u", "v"]}
        write_table(tmp_path / "c.parquet", frame)
        for name in ("c.npy", "c.parquet"):
            assert read(tmp_path / name, name="c", options=options).tolist() == [4, 2]

    def test_names_are_numbered_in_their_order(self, tmp_path):
        for labels in (["3a", "10", "3b", "10"], ["b", "a", "c", "a"]):
            path = write_table(tmp_path / "a.csv", {"labels": labels, "x": labels})
            codes = [sorted(set(labels)).index(label) for label in labels]
            assert read(path).tolist() == codes


def test_only_runs_that_saw_a_point_vote_on_it(tmp_path):
    """The same subsampled runs in four formats, against an ensemble of masked labels."""
    rng = np.random.default_rng(4)
    truth = np.repeat([0, 1, 2], 20)
    runs = [np.where(rng.random(60) < 0.3, -1, (truth + shift) % 3) for shift in range(4)]
    files = {name: str(tmp_path / name) for name in ("a.csv", "b.parquet", "c.npy", "d.txt")}
    gaps = [[None if label < 0 else int(label) for label in run] for run in runs]
    write_table(tmp_path / "a.csv", {"labels": pd.array(gaps[0], "Int64")})
    write_table(
        tmp_path / "b.parquet", {"labels": ["xyz"[g] if g is not None else g for g in gaps[1]]}
    )
    np.save(tmp_path / "c.npy", np.array(fill(gaps[2], np.nan)))
    (tmp_path / "d.txt").write_text("\n".join(["labels", *map(str, fill(gaps[3], "NA"))]))
    expected = combine(count_overlaps(runs, noise=-1)).label(runs)
    with store.open_label_arrays([], files) as labels:
        assert labels.noise == -1
        overlaps = count_overlaps(labels.arrays, noise=labels.noise)
        found = combine(overlaps).label(labels.arrays)
    for name in ("groups", "confidence", "signal"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    seen = np.array(runs).max(axis=0) >= 0
    assert (found.groups[seen] >= 0).all()


def test_a_warning_of_copies_names_a_few(tmp_path, caplog):
    files = {}
    for k in range(9):
        np.save(tmp_path / f"{k}.npy", np.array([0, 1, 1]))
        files[f"r{k}"] = str(tmp_path / f"{k}.npy")
    with store.open_label_arrays([], files) as labels:
        assert len(labels.copies) == 8
    (said,) = [r.getMessage() for r in caplog.records if "copies of others" in r.getMessage()]
    assert "8 of 9 realizations" in said
    assert said.endswith("r3 of r0, and 5 more; see same_as in realizations.csv")


def test_negative_ids_beside_gaps_are_asked_about(tmp_path):
    """Where labels are missing, -1 has a meaning; an id that is -1 must not slip into it."""
    gaps, noisy = tmp_path / "gaps.csv", tmp_path / "noisy.npy"
    write_table(gaps, {"labels": pd.array([0, None, 1], "Int64")})
    np.save(noisy, np.array([0, -1, 1]))
    files = {"a": str(gaps), "b": str(noisy)}
    says = r"noisy.npy: holds the negative id -1.*set realizations.noise: -1"
    with pytest.raises(DataError, match=says), store.open_label_arrays([], files):
        pass
    with store.open_label_arrays([], files, noise=-1) as labels:
        assert labels.copies == {"b": "a"}
    with store.open_label_arrays([], {"b": str(noisy)}) as labels:
        assert labels.noise is None
    write_table(gaps, {"labels": pd.array([0, None, -1], "Int64")})
    with pytest.raises(DataError, match=r"gaps.csv: holds the negative id -1"), open_labels(gaps):
        pass


def test_counts_are_made_again_where_labels_are_read_in_another_way(tmp_path):
    path = write_table(tmp_path / "a.csv", {"x": [0, 1], "y": [1, 1]})
    ways = [{"name": "x"}, {"name": "y"}, {"name": "y", "options": {"missing_values": [5]}}]
    contents = set()
    for way in ways:
        with store.open_label_arrays([], {"a": str(path)}, **way) as labels:
            contents |= set(labels.contents)
    assert len(contents) == 3


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_first_line_that_is_a_label(tmp_path, ending):
    path, names = tmp_path / f"a.{ending}", ["T", "B", "NK", "T"] * 3
    frame = pd.DataFrame({"labels": names})
    write = frame.to_csv if ending == "csv" else frame.to_excel
    write(path, index=False, header=False)
    with pytest.raises(DataError, match=r"to be data and no header \(T\); set realizations.lab"):
        read(path)
    assert read(path, options={"header": False}).tolist() == [2, 0, 1, 2] * 3
    assert len(read(path, options={"header": True})) == 11
    write(path, index=False)
    assert read(path).tolist() == [2, 0, 1, 2] * 3


@pytest.mark.parametrize("ending", ["npz", "mat", "h5", "zarr"])
def test_labels_beside_memberships(tmp_path, ending):
    path, arrays = tmp_path / f"a.{ending}", {"clu": LABELS, "prob": np.eye(4)[:, :3]}
    if ending == "npz":
        np.savez(path, **arrays)
    elif ending == "mat":
        scipy.io.savemat(path, arrays)
    elif ending == "h5":
        with h5py.File(path, "w") as file:
            file.update(arrays)
    else:
        group = zarr.open_group(str(path), mode="w")
        for name, values in arrays.items():
            group.create_array(name, data=values)
    with pytest.raises(DataError, match=r"no array 'labels'.*realizations.label_name to clu$"):
        read(path)
    assert read(path, name="clu").tolist() == LABELS.tolist()
    with pytest.raises(DataError, match=r"\(4, 3\).* of memberships take the largest"):
        read(path, name="prob")


def test_the_only_dataset_of_an_hdf5_file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cluster"] = LABELS
    assert read(tmp_path / "a.h5").tolist() == LABELS.tolist()
    np.savez(tmp_path / "a.npz", labels=np.eye(3))
    with pytest.raises(DataError, match=r"'labels' has shape \(3, 3\), but labels are one id"):
        read(tmp_path / "a.npz")
