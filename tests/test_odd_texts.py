r"""Texts of users that do harm where they are shown, in a study that is run with them.

Names of features, classes, rows and samples, and the path of the table, hold scripts, markup of
pages and of reports, formulas, marks that act on terminals (\x1b) or turn the direction of text.
"""

import csv
import json
import re
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from workflow_project import TINY, Project

from kohorte import store
from kohorte._text import dump_for_script, guard_cell, unguard_cell, visible
from kohorte.data.sources import read_table

SCRIPT = "</script><script>document.documentElement.id='harm'</script>"
IMAGE = "<img src=x onerror=document.documentElement.id='harm'>"
ACTING = "a\x1b]0;harm\x07\u202egnp.exe"
HALF = "half \udcff"
FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\uff1d1"]
FEATURES = [SCRIPT, '=HYPERLINK("http://x")', "height"]
#: reStructuredText that makes a link of a path, and what a page takes for markup.
PATH = "x`` `a <javascript:alert(1)>`__ **b** ``<b>.csv"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00e4 \u05d0\u05d1 \u0627 \U0001f33f\ttab\nline", None),
        ("two\r\nlines", "two\nlines"),
        ("\x1b[2Jx\x00", r"\x1b[2Jx\x00"),
        ("a\u202eb\u2066c\u200f\u2028", r"a\u202eb\u2066c\u200f\u2028"),
        (HALF, r"half \udcff"),
        ("\x9b31m\x7f\r", r"\x9b31m\x7f\r"),
    ],
)
def test_what_acts_is_written_out(text, shown):
    assert visible(text) == (text if shown is None else shown)
    assert visible(visible(text)) == visible(text)
    visible(text).encode()


def test_cells_are_no_formulas_and_numbers_stay():
    for text in (*FORMULAS, "'=1", "''@x", "\t=1", "-", "+", "--5", "-1-2", "-0x1F", "+inf-"):
        cell = guard_cell(text)
        assert cell == f"'{text}"
        assert unguard_cell(cell) == text
    for text in ("-1", "+2.5", "-1e-5", "-.5", "-inf", "1-2", "a=b", "'a'", "", "a@b", "x+y"):
        assert guard_cell(text) == unguard_cell(text) == text


def test_tables_come_back_as_they_were(tmp_path):
    texts = [*FORMULAS, "'=1", "-1", None, "plain"]
    numbers = -np.arange(len(texts)) / 3
    table = pd.DataFrame({"=x": texts, "-n": numbers, "c": pd.Categorical(texts)})
    table["\t@d"] = pd.Series(texts, dtype="string")
    store.write_csv(table, tmp_path / "t.csv")
    cells = list(csv.reader((tmp_path / "t.csv").read_text().splitlines()))
    assert cells[0] == ["'=x", "'-n", "c", "'\t@d"]
    assert [row[0] for row in cells[1:4]] == ["'=1+1", "'+cmd|' /C calc'!A0", "'-2+3"]
    assert [row[1] for row in cells[1:]] == [str(value) for value in numbers]
    again = store.read_csv(tmp_path / "t.csv", dtype={"'=x": str})
    assert list(again.columns) == list(table.columns)
    assert again["=x"].fillna("none").tolist() == ["none" if t is None else t for t in texts]
    np.testing.assert_array_equal(again["-n"], numbers)


def test_json_in_a_page_ends_no_script():
    text = dump_for_script({"a": ["</script>", "<!--", "&"]})
    assert "<" not in text
    assert json.loads(text) == {"a": ["</script>", "<!--", "&"]}


def test_names_that_act_in_every_format(tmp_path):
    names = [ACTING, "b\x00c", HALF, "d"]
    values = np.random.default_rng(0).normal(size=(6, 4))
    shown = tuple(map(visible, names))
    np.savez(tmp_path / "t.npz", features=values, names=np.array(names), kind=["x\x1b", "y"] * 3)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, column in zip((ACTING, "d"), values.T, strict=False):
            file[name] = column
    pd.DataFrame(values[:, :2], columns=[ACTING, "d"]).to_csv(tmp_path / "t.csv", index=False)
    assert read_table(tmp_path / "t.npz").names == shown
    assert read_table(tmp_path / "t.npz", label="kind").label_names == (r"x\x1b", "y")
    assert read_table(tmp_path / "t.npz", features=["d", ACTING]).names == ("d", shown[0])
    assert read_table(tmp_path / "t.h5").names == (shown[0], "d")
    assert read_table(tmp_path / "t.csv").names == (shown[0], "d")


@pytest.fixture(scope="module")
def study(root, tmp_path_factory):
    """A study that has run with such names; gives the project and what the terminal showed."""
    rng = np.random.default_rng(1)
    config = {**TINY, "study": "odd", "lattice": {"xdim": 5, "ydim": 4}}
    config["data"] = {"source": PATH, "label": "kind", "features": FEATURES}
    config["data"] |= {"id": "name", "group": "=well", "titles": {"height": IMAGE}}
    project = Project(root, tmp_path_factory.mktemp("odd") / "study", config)
    kinds = np.repeat([IMAGE, "=1+1", ACTING], 20)
    table = pd.DataFrame(rng.normal(size=(60, 3)) + np.arange(60)[:, None] // 20 * 6)
    table.columns = FEATURES
    table["kind"], table["name"] = kinds, [f"={k}{ACTING}{IMAGE}" for k in range(60)]
    table["=well"] = np.where(np.arange(60) % 2, SCRIPT, "@well")
    table.to_csv(project.directory / PATH, index=False)
    return project, project.run(cores=2)


def test_the_terminal_shows_no_marks_that_act(study):
    project, output = study
    assert "\x1b" not in output
    assert "\u202e" not in output
    for path in [project.results / "summary.txt", *project.results.rglob("*.log")]:
        text = path.read_text(encoding="utf-8")
        assert {c for c in text if c in "\x1b\x07\u202e"} == set(), path
    assert r"\u202e" in (project.results / "tables" / "points.csv").read_text(encoding="utf-8")


def test_tables_hold_no_formulas(study):
    project, _ = study
    checked = 0
    for path in project.results.glob("tables/*.csv"):
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.reader(stream):
                for cell in row:
                    assert guard_cell(cell) == cell or cell.startswith("'"), (path.name, cell)
                    checked += cell.startswith("'")
                    assert not set("\x1b\x07\u202e") & set(cell)
    assert checked > 60


def pages(project, folder):
    """The pages of a study: kohorte's, and the report of Snakemake."""
    project.run("--report", str(folder / "snakemake.html"))
    shutil.copy(project.results / "report.html", folder / "kohorte.html")
    return [folder / "kohorte.html", folder / "snakemake.html"]


def test_pages_run_no_script_of_a_user(study, tmp_path):
    project, _ = study
    own, of_snakemake = pages(project, tmp_path)
    assert IMAGE not in own.read_text(encoding="utf-8")
    text = of_snakemake.read_text(encoding="utf-8")
    assert SCRIPT not in text
    assert "\\u003c/script>" in text
    # Snakemake leads to its own parts by such links.
    assert not re.search(r'href=\\?"javascript:(?!app\.showCategory|show_panel)', text)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium, which pages are shown in")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for path in (own, of_snakemake):
            page = browser.new_page()
            faults = []
            page.on("pageerror", lambda error, faults=faults: faults.append(str(error)))
            page.goto(path.as_uri())
            page.wait_for_timeout(500)
            if path == of_snakemake:
                page.get_by_text("Workflow", exact=False).first.wait_for()
                assert "Where to read on" in page.locator("body").inner_text()
            else:
                with page.expect_download() as saved:
                    page.locator("button.save").first.click(force=True)
                lines = saved.value.path().read_text(encoding="utf-8").splitlines()
                assert not [line for line in lines if line.startswith(("=", "@"))]
            assert page.evaluate("document.documentElement.id") == ""
            assert (
                page.locator(
                    'a[href^="javascript:"]:not([href*=":app.show"]):not([href*=":show_panel"])'
                ).count()
                == 0
            )
            assert page.locator("img[src=x]").count() == 0
            assert faults == []
        browser.close()
