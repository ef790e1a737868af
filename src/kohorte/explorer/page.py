"""`explorer.html` from an ensemble: packed arrays and what shows them, in one file."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import kohorte
from kohorte import store
from kohorte._checks import extra
from kohorte._files import replacing
from kohorte.explorer.content import Content, Files, Limits, gather
from kohorte.figures.groups import (
    MARKER_PATHS,
    GroupNames,
    consensus_colour,
    consensus_marker,
    consensus_name,
    named_groups,
)
from kohorte.figures.style import group_colour, sequential_map

with extra("workflow"):
    import jinja2
    from markupsafe import Markup

_FOLDER = Path(__file__).parent

#: Shares of the limit of a page: points with their labels, features of points, planes of maps. The
#: rest is for which node each point is in.
_POINTS, _VALUES, _PLANES = 0.5, 0.3, 0.08

#: Points beyond which numbers are rounded to some four digits.
_EXACT = 20_000

_MANTISSA = np.uint32(0xFFFFF000)  # 11 bits of 23


@dataclass(frozen=True)
class Packed:
    """An array as the page holds it: numbers by planes of bytes, or JSON; deflated, in base64."""

    name: str
    kind: str  # Of a typed array: u1, u2, u4, i4, f4; or json
    text: str

    @property
    def size(self) -> int:
        """Bytes on the page."""
        return len(self.text)


class Page:
    """A page; a notebook shows it, and `save` writes it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def save(self, path: str | Path) -> None:
        """Write the page, whole or not at all."""
        with replacing(path) as temporary:
            temporary.write_text(self.text, encoding="utf-8", newline="\n")

    def _repr_html_(self) -> str:
        return (
            '<iframe title="Explorer" style="width:100%;height:820px;border:1px solid #ccc" '
            'sandbox="allow-scripts allow-downloads allow-modals" '
            f'srcdoc="{escape(self.text)}"></iframe>'
        )


def write_explorer(
    path: str | Path,
    *,
    study: str,
    ensemble: str | Path,
    data: str | Path | None,
    indexes: Sequence[str | Path],
    files: Mapping[str, str],
    reading: Mapping[str, Any],
    names: str | Path | None,
    swept: Sequence[str],
    points: int,
    megabytes: float,
    seed: int,
) -> None:
    """Write the explorer of a study.

    Parameters
    ----------
    path
        `results/<study>/explorer.html`.
    ensemble, data
        `ensemble.h5`, and `data.h5` where there is a table.
    indexes, files, reading
        Indexes that list the maps, or the label files by realization and how they are read, as
        `kohorte.store.open_label_arrays` takes them.
    names
        `groups.json`, where groups were named.
    swept
        Parameters that differ among the maps.
    points, megabytes
        What the page may show and hold at most.
    seed
        Of the choice of points, and of the order in which they are drawn.
    """
    table = store.read_data(data, mapped=True, beside=True) if data else None
    maps = [] if files else store.listed_realizations(indexes)
    limits = Limits(points=points, bytes=round(megabytes * 1e6), seed=seed)
    with named_groups(names) as named, store.open_label_arrays(indexes, files, **reading) as labels:
        shown = Files(study, Path(ensemble), table, labels, maps, varying=swept, has_report=True)
        page = render_explorer(shown, limits, named)
    page.save(path)


def render_explorer(files: Files, limits: Limits, named: GroupNames | None = None) -> Page:
    """Return the page of an ensemble within the limits; notes of `named` are on it, too."""
    named = named or GroupNames()
    for _ in range(20):
        content = gather(files, limits)
        arrays = list(_pack_points(content))
        allowed = _POINTS * limits.bytes
        if (taken := sum(array.size for array in arrays)) <= allowed or len(content.rows) <= 1_000:
            break
        share = 0.97 * allowed / taken
        limits = replace(limits, points=max(1_000, int(len(content.rows) * share)))
    values = _pack_values(content)
    first = _take(values, _VALUES * limits.bytes, least=2)
    arrays += [values[k] for k in first]
    order = np.argsort(-content.with_consensus, kind="stable").tolist()
    left = limits.bytes - sum(array.size for array in arrays)
    of_maps, planes, winners = _pack_maps(content, order, left, _PLANES * limits.bytes)
    arrays += of_maps
    left = limits.bytes - sum(array.size for array in arrays)
    rest = [k for k in range(len(values)) if k not in first]
    more = [rest[k] for k in _take([values[k] for k in rest], left)]
    arrays += [values[k] for k in more]
    kept = sorted([*first, *more])
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    facts = _describe(content, kept, order, planes, winners, limits)
    facts["notes"] = [*_limits_in_words(content, kept, planes, winners), *_notes(named)]
    text = environment.get_template("page.html").render(
        study=content.study,
        version=kohorte.__version__,
        facts=Markup(_as_json(facts)),
        arrays=arrays,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup((_FOLDER / "page.js").read_text(encoding="utf-8")),
    )
    return Page(text)


def _as_json(value: Any) -> str:
    """Write JSON that is the same inside an element `script`, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def pack(name: str, array: Any) -> Packed:
    """Pack numbers, in planes of their bytes since these deflate better, or a list of texts."""
    if isinstance(array, list):
        kind, content = "json", json.dumps(array, ensure_ascii=False).encode("utf-8", "replace")
    else:
        array = np.ascontiguousarray(array)
        kind = array.dtype.kind + str(array.dtype.itemsize)
        planes = array.astype(array.dtype.newbyteorder("<")).ravel().view(np.uint8)
        content = planes.reshape(-1, array.dtype.itemsize).T.tobytes()
    return Packed(name, kind, base64.b64encode(zlib.compress(content, 6)).decode("ascii"))


def _rounded(values: np.ndarray, n: int) -> np.ndarray:
    """Return float32, of many points with some four digits, to the nearest."""
    found = np.ascontiguousarray(values, dtype=np.float32)
    if n <= _EXACT:
        return found
    bits = found.view(np.uint32)
    half = np.uint32(0x800)
    rounded = ((bits + half) & _MANTISSA).view(np.float32)
    return np.where(np.isfinite(found) & np.isfinite(rounded), rounded, found)


def _small(values: np.ndarray) -> np.ndarray:
    """Return places, -1 for none, as the smallest unsigned type, whose last value is none."""
    values = np.asarray(values)
    top = int(values.max(initial=0))
    dtype = next(t for t in (np.uint8, np.uint16, np.uint32) if top < np.iinfo(t).max)
    return np.where(values < 0, np.iinfo(dtype).max, values).astype(dtype)


def _pack_points(content: Content) -> Iterator[Packed]:
    """Pack what there is of each point but its features and nodes."""
    n, points = len(content.rows), content.points
    yield pack("rows", np.diff(content.rows, prepend=0).astype(np.int32))
    yield pack("group", _small(points["group"]))
    yield pack("second", _small(points["second"]))
    for name in ("confidence", "second_share"):
        yield pack(name, np.round(np.asarray(points[name], float) * 65535).astype(np.uint16))
    for name in ("signal", "novelty"):
        if name in points:
            yield pack(name, _rounded(points[name], n))
    if content.scores.shape[1]:
        yield pack("scores", _rounded(np.round(content.scores, 4).T, n))
    if content.cells is not None:
        yield pack("cells", content.cells.astype(np.uint32))
    for k, values in enumerate(content.ids.values()):
        yield pack(f"id-{k}", [str(value) for value in values])
    for k, values in enumerate(content.columns.values()):
        names, codes = np.unique(values.astype(str), return_inverse=True)
        yield pack(f"column-{k}", codes.astype(np.uint16 if len(names) < 65535 else np.uint32))
        yield pack(f"values-{k}", names.tolist())
    for r, labels in enumerate(content.labels):
        yield pack(f"labels-{r}", _small(labels))


def _pack_values(content: Content) -> list[Packed]:
    n, count = len(content.rows), len(content.features)
    return [pack(f"feature-{k}", _rounded(content.values[:, k], n)) for k in range(count)]


def _take(arrays: Sequence[Packed], allowed: float, least: int = 0) -> list[int]:
    """Return the places of arrays that there is room for, one after the other."""
    found: list[int] = []
    for k, array in enumerate(arrays):
        if len(found) < least or array.size <= allowed:
            found.append(k)
            allowed -= array.size
    return found


def _pack_maps(
    content: Content, order: Sequence[int], allowed: float, for_planes: float
) -> tuple[list[Packed], list[int], list[int]]:
    """Pack maps, those that agree best with the consensus first; return which have what.

    All have their lattices; weights of features, and the node of each point, come as long as there
    is room.
    """
    arrays: list[Packed] = []
    planes: list[int] = []
    winners: list[int] = []
    taken = 0
    n_groups = len(content.sizes)
    for r in order if content.maps else ():
        shown = content.maps[r]
        counts = np.zeros((shown.xdim * shown.ydim, n_groups), dtype=np.int64)
        group = content.points["group"]
        held = group >= 0
        np.add.at(counts, (shown.winners[held], group[held]), 1)
        total = counts.sum(axis=1)
        share = counts.max(axis=1, initial=0) / np.maximum(total, 1)
        own = [
            pack(f"u-{r}", _rounded(shown.u_matrix, 0)),
            pack(f"nodes-{r}", _small(shown.clusters)),
            pack(f"hits-{r}", shown.hits.astype(np.uint32)),
            pack(f"majority-{r}", _small(np.where(total > 0, counts.argmax(axis=1), -1))),
            pack(f"purity-{r}", np.round(share * 255).astype(np.uint8)),
        ]
        arrays += own
        taken += sum(array.size for array in own)
    of_planes = 0
    for r in order if content.maps else ():
        weights = _rounded(content.maps[r].planes.T, _EXACT + 1)
        packed = pack(f"planes-{r}", weights)
        if of_planes + packed.size > for_planes and planes:
            break
        of_planes += packed.size
        arrays.append(packed)
        planes.append(r)
    taken += of_planes
    for r in order if content.maps else ():
        packed = pack(f"winners-{r}", _small(content.maps[r].winners))
        if taken + packed.size > allowed:
            break
        taken += packed.size
        arrays.append(packed)
        winners.append(r)
    return arrays, planes, winners


def _describe(
    content: Content,
    kept: Sequence[int],
    order: Sequence[int],
    planes: Sequence[int],
    winners: Sequence[int],
    limits: Limits,
) -> dict[str, Any]:
    """Return what the page knows beside its arrays, as plain data."""
    colours = {
        name: [_hex(sequential_map(*how)(x)) for x in np.linspace(0, 1, 33)]
        for name, how in {
            "values": ("viridis", 0.0, 0.95),
            "heights": ("bone_r", 0.02, 0.9),
            "similarity": ("magma_r", 0.0, 0.95),
        }.items()
    }
    rank = {r: place for place, r in enumerate(order, start=1)}
    return {
        "study": content.study,
        "version": kohorte.__version__,
        "all": content.n_points,
        "n": len(content.rows),
        "seed": limits.seed,
        "report": content.report,
        "groups": [
            {
                "size": int(size),
                "name": consensus_name(group),
                "colour": consensus_colour(group).upper(),
                "marker": consensus_marker(group),
            }
            for group, size in enumerate(content.sizes)
        ],
        "markers": MARKER_PATHS,
        "palette": [group_colour(k) for k in range(16)],
        "scales": colours,
        "ids": list(content.ids),
        "columns": list(content.columns),
        "features": [[k, str(content.features[k])] for k in kept],
        "planes": [str(name) for name in content.planes],
        "explained": [round(share, 4) for share in content.explained],
        "shape": list(content.shape) if content.shape else None,
        "novelty": content.outlier_threshold,
        "realizations": [
            {
                "id": identifier,
                "rank": rank[r],
                "agreement": round(float(content.with_consensus[r]), 6),
                "first": int(content.offsets[r]),
                "words": dict(content.words[r]),
                "planes": r in planes,
                "winners": r in winners,
            }
            | (_lattice(content.maps[r]) if content.maps else {})
            for r, identifier in enumerate(content.ids_of_realizations)
        ],
        "clusters": {
            "id": content.cluster_ids.tolist(),
            "size": content.cluster_sizes.tolist(),
            "group": content.cluster_groups.tolist(),
            "gsum": [float(f"{value:.5g}") for value in content.gsum],
        },
        "order": content.order.tolist(),
        "similarity": pack("similarity", np.round(content.similarity * 255).astype(np.uint8)).text,
        "side": len(content.similarity),
    }


def _lattice(shown: Any) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in ("xdim", "ydim", "topology", "periodic")}


def _hex(colour: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in colour[:3])


def _limits_in_words(
    content: Content, kept: Sequence[int], planes: Sequence[int], winners: Sequence[int]
) -> Iterator[str]:
    n = len(content.rows)
    if n < content.n_points and content.stride > 1:
        yield (
            f"{n:,} of {content.n_points:,} points are shown: every "
            f"{_ordinal(content.stride)} cell along each side of the grid. Sizes of groups and "
            "clusters, and hits of nodes, are of all points; all other numbers are of those shown."
        )
    elif n < content.n_points:
        yield (
            f"{n:,} of {content.n_points:,} points are shown, drawn at random from each group in "
            "proportion to its size, and of a small group more. Sizes of groups and clusters, and "
            "hits of nodes, are of all points; all other numbers are of those shown."
        )
    if len(kept) < content.n_features and content.n_features:
        yield (
            f"{len(kept)} of {content.n_features:,} features are shown: those that tell the groups "
            "apart most."
        )
    if content.maps and len(planes) < len(content.maps):
        yield f"Features on the map are kept for the {len(planes)} maps of highest rank."
    if content.maps and len(winners) < len(content.maps):
        yield (
            f"Which node a point is in is kept for the {len(winners)} maps of highest rank; of the "
            "others whole clusters can be selected."
        )


def _notes(named: GroupNames) -> Iterator[str]:
    if named.notes:
        yield (
            f"Not used of the file of names, which was saved for other groups: "
            f"{'; '.join(named.notes)}. Name the groups here and save the file anew."
        )


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
