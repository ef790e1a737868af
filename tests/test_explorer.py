"""The explorer: what is on its page, and what a person can do there, in a real browser."""

import base64
import json
import re
import zlib

import numpy as np
import pandas as pd
import pytest
from browser import launch, opened, serious_faults
from matplotlib.path import Path as Polygon
from planning import plain_data

from kohorte import SOM, SOMEnsemble, store
from kohorte.analysis.naming import name_groups, read_names, write_group_names
from kohorte.analysis.profiles import profile_table
from kohorte.data.table import Beside
from kohorte.errors import ConfigError, DataError
from kohorte.explorer.content import FEWEST_OF_GROUP, Files, Limits, choose_points, gather
from kohorte.explorer.page import render_explorer
from kohorte.figures.groups import consensus_colour, consensus_title, named_groups
from kohorte.figures.stability import stability_figure
from kohorte.study.groups import check_group_names, read_group_names

EVIL = "</script><script>window.hacked = 1</script>"
FEATURES = (EVIL, "girth (m)", "<b>age</b> & \u2028", "质量")
SITES = (EVIL, "süd & west")


@pytest.fixture(scope="module")
def points():
    """Points in three clouds (90, 4), with a missing value."""
    rng = np.random.default_rng(5)
    centres = np.array([[0, 0, 0, 1], [6, 0, 3, 1], [0, 6, 6, 1]])
    values = np.repeat(centres, 30, axis=0) + rng.normal(scale=0.8, size=(90, 4))
    values[7, 1] = np.nan
    return values


@pytest.fixture(scope="module")
def fitted(points):
    base = SOM(xdim=6, ydim=5, topology="hexagonal", steps=400)
    sweep = {"xdim": [6, 7], "alpha": [0.1, 0.5]}
    return SOMEnsemble(base, recipe="published", sweep=sweep, references=0, random_state=3).fit(
        points
    )


def open_files(fitted, points, folder, **changes):
    """A study of the ensemble, whose names are such as would harm a page."""
    fitted.save(folder)
    ids = np.array([f"S{k} {EVIL}" if k % 30 == 0 else f"S{k}" for k in range(90)], dtype=object)
    site = np.array(SITES, dtype=object)[np.arange(90) % 2]
    table = plain_data(
        points.astype(np.float32),
        names=FEATURES,
        beside=Beside({"id": ids}, {EVIL: site}),
        **({"truth": np.repeat(np.arange(3), 30), "class_names": (EVIL, "b", "c")} | changes),
    )
    labels = store.LabelArrays(fitted.ids_, tuple(m.labels_ for m in fitted.estimators_), ("",))
    maps = [folder / "realizations" / f"{name}.h5" for name in fitted.ids_]
    return Files("a <study>", folder / "ensemble.h5", table, labels, maps, varying=["xdim"])


@pytest.fixture(scope="module")
def files(fitted, points, tmp_path_factory):
    return open_files(fitted, points, tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def page(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    render_explorer(files, Limits()).save(path)
    return path


def facts_of(text):
    return json.loads(re.search(r'id="facts">(.*?)</script>', text, re.DOTALL)[1])


def unpack(text, name):
    """An array of the page, read by another way than its script's."""
    kind, packed = re.search(rf'id="a-{name}" data-kind="(\w+)">(.*?)</script>', text).groups()
    content = zlib.decompress(base64.b64decode(packed))
    if kind == "json":
        return json.loads(content)
    width = int(kind[1])
    planes = np.frombuffer(content, np.uint8).reshape(width, -1).T
    return np.ascontiguousarray(planes).view(f"<{kind}").ravel()


def test_the_page_holds_the_ensemble(page, files, fitted, points):
    text = page.read_text(encoding="utf-8")
    facts = facts_of(text)
    assert unpack(text, "rows").cumsum().tolist() == list(range(90))
    assert unpack(text, "group").tolist() == fitted.labels_.tolist()
    assert np.abs(unpack(text, "confidence") / 65535 - fitted.confidence_).max() < 1e-5
    assert unpack(text, "id-0") == files.table.beside.ids["id"].tolist()
    for k in range(4):
        expected = points[:, k].astype(np.float32)
        assert np.array_equal(unpack(text, f"feature-{k}"), expected, equal_nan=True)
    sizes = np.bincount(fitted.labels_, minlength=fitted.n_groups_).tolist()
    assert [group["size"] for group in facts["groups"]] == sizes
    overlaps = fitted.ensemble_.overlaps
    agreement = fitted.ensemble_.agreement([m.labels_ for m in fitted.estimators_], "equal")
    ranks = [real["rank"] for real in facts["realizations"]]
    assert sorted(ranks) == [1, 2, 3, 4]
    assert np.array_equal(np.argsort(ranks), np.argsort(-agreement, kind="stable"))
    for r, som in enumerate(fitted.estimators_):
        real = facts["realizations"][r]
        assert (real["xdim"], real["topology"]) == (som.lattice_.xdim, "hexagonal")
        cluster = real["first"] + unpack(text, f"labels-{r}").astype(int)
        assert overlaps.cluster[cluster].tolist() == som.labels_.tolist()
        assert unpack(text, f"winners-{r}").tolist() == som.winners_.tolist()
        assert unpack(text, f"hits-{r}").tolist() == som.hits_.tolist()
        counts = np.zeros((len(som.u_matrix_), fitted.n_groups_))
        np.add.at(counts, (som.winners_, fitted.labels_), 1)
        majority = unpack(text, f"majority-{r}")
        assert (majority[som.hits_ > 0] == counts.argmax(axis=1)[som.hits_ > 0]).all()
        planes = unpack(text, f"planes-{r}").reshape(4, -1).T
        assert np.allclose(planes, som.weights_, rtol=3e-4)
    assert facts["clusters"]["group"] == fitted.ensemble_.grouping.groups.tolist()


def test_the_same_page_twice_which_needs_no_network(page, files):
    text = page.read_text(encoding="utf-8")
    assert render_explorer(files, Limits()).text == text
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert text.count("<script") == text.count("</script>") == text.count("data-kind=") + 2
    assert "a &lt;study&gt;" in text
    assert EVIL not in text


def test_points_of_large_tables_are_drawn_from_each_group():
    labels = np.repeat([0, 1, 2, -1], [60_000, 30_000, 120, 9_880])
    limits = Limits(points=10_000, seed=3)
    chosen, stride = choose_points(labels, None, None, limits)
    counts = np.bincount(labels[chosen] + 1).tolist()
    assert counts == [988, 6_000, 3_000, FEWEST_OF_GROUP]
    assert stride == 1
    assert (np.diff(chosen) > 0).all()
    again = choose_points(labels, None, None, limits)[0]
    assert np.array_equal(chosen, again)
    other = choose_points(labels, None, None, Limits(points=10_000, seed=4))[0]
    assert not np.array_equal(chosen, other)
    everyone = choose_points(labels, None, None, Limits(points=100_000))[0]
    assert len(everyone) == len(labels)


def test_of_a_large_grid_every_third_cell_is_shown():
    shape = (20, 30, 40)
    rows = np.delete(np.arange(24_000), [0, 5])  # cells that the table lacks
    chosen, stride = choose_points(np.zeros(len(rows), int), shape, rows, Limits(points=1_500))
    cells = np.zeros(shape, bool)
    cells[::3, ::3, ::3] = True
    cells[0, 0, 0] = False
    assert stride == 3
    assert np.array_equal(rows[chosen], np.flatnonzero(cells))


def test_a_grid_is_shown_as_one(fitted, points, tmp_path):
    files = open_files(fitted, points, tmp_path, shape=(5, 18))
    content = gather(files, Limits())
    assert content.shape == (5, 18)
    assert content.cells.tolist() == list(range(90))
    small = gather(files, Limits(points=30))
    assert (small.shape, small.stride) == ((3, 9), 2)
    assert small.cells.tolist() == list(range(27))
    text = render_explorer(files, Limits(points=30)).text
    assert "27 of 90 points are shown: every second cell" in facts_of(text)["notes"][0]


def test_a_page_stays_within_its_limit(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6_000, 12)).astype(np.float32) + rng.integers(0, 3, (6_000, 1)) * 4
    base = SOM(xdim=8, ydim=6, steps=300)
    ensemble = SOMEnsemble(base, recipe="published", n_realizations=4, references=0, random_state=1)
    files = open_large(ensemble.fit(values), values, tmp_path)
    whole = facts_of(render_explorer(files, Limits()).text)
    assert (whole["n"], len(whole["features"]), whole["notes"]) == (6_000, 12, [])
    sizes = []
    for allowed in (200_000, 400_000):
        text = render_explorer(files, Limits(bytes=allowed)).text
        facts = facts_of(text)
        packed = sum(map(len, re.findall(r'data-kind="\w+">(.*?)</script>', text)))
        assert packed <= allowed
        sizes.append((facts["n"], len(facts["features"])))
        assert sum(group["size"] for group in facts["groups"]) == 6_000  # of all points
        told = " ".join(facts["notes"])
        assert (facts["n"] < 6_000) == ("points are shown" in told)
        assert (len(facts["features"]) < 12) == ("of 12 features are shown" in told)
        kept = sum(real["winners"] for real in facts["realizations"])
        assert (kept < 4) == ("Which node a point is in" in told)
    assert sizes[0] < sizes[1]
    assert sizes[0][1] < 12
    limited = facts_of(render_explorer(files, Limits(features=5)).text)
    assert len(limited["features"]) == 5


def open_large(ensemble, values, folder):
    ensemble.save(folder)
    labels = store.LabelArrays(ensemble.ids_, tuple(m.labels_ for m in ensemble.estimators_), ("",))
    maps = [folder / "realizations" / f"{name}.h5" for name in ensemble.ids_]
    names = tuple(f"f{k}" for k in range(values.shape[1]))
    return Files("large", folder / "ensemble.h5", plain_data(values, names=names), labels, maps)


def test_of_many_clusters_the_similarity_of_groups_is_shown(files):
    overlaps, groups = files.stored.overlaps, files.stored.clusters.consensus_group
    whole, sizes = gather(files, Limits()), overlaps.sizes
    found = gather(files, Limits(clusters=1))
    assert (len(whole.order), len(found.order)) == (overlaps.n_clusters, 0)
    count = files.stored.consensus.n_groups
    expected = [[[] for _ in range(count)] for _ in range(count)]
    for a, b in np.ndindex(overlaps.counts.shape):
        if overlaps.realization[a] != overlaps.realization[b]:
            shared = overlaps.counts[a, b]
            share = shared / (sizes[a] + sizes[b] - shared)
            expected[groups[a]][groups[b]].append(share)
            at = [int(np.flatnonzero(whole.order == k)[0]) for k in (a, b)]
            assert whole.similarity[tuple(at)] == pytest.approx(share)
    means = [[np.mean(cell) if cell else 0 for cell in row] for row in expected]
    assert np.allclose(found.similarity, means)


def test_explore_shows_what_it_is_given(fitted, points, tmp_path):
    frame = pd.DataFrame({"double": points[:, 0] * 2, "age": points[:, 2]})
    ids = [f"id {k}" for k in range(90)]
    path = tmp_path / "page.html"
    shown = fitted.explore(points, path, table=frame, ids=ids, title="mine")
    assert path.read_text(encoding="utf-8") == shown.text
    facts = facts_of(shown.text)
    assert [name for _, name in facts["features"]] == ["double", "age"]
    assert facts["planes"] == [f"feature {k}" for k in range(4)]
    assert unpack(shown.text, "feature-0").tolist()[:5] == (2 * points[:5, 0]).astype("f4").tolist()
    assert unpack(shown.text, "id-0") == ids
    assert facts["report"] is False
    frame_of_notebook = shown._repr_html_()
    assert "&lt;!DOCTYPE html&gt;" in frame_of_notebook
    assert "<script" not in frame_of_notebook
    with pytest.raises(DataError, match="ids has 3 points, but the fit had 90"):
        fitted.explore(points, ids=ids[:3])
    with pytest.raises(DataError, match="X has 80 points"):
        fitted.explore(points[:80])


def test_the_explorer_of_one_map(points, tmp_path):
    """Its clusters are the groups, the largest first, and no vote is against them."""
    som = SOM(xdim=9, ydim=7, recipe="published", steps=2000, random_state=1).fit(points)
    path = tmp_path / "page.html"
    ids = [f"id {k}" for k in range(90)]
    text = som.explore(points, path, ids=ids, title="mine").text
    assert path.read_text(encoding="utf-8") == text
    facts = facts_of(text)
    clusters, sizes = np.unique(som.labels_, return_counts=True)
    assert [group["size"] for group in facts["groups"]] == sorted(sizes.tolist(), reverse=True)
    assert len(clusters) > 1
    groups = unpack(text, "group")
    assert {tuple(pair) for pair in zip(groups.tolist(), som.labels_.tolist(), strict=True)} == {
        (k, clusters[place]) for k, place in enumerate(np.argsort(-sizes, kind="stable").tolist())
    }
    assert set(unpack(text, "confidence").tolist()) == {65535}  # all votes
    assert unpack(text, "id-0") == ids
    som.save(tmp_path / "map.h5")
    assert SOM.load(tmp_path / "map.h5").explore(points, ids=ids, title="mine").text == text
    with pytest.raises(DataError, match="X has 80 points, but the fit had 90"):
        som.explore(points[:80])
    with pytest.raises(DataError, match="learnt from a stream"):
        som.partial_fit(points).explore(points)


# ---- Names of groups


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file; save one from the explorer"),
        ("{", "is no JSON"),
        ("[1]", "holds no list of groups"),
        ('{"groups": {"0": "a"}}', "holds no list of groups"),
        ('{"groups": [{"name": "a"}]}', "group must be the number of a group, 0 or more, not None"),
        ('{"groups": [{"group": -1}]}', "not -1"),
        ('{"groups": [{"group": true}]}', "not True"),
        ('{"groups": [{"group": 0, "color": "#123456"}]}', "unknown key 'color'; known are group"),
        ('{"groups": [{"group": 0, "colour": "red"}]}', "colour must be like '#D55E00', not 'red'"),
        ('{"groups": [{"group": 0, "name": ""}]}', "name must be text of 1 to 60 characters"),
        ('{"groups": [{"group": 0, "name": "a\\nb"}]}', "on one line"),
        ('{"groups": [{"group": 0, "points": 1.5}]}', "points must be the number of points"),
        ('{"groups": [{"group": 0}, {"group": 0}]}', "group 0 is there twice"),
        (
            '{"groups": [{"group": 0, "name": "a"}, {"group": 1, "name": "a"}]}',
            "the name 'a' is there twice",
        ),
    ],
)
def test_a_file_of_names_that_cannot_be_meant_is_refused(tmp_path, content, words):
    path = tmp_path / "names.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as error:
        check_group_names(str(path))
    assert f"groups.file: {path}" in str(error.value)
    assert words in str(error.value)


def write_names(folder, *rows):
    path = folder / "names.json"
    path.write_text(json.dumps({"groups": rows}, ensure_ascii=False), encoding="utf-8")
    return path


def test_names_are_used_for_the_groups_that_they_were_given_to(files, tmp_path, caplog):
    sizes = store.count_groups(files.ensemble).tolist()
    with store.read_result(files.ensemble, "ensemble") as file:
        labels = file["points/label"][:]
    assert sizes == np.bincount(labels).tolist()
    names = write_names(
        tmp_path,
        {"group": 1, "name": "grün $x$", "colour": "#123abc", "points": sizes[1]},
        {"group": 0, "name": "old", "points": sizes[0] + 1},
        {"group": 99, "name": "gone"},
        {"group": 2, "colour": "#000000"},
    )
    groups = tmp_path / "groups.json"
    write_group_names(names, groups, ensemble=files.ensemble)
    assert "is not used for group 0 (old): it had" in caplog.text
    assert read_names(groups) == {1: "grün $x$"}
    assert read_group_names(names)[0]["name"] == "old"  # in the order of groups
    with named_groups(groups) as named:
        assert [consensus_title(k) for k in (0, 1)] == ["group 0", "grün $x$"]
        assert [consensus_colour(k) for k in range(3)] == ["#0072B2", "#123abc", "#000000"]
        assert len(named.notes) == 2
        drawn = stability_figure(*np.ones((3, 4)), groups=np.array([0, 1, 1, 0]))
        notes = facts_of(render_explorer(files, Limits(), named).text)["notes"]
    legend = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert legend[-2:] == ["group 0", "grün $x$"]
    assert "it had" in notes[0]
    assert "99" in notes[0]
    assert consensus_title(1) == "group 1"


def test_tables_have_the_names_beside_the_numbers():
    table = pd.DataFrame({"group": [0, 1, -1], "neighbour": [1, 0, 0], "p": [0.1, 0.2, 0.3]})
    table["second"] = "an id"  # of the table of agreement
    named = name_groups(table, {0: "a", 1: "b"})
    assert list(named) == ["group", "group_name", "neighbour", "neighbour_name", "p", "second"]
    assert named["group_name"].tolist() == ["a", "b", ""]
    assert named["neighbour_name"].tolist() == ["b", "a", "a"]
    assert name_groups(table, {}) is table


# ---- In a browser


@pytest.fixture(scope="module")
def browser():
    with launch("--disable-webgl", "--disable-webgl2") as found:
        yield found


@pytest.fixture
def view(browser, page):
    with opened(browser, page) as view:
        view.evaluate("kohorte.ready")
        yield view


def selected(view):
    return view.evaluate("kohorte.selected()")


def drag(view, places, key=None):
    """Drag through places of the canvas of points."""
    box = view.locator("#points-view").bounding_box()
    if key:
        view.keyboard.down(key)
    for k, (x, y) in enumerate(places):
        view.mouse.move(box["x"] + x, box["y"] + y)
        if k == 0:
            view.mouse.down()
    view.mouse.up()
    if key:
        view.keyboard.up(key)


def show(view, x, y):
    view.select_option("#x", x)
    view.select_option("#y", y)
    view.evaluate("kohorte.flush()")


def on_screen(view, places):
    return view.evaluate("(places) => places.map(([x, y]) => kohorte.place(x, y))", places)


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
class TestInABrowser:
    def test_no_name_is_taken_for_code(self, view):
        assert view.title().startswith("a <study>")
        assert view.evaluate("window.hacked") is None
        assert "</script>" in view.locator("#colour").inner_text()
        view.fill("#find", "S30")
        view.press("#find", "Enter")
        view.evaluate("kohorte.flush()")
        assert selected(view) == [30]
        assert f"S30 {EVIL}" in view.locator("#members").inner_text()
        assert EVIL in view.locator("#differs").inner_text()

    def test_a_lasso_selects_what_lies_within(self, view, points):
        show(view, "f0", "f2")
        outline = [[-2, -2], [3, -2.5], [9, 1], [8, 5], [4, 3], [1, 4.4], [-1.5, 2]]
        within = Polygon(outline).contains_points(points[:, [0, 2]])
        assert 20 < within.sum() < 70
        drag(view, on_screen(view, outline))
        assert selected(view) == np.flatnonzero(within).tolist()
        other = [[-3, 3], [2, 3], [2, 9], [-3, 9]]
        more = Polygon(other).contains_points(points[:, [0, 2]])
        drag(view, on_screen(view, other), "Shift")
        assert selected(view) == np.flatnonzero(within | more).tolist()
        drag(view, on_screen(view, outline), "Alt")
        assert selected(view) == np.flatnonzero(more & ~within).tolist()
        view.keyboard.press("Control+z")
        assert selected(view) == np.flatnonzero(within | more).tolist()
        view.keyboard.press("Escape")
        assert selected(view) == []

    def test_a_rectangle_after_zooming(self, view, points):
        show(view, "f1", "f3")
        view.locator("text=Rectangle").click()
        view.locator("#points-view").focus()
        view.keyboard.press("+")
        view.keyboard.press("ArrowLeft")
        view.evaluate("kohorte.flush()")
        corners = on_screen(view, [[-1, 0], [2, 1.5]])
        drag(view, corners)
        x, y = points[:, 1], points[:, 3]
        expected = np.flatnonzero((x > -1) & (x < 2) & (y > 0) & (y < 1.5)).tolist()
        assert selected(view) == expected
        assert 10 < len(expected) < 80
        assert 7 not in expected  # has no such value

    def test_nodes_clusters_and_groups_are_selected(self, view, fitted):
        r = view.evaluate("kohorte.state.r")
        som = fitted.estimators_[r]
        node = int(np.argmax(som.hits_))
        x, y = view.evaluate(f"[kohorte.mapView.x[{node}], kohorte.mapView.y[{node}]]")
        view.locator("#map-view").click(position={"x": x, "y": y})
        assert selected(view) == np.flatnonzero(som.winners_ == node).tolist()
        view.locator("#map-view").dblclick(position={"x": x, "y": y})
        cluster = som.node_clusters_[node]
        assert selected(view) == np.flatnonzero(som.labels_ == cluster).tolist()
        view.get_by_role("button", name="Select group 1").press("Enter")
        assert selected(view) == np.flatnonzero(fitted.labels_ == 1).tolist()
        view.locator("#map-view").focus()
        row, column = divmod(node, som.lattice_.xdim)
        for key in ["ArrowUp", *["ArrowUp"] * row, *["ArrowRight"] * column]:  # from the first node
            view.keyboard.press(key)
        assert f"column {column}, row {row}" in view.locator("#said").inner_text()
        view.keyboard.press("Enter")
        assert selected(view) == np.flatnonzero(som.winners_ == node).tolist()

    def test_the_votes_on_a_selection(self, view, fitted, points):
        chosen = np.arange(20, 50)
        view.evaluate("(rows) => kohorte.select(rows)", chosen.tolist())
        votes = view.evaluate("kohorte.votes()")
        overlaps = fitted.ensemble_.overlaps
        for r, som in enumerate(fitted.estimators_):
            found = {overlaps.cluster[p["cluster"]]: p["share"] for p in votes[r]["parts"]}
            ids, counts = np.unique(som.labels_[chosen], return_counts=True)
            assert found == pytest.approx(dict(zip(ids, counts / 30, strict=True)))
        view.evaluate("kohorte.flush()")
        rows = view.locator("#lies tbody tr").all_inner_texts()
        groups, counts = np.unique(fitted.labels_[chosen], return_counts=True)
        for row, group, count in zip(rows, groups, counts, strict=False):
            covered = count / np.count_nonzero(fitted.labels_ == group)
            shares = [f"{100 * share:.1f}".removesuffix(".0") for share in (count / 30, covered)]
            texts = [text.strip() for text in row.split("\t")]
            assert texts == [f"group {group}", "all", *(f"{share} %" for share in shares)]
        mask = np.isin(np.arange(90), chosen)
        profile = profile_table(points.astype("f4"), FEATURES, np.where(mask, 0, 1))
        expected = profile[profile["group"] == 0].set_index("feature")
        differences = view.evaluate("kohorte.differences()")
        assert len(differences) == 4
        sizes = [abs(found["effect"]) for found in differences]
        assert sizes == sorted(sizes, reverse=True)
        for found in differences:
            row = expected.loc[found["title"]]
            assert found["effect"] == pytest.approx(row["effect"], rel=1e-5)
            assert found["inside"] == pytest.approx(row[["q25", "median", "q75"]], rel=1e-5)

    def test_members_are_exported(self, view, fitted, files):
        chosen = [3, 30, 31, 60, 88]
        view.evaluate("(rows) => kohorte.select(rows)", chosen)
        with view.expect_download() as started:
            view.locator("#save").click()
        table = pd.read_csv(started.value.path())
        assert table["row"].tolist() == chosen
        assert table["id"].tolist() == files.table.beside.ids["id"][chosen].tolist()
        assert table["known class"].tolist() == [EVIL, "b", "b", "c", "c"]
        assert table["group"].tolist() == fitted.labels_[chosen].tolist()
        assert table["confidence"].tolist() == pytest.approx(fitted.confidence_[chosen], abs=1e-4)
        assert table["novelty"].tolist() == pytest.approx(fitted.novelty_[chosen], rel=1e-4)

    def test_names_are_given_saved_and_opened_again(self, view, browser, page, files, tmp_path):
        name = view.get_by_label("Name of group 1")
        name.fill("twin")
        view.get_by_label("Name of group 0").fill("twin")
        assert view.locator("#save-names").is_disabled()
        view.get_by_label("Name of group 0").fill('a "b" <c> 质')
        view.get_by_label("Colour of group 1").fill("#12ab34")
        view.evaluate("kohorte.flush()")
        assert "1 twin" in view.locator("#points-legend").inner_text()
        with view.expect_download() as started:
            view.locator("#save-names").click()
        saved = tmp_path / started.value.suggested_filename
        started.value.save_as(saved)
        assert saved.name == "groups.json"
        rows = read_group_names(saved)
        assert [row.get("name") for row in rows[:2]] == ['a "b" <c> 质', "twin"]
        assert rows[1]["colour"] == "#12AB34"
        sizes = store.count_groups(files.ensemble).tolist()
        assert [row["points"] for row in rows] == sizes
        write_group_names(saved, tmp_path / "used.json", ensemble=files.ensemble)
        with named_groups(tmp_path / "used.json") as named:
            assert named.notes == ()
            again = tmp_path / "again.html"
            render_explorer(files, Limits(), named).save(again)
        with opened(browser, again) as other:
            other.evaluate("kohorte.ready")
            assert other.get_by_label("Name of group 1").input_value() == "twin"
            assert other.get_by_label("Colour of group 1").input_value() == "#12ab34"
            assert other.evaluate("kohorte.namesFile()") == saved.read_text(encoding="utf-8")
        with opened(browser, page) as other:
            other.evaluate("kohorte.ready")
            other.locator("#open-names").set_input_files(saved)
            other.wait_for_function("kohorte.facts.groups[1].name === 'twin'")

    def test_points_are_told_of_where_the_pointer_is(self, view, fitted, points):
        show(view, "f0", "f2")
        (x, y) = on_screen(view, [points[60, [0, 2]].tolist()])[0]
        box = view.locator("#points-view").bounding_box()
        view.mouse.move(box["x"] + x, box["y"] + y)
        told = view.locator("#tip").inner_text()
        assert f"S60 {EVIL}" in told
        assert f"group {fitted.labels_[60]}, 100 % of the votes" in told
        assert "second choice" in told or fitted.second_[60] < 0
        assert "novelty" in told

    def test_what_is_shown_is_in_the_address(self, browser, page):
        with opened(browser, page, fragment="#x=f3&y=f1&colour=c0&shade=hits") as view:
            view.evaluate("kohorte.ready")
            state = view.evaluate("kohorte.state")
        assert [state[k] for k in ("x", "y", "colour", "fill")] == ["f3", "f1", "c0", "hits"]

    def test_views_are_tables_as_well_and_nobody_is_kept_out(self, view, fitted):
        view.evaluate("kohorte.select([1, 2, 40])")
        view.locator("#help").click()
        view.evaluate("kohorte.flush()")
        assert serious_faults(view) == []
        for button in view.locator(".table-button").all():
            button.click()
        view.evaluate("kohorte.flush()")
        assert serious_faults(view) == []
        votes = view.locator("#votes .sheet-view tbody tr")
        assert votes.count() == 4
        votes.nth(2).locator("button").click()
        assert view.evaluate("kohorte.facts.realizations[kohorte.state.r].rank") == 3
        assert view.locator("#map .sheet-view tbody tr").count() > 5

    def test_a_grid_is_drawn_as_a_picture(self, browser, fitted, points, tmp_path):
        files = open_files(fitted, points, tmp_path, shape=(5, 18))
        path = tmp_path / "grid.html"
        render_explorer(files, Limits()).save(path)
        with opened(browser, path) as view:
            view.evaluate("kohorte.ready")
            box = view.locator("#points-view").bounding_box()
            right, low = box["width"] / 2, box["height"] / 2
            drag(view, [[2, low], [2, 2], [right, 2], [right, low]])
            rows, columns = np.divmod(selected(view), 18)
        # The left half of the picture, above its middle: rows go upwards.
        assert set(columns) == set(range(9))
        assert set(rows) <= {2, 3, 4}
        assert {3, 4} <= set(rows)

    @pytest.mark.parametrize("groups", [1, 12])
    def test_one_group_or_twelve_keep_nobody_out(self, browser, groups, tmp_path):
        centres = 6.0 * np.stack(np.divmod(np.arange(240) % 12, 4), axis=1)
        values = centres + np.random.default_rng(2).random((240, 2))
        how = {"recipe": "published", "steps": 3000, "method": "kmeans", "random_state": 3}
        som = SOM(xdim=12, ydim=9, clusters=1 if groups == 1 else 16, **how).fit(values)
        path = tmp_path / "explorer.html"
        facts = facts_of(som.explore(values, path).text)
        count = len(facts["groups"])
        assert count == 1 if groups == 1 else count >= groups
        with opened(browser, path) as view:
            view.evaluate("kohorte.ready")
            view.get_by_role("button", name=f"Select group {count - 1}", exact=True).click()
            assert len(selected(view)) == facts["groups"][-1]["size"] > 0
            for button in view.locator(".table-button").all():
                button.click()
            view.evaluate("kohorte.flush()")
            assert serious_faults(view) == []

    def test_label_files_have_no_map(self, browser, fitted, tmp_path):
        fitted.save(tmp_path)
        labels = [np.where(np.arange(90) % 9 == 0, -1, m.labels_) for m in fitted.estimators_]
        labels = store.LabelArrays(fitted.ids_, tuple(labels), ("",), noise=-1)
        path = tmp_path / "labels.html"
        render_explorer(Files("l", tmp_path / "ensemble.h5", None, labels, []), Limits()).save(path)
        with opened(browser, path) as view:
            view.evaluate("kohorte.ready")
            view.get_by_role("button", name="Select group 0").click()
            assert selected(view) == np.flatnonzero(fitted.labels_ == 0).tolist()
            assert "4 clusterings" in view.locator("#about").inner_text()
            assert serious_faults(view) == []
