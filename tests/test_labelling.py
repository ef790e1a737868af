"""Points labelled in slabs: the file of one job, to the last bit."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte import store
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import ResultError
from kohorte.provenance import file_digest
from kohorte.store import ensembles

OPTIONS = {"identical": "resolved", "threshold": -0.01, "consensus": "jaccard", "groups": "auto"}


def make_labels(n_points, noise):
    rng = np.random.default_rng(3)
    truth = np.arange(n_points) * 3 // n_points
    other = rng.integers(0, 3, (4, n_points))
    labels = [np.where(rng.random(n_points) < 0.1 * (k + 1), other[k], truth) for k in range(4)]
    if noise is not None:
        labels[1][: n_points // 4] = labels[2][5:9] = noise
        for own in labels:
            own[-1] = noise  # a point that nobody holds
    return labels


def write_in_slabs(folder, ensemble, labels, slabs, votes, novelty):
    """The files of some slabs, and ensemble.h5 made from them."""
    combined, ids = folder / "combined.h5", list("abcd")
    store.write_combined(combined, ensemble, dict.fromkeys(ids, "digest"))
    voters, _ = store.read_combined(combined, counts=False)
    files = [folder / f"{slab:04d}.h5" for slab in range(slabs)]
    for slab, file in enumerate(files):
        windows = store.cut_windows(labels, slab, slabs)
        own = None if novelty is None else store.cut_windows([novelty], slab, slabs)[0]
        store.write_slab(file, voters, windows, votes=votes, novelty=own, threads=1)
    gather = partial(store.write_gathered, folder / "gathered.h5", combined)
    return files, partial(gather, options=OPTIONS | {"votes": votes}, p_structure=0.25)


@pytest.mark.parametrize(
    ("noise", "votes", "consensus"),
    [
        (None, "equal", "jaccard"),
        (None, "significance", "coassociation"),
        (-1, "equal", "coassociation"),
        (-1, "significance", "jaccard"),
    ],
)
def test_any_number_of_slabs_gives_the_same_file(tmp_path, monkeypatch, noise, votes, consensus):
    # Sums are over blocks that lie otherwise than the slabs.
    monkeypatch.setattr(ensembles, "_BLOCK_ROWS", 64)
    labels = make_labels(203, noise)
    ensemble = combine(count_overlaps(labels, noise=noise), consensus=consensus)
    novelty = np.random.default_rng(0).random(203)
    how = {"novelty": novelty if noise is None else None, "p_structure": 0.25}
    options = OPTIONS | {"votes": votes}
    store.write_ensemble(
        tmp_path / "one.h5", ensemble, labels, ids=list("abcd"), options=options, **how
    )
    for slabs in (2, 7):
        folder = tmp_path / str(slabs)
        files, gather = write_in_slabs(folder, ensemble, labels, slabs, votes, how["novelty"])
        gather(files)
        assert file_digest(folder / "gathered.h5") == file_digest(tmp_path / "one.h5")
    stored = store.read_ensemble(folder / "gathered.h5", points=True)
    found = ensemble.label(labels, votes)
    assert stored.points.mean_confidence == pytest.approx(found.confidence.mean(), rel=1e-12)
    expected = []
    for r, own in enumerate(labels):
        part = slice(*ensemble.overlaps.offsets[r : r + 2])
        clusters, groups = ensemble.overlaps.cluster[part], ensemble.grouping.groups[part]
        group_of = dict(zip(clusters, groups, strict=True))
        held = own != noise
        alike = [group_of[c] == g for c, g in zip(own[held], found.groups[held], strict=True)]
        expected.append(np.mean(alike))
    np.testing.assert_array_equal(stored.realizations.with_consensus, expected)
    assert min(expected) < max(expected) < 1


def test_slabs_that_are_not_those_of_all_points_are_refused(tmp_path):
    labels = make_labels(60, None)
    ensemble = combine(count_overlaps(labels))
    files, gather = write_in_slabs(tmp_path, ensemble, labels, 3, "equal", None)
    with pytest.raises(ResultError, match=r"0002.h5: begins at point 40, not at 20"):
        gather([files[0], files[2]])
    with pytest.raises(ResultError, match=r"0001.h5: the slabs end at point 40 of 60"):
        gather(files[:2])
    store.write_slab(
        files[1], ensemble, store.cut_windows(labels, 1, 3), votes="equal", novelty=np.ones(20)
    )
    with pytest.raises(ResultError, match="are not alike"):
        gather(files)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(0, 1), max_size=40), cuts=st.lists(st.integers(0, 40), max_size=5))
def test_a_sum_has_the_same_bits_however_it_is_cut(values, cuts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensembles, "_BLOCK_ROWS", 8)
        whole, parts = ensembles._Sum(), ensembles._Sum()
        whole.add(np.array(values))
        for part in np.split(np.array(values), sorted(cuts)):
            parts.add(part)
        assert parts.value() == whole.value() == pytest.approx(sum(values))
