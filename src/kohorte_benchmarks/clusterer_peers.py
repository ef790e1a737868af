"""The answers of other clusterings to a labelled set; those of kohorte are in `clusterers`."""

from __future__ import annotations

import logging
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kohorte.errors import ConfigError, ResultError
from kohorte_benchmarks.clusterings import Answer, Answers, answer, timed

_LOG = logging.getLogger(__name__)

#: Program that runs in the environment of Genie.
GENIE_PROGRAM = Path(__file__).with_name("genie_peer.py")

STARTS = 10
"""Starts of k-means and of Gaussian mixtures, of which the best counts."""

SPECTRAL_POINTS = 5_000
"""Most points of spectral clustering, whose eigenvectors take minutes beyond."""

PAIRED_POINTS = 20_000
"""Most points of methods that keep the distances of all pairs, 1.6 GB then."""


def run_common(points: np.ndarray, numbers: Sequence[int], seed: int) -> Answers:
    """Cluster z-scores (N, F) by the methods of scikit-learn and SciPy, with their defaults.

    The trees of single, average and Ward linkage are made once, and cut for each number.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    told = sorted(set(numbers))
    found: dict[str, dict[int | str, Answer]] = {
        name: {k: answer(method, points, k, seed) for k in told}
        for name, method in (("k-means", _k_means), ("Gaussian mixture", _mixture))
    }
    if len(points) <= PAIRED_POINTS:
        for name in ("Ward", "average", "single"):
            tree, grown = timed(linkage, points, name.lower())
            found[f"{name} linkage"] = {
                k: answer(fcluster, tree, k, "maxclust", after=grown) for k in told
            }
    if len(points) <= SPECTRAL_POINTS:
        found["spectral"] = {k: answer(_spectral, points, k, seed) for k in told}
    apart = answer(_hdbscan, points)
    found["HDBSCAN"] = {"auto": answer(fill_noise, points, apart.labels, after=apart.seconds)}
    found["HDBSCAN, noise apart"] = {"auto": apart}
    return found


def _k_means(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=STARTS, random_state=seed).fit_predict(points)


def _mixture(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(k, n_init=STARTS, random_state=seed).fit_predict(points)


def _spectral(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    from sklearn.cluster import SpectralClustering

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        method = SpectralClustering(k, affinity="nearest_neighbors", random_state=seed)
        return method.fit_predict(points)


def _hdbscan(points: np.ndarray) -> np.ndarray:
    from sklearn.cluster import HDBSCAN

    return HDBSCAN(min_cluster_size=max(5, len(points) // 50), copy=True).fit_predict(points)


def fill_noise(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give points without a group, negative, that of the nearest point that has one.

    One group where no point has any.
    """
    from sklearn.neighbors import KNeighborsClassifier

    noise = labels < 0
    if noise.all():
        return np.zeros_like(labels)
    filled = labels.copy()
    if noise.any():
        nearest = KNeighborsClassifier(1).fit(points[~noise], labels[~noise])
        filled[noise] = nearest.predict(points[noise])
    return filled


#: Of consensus clustering with a reference: rows that are drawn of a larger table, numbers of
#: groups, resamples and their share of the rows, reference tables, and the shares of resamples
#: between which a pair is ambiguous. Sizes are smaller than those of M3C, which takes hours.
M3C_ROWS, M3C_NUMBERS, M3C_RESAMPLES, M3C_SHARE = 400, range(2, 11), 50, 0.8
M3C_REFERENCES, M3C_WINDOW, M3C_LEVEL = 25, (0.1, 0.9), 0.05


def run_m3c(points: np.ndarray, numbers: Sequence[int], seed: int) -> Answers:
    """Choose the number of groups by consensus clustering with a Monte Carlo reference.

    Own writing after M3C (John et al., Sci Rep 10 (2020) 1816), with k-means inside. The number is
    that of the highest relative cluster stability index on at most M3C_ROWS points; there is one
    group where its p-value is above M3C_LEVEL. All points are then clustered by k-means.
    """

    def choose() -> tuple[np.ndarray, float]:
        k, p = choose_by_reference(points, np.random.default_rng(seed))
        groups = 1 if p > M3C_LEVEL else k
        return _k_means(points, groups, seed), p

    (labels, p), seconds = timed(choose)
    return {"M3C, own writing": {"auto": Answer(labels, seconds, p)}}


def choose_by_reference(points: np.ndarray, rng: np.random.Generator) -> tuple[int, float]:
    """Return the number of groups with the highest stability index, and its p-value.

    References are normal, with the covariance of the points (N, F).
    """
    if len(points) > M3C_ROWS:
        points = points[rng.choice(len(points), M3C_ROWS, replace=False)]
    own = ambiguity(points, rng)
    centred = points - points.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    spread /= np.sqrt(len(points) - 1)
    shape = M3C_REFERENCES, len(points), len(spread)
    references = rng.normal(size=shape) * spread @ axes
    others = np.array([ambiguity(reference, rng) for reference in references])
    best = int(np.argmax(np.log(others.mean(axis=0) / own)))
    p = (1 + (others[:, best] <= own[best]).sum()) / (1 + M3C_REFERENCES)
    return M3C_NUMBERS[best], float(p)


def ambiguity(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the share of ambiguously clustered pairs of points for each of M3C_NUMBERS.

    It is at least 1e-4, so that its logarithm exists. Of all pairs that are drawn together, those
    are ambiguous that share a cluster in more than a tenth and fewer than nine of the resamples.
    """
    from sklearn.cluster import KMeans

    n, (low, high) = len(points), M3C_WINDOW
    drawn = int(M3C_SHARE * n)
    samples = [rng.choice(n, drawn, replace=False) for _ in range(M3C_RESAMPLES)]
    seen = np.zeros((M3C_RESAMPLES, n), dtype=np.float32)
    for row, sample in zip(seen, samples, strict=True):
        row[sample] = 1
    pairs = np.triu_indices(n, 1)
    both = np.maximum((seen.T @ seen)[pairs], 1)
    shares = []
    for k in M3C_NUMBERS:
        members = np.zeros((M3C_RESAMPLES, k, n), dtype=np.float32)
        for own, sample in zip(members, samples, strict=True):
            method = KMeans(min(k, drawn), n_init=1, random_state=int(rng.integers(2**31)))
            own[method.fit_predict(points[sample]), sample] = 1
        flat = members.reshape(-1, n)
        together = (flat.T @ flat)[pairs] / both
        shares.append(((together > low) & (together < high)).mean())
    return np.maximum(shares, 1e-4)


def run_genie(
    points: np.ndarray,
    numbers: Sequence[int],
    seed: int,
    *,
    python: str | None = None,
    script: str | Path = GENIE_PROGRAM,
) -> Answers:
    """Cluster by Genie with the Gini index .3, in the `python` of its environment.

    Nothing where that is None, which is logged. Raises ConfigError if there is no such interpreter,
    and ResultError if the program fails.
    """
    if python is None:
        _LOG.warning("Genie is left out: envs/genie.txt is not installed")
        return {}
    if not Path(python).exists():
        raise ConfigError(f"{python} does not exist: make .genie/.installed, or compare without it")
    told = sorted(set(numbers))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "points.npz"), Path(folder, "labels.npz")
        np.savez(source, points=points, numbers=told)
        command = [python, str(script), str(source), str(target)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ResultError(f"{script} failed in {python}:\n{done.stderr[-2000:]}")
        with np.load(target) as found:
            answers = zip(told, found["labels"], found["seconds"].tolist(), strict=True)
            return {"Genie": {k: Answer(labels, seconds) for k, labels, seconds in answers}}


#: Name for `METHODS` -> function(points, numbers, seed).
PEERS: dict[str, Callable[..., Answers]] = {
    "common": run_common,
    "genie": run_genie,
    "m3c": run_m3c,
}
