"""The page of a study: what is on it, whatever features, samples and points are called."""

import html
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import jinja2
import numpy as np
import pandas as pd
import pytest
import yaml
from browser import launch, opened, serious_faults
from docutils.core import publish_parts
from planning import plain_data

from kohorte import store
from kohorte.analysis import tables
from kohorte.analysis.boundaries import boundary_table
from kohorte.analysis.composition import composition_table
from kohorte.analysis.exchange import exchange_table
from kohorte.analysis.profiles import profile_study
from kohorte.analysis.sufficiency import sufficiency_table
from kohorte.data.table import Beside
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.report import page, parts
from kohorte.report.facts import find_members, plain, read_facts
from kohorte.report.words import verdict
from kohorte.structure import Compared, Structure

NAMES = ("</script><script>alert(1)</script>", "cost ($) & <b>", "质量 (kg)", "e\"quote'")
SIZES = [30, 20, 10]
IDS = [f"maps/{k} & <i>" for k in range(5)]


def write_study(folder, *, groups=None, with_table=True, sizes=SIZES, **changes):
    """The files that a page is made from, of three groups; returns the arguments of read_facts."""
    rng = np.random.default_rng(4)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.normal(size=(len(sizes), 4)) * 8
    features = (centres[truth] + rng.normal(size=(60, 4))).astype(np.float32)
    features[0] += 40  # foreign
    labels = [
        np.where(rng.random(60) < 0.03 * k, (truth + 1) % len(sizes), truth) for k in range(5)
    ]
    labels[1][:3] = labels[2][:3] = labels[3][:3] = 1  # in doubt
    found = combine(count_overlaps(labels), groups=groups or "auto", consensus="jaccard")
    novelty = np.where(np.arange(60) == 0, 9.0, 1.0) + rng.random(60) / 10
    options = {"votes": "equal", "identical": "resolved"}
    how = {"ids": IDS, "options": options, "novelty": novelty}
    store.write_ensemble(folder / "ensemble.h5", found, labels, **how, **changes)
    table = None
    if with_table:
        ids = np.array([f"S<{k}>" for k in range(60)], dtype=object)
        site = np.array(["<north>", "süd & west"], dtype=object)[truth % 2]
        table = plain_data(
            features, names=NAMES, units=("m", "", "", "s"), beside=Beside({"id": ids}, {"s": site})
        )
        store.write_data(folder / "data.h5", table)
    ensemble = store.read_ensemble(folder / "ensemble.h5", points=True)
    points, count = ensemble.points, ensemble.consensus.n_groups
    grouping = found.grouping.groups
    shares = points.confidence, points.second_share
    made = {
        "groups": tables.group_table(found.overlaps, grouping, points.label, *shares),
        "group_features": profile_study(table, points.label, count),
        "exchange": exchange_table(points.label, points.second, *shares),
        "boundaries": boundary_table(found.overlaps, grouping, points.label, None, seed=1),
        "realizations": pd.DataFrame({"id": IDS, "n_clusters": 3, "seconds": rng.random(5)}),
        "sufficiency": sufficiency_table(labels, found.overlaps, seed=1, subsets=5),
        "evidence": tables.evidence_table(None),
        "long": pd.DataFrame({"number": np.arange(250) / 7, "text": ['a,"b"\n<c>'] * 250}),
    }
    if table is not None:
        groups_of = table.beside.groups
        made["composition"] = composition_table(groups_of, points.label, count)
    (folder / "tables").mkdir()
    for name, content in made.items():
        store.write_csv(content, folder / "tables" / f"{name}.csv")
    return {
        "ensemble": folder / "ensemble.h5",
        "data": folder / "data.h5" if with_table else None,
        "tables": [folder / "tables" / f"{name}.csv" for name in made],
        "has_maps": with_table,
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return folder, write_study(folder)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    from PIL import Image

    path = tmp_path_factory.mktemp("figures") / "profiles.png"
    Image.new("RGB", (40, 30), "red").save(path)
    return path


def write_page(folder, made, picture, **changes):
    question = "What are the groups & what <not>?"
    figure = {"name": "profiles", "question": question, "section": "1 Result", "file": picture}
    arguments = {
        "study": "a <study> & more",
        "figures": [figure, figure | {"name": "own", "section": "Grid"}],
        "captions": {"figures/profiles": "See ``a < b`` and **this**.", "tables/groups": "All."},
        "settings": {"training.steps": [1, 2], "data.label": "<kind>"},
        "provenance": [("study", "seed", "7"), ("configuration", "data.x", "kept out")],
    }
    page.write_report(folder / "report.html", **made, **(arguments | changes))
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(study, picture):
    return write_page(*study, picture)


class _Page(HTMLParser):
    """Elements and text of a page; every element must be closed in its order."""

    EMPTY = ("meta", "img", "link", "br", "input")

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.said = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] not in ("style", "script"):
            self.said.append(text)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def _spaced(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_page_answers_what_is_asked_first(text):
    said = " ".join(_Page(text).said)
    for question in ("Are there groups at all?", "How many groups?", "How sure", "Do the maps"):
        assert question in said
    assert "5 maps together divide the 60 points into 3 groups." in said
    assert "3 groups" in said
    assert "1 point (1.7\N{NO-BREAK SPACE}%) looks foreign" in said
    assert "60 rows with 4 features were used." in said
    assert "farther from the maps than is usual (novelty above" in said
    assert re.search(r"\(novelty above [0-9.]+\): S<0>\.", said)
    assert re.search(r"The least certain first: S<[012]>", said)


def test_the_verdict_says_which_groups_are_apart_and_by_which_features(study, tmp_path):
    made = dict(study[1])
    rows = [(0, 1, 30, 20, 0.0, 0.0004), (1, 2, 20, 10, 0.6, 0.61), (0, 2, 30, 10, 0.1, np.nan)]
    columns = ["group", "neighbour", "points", "neighbour_points", "lift", "p_gap"]
    found = {}
    for kept in ([0], [1], [0, 1, 2], []):
        boundaries = pd.DataFrame([rows[k] for k in kept], columns=columns)
        store.write_csv(boundaries, tmp_path / "boundaries.csv")
        made["tables"] = [
            *(path for path in study[1]["tables"] if path.stem != "boundaries"),
            tmp_path / "boundaries.csv",
        ]
        facts = read_facts("a", **made)
        found[tuple(kept)] = {f.question: f for f in verdict(facts)}
    question = "Are neighbouring groups apart?"
    assert question not in found[()]
    assert found[0,][question].answer == "Yes, all"
    assert found[1,][question].answer == "None is shown to be"
    some = found[0, 1, 2][question]
    assert some.answer == "Not all"
    assert "A gap is shown between the groups 0 and 1 (p < 0.001)." in _spaced(some.evidence)
    assert "None is shown between 1 and 2 (p = 0.61)." in _spaced(some.evidence)
    profiles = facts.profiles
    mean = {}
    for name in NAMES:
        own = profiles[profiles["feature"] == name]
        mean[name] = np.average(own["telling"], weights=own["n"])
    best = sorted(NAMES, key=lambda name: -mean[name])[:2]
    answer = found[()]["Which features tell them apart?"]
    assert answer.answer == " and ".join(best)
    assert answer.evidence.startswith("Group 0: ")


def test_cards_have_features_members_and_samples(text, study):
    cards = re.findall(r"<article.*?</article>", text, flags=re.DOTALL)
    groups = pd.read_csv(study[0] / "tables" / "groups.csv")
    assert len(cards) == 3
    for card, points in zip(cards, groups["points"], strict=True):
        said = " ".join(_Page(card).said)
        assert f"{points} point" in said
        assert all(name in said for name in NAMES)
        assert "Most typical" in said
        assert "S<" in said
        assert "<north>" in said or "süd & west" in said
        assert said.count(" sd") >= 4
    foreign = [card for card in cards if "Foreign" in card]
    assert len(foreign) == 1
    assert "S&lt;0&gt;" in foreign[0].split("Foreign")[1]


def test_members_are_those_of_the_group(study):
    facts = read_facts("a", **study[1])
    points, members = facts.ensemble.points, find_members(facts)
    for group, found in enumerate(members):
        chosen = [*found.typical, *found.doubtful, *found.foreign]
        assert (points.label[chosen] == group).all()
        assert (
            points.confidence[list(found.typical)] == points.confidence[points.label == group].max()
        ).all()
        assert not set(found.typical) & set(found.doubtful)
    assert sum(len(found.doubtful) for found in members) >= 3
    assert [found.foreign for found in members if found.foreign] == [[0]]


def test_whatever_names_hold_is_text(text):
    parsed = _Page(text)
    assert len(parsed.all("script")) == 1
    assert parsed.all("b") == parsed.all("i") == []
    assert "<b>" not in text
    said = " ".join(parsed.said)
    assert "a <study> & more" in said
    assert "What are the groups & what <not>?" in said
    assert "a < b" in said


def test_the_page_needs_nothing_else(text):
    parsed = _Page(text)
    assert not re.search(r"(src|href)=\"(?:https?:)?//", text)
    assert parsed.all("link") == []
    assert all(image["src"].startswith("data:image/png;base64,") for image in parsed.all("img"))
    assert any("default-src 'none'" in meta.get("content", "") for meta in parsed.all("meta"))
    assert "@import" not in text
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in parsed.all("a"):
        target = link["href"]
        assert target[1:] in ids if target.startswith("#") else not target.startswith("/")


def test_pictures_have_words_and_headings_no_gaps(text):
    parsed = _Page(text)
    assert all(image["alt"].startswith("Figure ") for image in parsed.all("img"))
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert all(attributes.get("scope") for attributes in parsed.all("th"))
    assert parsed.all("html") == [{"lang": "en"}]
    order = [text.index(f'id="{name}"') for name in ("result", "groups", "figure-profiles")]
    order += [text.index(f'id="{name}"') for name in ("figure-own", "tables", "settings", "cite")]
    assert order == sorted(order)


def test_tables_are_cut_and_keep_all_digits(text):
    sheet = re.search(r'<table class="sheet" id="sheet-long">.*?</table>', text, flags=re.DOTALL)[0]
    assert sheet.count("<tr>") == 1 + page.MOST_ROWS
    assert "The first 100 of 250 rows" in text
    assert f'data-v="{1 / 7}"' in sheet
    assert ">0.1429<" in sheet
    assert "seconds" not in re.search(r'id="sheet-realizations".*?</table>', text, re.DOTALL)[0]
    assert 'id="sheet-evidence"' not in text  # without rows


def test_settings_provenance_and_references(text, root):
    said = html.unescape(text)
    assert "training.steps" in said
    assert '"<kind>"' in said
    assert "kept out" not in said
    cited = yaml.safe_load((root / "CITATION.cff").read_text())
    assert f"version = {{{cited['version']}}}" in said
    dois = re.findall(r"doi = \{(.*?)\}", said)
    known = {entry["doi"]: entry for entry in cited["references"]}
    assert len(dois) == 2
    assert all(known[doi]["year"] for doi in dois)


def test_equal_studies_have_equal_pages(text, picture, tmp_path):
    # Times of training, which differ from run to run, are not on the page.
    made = write_study(tmp_path)
    path = tmp_path / "tables" / "realizations.csv"
    pd.read_csv(path).assign(seconds=123.0).to_csv(path, index=False)
    assert write_page(tmp_path, made, picture) == text


def test_labels_without_a_table(tmp_path, picture):
    made = write_study(tmp_path, with_table=False)
    text = write_page(tmp_path, made, picture)
    said = " ".join(_Page(text).said)
    assert "5 clusterings together divide the 60 points into 3 groups." in said
    assert "only maps can be tested" in said
    assert "Most typical" not in said
    assert "row 0" in said


def test_one_group_and_a_test(tmp_path, picture):
    made = write_study(tmp_path, groups=1, p_structure=0.4)
    findings = {f.question: f for f in verdict(read_facts("a", **made))}
    assert findings["Are there groups at all?"].answer == "Not shown"
    assert "p = 0.4" in _spaced(findings["Are there groups at all?"].evidence)
    assert findings["How many groups?"].answer == "1 group"
    # One group has no border, and nothing to be told from.
    assert findings["How sure is the group of a point?"].answer == "One group only"
    assert findings["Do the maps agree?"].answer == "One group only"
    assert not {"Are neighbouring groups apart?", "Which features tell them apart?"} & set(findings)
    text = write_page(tmp_path, made, picture)
    assert "The 60 points form one group." in " ".join(_Page(text).said)


@pytest.mark.parametrize(("level", "answer"), [(0.05, "Not shown"), (0.1, "Yes")])
def test_whether_there_are_groups_follows_the_level_of_the_study(tmp_path, picture, level, answer):
    made = write_study(tmp_path, p_structure=0.08)
    findings = {f.question: f for f in verdict(read_facts("a", **made, level=level))}
    assert findings["Are there groups at all?"].answer == answer
    said = " ".join(_Page(write_page(tmp_path, made, picture, level=level)).said)
    assert ("more structure than chance" in said) == (answer == "Yes")


@pytest.mark.parametrize(
    ("contact", "said"),
    [
        (
            0.2272,
            ". So does little contact: cut into 2 to 12 groups, neighbours touch 0.23 times as "
            "much as by chance, where 0.38 is usual.",
        ),
        (math.nan, "."),
    ],
)
def test_what_speaks_for_groups_stands_beside_what_is_usual(tmp_path, contact, said):
    made = write_study(tmp_path, p_structure=0.0002)
    compared = Compared(0.0002, 4.968, 1.081, contact, 0.3752)
    structure = Structure(compared, {2: compared}, 20, {}, {}, np.arange(0), {})
    store.write_csv(tables.structure_table(structure), tmp_path / "tables" / "structure.csv")
    made["tables"].append(tmp_path / "tables" / "structure.csv")
    findings = {f.question: f for f in verdict(read_facts("a", **made))}
    evidence = _spaced(findings["Are there groups at all?"].evidence)
    assert evidence.endswith(
        f"p < 0.001. A high score speaks for groups: it is 4.97, where 1.08 is usual{said}"
    )


def test_large_pictures_are_made_narrower():
    from PIL import Image

    def encode(size):
        noise = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, "PNG")
        return buffer.getvalue()

    small = encode((300, 200))
    assert page.fit_picture(small) == (small, 300, 200, 1.0)
    content, width, height, inches = page.fit_picture(encode((3000, 100)))
    assert (width, height, inches) == (1500, 50, 10.0)
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (1500, 50)


def test_pictures_are_as_wide_as_in_print_and_link_the_files_that_there_are(study, tmp_path):
    from PIL import Image

    file = tmp_path / "profiles.png"
    for dpi in (300, 600):
        Image.new("RGB", (5 * dpi, 30), "red").save(file, dpi=(dpi, dpi))
        text = write_page(tmp_path, study[1], file)
        assert 'style="width: 71.5ch"' in text
        assert 'href="figures/profiles.png">PNG</a></span>' in text
        assert 'href="figures/profiles.pdf">' not in text
    file.with_suffix(".svg").touch()
    assert 'profiles.svg">SVG</a></span>' in write_page(tmp_path, study[1], file)


def test_markers_are_whole_pictures(study):
    from kohorte.report.cards import make_cards

    for card in make_cards(read_facts("a", **study[1])):
        picture = ElementTree.fromstring(page.draw_marker(card))
        assert picture.attrib["fill"] == card.colour


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((1, "1"), (123456, "123,456"), (0.123456, "0.1235"), (np.nan, ""), (None, "")),
        *((12345.6, "12,346"), (1e-9, "1e−09"), (-2.5, "−2.5"), (np.inf, "∞"), (True, "yes")),
        *((3.0, "3"), (np.float32(0.5), "0.5"), ("a<b", "a<b")),
    ],
)
def test_numbers_are_written_for_readers(value, shown):
    assert plain(value) == shown


def test_captions_are_escaped():
    assert page.read_caption("A ``x<1``\nand **b** & <i>") == (
        "A <code>x&lt;1</code> and <strong>b</strong> &amp; &lt;i&gt;"
    )


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_the_page_keeps_nobody_out_and_asks_for_nothing(picture, tmp_path):
    with launch() as browser:
        for groups, sizes in ((1, SIZES), (12, [5] * 12)):
            folder = tmp_path / str(groups)
            folder.mkdir()
            write_page(folder, write_study(folder, groups=groups, sizes=sizes), picture)
            with opened(browser, folder / "report.html") as view:
                assert view.locator("article").count() == groups
                for part in view.locator("details:not(#table-long)").all():
                    part.evaluate("(part) => { part.open = true; }")
                assert serious_faults(view) == []


def test_groups_have_their_names(study, picture, tmp_path):
    named = tmp_path / "groups.json"
    rows = [{"group": 1, "name": "grün <b>", "colour": "#123ABC"}]
    named.write_text(json.dumps({"groups": rows, "notes": ["group 9: gone"]}), encoding="utf-8")
    text = write_page(*study, picture, names=named)
    assert "Group 1: grün &lt;b&gt;" in text
    assert "--group: #123ABC" in text
    assert "Group 0 <span" in text
    assert "not used, since they were saved for other groups: group 9: gone" in text
    assert "grün" not in write_page(*study, picture)


def test_words_of_a_study_are_no_template_of_snakemake(study):
    _, made = study
    facts = read_facts("x", **made)
    strange = replace(facts, study="{{ 7 * 7 }} *of* `mine`_ | {% raw %}")
    template = parts.render_overview(strange, ["1 Result", "6 Tables"])
    text = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(template).render()
    assert text.startswith("Study {{ 7 \\* 7 }}")
    assert "49" not in text.split("\n")[0]
    for finding in verdict(facts):
        assert finding.question.replace("?", "") in text
    links = "\n\n.. _1 Result: x\n.. _6 Tables: y\n.. _Workflow: z\n.. _Statistics: z\n"
    settings = {"report_level": 2, "halt_level": 2, "warning_stream": False}
    html = publish_parts(text + links, writer="html", settings_overrides=settings)["html_body"]
    assert 'href="y"' in html
    assert "{{ 7 * 7 }} *of* `mine`_ | {% raw %}" in html
    assert "3 Parameters" not in html  # which the report does not have


def test_tables_are_pages_of_their_own(study, tmp_path):
    _, made = study
    facts = read_facts("a <study>", **made)
    rows = [("topic", "<name>", "value")]
    names = ["groups", "long", "configuration", "provenance"]
    parts.write_parts(
        facts,
        overview=tmp_path / "o.rst",
        sheets={name: tmp_path / f"{name}.html" for name in names},
        sections=["1 Result"],
        captions={"tables/groups": "All ``groups``."},
        settings={"data.label": "<kind>"},
        provenance=rows,
    )
    pages = {name: (tmp_path / f"{name}.html").read_text(encoding="utf-8") for name in names}
    for text in pages.values():
        _Page(text)
        assert "http" not in text
    assert "<code>groups</code>" in pages["groups"]
    assert pages["groups"].count("<tr>") == 1 + len(facts.tables["groups"])
    assert "The first 100 of 250 rows" in pages["long"]
    assert "&lt;kind&gt;" in pages["configuration"]
    assert "&lt;name&gt;" in pages["provenance"]
