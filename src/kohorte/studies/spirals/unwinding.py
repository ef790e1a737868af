"""Unwinding a curve: the way along a spiral from positions on a chain of nodes, and from PCA."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from kohorte._principal import principal_axes
from kohorte.maps.batch import train_batch
from kohorte.maps.initial import initial_weights
from kohorte.maps.lattice import Lattice
from kohorte.maps.soft import SoftMap, places_of
from kohorte.maps.winners import find_winners
from kohorte.studies.spirals.data import spiral_arm
from kohorte.studies.spirals.networks import locate

#: Passes of the batch training of a chain, from half of its length to radius 1.
EPOCHS = 100

#: What stands for the way along the curve: attribute of Unwinding -> its name in figures.
METHODS = {"winner": "winner on the chain", "soft": "soft position", "component": "first component"}


@dataclass(frozen=True)
class Unwinding:
    """A curve and what stands for the way along it."""

    turns: float  # Of the spiral
    points: np.ndarray  # (N, 2) float32
    way: np.ndarray  # (N,). From 0 to 1.
    nodes: np.ndarray  # (M, 2). Weights of the chain, in order.
    #: `winner`, `soft`: (N,). Positions on the chain.
    winner: np.ndarray
    soft: np.ndarray
    #: `component`, `direction`: (N,), (2,). First principal component; its direction, of unit
    #: length.
    component: np.ndarray
    direction: np.ndarray


def unwind(turns: float, number: int, options: Mapping[str, Any], seed: int) -> Unwinding:
    """Unwind one arm of a spiral that makes so many turns.

    The chain begins on the first principal axis; `chain_beta` is in units of its spacing. `number`:
    which draw of points; `options`: section `spirals` of the configuration; `seed`: of the study.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, number, round(1000 * turns)]))
    points, way = spiral_arm(options["points"], turns, options["noise"], rng)
    chain = Lattice(options["chain"], 1)
    start = initial_weights(points, chain, "pca", rng)
    nodes = train_batch(points, chain, start, epochs=EPOCHS, final_radius=1.0)
    spacing = np.linalg.norm(np.diff(nodes, axis=0), axis=1).mean()
    layer = SoftMap(nodes, places_of(chain), options["chain_beta"] / spacing)
    mean, _, directions = principal_axes(points)
    return Unwinding(
        turns,
        points,
        way,
        nodes,
        find_winners(points, nodes).astype(np.float64),
        np.asarray(locate(layer, points))[:, 0].astype(np.float64),
        (points - mean) @ directions[0],
        directions[0],
    )


def judge(unwinding: Unwinding) -> dict[str, dict[str, float]]:
    """Score how well each of METHODS gives the way.

    `order` is the magnitude of Spearman's rank correlation with the way, 1 where the order is that
    along the curve; `error` the root mean square of what is left of the way when a straight line of
    the position is taken off, as a share of the length.
    """
    found = {}
    for name in METHODS:
        position, way = getattr(unwinding, name), unwinding.way
        offset, centre = position - position.mean(), way - way.mean()
        rest = centre - offset * (offset @ centre) / (offset @ offset)
        found[name] = {
            "order": abs(float(spearmanr(position, way).statistic)),
            "error": float(np.sqrt(np.mean(rest**2))),
        }
    return found
