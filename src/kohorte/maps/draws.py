"""What each map of an ensemble sees: its own draw of the rows of the table."""

import numpy as np

from kohorte._checks import as_count, as_share, choose_name
from kohorte.maps.parameters import DRAW_NAMES


def draw_rows(
    n_points: int,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
    limit: int | None = None,
    draw: str = "subset",
) -> np.ndarray | None:
    """Return the rows of N that a map is trained on, (n,) int64, ascending; None for all, once.

    n = max(2, round(`share` N)), at most `limit`; a ``subset`` is drawn without replacement, and so
    has at most N, a ``bootstrap`` with. ConfigError for arguments out of range.
    """
    count = max(2, round(as_share(share, "row_share", positive=True) * n_points))
    if limit is not None:
        count = min(count, as_count(limit, "row_limit", 1))
    if choose_name(DRAW_NAMES, draw, "row_draw") == "bootstrap":
        return np.sort(rng.integers(n_points, size=count))
    if count >= n_points:
        return None
    return np.sort(rng.choice(n_points, count, replace=False, shuffle=False))
