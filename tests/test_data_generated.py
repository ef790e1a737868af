"""Generated tables: sizes, groups and gaps, distributions, options, and their way into a study."""

import numpy as np
import pytest
import yaml
from oracles_figures import drawn_texts, text_faults
from scipy.spatial import cKDTree
from scipy.stats import kstest, multivariate_normal, t

from kohorte.data.generated import GENERATED_SETS, OPTIONS, generate
from kohorte.data.prepared import prepare_data
from kohorte.data.sources import read_table
from kohorte.errors import ConfigError, DataError
from kohorte.figures.generated import draw_tables
from kohorte.study.config import check_config

RANDOM = [name for name, table in GENERATED_SETS.items() if table.shares]
GROUPED = [name for name in RANDOM if len(GENERATED_SETS[name].groups) > 1]
ALONE = [name for name in RANDOM if name not in GROUPED]

# The smallest distance of two groups, by hand from the shapes.
GAPS = {
    "linked_rings": 1 - 2 * 0.2,
    "ball_in_shell": 0.9 - 0.25,
    "seven_balls": 3 - 1 - 0.5,
    "bullseye": 2.5 - 1,
    "facing_slabs": 0.3,
    "three_shapes": 0.7,
    "four_balls": 0.05 * np.sqrt(8),
    # Along the normal of a curve as steep as 45 degrees, less the radius of both tubes.
    "chains": 1.2 / np.sqrt(2) - 2 * 0.1,
}


def gap(table):
    """The smallest distance of points of two groups."""
    parts = [table.points[table.classes == k] for k in range(table.classes.max() + 1)]
    trees = [cKDTree(part) for part in parts]
    return min(trees[k].query(part)[0].min() for i, part in enumerate(parts) for k in range(i))


def purity(table):
    """Share of points whose nearest other point is of their group."""
    nearest = cKDTree(table.points).query(table.points, 2)[1][:, 1]
    return np.mean(table.classes[nearest] == table.classes)


def test_there_are_tables_with_and_without_groups():
    assert len(GROUPED) == 11
    assert len(ALONE) == 11


@pytest.mark.parametrize("name", RANDOM)
def test_a_table_has_as_many_points_and_groups_as_asked_for(name):
    known = GENERATED_SETS[name]
    least = 10 * len(known.groups)
    for n_points in (None, least, least + 1, 997):
        table = generate(name, n_points=n_points)
        n = known.n_points if n_points is None else n_points
        assert table.points.shape == (n, len(table.names))
        assert table.points.dtype == np.float64
        assert np.isfinite(table.points).all()
        assert table.classes.shape == (n,)
        assert table.classes.dtype == np.int64
        sizes = np.bincount(table.classes, minlength=len(known.groups))
        assert len(sizes) == len(known.groups)
        assert sizes.min() >= 3
    shares = np.array(known.shares) / sum(known.shares)
    assert np.abs(sizes - 997 * shares).max() < len(shares) + 1


@pytest.mark.parametrize("name", RANDOM)
def test_a_table_follows_from_its_seed(name):
    table, again, other = (generate(name, n_points=100, seed=seed) for seed in (1, 1, 2))
    for one, same in zip(table, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.isin(table.points[:, 0], other.points[:, 0]).any()


@pytest.mark.parametrize("name", GROUPED)
def test_rows_are_in_random_order(name):
    """Each half of the rows holds about half of the largest group."""
    classes = generate(name, n_points=1000).classes
    largest = classes == np.bincount(classes).argmax()
    assert abs(largest[:500].sum() - largest.sum() / 2) < 60


@pytest.mark.parametrize("name", GAPS)
def test_groups_are_as_far_apart_as_their_shapes(name):
    found = gap(generate(name, n_points=20_000))
    assert GAPS[name] <= found < GAPS[name] + 0.15


@pytest.mark.parametrize("turns", [1, 1.5, 2, 5])
def test_spirals_wind_without_touching(turns):
    table = generate("two_spirals", n_points=5000, turns=turns)
    # Within, the arms begin 0.3 apart.
    assert min(0.3 - 0.16 / turns, 0.25 / turns) < gap(table) < 0.5 / turns
    assert 0.15 - 0.08 / turns <= np.linalg.norm(table.points, axis=1).min()


@pytest.mark.parametrize("name", GROUPED)
def test_neighbours_are_of_one_group(name):
    least = {"two_gaussians": 0.95, "four_balls": 0.95, "touching_diamonds": 0.99}
    for seed in range(3):
        found = purity(generate(name, seed=seed))
        assert least.get(name, 1.0) <= found
    assert found < 1 or name != "two_gaussians"


def test_diamonds_touch_and_do_not_overlap():
    points, classes, _ = generate("touching_diamonds", n_points=20_000)
    assert (np.abs(np.abs(points[:, 0]) - 1) + np.abs(points[:, 1]) <= 1).all()
    np.testing.assert_array_equal(points[:, 0] > 0, classes == 1)
    assert np.abs(points[:, 0]).min() < 0.05


def test_the_best_rule_tells_the_gaussians_apart_as_documented():
    points, classes, _ = generate("two_gaussians", n_points=100_000)
    wide = multivariate_normal([0, 0], 1).pdf(points)
    narrow = multivariate_normal([3, 0], 0.36).pdf(points)
    assert np.mean((narrow > wide) == classes) == pytest.approx(0.972, abs=0.002)


def test_the_middle_ball_is_eight_times_as_dense():
    points, classes, _ = generate("seven_balls", n_points=7000)
    middle = points[classes == 0]
    assert 0.45 < np.linalg.norm(middle, axis=1).max() <= 0.5
    assert len(middle) == 1000


def test_slabs_are_densest_where_they_face_each_other():
    points, _, _ = generate("facing_slabs", n_points=20_000)
    depth = np.abs(points[:, 1]) - 0.15
    assert kstest(depth, lambda d: 1 - (1 - d) ** 2).pvalue > 1e-3


#: Table, what of its points, and the distribution function that this must have.
DISTRIBUTIONS = [
    ("gaussian", lambda p: p[:, 1], "norm"),
    ("uniform", lambda p: p[:, 1], "uniform"),
    ("uniform_disc", lambda p: np.linalg.norm(p, axis=1) ** 2, "uniform"),
    ("exponential", lambda p: p[:, 0], "expon"),
    # Archimedes: the height of a point on a sphere is uniform.
    ("sphere", lambda p: (p[:, 2] + 1) / 2, "uniform"),
    ("ring", lambda p: (np.linalg.norm(p, axis=1) ** 2 - 0.49) / 0.51, "uniform"),
    ("student_t", lambda p: p[:, 0], t(3).cdf),
    ("gradient", lambda p: p[:, 0], lambda x: (1 - 10.0**-x) / 0.9),
    ("line", lambda p: (p[:, 0] - p[:, 1]) / np.sqrt(2), "norm"),
    ("gaussian_correlated", lambda p: p[:, 1], "norm"),
]


@pytest.mark.parametrize(("name", "part", "law"), DISTRIBUTIONS)
def test_tables_of_one_group_have_their_distribution(name, part, law):
    assert kstest(part(generate(name, n_points=20_000, seed=4).points), law).pvalue > 1e-3


def test_a_sphere_is_thin_and_features_are_as_many_as_asked_for():
    for features in (2, 3, 7):
        table = generate("sphere", n_features=features, n_points=50)
        np.testing.assert_allclose(np.linalg.norm(table.points, axis=1), 1)
        assert len(table.names) == features
    assert table.names[0] == "x1"
    assert table.names[6] == "x7"


def test_options_do_what_they_say():
    points = generate("gaussian_correlated", n_points=50_000, n_features=3, correlation=0.5).points
    expected = [[1, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 1]]
    np.testing.assert_allclose(np.cov(points.T), expected, atol=0.03)
    line = generate("line", n_points=20_000, n_features=4, length=60).points
    assert np.var(line.sum(axis=1) / 2) == pytest.approx(60**2 / 12 + 1, rel=0.03)
    ends = generate("gradient", n_points=50_000, ratio=4).points[:, 0]
    near, far = np.histogram(ends, 50, range=(0, 1))[0][[0, -1]]
    assert near / far == pytest.approx(4, rel=0.2)
    straight, bent = (generate("banana", bend=bend).points for bend in (0, 270))
    assert straight.std(axis=0) == pytest.approx([0.15, 0.15], rel=0.1)
    assert np.ptp(bent[:, 0]) > 2
    assert np.linalg.norm(generate("ring", inner=0.9).points, axis=1).min() >= 0.9
    heavy = np.abs(generate("student_t", freedom=1).points).max()
    assert heavy > 20 * np.abs(generate("student_t", freedom=100).points).max()
    means = generate("two_gaussians", distance=50)
    assert means.points[means.classes == 1].mean() == pytest.approx(25, abs=0.2)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("linked_rings", {"n_features": 4}, "has no option 'features'; it takes points, seed"),
        ("ring", {"freedom": 3}, "has no option 'freedom'; it takes points, seed, inner"),
        ("ring", {"iner": 0.5}, "has no option 'iner'; did you mean 'inner'?"),
        ("colours", {"seed": 1}, "has no option 'seed'; it is always the same"),
        ("seven_balls", {"n_points": 69}, "points must be at least 70, got 69"),
        ("gaussian", {"n_points": 10.5}, "points must be an integer, got 10.5"),
        ("gaussian", {"n_features": 1}, "features must be at least 2"),
        ("gaussian", {"n_features": 1001}, "features must be at most 1000"),
        ("gaussian", {"seed": -1}, "seed must be at least 0"),
        ("ring", {"inner": 1}, "inner must be from 0 to 0.99, got 1"),
        ("two_spirals", {"turns": "2"}, "turns must be a number"),
    ],
)
def test_an_option_that_a_table_does_not_take_is_named(name, options, says):
    with pytest.raises(ConfigError) as error:
        generate(name, **options)
    assert f"generated:{name}: {says}" in str(error.value)


def test_a_name_is_suggested():
    with pytest.raises(DataError, match="'linked_ring'; did you mean 'linked_rings'"):
        generate("linked_ring")
    with pytest.raises(ConfigError, match=r"generate \(points\) is for tables of generated:<name>"):
        read_table("sklearn:iris", generate={"points": 100, "seed": 0, "turns": None})
    with pytest.raises(DataError, match="of memory, but this machine has"):
        generate("gaussian", n_points=10**15)


@pytest.mark.parametrize("name", RANDOM)
def test_a_study_reads_the_table_and_its_groups(schema, name):
    config = {"study": "s", "data": {"source": f"generated:{name}", "generate": {"points": 200}}}
    options = check_config(config, schema)["data"]
    data, other = (prepare_data(options, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(data.features, other.features)
    assert data.features.shape[0] == 200
    assert set(data.class_names) == set(GENERATED_SETS[name].groups)
    made = generate(name, n_points=200)
    np.testing.assert_allclose(data.physical(range(len(made.names))), made.points, atol=1e-4)
    assert [GENERATED_SETS[name].groups[k] for k in made.classes] == [
        data.class_names[k] for k in data.truth
    ]


def test_the_schema_has_the_options_of_the_tables(schema):
    keys = schema["properties"]["data"]["properties"]["generate"]["properties"]
    assert keys.keys() == {"points", "features", "seed", *OPTIONS}
    taken = {}
    for table in GENERATED_SETS.values():
        taken |= {k: v for k, v in table.options.items() if k != "features"}
    assert taken.keys() == OPTIONS.keys()
    for name, option in OPTIONS.items():
        assert (keys[name]["minimum"], keys[name]["maximum"]) == (option.least, option.most)
        assert f"null takes {taken[name]:g}." in keys[name]["description"]
        assert option.least <= taken[name] <= option.most
    with pytest.raises(
        ConfigError, match=r"data\.generate\.point: unknown key; did you mean 'points'"
    ):
        check_config({"study": "s", "data": {"generate": {"point": 1}}}, schema)


def test_the_documentation_lists_every_table(root):
    page = (root / "docs" / "reference" / "generated.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    expected = []
    for name, table in GENERATED_SETS.items():
        options = ", ".join(f"`{key}` {value:g}" for key, value in table.options.items()) or "-"
        cells = [f"`{name}`", table.description, str(len(table.groups)), str(table.n_points)]
        expected.append(f"| {' | '.join([*cells, options, table.like or '-'])} |")
    assert rows == expected
    example = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    assert example["data"]["source"].partition(":")[2] in GENERATED_SETS


def test_the_figure_shows_every_table():
    figure = draw_tables()
    assert [text for text, _ in drawn_texts(figure)] == RANDOM
    assert text_faults(figure) == []
