"""The environment beside its lock."""

import pytest

from kohorte.errors import ResultError
from kohorte.study.packages import find_faults, list_licences, read_pins

LOCK = "numpy==1.0 ; python_version < '4' \\\n    --hash=sha256:00\nPyYAML==6.0 --hash=sha256:11\n"


def test_the_lock_pins_all_by_hash(root, tmp_path):
    pins = read_pins(root / "envs" / "requirements.txt")
    assert len(pins) > 100
    lock = tmp_path / "lock.txt"
    lock.write_text(LOCK)
    assert read_pins(lock) == {"numpy": "1.0", "pyyaml": "6.0"}
    for wrong in ("numpy>=1.0 --hash=sha256:00\n", "numpy==1.0\n"):
        lock.write_text(wrong)
        with pytest.raises(ResultError, match=r"numpy.* has no release and hashes"):
            read_pins(lock)


def test_what_is_not_as_locked_is_named(tmp_path, monkeypatch):
    lock = tmp_path / "lock.txt"
    lock.write_text("old-thing==2.0 --hash=sha256:00\n")
    installed = tmp_path / "old_thing-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: Old.Thing\nVersion: 1.0\nLicense-Expression: MIT\n")
    (tmp_path / "thing.py").write_text("x = 2\n")
    digest = "sha256=3ZklJ0GwHhXgDl8VYQVP9Hl8GzS3lzGkqzXkqBjR1dM"
    (installed / "RECORD").write_text(f"thing.py,{digest},6\nold_thing-1.0.dist-info/RECORD,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = list(find_faults(lock))
    assert found[:2] == [
        "old-thing: 1.0 is installed, and 2.0 locked",
        "old-thing: thing.py is not what was installed",
    ]
    assert list(list_licences(lock)) == [("Old.Thing", "1.0", "MIT")]
