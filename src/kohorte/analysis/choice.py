"""Which map, which parameters? Settings weighted by agreement with the consensus and by errors.

A *setting* is a combination of the swept parameters that a map is trained with. Parameters of the
segmentation alone change neither error, so maps that differ only in these are repeats of one
setting. One setting is better than another where it is at least as good in both errors and better
in one; those that no other is better than are the Pareto front. A front is a trade: more nodes
lower the quantization error.

A map is worth recommending if it says what the ensemble says, so the setting is recommended whose
maps agree best with the consensus. Where settings are equal in that, or there is no consensus of
all of them, a convention chooses from the front, the same for every study, and no more than that:
see `nearest_to_ideal`.

Quantization errors in different metrics cannot be compared. Where the metric is swept, each metric
has a front of its own; and so have scalings, and features that maps see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kohorte._arrays import is_missing
from kohorte._checks import extra
from kohorte.maps.parameters import PARAMETERS, without_effect

if TYPE_CHECKING:
    import pandas as pd


#: Parameters that quantization errors are measured by.
INCOMPARABLE = ("metric", "scaling", "transform", "features", "feature_share")


def pareto_front(qe: npt.ArrayLike, te: npt.ArrayLike) -> np.ndarray:
    """Return which of C settings no other is better than, (C,) bool.

    Equal settings are on the front together. `qe`, `te` (C,) float: errors, lower is better. One
    that is not finite counts as the worst: a map of one node has no topographic error.
    """
    pairs, place = np.unique(_errors(qe, te), axis=0, return_inverse=True)
    # Pairs ascend in qe, then te: one is bettered where an earlier one has as low a te.
    lowest = np.minimum.accumulate(pairs[:, 1])
    on_front = np.append(True, pairs[1:, 1] < lowest[:-1])
    return on_front[place.reshape(-1)]


def nearest_to_ideal(qe: npt.ArrayLike, te: npt.ArrayLike) -> int:
    """Return the index of the recommended one of C >= 1 settings.

    It is the member of the Pareto front nearest (in Euclidean distance) to the ideal point, which
    has the lowest qe and the lowest te of the front, once each error is scaled to [0, 1] over the
    front. An error that does not vary over the front has no say. The two members of a front of two
    are always equally near; the one nearer with both errors scaled over all settings is taken then,
    then the one of lower qe, then the first. Members without a topographic error are left out
    unless there are no others. `qe`, `te` (C,) float: errors, as for `pareto_front`.
    """
    errors = _errors(qe, te)
    front = np.flatnonzero(pareto_front(qe, te))
    whole = np.isfinite(errors[front]).all(axis=1)
    front = front[whole] if whole.any() else front
    over_front, over_all = (
        _distances(errors[front], range_of) for range_of in (errors[front], errors)
    )
    return int(front[np.lexsort([errors[front, 0], over_all, over_front])[0]])


@dataclass(frozen=True, eq=False)
class Choice:
    """The settings of a study and what is recommended."""

    #: One row a setting, in the order of the sweep: its swept parameters, None where one has no
    #: effect on these maps; `repeats`; `qe_mean`, `qe_std`, `te_mean`, `te_std` (of a sample, NaN
    #: for one repeat); `with_consensus`, mean share of the points for which its maps vote as the
    #: consensus does, where that is known; `pareto`, whether it is on the front; `recommended`;
    #: `realization`, id of its best repeat, chosen from its repeats as the setting from all
    settings: pd.DataFrame
    member: np.ndarray  # (R,) int64. Row of `settings` that each realization belongs to.

    def mark(self, realizations: pd.DataFrame) -> pd.DataFrame:
        """Return `realizations` with `pareto`, of a setting, and `recommended`, its best one."""
        recommended = self.settings.loc[self.settings["recommended"], "realization"]
        return realizations.assign(
            pareto=self.settings["pareto"].to_numpy()[self.member],
            recommended=realizations["id"].isin(recommended),
        )


def choose_settings(realizations: pd.DataFrame, swept: Sequence[str]) -> Choice:
    """Weigh the settings of a study.

    `realizations`: one row per trained map: `id`, its parameters, `qe`, `te`, and `with_consensus`
    where there is a consensus of them; `swept`: names of the parameters that vary.
    """
    with extra("figures"):
        import pandas as pd
    names = trained_with(swept)
    member: np.ndarray = np.zeros(len(realizations), dtype=np.int64)
    if names:
        member = realizations.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    _, first = np.unique(member, return_index=True)
    settings = _effective(realizations.iloc[first], names).reset_index(drop=True)
    grouped = realizations.groupby(member)
    settings["repeats"] = grouped.size()
    for error in ("qe", "te"):
        settings[f"{error}_mean"] = grouped[error].mean()
        settings[f"{error}_std"] = grouped[error].std()
    if "with_consensus" in realizations:
        settings["with_consensus"] = grouped["with_consensus"].mean()
    settings["pareto"] = settings["recommended"] = False
    units = error_units(realizations).iloc[first].to_numpy()
    agreeing = _best_agreeing(settings)
    for unit in pd.unique(units):
        rows = np.flatnonzero(units == unit)
        errors = settings[["qe_mean", "te_mean"]].map(_short)
        settings.loc[rows[pareto_front(*errors.iloc[rows].to_numpy().T)], "pareto"] = True
        rows = rows[agreeing[rows]]
        if rows.size:
            best = nearest_to_ideal(*errors.iloc[rows].to_numpy().T)
            settings.loc[rows[best], "recommended"] = True
    settings["realization"] = [_best_repeat(repeats) for _, repeats in grouped]
    return Choice(settings, member)


def _best_agreeing(rows: pd.DataFrame) -> np.ndarray:
    """Return which rows agree best with the consensus; all where that is not known."""
    if "with_consensus" not in rows:
        return np.ones(len(rows), dtype=bool)
    agreement = rows["with_consensus"].map(_short).to_numpy()
    return agreement == agreement.max()


def _best_repeat(repeats: pd.DataFrame) -> str:
    best = repeats[_best_agreeing(repeats)]
    return best["id"].iloc[nearest_to_ideal(best["qe"], best["te"])]


def trained_with(swept: Sequence[str]) -> list[str]:
    """Return the swept parameters that a map is trained with: all but the segmentation's."""
    later = {name for name, row in PARAMETERS.items() if row.section == "segmentation"}
    return [name for name in swept if name not in later]


def error_units(table: pd.DataFrame) -> pd.Series:
    """Return what the quantization errors of the rows are measured in, as text.

    Errors in different ones cannot be compared: in other metrics, scalings, or features. It is the
    metric where nothing of that varies, and else the values that vary.
    """
    names = [name for name in INCOMPARABLE if name in table]
    varying = [name for name in names if table[name].nunique(dropna=False) > 1]
    units = table.iloc[:, 0].map(lambda _: "")
    for name in varying or names[:1]:
        values = table[name].map(str)
        part = values if name == "metric" else f"{name} " + values
        units = units.where(units == "", units + ", ") + part
    return units


def most_telling(realizations: pd.DataFrame, swept: Sequence[str]) -> list[str]:
    """Return the swept parameters that maps are trained with, the one that tells most of qe first.

    How much one tells is the variance of the mean qe of each value, where qe is in parts of the
    mean of those that it can be compared with.
    """
    by_unit = realizations.groupby(error_units(realizations))
    relative = realizations["qe"] / by_unit["qe"].transform("mean")

    def variance(name: str) -> float:
        values = realizations[name]
        return relative.groupby(values, dropna=False).transform("mean").var()

    return sorted(trained_with(swept), key=variance, reverse=True)


def describe_setting(setting: pd.Series, word: Callable[[str], str] = str) -> str:
    """Return the swept parameters of a row of `Choice.settings` as text, `xdim 40, alpha 0.5`.

    Those that are not set, or have no effect, are left out; `word` says what a parameter is called.
    """
    swept = setting[: list(setting.index).index("repeats")]
    if swept.empty:
        return "the only setting"
    known = {word(str(name)): value for name, value in swept.items()}
    texts = [f"{name} {_text(value)}" for name, value in known.items() if not is_missing(value)]
    return ", ".join(texts or [f"{name} none" for name in known])


def describe_choice(
    settings: pd.DataFrame, realizations: pd.DataFrame | None = None
) -> list[tuple[str, str]]:
    """Return what each recommended setting is, with its best realization, and why.

    `realizations`: the table that has `with_consensus` of the maps, where that is why.
    """
    described, is_chosen = [], settings["recommended"]
    units = error_units(settings)
    for unit, (_, chosen) in zip(units[is_chosen], settings[is_chosen].iterrows(), strict=True):
        if "with_consensus" in settings and realizations is not None:
            agreement = realizations.set_index("id")["with_consensus"]
            own = agreement[chosen["realization"]]
            reason = (
                f"votes with the consensus on {own:.1%} of the points, rank "
                f"{(agreement > own).sum() + 1} of {len(agreement)}"
            )
            described.append((f"{describe_setting(chosen)}: {chosen['realization']}", reason))
            continue
        rivals = settings[units == unit]
        on_front = int(rivals["pareto"].sum())
        reason = (
            f"{'nearest to the lowest' if on_front > 1 else 'lowest'} quantization and topographic "
            f"error ({on_front} of {len(rivals)} settings on the Pareto front)"
        )
        described.append((f"{describe_setting(chosen)}: {chosen['realization']}", reason))
    return described


def _effective(parameters: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the named columns of a table of parameters, None where a value has no effect."""
    rows = [
        {str(name): None if is_missing(value) else value for name, value in row.items()}
        for row in parameters.to_dict("records")
    ]
    # The sides of a lattice are numbers here, also those that were found with these two.
    idle = [without_effect(row) - {"ratio", "nodes"} for row in rows]
    chosen = parameters[names].copy()
    for name in names:
        has_effect = np.array([name not in without for without in idle])
        if not has_effect.all():
            chosen[name] = chosen[name].astype(object).where(has_effect, None)
    return chosen


def _errors(qe: npt.ArrayLike, te: npt.ArrayLike) -> np.ndarray:
    errors = np.column_stack([qe, te]).astype(np.float64)
    return np.where(np.isfinite(errors), errors, np.inf)


def _distances(errors: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return distances of (C, 2) errors to the lowest, each in parts of its range `among` some.

    Infinite errors are as far as the largest finite one.
    """
    squares = np.zeros(len(errors))
    for column, others in zip(errors.T, among.T, strict=True):
        known = others[np.isfinite(others)]
        if known.size:
            low, high = known.min(), known.max()
            part = np.isinf(column).astype(np.float64)
            if low < high:
                part = np.minimum((column - low) / (high - low), 1.0)
            squares += part**2
    # ASSUME: rounding makes the choice independent of the last bits of the errors
    return np.round(np.sqrt(squares), 9)


def _short(value: float) -> float:
    """Twelve digits: means that differ only in the rounding of their sums are equal."""
    return float(f"{value:.12g}")


def _text(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
