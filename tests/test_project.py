"""What the files of the project promise to each other."""

import re
import tomllib
import types

import jinja2
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

from kohorte import __version__, provenance
from kohorte.provenance import digest_of, library_digest


def locked(root):
    text = (root / "envs" / "requirements.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


def direct(root):
    lines = (root / "envs" / "requirements.in").read_text().splitlines()
    return {Requirement(line).name for line in lines if line.strip() and not line.startswith("#")}


def test_lock_covers_the_direct_dependencies_with_hashes_and_no_hosts(root):
    text = (root / "envs" / "requirements.txt").read_text()
    assert direct(root) <= set(locked(root))
    entries = re.split(r"\n(?=[a-z0-9-]+==)", text)[1:]
    assert len(entries) == len(locked(root))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "http" not in text
    assert "index" not in re.sub(r"^#.*$", "", text, flags=re.MULTILINE)


@pytest.mark.xdist_group("together")
def test_grouped_tests_stay_together_when_tests_are_spread(request):
    """Else each process would make the fixtures of a module again, and start a Slurm of its own."""
    spread = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@together") == spread


def test_conda_environment_is_equal_to_the_lock(root):
    environment = yaml.safe_load((root / "envs" / "kohorte.yaml").read_text())
    pins = dict(item.split("=") for item in environment["dependencies"] if "=" in item)
    assert pins.pop("python") == "3.11"
    for name, there in (("matplotlib", "matplotlib-base"), ("playwright", "playwright-python")):
        pins[name] = pins.pop(there)
    assert pins == {name: locked(root)[name] for name in direct(root)}


def test_dependencies_of_the_package_and_of_its_extras_are_locked(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    extras = project["optional-dependencies"]
    found = [Requirement(text) for text in sum(extras.values(), project["dependencies"])]
    for requirement in found:
        if requirement.name == "kohorte":
            assert requirement.extras <= set(extras)
        else:
            assert requirement.specifier.contains(locked(root)[requirement.name])
            assert requirement.name in direct(root)
    assert all(Requirement(text).name == "kohorte" for text in extras["all"])


def test_scripts_are_thin(root):
    """What they compute is in the library, for who has no workflow; those of figures draw."""
    rules = "".join(p.read_text() for p in (root / "workflow" / "rules").glob("*.smk"))
    scripts = set(re.findall(r"scripts/(\w+\.py)", rules))
    assert len(scripts) > 10
    for path in (root / "scripts").glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 80, path
        if path.name in scripts and not path.name.startswith("plot_"):
            assert "def " not in text, path


def test_library_digest_follows_the_source(tmp_path, monkeypatch):
    package = tmp_path / "kohorte"
    (package / "maps").mkdir(parents=True)
    (package / "maps" / "a.py").write_text("x = 1\n")
    (package / "other.py").write_text("y = 1\n")
    monkeypatch.setattr(provenance.kohorte, "__file__", str(package / "__init__.py"))

    def digest(*parts):
        library_digest.cache_clear()
        return library_digest(*parts)

    before = digest("maps"), digest("other")
    (package / "maps" / "a.py").write_bytes(b"x = 1\r\n")
    assert digest("maps") == before[0]
    (package / "maps" / "a.py").write_text("x = 2\n")
    assert digest("maps") != before[0]
    assert digest("other") == before[1]
    library_digest.cache_clear()


def test_the_digest_of_a_function_follows_what_it_uses_of_its_module(tmp_path, monkeypatch):
    (tmp_path / "kohorte").mkdir()
    module = tmp_path / "kohorte" / "steps.py"
    monkeypatch.setattr(provenance.kohorte, "__file__", str(tmp_path / "kohorte" / "__init__.py"))

    def digest(function, old="", new=""):
        library_digest.cache_clear()
        source = (
            "import os\nfrom functools import cache\n\nSIZE, UNIT = 3, 'm'\n\n\n"
            "def one():\n    return helper()\n\n\n@cache\ndef helper():\n    return SIZE\n\n\n"
            "def two():\n    return os.sep\n"
        )
        assert old in source
        module.write_text(source.replace(old, new))
        return library_digest(f"kohorte.steps:{function}")

    edits = [("3", "4"), ("return helper()", "return 1"), ("@cache\n", ""), ("SIZE\n", "1\n")]
    for old, new in edits:
        assert digest("one", old, new) != digest("one")
        assert digest("two", old, new) == digest("two")
    assert digest("two", "os.sep", "os.name") != digest("two")
    assert digest("one", "os.sep", "os.name") == digest("one")
    with pytest.raises(KeyError):
        digest("three")
    library_digest.cache_clear()


def test_digest_tells_values_types_and_shapes_apart():
    array = np.arange(6, dtype=np.int32)
    variants = [array, array.astype(np.int64), array.reshape(2, 3), array[::-1].copy(), array + 1]
    assert len({digest_of(a) for a in variants}) == len(variants)
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of("a", "b") != digest_of("b", "a")


def test_digest_is_that_of_the_numbers_in_any_layout():
    table = np.arange(12).reshape(3, 4)
    for view in (table.T, table[:, :2], table[::-1]):
        assert digest_of(view) == digest_of(view.copy(order="C"))
    assert digest_of(table[:0]) != digest_of(table[:, :0])


def test_links_of_the_documentation_lead_somewhere(root):
    pages = [*root.glob("*.md"), *root.glob("config/*.md"), *(root / "docs").rglob("*.md")]
    assert len(pages) > 10
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), (page.name, target)


def test_documented_commands_of_snakemake_say_how_many_cores(root):
    """Without, Snakemake stops at once, except where it runs nothing."""
    files = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "src").rglob("*.py")]
    files += [*(root / "config").glob("*.yaml"), *(root / "workflow").rglob("*.yaml")]
    shown = re.compile(r"(?:`|^[# ]* {4})(snakemake \S.*)", re.M)
    commands = [(f.name, command) for f in files for command in shown.findall(f.read_text())]
    assert len(commands) > 30
    right = r"snakemake (--cores (\d|all)|--profile (slurm|local)|-n|--(report|lint|unlock))\b"
    assert [pair for pair in commands if not re.match(right, pair[1])] == []


def test_documented_paths_exist(root):
    pages = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    shown = re.compile(r"`((?:src|tests|config|workflow|scripts|envs|docs)/[^`\s<>{}*#]*)[#`]")
    named = [(page.name, path) for page in pages for path in shown.findall(page.read_text())]
    assert len(named) > 50
    there = [
        pair for pair in named if (root / pair[1]).exists() or (root / f"{pair[1]}.py").exists()
    ]
    assert set(named) - set(there) == set()


@pytest.mark.parametrize(
    ("source", "labels", "expected"),
    [
        ("a.csv", None, 'self-organizing maps of the table "a.csv", {}. Every map'),
        (None, ["b.npy"], "given labels, {}. Every file of labels is one realization."),
    ],
)
def test_the_report_tells_maps_from_given_labels(root, source, labels, expected):
    as_snakemake_does = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    text = (root / "workflow" / "report" / "workflow.rst").read_text()
    template = as_snakemake_does.from_string(text)
    config = {"study": "a", "data": {"source": source}, "realizations": {"labels": labels}}
    text = template.render(snakemake=types.SimpleNamespace(config=config))
    shown = re.sub(r"\\(.)", r"\1", " ".join(text.split()))  # as reStructuredText shows it
    assert expected.format("made with kohorte") in shown
