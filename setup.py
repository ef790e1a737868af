"""Put the workflow into the package, so that `kohorte run` works wherever kohorte is installed.

With SOURCE_DATE_EPOCH the same source gives the same bytes, whenever and wherever it is built.
"""

import gzip
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

#: What the workflow runs from, and what a bundled study is run again from.
FOLDERS = ("config", "envs", "scripts", "workflow")
FILES = (
    *("Snakefile", "Makefile", "setup.py", "pyproject.toml", "MANIFEST.in"),
    *("LICENSE", "README.md", "CITATION.cff"),
)
#: Rules and captions of studies: the workflow finds them from its own folder, as in the repository.
OF_STUDIES = ("*.smk", "*.rst")


class BuildWithWorkflow(build_py):
    """Build the package with a copy of the workflow in `kohorte/_workflow`."""

    def run(self) -> None:
        """Build, then copy; an editable installation has the repository itself."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "kohorte", "_workflow")
        shutil.rmtree(target, ignore_errors=True)
        studies = [file for kind in OF_STUDIES for file in Path("src/kohorte").rglob(kind)]
        inside = [file for name in FOLDERS for file in Path(name).rglob("*") if file.is_file()]
        for file in [*map(Path, FILES), *inside, *studies]:
            if "__pycache__" not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target / file)

        for path in Path(self.build_lib).rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # whatever a checkout made of them


class SourceArchive(sdist):
    """Archive the source with its files in order, of one date, owned by nobody."""

    def make_archive(self, base_name: str, format: str, *where: Any, **options: Any) -> str:
        """Write the archive; setuptools itself heeds SOURCE_DATE_EPOCH in wheels alone."""
        epoch, folder = os.environ.get("SOURCE_DATE_EPOCH"), options.get("base_dir")
        if epoch is None or format != "gztar" or folder is None:
            return super().make_archive(base_name, format, *where, **options)

        def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.mtime, member.uid, member.gid = int(epoch), 0, 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() else 0o644
            return member

        target = f"{base_name}.tar.gz"
        with (
            open(target, "wb") as raw,
            gzip.GzipFile("", "wb", mtime=int(epoch), fileobj=raw) as stream,
            tarfile.open(fileobj=stream, mode="w") as archive,
        ):
            for path in sorted(Path(folder).rglob("*")):
                archive.add(path, recursive=False, filter=plain)
        return target


os.umask(0o022)
setup(cmdclass={"build_py": BuildWithWorkflow, "sdist": SourceArchive})
