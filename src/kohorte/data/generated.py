"""Sources that are computed: tables whose groups are known, and tables that have none.

Every table but those of colours is drawn at random, from its own seed alone, in any number of
points. Groups of the shapes that clustering is tried on resemble those of the Fundamental
Clustering Problems Suite (Thrun & Ultsch, Data in Brief 30 (2020) 105501);
docs/reference/generated.md shows all of them.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from kohorte._checks import as_count, as_number, suggest
from kohorte.data.reading import ArraySource, ReadOptions, Source, check_memory, check_set
from kohorte.errors import ConfigError

#: Name -> red, green, blue from 0 to 1: the fifteen colours that maps are often shown with.
#:
#: Source: examples of PyMVPA (Hanke et al., Neuroinformatics 7 (2009) 37).
COLOURS = {
    "black": (0.0, 0.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "darkblue": (0.0, 0.0, 0.5),
    "skyblue": (0.125, 0.529, 1.0),
    "greyblue": (0.33, 0.4, 0.67),
    "lilac": (0.6, 0.5, 1.0),
    "green": (0.0, 1.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "cyan": (0.0, 1.0, 1.0),
    "violet": (1.0, 0.0, 1.0),
    "yellow": (1.0, 1.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "darkgrey": (0.33, 0.33, 0.33),
    "mediumgrey": (0.5, 0.5, 0.5),
    "lightgrey": (0.66, 0.66, 0.66),
}

CHANNELS = ("red", "green", "blue")

#: Places from a colour to its partner in `colours6d`; prime to 15, so that each is partner once.
PARTNER_PLACES = 7

#: Points that a table has at least, for each of its groups; and those of its smallest group.
_LEAST_PER_GROUP = 10
_LEAST_IN_GROUP = 3

_MOST_FEATURES = 1000


class Option(NamedTuple):
    """A number that some tables take, from `least` to `most`."""

    least: float
    most: float
    description: str


#: What can be chosen of some tables beside points, features and seed; the defaults are those of the
#: functions below.
OPTIONS = {
    "bend": Option(0, 270, "Angle of the arc of `banana`, in degrees."),
    "correlation": Option(0, 0.999, "Of neighbouring features of `gaussian_correlated`."),
    "distance": Option(0, 100, "Of the centres of `two_gaussians`, whose widths are 1 and 0.6."),
    "freedom": Option(1, 100, "Degrees of freedom of `student_t`: 1 has the heaviest tails."),
    "inner": Option(0, 0.99, "Radius of the hole of `ring`, as a share of that of the ring."),
    "length": Option(0, 1000, "Of `line`, in standard deviations of its noise."),
    "ratio": Option(1.1, 1000, "Of the densities at the two ends of `gradient`."),
    "turns": Option(1, 5, "Of each arm of `two_spirals`."),
}


class GeneratedTable(NamedTuple):
    """N points with F features, and the group that each is from."""

    points: np.ndarray  # (N, F) float64
    classes: np.ndarray  # (N,) int64. Number of the group, from 0, in the order of the set's groups
    names: tuple[str, ...]  # F feature names


class GeneratedSet(NamedTuple):
    """How a table is made.

    `make(rng, *sizes, **options)` gives the points of each group, (n, F); `sizes` has a number for
    each of `shares`, which are relative sizes of the groups, and the options are the keyword-only
    arguments of the function. A set without shares is one fixed table.
    """

    make: Callable[..., Sequence[np.ndarray]]
    description: str
    groups: tuple[str, ...] = ("all",)
    shares: tuple[int, ...] = (1,)
    n_points: int = 1000  # by default
    names: tuple[str, ...] | None = None  # of the features, where they are not x, y, z
    like: str = ""  # the set of the suite that it resembles

    @property
    def options(self) -> dict[str, float]:
        """What can be chosen beside points and seed, with its default."""
        parameters = inspect.signature(self.make).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _colours(rng: np.random.Generator) -> list[np.ndarray]:
    return [np.array([colour]) for colour in COLOURS.values()]


def _colours6d(rng: np.random.Generator) -> list[np.ndarray]:
    """Put each of the fifteen colours side by side with the one PARTNER_PLACES further on."""
    values = np.array(list(COLOURS.values()))
    return list(np.hstack([values, np.roll(values, -PARTNER_PLACES, axis=0)])[:, None])


def _pair_names() -> tuple[str, ...]:
    names = list(COLOURS)
    partners = np.roll(names, -PARTNER_PLACES)
    return tuple(f"{name}/{partner}" for name, partner in zip(names, partners, strict=True))


def _directions(rng: np.random.Generator, n: int, dimension: int) -> np.ndarray:
    """Points on the surface of the unit sphere, evenly."""
    normal = rng.normal(size=(n, dimension))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _ball(
    rng: np.random.Generator, n: int, dimension: int, outer: float = 1.0, inner: float = 0.0
) -> np.ndarray:
    """Points of a ball around 0, or of the shell between two radii, evenly."""
    volume = rng.uniform(inner**dimension, outer**dimension, size=(n, 1))
    return volume ** (1 / dimension) * _directions(rng, n, dimension)


def _tube(rng: np.random.Generator, curve: np.ndarray, radius: float) -> np.ndarray:
    """Move points of a curve, each by at most `radius`."""
    return curve + _ball(rng, len(curve), curve.shape[1], radius)


def _box(
    rng: np.random.Generator, n: int, x: tuple[float, float], y: tuple[float, float]
) -> np.ndarray:
    return rng.uniform([x[0], y[0]], [x[1], y[1]], size=(n, 2))


# Groups. No point of one group comes nearer to another than a gap that follows from the numbers
# here, except where groups touch or overlap.


def _linked_rings(rng: np.random.Generator, first: int, second: int) -> list[np.ndarray]:
    # Each circle runs through the centre of the other: all of it is 1 away from the other.
    one, two = (rng.uniform(0, 2 * np.pi, n) for n in (first, second))
    lying = np.column_stack([np.cos(one), np.sin(one), np.zeros(first)])
    standing = np.column_stack([1 + np.cos(two), np.zeros(second), np.sin(two)])
    return [_tube(rng, circle, 0.2) for circle in (lying, standing)]


def _ball_in_shell(rng: np.random.Generator, ball: int, shell: int) -> list[np.ndarray]:
    return [_ball(rng, ball, 3, 0.25), _ball(rng, shell, 3, 1.1, inner=0.9)]


def _seven_balls(rng: np.random.Generator, middle: int, *others: int) -> list[np.ndarray]:
    centres = 3 * np.vstack([np.eye(3), -np.eye(3)])
    around = [at + _ball(rng, n, 3) for at, n in zip(centres, others, strict=True)]
    return [_ball(rng, middle, 3, 0.5), *around]


def _bullseye(rng: np.random.Generator, disc: int, ring: int, *corners: int) -> list[np.ndarray]:
    places = 4 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    outliers = [at + _ball(rng, n, 2, 0.1) for at, n in zip(places, corners, strict=True)]
    return [_ball(rng, disc, 2), _ball(rng, ring, 2, 3.0, inner=2.5), *outliers]


def _touching_diamonds(rng: np.random.Generator, left: int, right: int) -> list[np.ndarray]:
    turned = np.array([[0.5, 0.5], [0.5, -0.5]])
    return [_box(rng, n, (-1, 1), (-1, 1)) @ turned + (x, 0) for n, x in ((left, -1), (right, 1))]


def _facing_slabs(rng: np.random.Generator, upper: int, lower: int) -> list[np.ndarray]:
    def slab(n: int, start: float, side: int) -> np.ndarray:
        depth = 1 - np.sqrt(rng.uniform(size=n))  # density falls from 2 at the near edge to 0
        return np.column_stack([rng.uniform(start, start + 2, n), side * (0.15 + depth)])

    return [slab(upper, 0, 1), slab(lower, 1, -1)]


def _three_shapes(
    rng: np.random.Generator, standing: int, lying: int, disc: int
) -> list[np.ndarray]:
    bars = [_box(rng, standing, (0, 0.8), (0, 4)), _box(rng, lying, (1.5, 5), (0, 0.8))]
    return [*bars, (3.3, 2.8) + _ball(rng, disc, 2, 0.9)]


def _four_balls(rng: np.random.Generator, *sizes: int) -> list[np.ndarray]:
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    radius = 0.95 * np.sqrt(2)  # of half the distance of two corners
    return [at + _ball(rng, n, 3, radius) for at, n in zip(corners, sizes, strict=True)]


def _two_gaussians(
    rng: np.random.Generator, wide: int, narrow: int, *, distance: float = 3.0
) -> list[np.ndarray]:
    return [rng.normal(size=(wide, 2)), (distance, 0) + 0.6 * rng.normal(size=(narrow, 2))]


def _two_spirals(
    rng: np.random.Generator, first: int, second: int, *, turns: float = 1.5
) -> list[np.ndarray]:
    def arm(n: int, side: int) -> np.ndarray:
        radius = np.sqrt(rng.uniform(0.15**2, 1, n))  # about evenly along the arm
        angle = 2 * np.pi * turns * radius
        curve = side * radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        return _tube(rng, curve, 0.08 / turns)  # the arms are 0.5 / turns apart

    return [arm(first, 1), arm(second, -1)]


def _chains(rng: np.random.Generator, *sizes: int) -> list[np.ndarray]:
    def chain(n: int, height: float) -> np.ndarray:
        x = rng.uniform(0, 4 * np.pi, n)
        return _tube(rng, np.column_stack([x, height + np.sin(x)]), 0.1)

    return [chain(n, 1.2 * k) for k, n in enumerate(sizes)]


# One group each.


def _gaussian(rng: np.random.Generator, n: int, *, features: int = 2) -> list[np.ndarray]:
    return [rng.normal(size=(n, features))]


def _gaussian_correlated(
    rng: np.random.Generator, n: int, *, features: int = 2, correlation: float = 0.8
) -> list[np.ndarray]:
    """Each feature follows from the one before: features i and j correlate by c^|i - j|."""
    points = rng.normal(size=(n, features))
    for k in range(1, features):
        points[:, k] *= np.sqrt(1 - correlation**2)
        points[:, k] += correlation * points[:, k - 1]
    return [points]


def _uniform(rng: np.random.Generator, n: int, *, features: int = 2) -> list[np.ndarray]:
    return [rng.uniform(size=(n, features))]


def _uniform_disc(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    return [_ball(rng, n, 2)]


def _sphere(rng: np.random.Generator, n: int, *, features: int = 3) -> list[np.ndarray]:
    return [_directions(rng, n, features)]


def _exponential(rng: np.random.Generator, n: int, *, features: int = 2) -> list[np.ndarray]:
    return [rng.exponential(size=(n, features))]


def _student_t(
    rng: np.random.Generator, n: int, *, features: int = 2, freedom: float = 3.0
) -> list[np.ndarray]:
    spread = np.sqrt(rng.chisquare(freedom, size=(n, 1)) / freedom)
    return [rng.normal(size=(n, features)) / spread]


def _line(
    rng: np.random.Generator, n: int, *, features: int = 2, length: float = 20.0
) -> list[np.ndarray]:
    # Along the diagonal, so that scaling each feature does not make it short and wide.
    along = rng.uniform(-length / 2, length / 2, size=(n, 1)) / np.sqrt(features)
    return [along + rng.normal(size=(n, features))]


def _gradient(
    rng: np.random.Generator, n: int, *, features: int = 2, ratio: float = 10.0
) -> list[np.ndarray]:
    """Points of a cube whose density falls as ratio^-x along its first feature."""
    points = rng.uniform(size=(n, features))
    points[:, 0] = -np.log1p(-points[:, 0] * (1 - 1 / ratio)) / np.log(ratio)
    return [points]


def _ring(rng: np.random.Generator, n: int, *, inner: float = 0.7) -> list[np.ndarray]:
    return [_ball(rng, n, 2, inner=inner)]


def _banana(rng: np.random.Generator, n: int, *, bend: float = 180.0) -> list[np.ndarray]:
    angle = np.radians(bend) * rng.uniform(-0.5, 0.5, n)
    arc = np.column_stack([np.sin(angle), np.cos(angle)])
    return [arc + rng.normal(scale=0.15, size=(n, 2))]


_CORNERS = tuple(f"corner {k}" for k in range(1, 5))
_BALLS = tuple(f"ball {k}" for k in range(1, 7))
_SIDES = tuple(f"{side}_{channel}" for side in ("left", "right") for channel in CHANNELS)

#: Name after "generated:" -> how the table is made.
GENERATED_SETS = {
    "colours": GeneratedSet(
        _colours, "fifteen named colours", tuple(COLOURS), (), len(COLOURS), CHANNELS
    ),
    "colours6d": GeneratedSet(
        _colours6d, "pairs of colours, side by side", _pair_names(), (), len(COLOURS), _SIDES
    ),
    "linked_rings": GeneratedSet(
        _linked_rings,
        "two rings in space, linked as in a chain",
        ("lying", "standing"),
        (1, 1),
        like="Chainlink",
    ),
    "ball_in_shell": GeneratedSet(
        _ball_in_shell,
        "a dense ball in the middle of a hollow one",
        ("ball", "shell"),
        (1, 1),
        n_points=800,
        like="Atom",
    ),
    "seven_balls": GeneratedSet(
        _seven_balls,
        "seven balls, the one in the middle eight times as dense",
        ("middle", *_BALLS),
        (1,) * 7,
        n_points=350,
        like="Hepta",
    ),
    "bullseye": GeneratedSet(
        _bullseye,
        "a disc in a ring, and a few outliers in each corner",
        ("disc", "ring", *_CORNERS),
        (100, 96, 1, 1, 1, 1),
        n_points=800,
        like="Target",
    ),
    "touching_diamonds": GeneratedSet(
        _touching_diamonds,
        "two diamonds that touch at a corner",
        ("left", "right"),
        (1, 1),
        n_points=800,
        like="TwoDiamonds",
    ),
    "facing_slabs": GeneratedSet(
        _facing_slabs,
        "two slabs, densest at the edges that face each other",
        ("upper", "lower"),
        (1, 1),
        like="WingNut",
    ),
    "three_shapes": GeneratedSet(
        _three_shapes,
        "two bars and a disc, of different sizes",
        ("standing bar", "lying bar", "disc"),
        (2, 1, 1),
        n_points=400,
        like="Lsun",
    ),
    "four_balls": GeneratedSet(
        _four_balls,
        "four balls that almost touch",
        _BALLS[:4],
        (1,) * 4,
        n_points=400,
        like="Tetra",
    ),
    "two_gaussians": GeneratedSet(
        _two_gaussians,
        "two Gaussians of different width that overlap",
        ("wide", "narrow"),
        (1, 1),
        n_points=2000,
        like="EngyTime",
    ),
    "two_spirals": GeneratedSet(
        _two_spirals,
        "two arms that wind around each other",
        ("first arm", "second arm"),
        (1, 1),
    ),
    "chains": GeneratedSet(
        _chains,
        "three long wavy chains, side by side",
        ("low", "middle", "high"),
        (1, 1, 1),
        n_points=900,
    ),
    "gaussian": GeneratedSet(_gaussian, "a round Gaussian"),
    "gaussian_correlated": GeneratedSet(
        _gaussian_correlated, "a Gaussian whose features are correlated"
    ),
    "uniform": GeneratedSet(_uniform, "a square, cube and so on, evenly filled"),
    "uniform_disc": GeneratedSet(_uniform_disc, "a disc, evenly filled"),
    "sphere": GeneratedSet(
        _sphere, "the surface of a sphere, evenly", n_points=4000, like="GolfBall"
    ),
    "exponential": GeneratedSet(_exponential, "independent exponential features: a dense corner"),
    "student_t": GeneratedSet(_student_t, "Student's t, round: a dense middle and heavy tails"),
    "line": GeneratedSet(_line, "one long line along the diagonal, with Gaussian noise"),
    "gradient": GeneratedSet(_gradient, "a square whose density falls smoothly from side to side"),
    "ring": GeneratedSet(_ring, "one ring, evenly filled"),
    "banana": GeneratedSet(_banana, "one bent group, with Gaussian noise"),
}


def generate(
    name: str,
    *,
    n_points: int | None = None,
    n_features: int | None = None,
    seed: int = 0,
    **options: float | None,
) -> GeneratedTable:
    """Make a table of GENERATED_SETS; its rows are in random order.

    `n_points`: at least 10 for each group; None takes the table's own number, as it does for
    `n_features` and each of `options`, the numbers of OPTIONS that the table takes. The same
    arguments give the same table. Raises DataError: there is no table of that name; ConfigError: an
    option is out of bounds, or the table does not take it.
    """
    title = f"generated:{name}"
    check_set(title, "generated", name, GENERATED_SETS, ReadOptions())
    table = GENERATED_SETS[name]
    given = {"points": n_points, "features": n_features, "seed": seed or None} | options
    chosen = _check_options(title, table, {k: v for k, v in given.items() if v is not None})
    n_points = int(chosen.pop("points", table.n_points))
    rng = np.random.default_rng(int(chosen.pop("seed", 0)))
    sizes = _sizes(n_points, table.shares)
    n_numbers = n_points * int(chosen.get("features", 3))
    check_memory(title, 3 * n_numbers * np.dtype(np.float64).itemsize)
    parts = table.make(rng, *sizes, **chosen)
    classes = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    points = np.concatenate(parts)
    if table.shares:
        order = rng.permutation(len(points))
        points, classes = points[order], classes[order]
    return GeneratedTable(points, classes, table.names or _feature_names(points.shape[1]))


def _check_options(
    title: str, table: GeneratedSet, given: Mapping[str, Any]
) -> dict[str, int | float]:
    """Return the options with their defaults; ConfigError for one that the table cannot take."""
    takes = [*(("points", "seed") if table.shares else ()), *table.options]
    for name in given:
        if name not in takes:
            known = {"points", "features", "seed", *OPTIONS}
            what = "" if name in known else f"; {suggest(name, known)}"
            which = f"it takes {', '.join(takes)}" if takes else "it is always the same"
            raise ConfigError(f"{title}: has no option {name!r}{what}; {which}")
    bounds = {
        "points": (_LEAST_PER_GROUP * len(table.groups), None),
        "features": (2, _MOST_FEATURES),
        "seed": (0, None),
    }
    chosen: dict[str, int | float] = dict(table.options)
    for name, value in given.items():
        what = f"{title}: {name}"
        if name in bounds:
            least, most = bounds[name]
            chosen[name] = as_count(value, what, least)
            if most is not None and chosen[name] > most:
                raise ConfigError(f"{what} must be at most {most}, got {value}")
        else:
            option = OPTIONS[name]
            chosen[name] = as_number(value, what)
            if not option.least <= chosen[name] <= option.most:
                raise ConfigError(
                    f"{what} must be from {option.least} to {option.most}, got {value}"
                )
    return chosen


def _sizes(n_points: int, shares: Sequence[int]) -> list[int]:
    """Share points among groups, at least three each; the largest group takes up the rounding."""
    if not shares:
        return []
    total = sum(shares)
    sizes = [max(_LEAST_IN_GROUP, round(n_points * share / total)) for share in shares]
    sizes[int(np.argmax(shares))] += n_points - sum(sizes)
    return sizes


def _feature_names(n_features: int) -> tuple[str, ...]:
    letters = ("x", "y", "z")[:n_features]
    return letters if n_features <= 3 else tuple(f"x{k}" for k in range(1, n_features + 1))


@contextmanager
def open_generated(title: str, name: str, options: ReadOptions) -> Iterator[Source]:
    """Compute a table, with its groups as the ground truth."""
    check_set(title, "generated", name, GENERATED_SETS, options)
    chosen = dict(options.generate)
    sizes = {f"n_{key}": chosen.pop(key, None) for key in ("points", "features")}
    table = generate(name, **sizes, seed=chosen.pop("seed", 0), **chosen)
    source = ArraySource(title, table.points, table.names, f"data set {name!r}")
    source.add_labels(np.array(GENERATED_SETS[name].groups)[table.classes])
    yield source
