"""Steps of the experiment with spirals; JAX computes on one thread in each of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kohorte import store
from kohorte.studies.spirals import store as spiral_store
from kohorte.studies.spirals.comparison import compare, tabulate, tabulate_courses
from kohorte.studies.spirals.networks import compute_on_one_thread
from kohorte.studies.spirals.training import train_network
from kohorte.studies.spirals.unwinding import Unwinding, judge, unwind

_LOG = logging.getLogger(__name__)


def train_networks(
    *,
    networks: str,
    variant: str,
    side: int,
    betas: Sequence[float],
    numbers: Sequence[int],
    drawn: Sequence[float],
    options: Mapping[str, Any],
    seed: int,
) -> None:
    """Train a network for each beta and number, on data of that number.

    `networks`: where the file will lie; `variant`, `side`, `betas`, `numbers`, `options`, `seed`:
    as for `train_network`; `drawn`: side and beta of the networks whose first one is drawn.
    """
    compute_on_one_thread()
    trained, keys = [], [(beta, number) for beta in betas for number in numbers]
    for beta, number in keys:
        draw = number == 0 and (side, beta) == tuple(drawn)
        network = train_network(variant, side, beta, number, options, seed, draw=draw)
        _LOG.info("beta %g, network %d: %.4f", beta, number, network.test_accuracy[-1])
        trained.append(network)
    spiral_store.write_networks(
        networks,
        trained,
        variant=variant,
        side=side,
        beta=[beta for beta, _ in keys],
        number=[number for _, number in keys],
    )


def compare_networks(
    *, trained: Sequence[str], networks: str, courses: str, comparisons: str, side: int, beta: float
) -> None:
    """Tabulate all networks, their course, and paired tests over seeds.

    `trained`: what the jobs of `train_networks` left; `networks`, `courses`, `comparisons`: tables
    to write; `side`, `beta`: those of the networks that are compared.
    """
    jobs = [spiral_store.read_networks(path) for path in trained]
    table = tabulate(jobs)
    store.write_csv(table, networks)
    store.write_csv(tabulate_courses(jobs, side, beta), courses)
    compared = table[(table["side"] == side) & (table["beta"] == beta)]
    store.write_csv(compare(compared), comparisons)


def unwind_curves(*, table: str, curve: str, options: Mapping[str, Any], seed: int) -> None:
    """Unwind spirals of several lengths with a chain of nodes, and beside it with PCA.

    `table`, `curve`: where the scores, and the curve to be drawn, will lie; `options`: the section
    `spirals` of the configuration.
    """
    compute_on_one_thread()
    scores, drawn = judge_curves(options, seed)
    store.write_csv(scores, table)
    spiral_store.write_unwinding(curve, drawn)


def judge_curves(options: Mapping[str, Any], seed: int) -> tuple[pd.DataFrame, Unwinding]:
    """Score each number of turns, draw and method in a row; and the curve to be drawn."""
    rows, drawn = [], None
    for turns in options["sweep_turns"]:
        for number in range(options["seeds"]):
            found = unwind(turns, number, options, seed)
            if (turns, number) == (options["unwound_turns"], 0):
                drawn = found
            key = {"turns": turns, "number": number}
            rows += [key | {"method": name} | scores for name, scores in judge(found).items()]
    return pd.DataFrame(rows), drawn or unwind(options["unwound_turns"], 0, options, seed)
