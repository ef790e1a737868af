"""Show a file or folder with the program of this desktop, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def open_path(path: Path) -> bool:
    """Open a path as a double click would; returns False where there is no display."""
    program = "open" if sys.platform == "darwin" else "xdg-open"
    seen = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    found = shutil.which(program)
    if not seen or found is None:
        return False
    subprocess.Popen(
        [found, str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return True
