"""Make a picture for the documentation of a figure: fewer pixels, and fewer colours."""

import io

from PIL import Image

from kohorte._files import replacing
from kohorte.study.logs import job_log


def shrink_picture(figure, picture, *, widths, palette, most_bytes):
    """Write `picture` in the first of the widths in which it has at most `most_bytes`, or the last.

    widths: pixels; a figure is never made larger. palette: whether 256 colours are enough.
    """
    with Image.open(figure) as image:
        whole = image.convert("RGB")
    for width in widths:
        width = min(width, whole.width)
        size = width, round(whole.height * width / whole.width)
        shown = whole.resize(size, Image.Resampling.LANCZOS)
        content = encode(shown.quantize(256, dither=Image.Dither.NONE) if palette else shown)
        if len(content) <= most_bytes:
            break
    with replacing(picture) as path:
        path.write_bytes(content)


def encode(image):
    """The bytes of a PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        shrink_picture(
            snakemake.input.figure,
            snakemake.output.picture,
            widths=snakemake.params.widths,
            palette=snakemake.params.palette,
            most_bytes=snakemake.params.most_bytes,
        )
