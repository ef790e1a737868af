"""Figures of the clusters of all realizations."""

import numpy as np
import oracles_figures as page
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from oracles_ensemble import count, masks_of
from scipy.cluster.hierarchy import dendrogram, fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from kohorte import store
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import Candidates
from kohorte.ensemble.tree import cut_tree, leaf_spans
from kohorte.errors import ConfigError
from kohorte.figures.ensemble import (
    MAX_PIXELS,
    _cut_height,
    average_down,
    draw_overlap_matrices,
    draw_similarity,
    ranked_gsum_figure,
    similarity_figure,
)
from kohorte.figures.evidence import draw_evidence, evidence_figure
from kohorte.figures.groups import consensus_colour
from kohorte.figures.stability import stability_figure, sufficiency_figure


def make_tree(n, n_groups):
    rng = np.random.default_rng(6)
    centre = rng.integers(0, n_groups, n)
    distance = np.abs(centre[:, None] - centre) + np.abs(np.subtract.outer(*[rng.random(n)] * 2))
    similarity = np.exp(-distance)
    tree = linkage(squareform(1 - similarity, checks=False), "average")
    order = leaves_list(tree)
    groups = fcluster(tree, n_groups, "maxclust")[order] - 1
    return similarity[np.ix_(order, order)], tree, groups


@pytest.mark.parametrize(
    ("n", "n_groups", "spread"), [(5, 1, 0.2), (150, 4, 0.2), (150, 4, 3.0), (1500, 40, 3.0)]
)
def test_ranked_gsum_figure_is_readable(n, n_groups, spread):
    rng = np.random.default_rng(7)
    ranked = np.sort(np.exp(rng.normal(0, spread, n)))[::-1]
    ranked[-2:] = 0
    cuts = np.sort(rng.choice(np.arange(1, n), n_groups - 1, replace=False))
    curves = {"smoothed": ranked - 0.01, "derivative": np.gradient(ranked) / (ranked + 1e-3)}
    figure = ranked_gsum_figure(ranked, boundaries=[0, *cuts, n], threshold=-0.015, **curves)
    text = page.readable(figure)
    assert ("Gsum 0 (2 clusters)" in text) == (figure.axes[0].get_yscale() == "log")
    assert "threshold \N{MINUS SIGN}0.015" in text


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_ranked_gsum_figure_of_equal_clusters(value):
    figure = ranked_gsum_figure(np.full(3, value))
    assert "SCE group" not in page.readable(figure)
    curves = dict.fromkeys(("smoothed", "derivative"), np.zeros(3))
    figure = ranked_gsum_figure(np.full(3, value), boundaries=[0, 3], threshold=-0.01, **curves)
    assert not page.text_faults(figure)
    with pytest.raises(ConfigError, match="derivative has 2 entries for 3 clusters"):
        ranked_gsum_figure(np.ones(3), derivative=np.ones(2))


@pytest.mark.parametrize(("n", "n_groups"), [(2, 2), (120, 3), (400, 60)])
def test_similarity_figure_is_readable(n, n_groups):
    similarity, tree, groups = make_tree(n, n_groups)
    figure = similarity_figure(similarity, linkage=tree, groups=groups.astype(np.uint8))
    assert ("each branch below lies in one group" in page.readable(figure)) == (1 < n_groups < n)


def cuts(figure):
    """Heights of the dashed lines, each of which is level."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_linestyle() == "--"]
    return [height for line in lines for height in set(line.get_ydata())]


def test_the_cut_of_the_tree_is_drawn_below_the_last_branch_that_a_group_divides():
    tree = np.array([[0, 1, 0.1, 2], [2, 3, 0.2, 2], [5, 6, 0.5, 4], [4, 7, 0.9, 5]])
    # Leaves in the order 4, 0, 1, 2, 3: the first goes with the last two.
    for groups, expected in (([0, 1, 1, 0, 0], (0.2, 0.5)), ([1, 0, 0, 0, 0], (0.5, 0.9))):
        figure = similarity_figure(np.eye(5), linkage=tree, groups=np.array(groups))
        assert cuts(figure) == [pytest.approx(sum(expected) / 2)]


def test_similarity_figure_of_one_cluster_and_without_a_tree():
    one = similarity_figure(np.ones((1, 1)), linkage=np.zeros((0, 4)), groups=np.zeros(1, int))
    assert not page.text_faults(one)
    assert not page.text_faults(similarity_figure(np.eye(4)))
    with pytest.raises(ConfigError, match="not square"):
        similarity_figure(np.ones((2, 3)))
    with pytest.raises(ConfigError, match=r"shape \(2, 4\) for 4 clusters"):
        similarity_figure(np.eye(4), linkage=np.zeros((2, 4)))
    with pytest.raises(ConfigError, match="3 entries for 4 clusters"):
        similarity_figure(np.eye(4), groups=[0, 0, 1])


def test_tree_is_that_of_scipy():
    similarity, tree, groups = make_tree(40, 3)
    figure = similarity_figure(similarity, linkage=tree, groups=groups)
    paths = [p for axes in figure.axes for c in axes.collections for p in c.get_paths()]
    drawn = [path.vertices for path in paths if path.vertices.shape == (4, 2)]
    reference = dendrogram(tree, no_plot=True)
    # SciPy spaces leaves by ten, beginning at five
    expected = [
        np.column_stack([(np.array(x) + 5) / 10, y])
        for x, y in zip(reference["icoord"], reference["dcoord"], strict=True)
    ]
    key = lambda vertices: tuple(np.round(vertices, 6).ravel())  # noqa: E731
    assert sorted(map(key, drawn)) == sorted(map(key, expected))


def test_cut_lies_where_the_tree_has_as_many_branches_as_groups():
    similarity, tree, groups = make_tree(40, 3)
    figure = similarity_figure(similarity, linkage=tree, groups=groups)
    assert (tree[:, 2] > cuts(figure)[0]).sum() == 2


def test_large_similarity_is_averaged_and_deep_trees_are_drawn():
    n = MAX_PIXELS + 11
    first, heights = np.append(0, np.arange(n, 2 * n - 2)), np.linspace(0.1, 1, n - 1)
    tree = np.column_stack([first, np.arange(1, n), heights, np.arange(2, n + 1)])
    figure = similarity_figure(np.full((n, n), 0.25), linkage=tree, groups=np.zeros(n, int))
    image = figure.axes[0].images[0].get_array()
    assert image.shape == (756, 756)
    np.testing.assert_allclose(image, 0.25)
    assert not page.text_faults(figure)


def test_means_are_those_of_the_finite_values_of_a_block():
    n = 2 * MAX_PIXELS
    matrix = np.arange(n * n, dtype=float).reshape(n, n)
    matrix[0, 1] = matrix[2:4, :2] = np.nan
    found = average_down(matrix)
    assert found.shape == (MAX_PIXELS, MAX_PIXELS)
    assert found[0, 0] == (0 + n + n + 1) / 3
    assert np.isnan(found[1, 0])
    assert np.isnan(found).sum() == 1
    assert found[-1, -1] == matrix[-2:, -2:].mean()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 20), n_groups=st.integers(1, 4))
def test_the_cut_is_the_first_whose_branches_lie_in_one_group_each(seed, n, n_groups):
    rng = np.random.default_rng(seed)
    tree = linkage(rng.random((n, 2)), "average")
    # Groups of a cut of the tree, a few leaves of which are in another.
    groups = cut_tree(tree, min(n_groups, n))[leaves_list(tree)]
    groups = np.where(rng.random(n) < 0.1, rng.integers(0, n_groups, n), groups)
    of_leaves, held = groups[leaf_spans(tree)[0][:n]], np.unique(groups).size
    pure = [
        b
        for b in range(1, n + 1)
        if all(np.unique(of_leaves[cut_tree(tree, b) == g]).size == 1 for g in range(b))
    ]
    expected = pure[0] if 1 < pure[0] < n and (pure[0] == held or pure[0] < 8 * held) else None
    found = _cut_height(tree, groups)
    assert (found is None) == (expected is None)
    if expected:
        assert (tree[:, 2] > found).sum() == expected - 1


@pytest.fixture(scope="module", params=["coassociation", "jaccard"])
def combined(request, tmp_path_factory):
    """Labels of two finenesses, their ensemble by a consensus, and its file."""
    rng, half = np.random.default_rng(0), np.arange(120) // 60
    labels = [8 * half + rng.integers(0, n, 120) for n in [2] * 8 + [8] * 8]
    labels[5][:3] = -1
    ensemble = combine(count(labels, noise=-1), consensus=request.param)
    path = tmp_path_factory.mktemp("study") / "ensemble.h5"
    options = {"votes": "equal", "identical": "resolved"}
    store.write_ensemble(path, ensemble, labels, ids=[*"abcdefghijklmnop"], options=options)
    return labels, ensemble, path


def test_similarity_is_that_of_the_clusters_of_the_tree(combined):
    labels, ensemble, path = combined
    grouping = ensemble.grouping
    assert (grouping.leaves.size < ensemble.overlaps.n_clusters) == (grouping.evidence is not None)
    figure = draw_similarity({"ensemble": path}, {})
    masks, _, _ = masks_of(labels, -1)
    expected = [
        [(masks[a] & masks[b]).sum() / (masks[a] | masks[b]).sum() for b in grouping.leaf_order]
        for a in grouping.leaf_order
    ]
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, expected)
    by_lift = grouping.consensus == "coassociation"
    text = page.readable(figure)
    assert ("1 / (1 + lift)" in text) == by_lift
    assert ("1 \N{MINUS SIGN} similarity" in text) != by_lift


def test_overlap_matrices_are_those_of_the_clusters_of_the_tree(combined):
    _, ensemble, path = combined
    overlaps, order = ensemble.overlaps, ensemble.grouping.leaf_order
    figure = draw_overlap_matrices({"ensemble": path}, {})
    shared, apart, ratio = (axes.images[0].get_array() for axes in figure.axes[:3])
    realization = overlaps.realization[order]
    same = realization[:, None] == realization
    for image in (shared, apart, ratio):
        np.testing.assert_array_equal(np.ma.getmaskarray(np.ma.masked_invalid(image)), same)
    n, size = overlaps.counts[np.ix_(order, order)], overlaps.sizes[order]
    both = size[:, None] + size
    np.testing.assert_allclose(np.ma.filled(shared, 0)[~same], (n / (both - n))[~same])
    np.testing.assert_allclose(np.ma.filled(apart, 0)[~same], ((both - 2 * n) / both)[~same])


def test_evidence_of_a_study(combined):
    _, ensemble, path = combined
    text = page.readable(draw_evidence({"ensemble": path}, {}))
    if ensemble.grouping.evidence is None:
        assert "no number of groups to compare" in text
    else:
        assert "chosen: 2 groups" in text
        assert "level 0" in text
        assert "level 1" in text


@pytest.mark.parametrize(("most", "scale"), [(5, "linear"), (90, "log")])
def test_evidence_figure_marks_what_was_chosen(most, scale):
    number = np.tile(np.arange(2, most + 1), 2)
    level = np.repeat([0, 1], most - 1)
    score = np.where(number == 3, 2.0 + level, 1 / number)
    best = np.argsort(-score, kind="stable")
    zero = np.zeros(number.size)
    rows = Candidates(level[best], number[best], zero, zero, zero, zero, score[best])
    figure = evidence_figure(rows, 3)
    axes = figure.axes[0]
    assert axes.get_xscale() == scale
    assert page.readable(figure).count("level") == 2
    lines = [line.get_xydata() for line in axes.lines]
    assert [3, 3.0] in [line[0].tolist() for line in lines if len(line) == 1]
    assert all((np.diff(line[:, 0]) > 0).all() for line in lines[:2])
    # One group is no candidate.
    assert "chosen" not in page.readable(evidence_figure(rows, 1))


@pytest.mark.parametrize(("n", "n_groups", "spread"), [(1, 1, 0.1), (30, 2, 3.0), (600, 30, 3.0)])
def test_stability_figure_is_readable(n, n_groups, spread):
    rng = np.random.default_rng(8)
    gsum = np.exp(rng.normal(0, spread, n))
    gsum[0] = 0 if n > 1 else 1
    width = rng.random(n) * gsum
    groups = np.arange(n) % n_groups
    figure = stability_figure(gsum, gsum - width, gsum + width, groups=groups)
    text = page.readable(figure)
    assert "95 % bootstrap interval" in text
    assert ("group 1" in text) == (n_groups > 1)
    assert figure.axes[0].get_ylim()[1] >= (gsum + width).max()


@pytest.mark.parametrize(
    ("n", "target", "answer"), [(1, None, None), (2, 0.95, None), (40, 0.95, None), (100, 0.95, 20)]
)
def test_sufficiency_figure_is_readable(n, target, answer):
    sizes = np.arange(1, n + 1) * 2
    median = 1 - 0.5 / sizes
    band = median - 0.1, np.minimum(median + 0.1, 1)
    figure = sufficiency_figure(sizes, median, *band, target=target, answer=answer)
    text = page.readable(figure)
    assert ("20 realizations are enough" in text) == (answer is not None)
    assert ("not settled" in text) == (target is not None and answer is None)


def test_of_many_clusters_no_group_hides_another():
    n, groups = 900, np.arange(900) % 3
    figure = stability_figure(*np.ones((3, n)), groups=groups)
    (dots,) = [c for c in figure.axes[0].collections if len(c.get_offsets()) == n]
    at = dots.get_offsets()[:, 0].astype(int) - 1
    assert sorted(at) == list(range(n))
    expected = [to_rgba(consensus_colour(k)) for k in groups[at]]
    np.testing.assert_allclose(dots.get_facecolors(), expected)
    last = np.bincount(groups[at][-300:], minlength=3)  # drawn over the others
    assert last.min() > 60


def test_stability_and_sufficiency_need_matching_arrays():
    with pytest.raises(ConfigError, match="each of 2 clusters"):
        stability_figure([1, 2], [1], [1, 2])
    with pytest.raises(ConfigError, match="differ in length"):
        sufficiency_figure([1, 2], [1], [1, 2], [1, 2])
