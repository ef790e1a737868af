"""Tell which names of sources are files, and what reads each.

Only the standard library is imported, so that a workflow can tell while it plans.
"""

from pathlib import PurePath
from typing import NamedTuple


class Reader(NamedTuple):
    """What opens one kind of source: a function of a module of `kohorte.data`.

    `function(title, place, options)` is a context manager that gives a Source; `place` is the path
    of a file, or what follows the colon of a scheme.
    """

    module: str
    function: str
    is_text: bool = False


#: By scheme, which ends in a colon, or by file extension, lower case.
READERS = {
    "sklearn:": Reader("arrays", "open_sklearn"),
    "generated:": Reader("generated", "open_generated"),
    ".h5": Reader("hdf5", "open_hdf5"),
    ".hdf5": Reader("hdf5", "open_hdf5"),
    ".npy": Reader("arrays", "open_npy"),
    ".npz": Reader("arrays", "open_npz"),
    ".csv": Reader("tabular", "open_csv", is_text=True),
    ".tsv": Reader("tabular", "open_tsv", is_text=True),
    ".txt": Reader("tabular", "open_tsv", is_text=True),
    ".parquet": Reader("tabular", "open_parquet"),
}

#: What data sets that are no files begin with.
SCHEMES = tuple(key for key in READERS if key.endswith(":"))

#: Modules of `kohorte.data` that every table is read and scaled with.
_ALWAYS = ("reading", "scaling", "sources", "table")


def is_file(source: str) -> bool:
    """Tell whether a source is a file, also one with a colon in its name.

    A name with a colon and no extension is none: no reader takes it, and the reader of sources says
    which schemes there are.
    """
    if source.startswith(SCHEMES):
        return False
    return ":" not in source or PurePath(source).suffix != ""


def find_reader(source: str) -> Reader | None:
    """Return the reader of a source, None where there is none for its extension."""
    scheme, colon, _ = source.partition(":")
    return READERS.get(scheme + colon) or READERS.get(PurePath(source).suffix.lower())


def reading_parts(source: str | None) -> tuple[str, ...]:
    """Return the parts of the library that read a source, as `library_digest` takes them."""
    reader = None if source is None else find_reader(source)
    modules = _ALWAYS if reader is None else (reader.module, *_ALWAYS)
    return () if source is None else tuple(f"data/{module}" for module in modules)
