"""Pictures for the documentation, made of figures: fewer pixels, in all their colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from kohorte._files import replacing


def shrink_picture(
    figure: str | Path, picture: str | Path, *, widths: Sequence[int], most_bytes: int
) -> None:
    """Write a picture in the first of some widths in which it is small enough, or the last.

    The PNG `figure`, never made larger, is tried in each of `widths`, in pixels, until the PNG
    `picture` has at most `most_bytes`. Its colours are never made fewer: colour bars would become
    steps that a reader could take for values.
    """
    with Image.open(figure) as image:
        whole = image.convert("RGB")
    for width in (min(width, whole.width) for width in widths):
        size = width, round(whole.height * width / whole.width)
        content = _encode(whole.resize(size, Image.Resampling.LANCZOS))
        if len(content) <= most_bytes:
            break
    with replacing(picture) as path:
        path.write_bytes(content)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
