"""What is trained: the kinds of networks, and the cases of the comparison and of the sweeps.

Only the standard library is imported, so that a workflow can plan without starting JAX.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kohorte.errors import ConfigError


@dataclass(frozen=True)
class Variant:
    """A kind of network with two inputs, two layers of hidden units and one output."""

    label: str  # Its name in figures
    #: What it is given of a point: its two `features`, or its position on a map of the features, of
    #: the `winner` or `soft`
    inputs: str = "features"
    pinched: bool = False  # Whether two units stand between the hidden layers
    #: `map_between`, `learns_map`: Whether a soft map stands behind those two units; whether the
    #: gradient trains its weights
    map_between: bool = False
    learns_map: bool = False
    #: Whether it may have as many parameters more as a learnt map has weights
    counts_nodes: bool = False

    @property
    def has_map(self) -> bool:
        """Whether there is a map, whose size matters."""
        return self.map_between or self.inputs != "features"

    @property
    def has_soft_map(self) -> bool:
        """Whether there is a soft map, whose beta matters."""
        return self.map_between or self.inputs == "soft"


#: Name -> Variant.
VARIANTS = {
    "plain": Variant("plain"),
    "plain_large": Variant("plain, nodes counted", counts_nodes=True),
    "pinched": Variant("plain, two units between", pinched=True),
    "winner_inputs": Variant("winner's position as input", inputs="winner"),
    "soft_inputs": Variant("soft position as input", inputs="soft"),
    "map_between": Variant("soft map between", pinched=True, map_between=True),
    "learnt_between": Variant(
        "soft map between, learnt", pinched=True, map_between=True, learns_map=True
    ),
}

#: Variants that are compared: one, and what it is compared with.
PAIRS = (
    ("plain_large", "plain"),
    ("pinched", "plain"),
    ("winner_inputs", "plain"),
    ("soft_inputs", "plain"),
    ("map_between", "plain"),
    ("learnt_between", "plain"),
    ("map_between", "pinched"),
    ("learnt_between", "pinched"),
    ("learnt_between", "map_between"),
    ("learnt_between", "plain_large"),
)

#: What is measured of a network while it learns: nats, and shares of points.
MEASURES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")

#: Decisions are drawn where both coordinates of a point are at most so large.
EXTENT = 1.3


@dataclass(frozen=True)
class Case:
    """Networks that one job trains: a variant with maps of side x side nodes, for each beta.

    `beta` is ascending; one value, without effect, where there is no soft map.
    """

    variant: str
    side: int
    beta: tuple[float, ...]

    @property
    def name(self) -> str:
        """Part of file names."""
        return f"{self.variant}_{self.side}"


def plan_cases(options: Mapping[str, Any]) -> dict[str, Case]:
    """Name the cases of the section `spirals` of a configuration.

    Variants with a map are trained for each value of `sweep_side`, and those with a soft one for
    each of `sweep_beta`; `side` and `beta`, those of the comparison, are always among them. Raises
    ConfigError: the steps cannot be cut into equal parts.
    """
    if options["steps"] % options["refreshes"]:
        raise ConfigError(
            f"spirals.steps: {options['steps']} is no multiple of spirals.refreshes "
            f"({options['refreshes']}); steps are cut into so many equal parts"
        )
    sides = sorted({options["side"], *options["sweep_side"]})
    betas = sorted({float(options["beta"]), *map(float, options["sweep_beta"])})
    cases = [
        Case(name, side, tuple(betas) if variant.has_soft_map else (float(options["beta"]),))
        for name, variant in VARIANTS.items()
        for side in (sides if variant.has_map else [options["side"]])
    ]
    return {case.name: case for case in cases}


def cut_numbers(options: Mapping[str, Any]) -> dict[str, range]:
    """Name of each batch of seeds -> the numbers of its networks, from 0."""
    size, count = options["seeds_per_job"], options["seeds"]
    starts = range(0, count, size)
    return {f"{k:03d}": range(s, min(s + size, count)) for k, s in enumerate(starts)}


def layer_sizes(variant: Variant, width: int) -> tuple[list[int], list[int]]:
    """Units of the dense layers before the place of a map, inputs first, and behind it."""
    if variant.pinched:
        return [2, width, 2], [2, width, 1]
    return [2, width, width], [width, 1]


def count_parameters(variant: Variant, width: int) -> int:
    """Weights and biases of the dense layers."""
    return sum(
        (inputs + 1) * outputs
        for sizes in layer_sizes(variant, width)
        for inputs, outputs in itertools.pairwise(sizes)
    )


def choose_width(variant: Variant, budget: int) -> int:
    """Largest width with at most `budget` parameters. Raises ConfigError where there is none."""
    if count_parameters(variant, 1) > budget:
        raise ConfigError(
            f"spirals.parameters: {budget} are too few; {variant.label!r} needs at least "
            f"{count_parameters(variant, 1)}"
        )
    width = 1
    while count_parameters(variant, width + 1) <= budget:
        width += 1
    return width
