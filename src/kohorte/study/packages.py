"""The packages that an environment was locked to: whether they are those, and their licences."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from kohorte.errors import ResultError

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def read_pins(lock: str | Path) -> dict[str, str]:
    """Return the release of each package of a lock; ResultError where one has no hash."""
    text = Path(lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "#-"]
    for line in lines:
        if not _PIN.match(line) or "--hash=sha256:" not in line:
            raise ResultError(f"{lock}: {line.split()[0]} has no release and hashes")
    return {_plain(match[1]): match[2] for match in map(_PIN.match, lines) if match}


def find_faults(lock: str | Path) -> Iterator[str]:
    """Yield what an environment has otherwise than its lock, and files changed since installation.

    Packages that are for another system are not looked for.
    """
    pins = read_pins(lock)
    for package in metadata.distributions():
        name = _plain(package.name)
        if name not in pins:
            continue
        if package.version != pins[name]:
            yield f"{name}: {package.version} is installed, and {pins[name]} locked"
        for file in package.files or ():
            if file.suffix != ".pyc" and not _is_same(file):
                yield f"{name}: {file} is not what was installed"
    checked = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode:
        yield from checked.stdout.splitlines()


def list_licences(lock: str | Path) -> Iterator[tuple[str, str, str]]:
    """Yield name, release and licence, as its author states it, of the installed packages."""
    pins = read_pins(lock)
    for package in sorted(metadata.distributions(), key=lambda one: _plain(one.name)):
        if _plain(package.name) in pins:
            yield package.name, package.version, _licence(package)


def _licence(package: metadata.Distribution) -> str:
    said = package.metadata
    if "License-Expression" in said:
        return said["License-Expression"]
    prefix = "License :: "
    classes = [c.rpartition(" :: ")[2] for c in said.get_all("Classifier", []) if c[:11] == prefix]
    classes = [name for name in classes if name != "OSI Approved"]
    text = said["License"].strip().removeprefix("UNKNOWN") if "License" in said else ""
    short = text if text and len(text) < 60 and "\n" not in text else ""
    files = said.get_all("License-File", [])
    in_file = f"as in its file {files[0]}" if files else "not stated"
    return short or " and ".join(classes) or text.partition("\n")[0] or in_file


def _is_same(file: metadata.PackagePath) -> bool:
    if file.hash is None:
        return True
    with contextlib.suppress(OSError):
        digest = hashlib.new(file.hash.mode, file.read_binary()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=") == file.hash.value
    return False


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
