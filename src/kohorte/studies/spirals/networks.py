"""Networks of dense layers, with or without a soft map between them, and their training."""

import itertools
import os

import numpy as np

from kohorte._checks import extra
from kohorte.maps.lattice import Lattice
from kohorte.maps.soft import SoftMap, places_of
from kohorte.studies.spirals.plan import Variant, layer_sizes

with extra("jax"):
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax
    from jax import Array, lax

#: What JAX takes as an array.
Numbers = Array | np.ndarray


def compute_on_one_thread() -> None:
    """Make JAX compute on the CPU with one thread; to be called before its first computation.

    How a matrix product is cut into blocks, and so the order of its sums, depends on the number of
    threads, which is that of the cores: with one thread the bits are the same on any number.
    """
    os.environ["PJRT_NPROC"] = "1"
    jax.config.update("jax_platforms", "cpu")


class Network(eqx.Module):
    """Dense layers with tanh, a soft map or none, and dense layers of which the last has no tanh.

    A call takes one point (2,) to the logarithm of the odds that it is of class 1, ().
    """

    before: list[eqx.nn.Linear]
    map: SoftMap | None
    behind: list[eqx.nn.Linear]

    def activations(self, point: Numbers) -> Array:
        """Return what reaches the map, (2,) where two units stand before it."""
        found = jnp.asarray(point)
        for layer in self.before:
            found = jnp.tanh(layer(found))
        return found

    def __call__(self, point: Numbers) -> Array:
        """Return the logarithm of the odds that a point is of class 1."""
        hidden = self.activations(point)
        if self.map is not None:
            hidden = self.map(hidden)
        for layer in self.behind[:-1]:
            hidden = jnp.tanh(layer(hidden))
        return self.behind[-1](hidden)[0]


def make_network(variant: Variant, width: int, key: Array) -> Network:
    """Make a network without a map. Equal sizes and keys give equal random weights."""
    before, behind = layer_sizes(variant, width)
    keys = iter(jax.random.split(key, len(before) + len(behind) - 2))

    def dense(sizes: list[int]) -> list[eqx.nn.Linear]:
        return [eqx.nn.Linear(i, o, key=next(keys)) for i, o in itertools.pairwise(sizes)]

    return Network(dense(before), None, dense(behind))


def with_map(network: Network, layer: SoftMap) -> Network:
    """Return the network with that map between its layers."""
    return eqx.tree_at(lambda n: n.map, network, layer, is_leaf=lambda leaf: leaf is None)


def with_weights(network: Network, weights: Numbers) -> Network:
    """Return the network with other weights (M, 2) of the nodes of its map."""
    return eqx.tree_at(lambda n: n.map.weights, network, jnp.asarray(weights))


def scaled_places(lattice: Lattice) -> np.ndarray:
    """Places of the nodes, (M, 2), moved and scaled so that the longer side is -1 to 1."""
    places = places_of(lattice)
    low, high = places.min(axis=0), places.max(axis=0)
    return (2 * places - low - high) / max(float((high - low).max()), 1.0)


@eqx.filter_jit
def locate(layer: SoftMap, points: Numbers) -> Array:
    """Find the soft position of each point, (N, 2)."""
    return jax.vmap(layer)(jnp.asarray(points))


def start_state(network: Network, rate: float) -> optax.OptState:
    """Return the optimiser's state before the first step."""
    return optax.adam(rate).init(eqx.filter(network, eqx.is_inexact_array))


@eqx.filter_jit
def take_steps(
    network: Network,
    state: optax.OptState,
    points: Numbers,
    classes: Numbers,
    rate: float,
    n_steps: int,
) -> tuple[Network, optax.OptState]:
    """Return network and state after steps of Adam on the mean cross entropy of all points."""
    optimiser = optax.adam(rate)
    moving, fixed = eqx.partition(network, eqx.is_inexact_array)

    def loss(moving: Network) -> Array:
        return mean_loss(eqx.combine(moving, fixed), points, classes)

    def step(
        carry: tuple[Network, optax.OptState], _: None
    ) -> tuple[tuple[Network, optax.OptState], None]:
        moving, state = carry
        updates, state = optimiser.update(jax.grad(loss)(moving), state)
        return (optax.apply_updates(moving, updates), state), None

    (moving, state), _ = lax.scan(step, (moving, state), length=n_steps)
    return eqx.combine(moving, fixed), state


def mean_loss(network: Network, points: Numbers, classes: Numbers) -> Array:
    """Mean cross entropy of points (N, 2) with classes (N,), in nats; ()."""
    odds = jax.vmap(network)(points)
    return optax.sigmoid_binary_cross_entropy(odds, classes.astype(odds.dtype)).mean()


@eqx.filter_jit
def measure(network: Network, points: Numbers, classes: Numbers) -> tuple[Array, Array]:
    """Mean cross entropy, and number of points with the right class."""
    right = (jax.vmap(network)(points) > 0) == (classes == 1)
    return mean_loss(network, points, classes), right.sum()


@eqx.filter_jit
def predict(network: Network, points: Numbers) -> Array:
    """Probability of class 1 at each point, (N,)."""
    return jax.nn.sigmoid(jax.vmap(network)(points))


@eqx.filter_jit
def activate(network: Network, points: Numbers) -> Array:
    """Return what reaches the place of the map from each point, (N, W)."""
    return jax.vmap(network.activations)(points)
