"""Pictures for the documentation, made of figures: fewer pixels, in all their colours."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from kohorte._files import replacing
from kohorte.errors import ResultError

#: Names of the browser that takes pictures of pages.
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


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


def photograph_page(page: str | Path, picture: str | Path, *, width: int, height: int) -> None:
    """Write the top of an HTML page as a browser shows it, `width` x `height` pixels of PNG.

    ResultError: no Chromium is installed, or it fails.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise ResultError(f"{picture}: a picture of a page needs {' or '.join(_BROWSERS)}")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "page.png")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder}/user", f"--window-size={width},{height}"]
        command += [f"--screenshot={shot}", Path(page).resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode or not shot.exists():
            raise ResultError(f"{picture}: {browser} failed: {done.stderr.strip()[-500:]}")
        with Image.open(shot) as image:
            content = _encode(image.convert("RGB"))
    with replacing(picture) as path:
        path.write_bytes(content)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
