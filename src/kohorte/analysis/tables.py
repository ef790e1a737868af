"""The tables of a study, from plain results: ids, counts, groups and labels.

They are those of `tables/*.csv`, for any ensemble: `SOMEnsemble.ensemble_` and the labels of its
maps give the same as the files of a study.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte._checks import extra
from kohorte._limits import MAX_ROWS
from kohorte.analysis.boundaries import boundary_table
from kohorte.analysis.choice import choose_settings
from kohorte.analysis.composition import composition_frame
from kohorte.analysis.evaluation import Evaluation
from kohorte.analysis.exchange import exchange_frame
from kohorte.analysis.features import feature_frame, feature_table, variance_shares
from kohorte.analysis.profiles import profile_frame, profile_study, units_of
from kohorte.analysis.reliability import empty_reliability, reliability_frame
from kohorte.analysis.tallies import StudyPoints, open_points, tally_study
from kohorte.data.table import Beside, free_name
from kohorte.ensemble.consensus import Candidates
from kohorte.ensemble.effects import parameter_effects
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.points import signal_classes
from kohorte.ensemble.stability import bootstrap_gsum, group_stability
from kohorte.ensemble.votes import in_doubt
from kohorte.errors import DataError
from kohorte.provenance import portable_path
from kohorte.structure import Structure, match_groups, read_structure

with extra("figures"):
    import pandas as pd

_LOG = logging.getLogger(__name__)

#: Rows of the table of evidence.
MAX_CANDIDATES = 50

#: Columns of `realizations` for the measures of quality with a short name; others keep theirs.
SHORT = {"qe": "quantization_error", "te": "topographic_error"}
#: Rows of the table of points that are foreign or in doubt.
MAX_NOTABLE = 1000

_CLUSTERS = ["realization", "cluster", "size", "gsum", "rank", "sce_group", "consensus_group"]
_POINTS = [
    *("confidence", "second", "second_share", "signal"),
    *("novelty", "is_outlier"),  # where there are maps
]
_STABILITY = [
    *("realization", "cluster", "consensus_group", "gsum", "gsum_low", "gsum_high"),
    *("rank", "rank_low", "rank_high"),
]
_EFFECTS = ["parameter", "first", "second", "agreement", "within", "between", "p_value"]
_EFFECTS += ["chance_low", "chance_high"]
_EVIDENCE = ["level", "n_groups", "lift", "next_lift", "separation", "support", "score"]
_METHODS = ["method", "ari", "ami", "accuracy", "n_groups", "points"]
_CLASSES = ["method", "class", "points", "precision", "recall"]


def map_table(maps: Iterable[store.StoredRealization], n_points: int) -> pd.DataFrame:
    """Return one row per trained map: id, every parameter, seed, quality, clusters and time.

    `n_points`: points that the quality is of.
    """
    table = pd.DataFrame(
        {
            "id": stored.id,
            **stored.parameters,
            "repeat": stored.repeat,
            "seed": stored.seed,
            **{short: stored.quality[name] for short, name in SHORT.items()},
            "n_clusters": stored.n_clusters,
            "seconds": sum(stored.seconds.values()),
            **{k: v for k, v in stored.quality.items() if k not in SHORT.values()},
        }
        for stored in maps
    )
    table["te_low"], table["te_high"] = share_interval(table["te"].to_numpy(), n_points)
    return table


def share_interval(share: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of the 95 % interval of shares of so many points, NaN for NaN.

    The score interval (Wilson, JASA 22 (1927) 209): how far a share would move with other points
    of the same kind. For the topographic error POPSOM resamples its points; the share of n that
    are resampled is binomial, so that nothing need be drawn, and here 0 of n is not certain.
    """
    z2 = 1.959963984540054**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def file_table(
    files: Mapping[str, str], overlaps: Overlaps, copies: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return one row per label file, by the paths of the realizations.

    `overlaps`: counts of all but the `copies`, whose originals are given by id.
    """
    of = {identifier: (copies or {}).get(identifier, identifier) for identifier in files}
    counts = dict(zip(dict.fromkeys(of.values()), np.diff(overlaps.offsets), strict=True))
    clusters = [counts[original] for original in of.values()]
    names = [portable_path(file) for file in files.values()]
    return pd.DataFrame({"id": list(files), "file": names, "n_clusters": clusters})


def cluster_table(
    ids: Sequence[str],
    overlaps: Overlaps,
    *,
    gsum: np.ndarray,
    rank: np.ndarray,
    sce_group: np.ndarray,
    consensus_group: np.ndarray,
) -> pd.DataFrame:
    """Return one row per cluster, by descending significance.

    `ids`: R realizations; `overlaps`: their counts, with K clusters; `gsum`, `rank`, `sce_group`,
    `consensus_group` (K,): significance, rank from 1 and groups of each cluster.
    """
    columns = [
        *(_names_of(ids, overlaps), overlaps.cluster, overlaps.sizes),
        *(gsum, rank, sce_group, consensus_group),
    ]
    return _frame(_CLUSTERS, columns).sort_values("rank")


def point_table(
    rows: Sequence[int] | np.ndarray, beside: Beside | None = None, **columns: np.ndarray
) -> pd.DataFrame:
    """Return one row per point, with the row of the source that it came from.

    `rows`: N rows of the source; above MAX_ROWS of them the table has its header only. `beside`:
    what the source has beside the features: names and samples come first, what is carried last; a
    column of it that is called as one of the table gets an underscore at its end. `**columns` (N,):
    what is known of the points.
    """
    beside = beside or Beside()
    first = {**beside.ids, **beside.groups}
    last = {name: values for name, values in beside.carried.items() if name not in first}
    taken = {"row", *columns}
    found = {
        "row": rows,
        **{free_name(name, taken): values for name, values in first.items()},
        **columns,
        **{free_name(name, taken): values for name, values in last.items()},
    }
    if len(rows) > MAX_ROWS:
        return pd.DataFrame(columns=list(found))
    return pd.DataFrame(found)


def notable_table(points: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `point_table` that are foreign or in doubt, with `why`, MAX_NOTABLE.

    Foreign points come first, the most novel one at the top; then those in doubt, by confidence.
    """
    shares = (points[name].to_numpy(dtype=float) for name in ("confidence", "second_share"))
    doubtful, foreign = in_doubt(*shares), np.zeros(len(points), dtype=bool)
    novelty = np.zeros(len(points))
    if "is_outlier" in points:
        foreign = points["is_outlier"].to_numpy(dtype=bool)
        novelty = np.where(foreign, points["novelty"].to_numpy(dtype=float), 0.0)
    order = np.lexsort([points["confidence"].to_numpy(dtype=float), -novelty])
    chosen = order[(foreign | doubtful)[order]][:MAX_NOTABLE]
    words = np.array(["", "foreign", "in doubt", "foreign, in doubt"])
    why = words[foreign + 2 * doubtful]
    found = points.iloc[chosen].copy()
    found.insert(1, free_name("why", points.columns), why[chosen])
    return found


def stability_table(
    ids: Sequence[str],
    overlaps: Overlaps,
    groups: np.ndarray,
    *,
    seed: int,
    resamples: int = 1000,
    identical: str = "resolved",
) -> pd.DataFrame:
    """Return significance and rank of each cluster with 95 % intervals, by descending significance.

    `ids`: R realizations; a single one has no intervals, and the table no rows. `overlaps`: their
    counts, with K clusters. `groups` (K,) integers: consensus group of each cluster. `seed`: seed
    of the bootstrap over realizations. `resamples`, `identical`: as for `bootstrap_gsum`.
    """
    if len(ids) < 2:
        return pd.DataFrame(columns=_STABILITY)
    rng = np.random.default_rng(seed)
    found = bootstrap_gsum(overlaps, rng, resamples=resamples, identical=identical)
    columns = [
        *(_names_of(ids, overlaps), overlaps.cluster, groups),
        *(found.gsum, found.gsum_low, found.gsum_high),
        *(found.rank + 1, found.rank_low + 1, found.rank_high + 1),
    ]
    return _frame(_STABILITY, columns).sort_values("rank")


def group_table(
    overlaps: Overlaps,
    groups: np.ndarray,
    labels: np.ndarray,
    confidence: np.ndarray,
    second_share: np.ndarray,
) -> pd.DataFrame:
    """Return one row per consensus group: its size, and how often and how alike it is found.

    `overlaps`: counts of the K clusters. `groups` (K,) integers: group of each of them. `labels`
    (N,) integers: group of each point, -1 where it has none. `confidence`, `second_share` (N,)
    float: shares of the votes for it and for the second choice, which say what is `doubtful`; NaN
    stands for the mean of a group without points.
    """
    count = int(groups.max()) + 1
    held = labels >= 0  # others are in no group
    doubtful = in_doubt(confidence, second_share)
    return group_frame(
        overlaps,
        groups,
        points=np.bincount(labels[held], minlength=count),
        confidence=np.bincount(labels[held], confidence[held], minlength=count),
        doubtful=np.bincount(labels[held & doubtful], minlength=count),
    )


def group_frame(
    overlaps: Overlaps,
    groups: np.ndarray,
    *,
    points: np.ndarray,
    confidence: np.ndarray,
    doubtful: np.ndarray,
) -> pd.DataFrame:
    """Return the table of `group_table` of counts and sums over the points of each group, (G,)."""
    count = int(groups.max()) + 1
    stable = group_stability(overlaps, groups)
    mean = np.divide(confidence, points, out=np.full(count, np.nan), where=points > 0)
    return pd.DataFrame(
        {
            "group": np.arange(count),
            "points": points,
            "clusters": np.bincount(groups, minlength=count),
            "found": stable.found,
            "jaccard": stable.jaccard,
            "cohesion": stable.cohesion,
            "mean_confidence": mean,
            "doubtful": doubtful,
        }
    )


def evidence_table(evidence: Candidates | None) -> pd.DataFrame:
    """Return one row per number of groups in a level of fineness, the best first, MAX_CANDIDATES.

    `evidence` is that of `kohorte.ensemble.consensus.Grouping`; where there is none, as for the
    Jaccard tree, the table has its header only.
    """
    if evidence is None:
        return pd.DataFrame(columns=_EVIDENCE)
    return pd.DataFrame({name: getattr(evidence, name)[:MAX_CANDIDATES] for name in _EVIDENCE})


def structure_table(structure: Structure | None) -> pd.DataFrame:
    """Return one row per number of groups: what speaks for it, and p; the first row is of any.

    A header only where there was no comparison.
    """
    columns = ["n_groups", "score", "expected", "contact", "expected_contact", "p_value"]
    if structure is None:
        return pd.DataFrame(columns=columns)
    rows = [("any", structure.any_number), *structure.numbers.items()]
    return pd.DataFrame(
        [(k, c.score, c.expected, c.contact, c.expected_contact, c.p) for k, c in rows],
        columns=columns,
    )


def agreement_table(ids: Sequence[str], ari: np.ndarray, nmi: np.ndarray) -> pd.DataFrame:
    """Return one row per pair of R realizations, from (R, R); a header only above MAX_ROWS."""
    first, second = np.triu_indices(len(ids), k=1)
    if len(first) > MAX_ROWS:
        first, second = first[:0], second[:0]
    return pd.DataFrame(
        {
            "first": [ids[k] for k in first.tolist()],
            "second": [ids[k] for k in second.tolist()],
            "ari": ari[first, second],
            "nmi": nmi[first, second],
        }
    )


def effects_table(overlaps: Overlaps, parameters: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return one row per parameter and pair of its values: whether it matters for the partition.

    `overlaps`: counts of R realizations. `parameters`: R rows, a column for each parameter; a
    missing value is one like any other. `seed`: seed of the permutations behind the p-values.
    """
    # NaN is not even equal to itself.
    columns = parameters.astype(object)
    found = columns.where(columns.notna(), None).to_dict("list")
    values = {str(name): column for name, column in found.items()}
    effects = parameter_effects(overlaps, values, np.random.default_rng(seed))
    rows = [
        (name, e.values[i], e.values[j], e.agreement[i, j], e.within, e.between, e.p_value)
        + (e.chance_low, e.chance_high)
        for name, e in effects.items()
        for i in range(len(e.values))
        for j in range(i, len(e.values))
    ]
    # Values of different parameters stand in one column, each written in its own type.
    return pd.DataFrame(rows, columns=_EFFECTS, dtype=object)


def evaluation_table(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Return one row per method of `evaluate_ensemble`: how its labels reproduce the classes."""
    rows = [
        (name, e.ari, e.ami, e.accuracy, len(e.clusters), int(e.confusion.sum()))
        for name, e in evaluations.items()
    ]
    return pd.DataFrame(rows, columns=_METHODS)


def class_table(evaluations: Mapping[str, Evaluation], class_names: Sequence[str]) -> pd.DataFrame:
    """Return one row per method and class: precision and recall after the optimal matching.

    `class_names` are those of the classes 0, 1, ...; text is its own name. DataError for a class
    without a name.
    """
    rows = [
        (method, _name_class(code, class_names), size, precision, recall)
        for method, e in evaluations.items()
        for code, size, precision, recall in zip(
            e.classes, e.confusion.sum(axis=1), e.precision, e.recall, strict=True
        )
    ]
    return pd.DataFrame(rows, columns=_CLASSES)


def _name_class(code: Any, names: Sequence[str]) -> str:
    if isinstance(code, str):
        return str(code)
    if not 0 <= code < len(names):
        raise DataError(f"class {code} has no name: there are names of 0 to {len(names) - 1}")
    return names[code]


def tabulate_study(
    labels: store.LabelArrays,
    *,
    ensemble: str | Path,
    data: str | Path | None,
    indexes: Sequence[str | Path],
    files: Mapping[str, str],
    swept: Sequence[str],
    seed: int,
    resamples: int,
    structure: Sequence[str | Path] = (),
    signal_cuts: Sequence[float] | None = None,
    gathered: Sequence[str | Path] = (),
) -> dict[str, pd.DataFrame]:
    """Return the tables of a finished study by name, all but those that need more than counts.

    `labels`: labels of all realizations; `ensemble`, `data`: the study's `ensemble.h5` and, where
    there is a table, `data.h5`; `indexes`, `files`: indexes that list the maps, or the label files
    by realization; `swept`: names of the parameters that vary; `seed`, `resamples`: seed of
    bootstrap and permutations, and resamples of the bootstrap; `structure`: files of what speaks
    for groups in the table and its references, where these were made; `signal_cuts`: values of the
    stacked signal at which classes of points begin, which are then judged, too; `gathered`: as for
    `kohorte.analysis.tallies.tally_study`.
    """
    where: Any = {"ensemble": ensemble, "data": data, "signal_cuts": signal_cuts}
    with open_points(labels, **where) as points:
        tallies = tally_study(points, gathered)
        stored, table = points.ensemble, points.table
        overlaps, ids = stored.overlaps, stored.realizations.ids
        clusters, groups = stored.clusters, stored.clusters.consensus_group
        count, found = stored.consensus.n_groups, tallies.found
        maps = () if files else store.listed_realizations(indexes)
        tables = {}
        if files:
            realizations = file_table(files, overlaps, labels.copies)
        else:
            realizations = map_table(map(store.read_realization, maps), stored.n_points)
        voted = pd.Series(stored.realizations.with_consensus, ids)
        realizations["same_as"] = realizations["id"].map(labels.copies).astype(object)
        # A copy does not vote, and would as its original.
        voters = realizations["same_as"].fillna(realizations["id"])
        realizations["with_consensus"] = voters.map(voted)
        if not files:
            choice = choose_settings(realizations, swept)
            realizations = choice.mark(realizations)
            tables["choice"] = choice.settings
        voting = realizations[realizations["same_as"].isna()]
        scores: dict[str, Evaluation] = {}
        names: tuple[str, ...] = ()
        if points.truth is None:
            _LOG.info("no label in the data: the tables of classes have a header only")
        else:
            assert table is not None
            names = table.class_names or ()
            scores = tallies.evaluations(ids.index(stored.realizations.representative))
        of_points = _tabulate_points(points, data, names)
        totals = {
            "points": found["counts/points"][:-1],
            "confidence": found["sums/confidence"],
            "doubtful": found["counts/doubtful"],
        }
        of_groups = group_frame(overlaps, groups, **totals)
        compared = read_structure(structure)
        if compared is not None:
            own = np.asarray(points.arrays["label"][compared.rows])
            of_groups = of_groups.assign(**match_groups(compared, own, count))
        if points.samples:
            tables["composition"] = composition_frame(tallies.samples(), count)
        reliability = empty_reliability()
        if "counts/reliability" in found:
            kinds = ("counts", "sums")
            reliability = reliability_frame(*(found[f"{kind}/reliability"] for kind in kinds))
        profiles, features = profile_study(None, np.empty(0), count), feature_table(None, groups)
        if table is not None:
            shares = variance_shares(tallies.variances()), tallies.explained()
            features = feature_frame(table.names, *shares, maps)
            if tallies.orders:
                every = np.arange(count)
                profiles = profile_frame(tallies.profiles(), table.names, every, units_of(table))
            else:
                profiles = profile_study(table, points.arrays["label"][:], count)
        how: Any = {"resamples": resamples, "identical": stored.options["identical"]}
        return tables | {
            "realizations": realizations,
            "clusters": cluster_table(
                ids, overlaps, **{name: getattr(clusters, name) for name in _CLUSTERS[3:]}
            ),
            "points": of_points,
            "notable": notable_table(of_points),
            "reliability": reliability,
            "stability": stability_table(ids, overlaps, groups, seed=seed, **how),
            "groups": of_groups,
            "group_features": profiles,
            "features": features,
            "exchange": exchange_frame(
                count,
                found["counts/exchange"],
                found["counts/exchange_doubtful"],
                found["sums/exchange"],
            ),
            "boundaries": boundary_table(
                overlaps, groups, points.arrays["label"], points.features, seed=seed
            ),
            "structure": structure_table(compared),
            "evidence": evidence_table(stored.consensus.evidence),
            "agreement": agreement_table(ids, stored.realizations.ari, stored.realizations.nmi),
            "effects": effects_table(overlaps, voting[list(swept)], seed=seed),
            "evaluation": evaluation_table(scores),
            "classes": class_table(scores, names),
        }


def _tabulate_points(
    points: StudyPoints, data: str | Path | None, names: Sequence[str]
) -> pd.DataFrame:
    """Return the table of the points of a study, a header only above MAX_ROWS of them."""
    count = points.ensemble.n_points
    every = slice(0, count if count <= MAX_ROWS else 0)
    known = {"group": points.arrays["label"][every]}
    known |= {name: points.arrays[name][every] for name in _POINTS if name in points.arrays}
    if points.signal_cuts:
        known["signal_class"] = signal_classes(points.arrays["signal"][every], points.signal_cuts)
    if points.truth is not None:
        # The last is that of -1.
        known["class"] = np.array([*names, ""], dtype=object)[points.truth[every]]
    beside = store.read_beside(data, rows=every) if data else None
    rows = range(count) if points.table is None else points.table.rows
    return point_table(rows[every], beside, **known)


def _names_of(ids: Sequence[str], overlaps: Overlaps) -> list[str]:
    """Return the realization of each cluster, (K,)."""
    return [ids[k] for k in overlaps.realization]


def _frame(names: Sequence[str], columns: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(names, columns, strict=True)))
