"""A finished study as one archive that another lab can open and run again: an RO-Crate.

The archive holds tables, figures and ensemble, configuration, manifest and code, and describes
them in `ro-crate-metadata.json` as RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) and Process Run
Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5) define it. The same study gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import kohorte
from kohorte._checks import extra
from kohorte._files import replacing
from kohorte.errors import ResultError
from kohorte.provenance import file_digest
from kohorte.study import manifest

with extra("workflow"):
    import yaml

#: Results that stay behind: large, and made again by a run; the table may not be for all eyes.
LEFT_OUT = ("data.h5", "realizations/")
_CODE = (
    *("Snakefile", "Makefile", "setup.py", "pyproject.toml", "MANIFEST.in"),
    *("LICENSE", "README.md", "CITATION.cff"),
)
_CODE_FOLDERS = ("config", "envs", "scripts", "src", "workflow")
_CODE_SUFFIXES = {
    *(".csv", ".in", ".py", ".rst", ".smk", ".txt", ".yaml"),
    *(".bib", ".css", ".html", ".js"),
}
_RO_CRATE = "https://w3id.org/ro/crate/1.1"
_PROCESS_RUN = "https://w3id.org/ro/wfrun/process/0.5"
_CONTEXT = [f"{_RO_CRATE}/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
_LICENSE = "https://spdx.org/licenses/MIT"
_RESULTS = (
    *("ensemble.h5", "sweep.h5", "summary.txt", "report.html", "explorer.html", "groups.json"),
    *("figures/", "tables/"),
)

# What the machine calls these types depends on the machine.
_TYPES = {
    ".csv": "text/csv",
    ".h5": "application/x-hdf5",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".rst": "text/x-rst",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
}

# The first moment that a ZIP archive can name.
_NO_TIME = (1980, 1, 1, 0, 0, 0)

_README = """\
# Study {study}

Results of an ensemble of self-organizing maps, made with kohorte {release}.

* `tables/`, `figures/`, `summary.txt`: what was found
* `ensemble.h5`: overlaps, significance, consensus groups and labels of all points
* `config.yaml`: the whole configuration; `tables/provenance.csv`: what it was made with
* `MANIFEST`: checksums of all results, also of those that are not in this archive
* `code/`: the program; `code/envs/requirements.txt`: the lock of its environment
* `ro-crate-metadata.json`: all of this for machines, an RO-Crate (https://w3id.org/ro/crate/1.1)

## Check the files

    sha256sum --check --ignore-missing MANIFEST

## Run the study again

{data}
    cd code
    make env
    .venv/bin/snakemake --cores all --configfile ../config.yaml
    diff ../MANIFEST results/{study}/MANIFEST

With the releases of the lock, on the same kind of processor, nothing differs.
"""


def bundle_study(
    path: str | Path, *, folder: str | Path, code: str | Path, source: str | Path | None = None
) -> None:
    """Write the archive of a study.

    `path`: where the archive will lie. `folder`: `results/<study>`, finished. `code`: folder of the
    workflow, which goes along. `source`: file that the table was read from, which does not; None
    where there is none. Raises ResultError: a result is missing or not what the manifest lists.
    """
    folder = Path(folder)
    listed = ["MANIFEST", "summary.txt", *manifest.read_manifest(folder / "MANIFEST")]
    results = [name for name in listed if not name.startswith(LEFT_OUT)]
    wrong = manifest.compare(folder / "MANIFEST", partial=True)
    wrong += [f"missing: {name}" for name in results if not (folder / name).is_file()]
    if wrong:
        raise ResultError(f"{folder}: is not as its MANIFEST lists it: {', '.join(wrong[:10])}")
    members: dict[str, Path | bytes] = {name: folder / name for name in results}
    members |= {f"code/{name}": file for name, file in _code_files(Path(code))}
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    releases = _read_releases(folder / "tables" / "provenance.csv")
    if named := config["groups"]["file"]:  # as `code/` sees it
        members[f"code/{named}"] = folder / "groups.json"
    where = _describe_source(config, source)
    members["README.md"] = _README.format(
        study=config["study"], release=releases["kohorte"], data=_data_to_get(where)
    ).encode()
    graph = list(_describe(members, config, releases, where, _date_of(folder / "MANIFEST")))
    text = json.dumps({"@context": _CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False)
    members["ro-crate-metadata.json"] = text.encode()
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(members):
            _add(archive, name, members[name])


def _code_files(code: Path) -> Iterator[tuple[str, Path]]:
    """Yield the names and paths of the files that make a repository of kohorte."""
    yield from ((name, code / name) for name in _CODE if (code / name).is_file())
    folders = {name: code / name for name in _CODE_FOLDERS}
    if not (code / "src" / "kohorte" / "__init__.py").is_file():
        # The workflow of an installed kohorte lies within the library.
        del folders["src"]
        folders["src/kohorte"] = Path(kohorte.__file__).parent
    for name, folder in folders.items():
        for file in folder.rglob("*"):
            inner = file.relative_to(folder)
            if file.is_file() and file.suffix in _CODE_SUFFIXES and not _is_left_out(inner):
                yield f"{name}/{inner.as_posix()}", file


def _is_left_out(name: Path) -> bool:
    return any(
        part.startswith(".") or part.endswith(".egg-info") or part == "_workflow"
        for part in name.parts
    )


def _read_releases(table: Path) -> dict[str, str]:
    with open(table, encoding="utf-8", newline="") as stream:
        return {r["name"]: r["value"] for r in csv.DictReader(stream) if r["topic"] == "release"}


def _date_of(file: Path) -> str:
    """Return the day of publication: of SOURCE_DATE_EPOCH, or of the end of the study."""
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH", file.stat().st_mtime))
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _describe_source(config: Mapping[str, Any], source: str | Path | None) -> dict[str, Any] | None:
    """Return the table that the study is about, which is not in the archive; None for labels."""
    name = config["data"]["source"]
    if name is None:
        return None
    entity = {"@id": "#source", "@type": "CreativeWork", "name": name}
    return entity if source is None else entity | _measure(Path(source))


def _data_to_get(where: Mapping[str, Any] | None) -> str:
    if where is None or "sha256" not in where:
        return ""
    return (
        f"It needs `{where['name']}` ({where['contentSize']} bytes, SHA-256 {where['sha256']}), "
        "relative to `code/`.\n"
    )


def _measure(member: Path | bytes) -> dict[str, str]:
    """Return size and checksum, as they stand in the metadata."""
    if isinstance(member, bytes):
        return {"contentSize": str(len(member)), "sha256": hashlib.sha256(member).hexdigest()}
    return {"contentSize": str(member.stat().st_size), "sha256": file_digest(member)}


def _describe(
    members: Mapping[str, Path | bytes],
    config: Mapping[str, Any],
    releases: Mapping[str, str],
    source: Mapping[str, Any] | None,
    date: str,
) -> Iterator[dict[str, Any]]:
    """Yield the entities of the metadata file."""
    study = config["study"]
    ids = {name: {"@id": quote(name)} for name in sorted(members)}
    code = [ids[name] for name in ids if name.startswith("code/")]
    other = [ids[name] for name in ids if not name.startswith("code/")]
    results = [i for name, i in ids.items() if name.startswith(_RESULTS)]
    inputs = [ids["config.yaml"], *([{"@id": source["@id"]}] if source else [])]
    libraries = [{"@id": f"#{name}"} for name in releases if name != "kohorte"]
    yield {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": _RO_CRATE},
        "about": {"@id": "./"},
    }
    yield {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Study {study}: an ensemble of self-organizing maps",
        "description": f"Tables, figures, ensemble and configuration of the study {study}, with "
        "the code that made them and makes them again.",
        "datePublished": date,
        "license": "Of the results: to be chosen by whoever publishes them. Of the code: MIT.",
        "conformsTo": {"@id": _PROCESS_RUN},
        "hasPart": [*other, {"@id": "code/"}],
        "mentions": {"@id": "#run"},
    }
    yield {
        "@id": _PROCESS_RUN,
        "@type": "CreativeWork",
        "name": "Process Run Crate",
        "version": "0.5",
    }
    yield {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of the study {study}",
        "description": "snakemake --cores all --configfile config.yaml",
        "instrument": {"@id": "#kohorte"},
        "object": inputs,
        "result": results,
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    for name, release in releases.items():
        entity = {"@id": f"#{name}", "@type": "SoftwareApplication", "name": name}
        entity["softwareVersion"] = release
        yield entity | ({"softwareRequirements": libraries} if name == "kohorte" else {})
    if source is not None:
        yield dict(source)
    yield {
        "@id": "code/",
        "@type": "Dataset",
        "name": f"kohorte {releases['kohorte']}",
        "description": "The Snakemake workflow and its library; the license is in code/LICENSE.",
        "license": {"@id": _LICENSE},
        "hasPart": code,
    }
    yield {"@id": _LICENSE, "@type": "CreativeWork", "name": "MIT License"}
    for name, identifier in ids.items():
        kind = _TYPES.get(Path(name).suffix, "text/plain")
        yield {**identifier, "@type": "File", "name": name, "encodingFormat": kind} | _measure(
            members[name]
        )


def _add(archive: zipfile.ZipFile, name: str, member: Path | bytes) -> None:
    entry = zipfile.ZipInfo(name, _NO_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is made
    entry.external_attr = 0o644 << 16
    if isinstance(member, bytes):
        archive.writestr(entry, member)
        return
    with open(member, "rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, 1 << 20)
