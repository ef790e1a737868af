"""Put the workflow into the package, so that `kohorte run` works wherever kohorte is installed."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

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


setup(cmdclass={"build_py": BuildWithWorkflow})
