"""Star catalogues, regions of the colour-magnitude diagram, and groups of stars."""

import math
import struct

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.command.checking import check_study
from kohorte.errors import ConfigError, DataError
from kohorte.studies.stars import gaia, hipparcos
from kohorte.studies.stars import regions as stars
from kohorte.studies.stars.figures import colour_magnitude_figure, star_regions_figure
from kohorte.studies.stars.gaia import parse_gaia
from kohorte.studies.stars.hipparcos import parse_hipparcos

# B-V and M in V: the Sun, Sirius A, the clump giant Kappa Oph, a red giant, a white dwarf. B-V and
# M in Hp, of the catalogue: 61 Cygni A and Lalande 21185.
KNOWN = {
    "sun": (0.65, 4.83, {"main sequence"}),
    "sirius": (0.0, 1.45, {"main sequence"}),
    "61 cygni a": (1.069, 7.66, {"main sequence"}),
    "lalande 21185": (1.502, 10.48, {"main sequence"}),
    "clump giant": (1.15, 0.95, {"giants", "red clump"}),
    "red giant": (1.54, -0.65, {"giants"}),
    "white dwarf": (-0.03, 11.3, {"white dwarfs"}),
    "subgiant": (0.75, 3.3, set()),
    "without colour": (np.nan, 3.3, set()),
    "without magnitude": (0.6, np.nan, set()),
}


def line(**fields):
    """A line of hip2.dat with some of its fields."""
    names = ("hip", "ra", "de", "plx", "pmra", "pmde", "e_plx", "hp", "bv", "e_bv", "vi")
    first = (1, 16, 30, 44, 52, 61, 84, 130, 153, 160, 166)
    last = (6, 28, 42, 50, 59, 68, 89, 136, 158, 164, 171)
    text = [" "] * 276
    values = dict.fromkeys(names, "0.0") | {"hp": "8.0", "bv": "0.5", "e_bv": "0.01"} | fields
    for name, start, end in zip(names, first, last, strict=True):
        text[start - 1 : end] = str(values[name]).rjust(end - start + 1)
    return "".join(text)


def parse(*lines):
    return parse_hipparcos(("\n".join(lines) + "\n").encode(), "hip2.dat")


def test_stars_of_the_catalogue_and_what_follows_from_them():
    found = parse(
        line(hip=7, ra=1.5, de=-0.5, plx=50.0, pmra=3.0, pmde=-4.0, e_plx=1.0, hp=9.0, bv=0.6),
        line(hip=8, plx=-2.0, pmra=30.0, e_plx=1.0),
        line(hip=9, plx=4.9, pmra=30.0, e_plx=1.0),
        line(hip=10, plx=60.0, e_plx=2.0, bv="0.000", e_bv="0.000", vi="0.00"),
        line(hip=11, plx=60.0, e_plx=2.0, bv="0.000", e_bv="0.004", vi="0.00"),
    )
    assert found["hip"].tolist() == [7, 8, 9, 10, 11]
    assert {len(column) for column in found.values()} == {5}
    assert set(hipparcos.UNITS) == {*found, "b_v_error"}
    star = {name: column[0] for name, column in found.items()}
    assert (star["right_ascension"], star["declination"]) == (1.5, -0.5)
    # At 50 mas, 20 pc, the distance modulus is 5 log10(2); 5 mas/yr there are 0.474 km/s.
    assert star["absolute_magnitude"] == pytest.approx(9.0 - 5 * math.log10(2.0))
    assert star["log_velocity"] == pytest.approx(math.log10(4.740470446 * 5 / 50))
    assert star["reduced_proper_motion"] == pytest.approx(9.0 + 5 * math.log10(0.005) + 5)
    # Negative parallax, one of less than five errors, and a proper motion of zero.
    assert np.isnan(found["absolute_magnitude"]).tolist() == [0, 1, 1, 0, 0]
    assert np.isnan(found["log_velocity"]).tolist() == [0, 1, 1, 1, 1]
    assert np.isnan(found["reduced_proper_motion"]).tolist() == [0, 0, 0, 1, 1]
    # A colour of zero is one where it has an error.
    assert np.isnan(found["b_v"]).tolist() == [0, 0, 0, 1, 0]
    assert np.isnan(found["v_i"]).tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no stars"),
        ((line() + "\n" + line()[:200] + "\n").encode(), "line 2 has 200 bytes"),
        ((line() + "\n" + line(plx="?") + "\n").encode(), "line 2: parallax is '      ?'"),
    ],
)
def test_damaged_catalogues_are_named(content, message):
    with pytest.raises(DataError, match=r"hip2\.dat: ") as error:
        parse_hipparcos(content, "hip2.dat")
    assert message in str(error.value)


def test_known_stars_lie_in_their_regions():
    b_v, magnitude = np.array([entry[:2] for entry in KNOWN.values()]).T
    found = stars.find_regions(b_v, magnitude)
    assert tuple(found) == stars.REGIONS
    for k, (name, entry) in enumerate(KNOWN.items()):
        assert {region for region, inside in found.items() if inside[k]} == entry[2], name


@given(st.floats(-0.5, 2.5), st.floats(-8, 16))
def test_regions_exclude_each_other_but_for_the_clump(b_v, magnitude):
    inside = {k: bool(v[0]) for k, v in stars.find_regions([b_v], [magnitude]).items()}
    assert sum(inside[k] for k in ("main sequence", "giants", "white dwarfs")) <= 1
    assert inside["giants"] or not inside["red clump"]


def test_the_main_sequence_ends_where_its_polynomial_does():
    assert np.isnan(stars.main_sequence([-0.21, 1.61])).all()
    powers = [0.5**k for k in range(10)]
    expected = sum(a * p for a, p in zip(stars.MAIN_SEQUENCE, powers, strict=True))
    assert stars.main_sequence(0.5) == pytest.approx(expected)


@pytest.fixture
def sky():
    """Two hundred stars in groups that nearly follow the regions, on a map of 12 nodes."""
    rng = np.random.default_rng(5)
    kinds = ["sun"] * 120 + ["clump giant"] * 50 + ["white dwarf"] * 10 + ["subgiant"] * 20
    b_v, magnitude = np.array([KNOWN[kind][:2] for kind in kinds]).T
    labels = np.repeat([0, 1, 0, 1], [120, 50, 10, 20])
    labels[:6] = 1
    winners = np.repeat([0, 4, 8, 9], [120, 50, 10, 20]) + rng.integers(0, 3, 200) % 2
    confidence = rng.random(200).astype(np.float32)
    return b_v, magnitude, labels, winners, confidence


def test_tables_of_groups_and_regions_against_plain_counts(sky):
    b_v, magnitude, labels, winners, confidence = sky
    magnitude = magnitude.copy()
    magnitude[3] = np.nan
    regions = stars.find_regions(b_v, magnitude)
    velocity = np.arange(200.0)
    columns = {"b_v": b_v, "absolute_magnitude": magnitude, "velocity": velocity}
    groups = stars.group_table(labels, columns, confidence, regions).set_index("group")
    assert tuple(groups.reset_index().columns) == stars.GROUP_COLUMNS
    for group, row in groups.iterrows():
        members = [k for k in range(200) if labels[k] == group]
        known = [magnitude[k] for k in members if not math.isnan(magnitude[k])]
        assert (row["stars"], row["with_magnitude"]) == (len(members), len(known))
        assert row["absolute_magnitude"] == pytest.approx(sum(known) / len(known))
        assert row["velocity"] == np.median(members)
        assert row["white_dwarfs"] == sum(170 <= k < 180 for k in members)
    signal = np.arange(200.0)
    maps = [
        stars.MapOfStars("a", winners, 12, labels),
        stars.MapOfStars("b", np.zeros(200, int), 1, np.arange(200) % 3),
    ]
    table = stars.region_table(labels, confidence, signal, regions, maps).set_index("region")
    anywhere = [k for k in range(200) if any(r[k] for r in regions.values())]
    for name, row in table.iterrows():
        region = np.flatnonzero(regions[name])
        jaccard = [
            len([k for k in region if labels[k] == g])
            / len({*region, *(k for k in anywhere if labels[k] == g)})
            for g in (0, 1)
        ]
        best = int(np.argmax(jaccard))
        shared = [k for k in region if labels[k] == best]
        held = [k for k in anywhere if labels[k] == best]
        assert (row["stars"], row["group"]) == (len(region), best)
        assert row["precision"] == pytest.approx(len(shared) / len(held))
        assert row["recall"] == pytest.approx(len(shared) / len(region))
        recalls, numbers = [], []
        for stars_map in maps:
            pure = []
            for node in range(stars_map.n_nodes):
                here = [k for k in anywhere if stars_map.winners[k] == node]
                mine = [k for k in here if k in set(region)]
                pure += [node] if 2 * len(mine) > len(here) else []
            recalls.append(np.isin(stars_map.winners[region], pure).mean())
            numbers.append(len(pure))
        assert row["node_recall"] == pytest.approx(np.mean(recalls))
        assert row["nodes"] == np.mean(numbers)
        of_maps = stars.map_table(maps, regions).query("region == @name")
        assert of_maps["realization"].tolist() == ["a", "b"]
        assert of_maps["node_recall"].tolist() == pytest.approx(recalls)
        assert of_maps["nodes"].tolist() == numbers
        assert of_maps["clusters"].tolist() == [2, 3]
    disjoint = [regions[n] for n in ("main sequence", "giants", "white dwarfs")]
    right = sum(max(sum(r[labels == g]) for r in disjoint) for g in (0, 1))
    expected = right / sum(r.sum() for r in disjoint)
    assert stars.purity_of_groups(labels, regions) == pytest.approx(expected)
    of_maps = stars.map_table(maps, regions)
    assert of_maps["purity"][0] == pytest.approx(expected)
    assert of_maps["purity"].iloc[-1] == stars.purity_of_groups(maps[1].labels, regions)


def test_a_region_without_stars_is_said_to_be_empty(sky):
    b_v, magnitude, labels, winners, confidence = sky
    some = b_v > 0
    regions = stars.find_regions(b_v[some], magnitude[some])
    maps = [stars.MapOfStars("a", winners[some], 12, labels[some])]
    table = stars.region_table(labels[some], confidence[some], confidence[some], regions, maps)
    empty = table.set_index("region").loc["white dwarfs"]
    assert empty["stars"] == 0
    assert pd.isna(empty["precision"])


@pytest.mark.parametrize("n_groups", [1, 5, 30])
def test_colour_magnitude_figure_is_readable(n_groups):
    rng = np.random.default_rng(1)
    b_v, magnitude = rng.normal(0.7, 0.4, 300), rng.normal(4, 3, 300)
    b_v[0] = magnitude[1] = np.nan
    known = {"labels": np.arange(300) % n_groups, "signal": 10.0 ** rng.uniform(0, 4, 300)}
    known["confidence"] = rng.uniform(0.4, 1, 300)
    figure = colour_magnitude_figure(b_v, magnitude, **known)
    assert not page.text_faults(figure)
    text = page.texts(figure)
    assert "2 stars without colour or magnitude not shown" in text
    assert {text.get_text() for text in figure.axes[0].texts} == {*stars.REGIONS, "Consensus"}
    low, high = figure.axes[0].get_ylim()
    assert low > high  # bright stars on top


def test_a_diagram_needs_stars_with_colour_and_magnitude():
    nothing = np.array([np.nan, 0.5]), np.array([1.0, np.nan])
    with pytest.raises(ConfigError, match="no star has both"):
        colour_magnitude_figure(
            *nothing, labels=np.zeros(2, int), signal=np.ones(2), confidence=np.ones(2)
        )


@pytest.mark.parametrize("n_groups", [1, 4, 14])
def test_star_regions_figure_is_readable(n_groups):
    shares = np.random.default_rng(0).dirichlet(np.ones(n_groups), 4)
    shares[0] = np.eye(n_groups)[0]
    figure = star_regions_figure(shares, range(n_groups), stars.REGIONS, [44571, 8041, 6258, 16])
    assert not page.text_faults(figure)
    assert "white dwarfs (16)" in page.texts(figure)
    assert "100" in page.texts(figure)


def gaia_file(*stars, n=None, magic=b"GDR3", version=1):
    """The file of Gaia's stars: identifier, right ascension and declination (deg), G, BP, RP."""
    head = struct.pack("<4sIQ", magic, version, len(stars) if n is None else n)
    return head + b"".join(struct.pack("<qddfff", *star) for star in stars)


def test_stars_of_gaia_and_what_follows_from_them():
    crab, pole, centre = (83.6331, 22.0145), (192.85948, 27.12825), (266.40499, -28.93617)
    first = (6917521541514093000, *crab, 9.0, 9.5, 8.25)
    others = (-677, *pole, 2.0, 0.0, 0.0), (5, *centre, 9.5, 11.0, 8.0)
    catalogue, identifiers = parse_gaia(gaia_file(first, *others), "gaia.bin")
    assert identifiers.dtype == np.int64
    assert identifiers.tolist() == [6917521541514093000, -677, 5]
    assert {len(column) for column in catalogue.values()} == {3}
    assert set(gaia.UNITS) == set(catalogue)
    longitude, latitude = (np.rad2deg(catalogue[n]) for n in ("longitude", "latitude"))
    # The Crab nebula's place is in every catalogue.
    assert (longitude[0], latitude[0]) == pytest.approx((184.5574, -5.7844), abs=2e-4)
    assert latitude[1] == pytest.approx(90, abs=1e-4)
    assert latitude[2] == pytest.approx(0, abs=1e-4)
    assert min(longitude[2], 360 - longitude[2]) == pytest.approx(0, abs=1e-4)
    assert catalogue["declination"][0] == pytest.approx(math.radians(22.0145))
    assert catalogue["bp_rp"][[0, 2]].tolist() == [1.25, 3.0]
    assert catalogue["g_rp"][[0, 2]].tolist() == [0.75, 1.5]
    assert catalogue["g"].tolist() == [9.0, 2.0, 9.5]
    # A magnitude of zero is none.
    assert np.isnan(catalogue["bp_rp"]).tolist() == [False, True, False]


@given(st.floats(0, 2 * math.pi), st.floats(-math.pi / 2, math.pi / 2))
def test_galactic_places_are_a_rotation_of_the_sky(right_ascension, declination):
    places = [(right_ascension, declination), (1.0, 0.5)]
    stars_here = [(k, *np.rad2deg(place), 9, 9, 8) for k, place in enumerate(places)]
    catalogue, _ = parse_gaia(gaia_file(*stars_here), "gaia.bin")

    def vectors(along, across):
        a, b = catalogue[along], catalogue[across]
        return np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])

    before, after = vectors("right_ascension", "declination"), vectors("longitude", "latitude")
    assert after[:, 0] @ after[:, 1] == pytest.approx(before[:, 0] @ before[:, 1], abs=1e-9)
    assert (catalogue["longitude"] >= 0).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GDR3", "has 4 bytes, and no head of 16"),
        (gaia_file((1, 0, 0, 9, 9, 8), magic=b"GDR4"), "begins with 'GDR4', version 1"),
        (gaia_file((1, 0, 0, 9, 9, 8), version=2), "begins with 'GDR3', version 2"),
        (gaia_file((1, 0, 0, 9, 9, 8), n=2), "has 52 bytes, but the 2 stars of its head take 88"),
        (gaia_file(), "has 16 bytes, but the 0 stars"),
    ],
)
def test_damaged_files_of_gaia_are_named(content, message):
    with pytest.raises(DataError, match=r"gaia\.bin: ") as error:
        parse_gaia(content, "gaia.bin")
    assert message in str(error.value)


def test_tables_of_no_stars_are_refused_before_any_map(tmp_path):
    def faults(names):
        rows = np.random.default_rng(1).normal(size=(40, 2))
        np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header=names, comments="")
        study = {"study": "a", "recipe": "published", "data": {"source": str(tmp_path / "t.csv")}}
        return check_study(study | {"figures": {"extra": ["colour_magnitude"]}}).faults

    assert faults("b_v,absolute_magnitude") == []
    (fault,) = faults("b_v,magnitude")
    assert fault.endswith("it shows the feature absolute_magnitude, but the table has none")
