"""What a result was made from: digests of code, data and settings, versions of libraries.

Nothing here names a machine, a user, a folder or a time: equal studies have equal records.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

import kohorte

#: Libraries whose release can change a number.
NUMERIC_LIBRARIES = ("numpy", "scipy", "numba", "jax", "scikit-learn", "pandas", "h5py")


#: Endings of what a part of the library consists of: code, and templates of pages.
_SOURCES = (".py", ".html", ".css", ".js", ".bib")


@functools.cache
def library_digest(*parts: str) -> str:
    """Return a digest, sixteen hexadecimal digits, of the source of parts of the library.

    Workflow rules carry it as a parameter, so that an edit of `src/kohorte/maps` makes stale what
    the maps package computed, and nothing else. `parts`: subpackages (`"maps"`) or modules
    (`"data/table"`) of kohorte, or those of kohorte_benchmarks with that name before them; a
    function with what it uses of its own module (`"kohorte.studies.stars.steps:measure_groups"`);
    `""` for all of kohorte.
    """
    root = Path(kohorte.__file__).parent
    digest = hashlib.sha256()
    for part in parts:
        part, _, function = part.partition(":")
        if function:
            part = part.replace(".", "/").removeprefix("kohorte/")
        # The benchmarks lie beside the library.
        base = root.parent if part.startswith("kohorte_benchmarks") else root
        folder, module = base / part, base / f"{part}.py"
        files = [module]
        if folder.is_dir():
            files = sorted(f for f in folder.rglob("*") if f.suffix in _SOURCES)
        for file in files:
            digest.update(file.relative_to(base).as_posix().encode())
            source = file.read_bytes().replace(b"\r\n", b"\n")
            if function:
                lines = source.splitlines()
                for statement in used_statements(source.decode(), function):
                    decorators = getattr(statement, "decorator_list", [])
                    first = min(node.lineno for node in [statement, *decorators])
                    digest.update(b"\n".join(lines[first - 1 : statement.end_lineno]))
            else:
                digest.update(source)
    return digest.hexdigest()[:16]


def used_statements(source: str, function: str) -> list[ast.stmt]:
    """Return the statements of a module that a function of it consists of and uses.

    They are its definition, and the imports, constants, functions and classes of the module that it
    needs, directly or through others of them, in the order of the module. Raises KeyError: the
    module has no function of that name.
    """
    body = ast.parse(source).body
    made_by = {name: statement for statement in body for name in _bound_names(statement)}
    used, waiting = [], [made_by[function]]
    while waiting:
        statement = waiting.pop()
        if statement not in used:
            used.append(statement)
            names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
            waiting += [made_by[name] for name in names if name in made_by]
    return sorted(used, key=lambda statement: statement.lineno)


def _bound_names(statement: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module gives a meaning to."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
    return [
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


#: An import of this library in a line of Python, and the names that it gives.
_IMPORT = re.compile(r"^ *from (kohorte[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)

#: Modules that no figure and no number comes from: files have checks of their own, and a message
#: changes nothing.
_WITHOUT_EFFECT = re.compile(
    r"kohorte(/studies/\w+)?"
    r"(/store|/study|/errors|/provenance|/_checks|/_files|/_processes|/_text)\b"
)


@functools.cache
def imported_parts(module: str) -> tuple[str, ...]:
    """Return the parts of the library that a module comes from: itself, and what it imports.

    Imports are followed to their ends, but for those that no number comes from. `module`, str: such
    as `kohorte.figures.maps`. Returns tuple of str: as `library_digest` takes them.
    """
    found: set[str] = set()
    pending = [module]
    while pending:
        path = _file_of(pending.pop())
        if path not in found and not _WITHOUT_EFFECT.match(path):
            found.add(path)
            pending += _imported_modules(path)
    return tuple(sorted(path.removeprefix("kohorte/") for path in found))


@functools.cache
def _file_of(module: str) -> str:
    """Return the file of a module, from where the library lies, without its ending."""
    path = module.replace(".", "/")
    is_package = Path(kohorte.__file__).parent.parent.joinpath(path).is_dir()
    return f"{path}/__init__" if is_package else path


@functools.cache
def _imported_modules(path: str) -> tuple[str, ...]:
    file = Path(kohorte.__file__).parent.parent / f"{path}.py"
    modules = []
    for package, names in _IMPORT.findall(file.read_text(encoding="utf-8")):
        folder = Path(kohorte.__file__).parent.parent.joinpath(*package.split("."))
        inner = [name for name in re.findall(r"\w+", names) if _is_module(folder / name)]
        modules += [f"{package}.{name}" for name in inner] or [package]
    return tuple(modules)


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").exists()


def digest_of(*values: Any) -> str:
    """Return a digest of plain values (by their JSON) and arrays (by type, shape and bytes)."""
    digest = hashlib.sha256()
    for value in values:
        if hasattr(value, "dtype"):
            import numpy as np

            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).data)
        else:
            digest.update(json.dumps(value, sort_keys=True, default=list).encode())
    return digest.hexdigest()


def plan_digest(member: Mapping[str, Any]) -> str:
    """Return a digest of what a map is planned with, twelve hexadecimal digits."""
    return digest_of(member)[:12]


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> Mapping[str, str]:
    """Return the releases of kohorte, Python and the installed libraries of its numbers."""
    found = {"kohorte": kohorte.__version__, "python": platform.python_version()}
    for name in NUMERIC_LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def portable_path(path: str) -> str:
    """Reduce a path of the configuration that names folders of this machine to its file name."""
    return PurePath(path).name if PurePath(path).is_absolute() or path.startswith("~") else path
