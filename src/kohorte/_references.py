"""The tables that a study is compared with to tell whether it has groups, as planned.

Only the standard library is imported, so that a workflow can use it while it plans.
"""

from collections.abc import Sequence
from typing import TypeVar

OBSERVED = "observed"
"""Kind of the study's own table."""

OWN_DRAWS = 5
"""Draws of the study's own table, of whose rows and maps the evidence depends on chance."""

TABLES_PER_JOB = 13
"""Tables of one job: two jobs for ten references of two kinds."""

MAX_MAPS = 40
"""Most maps that are trained on each table."""

LEAST_MAPS = 20
"""Maps of tables of 1000 rows and more, of as many as there are."""

MAPPED_ROWS = 20_000
"""Most rows times maps of a table, so long as that leaves LEAST_MAPS."""

CONTACT_NUMBERS = range(2, 13)
"""Numbers of groups over which the contact of groups is averaged."""

FEWEST = 5
"""Fewest references of each kind, if there are any."""

LEVEL = 0.05
"""P-value above which there is one group, where a study says nothing else."""

_Plan = TypeVar("_Plan")


def p_value(p: float) -> str:
    """Write a p-value: p = 0.02, or p < 0.001, below which these are nominal."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def list_tables(references: int, kinds: Sequence[str]) -> list[tuple[str, int]]:
    """Return kind and number of each table: draws of the study's own, `references` of each kind."""
    own = [(OBSERVED, k) for k in range(OWN_DRAWS)]
    return [*own, *((kind, k) for k in range(references) for kind in kinds)]


def choose_maps(plans: Sequence[_Plan], most: int = MAX_MAPS) -> list[_Plan]:
    """Choose at most so many maps of a study, spread evenly over its plan."""
    count = min(len(plans), most)
    return [plans[k * len(plans) // count] for k in range(count)]
