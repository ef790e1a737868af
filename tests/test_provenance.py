"""What a study was made from: records in the files, manifest, and the archive for other labs."""

import ast
import getpass
import json
import platform
import re
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from planning import plain_data
from workflow_project import Project

from kohorte import __version__, provenance, store
from kohorte.data.names import READERS, reading_parts
from kohorte.errors import ResultError
from kohorte.maps.history import History
from kohorte.provenance import digest_of, file_digest, imported_parts, library_digest
from kohorte.studies import load_modules
from kohorte.study import manifest
from kohorte.study.config import check_config, portable_config, read_config
from kohorte.study.crate import bundle_study
from kohorte.study.figures import all_figures
from kohorte.study.manifest import compare, write_manifest
from kohorte.study.plan import plan_study

CONFIG = {
    "study": "small",
    "recipe": "published",
    "seed": 7,
    "data": {"source": "/home/somebody/points.csv", "label": "kind", "weights": {"ä: b": 2}},
    "lattice": {"xdim": [6, 7], "ydim": 5},
    "training": {"steps": 1.0e4, "alpha": [0.1, 1e-5], "initial": "given", "weights": "~/w.npy"},
    "execution": {"realizations_per_job": 3},
    "prediction": {"source": "/home/somebody/new.csv"},
    "comparison": {"with": "/home/somebody/results/other"},
}


def differences(folder):
    unlisted = [pattern for module in load_modules() for pattern in module.unlisted]
    return compare(folder / "MANIFEST", unlisted=unlisted)


def write_map(path, seconds):
    arrays = {name: np.full(4, 1, np.int32) for name in store.REALIZATION_ARRAYS}
    history = History(np.arange(3), *np.ones((4, 3)), np.arange(0), np.ones((0, 6, 2), np.float32))
    made = SimpleNamespace(
        **arrays, history=history, quality={"quantization_error": 0.5}, seconds={"train": seconds}
    )
    known = {"id": path.stem, "seed": 5, "repeat": 1, "parameters": {"xdim": 2}}
    store.write_realization(path, made, fingerprint="f", **known)


def write_study(folder, config, seconds=1.0):
    """The files of a finished study, as the workflow would write them."""
    data = plain_data(np.zeros((3, 2), np.float32))
    store.write_data(folder / "data.h5", data, options=config["data"], seed=config["seed"])
    maps = [folder / "realizations" / f"{name}.h5" for name in ("r1", "r2")]
    for path in maps:
        write_map(path, seconds)
    with store.create(folder / "ensemble.h5", "ensemble", n_points=3):
        pass
    (folder / "tables").mkdir()
    (folder / "figures").mkdir()
    table = pd.DataFrame({"id": ["r1", "r2"], "seconds": [seconds, 2.5], "qe": [0.5, 0.5]})
    store.write_csv(table, folder / "tables" / "realizations.csv")
    store.write_csv(table[["id"]], folder / "tables" / "choice.csv")
    (folder / "figures" / "umatrix.pdf").write_bytes(b"%PDF")
    (folder / "summary.txt").write_text(f"{seconds} s of training\n")
    files = {
        "data": [folder / "data.h5"],
        "realization": maps,
        "ensemble": [folder / "ensemble.h5"],
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    rows = manifest.provenance_rows(config, files, {"snakemake": "9"})
    table = pd.DataFrame(rows, columns=["topic", "name", "value"])
    store.write_csv(table, folder / "tables" / "provenance.csv")
    named = ["config.yaml", "figures/umatrix.pdf"]
    named += [f"tables/{name}.csv" for name in ("realizations", "choice", "provenance")]
    results = [*(p for paths in files.values() for p in paths), *(folder / name for name in named)]
    write_manifest(folder / "MANIFEST", results, config)
    return folder


@pytest.fixture
def config(schema):
    return portable_config(check_config(CONFIG, schema), load_modules())


@pytest.fixture
def study(tmp_path, config):
    folder = write_study(tmp_path / "results" / "small", config)
    # What belongs to a run, and what is made on demand.
    names = ["logs/a.log", "benchmarks/a.tsv", "overlaps/0.h5", "realizations/batches/0.json"]
    for name in (*names, "scaling/scaling.csv", "stages/stages.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    (folder / "imputed.h5").write_text("")
    (folder / "tables" / ".x.csv.0-1.part").write_text("")
    return folder


def test_the_record_of_a_configuration_gives_the_same_study(config, schema, tmp_path):
    assert {"execution", "prediction", "comparison"}.isdisjoint(config)
    assert config["data"]["source"] == "points.csv"
    assert config["training"]["weights"] == "w.npy"
    assert "somebody" not in json.dumps(config)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    again = check_config(read_config(tmp_path / "config.yaml"), schema)
    assert portable_config(again, load_modules()) == config
    planned = [plan_study(c) for c in (again, check_config(CONFIG, schema))]
    assert planned[0] == planned[1]
    assert len(planned[0].realizations) == 4


def test_paths_below_the_working_directory_are_kept(schema):
    labels = ["runs/a.npy", "/data/b.npy"]
    config = {"study": "a", "data": {"source": "tables/x.csv"}, "realizations": {"labels": labels}}
    portable = portable_config(check_config(config, schema), load_modules())
    assert portable["data"]["source"] == "tables/x.csv"
    assert portable["realizations"]["labels"] == ["runs/a.npy", "b.npy"]
    config = {"study": "a", "data": {"source": "sklearn:iris"}}
    plain = portable_config(check_config(config, schema))
    assert plain["data"]["source"] == "sklearn:iris"


def test_every_file_says_what_made_it_and_nothing_of_the_machine(study):
    strangers = {platform.node(), getpass.getuser(), str(study.parent), "somebody"} - {"root"}
    for path in study.rglob("*.h5"):
        if not path.stat().st_size:
            continue
        with h5py.File(path) as file:
            assert len(file.attrs["library"]) == 16
            releases = json.loads(file.attrs["versions"])
            assert releases["python"] == platform.python_version()
            assert releases["kohorte"] == __version__
            said = repr([*file.attrs.items()])
        assert not [name for name in strangers if name and name in said]
    with h5py.File(study / "data.h5") as file:
        assert file.attrs["library"] == library_digest("data")
        assert file.attrs["source"] == "points.csv"
        assert json.loads(file.attrs["options"])["source"] == "points.csv"
    with h5py.File(study / "realizations" / "r1.h5") as file:
        assert file.attrs["library"] == library_digest("maps")


def test_the_table_of_provenance(study, config):
    table = pd.read_csv(study / "tables" / "provenance.csv", dtype=str, keep_default_na=False)
    rows = {(topic, name): value for topic, name, value in table.itertuples(index=False)}
    assert len(rows) == len(table)
    assert rows["study", "seed"] == "7"
    assert rows["study", "config"] == digest_of(config)
    assert rows["study", "table"] == "d"
    assert rows["release", "kohorte"] == __version__
    assert rows["release", "snakemake"] == "9"
    assert rows["code", "realization"] == library_digest("maps")
    assert "results/small/config.yaml" in rows["command", "run again"]
    assert rows["configuration", "training.alpha"] == "[0.1, 1e-05]"
    assert rows["configuration", "data.weights"] == '{"ä: b": 2}'


def test_files_of_different_releases_are_told_apart(study, config):
    path = study / "realizations" / "r2.h5"
    with store.create(path, "realization") as file:
        file.attrs["versions"] = json.dumps({"numpy": "1.0"})
    rows = manifest.provenance_rows(config, {"realization": sorted(path.parent.glob("*.h5"))})
    found = {name: value for topic, name, value in rows if topic == "release"}
    assert found["numpy"] == f"1.0, {np.__version__}"


def test_a_manifest_lists_each_result_once_and_sha256sum_can_read_it(study):
    lines = (study / "MANIFEST").read_text().splitlines()
    assert "# study small" in lines
    assert f"# kohorte {__version__}" in lines
    plain = dict(reversed(line.split("  ")) for line in lines if not line.startswith("#"))
    assert sorted(plain) == list(plain)
    tables = {"tables/choice.csv", "tables/provenance.csv"}
    assert set(plain) == {"config.yaml", "data.h5", "ensemble.h5", "figures/umatrix.pdf", *tables}
    assert all(file_digest(study / name) == digest for name, digest in plain.items())
    timed = {"realizations/r1.h5", "realizations/r2.h5", "tables/realizations.csv"}
    assert set(manifest.read_manifest(study / "MANIFEST")) - set(plain) == timed
    assert differences(study) == []


def test_times_are_not_in_a_manifest(study, config, tmp_path):
    slow = write_study(tmp_path / "slow" / "small", config, seconds=70.25)
    assert file_digest(slow / "realizations" / "r1.h5") != file_digest(study / "realizations/r1.h5")
    assert (slow / "MANIFEST").read_bytes() == (study / "MANIFEST").read_bytes()


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_each_changed_missing_and_extra_file_is_named(study):
    changed = ["ensemble.h5", "figures/umatrix.pdf", "realizations/r1.h5"]
    changed.append("tables/realizations.csv")
    for name in changed:
        flip(study / name)
    (study / "tables" / "choice.csv").unlink()
    (study / "realizations" / "r3.h5").write_text("")
    expected = sorted([*(f"changed: {name}" for name in changed), "missing: tables/choice.csv"])
    assert sorted(compare(study / "MANIFEST", partial=True)) == expected[:-1]
    assert sorted(differences(study)) == sorted([*expected, "extra: realizations/r3.h5"])


def test_a_map_that_was_made_otherwise_is_named(study):
    write_map(study / "realizations" / "r1.h5", seconds=9)
    assert differences(study) == []
    with store.create(study / "realizations" / "r1.h5", "realization", content="other"):
        pass
    assert differences(study) == ["changed: realizations/r1.h5"]


@pytest.mark.parametrize(
    "line", ["x", "0" * 64 + "  ../../secret", "0" * 64 + "  /etc/passwd", "0" * 63 + "  a", ""]
)
def test_a_manifest_that_is_none(tmp_path, line):
    (tmp_path / "MANIFEST").write_text(f"# a comment\n{line}\n")
    with pytest.raises(ResultError, match="MANIFEST, line 2: not a line of a manifest"):
        compare(tmp_path / "MANIFEST")
    (tmp_path / "MANIFEST").write_bytes(b"\xff")
    with pytest.raises(ResultError, match="MANIFEST: there is no manifest to read"):
        compare(tmp_path / "MANIFEST")
    with pytest.raises(ResultError, match="run the workflow to its end"):
        compare(tmp_path / "nowhere" / "MANIFEST")


def test_a_manifest_needs_every_result(study, config):
    with pytest.raises(ResultError, match=r"none\.csv: this result does not exist"):
        write_manifest(study / "MANIFEST", [study / "none.csv"], config)
    assert differences(study) == []


# The archive


@pytest.fixture
def bundle(study, root):
    source = study / "points.csv"
    source.write_text("a,b\n")
    bundle_study(study / "small.crate.zip", folder=study, code=root, source=source)
    source.unlink()
    return study / "small.crate.zip"


@pytest.fixture
def unpacked(bundle, tmp_path):
    shutil.unpack_archive(bundle, tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def test_the_archive_runs_the_same_study_elsewhere(unpacked, schema):
    assert compare(unpacked / "MANIFEST", partial=True) == []
    flip(unpacked / "ensemble.h5")
    assert compare(unpacked / "MANIFEST", partial=True) == ["changed: ensemble.h5"]
    assert not (unpacked / "realizations").exists()
    assert not (unpacked / "data.h5").exists()
    elsewhere = check_config(read_config(unpacked / "config.yaml"), schema)
    here = check_config(CONFIG, schema)
    ids = [[(p.id, p.seed) for p in plan_study(c).realizations] for c in (elsewhere, here)]
    assert ids[0] == ids[1]
    text = (unpacked / "README.md").read_text()
    for part in ("study small", "`points.csv` (4 bytes, SHA-256 ", "--configfile ../config.yaml"):
        assert part in text.replace("Study", "study")
    names = ["Snakefile", "src/kohorte/study/plan.py", "scripts/bundle_study.py"]
    for name in (*names, "pyproject.toml", "envs/requirements.txt"):
        assert (unpacked / "code" / name).is_file()
    assert not list(unpacked.rglob("__pycache__"))


def test_the_archive_is_an_ro_crate(unpacked):
    metadata = json.loads((unpacked / "ro-crate-metadata.json").read_text())
    assert metadata["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    assert metadata["@context"][1]["sha256"].startswith("https://w3id.org/ro/terms/workflow-run#")
    graph = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert len(graph) == len(metadata["@graph"])
    assert all("@type" in entity for entity in graph.values())
    descriptor, top, run = graph["ro-crate-metadata.json"], graph["./"], graph["#run"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert top["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license"} <= set(top)
    assert pd.Timestamp(top["datePublished"]).isoformat().startswith(top["datePublished"])
    assert run["@type"] == "CreateAction"
    assert top["mentions"] == {"@id": "#run"}
    assert graph[run["instrument"]["@id"]]["softwareVersion"] == __version__
    assert {"@id": "ensemble.h5"} in run["result"]
    assert {"@id": "config.yaml"} in run["object"]
    assert graph["#source"]["contentSize"] == "4"
    needed = {i["@id"] for i in graph["#kohorte"]["softwareRequirements"]}
    assert {"#python", "#numpy", "#snakemake"} <= needed
    # All that is referred to is described, and all files are parts, with their checksums.
    text = json.dumps(metadata["@graph"])
    referred = {entry["@id"] for entry in references(metadata["@graph"])}
    assert referred - set(graph) == {"https://w3id.org/ro/crate/1.1"}, text[:500]
    parts = {part["@id"] for part in [*top["hasPart"], *graph["code/"]["hasPart"]]} - {"code/"}
    there = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}
    assert parts == there - {"ro-crate-metadata.json"}
    for name in parts:
        assert graph[name]["@type"] == "File"
        assert graph[name]["contentSize"] == str((unpacked / name).stat().st_size)
        assert graph[name]["sha256"] == file_digest(unpacked / name)


def references(value):
    """All that is nothing but a reference to an entity."""
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_same_study_gives_the_same_archive(bundle, study, root, monkeypatch):
    first = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [name for name in names if ".." in name or name.startswith("/")]
    (study / "points.csv").write_text("a,b\n")
    bundle_study(bundle, folder=study, code=root, source=study / "points.csv")
    assert bundle.read_bytes() == first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    bundle_study(bundle, folder=study, code=root)
    with zipfile.ZipFile(bundle) as archive:
        assert b'"1970-01-02"' in archive.read("ro-crate-metadata.json")


def test_a_study_that_was_changed_is_not_packed(study, root):
    flip(study / "ensemble.h5")
    (study / "tables" / "choice.csv").unlink()
    with pytest.raises(ResultError, match=r"changed: ensemble\.h5, missing: tables/choice\.csv"):
        bundle_study(study / "small.crate.zip", folder=study, code=root)
    assert not (study / "small.crate.zip").exists()


# The workflow


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_manifest_check_and_archive_of_a_run(root, tmp_path):
    labels = [f"runs/{name}.npy" for name in "abc"]
    config = {"study": "foreign", "data": {"source": None}, "realizations": {"labels": labels}}
    project = Project(root, tmp_path / "a study", config)
    (project.directory / "runs").mkdir()
    for shift, name in enumerate(labels):
        np.save(project.directory / name, np.roll(np.repeat([0, 1, 2], 20), shift))
    project.run("all", "bundle_study")
    results = project.results
    assert compare(results / "MANIFEST") == []
    assert project.pending("all", "bundle_study") == {}
    with zipfile.ZipFile(results / "foreign.crate.zip") as archive:
        assert {"MANIFEST", "config.yaml", "code/Snakefile"} <= set(archive.namelist())
    assert "All results are as results/foreign/MANIFEST lists them" in project.run("verify")
    flip(results / "tables" / "clusters.csv")
    (results / "tables" / "old.csv").write_text("")
    project.stop("verify", says=["changed: tables/clusters.csv", "extra: tables/old.csv"])
    assert compare(results / "MANIFEST") != []


def test_figures_are_listed_with_what_they_were_made_from(tmp_path):
    folder = tmp_path / "results" / "one"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "a.png").write_bytes(b"picture")
    (folder / "data.h5").write_bytes(b"numbers")
    (tmp_path / "published.csv").write_bytes(b"1")
    inputs = [str(folder / "data.h5"), str(tmp_path / "published.csv")]
    made = {"a.png": {"rule": "plot_a", "inputs": inputs}}
    rows = list(manifest.figure_rows(folder, made, {"study": "one"}))
    digests = [file_digest(path)[:16] for path in inputs]
    row = {"figure": "a.png", "rule": "plot_a", "inputs": "data.h5 published.csv", "study": "one"}
    row |= {"sha256": file_digest(folder / "figures" / "a.png"), "input_digests": " ".join(digests)}
    assert rows == [row | {"config": digest_of({"study": "one"})}]
    (folder / "figures" / "a.png").unlink()
    with pytest.raises(ResultError, match=r"a\.png: this result does not exist"):
        list(manifest.figure_rows(folder, made, {"study": "one"}))


def parts_in(root, statements):
    """Parts of the library that statements import, as `library_digest` takes them."""
    source = root / "src"
    for node in (node for statement in statements for node in ast.walk(statement)):
        if not isinstance(node, ast.ImportFrom) or not node.module.startswith("kohorte"):
            continue
        folder = Path(*node.module.split("."))
        for name in (alias.name for alias in node.names):
            inner = (source / folder / name).is_dir() or (source / folder / f"{name}.py").exists()
            part = folder / name if inner else folder
            yield part.as_posix().removeprefix("kohorte/")


# Checks refuse what cannot be used, files of results have a seal of their own, and a message
# changes no number.
EXEMPT = re.compile(
    r"(kohorte|_checks|_files|_text|(studies/\w+/)?store|study/logs|errors|provenance)\b(?!_)"
)


def used_by_step(root, step):
    """Parts of the library that a function, as module:function, uses beside its own module."""
    module, _, function = step.partition(":")
    source = (root / "src" / f"{module.replace('.', '/')}.py").read_text()
    return set(parts_in(root, provenance.used_statements(source, function)))


@pytest.mark.parametrize("name", READERS)
def test_a_table_is_stale_when_what_reads_its_source_is_edited(root, name):
    parts = reading_parts(f"{name}x" if name.endswith(":") else f"x{name}")
    readers = {reader.module for reader in READERS.values()}
    for part in parts:
        body = ast.parse((root / "src" / "kohorte" / f"{part}.py").read_text()).body
        used = {other for other in parts_in(root, body) if other.startswith("data/")}
        assert used <= {*parts, "data/names"}
    own = {READERS[name].module, *READERS[name].beside}
    assert {part.removeprefix("data/") for part in parts} & readers == own & readers


def test_results_are_stale_when_what_their_script_uses_is_edited(root):
    checked = 0
    for file in [*(root / "workflow").rglob("*.smk"), *(root / "src").rglob("*.smk")]:
        for rule in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
            digests = re.findall(r"(?:library_digest|\*\*step)\(([^)]*)\)", rule)
            script = re.search(r"scripts/\w+\.py|RUN_STEP", rule)
            if not digests or not script:
                continue
            named = " ".join(digests)
            parts = tuple(re.findall(r'"([^"]*)"', named))
            parts += reading_parts("table.csv") if "READING" in named else ()
            if script[0] == "RUN_STEP":
                step, *parts = parts
                used = used_by_step(root, step)
            else:
                used = set(parts_in(root, ast.parse((root / script[0]).read_text()).body))
            # Of benchmarks, figures use names of columns and the like, but no results.
            jobs = re.compile(r"(kohorte_benchmarks|analysis|jobs|study)/(?!logs)")
            for module in [] if "/plot_" in script[0] else filter(jobs.match, tuple(used)):
                folder = root / "src" if module.startswith("kohorte_") else root / "src" / "kohorte"
                body = ast.parse((folder / f"{module}.py").read_text()).body
                used |= set(parts_in(root, body))
            for module in used:
                if not EXEMPT.match(module):
                    covered = any(f"{module}/".startswith(f"{part}/") for part in parts)
                    assert covered or parts == ("",), (rule.split(":")[0], module)
            checked += 1
    assert checked > 30
    for package in (p for module in load_modules() for p in module.packages.values()):
        used = {part for part in used_by_step(root, package.step) if not EXEMPT.match(part)}
        assert used == {"data/packages"}, package.step
    figures = all_figures(load_modules())
    for figure in figures:
        parts = [part.removesuffix("/__init__") for part in imported_parts(figure.module)]
        file = root / "src" / Path(*figure.module.split(".")).with_suffix(".py")
        used = set(parts_in(root, ast.parse(file.read_text()).body))
        used = {module for module in used if not EXEMPT.match(module)}
        assert used <= set(parts), (figure.name, used - set(parts))
        assert {f"figures/{name}" for name in ("style", "reading")} < set(parts)


def test_the_parts_of_a_figure_are_those_that_it_imports():
    parts = imported_parts("kohorte.figures.maps")
    assert {"figures/maps", "figures/cells", "figures/style", "maps/lattice"} <= set(parts)
    others = {"figures/classes", "figures/training", "store", "store/files", "errors"}
    assert not others & set(parts)
    assert "ensemble/overlaps" in imported_parts("kohorte.figures.ensemble")
    assert "studies/plasma/physics/cuts" in imported_parts("kohorte.studies.plasma.figures.signals")
