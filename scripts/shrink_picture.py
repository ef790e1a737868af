"""Make a picture for the documentation of a figure: fewer pixels and, if need be, fewer colours."""

import io

from PIL import Image

from kohorte.logs import job_log
from kohorte.store.files import replacing


def shrink_picture(figure, picture, *, width, most_bytes):
    """Write `picture`, at most `width` pixels wide; in 256 colours where it would be too large."""
    with Image.open(figure) as image:
        shown = image.convert("RGB")
    if shown.width > width:
        height = round(shown.height * width / shown.width)
        shown = shown.resize((width, height), Image.Resampling.LANCZOS)
    content = encode(shown)
    if len(content) > most_bytes:
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
            width=snakemake.params.width,
            most_bytes=snakemake.params.most_bytes,
        )
