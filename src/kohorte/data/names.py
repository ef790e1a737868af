"""Tell which names of sources are files, and what reads each.

Only the standard library is imported, so that a workflow can tell while it plans.
"""

import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from kohorte._checks import check_name, suggest
from kohorte.errors import ConfigError, DataError, MissingFileError


class Reader(NamedTuple):
    """What opens one kind of source: a function of a module of `kohorte.data`.

    `function(title, place, options)` is a context manager that gives a Source; `place` is the path
    of a file, or what follows the colon of a scheme.
    """

    module: str
    function: str
    is_text: bool = False
    has_tables: bool = False  # of which `table` chooses one
    beside: tuple[str, ...] = ()  # other modules of `kohorte.data` that it uses
    has_header: bool = False  # whether the first row may name the columns, or not, as in text

    @property
    def text_keys(self) -> tuple[str, ...]:
        """Return those of TEXT_KEYS that apply."""
        return TEXT_KEYS if self.is_text else ("header",) if self.has_header else ()


#: By scheme, which ends in a colon, or by file extension, lower case.
READERS = {
    "sklearn:": Reader("arrays", "open_sklearn"),
    "openml:": Reader("openml", "open_openml"),
    "generated:": Reader("generated", "open_generated"),
    ".h5": Reader("hdf5", "open_hdf5"),
    ".hdf5": Reader("hdf5", "open_hdf5"),
    ".npy": Reader("arrays", "open_npy"),
    ".npz": Reader("arrays", "open_npz"),
    ".csv": Reader("tabular", "open_csv", is_text=True, beside=("headers", "lines")),
    ".tsv": Reader("tabular", "open_tsv", is_text=True, beside=("headers", "lines")),
    ".txt": Reader("tabular", "open_tsv", is_text=True, beside=("headers", "lines")),
    ".tab": Reader("tabular", "open_tsv", is_text=True, beside=("headers", "lines")),
    ".data": Reader("tabular", "open_csv", is_text=True, beside=("headers", "lines")),
    ".arff": Reader("arff", "open_arff", is_text=True, beside=("headers", "lines", "tabular")),
    ".dat": Reader("tabular", "open_columns", is_text=True, beside=("headers", "lines")),
    ".mat": Reader("matlab", "open_mat", beside=("hdf5",)),
    ".h5ad": Reader("annotated", "open_h5ad", beside=("hdf5",)),
    **dict.fromkeys(
        (".xlsx", ".xlsm", ".ods"),
        Reader(
            "sheets",
            "open_sheet",
            has_tables=True,
            beside=("headers",),
            has_header=True,
        ),
    ),
    **dict.fromkeys(
        (".fits", ".fit", ".fts", ".fits.gz"), Reader("fits", "open_fits", has_tables=True)
    ),
    **dict.fromkeys((".fcs", ".lmd"), Reader("cytometry", "open_fcs", has_tables=True)),
    **dict.fromkeys(
        (".nc", ".nc4"), Reader("netcdf", "open_netcdf", has_tables=True, beside=("hdf5",))
    ),
    ".zarr": Reader("netcdf", "open_zarr", has_tables=True, beside=("hdf5",)),
    **dict.fromkeys((".tif", ".tiff"), Reader("rasters", "open_geotiff", has_tables=True)),
    ".parquet": Reader("arrow", "open_parquet"),
    ".feather": Reader("arrow", "open_feather"),
    ".arrow": Reader("arrow", "open_feather"),
}

#: By extension of a source: that of a copy with columns added (`kohorte.data.writing`), which has
#: the form of the source where it can. Grids come back as their cells: `GRIDS`.
COPIES = dict.fromkeys((".csv", ".data", ".dat", ".arff", ".npy", ".mat", ".h5ad"), ".csv")
COPIES |= {suffix: suffix for suffix in (".parquet", ".feather", ".arrow", ".npz", ".h5", ".hdf5")}
COPIES |= {suffix: suffix for suffix in (".tsv", ".tab", ".txt", ".xlsx", ".ods", ".fcs")}
COPIES |= {".xlsm": ".xlsx"} | dict.fromkeys((".fits", ".fit", ".fts", ".fits.gz"), ".fits")
COPIES |= {".zarr": ".zarr", ".lmd": ".fcs"}
GRIDS = {".nc": ".nc", ".nc4": ".nc", ".tif": ".tif", ".tiff": ".tif"}

#: Extensions of packed files of text, after the extension that tells what they hold.
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")

#: Keys of the section `data` that say how text files are read, and how the values of any file are.
TEXT_KEYS = ("delimiter", "comment", "header", "encoding")
VALUE_KEYS = ("missing_values", "not_missing", "decimal", "thousands", "below_detection")

#: Word for any number of blanks and tabs as delimiter; a blank means the same.
WHITESPACE = "whitespace"

#: What data sets that are no files begin with.
SCHEMES = tuple(key for key in READERS if key.endswith(":"))

#: Names in a folder that are looked through for one like that of a missing file.
_MAX_NAMES = 10_000

#: Extensions of sources that are folders.
STORES = (".zarr",)

#: Modules of `kohorte.data` that every table is read and scaled with.
_ALWAYS = (
    *(
        "columns",
        "missing",
        "numbers",
        "packing",
        "reading",
        "roles",
        "scaling",
        "sources",
        "table",
    ),
    "transforms",
)


def copy_name(source: str) -> str | None:
    """Return the name of a copy of a source with columns added; None where none can be written."""
    name, kind = PurePath(source).name, extension(source)
    if kind in PACKED:  # text, which comes back as it is
        name = name[: -len(kind)]
        kind = extension(name)
    suffix = COPIES.get(kind) or GRIDS.get(kind)
    return None if suffix is None or not is_file(source) else name[: -len(kind)] + suffix


def is_file(source: str) -> bool:
    """Tell whether a source is a file, also one with a colon in its name.

    A name with a colon and no extension is none: no reader takes it, and the reader of sources says
    which schemes there are.
    """
    if source.startswith(SCHEMES):
        return False
    return ":" not in source or PurePath(source).suffix != ""


def locate(path: str) -> str:
    """Return a path with `~` or `~user` at its start as that home folder.

    A file that has just this name counts first, as `~backup.csv`; what is no user stays, too.
    """
    return path if os.path.lexists(path) else os.path.expanduser(path)


def find_file(title: str) -> Path:
    """Find a file that is named, without opening it.

    Raises DataError: it is a device, pipe, socket or folder, or empty; MissingFileError: there is
    none of that name.
    """
    try:
        check_name(title)
        path = Path(locate(title))
        if not path.exists():
            scheme, colon, _ = title.partition(":")
            if colon and not path.suffix and len(scheme) > 1:
                raise DataError(f"{title}: unknown source {scheme!r}; {suggest(scheme, SCHEMES)}")
            raise MissingFileError(f"{title}: {_absent(path)}")
        if path.is_dir() and extension(str(path)) in STORES:
            return path
        if not path.is_file():
            what = "a directory" if path.is_dir() else "a device or pipe"
            raise DataError(f"{title}: is {what}, but a file is needed")
        if path.stat().st_size == 0:
            raise DataError(f"{title}: is an empty file")
    except ConfigError as error:
        raise DataError(str(error)) from None
    except DataError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(f"{title}: cannot be read ({error})") from error
    return path


def _absent(path: Path) -> str:
    """Say where a file was looked for that is not there, and what is there of a name like it."""
    start = "" if path.is_absolute() else f"; relative paths start at {os.getcwd()}"
    folder = path.parent
    if path.is_symlink():
        return f"no such file: it is a link to {os.readlink(path)}, which is not there{start}"
    if not folder.is_dir():
        return f"no such file: there is no folder {folder}{start}"
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in itertools.islice(entries, _MAX_NAMES))
    hint = suggest(path.name, names)
    return f"no such file{start}" + (f"; {hint}" if hint.startswith("did you mean") else "")


def find_reader(source: str) -> Reader | None:
    """Return the reader of a source, None where there is none for its extension."""
    scheme, colon, _ = source.partition(":")
    reader = READERS.get(scheme + colon) or READERS.get(extension(source))
    if reader is not None or extension(source) not in PACKED:
        return reader
    inner = READERS.get(extension(PurePath(source).stem))
    return inner if inner is not None and inner.is_text else None


def extension(source: str) -> str:
    """Return the key of READERS that a file ends in, as .csv or .fits.gz; else its last suffix."""
    suffixes = [suffix.lower() for suffix in PurePath(source).suffixes]
    two = "".join(suffixes[-2:])
    return two if two in READERS else "".join(suffixes[-1:])


def reading_parts(source: str | None) -> tuple[str, ...]:
    """Return the parts of the library that read a source, as `library_digest` takes them."""
    reader = None if source is None else find_reader(source)
    modules = _ALWAYS if reader is None else (reader.module, *reader.beside, *_ALWAYS)
    return () if source is None else tuple(f"data/{module}" for module in modules)


def label_parts(files: Iterable[str]) -> tuple[str, ...]:
    """Return the parts of the library that read label files."""
    parts = {part for file in files for part in reading_parts(file)}
    return ("data/labels", *sorted(parts)) if parts else ()


#: Keys of the section `data` that can be swept: what maps see of the table.
SEEN = ("scaling", "transform", "features")

#: Name of the choice of all features.
ALL_FEATURES = "all"

# What stands in the name of a file, and of a dataset, as it is.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(\+[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_LONGEST = 60


def scalings(options: Mapping[str, Any]) -> list[str]:
    """Return the scalings of a section `data`; the table is kept in the first."""
    chosen = options["scaling"]
    return list(chosen) if isinstance(chosen, list) else [chosen]


#: Forms that features can be brought to, see `kohorte.data.transforms.fit_transforms`.
TRANSFORMS = (
    *("none", "log", "log10", "log1p", "asinh", "sqrt"),
    *("rank", "rank_normal", "clr"),
)


def transform_of(value: Any) -> tuple[str, float] | None:
    """Return method and parameter of a transform of one feature, or of all; None for any other."""
    if value is None:
        return "none", 1.0
    if isinstance(value, str):
        return value, 1.0
    if isinstance(value, Mapping) and len(value) == 1:
        ((method, parameter),) = value.items()
        if isinstance(parameter, int | float) and not isinstance(parameter, bool):
            return method, float(parameter)
    return None


def transforms_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transforms of a section `data` by name, the first of them first.

    A name is that of the transform, with its parameter, or of a mapping by feature the number of
    features and a digest. ConfigError for a transform that is not known.
    """
    chosen = options.get("transform")
    for one in chosen if isinstance(chosen, list) else [chosen]:
        of_all = transform_of(one)
        for value in [one] if of_all or not isinstance(one, Mapping) else one.values():
            found = transform_of(value)
            known = found is not None and found[0] in TRANSFORMS
            if not known or (found and found[1] != 1 and found[0] != "asinh"):
                hint = "" if found is None else f"; {suggest(found[0], TRANSFORMS)}"
                raise ConfigError(f"data.transform: {value!r} is no transform{hint}")
    return {_name_transform(one): one for one in (chosen if isinstance(chosen, list) else [chosen])}


def _name_transform(chosen: Any) -> str:
    one = transform_of(chosen)
    if one is not None:
        method, parameter = one
        return method if parameter == 1 else f"{method}{parameter:g}"
    text = "\0".join(f"{name}\0{transform_of(of)}" for name, of in sorted(chosen.items()))
    return f"{len(chosen)}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def feature_sets(options: Mapping[str, Any]) -> dict[str, list[str] | None]:
    """Return the choices of features of a section `data` by name, None for all features.

    The features of each are in the order in which the section names them first. A name is the
    features with a plus between them or, where these are long or cannot be in the name of a file,
    their number and a digest of them.
    """
    chosen = options["features"]
    several = isinstance(chosen, list) and not isinstance(chosen[0], str)
    sets: list[list[str] | None] = chosen if several else [chosen]
    order = list(dict.fromkeys(name for one in sets for name in one or ()))
    sorted_sets = [one and [name for name in order if name in one] for one in sets]
    return {_name_features(one): one for one in sorted_sets}


def named_features(options: Mapping[str, Any]) -> list[str] | None:
    """Return all features that a section `data` names, each once; None for all of the source."""
    sets = feature_sets(options).values()
    if None in sets:
        return None
    return list(dict.fromkeys(name for one in sets for name in one or ()))


def _name_features(names: Sequence[str] | None) -> str:
    if names is None:
        return ALL_FEATURES
    text = "+".join(names)
    plain = _PLAIN.fullmatch(text) and not any("+" in name for name in names)
    if plain and len(text) <= _LONGEST and text != ALL_FEATURES:
        return text
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()
    return f"{len(names)}-{digest[:10]}"
