"""Training of one network on two spirals, with what is recorded of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from kohorte.maps.batch import train_batch
from kohorte.maps.initial import initial_weights
from kohorte.maps.lattice import Lattice
from kohorte.maps.soft import SoftMap
from kohorte.maps.winners import WinnerSearch
from kohorte.studies.spirals import networks
from kohorte.studies.spirals.data import two_spirals
from kohorte.studies.spirals.networks import Network
from kohorte.studies.spirals.plan import EXTENT, MEASURES, VARIANTS, choose_width, count_parameters

#: Passes of the batch training of a map over points, or activations, that it has not seen.
MAP_EPOCHS = 50

#: Radius at the end of them, and of the passes that follow a change of the activations.
FINAL_RADIUS = 1.0

#: Points along each side of the picture of decisions.
GRID = 141


#: Points (N, 2) and their classes (N,).
Points = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Picture:
    """What can be drawn of a network, in the plane of the spirals and in that of its map."""

    #: `points`, `classes`: (N, 2), (N,). Training points.
    points: np.ndarray
    classes: np.ndarray
    #: (GRID, GRID). Probability of class 1 from -EXTENT to EXTENT, rows along y.
    decision: np.ndarray
    #: `activations`, `positions`: (N, 2) or None. Of the training points, before and on the map;
    #: None where no map is between the layers.
    activations: np.ndarray | None
    positions: np.ndarray | None
    nodes: np.ndarray | None  # (M, 2) or None. Weights of the map.


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network, by its measures."""

    #: `parameters`, `node_parameters`: Of the dense layers; weights of nodes that the gradient
    #: trained
    parameters: int
    node_parameters: int
    width: int  # Units of the hidden layers
    step: np.ndarray  # (T,). Steps at which the others were measured.
    #: `train_loss`, `test_loss`: (T,) float64. Nats.
    train_loss: np.ndarray
    test_loss: np.ndarray
    #: `train_accuracy`, `test_accuracy`: (T,) float64. Shares.
    train_accuracy: np.ndarray
    test_accuracy: np.ndarray
    picture: Picture | None  # Where it was asked for


def train_network(
    variant_name: str,
    side: int,
    beta: float,
    number: int,
    options: Mapping[str, Any],
    seed: int,
    *,
    draw: bool = False,
) -> TrainedNetwork:
    """Train the network of that number, 0 ..., on data of its own.

    All variants have the same data for the same number, and the same first weights where their
    layers have the same sizes. Points are scaled to mean 0 and variance 1 of the training points.
    A map of the features is trained on them before. A map between the layers is trained on the
    activations of the untrained network; then either gradients train it, or it follows the
    activations with one epoch of batch training before each of the `refreshes` parts of the steps,
    and is constant within a part.

    `variant_name`: a key of plan.VARIANTS; `side`, `beta`: nodes on each side of the map, and how
    hard it is; `options`: section `spirals` of the configuration; `seed`: of the study; `draw`:
    whether the picture is made. Raises ConfigError: too few parameters for that variant.
    """
    variant = VARIANTS[variant_name]
    data_seed, key_seed = np.random.SeedSequence([seed, number]).spawn(2)
    rng = np.random.default_rng(data_seed)
    spiral = (options["turns"], options["noise"], rng)
    points, classes = two_spirals(options["points"], *spiral)
    test_points, test_classes = two_spirals(options["test_points"], *spiral)
    mean, deviation = points.mean(axis=0), points.std(axis=0)
    lattice = Lattice(side, side)
    scale = _scaler(variant.inputs, (points - mean) / deviation, lattice, beta)

    def inputs(raw: np.ndarray) -> np.ndarray:
        return scale(((raw - mean) / deviation).astype(np.float32))

    seen, unseen = inputs(points), inputs(test_points)
    node_parameters = 2 * lattice.n_nodes
    budget = options["parameters"] + (node_parameters if variant.counts_nodes else 0)
    width = choose_width(variant, budget)
    key = jax.random.key(int(key_seed.generate_state(1)[0]))
    network = networks.make_network(variant, width, key)
    if variant.map_between:
        network = _fit_map(network, seen, lattice, beta, variant.learns_map)
    state = networks.start_state(network, options["rate"])
    part = options["steps"] // options["refreshes"]
    history = [_measure(network, (seen, classes), (unseen, test_classes))]
    for k in range(options["refreshes"]):
        if k and variant.map_between and not variant.learns_map:
            network = _refit_map(network, seen, lattice)
        network, state = networks.take_steps(network, state, seen, classes, options["rate"], part)
        history.append(_measure(network, (seen, classes), (unseen, test_classes)))
    measures = dict(zip(MEASURES, np.array(history).T, strict=True))
    return TrainedNetwork(
        parameters=count_parameters(variant, width),
        node_parameters=node_parameters if variant.learns_map else 0,
        width=width,
        step=np.arange(len(history)) * part,
        **measures,
        picture=_draw(network, inputs, points, classes) if draw else None,
    )


def _scaler(
    kind: str, points: np.ndarray, lattice: Lattice, beta: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Make the function from scaled points (N, 2) float32 to what the network gets, the same."""
    if kind == "features":
        return lambda scaled: scaled
    points = points.astype(np.float32)
    weights = _train_map(points, lattice)
    places = networks.scaled_places(lattice)
    if kind == "winner":
        search = WinnerSearch(weights, lattice=lattice)
        return lambda scaled: places[search.winners(scaled)].astype(np.float32)
    layer = SoftMap(weights, places, beta)
    return lambda scaled: np.asarray(networks.locate(layer, scaled))


def _train_map(points: np.ndarray, lattice: Lattice) -> np.ndarray:
    start = initial_weights(points, lattice, "pca", np.random.default_rng(0))  # draws nothing
    return train_batch(points, lattice, start, epochs=MAP_EPOCHS, final_radius=FINAL_RADIUS)


def _fit_map(
    network: Network, points: np.ndarray, lattice: Lattice, beta: float, learns: bool
) -> Network:
    activations = np.asarray(networks.activate(network, points))
    weights = _train_map(activations, lattice)
    places = networks.scaled_places(lattice)
    return networks.with_map(network, SoftMap(weights, places, beta, learns_weights=learns))


def _refit_map(network: Network, points: np.ndarray, lattice: Lattice) -> Network:
    """Move the nodes only, so that nothing is compiled anew."""
    assert network.map is not None
    activations = np.asarray(networks.activate(network, points))
    weights = train_batch(
        activations,
        lattice,
        np.asarray(network.map.weights),
        epochs=1,
        radius=FINAL_RADIUS,
        final_radius=FINAL_RADIUS,
    )
    return networks.with_weights(network, weights)


def _measure(network: Network, seen: Points, unseen: Points) -> tuple[float, float, float, float]:
    """Losses of seen and unseen points, then accuracies."""
    train_loss, train_right = networks.measure(network, *seen)
    test_loss, test_right = networks.measure(network, *unseen)
    shares = (int(train_right) / len(seen[1]), int(test_right) / len(unseen[1]))
    return float(train_loss), float(test_loss), *shares


def _draw(
    network: Network,
    inputs: Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    classes: np.ndarray,
) -> Picture:
    axis = np.linspace(-EXTENT, EXTENT, GRID)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    decision = np.asarray(networks.predict(network, inputs(grid))).reshape(GRID, GRID)
    if network.map is None:
        return Picture(points, classes, decision, None, None, None)
    activations = networks.activate(network, inputs(points))
    positions = networks.locate(network.map, activations)
    layers = (np.asarray(layer) for layer in (activations, positions, network.map.weights))
    return Picture(points, classes, decision, *layers)
