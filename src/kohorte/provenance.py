"""What a result was made from: digests of code, data and settings, versions of libraries.

Nothing here names a machine, a user, a folder or a time: equal studies have equal records.
"""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

import kohorte

#: Libraries whose release can change a number.
NUMERIC_LIBRARIES = ("numpy", "scipy", "numba", "jax", "scikit-learn", "pandas", "h5py")


@functools.cache
def library_digest(*parts: str) -> str:
    """Digest of the source of parts of the library.

    Workflow rules carry it as a parameter, so that an edit of `src/kohorte/maps` makes stale what
    the maps package computed, and nothing else.

    Args:
        parts: subpackages (`"maps"`) or modules (`"evaluation"`) of kohorte; `""` for all of it.

    Returns:
        Sixteen hexadecimal digits.
    """
    root = Path(kohorte.__file__).parent
    digest = hashlib.sha256()
    for part in parts:
        folder, module = root / part, root / f"{part}.py"
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [module]
        for file in files:
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def digest_of(*values: Any) -> str:
    """Digest of plain values (by their JSON) and arrays (by type, shape and bytes)."""
    digest = hashlib.sha256()
    for value in values:
        if hasattr(value, "dtype"):
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(memoryview(value).cast("B"))
        else:
            digest.update(json.dumps(value, sort_keys=True, default=list).encode())
    return digest.hexdigest()


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> Mapping[str, str]:
    """Releases of kohorte, Python and the libraries that its numbers come from."""
    return {"kohorte": kohorte.__version__, "python": platform.python_version()} | {
        name: metadata.version(name) for name in NUMERIC_LIBRARIES
    }


def portable_path(path: str) -> str:
    """A path of the configuration without the folders of this machine: the name of the file."""
    return PurePath(path).name if PurePath(path).is_absolute() or path.startswith("~") else path


def portable_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a study's results are made from.

    Args:
        config: a configuration that `kohorte.config.check_config` returned.

    Returns:
        The configuration without what changes no result (how jobs are cut, which new points are
        labelled, experiments that belong to no study) and without the folders of this machine. It
        gives the same study again.
    """
    elsewhere = ("execution", "prediction", "scaling", "spirals", "stages")
    portable = {k: v for k, v in config.items() if k not in elsewhere}
    files = {
        "data": "source",
        "fields": "source",
        "training": "weights",
        "classification": "test",
    }
    for section, key in files.items():
        if portable[section][key] is not None:
            path = portable_path(portable[section][key])
            portable[section] = {**portable[section], key: path}
    if labels := portable["realizations"]["labels"]:
        paths = [portable_path(path) for path in labels]
        portable["realizations"] = {**portable["realizations"], "labels": paths}
    return portable
