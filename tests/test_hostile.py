"""Configurations and files that were damaged or made to do harm: refused, by name, and in time."""

import bz2
import datetime
import gzip
import io
import lzma
import os
import sys
import warnings
import zipfile
from pathlib import Path, PurePosixPath

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
import yaml
import zarr
from hypothesis import assume, example, given
from hypothesis import strategies as st
from planning import plan_config
from workflow_project import rewriting

from kohorte import store
from kohorte.data import hdf5, matlab, reading
from kohorte.data.labels import open_labels
from kohorte.data.sources import read_table
from kohorte.ensemble.labels import find_ids
from kohorte.errors import ConfigError, DataError, KohorteError, ResultError
from kohorte.maps.parameters import parameter_defaults
from kohorte.studies import load_modules
from kohorte.study.config import check_config, iter_keys, load_schema, read_config
from kohorte.study.groups import read_group_names
from kohorte.study.reading import MAX_VALUES, read_study

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = load_schema(load_modules())
DEFAULTS = parameter_defaults()
KEYS = [name for name, entry in iter_keys(SCHEMA) if "properties" not in entry]


def plan(config):
    return plan_config(config, SCHEMA)


def outcome_of(function, *arguments, **choices):
    """What a function returns, and the message of the error where it refuses."""
    try:
        return function(*arguments, **choices), None
    except KohorteError as error:
        return None, str(error)


# Configurations


def legal(entry):
    """Values that an entry of the schema allows, bounds included."""
    if "anyOf" in entry:
        return st.one_of(*map(legal, entry["anyOf"]))
    if "const" in entry or "enum" in entry:
        return st.sampled_from(entry.get("enum", [entry.get("const")]))
    kinds = entry.get("type", "object")
    return st.one_of(
        *(legal_kind(k, entry) for k in ([kinds] if isinstance(kinds, str) else kinds))
    )


def legal_kind(kind, entry):
    low = entry.get("minimum", entry.get("exclusiveMinimum"))
    high = entry.get("maximum", entry.get("exclusiveMaximum"))
    match kind:
        case "integer":
            whole = st.integers(low, high)
            return whole | whole.filter(lambda v: abs(v) < 2**50).map(float)
        case "number":
            return st.floats(low, high, allow_nan=False) | st.integers(
                None if low is None else int(low), None if high is None else int(high)
            )
        case "array" if entry["items"].get("type") == "object":
            items = st.sampled_from(list(entry["items"]["properties"].items())).flatmap(
                lambda item: legal(item[1]).map(lambda value: {item[0]: value})
            )
            return st.lists(items, max_size=3)
        case "array":
            return st.lists(legal(entry["items"]), max_size=4)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string":
            return st.text(max_size=5) | st.sampled_from(["a.csv", "../a.npy", "/a b/ä.h5", "a:b"])
    return st.dictionaries(st.text(max_size=3), st.floats(0, 9), max_size=2)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**64), 2**63])
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.binary(max_size=5)
    | st.dates()
    | st.tuples(st.integers(), st.text())
    | st.frozensets(st.integers(), max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def configurations(draw, wrong=0):
    """A study in which some keys have legal values, and up to `wrong` of them any value at all."""
    config = {"study": "a", "data": {"source": "sklearn:iris"}}
    entries = dict(iter_keys(SCHEMA))
    for name in draw(st.lists(st.sampled_from(KEYS), max_size=8)):
        put_at(config, name, draw(legal(entries[name])))
    for _ in range(draw(st.integers(0, wrong))):
        name = draw(st.sampled_from([*entries, "figures.zzz", "zzz"]))
        put_at(config, name, draw(ANYTHING))
    return config


def put_at(config, name, value):
    *sections, key = name.split(".")
    for section in sections:
        config = config.setdefault(section, {})
        if not isinstance(config, dict):
            return
    config[key] = value


@given(configurations(wrong=3))
def test_any_configuration_is_planned_or_refused_in_words(config):
    study, message = outcome_of(plan, config)
    if study is None:
        assert message.encode()
        assert len(message) < 20_000
        return
    # What becomes the name of a file is one plain name.
    for name in (study.name, *(p.id for p in study.realizations)):
        assert PurePosixPath(name).parts == (name,)
        assert name.isascii()
        assert name.isprintable()
        assert not name.startswith(".")
        assert len(name) <= 200
    assert len({p.id for p in study.realizations}) == len(study.realizations)


@given(configurations())
def test_a_checked_configuration_is_plain_data_and_passes_again(config):
    try:
        filled = check_config(config, SCHEMA)
    except ConfigError:
        assume(False)
    again = yaml.safe_load(yaml.safe_dump(filled))
    assert check_config(again, SCHEMA) == filled
    for name, entry in iter_keys(SCHEMA):
        value = filled
        for part in name.split("."):
            value = value[part]
        if entry.get("type") == "integer":
            assert type(value) is int, name


def test_whole_numbers_may_be_written_as_floats():
    config = {"study": "a", "seed": 42.0, "data": {"source": "x", "stride": 2.0}}
    config |= {"recipe": "published", "realizations": {"repeats": 2.0}, "ensemble": {"groups": 3.0}}
    filled = check_config(config, SCHEMA)
    found = [filled["seed"], filled["data"]["stride"], filled["ensemble"]["groups"]]
    assert [(v, type(v)) for v in found] == [(42, int), (2, int), (3, int)]
    assert len(plan(config).realizations) == 2


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)]
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("study: a\nseed: 1\nseed: 2\n", "line 3: key 'seed' is given twice, first in line 2"),
        ("data: {source: a, source: b}", "line 1: key 'source' is given twice"),
        ('{"study": "a", "data": {"x": 1, "x": 2}}', "key 'x' is given twice"),
        ("study: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("study: !!python/name:os.system", "could not determine a constructor"),
        ("__use_yte__: true\nstudy: ?open('x', 'w')", "is a template (__use_yte__)"),
        ("[" * 5000, "cannot be read as plain YAML"),
        ("study: a\n---\nstudy: b", "cannot be read as plain YAML"),
        ("study: [", "cannot be read as plain YAML"),
        ("study: !!timestamp x", "cannot be read as plain YAML"),
        ("seed: " + "9" * 5000, "cannot be read as plain YAML"),
        (b"study: \xff\xfe", "is no UTF-8 text"),
    ],
)
def test_configuration_files_hold_plain_data(tmp_path, text, says):
    file = tmp_path / "study.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    assert str(caught.value).startswith(str(file))
    assert says in str(caught.value)


def test_configuration_files_that_are_fine(root, tmp_path):
    for file in (root / "config").glob("*.yaml"):
        assert read_config(file) == yaml.safe_load(file.read_text())
    file = tmp_path / "merged.yaml"
    file.write_text("base: &b {a: 1, c: 3}\nmore: &m {<<: *b, a: 2}\nlast: {<<: *m, c: 4}\n")
    assert read_config(file)["last"] == {"a": 2, "c": 4}
    (tmp_path / "empty.yaml").write_text("")
    assert read_config(tmp_path / "empty.yaml") is None
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read \(No such file"):
        read_config(tmp_path / "none.yaml")


def test_configurations_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "large.yaml").write_bytes(b"")
    os.truncate(tmp_path / "large.yaml", 40 << 20)
    says = {tmp_path / "pipe.yaml": "a device or pipe", "/dev/zero": "a device or pipe"}
    says |= {tmp_path / "folder.yaml": "a directory", tmp_path / "large.yaml": "at most 33554432"}
    says |= {"half \udcff.yaml": "the name is no UTF-8 text"}
    for path, words in says.items():
        with pytest.raises(ConfigError, match=words):
            read_config(path)


GROUPS = [
    '{"groups": [{"group": 0, "group": 1}]}',
    '{"groups": [{"group": 0, "name": "a\u200fb"}]}',
    '{"groups": [{"group": 0, "name": "a\tb"}]}',
    '{"groups": [{"group": NaN}]}',
    '{"groups": ' + "[" * 100_000,
]


@pytest.mark.parametrize("text", GROUPS)
def test_files_of_names_of_groups(tmp_path, text):
    (tmp_path / "groups.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"groups\.file: .*groups\.json"):
        read_group_names(tmp_path / "groups.json")
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", "/dev/zero"):
        with pytest.raises(ConfigError, match=r"groups\.file: .* is a device or pipe"):
            read_group_names(path)


def test_configurations_that_grow_without_bound(tmp_path):
    (tmp_path / "bomb.yaml").write_text(BOMB)
    (tmp_path / "circle.yaml").write_text("study: &a [*a]")
    (tmp_path / "keys.yaml").write_text("study: &a {b: *a}")
    for name in ("bomb", "circle", "keys"):
        config = read_config(tmp_path / f"{name}.yaml")
        with pytest.raises(ConfigError, match=f"more than {MAX_VALUES} values, or mappings"):
            check_config(config, SCHEMA)
        with pytest.raises(ConfigError, match=f"more than {MAX_VALUES} values, or mappings"):
            read_study([tmp_path / f"{name}.yaml"])


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"study": "a\n"}, r"study: 'a\n' has control characters"),
        ({"study": "a", "data": {"source": "a\0.csv"}}, r"data.source: 'a\x00.csv' has control"),
        ({"study": "\ud800"}, r"study: '\ud800' has control"),
        ({"study": "a", 3: 4}, "the key 3 is not text; write it in quotes"),
        ({"study": "a", "x\x1b[2J": 1}, r"the key 'x\x1b[2J' is too long or has control"),
        ({"study": datetime.date(2020, 1, 1)}, "study: date datetime.date(2020, 1, 1) must be"),
        ({"study": "a", "seed": 10**5000}, "seed: a whole number of more than 63 bits"),
        ({"study": "a" * 10**6}, "study: 'aaa"),
        ({"study": "a", "training": {"alpha": [0.1, "b"] * 5_000}}, "training.alpha"),
        ({"study": "a", "realizations": {"labels": [1] * 100_000}}, "labels[0]: 1 is not allowed"),
    ],
)
def test_values_that_cannot_be_meant(config, says):
    with pytest.raises(ConfigError) as caught:
        plan(config)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 20_000


def test_a_sweep_without_end_is_refused_before_it_is_expanded():
    sweep = {"xdim": list(range(1, 5000)), "ydim": list(range(1, 5000))}
    config = {"study": "a", "recipe": "published", "data": {"source": "x"}, "lattice": sweep}
    with pytest.raises(ConfigError, match=r"24990001 realizations .*xdim.*4999.*at most 100000"):
        plan(config)


# Files of data


def as_h5(directory, **options):
    with h5py.File(directory / "seed.h5", "w", libver=options.pop("libver", None)) as file:
        file.create_dataset("features", data=VALUES, **options)
        file["names"] = np.array([b"a", b"b", b"c"])
        file["kind"] = np.array([b"x", b"y"] * 10)
        file["labels"] = np.arange(20) % 3
    return (directory / "seed.h5").read_bytes()


VALUES = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
COLUMNS = {"a": VALUES[:, 0], "b": VALUES[:, 1], "kind": ["x", "y"] * 10, "labels": [0, 1] * 10}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of small files in order, several for each extension."""
    directory = tmp_path_factory.mktemp("whole")
    buffers = {name: io.BytesIO() for name in ("npy", "npz", "packed", "parquet")}
    np.save(buffers["npy"], VALUES)
    arrays = {"features": VALUES, "names": ["a", "b", "c"], "kind": COLUMNS["kind"]}
    np.savez(buffers["npz"], **arrays)
    np.savez_compressed(buffers["packed"], **arrays)
    pq.write_table(pa.table(COLUMNS), buffers["parquet"])
    raw = {name: buffer.getvalue() for name, buffer in buffers.items()}
    rows = zip(*COLUMNS.values(), strict=True)
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]
    text = "\n".join(lines)
    packed = {"chunks": (8, 3), "compression": "gzip", "fletcher32": True}
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, pa.table(COLUMNS).schema) as writer:
        writer.write_table(pa.table(COLUMNS), max_chunksize=5)
    halves = text.encode()[:90], text.encode()[90:]
    streams = {
        f"csv.{name}": [module.compress(half) for half in halves]
        for name, module in (("gz", gzip), ("bz2", bz2), ("xz", lzma))
    }
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text)
    return {
        "h5": [as_h5(directory), as_h5(directory, libver="latest", **packed)],
        "npy": [raw["npy"]],
        "npz": [raw["npz"], raw["packed"]],
        "csv": [text.encode(), text.encode("utf-16"), text.encode("utf-8-sig")],
        "tsv": [text.replace(",", "\t").encode()],
        "parquet": [raw["parquet"]],
        "arrow": [stream.getvalue()],
        # In several streams, of which Python leaves out those behind a damaged beginning.
        **{suffix: [b"".join(parts)] for suffix, parts in streams.items()},
        "first": {suffix: parts[0] for suffix, parts in streams.items()},
        "csv.zst": [pa.compress(text.encode(), codec="zstd", asbytes=True)],
        "csv.zip": [zipped.getvalue()],
    }


FILLERS = [b"\0", b"\xff" * 8, (1 << 40).to_bytes(8, "little"), b",", b'"', b"\n", b"1e999", b"_"]
CUTS = st.tuples(
    st.sampled_from(["flip", "set", "insert", "delete", "cut"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 255),
    st.sampled_from(FILLERS),
)


def damaged(content, cuts):
    content = bytearray(content)
    for kind, place, value, filler in cuts:
        at = int(place * len(content))
        if kind == "flip" and content:
            content[at] ^= 1 << value % 8
        elif kind == "set":
            content[at : at + len(filler)] = filler
        elif kind == "insert":
            content[at:at] = filler * (1 + value % 4)
        elif kind == "delete":
            del content[at : at + value % 32]
        elif kind == "cut":
            del content[at:]
    return bytes(content)


def read_everything(path, n_rows=None):
    """Read a file in every way that a study could; only KohorteError may come of it.

    `n_rows`: what it has, where its format tells whether it is whole.
    """
    for label in (None, "kind", "labels"):
        table, message = outcome_of(read_table, path, label=label, missing="skip")
        assert message.startswith(str(path)) if table is None else not np.isinf(table.values).any()
        assert table is None or n_rows in (None, table.n_rows)
    labels, message = outcome_of(read_labels, path)
    assert message.startswith(str(path)) if labels is None else labels.dtype.kind in "iu"


def read_labels(path):
    with open_labels(path) as labels:
        return np.asarray(labels.array[: len(labels.array)])


PACKED = ["csv.gz", "csv.bz2", "csv.xz", "csv.zst", "csv.zip"]


@pytest.mark.parametrize("suffix", ["h5", "npy", "npz", "csv", "tsv", "parquet", "arrow", *PACKED])
@given(choice=st.integers(0, 2), cuts=st.lists(CUTS, min_size=1, max_size=6))
@example(choice=0, cuts=[("cut", 0.5, 0, b"")])
# The address of an HDF5 file's root beyond the file.
@example(choice=0, cuts=[("set", 0.015239441138665823, 0, b"\0\0\0\0\0\1\0\0")])
def test_damaged_files_are_read_or_named(whole, tmp_path, monkeypatch, suffix, choice, cuts):
    monkeypatch.setattr(hdf5, "TEXT_SECONDS", 5)
    seeds = whole[suffix]
    path = tmp_path / f"t.{suffix}"
    content = damaged(seeds[choice % len(seeds)], cuts)
    path.write_bytes(content)
    with warnings.catch_warnings():
        # Some are left open by a library that failed while it opened them.
        warnings.simplefilter("ignore", ResourceWarning)
        is_told = suffix in ("csv.gz", "csv.bz2", "csv.xz", "csv.zip", "arrow")
        # Cut between two streams, a file is whole.
        is_told &= content != whole["first"].get(suffix)
        read_everything(path, n_rows=20 if is_told else None)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv.bz2", bz2.compress(b"a,b\n1,2\n3,4\n") + b"garbage", "Invalid data stream"),
        ("t.csv.xz", lzma.compress(b"a,b\n1,2\n3,4\n") + b"garbage", "truncated or damaged"),
        ("t.csv.bz2", bz2.compress(b"a,b\n1,2\n3,4\n")[:-5], "the end of the packed data is"),
        ("t.csv.zip", b"PK\5\6" + bytes(18), "is a zip archive of 0 files"),
        ("t.csv.zip", b"\n\x08\n\n", "is called .zip, but does not begin like one"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-be"), "such as 'utf-16-be'"),
    ],
)
def test_what_lies_behind_a_packed_file(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, says)


@pytest.mark.parametrize("inner", ["features", "g/h"])
def test_groups_that_lead_back_to_themselves(tmp_path, inner):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file[inner] = file["/"]
    with pytest.raises(DataError, match=r"t\.h5: group .* leads back to itself"):
        read_table(path)


@pytest.mark.parametrize("kind", ["?", "<i4"])
def test_records_where_one_value_is_wanted(tmp_path, kind):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(4.0)
        file["labels"] = np.zeros(4, dtype=[("a", kind), ("b", kind)])
    with pytest.raises(DataError, match=r"t\.h5: column 'labels' has records of several fields"):
        read_table(path, label="labels")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("\uff11\uff12", 12), ("\u0664", 4), ("\u22125", -5), ("1.0D+05", 1e5)),
        *(("0x10", None), ("1_000", None), ("5%", None), ("$5", None), ("(5)", None), ("1e", None)),
        *(('"5', None), ("a,b\n4", None), ("5,6", None), ("4\x00", None), ("\ufeff4", None)),
    ],
)
def test_fields_that_are_numbers_or_named(tmp_path, field, value):
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,2\n{field},3\n4,5\n", encoding="utf-8")
    if value is None:
        refused(path, "line ")
    else:
        assert read_table(path).values[1].tolist() == [value, 3]


def test_a_store_that_lacks_chunks(tmp_path, caplog):
    for fill, said in ((0, True), (np.nan, False)):
        store_of = tmp_path / f"{fill}.zarr"
        array = zarr.create_array(
            store_of, shape=(20, 3), chunks=(5, 3), dtype="f4", fill_value=fill
        )
        array[:] = VALUES
        caplog.clear()
        read_table(store_of)
        assert caplog.messages == []
        (store_of / "c" / "1" / "0").unlink()
        table = read_table(store_of, missing="skip")
        np.testing.assert_array_equal(table.values[5:10], np.full((5, 3), fill, "f4"))
        assert ("3 of its 4 chunks are in the store" in caplog.text) == said


def test_a_matlab_file_that_expands_or_never_ends(tmp_path, monkeypatch):
    path = tmp_path / "t.mat"
    scipy.io.savemat(path, {"features": np.zeros((4000, 500))}, do_compression=True)
    assert read_table(path).n_rows == 4000
    monkeypatch.setattr(matlab, "_SECONDS", 0)
    monkeypatch.setattr(matlab, "_SECONDS_PER_NUMBER", 0)
    refused(path, "is read without end")
    monkeypatch.undo()
    for module in (reading, matlab):
        monkeypatch.setattr(module, "ALWAYS_HELD", 1 << 20)
        monkeypatch.setattr(module, "MAX_EXPANSION", 10)
    refused(path, "features: claims to hold 0.0149 GiB")


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress])
def test_packed_files_of_several_streams_are_whole(tmp_path, pack):
    parts = [b"a,b\n1,2\n3,", b"4\n", b"", b"5,6\n" * 50_000]
    path = tmp_path / "t.csv.packed"
    path = path.with_suffix({bz2: ".bz2", lzma: ".xz"}.get(sys.modules[pack.__module__], ".gz"))
    path.write_bytes(b"".join(map(pack, parts)) + bytes(40))
    table = read_table(path)
    assert table.n_rows == 50_002
    assert table.values[-1].tolist() == [5, 6]


def test_an_archive_that_wants_a_password_or_another_method(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("t.csv", "a,b\n1,2\n3,4\n")
    whole = (tmp_path / "t.csv.zip").read_bytes()
    directory = whole.rindex(b"PK\x01\x02")
    for place, value, says in ((6, 1, "password required"), (8, 99, "not supported")):
        content = bytearray(whole)
        content[place] = content[directory + place + 2] = value
        (tmp_path / "t.csv.zip").write_bytes(content)
        refused(tmp_path / "t.csv.zip", "cannot be unpacked here", says)


def test_arrays_that_would_be_left_out(tmp_path):
    with open(tmp_path / "t.npy", "wb") as stream:
        np.save(stream, VALUES)
        np.save(stream, VALUES)
    refused(tmp_path / "t.npy", "368 bytes behind its array of shape (20, 3)")
    content = io.BytesIO()
    np.save(content, VALUES)
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("features.npy", content.getvalue())
        archive.writestr("features.npy", content.getvalue())
    refused(tmp_path / "t.npz", "two arrays called 'features'")
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, pa.table(COLUMNS).schema) as writer:
        writer.write_table(pa.table(COLUMNS))
    features = {"features": ["a", "b"]}
    (tmp_path / "t.arrow").write_bytes(stream.getvalue() * 2)
    refused(tmp_path / "t.arrow", "bytes behind its end", **features)
    (tmp_path / "t.arrow").write_bytes(stream.getvalue()[:-8])
    refused(tmp_path / "t.arrow", "has no mark of its end", **features)


def test_datasets_that_were_written_in_part(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, fill in (("features", None), ("meant", 0)):
            dataset = file.create_dataset(name, (100, 3), "f4", chunks=(10, 3), fillvalue=fill)
            dataset[:20] = VALUES
        file.create_dataset("labels", (100,), "i4", chunks=(10,))[:20] = 1
        layout = h5py.VirtualLayout((100, 3), "f4")
        layout[:] = h5py.VirtualSource(".", "features", (100, 3))
        file.create_virtual_dataset("virtual", layout)
    says = "was written in part: 2 of its 10 chunks are there"
    refused(tmp_path / "t.h5", f"'features' {says}")
    refused(tmp_path / "t.h5", f"'features' {says}", feature_dataset="virtual")
    assert read_table(tmp_path / "t.h5", feature_dataset="meant").n_rows == 100
    with pytest.raises(DataError, match=f"'labels' {says}"), open_labels(tmp_path / "t.h5"):
        pass


def test_gaps_in_a_sheet_of_one_column(tmp_path):
    for suffix in ("xlsx", "ods"):
        path = tmp_path / f"t.{suffix}"
        pd.DataFrame({"labels": [1, None, 2, None, None, 1]}).to_excel(path, index=False)
        values = read_table(path, missing="skip").values[:, 0]
        np.testing.assert_array_equal(values, [1, np.nan, 2, np.nan, np.nan, 1])
        with open_labels(path) as opened:
            assert opened.array.tolist() == [1, -1, 2, -1, -1, 1]


def test_ids_that_a_type_cannot_tell_apart(tmp_path):
    np.save(tmp_path / "u8.npy", np.array([1, 2**63], "u8"))
    with (
        open_labels(tmp_path / "u8.npy") as opened,
        pytest.raises(DataError, match=r"id 9223372036854775808, above 2\^63 - 1"),
    ):
        find_ids(np.asarray(opened.array), 0)
    for dtype, digits in (("f2", 11), ("f4", 24), ("f8", 53)):
        path = tmp_path / f"{dtype}.npy"
        np.save(path, np.array([1, 2.0**digits], dtype))
        with pytest.raises(DataError, match=rf"whole number below 2\^{digits}"), open_labels(path):
            pass
        np.save(path, np.array([1, 2.0**digits - 1], dtype))
        with open_labels(path) as opened:
            assert opened.array.tolist() == [1, 2**digits - 1]


def refused(path, *parts, **choice):
    with pytest.raises(DataError) as caught:
        read_table(path, **choice)
    assert str(caught.value).startswith(str(path))
    assert [part for part in parts if part not in str(caught.value)] == []


def npy_header(shape, dtype="<f4"):
    stream = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def test_shapes_that_no_file_of_that_size_has(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("features", (10**12, 3), "f4")
        sparse = file.create_dataset("sparse", (10**12, 3), "f4", chunks=(1024, 3))
        sparse[:2] = 1
        wide = file.create_dataset("wide", (2, 10**7), "u1", chunks=(2, 1024), fillvalue=0)
        wide[:, :5] = 1
        names = file.create_dataset("many", (10**8,), "S1", chunks=(1024,), fillvalue=b"b")
        names[:5] = b"a"
        file["small"] = VALUES
    refused(tmp_path / "t.h5", "'features' was made but never written")
    refused(tmp_path / "t.h5", "'sparse'", "claims to hold 1.12e+04 GiB", feature_dataset="sparse")
    refused(tmp_path / "t.h5", "at most 1000000 columns", feature_dataset="wide")
    refused(tmp_path / "t.h5", "'many' has shape", names_dataset="many", feature_dataset="small")
    (tmp_path / "t.npy").write_bytes(npy_header((10**12, 3)))
    refused(tmp_path / "t.npy", "is truncated or damaged")
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("features.npy", npy_header((10**14, 3)))
    refused(tmp_path / "t.npz", "'features'", "does not fit into memory")
    np.savez_compressed(tmp_path / "zeros.npz", features=np.zeros((10**6, 2), "f4"))
    monkeypatch.setattr(reading, "ALWAYS_HELD", 1 << 20)
    monkeypatch.setattr(reading, "MAX_EXPANSION", 100)
    refused(tmp_path / "zeros.npz", "claims to hold 0.00745 GiB, which cannot be")


def test_tables_beyond_the_memory(tmp_path, monkeypatch):
    np.save(tmp_path / "t.npy", np.zeros((1000, 10), np.float32))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8}.get)
    refused(tmp_path / "t.npy", "of memory, but this machine has", "fewer rows (stride, sample)")
    assert read_table(tmp_path / "t.npy", stride=2).n_rows == 500


def test_text_that_the_library_would_look_for_without_end(tmp_path, monkeypatch):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file["features"], file["names"] = VALUES, ["a", "b", "c"]
    assert read_table(path).names == ("a", "b", "c")
    content = bytearray(path.read_bytes())
    # The first object of the heap that holds such text: its header has the size after eight bytes.
    size = content.index(b"GCOL") + 16 + 8
    content[size : size + 8] = b"\xff" * 8
    path.write_bytes(content)
    monkeypatch.setattr(hdf5, "TEXT_SECONDS", 1)
    refused(path, "the text in '/names' is damaged", "timed out")


def test_places_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    refused(tmp_path / "pipe.csv", "is a device or pipe")
    with pytest.raises(DataError, match=r"pipe\.npy: is a device or pipe"):
        os.mkfifo(tmp_path / "pipe.npy")
        with open_labels(tmp_path / "pipe.npy"):
            pass
    for name in ("x" * 5000 + ".csv", "a\0.csv", "~nobody-here/a.csv", "", "."):
        with pytest.raises(DataError):
            read_table(name)
        with pytest.raises(DataError), open_labels(name):
            pass


def test_labels_that_are_no_labels(tmp_path):
    for name, rows in {"huge": "1e300\n2", "half": "0.5\n2", "none": "NA\nNA"}.items():
        (tmp_path / f"{name}.csv").write_text(f"labels\n{rows}\n")
    np.save(tmp_path / "objects.npy", np.array([{}, 1]), allow_pickle=True)
    with h5py.File(tmp_path / "out.h5", "w") as file:
        file["labels"] = h5py.ExternalLink("huge.csv", "labels")
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file["labels"] = [b"a", b"\xff"]
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["labels"] = h5py.Empty("i4")
        file["features"], file["kind"] = VALUES, np.full(20, 1e300)
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(DataError, match=path.name), open_labels(path):
            pass
    refused(tmp_path / "none.h5", "'kind'", "1e+300 is no whole number", label="kind")


def test_damage_of_labels_shows_when_they_are_read(tmp_path):
    path = tmp_path / "labels.h5"
    with h5py.File(path, "w") as file:
        values = np.arange(5000) % 7
        labels = file.create_dataset("labels", data=values, chunks=True, fletcher32=True)
        start = labels.id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[start] ^= 1
    path.write_bytes(content)
    with open_labels(path) as opened:
        labels = opened.array
        assert len(labels) == 5000
        with pytest.raises(DataError, match=r"labels\.h5: cannot be read"):
            labels[:10]
        with pytest.raises(DataError, match=r"labels\.h5: cannot be read"):
            labels.read_direct(np.empty(10, labels.dtype), np.s_[:10])


# Results


def made(path, **arrays):
    """A whole and sealed file of a map that holds just these arrays."""
    with store.create(path, "realization", id="r", seed=1, repeat=1, parameters={}) as file:
        for name, array in arrays.items():
            file[name] = array
    return path


READERS = {
    "data": store.read_data,
    "ensemble": store.read_ensemble,
    "overlaps": store.read_overlaps,
    "realization": store.read_realization,
}


@pytest.mark.parametrize("kind", READERS)
@given(cuts=st.lists(CUTS, min_size=1, max_size=4))
# No checksum any more, and a root that is nothing.
@example(cuts=[("flip", 0.0, 0, b"\0"), ("set", 0.203125, 0, b"\xff" * 8)])
def test_damaged_results_are_named(tmp_path, kind, cuts):
    path = tmp_path / f"{kind}.h5"
    with store.create(path, kind, n_points=1) as file:
        file["counts"] = np.zeros((2, 2))
    content = path.read_bytes()
    path.write_bytes(damaged(content, cuts))
    for reader in (READERS[kind], store.read_weights):
        found, message = outcome_of(reader, path)
        assert found is None
        assert message.startswith(str(path))
    assert not store.has_fingerprint(path, "f")


def test_whole_results_with_strange_content(tmp_path):
    for kind, reader in READERS.items():
        with store.create(tmp_path / f"{kind}.h5", kind) as file:
            file["names"] = "text"
        with pytest.raises(ResultError, match=f"{kind}.h5: not what a {kind} file holds"):
            reader(tmp_path / f"{kind}.h5")
    index = tmp_path / "realizations" / "batches" / "000.json"
    index.parent.mkdir(parents=True)
    for text in ("", "[", "{}{}", "[1]", '[{"file": 3, "content": 1}]', "\ud800", "9" * 5000):
        index.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(ResultError, match=r"000\.json: not a whole index"):
            store.listed_realizations([index])
    made(tmp_path / "outside.h5")
    index.write_text('[{"id": "a", "file": "../../outside.h5", "content": ""}]')
    with pytest.raises(ResultError, match=r"realizations/outside\.h5: finished before but gone"):
        store.listed_realizations([index])


def test_results_that_may_be_whole_are_never_to_be_deleted(tmp_path):
    path = made(tmp_path / "r.h5")
    (tmp_path / "junk.h5").write_bytes(b"no result at all")
    (tmp_path / "bare.h5").write_bytes(path.read_bytes()[512:])
    os.mkfifo(tmp_path / "pipe.h5")
    with rewriting(made(tmp_path / "later.h5")) as file:
        file.attrs["format"] = 7
    asked = {
        ("r.h5", store.read_ensemble): "name one of kind ensemble",
        ("junk.h5", store.read_ensemble): "not a whole HDF5 file .*move it away",
        ("bare.h5", store.read_realization): "has no checksum .*move it away",
        ("later.h5", store.read_realization): "layout 7; another version of kohorte made it",
        ("pipe.h5", store.read_ensemble): "is no file",
        ("junk.h5", store.read_weights): "not a whole HDF5 file .*move it away",
    }
    for (name, reader), words in asked.items():
        with pytest.raises(ResultError, match=f"{name}: .*{words}") as caught:
            reader(tmp_path / name)
        assert "delete" not in str(caught.value)


def test_results_that_lead_outside(tmp_path):
    (tmp_path / "raw").write_bytes(bytes(16))
    np.save(tmp_path / "w.npy", np.zeros((2, 2)))
    links = [h5py.ExternalLink("w.h5", "weights"), h5py.SoftLink("/features")]
    for number, link in enumerate(links):
        with pytest.raises(ResultError, match=f"{number}.h5: 'weights' leads to another place"):
            store.read_weights(made(tmp_path / f"{number}.h5", weights=link))
    with store.create(tmp_path / "raw.h5", "realization") as file:
        outside = [(str(tmp_path / "raw"), 0, 16)]
        file.create_dataset("weights", (2, 2), "f4", external=outside)[:] = 1
    with pytest.raises(ResultError, match=r"raw\.h5.*'weights' lie in another file"):
        store.read_weights(tmp_path / "raw.h5")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.array([{}]).dump(tmp_path / "pickle.npy")
    for name in ("objects.npy", "pickle.npy"):
        with pytest.raises(ResultError, match=f"{name}: not an array of first weights.*pickle"):
            store.read_weights(tmp_path / name)
