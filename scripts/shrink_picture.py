"""Make a picture for the documentation of a figure: fewer pixels, if need be fewer colours."""

import io

from PIL import Image

from kohorte.logs import job_log
from kohorte.store.files import replacing


def shrink_picture(figure, picture, *, widths, most_bytes):
    """Write `picture`, as wide as it fits into `most_bytes`, or in 256 colours where none does.

    widths: pixels, descending; a figure is never made larger.
    """
    with Image.open(figure) as image:
        whole = image.convert("RGB")
    for width in widths:
        width = min(width, whole.width)
        size = width, round(whole.height * width / whole.width)
        shown = whole.resize(size, Image.Resampling.LANCZOS)
        content = encode(shown)
        if len(content) <= most_bytes:
            break
    else:
        content = encode(shown.quantize(256, dither=Image.Dither.NONE))
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
            most_bytes=snakemake.params.most_bytes,
        )
