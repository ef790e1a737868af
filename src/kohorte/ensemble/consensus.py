"""Consensus of an ensemble: clusters of all realizations grouped, points labelled by vote.

Clusters are compared by the Jaccard distance 1 - n / u of their points, which the contingency
counts give, and joined by average linkage. The tree is cut into a number of groups that is given
or follows from a rule. A point belongs to the group that most of its clusters are in; the share of
these votes is its confidence. A given number counts groups that hold points, a rule all branches.
"""

from dataclasses import dataclass

import numpy as np

from kohorte._checks import choose
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.tree import RULES, build_tree, count_groups, cut_for_points, cut_tree
from kohorte.errors import ConfigError

DEFAULT_RULE = "agreement"
"""Rule that finds the number of groups unless another is named; see tree.RULES for all."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Clusters of all realizations in groups, from their counts alone.

    `linkage` (K - 1, 4) float64 is the average-linkage tree of the clusters in SciPy's form, and
    `leaf_order` (K,) int64 has them in the order of its leaves. `groups` (K,) int32 is the group of
    each: ordered by the points in their clusters, descending, then by their lowest cluster. `rule`
    gave `n_groups`, or is ``given``; `candidates` has the number of groups by every rule.
    """

    linkage: np.ndarray
    leaf_order: np.ndarray
    groups: np.ndarray
    n_groups: int
    rule: str
    candidates: dict[str, int]


def split_choice(groups: int | str) -> tuple[int | str, str]:
    """Return n_groups and rule for one choice: a number, ``auto``, or a name of tree.RULES."""
    if isinstance(groups, str) and groups != "auto":
        return "auto", groups
    return groups, DEFAULT_RULE


def limit_groups(groups: int | str, overlaps: Overlaps) -> int | str:
    """Limit a choice of groups, for a part of what it was made for, to the part's clusters."""
    return groups if isinstance(groups, str) else min(groups, overlaps.n_clusters)


def group_clusters(
    overlaps: Overlaps, n_groups: int | str = "auto", rule: str = DEFAULT_RULE
) -> Grouping:
    """Group the clusters of all realizations without touching a point.

    `n_groups` is a number, or ``auto`` for that of `rule`, a name of tree.RULES. ConfigError for an
    unknown rule, and for n_groups below 1 or above the number of clusters.
    """
    from scipy.cluster.hierarchy import leaves_list

    _check_n_groups(n_groups, rule, overlaps.n_clusters)
    distance, tree = build_tree(overlaps)
    candidates = count_groups(overlaps, distance, tree, list(RULES))
    if n_groups == "auto":
        groups = cut_tree(tree, candidates[rule])
    else:
        groups, rule = cut_for_points(overlaps, tree, int(n_groups)), "given"
    return Grouping(
        linkage=tree,
        leaf_order=leaves_list(tree).astype(np.int64) if len(tree) else np.zeros(1, np.int64),
        groups=_order_by_size(groups, overlaps),
        n_groups=int(groups.max()) + 1,
        rule=rule,
        candidates=candidates,
    )


def choose_groups(
    overlaps: Overlaps, n_groups: int | str = "auto", rule: str = DEFAULT_RULE
) -> np.ndarray:
    """Return the groups of group_clusters alone, (K,) int32, at the cost of one rule."""
    _check_n_groups(n_groups, rule, overlaps.n_clusters)
    distance, tree = build_tree(overlaps)
    if n_groups == "auto":
        groups = cut_tree(tree, count_groups(overlaps, distance, tree, [rule])[rule])
    else:
        groups = cut_for_points(overlaps, tree, int(n_groups))
    return _order_by_size(groups, overlaps)


def _order_by_size(groups: np.ndarray, overlaps: Overlaps) -> np.ndarray:
    """Renumber groups by the points in their clusters, descending, then by their lowest cluster."""
    points = np.bincount(groups, weights=overlaps.sizes)
    lowest_cluster = np.unique(groups, return_index=True)[1]
    order = np.lexsort([lowest_cluster, -points])
    return np.argsort(order).astype(np.int32)[groups]


def _check_n_groups(n_groups: int | str, rule: str, n_clusters: int) -> None:
    if n_groups == "auto":
        choose(RULES, rule, "rule for groups")
        return
    if isinstance(n_groups, bool | str) or int(n_groups) != n_groups or n_groups < 1:
        raise ConfigError(f"n_groups must be 'auto' or a positive whole number, not {n_groups!r}")
    if n_groups > n_clusters:
        raise ConfigError(
            f"n_groups = {n_groups}, but all realizations together have {n_clusters} clusters"
        )
