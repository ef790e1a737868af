"""The record of a finished study: `MANIFEST`, a checksum for each result, and where all comes from.

The plain lines of a manifest are those of `sha256sum`, which checks them too. A result that holds
times, which no two runs share, has a line `#content` with a digest of the rest of it; `sha256sum`
takes it for a comment. So equal configurations give equal manifests, however many cores there were
and however the work was cut into jobs.
"""

from __future__ import annotations

import csv
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import kohorte
from kohorte import provenance, store
from kohorte._checks import extra
from kohorte._files import replacing
from kohorte._text import guard_cell
from kohorte.errors import ResultError

with extra("workflow"):
    import yaml

_LOG = logging.getLogger(__name__)

#: Files of a study that no manifest lists: of one run and not of the study, or made on demand.
NOT_LISTED = (
    *(
        "MANIFEST",
        "summary.txt",
        "logs/*",
        "benchmarks/*",
        "overlaps/*",
        "tallies/*",
        "training/*",
        "realizations/batches/*",
    ),
    *(
        "imputed.h5",
        "group_signals.h5",
        "figures/manifest.csv",
        "prediction/*",
        "labelled/*",
        "tables/jobs.csv",
    ),
    *("structure/*", "comparison/*", "*.crate.zip", "snakemake-report.html"),
)

_LINE = re.compile(r"(#content |)([0-9a-f]{64})  (.+)")
_SOURCE = re.compile(r"^# source ([0-9a-f]{64})  (.+)$", re.MULTILINE)
_NO_SOURCES: Mapping[str, Sequence[str]] = {}


def write_manifest(
    path: str | Path,
    files: Iterable[str | Path],
    config: Mapping[str, Any],
    sources: Mapping[str, Sequence[str]] = _NO_SOURCES,
) -> None:
    """Write the manifest of a study.

    `path`: `results/<study>/MANIFEST`; the paths in it start in its folder. `files`: the results,
    all in that folder. `config`: what `kohorte.study.config.portable_config` gives. `sources`:
    digests of the files from outside that they come from, by key of the configuration. Raises
    ResultError: a file is missing or damaged.
    """
    folder = Path(path).parent
    names = sorted(Path(file).relative_to(folder).as_posix() for file in files)
    lines = [
        "# Results of a kohorte study; sha256sum --check takes this file, too.",
        f"# study {config['study']}",
        f"# kohorte {kohorte.__version__}",
        f"# config {provenance.digest_of(config)}",
        *(f"# source {digest}  {key}" for key, digest in _numbered(sources)),
    ]
    lines += [f"{mark}{digest}  {name}" for name in names for mark, digest in [_line(folder, name)]]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def record_study(
    manifest: str | Path,
    table: str | Path,
    copy: str | Path,
    *,
    config: Mapping[str, Any],
    files: Mapping[str, Sequence[str | Path]],
    results: Iterable[str | Path],
    releases: Mapping[str, str],
    sources: Mapping[str, Sequence[str]] = _NO_SOURCES,
) -> None:
    """Write the record of a study: configuration, provenance and manifest.

    `manifest`, `table`, `copy`: where `MANIFEST`, `tables/provenance.csv` and `config.yaml` will
    lie; `config`: what `kohorte.study.config.portable_config` gives; `files`, `releases`: as for
    `provenance_rows`; `results`: the other results; `sources`: as for `write_manifest`.
    """
    with replacing(copy) as temporary:
        text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
    rows = provenance_rows(config, files, releases)
    _write_rows(table, [dict(zip(("topic", "name", "value"), row, strict=True)) for row in rows])
    listed = {Path(path) for paths in files.values() for path in paths}
    listed |= {Path(path) for path in (*results, table, copy)}
    write_manifest(manifest, listed, config, sources)
    _LOG.info("%d results listed", len(listed))


def list_figures(
    path: str | Path, figures: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any]
) -> None:
    """Write `figures/manifest.csv` of a study; arguments as for `figure_rows`."""
    rows = list(figure_rows(Path(path).parent.parent, figures, config))
    _write_rows(path, rows)
    _LOG.info("%d figures listed", len(rows))


def verify(
    path: str | Path,
    *,
    unlisted: Sequence[str] = (),
    sources: Mapping[str, Sequence[str]] = _NO_SOURCES,
) -> None:
    """Raise ResultError where a study differs from its manifest; see `compare`.

    `sources`: digests of the files from outside as they are now, as for `write_manifest`. One that
    is not there is no difference: a finished study does without.
    """
    differences = [*compare(path, unlisted=unlisted), *changed_sources(path, sources)]
    if differences:
        if any(line.startswith("extra: ") for line in differences):
            differences.append(
                "what is extra is no result of the study as it is; what was made with former "
                "settings can be deleted"
            )
        lines = "".join(f"\n  {line}" for line in differences)
        raise ResultError(f"{path}: the results are not as it lists them:{lines}")
    _LOG.info("all results are as %s lists them", path)


def read_manifest(path: str | Path) -> dict[str, str]:
    """Return each listed file's entry by its path in the folder; ResultError for a bad manifest."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(
            f"{path}: there is no manifest to read ({error}); run the workflow to its end"
        ) from error
    entries = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if found is None and line.startswith("# "):
            continue
        name = PurePosixPath(found[3] if found else "/")
        if found is None or name.is_absolute() or ".." in name.parts or str(name) in entries:
            raise ResultError(f"{path}, line {number}: not a line of a manifest: {line[:200]!r}")
        entries[str(name)] = found[1] + found[2]
    return entries


def compare(path: str | Path, *, partial: bool = False, unlisted: Sequence[str] = ()) -> list[str]:
    """Compare the files of a study with its manifest.

    `path`: the manifest, in the folder of the study; `partial`: the folder is a copy of a part of
    the study: what is missing or added is in order; `unlisted`: patterns of files that no manifest
    lists, beside NOT_LISTED. Returns list of str: a line for each file that is changed, missing or
    extra; none where all is as it was.
    """
    folder, entries = Path(path).parent, read_manifest(path)
    differences = []
    for name, entry in entries.items():
        if not (folder / name).is_file():
            differences += [] if partial else [f"missing: {name}"]
            continue
        try:
            same = "".join(_line(folder, name)) == entry
        except (ResultError, csv.Error):
            same = False
        differences += [] if same else [f"changed: {name}"]
    if not partial:
        differences += [
            f"extra: {name}" for name in _results_in(folder, unlisted) if name not in entries
        ]
    return differences


def changed_sources(path: str | Path, sources: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield a line for each file from outside that is not the one that results were made from."""
    text = Path(path).read_text(encoding="utf-8")
    recorded = {key: digest for digest, key in _SOURCE.findall(text)}
    for key, digest in _numbered(sources):
        if digest == "missing":
            _LOG.warning("the file of %s is not there any more", key)
        elif recorded.get(key, digest) != digest:
            yield (
                f"another source: the file of {key} is not the one that these results were made "
                "from; run the workflow again to use it, or put the former one back"
            )


def _numbered(sources: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for key, digests in sorted(sources.items()):
        for number, digest in enumerate(digests):
            yield (f"{key}[{number}]" if len(digests) > 1 else key), digest


def provenance_rows(
    config: Mapping[str, Any],
    files: Mapping[str, Sequence[str | Path]],
    releases: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, str, str]]:
    """Yield what a study was made from and with, as rows of topic, name and value.

    `config`: what `kohorte.study.config.portable_config` gives; `files`: result files that say what
    they were made with, by their kind; `releases`: releases of programs that the files do not know
    of.
    """
    study = config["study"]
    yield "study", "name", study
    yield "study", "seed", str(config["seed"])
    yield "study", "config", provenance.digest_of(config)
    rerun = f"snakemake --cores all --configfile results/{study}/config.yaml"
    yield "command", "run again", rerun
    yield "command", "verify", f"{rerun} -- verify"
    yield "command", "bundle", f"{rerun} -- bundle_study"
    used: dict[tuple[str, str], set[str]] = {}
    for kind, paths in files.items():
        for path in paths:
            with store.read_result(path, kind) as file:
                if kind == "data":
                    yield "study", "table", file.attrs["digest"]
                used.setdefault(("code", kind), set()).add(file.attrs["library"])
                for name, release in store.read_json(file, "versions").items():
                    used.setdefault(("release", name), set()).add(release)
    for name, release in (releases or {}).items():
        used["release", name] = {release}
    for (topic, name), values in sorted(used.items()):
        yield topic, name, ", ".join(sorted(values))
    for section, value in config.items():
        for key, inner in value.items() if isinstance(value, Mapping) else ():
            yield "configuration", f"{section}.{key}", json.dumps(inner, ensure_ascii=False)


def figure_rows(
    folder: str | Path, figures: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    """Yield what each figure of a study was made from, as rows of `figures/manifest.csv`.

    `folder`: `results/<study>`; `figures`: `rule` and `inputs` (paths) of each file in `figures/`,
    by its name; `config`: what `kohorte.study.config.portable_config` gives. Raises ResultError: a
    figure or what it was made from is missing.
    """
    folder, known = Path(folder), {}
    for name, made in sorted(figures.items()):
        paths = [Path(path) for path in made["inputs"]]
        for path in paths:
            if path not in known:
                base = folder if path.is_relative_to(folder) else path.parent
                known[path] = _line(base, path.relative_to(base).as_posix())[1][:16]
        yield {
            "figure": name,
            "sha256": _line(folder / "figures", name)[1],
            "rule": made["rule"],
            "inputs": " ".join(_beside(path, folder) for path in paths),
            "input_digests": " ".join(known[path] for path in paths),
            "study": config["study"],
            "config": provenance.digest_of(config),
        }


def _write_rows(path: str | Path, rows: Sequence[Mapping[str, str]]) -> None:
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: guard_cell(value) for name, value in row.items()})


def _beside(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _results_in(folder: Path, unlisted: Sequence[str]) -> list[str]:
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(
        name
        for name in names
        if not any(fnmatch(name, pattern) for pattern in (*NOT_LISTED, *unlisted))
        and not PurePosixPath(name).name.startswith(".")
    )


def _line(folder: Path, name: str) -> tuple[str, str]:
    """Return how a file is listed: the mark of its line, and its digest."""
    path = folder / name
    if not path.is_file():
        raise ResultError(f"{path}: this result does not exist; run the workflow again")
    if fnmatch(name, "realizations/*.h5"):
        return "#content ", _digest_without_times(path)
    if name == "tables/realizations.csv":
        return "#content ", _digest_without_seconds(path)
    return "", provenance.file_digest(path)


def _digest_without_times(path: Path) -> str:
    # The attribute `content` is the digest of all datasets and measures.
    with store.read_result(path, "realization") as file:
        return provenance.digest_of(sorted((k, str(v)) for k, v in file.attrs.items()))


def _digest_without_seconds(path: Path) -> str:
    with open(path, encoding="utf-8", errors="replace", newline="") as stream:
        rows = list(csv.reader(stream))
    if rows and "seconds" in rows[0]:
        column = rows[0].index("seconds")
        # What is no time in that column is damage.
        rows = [
            row[:column] + row[column + 1 :] if _is_time(row[column : column + 1]) else row
            for row in rows
        ]
    return provenance.digest_of(rows)


def _is_time(cells: Sequence[str]) -> bool:
    return any(re.fullmatch(r"seconds|[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", cell) for cell in cells)
