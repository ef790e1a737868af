"""Steps of the comparison of clusterings, and of tables without structure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kohorte import store
from kohorte_benchmarks.clusterer_peers import PEERS
from kohorte_benchmarks.clusterers import CLUSTERERS
from kohorte_benchmarks.clustering_tables import claims_table, published_rows, write_page
from kohorte_benchmarks.clusterings import judge, read_set, standardize
from kohorte_benchmarks.null_tables import check_kind

_LOG = logging.getLogger(__name__)


def run_own(
    *,
    data: str,
    labels: Sequence[str],
    table: str,
    name: str,
    methods: str,
    seed: int,
    null: bool,
) -> None:
    """Write the rows of a set for `methods`, a key of CLUSTERERS; with `null` their p-values."""
    labelled = read_set(name, data, labels)
    points = standardize(labelled.points)
    answers = CLUSTERERS[methods](points, labelled.numbers, seed, null)
    store.write_csv(judge(labelled, answers), table)


def run_peers(
    *,
    data: str,
    labels: Sequence[str],
    table: str,
    name: str,
    methods: str,
    seed: int,
    genie: str | None,
) -> None:
    """Write the rows of a set for `methods`, a key of PEERS; `genie` as for `run_genie`."""
    labelled = read_set(name, data, labels)
    told = {"python": genie} if methods == "genie" else {}
    points = standardize(labelled.points)
    answers = PEERS[methods](points, labelled.numbers, seed, **told)
    store.write_csv(judge(labelled, answers), table)


def join_sets(
    *,
    tables: Sequence[str],
    published: Sequence[str],
    table: str,
    text: str,
    missing: Sequence[str],
) -> None:
    """Join the rows of all sets and those of a file of `published` ones, if any, and their page.

    `missing` says what is left out, and why.
    """
    for line in missing:
        _LOG.warning("left out: %s", line)
    rows = _join(tables)
    sets = list(dict.fromkeys(rows["set"]))
    own = [rows, *(published_rows(path, sets) for path in published)]
    joined = pd.concat(own, ignore_index=True)
    # In the order of the sets, and of the methods within each.
    joined = joined.sort_values("set", key=lambda x: x.map(sets.index), kind="stable")
    store.write_csv(joined, table)
    Path(text).write_text(write_page(joined, missing), encoding="utf-8")


def check_tables(*, table: str, kind: str, tables: int, seed: int, null: bool) -> None:
    """Write how often groups are claimed in tables of a kind; see `check_kind`."""
    store.write_csv(check_kind(kind, tables, seed, null), table)


def join_tables(*, tables: Sequence[str], table: str, text: str) -> None:
    """Join the rows of all kinds of tables, and tabulate them."""
    rows = _join(tables)
    store.write_csv(rows, table)
    Path(text).write_text(claims_table(rows), encoding="utf-8")


def _join(tables: Sequence[str]) -> pd.DataFrame:
    # A peer that was left out has an empty table, whose columns say nothing of their types.
    parts = [part for part in map(pd.read_csv, tables) if len(part)]
    return pd.concat(parts, ignore_index=True)
