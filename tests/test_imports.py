"""Who may import whom, and what an import costs."""

import subprocess
import sys

import pytest
from import_graph import find_circle, find_imports, find_modules, is_in, loaded_with

STUDIES = ["kohorte.studies", "kohorte_benchmarks"]
COMMAND = ["kohorte.command", "kohorte.__main__"]
RESULTS = ["kohorte.store", "kohorte.study", "kohorte._files", "h5py"]
LATER = ["kohorte.jobs", "kohorte.analysis", "kohorte.estimators", "kohorte.figures", "matplotlib"]
PLASMA = "kohorte.studies.plasma"


@pytest.fixture(scope="module")
def imports(root):
    """All imports of the library."""
    return find_imports(root / "src")


@pytest.mark.parametrize(
    ("part", "forbidden"),
    [
        ("kohorte", ["snakemake"]),
        ("kohorte.ensemble", ["kohorte.maps", "kohorte.data", *RESULTS, *LATER]),
        ("kohorte.maps", ["kohorte.ensemble", "kohorte.data", *RESULTS, *LATER]),
        ("kohorte.data", ["kohorte.maps", "kohorte.ensemble", "kohorte.store", *LATER]),
        ("kohorte.store", ["kohorte.study", *LATER]),
        ("kohorte.analysis", [part for part in LATER if part != "kohorte.analysis"]),
        ("kohorte.estimators", ["kohorte.jobs", "kohorte.report"]),
        ("kohorte.study", ["kohorte.ensemble", "kohorte.report", "kohorte.explorer", *LATER]),
        ("kohorte.report", ["kohorte.jobs", "kohorte.estimators", "kohorte.maps", "matplotlib"]),
        ("kohorte.explorer", ["kohorte.jobs", "kohorte.report", "kohorte.study", "matplotlib"]),
        (f"{PLASMA}.physics", ["kohorte.maps", "kohorte.ensemble", "kohorte.store", "h5py"]),
        (f"{PLASMA}.fields", ["kohorte.maps", "kohorte.ensemble", "kohorte.store"]),
        (f"{PLASMA}.simulation", ["kohorte.maps", "kohorte.ensemble", "kohorte.store"]),
    ],
)
def test_dependencies_point_one_way(imports, part, forbidden):
    found = [i for i in imports if is_in(i.module, part) and not is_in(i.target, part)]
    assert found or part == "kohorte"
    assert [i for i in found if any(is_in(i.target, name) for name in forbidden)] == []


def test_estimators_load_tables_and_figures_only_where_they_are_asked_for(imports):
    later = [i for i in imports if is_in(i.module, "kohorte.estimators")]
    later = [i for i in later if is_in(i.target, "kohorte.analysis") or "figures" in i.target]
    assert {i.kind for i in later} == {"lazy"}


def test_the_core_knows_no_study_and_no_benchmark(imports):
    beside = [*STUDIES, *COMMAND]  # The command checks studies, as the workflow does.
    core = [i for i in imports if not any(is_in(i.module, part) for part in beside)]
    assert len(core) > 500
    assert [i for i in core if any(is_in(i.target, part) for part in STUDIES)] == []


def test_studies_do_not_know_each_other(imports):
    def study(name):
        return name.split(".")[2] if name.startswith("kohorte.studies.") else None

    across = [i for i in imports if study(i.module) and study(i.target)]
    assert [i for i in across if study(i.module) != study(i.target)] == []


def test_only_figures_import_matplotlib(imports):
    loading = [i for i in imports if i.kind != "typing"]
    drawing = {i.module for i in loading if is_in(i.target, "matplotlib")}
    assert [module for module in drawing if "figures" not in module.split(".")] == []


def test_nothing_knows_the_command(imports):
    rest = [i for i in imports if not any(is_in(i.module, part) for part in COMMAND)]
    assert [i for i in rest if any(is_in(i.target, part) for part in COMMAND)] == []


def test_the_help_of_the_command_loads_the_standard_library_alone(imports):
    loaded = {name.partition(".")[0] for name in loaded_with("kohorte.command.main", imports)}
    assert loaded - {"kohorte"} <= sys.stdlib_module_names


def test_planning_needs_the_standard_library_alone(imports, root):
    names = [
        "config",
        "figures",
        "groups",
        "modules",
        "outside",
        "plan",
        "reading",
        "resources",
        "runs",
    ]
    planning = [
        "kohorte.data.names",
        "kohorte.recipes",
        *(f"kohorte.study.{name}" for name in names),
    ]
    packages = [m for m, p in find_modules(root / "src").items() if p.name == "__init__.py"]
    planning += [m for m in packages if is_in(m, "kohorte.studies") and m.count(".") < 3]
    for module in planning:
        loaded = {name.partition(".")[0] for name in loaded_with(module, imports)}
        assert loaded - {"kohorte"} <= sys.stdlib_module_names, module


def test_no_modules_import_each_other_in_a_circle(imports):
    assert find_circle(imports) == []


def test_imports_are_found_wherever_they_are(tmp_path):
    package = tmp_path / "a"
    (package / "b").mkdir(parents=True)
    (package / "__init__.py").write_text("from . import b\n")
    (package / "b" / "__init__.py").write_text("from .c import x\n")
    (package / "b" / "c.py").write_text("from .. import d\n")
    (package / "d.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "import numpy.linalg\n"
        "if TYPE_CHECKING:\n    import a.b.e\n"
        "def f():\n    from ..a.b import c\n    import_module('a.b.e')\n"
        "try:\n    from a.b import e\nexcept ImportError:\n    pass\n"
    )
    (package / "b" / "e.py").write_text("import a.d\n")
    found = find_imports(tmp_path)
    assert {(i.module, i.target, i.kind) for i in found} == {
        *((f"a{m}", f"a{t}", "top") for m, t in [("", ".b"), (".b", ".b.c"), (".b.c", ".d")]),
        *(("a.d", target, "top") for target in ("typing", "numpy.linalg", "a.b.e")),
        *(("a.d", "a.b.e", "typing"), ("a.d", "a.b.c", "lazy"), ("a.d", "a.b.e", "lazy")),
        ("a.b.e", "a.d", "top"),
    }
    assert find_circle(found) == ["a.d", "a.b.e"]
    loaded = {"a", "a.b", "a.b.c", "a.b.e", "a.d", "typing", "numpy.linalg", "numpy"}
    assert loaded_with("a.b.e", found) == loaded


def loaded_by(code):
    """Modules that are there after some code has run in a new interpreter, and its seconds."""
    code = f"import sys, time; start = time.process_time(); {code}; " + (
        "print(time.process_time() - start, *sys.modules)"
    )
    seconds, *names = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    return set(names), float(seconds)


def test_planning_and_the_package_itself_load_nothing_heavy():
    heavy = {"numpy", "numba", "jax", "matplotlib", "pandas", "h5py", "scipy", "sklearn", "yaml"}
    names, _ = loaded_by("import kohorte, kohorte.study.plan, kohorte.studies.spirals.plan")
    assert not names & heavy
    names, _ = loaded_by("import kohorte")
    assert {name for name in names if is_in(name, "kohorte")} == {"kohorte"}


def test_the_core_loads_no_extra():
    parts = "kohorte.ensemble.combination, kohorte.maps.realization, kohorte.maps.resolve"
    names, _ = loaded_by(f"import kohorte.store.realizations, kohorte.store.labels, {parts}")
    assert not names & {"jax", "matplotlib", "pandas", "pyarrow", "sklearn", "tqdm", "joblib"}


def test_the_estimators_load_little_beside_scikit_learn():
    names, _ = loaded_by("from kohorte import SOM, SOMEnsemble")
    base, _ = loaded_by("import sklearn.base")
    added = {name for name in names - base if name.count(".") < 2}
    unwanted = {"numba", "jax", "equinox", "matplotlib", "pandas", "pyarrow", "h5py", "tqdm"}
    parts = ["analysis", "data", "figures", "studies", "study"]
    unwanted |= {f"kohorte.{part}" for part in parts}
    assert not added & unwanted
    assert "kohorte_benchmarks" not in names


def test_the_estimators_are_imported_in_no_more_time_than_scikit_learn_and_numba():
    def fastest(code):
        return min(loaded_by(code)[1] for _ in range(3))

    alone = fastest("import sklearn.base, numba")
    assert fastest("from kohorte import SOM") < 1.1 * alone
