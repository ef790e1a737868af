"""Consensus of an ensemble: clusters of all realizations grouped, points labelled by vote.

The clusters are grouped by their counts alone, in one of two ways. `coassociation` joins many fine
segments to groups of any shape, see kohorte.ensemble.coassociation. `jaccard`, for few clusters a
realization, compares them by the Jaccard distance 1 - n / u of their points and joins them by
average linkage; the tree is cut into a number of groups that is given or follows from a rule. A
point belongs to the group that most of its clusters are in; the share of these votes is its
confidence. A given number counts groups that hold points, a rule of `jaccard` all branches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kohorte._checks import choose, choose_name, is_real
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.tree import RULES, build_tree, count_groups, cut_for_points, cut_tree
from kohorte.errors import ConfigError

CONSENSUS = {"coassociation": ("separation",), "jaccard": tuple(RULES)}
"""Way to group clusters -> rules that find a number of groups; the first is that of ``auto``."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Numbers of groups in levels of fineness, and what speaks for each; arrays of equal length.

    `level` and `n_groups` int64; `lift` float64, how much oftener than by chance points of the two
    most alike groups lie together, and `next_lift` the same for one group more; `separation` is
    log((next_lift + f) / (lift + f)), `support` the sum over the other levels of their
    separation of so many groups by the adjusted Rand index with these, and `score` the sum of
    both, support weighed as kohorte.ensemble.coassociation says, where f is, too. The best come
    first.
    """

    level: np.ndarray
    n_groups: np.ndarray
    lift: np.ndarray
    next_lift: np.ndarray
    separation: np.ndarray
    support: np.ndarray
    score: np.ndarray


@dataclass(frozen=True, eq=False)
class Grouping:
    """Clusters of all realizations in groups, from their counts alone.

    `linkage` (L - 1, 4) float64 is the tree of some of the clusters in SciPy's form: of all K for
    `jaccard`, of those of the chosen level for `coassociation`. `leaf_order` (L,) int64 has these
    clusters in the order of its leaves, and `leaves` (L,) in its own. `groups` (K,) int32 is the
    group of each cluster: ordered by the points in their clusters, descending, then by their lowest
    cluster. `rule` gave `n_groups`, or is ``given``; `candidates` has the number of groups by every
    rule. `levels` (R,) int64 is the level of each realization and `evidence` what speaks for which
    number, where `consensus` has them.
    """

    consensus: str
    linkage: np.ndarray
    leaf_order: np.ndarray
    leaves: np.ndarray
    groups: np.ndarray
    n_groups: int
    rule: str
    candidates: dict[str, int]
    levels: np.ndarray
    evidence: Candidates | None = None


def check_choice(groups: int | str, consensus: str) -> str:
    """Return the rule that a choice of groups stands for, or ``given`` for a number.

    ConfigError for an unknown consensus, or a rule that it does not have.
    """
    rules = choose(CONSENSUS, consensus, "consensus")
    if groups == "auto":
        return rules[0]
    if isinstance(groups, str):
        return choose_name(rules, groups, f"rule for groups of consensus {consensus!r}")
    if not is_real(groups) or not math.isfinite(groups) or int(groups) != groups or groups < 1:
        raise ConfigError(f"groups must be 'auto' or a positive whole number, not {groups!r}")
    return "given"


def limit_groups(groups: int | str, overlaps: Overlaps) -> int | str:
    """Limit a choice of groups, for a part of what it was made for, to the part's clusters."""
    return groups if isinstance(groups, str) else min(groups, overlaps.n_clusters)


def group_clusters(
    overlaps: Overlaps,
    groups: int | str = "auto",
    consensus: str = "coassociation",
    *,
    single: bool = False,
) -> Grouping:
    """Group the clusters of all realizations without touching a point.

    `groups` is a number, ``auto``, or a rule of `consensus`, a name of CONSENSUS; a rule of
    ``coassociation`` finds one group if `single`, and of a number nearly that of the clusters it
    makes as many groups as its trees tell apart. A single realization's groups are its clusters.
    ConfigError for an unknown name, and for a number below 1 or above that of the clusters.
    """
    from scipy.cluster.hierarchy import leaves_list

    rule = check_choice(groups, consensus)
    _check_number(groups, overlaps.n_clusters)
    levels, evidence = np.zeros(overlaps.n_realizations, np.int64), None
    if consensus == "coassociation" and overlaps.n_realizations > 1:
        from kohorte.ensemble.coassociation import join_clusters

        wanted = groups if rule == "given" else "auto"
        joined = join_clusters(overlaps, wanted, single=single)
        found, tree, leaves = joined.groups, joined.linkage, joined.leaves
        levels, evidence = joined.levels, joined.candidates
        candidates = {} if rule == "given" else {rule: int(found.max()) + 1}
    else:
        distance, tree = build_tree(overlaps)
        leaves = np.arange(overlaps.n_clusters)
        rules = list(RULES) if consensus == "jaccard" else ["separation"]
        candidates = count_groups(overlaps, distance, tree, rules)
        found = _cut(overlaps, tree, candidates[rule] if rule != "given" else int(groups), rule)
    order = leaves_list(tree).astype(np.int64) if len(tree) else np.zeros(1, np.int64)
    return Grouping(
        consensus=consensus,
        linkage=tree,
        leaf_order=leaves[order],
        leaves=leaves,
        groups=_order_by_size(found, overlaps),
        n_groups=int(found.max()) + 1,
        rule=rule,
        candidates=candidates,
        levels=levels,
        evidence=evidence,
    )


def choose_groups(
    overlaps: Overlaps, groups: int | str = "auto", consensus: str = "coassociation"
) -> np.ndarray:
    """Return the groups of group_clusters alone, (K,) int32, at the cost of one rule."""
    if consensus == "coassociation":
        return group_clusters(overlaps, groups, consensus).groups
    rule = check_choice(groups, consensus)
    _check_number(groups, overlaps.n_clusters)
    distance, tree = build_tree(overlaps)
    number = groups if rule == "given" else count_groups(overlaps, distance, tree, [rule])[rule]
    return _order_by_size(_cut(overlaps, tree, int(number), rule), overlaps)


def cut_groups(
    overlaps: Overlaps, numbers: Sequence[int], consensus: str = "coassociation"
) -> list[np.ndarray]:
    """Return the groups of group_clusters, (K,) int32, for several given numbers at once."""
    for number in numbers:
        check_choice(number, consensus)
        _check_number(number, overlaps.n_clusters)
    if consensus == "coassociation" and overlaps.n_realizations > 1:
        from kohorte.ensemble.coassociation import join_clusters, settle_groups

        known = settle_groups(overlaps, numbers)
        cuts = [known[k] if k in known else join_clusters(overlaps, k).groups for k in numbers]
    else:
        _, tree = build_tree(overlaps)
        cuts = [_cut(overlaps, tree, k, "given") for k in numbers]
    return [_order_by_size(cut, overlaps) for cut in cuts]


def _cut(overlaps: Overlaps, tree: np.ndarray, n_groups: int, rule: str) -> np.ndarray:
    if rule == "given":
        return cut_for_points(overlaps, tree, n_groups)
    return cut_tree(tree, n_groups)


def _order_by_size(groups: np.ndarray, overlaps: Overlaps) -> np.ndarray:
    """Renumber groups by the points in their clusters, descending, then by their lowest cluster."""
    points = np.bincount(groups, weights=overlaps.sizes)
    lowest_cluster = np.unique(groups, return_index=True)[1]
    order = np.lexsort([lowest_cluster, -points])
    return np.argsort(order).astype(np.int32)[groups]


def _check_number(groups: int | str, n_clusters: int) -> None:
    if not isinstance(groups, str) and groups > n_clusters:
        raise ConfigError(
            f"groups = {groups}, but all realizations together have {n_clusters} clusters"
        )
