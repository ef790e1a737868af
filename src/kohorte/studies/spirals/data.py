"""Points on spirals in the plane."""

import numpy as np

#: Radius at which an arm begins; it ends at 1.
INNER = 0.15


def spiral_arm(
    n_points: int, turns: float, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points of an Archimedean spiral, (N, 2) float32, and their way along it, (N,) float64.

    The radius r grows with the angle, 2 pi turns r, from INNER to 1; both coordinates have normal
    noise of that standard deviation. r squared is drawn evenly, so that the points are about
    equally dense along the arm. The way is the arc length from the beginning, as a share of all.
    """
    radius = np.sqrt(rng.uniform(INNER**2, 1.0, n_points))
    angle = 2 * np.pi * turns * radius
    points = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    points += rng.normal(scale=noise, size=points.shape)
    start, end = _arc_length(np.array([INNER, 1.0]), turns)
    return points.astype(np.float32), (_arc_length(radius, turns) - start) / (end - start)


def _arc_length(radius: np.ndarray, turns: float) -> np.ndarray:
    """Integral of sqrt(1 + (a r)^2) dr from 0, a = 2 pi turns."""
    a = 2 * np.pi * turns
    return (radius * np.sqrt(1 + (a * radius) ** 2) + np.arcsinh(a * radius) / a) / 2


def two_spirals(
    n_points: int, turns: float, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points of two arms that wind around each other, (N, 2) float32, and their arm, (N,) int32.

    Every other point lies on the second arm, which is the first turned by half a turn.
    """
    points, _ = spiral_arm(n_points, turns, noise, rng)
    classes = (np.arange(n_points) % 2).astype(np.int32)
    return np.where(classes[:, None] == 1, -points, points), classes
