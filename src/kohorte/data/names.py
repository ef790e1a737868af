"""Tell which names of sources are files.

Only the standard library is imported, so that a workflow can tell while it plans.
"""

from pathlib import PurePath

#: How the names of data sets that are no files begin; `kohorte.data.sources.READERS` opens each.
SCHEMES = ("sklearn:", "generated:")


def is_file(source: str) -> bool:
    """Tell whether a source is a file, also one with a colon in its name.

    A name with a colon and no extension is none: no reader takes it, and the reader of sources says
    which schemes there are.
    """
    if source.startswith(SCHEMES):
        return False
    return ":" not in source or PurePath(source).suffix != ""
