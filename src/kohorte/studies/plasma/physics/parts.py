"""Groups of cells and their structures, measured in parts of a grid that add up.

A part has some planes of the first axis. The pieces of a structure in each part are joined where
parts meet, so that no part needs more of the grid than the planes beside it; what is summed is kept
for each part and added in the order of the parts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from kohorte._checks import choose
from kohorte._tallies import Tally, add_blocks, merge_tallies
from kohorte.errors import DataError
from kohorte.studies.plasma.costs import ROUNDS
from kohorte.studies.plasma.fields.grid import Grid
from kohorte.studies.plasma.physics.groups import (
    CURRENT,
    CURRENT_DENSITY,
    DISSIPATION,
    Grouping,
    GroupSums,
)
from kohorte.studies.plasma.physics.structures import (
    CONNECTIVITIES,
    Joined,
    border_steps,
    distances_of_rows,
    join_pieces,
    piece_moments,
    touching_pieces,
)

_LOG = logging.getLogger(__name__)

#: Field that tells double sheets from single ones.
ASYMMETRY = "j_asym"

#: What is summed over structures: field, and how; None is the distance from the border.
SUMS: tuple[tuple[str | None, str], ...] = (
    (None, "sum"),
    (CURRENT, "sum"),
    (CURRENT, "largest"),
    (ASYMMETRY, "largest"),
    (DISSIPATION, "sum"),
    (CURRENT_DENSITY, "squares"),
)


class CellTallies:
    """What groups of cells are: `n_rounds` of `count` for parts and `take` for all of them.

    Arguments are those of `kohorte.studies.plasma.physics.tables.measure_cells`.
    """

    def __init__(
        self,
        groupings: Sequence[Grouping],
        values: Mapping[str, Any],
        grid: Grid,
        parts: Sequence[slice],
        *,
        threshold: float = 2.0,
        connectivity: str = "faces",
        radius: float | None = None,
    ) -> None:
        self.groupings, self.values, self.grid = list(groupings), values, grid
        self.parts, self.threshold, self.radius = list(parts), threshold, radius
        self.corners = choose(CONNECTIVITIES, connectivity, "connectivity")
        self.limit: float | None = None
        self.totals: dict[str, float] = {}
        self.sums: list[GroupSums] = []
        self.joined: dict[tuple[int, int], Joined] = {}
        self.of_structures: dict[tuple[int, int], np.ndarray] = {}
        self._before: dict[tuple[int, int], np.ndarray] = {}  # pieces before those of each part

    n_rounds = ROUNDS

    @property
    def has_asymmetry(self) -> bool:
        """Whether double sheets can be told from single ones."""
        return self.radius is not None and {CURRENT, ASYMMETRY} <= self.values.keys()

    def count(self, turn: int, part: int) -> Tally:
        """Tally a part in a round; those before have been taken."""
        rows = self.parts[part]
        return (self._count_totals, self._count_pieces, self._count_structures)[turn](part, rows)

    def take(self, turn: int, tally: Tally) -> None:
        """Take in the tally of all parts in a round."""
        (self._take_totals, self._take_pieces, self._take_structures)[turn](tally)

    def run(self, gathered: Sequence[Tally] = ()) -> None:
        """Take all rounds: those `gathered` in jobs, or what is counted here."""
        for turn in range(self.n_rounds):
            every = (self.count(turn, part) for part in range(len(self.parts)))
            self.take(turn, gathered[turn] if gathered else merge_tallies(every))

    def _count_totals(self, part: int, rows: slice) -> Tally:
        found: Tally = {}
        for name in (n for n in (CURRENT, DISSIPATION, CURRENT_DENSITY) if n in self.values):
            block = np.asarray(self.values[name][rows], dtype=np.float64)
            total = block.sum() if name == DISSIPATION else np.square(block).sum()
            found[f"sums/{name}"] = np.array([total])
        return found

    def _take_totals(self, tally: Tally) -> None:
        self.totals = {
            name.partition("/")[2]: float(add_blocks(value)) for name, value in tally.items()
        }
        if CURRENT not in self.values:
            return
        rms = float(np.sqrt(self.totals.pop(CURRENT) / self.grid.n_cells))
        if not np.isfinite(rms):
            raise DataError(f"field {CURRENT!r} holds values that are not finite")
        self.limit = limit = self.threshold * rms
        _LOG.info("root mean square of %s: %g, threshold %g", CURRENT, rms, limit)

        def above(rows: slice) -> np.ndarray:
            values = np.asarray(self.values[CURRENT][rows], np.float64)
            return (np.abs(values) > limit).astype(np.uint8)

        self.groupings.append(Grouping("threshold", 2, above))

    def _groups(self) -> Iterator[tuple[int, int]]:
        for number, grouping in enumerate(self.groupings):
            for group in range(grouping.n_groups):
                yield number, group

    def _label(self, groups: Sequence[np.ndarray], key: tuple[int, int]) -> tuple[np.ndarray, int]:
        """Return the pieces of a group in a part, numbered from 1, and how many they are."""
        dims = len(self.grid.shape)
        joined = ndimage.generate_binary_structure(dims, dims if self.corners else 1)
        mask = groups[key[0]] == key[1]
        labels, count = ndimage.label(mask, joined, output=np.int32)
        return labels, int(count)

    def _read(self, rows: slice) -> list[np.ndarray]:
        shape = (rows.stop - rows.start, *self.grid.shape[1:])
        return [np.asarray(g.read(rows)).reshape(shape) for g in self.groupings]

    def _count_pieces(self, part: int, rows: slice) -> Tally:
        names = list(self.values)
        found: Tally = {}
        groups = self._read(rows)
        block = [np.asarray(self.values[n][rows], dtype=np.float64).ravel() for n in names]
        above = None
        if self.limit is not None:
            above = np.abs(block[names.index(CURRENT)]) > self.limit
        for number, grouping in enumerate(self.groupings):
            sums = GroupSums(grouping.n_groups, len(names))
            sums.add(groups[number].ravel(), block, above)
            found |= {f"sums/{number}/{name}": value[None] for name, value in vars(sums).items()}
        # The part before it, over a periodic border that of the end.
        first, periodic = part == 0, self.grid.periodic[0]
        before = self._read(self.parts[part - 1]) if not first or periodic else None
        for key in self._groups():
            labels, count = self._label(groups, key)
            name = f"{key[0]}-{key[1]}"
            found[f"rows/{name}/pieces"] = np.array([[part, count]])
            moments = piece_moments(labels, count, rows.start)
            for what, values in zip(("cells", "first", "second"), moments, strict=True):
                found[f"rows/{name}/{what}"] = values
            last = None if before is None else self._label(before, key)[0][-1]
            for what, contacts in self._contacts(labels, last, part):
                found[f"rows/{name}/{what}"] = contacts
        return found

    def _contacts(
        self, labels: np.ndarray, last: np.ndarray | None, part: int
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the pieces of a part that touch each other or those on the plane before it.

        (E, 4 + D) int64: part and number of both, and how many periods are between them. Those that
        touch within the grid are `inside`, others have the step over the border.
        """
        periodic, dims = self.grid.periodic, len(self.grid.shape)
        former, around = (part - 1) % len(self.parts), int(part == 0)

        def listed(pieces: np.ndarray, one: int, other: int) -> np.ndarray:
            parts = np.full((len(pieces), 1), one), np.full((len(pieces), 1), other)
            return np.hstack([parts[0], pieces[:, :1], parts[1], pieces[:, 1:]])

        if last is not None and not around:
            nothing = (False,) * dims
            every = border_steps(dims, (True, *nothing[1:]), self.corners)
            inside = [
                touching_pieces(last, labels[0], 0, step, nothing, around=0) for _, step in every
            ]
            yield "inside", listed(np.unique(np.vstack(inside), axis=0), former, part)
        for axis, step in border_steps(dims, periodic, self.corners):
            found = [np.empty((0, 4 + dims), dtype=np.int64)]
            if axis == 0:
                if around and last is not None:
                    pieces = touching_pieces(last, labels[0], 0, step, periodic)
                    found.append(listed(pieces, former, part))
            else:
                found += self._over_planes(labels, last, part, axis, step, listed)
            together = np.unique(np.vstack(found), axis=0)
            if len(together):
                yield f"border_{axis}_{'_'.join(map(str, step))}", together

    def _over_planes(
        self,
        labels: np.ndarray,
        last: np.ndarray | None,
        part: int,
        axis: int,
        step: tuple[int, ...],
        listed: Any,
    ) -> list[np.ndarray]:
        """Return contacts over the border of an axis other than the first."""
        periodic, former = self.grid.periodic, (part - 1) % len(self.parts)
        around = int(part == 0)
        # Lines along the border: from plane to plane no border of the first axis is looked at.
        inner = (False, *periodic[1:])
        ends, begins = labels.take(-1, axis), labels.take(0, axis)

        def touch(one: np.ndarray, other: np.ndarray) -> np.ndarray:
            return touching_pieces(one, other, axis, (0, *step[1:]), inner)

        if step[0] == 0:
            return [listed(touch(ends, begins), part, part)]
        found = []
        if len(labels) > 1:
            pair = (ends[:-1], begins[1:]) if step[0] == 1 else (ends[1:], begins[:-1])
            found.append(listed(touch(*pair), part, part))
        if last is not None:
            edge = last[None]
            if step[0] == 1:
                pieces = touch(edge.take(-1, axis), begins[:1])
                pieces[:, 2] += around
                found.append(listed(pieces, former, part))
            else:
                pieces = touch(ends[:1], edge.take(0, axis))
                pieces[:, 2] -= around
                found.append(listed(pieces, part, former))
        return found

    def _take_pieces(self, tally: Tally) -> None:
        names, dims = ("cells", "above", "first", "second"), len(self.grid.shape)
        for number, grouping in enumerate(self.groupings):
            sums = GroupSums(grouping.n_groups, len(self.values))
            for name in names:
                setattr(sums, name, add_blocks(tally[f"sums/{number}/{name}"]))
            self.sums.append(sums)
        for key in self._groups():
            own = {
                name.split("/", 2)[2]: value
                for name, value in tally.items()
                if name.startswith(f"rows/{key[0]}-{key[1]}/")
            }
            counts = own["pieces"][:, 1]
            before = np.cumsum(counts) - counts
            n_pieces = int(counts.sum())
            none = np.empty((0, 4 + dims), dtype=np.int64)
            inside = _numbered(own.get("inside", none), before)
            whole = _whole_pieces(inside, n_pieces)
            cells, first, second = (_add_up(own[n], whole) for n in ("cells", "first", "second"))
            contacts = [
                np.unique(_of_wholes(_numbered(own[name], before), whole), axis=0)
                for axis, step in border_steps(dims, self.grid.periodic, self.corners)
                if (name := f"border_{axis}_{'_'.join(map(str, step))}") in own
            ]
            touching = np.vstack(contacts) if contacts else none[:, 2:]
            found = join_pieces((cells, first, second), touching, self.grid)
            renumber = np.concatenate([[0], found.renumber[1 + whole]]).astype(np.int32)
            self.joined[key] = Joined(renumber, *list(vars(found).values())[1:])
            self._before[key] = before

    def _count_structures(self, part: int, rows: slice) -> Tally:
        found: Tally = {}
        groups = self._read(rows)
        fields = {
            name: self._asymmetry(rows) if name == ASYMMETRY else self.values[name][rows]
            for name in {name for name, _ in SUMS if name}
            if name in self.values and (name != ASYMMETRY or self.has_asymmetry)
        }
        fields = {name: np.asarray(v, dtype=np.float64) for name, v in fields.items()}
        for key in self._groups():
            labels, _ = self._label(groups, key)
            held = labels > 0
            pieces = labels[held].astype(np.int64) + self._before[key][part]
            ids, at = np.unique(self.joined[key].renumber[pieces], return_inverse=True)
            distances = self._distances(key, rows)
            sums = np.full((len(ids), len(SUMS)), np.nan)
            for column, (name, how) in enumerate(SUMS):
                if name is not None and name not in fields:
                    continue
                numbers = distances if name is None else fields[name][held]
                if how == "largest":
                    largest = np.zeros(len(ids))
                    np.maximum.at(largest, at, np.abs(numbers))
                    sums[:, column] = largest
                else:
                    weights = numbers**2 if how == "squares" else numbers
                    sums[:, column] = np.bincount(at, weights, minlength=len(ids))
            found[f"rows/{key[0]}-{key[1]}/ids"] = ids.astype(np.int64)
            found[f"rows/{key[0]}-{key[1]}/sums"] = sums
        return found

    def _take_structures(self, tally: Tally) -> None:
        for key, joined in self.joined.items():
            name = f"rows/{key[0]}-{key[1]}"
            ids, sums = tally[f"{name}/ids"] - 1, tally[f"{name}/sums"]
            total = np.zeros((len(joined.cells), len(SUMS)))
            for column, (_, how) in enumerate(SUMS):
                add = np.maximum if how == "largest" else np.add
                with np.errstate(invalid="ignore"):  # of fields that are not there
                    add.at(total[:, column], ids, sums[:, column])  # one part after the other
            self.of_structures[key] = total

    def _distances(self, key: tuple[int, int], rows: slice) -> np.ndarray:
        grouping, shape = self.groupings[key[0]], self.grid.shape

        def read(wanted: np.ndarray) -> np.ndarray:
            pieces = [np.asarray(grouping.read(piece)).ravel() for piece in _ranges(wanted)]
            return np.concatenate(pieces).reshape(len(wanted), *shape[1:]) == key[1]

        return distances_of_rows(read, self.grid, (rows.start, rows.stop))

    def _asymmetry(self, rows: slice) -> np.ndarray:
        assert self.radius is not None
        away = int(np.ceil(self.radius)) if 0 in self.grid.plane else 0
        wanted = np.arange(rows.start - away, rows.stop + away)
        if self.grid.periodic[0]:
            wanted %= self.grid.shape[0]
        before = away if self.grid.periodic[0] else min(away, rows.start)
        wanted = wanted[(wanted >= 0) & (wanted < self.grid.shape[0])]
        current = np.concatenate([self.values[CURRENT][piece] for piece in _ranges(wanted)])
        asymmetric = self.values[ASYMMETRY][rows]
        core = slice(before, before + rows.stop - rows.start)
        return measure_asymmetry(current, asymmetric, self.grid, self.radius, core)


def measure_asymmetry(
    current: np.ndarray,
    asymmetric: np.ndarray,
    grid: Grid,
    radius: float,
    core: slice = slice(None),
) -> np.ndarray:
    """|j_asym| of each cell over the largest |j_par| that its kernel can see; 0 where that is 0.

    The kernel, a disc of that radius in cells in the plane of x and y, lies within the square over
    which the largest value is taken, so the ratio is at most 1/2 unless it sees both signs. `core`:
    rows of `current` that `asymmetric` has, with those that their kernels see beside them.
    """
    size, largest = 2 * int(np.ceil(radius)) + 1, np.abs(current)
    for axis in grid.plane:
        wrap = grid.periodic[axis] and (axis > 0 or core == slice(None))
        mode = "wrap" if wrap else "nearest"
        largest = ndimage.maximum_filter1d(largest, size, axis, mode=mode)
    largest = largest[core]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(largest > 0, np.abs(asymmetric) / largest, 0.0).astype(np.float32)


def _ranges(rows: np.ndarray) -> Iterator[slice]:
    """Yield the ranges that row numbers are made of, in their order."""
    cuts = np.flatnonzero(np.diff(rows) != 1) + 1
    for piece in np.split(rows, cuts):
        yield slice(int(piece[0]), int(piece[-1]) + 1)


def _numbered(contacts: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return contacts of parts and their pieces as those of pieces of all parts, from 1."""
    one, other = (before[contacts[:, k]] + contacts[:, k + 1] for k in (0, 2))
    return np.column_stack([one, other, contacts[:, 4:]])


def _whole_pieces(contacts: np.ndarray, n_pieces: int) -> np.ndarray:
    """Return the number, from 0, of the whole piece that each piece belongs to, by their first."""
    pairs = (np.ones(len(contacts), bool), (contacts[:, 0] - 1, contacts[:, 1] - 1))
    graph = sparse.coo_array(pairs, shape=(n_pieces, n_pieces))
    count, found = csgraph.connected_components(graph, directed=False)
    first = np.full(count, n_pieces)
    np.minimum.at(first, found, np.arange(n_pieces))
    order = np.empty(count, dtype=np.int64)
    order[np.argsort(first)] = np.arange(count)
    return order[found]


def _add_up(values: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the sums over the pieces of each whole one; of whole numbers, so exact."""
    total = np.zeros((int(whole.max(initial=-1)) + 1, *values.shape[1:]))
    np.add.at(total, whole, values)
    return total


def _of_wholes(contacts: np.ndarray, whole: np.ndarray) -> np.ndarray:
    found = contacts.copy()
    found[:, :2] = whole[contacts[:, :2] - 1] + 1
    return found
