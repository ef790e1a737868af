"""Sources that are computed: small tables that show what a method does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from kohorte.data.reading import ArraySource, ReadOptions, Source, check_set

#: Name -> red, green, blue from 0 to 1: the fifteen colours that maps are often shown with.
#:
#: Source: examples of PyMVPA (Hanke et al., Neuroinformatics 7 (2009) 37).
COLOURS = {
    "black": (0.0, 0.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "darkblue": (0.0, 0.0, 0.5),
    "skyblue": (0.125, 0.529, 1.0),
    "greyblue": (0.33, 0.4, 0.67),
    "lilac": (0.6, 0.5, 1.0),
    "green": (0.0, 1.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "cyan": (0.0, 1.0, 1.0),
    "violet": (1.0, 0.0, 1.0),
    "yellow": (1.0, 1.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "darkgrey": (0.33, 0.33, 0.33),
    "mediumgrey": (0.5, 0.5, 0.5),
    "lightgrey": (0.66, 0.66, 0.66),
}

CHANNELS = ("red", "green", "blue")

#: Places from a colour to its partner in `colours6d`; prime to 15, so that each is partner once.
PARTNER_PLACES = 7


def _colours() -> tuple[np.ndarray, Sequence[str], list[str]]:
    return np.array(list(COLOURS.values())), CHANNELS, list(COLOURS)


def _colours6d() -> tuple[np.ndarray, Sequence[str], list[str]]:
    """Put each of the fifteen colours side by side with the one PARTNER_PLACES further on."""
    values, _, names = _colours()
    partners = np.roll(np.arange(len(names)), -PARTNER_PLACES)
    pairs = [f"{name}/{names[k]}" for name, k in zip(names, partners, strict=True)]
    features = [f"{side}_{channel}" for side in ("left", "right") for channel in CHANNELS]
    return np.hstack([values, values[partners]]), features, pairs


#: Name after "generated:" -> function() -> (N, F) values, F names, label of each row.
GENERATED_SETS = {"colours": _colours, "colours6d": _colours6d}


@contextmanager
def open_generated(title: str, name: str, options: ReadOptions) -> Iterator[Source]:
    """Compute a table, with its labels."""
    check_set(title, "generated", name, GENERATED_SETS, options)
    values, names, labels = GENERATED_SETS[name]()
    source = ArraySource(title, values, tuple(names), f"data set {name!r}")
    source.add_labels(np.array(labels))
    yield source
