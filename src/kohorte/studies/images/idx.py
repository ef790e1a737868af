"""Arrays in IDX files, the format that MNIST is published in."""

import struct

import numpy as np

from kohorte.errors import DataError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Third byte of a file -> type of its numbers."""


def read_idx(content: bytes, title: str) -> np.ndarray:
    """The array that an IDX file holds, in the byte order of the machine.

    Two bytes of zero, one for the type, one for the number of dimensions, these as big-endian
    unsigned integers of four bytes, and the numbers, the last dimension fastest.

    Args:
        content: the whole file.
        title: its name, for errors.

    Raises:
        DataError: it is no IDX file, or has fewer or more bytes than its header says.
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
