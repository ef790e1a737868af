"""Read any source of data into a Table.

A source is `sklearn:<name>`, `openml:<name>`, `generated:<name>` or a file whose extension tells
its format; `kohorte.data.names.READERS` lists all.
"""

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from kohorte._arrays import describe_rounded, find_coarse, find_first
from kohorte._checks import suggest
from kohorte._text import column_name
from kohorte.data.missing import describe_codes, find_codes, find_no_measure, find_summary
from kohorte.data.names import (
    PACKED,
    READERS,
    SCHEMES,
    TEXT_KEYS,
    WHITESPACE,
    Reader,
    extension,
    find_file,
    find_reader,
)
from kohorte.data.reading import (
    LARGEST_WHOLE,
    ArraySource,
    MarkedSource,
    ReadOptions,
    Source,
    check_memory,
    read_whole,
)
from kohorte.data.roles import Roles, as_names, encode_labels, find_beside, read_beside
from kohorte.data.table import Cells, Table
from kohorte.errors import ConfigError, DataError

_LOG = logging.getLogger(__name__)
MISSING = ("error", "skip", "drop")

#: Bytes of the smallest type that a table is held in, float32.
_LEAST_BYTES = 4

#: Bytes of text that are looked at for the first rows.
_HEAD_BYTES = 4 << 20

#: Names of columns that a line of the log lists.
_LISTED = 20


def read_table(
    source: str | os.PathLike[str],
    *,
    features: Sequence[str] | None = None,
    label: str | None = None,
    ids: str | Sequence[str] | None = None,
    groups: str | Sequence[str] | None = None,
    carried: str | Sequence[str] | None = None,
    sample: int | None = None,
    stride: int = 1,
    seed: int = 0,
    feature_dataset: str = "features",
    names_dataset: str | None = "names",
    delimiter: str | None = None,
    table: str | int | None = None,
    generate: Mapping[str, Any] | None = None,
    missing: str = "error",
    missing_values: Sequence[float | str] = (),
    not_missing: Sequence[str] = (),
    label_missing: Sequence[float | str] = (),
    decimal: str = ".",
    thousands: str | None = None,
    below_detection: str = "error",
    comment: str | None = None,
    header: bool | str = "auto",
    encoding: str | None = None,
    least_rows: int = 2,
    lenient: bool = False,
    head: int | None = None,
    mapped: bool = False,
) -> Table:
    """Read features, and the ground truth where there is one, from any source.

    Only the chosen rows and columns are read into memory and checked, except that all records of
    a text file must have as many fields as its header. Numbers stay float32 where the source
    holds no more than that.

    A value is missing if it is NaN in an array, NaN or null in a Parquet file, and in text an empty
    field, NA, NaN or another usual marker; so are labels in every format. A number that repeats far
    outside of all others, such as -9999, is logged. Infinite values are always refused.

    Returns Table: its labels are codes of the classes in the chosen rows, sorted by number if all
    are whole numbers, else by text; -1 where the label is missing. Data sets that are no files
    bring their labels. Raises
    ConfigError: an argument is out of bounds or does not apply to this source. DataError: the
    source cannot be used; the message names it, the column and the first row.

    Parameters
    ----------
    source
        `sklearn:<iris|wine|breast_cancer|digits>`, `openml:<name>`, `openml:<name>/<version>` or
        `openml:<number>`, `generated:<name>` with a name of
        `kohorte.data.generated.GENERATED_SETS`, or a file: HDF5 (.h5, .hdf5), NumPy (.npy, .npz),
        text with a header (.csv, .tsv, .txt), Parquet, Feather and Arrow, spreadsheets (.xlsx,
        .ods), FITS, FCS, NetCDF (.nc), Zarr, GeoTIFF (.tif), .h5ad and .mat;
        docs/reference/tables.md.
    features
        Names of the feature columns, whose order is kept; None takes all but those of the next
        four.
    label
        Name of the column with the true class, as text or whole numbers; in HDF5 and .npz also of
        an array of N classes, if no column has that name.
    ids, groups, carried
        Names of columns that name the rows, say which sample they belong to, or are carried along:
        see `Beside`. For ids, None takes the column that the source itself says names its rows.
    sample
        Number of rows to draw without replacement from those that `stride` leaves; they keep the
        order of the source. None keeps all.
    stride
        Keep rows 0, stride, 2 stride, ...
    seed
        Seed of the draw of `sample` rows.
    feature_dataset
        HDF5, .npz, .mat, Zarr: the array of N x F numbers, or of records, or the group with one
        array for each column; .h5ad: the matrix, X if not given.
    names_dataset
        HDF5, .npz: the F column names, text or bytes; if there is no dataset "names", or None is
        given, columns are called feature_0, feature_1, ...
    delimiter
        Text: the character between fields, or "whitespace" for any blanks and tabs; None is a comma
        in .csv and .data (a semicolon where `decimal` is a comma), blanks in .dat, else a tab.
    table
        Which table of a file: name or number (from 0) of a sheet, an HDU, a data set (FCS) or a
        page (GeoTIFF); name of a group in NetCDF and Zarr. None takes the only one.
    generate
        `generated:` tables: points, features, seed and the numbers of `generated.OPTIONS`; None,
        for one or for all, takes the table's own, and 0 for the seed.
    missing
        "error" refuses missing values; "skip" leaves them in the table as NaN; "drop" leaves out
        those of the chosen rows that miss a value, and logs their number. A feature without any
        value makes no row incomplete: it stays, and fit_scaling deals with it.
    missing_values
        Numbers and text that mean a missing value, too, as -9999 or "n.d."; in every format.
    not_missing
        Text that is the name of a class although it is a marker of missing values, as "NA".
    label_missing
        Labels that say that the class is not known, beside missing ones, as -1.
    decimal, thousands
        Text: the decimal mark, "." or ",", and what groups digits: ".", ",", " ", "'" or None.
    below_detection
        Text such as <0.5: an "error", "half" of the limit, the "limit", or "missing".
    comment
        Text: what lines that are left out begin with, as "#".
    header
        Text and sheets: whether the first line names the columns; without, they are called
        feature_0, ... "auto" refuses a first line that seems to be data.
    encoding
        Text: the encoding; None is UTF-8, or UTF-16 that says so in its first bytes.
    least_rows
        Fewer rows than this are an error; a study needs 2.
    lenient
        Whether columns of ids, groups and carried that the source does not have are left out, with
        a line in the log.
    head
        Look for faults in names, shape and the first rows, this many at most, in a time that does
        not grow with the file; labels are not read, and values only of arrays and plain text. None
        reads all.
    mapped
        .npy: whether the values may be mapped from the file, read-only, and change with it.
    """
    title = os.fspath(source)
    reader, place = _find_reader(title)
    roles = Roles(
        label,
        as_names("ids", ids),
        as_names("groups", groups),
        as_names("carried", carried),
        label_missing,
    )
    _check_arguments(features, roles, sample, stride, missing)
    chosen = {k: v for k, v in (generate or {}).items() if v is not None and (k, v) != ("seed", 0)}
    if chosen and reader.module != "generated":
        raise ConfigError(
            f"generate ({', '.join(chosen)}) is for tables of generated:<name>; {title} is none"
        )
    options = ReadOptions(
        features=None if features is None else tuple(features),
        label=label,
        beside=tuple(roles.beside),
        feature_dataset=feature_dataset,
        names_dataset=names_dataset,
        delimiter=delimiter,
        table=table,
        generate=chosen,
        missing_values=tuple(missing_values),
        not_missing=tuple(not_missing),
        decimal=decimal,
        thousands=thousands,
        below_detection=below_detection,
        comment=comment,
        header=header,
        encoding=encoding,
        mapped=mapped,
    )
    if head is not None:
        whole = reader.is_text and stride == 1 and sample is None
        with (
            _first_lines(place) if reader.is_text else nullcontext(place) as start,
            _open(title, reader, start, options) as opened,
        ):
            rows = np.arange(min(head, opened.n_rows))
            if not reader.is_text:
                rows = choose_rows(title, opened.n_rows, stride, sample, seed, least_rows)[:head]
            by_rows = whole or isinstance(opened.origin, ArraySource)
            return _look(opened, features, roles, rows if by_rows else rows[:0], missing, lenient)
    with _open(title, reader, place, options) as opened:
        return _read(
            opened, features, roles, sample, stride, seed, missing, least_rows, options, lenient
        )


@contextmanager
def open_source(title: str, options: ReadOptions) -> Iterator[MarkedSource]:
    """Open any source, whose missing values are found as the options say.

    Raises ConfigError: an option does not apply to this source; DataError: it cannot be read.
    """
    with _open(title, *_find_reader(title), options) as opened:
        yield opened


@contextmanager
def _open(title: str, reader: Reader, place: str, options: ReadOptions) -> Iterator[MarkedSource]:
    check_dialect(title, reader, options)
    try:
        opening = getattr(import_module(f"kohorte.data.{reader.module}"), reader.function)
        with opening(title, place, options) as opened:
            yield MarkedSource(opened, options)
    except OSError as error:
        raise DataError(f"{title}: cannot be read ({error})") from error


def choose_rows(
    title: str, n_rows: int, stride: int, sample: int | None, seed: int, least: int
) -> npt.NDArray[np.int64]:
    """Choose every stride-th row, and `sample` of those without replacement; ascending, 0-based."""
    rows = np.arange(0, n_rows, stride, dtype=np.int64)
    kept = f"of its {n_rows} rows, stride {stride} leaves {len(rows)}"
    if len(rows) < least:
        raise DataError(f"{title}: too few rows: {kept}, but at least {least} are needed")
    if sample is None:
        return rows
    if sample > len(rows):
        raise DataError(f"{title}: too few rows for a sample of {sample}: {kept}")
    drawn = np.random.default_rng(seed).choice(len(rows), sample, replace=False, shuffle=False)
    drawn.sort()
    return rows[drawn]


#: What files begin with that stand for others in repositories.
_POINTER = b"version https://git-lfs."

_BY_PANDAS = "save it as a table that is, such as by pandas.{}(...).to_parquet('table.parquet')"

#: Extensions of files that are not read -> what to do about them.
_FOREIGN = {
    ".xls": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".numbers": "export it as .xlsx or .csv",
    ".gsheet": "download it as .xlsx or .csv",
    ".sav": _BY_PANDAS.format("read_spss"),
    ".dta": _BY_PANDAS.format("read_stata"),
    ".sas7bdat": _BY_PANDAS.format("read_sas"),
    ".xpt": _BY_PANDAS.format("read_sas"),
    ".json": _BY_PANDAS.format("read_json"),
    ".jsonl": _BY_PANDAS.format("read_json"),
    ".orc": _BY_PANDAS.format("read_orc"),
    ".pkl": _BY_PANDAS.format("read_pickle"),
    ".pickle": _BY_PANDAS.format("read_pickle"),
    ".html": _BY_PANDAS.format("read_html"),
    ".rds": "save it as text in R: write.csv(x, 'table.csv', row.names = FALSE)",
    ".rda": "save it as text in R: write.csv(x, 'table.csv', row.names = FALSE)",
    ".rdata": "save it as text in R: write.csv(x, 'table.csv', row.names = FALSE)",
    ".loom": "save it as .h5ad, such as by anndata.read_loom(...).write('table.h5ad')",
    ".shp": "save its table as .csv or .parquet, without the shapes",
    ".gpkg": "save its table as .csv or .parquet, without the shapes",
    ".geojson": "save its table as .csv or .parquet, without the shapes",
    ".db": "save one of its tables as .csv",
    ".sqlite": "save one of its tables as .csv",
    ".grib": "save one step as NetCDF, such as by xarray's to_netcdf",
    ".grb": "save one step as NetCDF, such as by xarray's to_netcdf",
    ".lrn": "it is text of ESOM tools: save the lines of numbers as .tsv, with a line of names",
}


def _find_reader(title: str) -> tuple[Reader, str]:
    """Find the Reader of a source, and the place that it opens."""
    if title.startswith(SCHEMES):
        return READERS[title[: title.index(":") + 1]], title.partition(":")[2]
    path = find_file(title)
    if path.is_file():
        with open(path, "rb") as stream:
            if stream.read(len(_POINTER)) == _POINTER:
                raise DataError(
                    f"{title}: is a pointer of Git LFS and not the file; fetch it by git lfs pull"
                )
    reader = find_reader(str(path))
    if reader is None and (way := _FOREIGN.get(extension(title))):
        raise DataError(f"{title}: files of this kind are not read; {way}")
    if reader is None:
        extensions = ", ".join(key for key in READERS if key.startswith("."))
        packed = ", ".join(PACKED)
        raise DataError(
            f"{title}: unknown extension {extension(title)!r}; readable are {extensions}, and "
            f"text that is packed ({packed}), as .csv.gz"
            + ("" if extension(title) else "; give the file the extension of its format")
        )
    return reader, str(path)


def _check_arguments(
    features: Sequence[str] | None,
    roles: Roles,
    sample: int | None,
    stride: int,
    missing: str,
) -> None:
    if missing not in MISSING:
        raise ConfigError(f"missing must be 'error', 'skip' or 'drop', got {missing!r}")
    if not _is_count(stride) or stride < 1:
        raise ConfigError(f"stride must be a whole number of at least 1, got {stride!r}")
    if sample is not None and (not _is_count(sample) or sample < 2):
        raise ConfigError(f"sample must be a whole number of at least 2, got {sample!r}")
    if features is not None:
        if isinstance(features, str):
            raise ConfigError(f"features must be a list of names, got the text {features!r}")
        if not features:
            raise ConfigError("features is an empty list; name at least one, or leave it out")
        twice = _first_duplicate(features)
        if twice is not None:
            raise ConfigError(f"features names {twice!r} twice")
        for what, names in (("label", (roles.label,)), ("id", roles.ids), ("group", roles.groups)):
            both = next((name for name in names if name in features), None)
            if both is not None:
                raise ConfigError(f"column {both!r} is the {what}; it cannot be a feature as well")


def check_dialect(title: str, reader: Reader, options: ReadOptions) -> None:
    """Raise ConfigError for options of text that are wrong, or that do not apply to a source."""
    key, delimiter = options.section, options.delimiter
    if options.table is not None and not reader.has_tables:
        kinds = ", ".join(name for name, other in READERS.items() if other.has_tables)
        raise ConfigError(f"{key}table is for files of several tables ({kinds}); {title} is none")
    for name in TEXT_KEYS:
        if name not in reader.text_keys and getattr(options, name) != getattr(ReadOptions, name):
            kinds = "text files and sheets" if name == "header" else "text files"
            raise ConfigError(f"{key}{name} is for {kinds}; {title} is none")
    if delimiter not in (None, WHITESPACE) and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(
            f"{key}delimiter must be one character, such as ';', or {WHITESPACE!r}, got "
            f"{delimiter!r}"
        )
    if options.comment is not None and not options.comment.strip():
        raise ConfigError(f"{key}comment must be text that is not blank, got {options.comment!r}")
    for name, choices in _CHOICES.items():
        value = getattr(options, name)
        if not any(value is choice or value == choice for choice in choices):
            shown = ", ".join(map(repr, choices))
            raise ConfigError(f"{key}{name} must be one of {shown}, got {value!r}")
    if options.thousands == options.decimal:
        raise ConfigError(f"{key}decimal and {key}thousands are both {options.decimal!r}")


#: Values of options of text.
_CHOICES: dict[str, tuple[Any, ...]] = {
    "header": ("auto", True, False),
    "decimal": (".", ","),
    "thousands": (None, ".", ",", " ", "'"),
    "below_detection": ("error", "half", "limit", "missing"),
}


def _read(
    source: Source,
    features: Sequence[str] | None,
    roles: Roles,
    sample: int | None,
    stride: int,
    seed: int,
    missing: str,
    least_rows: int,
    options: ReadOptions,
    lenient: bool,
) -> Table:
    label, label_column = roles.label, None
    if label is not None and not source.has_labels:
        label_column = _find_column(source, "label", label)
    beside = find_beside(source, roles, lenient)
    columns = _feature_columns(source, features, {label_column, *beside.values()})
    kept = len(range(0, source.n_rows, stride))
    n_values = min(kept, sample or kept) * len(columns)
    check_memory(source.title, np.dtype(np.int64).itemsize * kept + n_values * _LEAST_BYTES)
    rows = choose_rows(source.title, source.n_rows, stride, sample, seed, least_rows)
    names = tuple(source.names[column] for column in columns)
    values = source.read(columns, rows)
    _check_values(source, values, columns, rows, missing)
    if least_rows > 1:  # points of another table are like those of a study that was checked
        _check_whole(source, values, columns, rows)
    for message in describe_codes(find_codes(values), names, "data."):
        _LOG.warning("%s: %s", source.title, message)
    for column, step in find_coarse(values).items():
        if not source.may_be_rounded(columns[column]):
            continue
        _LOG.warning(
            "%s: feature %r was held in float32, whose numbers of that size are %g apart, which is "
            "much beside their spread: subtract an offset before they are stored in float32",
            *(source.title, names[column], step),
        )
    for name, column in zip(names, values.T, strict=True):
        if what := find_no_measure(column, rows):
            _LOG.warning("%s: feature %r %s", source.title, name, what)
    if source.shape is None and len(rows) == source.n_rows and (what := find_summary(values)):
        _LOG.warning(
            "%s: %s is the %s of all rows before it, in every feature: where it is no point, "
            "remove it",
            *(source.title, source.place(int(rows[-1])), what),
        )
    if missing == "drop":
        values, rows = _drop_incomplete(source.title, values, rows, least_rows)
    labels = label_names = None
    if label_column is not None or source.has_labels:
        what = "label" if label is None else f"label {label!r}"
        found = (
            source.read_labels(rows)
            if label_column is None
            else source.read_column(label_column, rows)
        )
        labels, label_names = encode_labels(
            source, what, found, rows, roles.label_missing, options.decimal
        )
    return Table(
        values,
        names,
        labels,
        label_names,
        rows,
        source.shape if len(rows) == source.n_rows else None,
        read_beside(source, roles, beside, rows),
        units={name: source.units[name] for name in names if name in source.units},
        titles={name: source.titles[name] for name in names if name in source.titles},
        left_out=tuple(
            name
            for column, name in enumerate(source.names)
            if name and column not in {label_column, *columns, *beside.values()}
        ),
        cells=_find_cells(source),
    )


def _find_cells(source: Source) -> Cells | None:
    if source.shape is None:
        return None
    units = {axis: source.units[axis] for axis in source.axes if source.units.get(axis)}
    return Cells(source.shape, source.axes, dict(source.coordinates), units)


@contextmanager
def _first_lines(path: str) -> Iterator[str]:
    """Copy the first lines of a file of text, in which no quoted field is cut."""
    with open(path, "rb") as stream:
        start = stream.read(_HEAD_BYTES)
    if len(start) == _HEAD_BYTES:
        parts = start.split(b'"')  # every second one is quoted
        while parts and not (len(parts) % 2 and b"\n" in parts[-1]):
            parts.pop()
        joined = b'"'.join(parts)
        start = joined[: joined.rfind(b"\n") + 1]
    if not start:
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder, Path(path).name)
        copy.write_bytes(start)
        yield str(copy)


def _look(
    source: MarkedSource,
    features: Sequence[str] | None,
    roles: Roles,
    rows: np.ndarray,
    missing: str,
    lenient: bool,
) -> Table:
    """Look for the columns that are named, and at the values of some rows."""
    named = roles.label is not None and not source.has_labels
    label_column = _find_column(source, "label", str(roles.label)) if named else None
    beside = find_beside(source, roles, lenient)
    columns = _feature_columns(source, features, {label_column, *beside.values()})
    names = tuple(source.names[column] for column in columns)
    values = source.read(columns, rows) if len(rows) else np.empty((0, len(columns)), np.float32)
    _check_values(source, values, columns, rows, missing)
    return Table(values, names, None, None, rows, None)


def check_distinct(source: Source) -> None:
    """Raise DataError where two columns have one name."""
    twice = _first_duplicate([name for name in source.names if name])
    if twice is not None:
        positions = [i for i, name in enumerate(source.names) if name == twice]
        raise DataError(
            f"{source.title}: columns {positions[0]} and {positions[1]} are both called {twice!r}; "
            "give each its own name"
        )


def _feature_columns(
    source: Source, features: Sequence[str] | None, others: Collection[int | None]
) -> list[int]:
    check_distinct(source)
    if features is not None:
        return [_find_column(source, "feature", name) for name in features]
    columns = [column for column in range(len(source.names)) if column not in others]
    aside = [source.names[column] for column in columns if source.names[column] in source.asides]
    columns = [column for column in columns if source.names[column] not in aside]
    for what in dict.fromkeys(source.asides[name] for name in aside):
        named = [name for name in aside if source.asides[name] == what]
        _LOG.info("%s: no feature, as it is %s: %s", source.title, what, _shorten(named))
    if not columns:
        raise DataError(f"{source.title}: has no feature columns")
    unnamed = next((column for column in columns if not source.names[column]), None)
    if unnamed is not None:
        raise DataError(
            f"{source.title}: column {unnamed} has no name; name it, or choose features"
        )
    return columns


def _find_column(source: Source, role: str, name: str) -> int:
    if column_name(name) not in source.names:
        raise DataError(f"{source.title}: no {role} {name!r}; {suggest(name, source.names)}")
    return source.names.index(column_name(name))


def _check_values(
    source: Source, values: np.ndarray, columns: list[int], rows: np.ndarray, missing: str
) -> None:
    """Refuse infinite values, and missing ones if `missing` is "error"."""
    found = find_first(
        values, np.isinf if missing != "error" else lambda block: ~np.isfinite(block)
    )
    if found is None:
        return
    index, column = found[0], columns[found[1]]
    value = values[found]
    if np.isnan(value):
        entry = source.entry(column, int(rows[index]))
        is_code = isinstance(entry, int | float | np.number) and not np.isnan(entry)
        shown = repr(entry) if isinstance(entry, str) else str(entry) if is_code else "NaN"
        fault = f"missing value ({shown}); fill it, or set missing to 'skip' or 'drop'"
    else:
        fault = f"infinite value ({value}); fill it or leave the row out"
    place = source.place(int(rows[index]))
    raise DataError(f"{source.title}: feature {source.names[column]!r}, {place}: {fault}")


def _check_whole(source: Source, values: np.ndarray, columns: list[int], rows: np.ndarray) -> None:
    """Refuse whole numbers so large that float64 does not tell them apart, as ids are."""
    if values.dtype != np.float64:
        return
    lows, highs = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    for k in np.flatnonzero(np.fmax(-lows, highs) > LARGEST_WHOLE).tolist():
        present = rows[~np.isnan(values[:, k])]
        whole = read_whole(source, columns[k], present)
        if whole and (said := describe_rounded(min(whole), max(whole))):
            index = next((i for i, n in enumerate(whole) if int(float(n)) != n), 0)
            raise DataError(
                f"{source.title}: feature {source.names[columns[k]]!r}, "
                f"{source.place(int(present[index]))}: {whole[index]} is one of {said}; where they "
                "are ids, name the column in data.id or data.carry, else subtract the least of "
                "them first, while they are whole numbers"
            )


def _drop_incomplete(
    title: str, values: np.ndarray, rows: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the rows that miss a value of a feature, unless that feature has none at all."""
    complete = np.ones(len(rows), dtype=bool)
    for column in values.T:
        absent = np.isnan(column)
        if not absent.all():
            complete &= ~absent
    kept = np.count_nonzero(complete)
    if kept == len(rows):
        return values, rows
    dropped = f"{len(rows) - kept} of {len(rows)} rows miss a value"
    if kept < least:
        raise DataError(
            f"{title}: too few rows: {dropped}, so {kept} would be left, but at least "
            f"{least} are needed; choose features with fewer gaps, or set missing to 'skip'"
        )
    _LOG.warning("%s: %s; dropped", title, dropped)
    return values[complete], rows[complete]


def _shorten(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _first_duplicate(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _is_count(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
