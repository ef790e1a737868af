"""Pictures for the documentation, made of figures: fewer pixels, and fewer colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from kohorte._files import replacing


def shrink_picture(
    figure: str | Path,
    picture: str | Path,
    *,
    widths: Sequence[int],
    palette: bool,
    most_bytes: int,
) -> None:
    """Write a picture in the first of some widths in which it is small enough, or the last.

    The PNG `figure`, never made larger, is tried in each of `widths`, in pixels, with 256 colours
    where `palette` says that these are enough, until the PNG `picture` has at most `most_bytes`.
    """
    with Image.open(figure) as image:
        whole = image.convert("RGB")
    for width in (min(width, whole.width) for width in widths):
        size = width, round(whole.height * width / whole.width)
        shown = whole.resize(size, Image.Resampling.LANCZOS)
        content = _encode(shown.quantize(256, dither=Image.Dither.NONE) if palette else shown)
        if len(content) <= most_bytes:
            break
    with replacing(picture) as path:
        path.write_bytes(content)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
