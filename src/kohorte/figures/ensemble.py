"""Figures of the clusters of all realizations: ranked Gsum and similarity."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from kohorte import store
from kohorte.ensemble.overlaps import Overlaps, select_realizations
from kohorte.ensemble.significance import disagreement, goodness, measure_shared, overlap
from kohorte.ensemble.tree import leaf_spans
from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    INK,
    MAX_GROUPS,
    MIDDLE_COLUMN,
    MUTED,
    SMALL,
    Powers,
    Style,
    add_lines,
    colour_bar,
    fitting_columns,
    fitting_legend,
    freeze_layout,
    further,
    group_hatch,
    is_wide,
    legend_below,
    log_axis,
    matrix_image,
    new_figure,
    page_width,
    panel_grid,
    panel_letter,
    panel_title,
    paper_style,
    place_axes,
    place_labels,
    plain_axes,
    plain_numbers,
    plural,
    shorten,
    similarity_map,
)

MAX_PIXELS = 1500
"""A larger similarity matrix is averaged down to at most this many cells per side."""

_SHADES = ("#DCE6F0", "#F7F0DC")
_CURVE = "#7A7A7A"
_REACH = 12.0  # thresholds that the axis of the slope reaches to


@paper_style()
def ranked_gsum_figure(
    ranked: np.ndarray,
    *,
    smoothed: np.ndarray | None = None,
    derivative: np.ndarray | None = None,
    boundaries: Sequence[int] | np.ndarray = (),
    threshold: float | None = None,
) -> Figure:
    """Draw Gsum of all clusters by rank, and the derivative that separates SCE groups.

    `ranked` is (L,) descending Gsum, `smoothed` (L,) its smoothed curve and `derivative` (L,) that
    of the curve divided by the curve; None leaves that panel out. `boundaries` (G + 1,) are ranks
    at which groups begin, from 0, and L at the end; a minimum of the derivative below `threshold`
    separates two. ConfigError where the curves differ in length.
    """
    ranked = np.asarray(ranked, dtype=np.float64)
    for name, curve in {"smoothed": smoothed, "derivative": derivative}.items():
        if curve is not None and len(curve) != len(ranked):
            raise ConfigError(f"{name} has {len(curve)} entries for {len(ranked)} clusters")
    n_clusters, rank = len(ranked), np.arange(1, len(ranked) + 1)
    panels = 1 if derivative is None else 2
    figure = new_figure(MIDDLE_COLUMN, 2.9 if panels == 1 else 4.6)
    grid = figure.subplots(
        panels, 1, sharex=True, squeeze=False, height_ratios=[3, 2][:panels]
    ).ravel()
    edges = np.asarray(boundaries, dtype=np.float64)
    for axes in grid:
        _shade_groups(axes, edges)
        axes.set_xlim(0.5, n_clusters + 0.5)
    top = grid[0]
    handles: list[Artist] = []
    style: Style = {"linestyle": "", "marker": "o", "markersize": 2.8 if n_clusters <= 400 else 1.5}
    wide = is_wide(ranked)
    positive = ranked > 0 if wide else np.ones(n_clusters, dtype=bool)
    top.plot(rank[positive], ranked[positive], color=COLOURS[0], **style)
    handles.append(Line2D([], [], color=COLOURS[0], label="Gsum of a cluster", **style))
    if wide:
        log_axis(top, "y")
        if not positive.all():
            # ranks whose Gsum no logarithm can show, along the lower edge
            style |= {"marker": "v", "markersize": 3.5, "color": MUTED}
            edge = np.full(int((~positive).sum()), 0.02)
            top.plot(rank[~positive], edge, transform=top.get_xaxis_transform(), **style)
            text = f"Gsum 0 ({plural(len(edge), 'cluster')})"
            handles.append(Line2D([], [], label=text, **style))
    else:
        low, high = float(ranked.min()), float(ranked.max())
        margin = 0.05 * (high - low)
        if high - low <= 0.01 * abs(high):  # rounding must not look like a plateau
            margin = max(0.05 * abs(high), 1e-9)
        top.set_ylim(low - margin, high + margin)
        plain_numbers(top.yaxis, 6)
    if smoothed is not None:
        curve = np.asarray(smoothed, dtype=np.float64)
        if wide:
            curve = np.where(curve > 0, curve, np.nan)
        top.plot(rank, curve, color=_CURVE, lw=0.8, zorder=1.5)
        handles.append(Line2D([], [], color=_CURVE, lw=0.8, label="smoothed curve"))
    top.set_ylabel("Gsum")
    if derivative is not None:
        handles += _draw_derivative(grid[1], rank, np.asarray(derivative), threshold)
    plain_numbers(grid[-1].xaxis, 8, integer=True)
    grid[-1].set_xlabel("Rank of the cluster")
    n_groups = max(len(edges) - 1, 0)
    if n_groups:
        shade: Style = {"edgecolor": MUTED, "lw": 0.4}
        handles.append(Patch(facecolor=_SHADES[0], **shade, label="SCE groups (numbers above)"))
        if n_groups > 1:
            handles.append(Patch(facecolor=_SHADES[1], **shade, label="every second of them"))
        top.set_title(" ", fontsize=SMALL)  # room for the numbers
    legend_below(figure, handles, most=3)
    freeze_layout(figure)
    if n_groups:
        order = np.argsort(-np.diff(edges), kind="stable")
        positions = np.stack([(edges[:-1] + edges[1:]) / 2 + 0.5, np.full(n_groups, 1.04)], axis=1)
        own: Style = {"transform": top.get_xaxis_transform(), "fontsize": SMALL}
        place_labels(top, positions, [str(k) for k in range(n_groups)], order, **own)
    for k, axes in enumerate(grid if panels > 1 else []):
        own = {"transform": axes.transAxes, "weight": "bold", "ha": "right", "va": "center"}
        axes.text(-0.02, 1.04, panel_letter(k), **own)
    return figure


def draw_ranking(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `ranking` from the files of a study."""
    ensemble = store.read_ensemble(inputs["ensemble"])
    return ranked_gsum_figure(**vars(ensemble.ranking), threshold=ensemble.options["threshold"])


@paper_style()
def similarity_figure(
    similarity: np.ndarray,
    *,
    linkage: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    heights: str = "1 \N{MINUS SIGN} similarity",
    n_clusters: int | None = None,
) -> Figure:
    """Draw the similarity of all pairs of clusters in the order of the consensus tree.

    ConfigError where the shapes do not fit.

    Parameters
    ----------
    similarity
        (K, K) Jaccard similarities 0 to 1, rows and columns in the order of the leaves; or what
        `average_down` makes of those of `n_clusters`.
    linkage
        (K-1, 4) tree in SciPy's form, whose heights are what `heights` says. The i-th row of
        `similarity` must be the i-th leaf of the tree drawn with children in the order of the
        linkage (`scipy.cluster.hierarchy.leaves_list`).
    groups
        (K,) integers from 0, consensus group of each row. The height is drawn at which the tree
        falls into the fewest branches that each lie in one group.
    """
    similarity = np.asarray(similarity, dtype=np.float64)
    if similarity.shape != (len(similarity), len(similarity)):
        raise ConfigError(f"the similarity matrix has shape {similarity.shape}: not square")
    n = n_clusters or len(similarity)
    if linkage is not None and np.shape(linkage) != (n - 1, 4):
        raise ConfigError(f"the tree has shape {np.shape(linkage)} for {n} clusters")
    if groups is not None and len(groups) != n:
        raise ConfigError(f"groups has {len(groups)} entries for {n} clusters")
    groups = None if groups is None else np.asarray(groups, dtype=np.int64)
    tree = linkage is not None and n > 1
    cut = _cut_height(np.asarray(linkage), groups) if tree and groups is not None else None
    width, left, strip = page_width(MIDDLE_COLUMN), 0.62, 0.14
    side = width - left - 0.86
    above = (0.85 if tree else 0.1) + (strip + 0.22 if groups is not None else 0.0)
    figure = new_figure(width, 0.5 + side + above, layout=None)
    legend, below = None, 0.5
    if groups is not None:
        counts = np.bincount(groups)
        entries = _group_entries(counts)
        if cut is not None:
            label = "each branch below lies in one group"
            entries.append(Line2D([], [], color=INK, lw=0.9, ls="--", label=label))
        legend, _, height = fitting_legend(figure, entries, most=4)
        below += height + 0.05
    page = below + side + above
    figure.set_size_inches(width, page)
    place = partial(place_axes, figure, (width, page))
    if legend is not None:
        legend.set_bbox_to_anchor((0.5, (below - 0.5) / page), figure.transFigure)
    axes = place(left, below, side, side)
    image = matrix_image(axes, average_down(similarity), n)
    axes.set(xlabel="Cluster, in the order of the tree", ylabel="Cluster, in the order of the tree")
    plain_axes(axes, 6, 6, integer=True)
    text, beside = "Similarity (Jaccard index of the points)", left + side + 0.12
    colour_bar(figure, image, text, None, cax=place(beside, below, 0.12, side))
    y = below + side + 0.04
    if groups is not None:
        _draw_group_strip(place(left, y, side, strip + 0.2), groups, strip)
        y += strip + 0.2
    if tree:
        branches = place(left, y, side, 0.75)
        _draw_tree(branches, np.asarray(linkage), n, heights)
        if cut is not None:
            branches.axhline(cut, color=INK, lw=0.9, ls="--")
    return figure


def draw_similarity(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `similarity` from the files of a study."""
    ensemble = store.read_ensemble(inputs["ensemble"])
    overlaps, order = _of_the_tree(ensemble)
    consensus = ensemble.consensus
    if overlaps.sparse is None:
        similarity = overlap(overlaps)
        np.fill_diagonal(similarity, overlaps.sizes > 0)
        similarity = similarity[np.ix_(order, order)]
    else:
        shared, _, _ = measure_shared(overlaps)
        shared[np.equal(*overlaps.pairs)] = 1.0
        similarity = _average_shared(overlaps, order, shared, apart=False)
    heights = {} if consensus.evidence is None else {"heights": "1 / (1 + lift)"}
    return similarity_figure(
        similarity,
        n_clusters=order.size,
        linkage=consensus.linkage,
        groups=ensemble.clusters.consensus_group[consensus.leaf_order],
        **heights,
    )


@paper_style()
def overlap_matrices_figure(
    shared: np.ndarray,
    apart: np.ndarray,
    significance: np.ndarray,
    *,
    order: str,
    n_clusters: int | None = None,
) -> Figure:
    """Draw overlap S, disagreement Q and their ratio S/Q of all pairs of clusters.

    The (K, K) matrices, or what `average_down` makes of those of `n_clusters`, are `shared`,
    S = n / u, `apart`, Q = (u - n) / (a + b), and `significance`, S / Q; NaN between clusters of
    one realization. `order` is told in words on the axes.
    ConfigError where the matrices differ in shape.
    """
    shapes = {np.shape(matrix) for matrix in (shared, apart, significance)}
    if len(shapes) > 1 or len(shared) != np.shape(shared)[1]:
        raise ConfigError(f"matrices of pairs of clusters have the shapes {sorted(shapes)}")
    n = n_clusters or len(shared)
    columns = fitting_columns(3, 1.7)
    figure = new_figure(DOUBLE_COLUMN, 0.5 + 2.75 * -(-3 // columns))
    grid = panel_grid(figure, 3, columns)
    positive = significance[np.isfinite(significance) & (significance > 0)]
    top = max(float(positive.max(initial=1.0)), 1e-2)
    floor = max(min(float(np.quantile(positive, 0.02)) if positive.size else 1e-3, top / 10), 1e-6)
    # Disjoint clusters have S/Q 0, which no logarithm shows: the darkest colour.
    ratio = np.where(np.isfinite(significance), np.maximum(significance, floor), np.nan)
    contents = (
        (shared, Normalize(0, 1), "Overlap S", "S = n / u"),
        (apart, Normalize(0, 1), "Disagreement Q", "Q = (u \N{MINUS SIGN} n) / (a + b)"),
        (ratio, LogNorm(floor, top), "Significance S/Q", "S / Q"),
    )
    colours = similarity_map().with_extremes(bad="white")
    for k, (axes, (matrix, norm, title, label)) in enumerate(zip(grid, contents, strict=True)):
        shown = average_down(np.asarray(matrix, dtype=np.float64))
        style: Style = {"extent": (0.5, n + 0.5, n + 0.5, 0.5), "interpolation": "nearest"}
        image = axes.imshow(shown, cmap=colours, norm=norm, **style)
        axes.spines[:].set_visible(True)
        panel_title(axes, panel_letter(k), title)
        plain_axes(axes, 5, 5, integer=True)
        axes.set_xlabel(f"Cluster, {order}")
        if k % columns == 0:
            axes.set_ylabel(f"Cluster, {order}")
        else:
            axes.tick_params(labelleft=False)
        bar = figure.colorbar(image, ax=axes, location="bottom", pad=0.03, aspect=22)
        bar.set_label(label)
        if isinstance(norm, LogNorm):
            bar.ax.xaxis.set_major_formatter(Powers())
        else:
            plain_numbers(bar.ax.xaxis, 5)
        bar.outline.set_linewidth(0.4)
    entry = Patch(facecolor="white", edgecolor=INK, lw=0.3, label="clusters of one realization")
    legend_below(figure, [entry])
    return figure


def draw_overlap_matrices(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `overlap_matrices` from the files of a study."""
    ensemble = store.read_ensemble(inputs["ensemble"])
    overlaps, order = _of_the_tree(ensemble)
    identical = ensemble.options["identical"]
    matrices = []
    if overlaps.sparse is not None:
        shared = zip(measure_shared(overlaps, identical), (0.0, 1.0, 0.0), strict=True)
        matrices = [_average_shared(overlaps, order, x, other=other) for x, other in shared]
    else:
        significance = partial(goodness, identical=identical)
        for measure in (overlap, disagreement, significance):  # one large matrix at a time
            matrix = measure(overlaps)
            for row, realization in zip(matrix, overlaps.realization, strict=True):
                row[overlaps.realization == realization] = np.nan
            matrices.append(average_down(matrix[np.ix_(order, order)]))
    return overlap_matrices_figure(
        *matrices, order="in the order of the tree", n_clusters=order.size
    )


def _of_the_tree(ensemble: store.StoredEnsemble) -> tuple[Overlaps, np.ndarray]:
    """Return the counts of the clusters that the tree is of, and their order in it."""
    overlaps, consensus = ensemble.overlaps, ensemble.consensus
    if consensus.leaves.size < overlaps.n_clusters:
        members = np.unique(overlaps.realization[consensus.leaves])
        overlaps = select_realizations(overlaps, members)
    return overlaps, np.searchsorted(consensus.leaves, consensus.leaf_order)


def _shade_groups(axes: Axes, edges: np.ndarray) -> None:
    """Alternating shades behind the ranks of the groups; the first rank is 1."""
    for k, (start, end) in enumerate(pairwise(edges)):
        axes.axvspan(start + 0.5, end + 0.5, facecolor=_SHADES[k % 2], edgecolor="none", zorder=0)
    for edge in edges[1:-1]:
        axes.axvline(edge + 0.5, color=MUTED, lw=0.6, zorder=0.5)


def _draw_derivative(
    axes: Axes, rank: np.ndarray, derivative: np.ndarray, threshold: float | None
) -> list[Artist]:
    """Relative slope of the curve and threshold; what is far beyond that is cut off."""
    axes.plot(rank, derivative, color=INK, lw=0.9)
    handles: list[Artist] = [Line2D([], [], color=INK, lw=0.9, label="relative slope")]
    finite = derivative[np.isfinite(derivative)]
    low, high = finite.min(initial=0.0), finite.max(initial=0.0)
    unit = abs(threshold) if threshold else 0.1 * max(high - low, 1e-9)
    shown = max(low, -_REACH * unit), min(high, _REACH * unit)
    margin = 0.06 * max(shown[1] - shown[0], unit)
    axes.set_ylim(min(shown[0], -1.5 * unit) - margin, max(shown[1], 0.3 * unit) + margin)
    plain_numbers(axes.yaxis, 5)
    axes.axhline(0.0, color=MUTED, lw=0.5, zorder=0.6)
    if threshold is not None:
        axes.axhline(threshold, color="#D55E00", lw=0.9, ls="--")
        text = f"threshold {threshold:g}".replace("-", "\N{MINUS SIGN}")
        handles.append(Line2D([], [], color="#D55E00", lw=0.9, ls="--", label=text))
    cut = " (cut off)" if low < shown[0] or high > shown[1] else ""
    axes.set_ylabel(f"Relative slope{cut}")
    return handles


def _cut_height(linkage: np.ndarray, groups: np.ndarray) -> float | None:
    """Middle of the heights at which the tree has the fewest branches that no group divides."""
    n, children = len(groups), linkage[:, :2].astype(np.int64)
    # The group of all leaves below a node, or -1: from the first such node on all are undone.
    below = np.append(groups[leaf_spans(linkage)[0][:n]], np.full(n - 1, -1))
    for k, (left, right) in enumerate(children.tolist()):
        if below[left] != below[right] or below[left] < 0:
            break
        below[n + k] = below[left]
    else:
        return None
    branches, at_least = n - k, len(np.unique(groups))
    if not 1 < branches < n or at_least < branches >= min(n, 8 * at_least):
        return None
    heights = np.sort(linkage[:, 2])
    return float(heights[n - branches - 1] + heights[n - branches]) / 2


def average_down(matrix: np.ndarray) -> np.ndarray:
    """Means over square blocks, as few as make the matrix small enough to draw.

    Values that are not finite do not count; NaN is where there are no others.
    """
    n = len(matrix)
    block = -(-n // MAX_PIXELS)
    if block == 1:
        return matrix
    starts = np.arange(0, n, block)
    means = np.empty((starts.size, starts.size))
    for row, start in zip(means, starts, strict=True):  # memory for a block of rows
        rows = matrix[start : start + block]
        known = np.isfinite(rows)
        sums = np.add.reduceat(np.where(known, rows, 0.0).sum(axis=0), starts)
        counts = np.add.reduceat(known.sum(axis=0), starts)
        row[:] = np.divide(sums, counts, out=np.full(starts.size, np.nan), where=counts > 0)
    return means


def _average_shared(
    overlaps: Overlaps,
    order: np.ndarray,
    values: np.ndarray,
    *,
    other: float = 0.0,
    apart: bool = True,
) -> np.ndarray:
    """Return what `average_down` does for pairs of clusters in an order, from those of sparse ones.

    `values` are those of all numbers of the sparse counts; `other` that of pairs that share no
    point. Pairs of one realization do not count if `apart`.
    """
    block = -(-order.size // MAX_PIXELS)
    count = -(-order.size // block)
    of_cluster = np.empty(order.size, np.int64)
    of_cluster[order] = np.arange(order.size) // block
    row, column = overlaps.pairs
    n = np.bincount(of_cluster)
    total = np.outer(n, n).astype(np.float64)
    if apart:
        held = overlaps.realization[row] != overlaps.realization[column]
        row, column, values = row[held], column[held], values[held]
        own = np.zeros((count, overlaps.n_realizations))
        np.add.at(own, (of_cluster, overlaps.realization), 1)
        total -= own @ own.T
    cells = of_cluster[row] * count + of_cluster[column]
    sums, met = (np.bincount(cells, x, count * count).reshape(total.shape) for x in (values, None))
    return np.divide(
        sums + other * (total - met), total, out=np.full_like(total, np.nan), where=total > 0
    )


def _group_entries(counts: np.ndarray) -> list[Artist]:
    """Legend entries of the groups with most clusters, and one for all others."""
    named = np.sort(np.argsort(-counts, kind="stable")[:MAX_GROUPS])
    entries: list[Artist] = []
    for k in named[counts[named] > 0]:
        text = f"{shorten(consensus_title(k))} ({plural(counts[k], 'cluster')})"
        style: Style = {"facecolor": consensus_colour(k), "hatch": group_hatch(k)}
        entries.append(Patch(**style, edgecolor="white", lw=0, label=text))
    rest = np.delete(counts, named)
    if (rest > 0).any():
        text = further(int((rest > 0).sum()), "group", int(rest.sum()))
        entries.append(Line2D([], [], linestyle="", label=text))
    return entries


def _draw_group_strip(axes: Axes, groups: np.ndarray, strip: float) -> None:
    """Coloured strip over the columns of the matrix, with the numbers of the groups above it."""
    n = len(groups)
    starts = np.flatnonzero(np.append(True, np.diff(groups) != 0))
    ends = np.append(starts[1:], n)
    rim: Style = {"edgecolor": "white", "linewidth": 0.3 if len(starts) < 200 else 0.0}
    for start, end in zip(starts, ends, strict=True):
        group = int(groups[start])
        fill: Style = {"facecolor": consensus_colour(group), "hatch": group_hatch(group)}
        axes.add_patch(Rectangle((start + 0.5, 0.0), end - start, strip, **fill, **rim))
    axes.set(xlim=(0.5, n + 0.5), ylim=(0, strip + 0.2))
    axes.set_axis_off()
    middles = np.stack([(starts + ends) / 2 + 0.5, np.full(len(starts), strip + 0.09)], axis=1)
    texts, order = groups[starts].astype(str), np.argsort(starts - ends, kind="stable")
    place_labels(axes, middles, texts.tolist(), order, fontsize=SMALL)


def _draw_tree(axes: Axes, linkage: np.ndarray, n: int, label: str) -> None:
    """Draw the tree, without recursion: trees of thousands of leaves can be deep."""
    children = linkage[:, :2].astype(np.int64)
    x = np.zeros(2 * n - 1)
    x[:n] = leaf_spans(linkage)[0][:n] + 1.0
    height = np.zeros(2 * n - 1)
    height[n:] = linkage[:, 2]
    paths = []
    for k in range(n - 1):
        left, right = children[k]
        x[n + k] = (x[left] + x[right]) / 2
        top = height[n + k]
        paths.append(
            [(x[left], height[left]), (x[left], top), (x[right], top), (x[right], height[right])]
        )
    width = 0.6 if n <= 300 else 0.25
    add_lines(axes, paths, colors=INK, linewidths=width, rasterized=n > 1000)
    axes.set(xlim=(0.5, n + 0.5), ylim=(0.0, max(float(height.max()), 1e-9) * 1.04), xticks=[])
    axes.spines["bottom"].set_visible(False)
    plain_numbers(axes.yaxis, 3)
    axes.set_ylabel(label)
