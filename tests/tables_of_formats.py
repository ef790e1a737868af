"""One small table in each format that is read, made by the library that its users write it with."""

import json
import warnings

import astropy.io.fits as fits
import astropy.table
import flowio
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import rasterio
import scipy.io
import scipy.sparse
import xarray as xr
from rasterio.transform import Affine

NAMES = ("CD3", "CD19", "FSC-A")
SHAPE = (12, 10)
#: Two groups, in numbers of few digits, which text holds, too; a gap in one entry.
VALUES = np.random.default_rng(5).integers(-300, 300, (120, 3)).astype(np.float32) / 64
VALUES[60:] += 12
GAP = (7, 1)
GAPPED = VALUES.copy()
GAPPED[GAP] = np.nan
CLASSES = np.repeat(["low", "high"], 60)
COLUMNS = dict(zip(NAMES, GAPPED.T.copy(), strict=True))
FRAME = pd.DataFrame(COLUMNS | {"kind": CLASSES})


def write_sheet(path):
    with pd.ExcelWriter(path) as book:
        FRAME.to_excel(book, sheet_name="results", index=False)
        pd.DataFrame().to_excel(book, sheet_name="empty", index=False)


def write_fits(path):
    columns = [
        fits.Column("CD3", "E", "counts", array=GAPPED[:, 0]),
        fits.Column("CD19", "E", array=GAPPED[:, 1]),
        fits.Column("FSC-A", "E", array=GAPPED[:, 2]),
        fits.Column("kind", "4A", array=CLASSES),
    ]
    fits.BinTableHDU.from_columns(columns, name="EVENTS").writeto(path, overwrite=True)


def write_fcs(path, values=VALUES):
    with open(path, "wb") as stream:
        detectors, markers = ["FL1-A", "FL2-A", "FSC-A"], ["CD3", "CD19", ""]
        flowio.create_fcs(stream, values.ravel().tolist(), detectors, markers)


def grid():
    axes = {"lat": np.linspace(50, 39, 12), "lon": np.linspace(0, 9, 10)}
    units = {"lat": "degrees_north", "lon": "degrees_east"}
    fields = {
        name: (("lat", "lon"), values.reshape(SHAPE), {"units": "K", "long_name": f"the {name}"})
        for name, values in COLUMNS.items()
    }
    coords = {axis: (axis, values, {"units": units[axis]}) for axis, values in axes.items()}
    return xr.Dataset(fields, coords)


def write_netcdf(path):
    grid().to_netcdf(path, engine="h5netcdf")


def write_netcdf3(path):
    grid().to_netcdf(path, engine="scipy", format="NETCDF3_CLASSIC")


def write_zarr(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grid().to_zarr(path)


def write_geotiff(path):
    stored = np.where(np.isnan(GAPPED), -9999, GAPPED).T.reshape(3, *SHAPE)
    how = {"height": 12, "width": 10, "count": 3, "dtype": "float32", "nodata": -9999}
    how |= {"crs": "EPSG:4326", "transform": Affine(1, 0, 0, 0, -1, 50)}
    with rasterio.open(path, "w", driver="GTiff", **how) as raster:
        raster.write(stored)
        raster.descriptions = NAMES


def write_h5ad(path, matrix=GAPPED):
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        if scipy.sparse.issparse(matrix):
            group = file.create_group("X")
            group.attrs["encoding-type"] = f"{matrix.format}_matrix"
            group.attrs["shape"] = matrix.shape
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(matrix, part)
        else:
            file["X"] = matrix
        file["obsm/X_pca"] = VALUES[:, :2]
        file["var/_index"] = np.array(NAMES, dtype=text)
        file["obs/cell"] = np.array([f"cell {k}" for k in range(120)], dtype=text)
        file["obs/kind/categories"] = np.array(["high", "low"], dtype=text)
        file["obs/kind/codes"] = (CLASSES == "low").astype(np.int8)
        file["obs/n_genes"] = np.arange(120)
        file["obs"].attrs["_index"], file["var"].attrs["_index"] = "cell", "_index"


def write_mat(path):
    scipy.io.savemat(path, COLUMNS_OF_MATLAB | {"kind": CLASSES.astype(object)[:, None]})


#: Names that MATLAB allows.
COLUMNS_OF_MATLAB = {name.replace("-", "_"): values for name, values in COLUMNS.items()}


def write_mat73(path):
    with h5py.File(path, "w") as file:
        for name, values in COLUMNS_OF_MATLAB.items():
            file[name] = values[None, :]
            file[name].attrs["MATLAB_class"] = np.bytes_("single")
        texts = []
        for k, text in enumerate(CLASSES):
            place = file.create_dataset(
                f"#refs#/{k}", data=np.array([[ord(c)] for c in text], "u2")
            )
            place.attrs["MATLAB_class"] = np.bytes_("char")
            texts.append(place.ref)
        file["kind"] = np.array([texts], dtype=h5py.ref_dtype)
        file["kind"].attrs["MATLAB_class"] = np.bytes_("cell")


def records(kind="S4"):
    found = np.empty(120, [(name, "f4") for name in NAMES] + [("kind", kind)])
    for name, values in COLUMNS.items():
        found[name] = values
    found["kind"] = CLASSES
    return found


def write_columns(path):
    with h5py.File(path, "w") as file:
        for name, values in COLUMNS.items():
            file[name] = values
            file[name].attrs["units"] = "K"
        file["kind"] = CLASSES.astype("S4")
        file["version"] = 3


def write_vaex(path):
    with h5py.File(path, "w") as file:
        for name, values in COLUMNS.items():
            place = f"table/columns/{name}"
            file[f"{place}/data"] = np.nan_to_num(values, nan=-1)
            file[f"{place}/mask"] = np.isnan(values)
            file[place].attrs["unit"] = "K"
        file["table/columns"].attrs["column_order"] = ",".join([*NAMES, "kind"])
        joined = "".join(CLASSES).encode()
        file["table/columns/kind/data"] = np.frombuffer(joined, np.uint8)
        file["table/columns/kind/indices"] = np.cumsum([0, *map(len, CLASSES)])


def write_pytables(path):
    with h5py.File(path, "w") as file:
        file["run/events"] = records()
        file["run/events"].attrs["CLASS"] = "TABLE"


def write_pandas_table(path):
    """As DataFrame.to_hdf(format="table") does, which needs a library that is not here."""
    with h5py.File(path, "w") as file:
        kind = [("index", "i8"), ("values_block_0", "f4", (3,)), ("values_block_1", "S4", (1,))]
        table = np.empty(120, kind)
        table["index"], table["values_block_0"] = np.arange(120), GAPPED
        table["values_block_1"][:, 0] = CLASSES
        file["events/table"] = table
        file["events"].attrs["pandas_type"] = "frame_table"
        for block, names in enumerate([list(NAMES), ["kind"]]):
            # As pickle writes a list of text in the protocol that PyTables uses.
            text = "".join(f"V{name}\np{k + 1}\na" for k, name in enumerate(names))
            pickled = np.bytes_(f"(lp0\n{text}.")
            file["events/table"].attrs[f"values_block_{block}_kind"] = pickled


def write_pandas_fixed(path):
    with h5py.File(path, "w") as file:
        file["events/axis0"] = np.array(NAMES, "S")
        file["events/axis1"] = np.arange(120)
        file["events/block0_items"] = np.array(NAMES, "S")
        file["events/block0_values"] = GAPPED
        file["events"].attrs.update({"pandas_type": "frame", "nblocks": 1})


def write_astropy_hdf5(path):
    table = astropy.table.Table(
        {
            name: astropy.table.MaskedColumn(np.nan_to_num(v), mask=np.isnan(v), unit="K")
            for name, v in COLUMNS.items()
        }
    )
    table.write(path, path="events", serialize_meta=True, overwrite=True)


def write_parquet(path):
    FRAME.set_index(np.arange(120) ** 2).to_parquet(path)


def write_feather(path):
    pyarrow.feather.write_feather(FRAME, path)


def write_arrow(path):
    fields = [pa.field(n, pa.float32(), metadata={"unit": "K"}) for n in NAMES]
    schema = pa.schema([*fields, pa.field("kind", pa.string())])
    table = pa.Table.from_pandas(FRAME, schema=schema, preserve_index=False)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(table)


def write_text(path):
    FRAME.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")


def write_arff(path):
    lines = ["% by hand", "@relation cells", *(f"@attribute {name} numeric" for name in NAMES)]
    rows = [
        ",".join("?" if np.isnan(value) else repr(float(value)) for value in values)
        for values in GAPPED
    ]
    text = [
        *lines,
        "@attribute kind {high, low}",
        "@data",
        *map(",".join, zip(rows, CLASSES, strict=True)),
    ]
    path.write_text("\n".join(text) + "\n")


def write_npz(path):
    np.savez(path, **COLUMNS, kind=CLASSES, note=json.dumps({"made": "by hand"}))


#: Name of a file -> what writes it. The part before the dot tells variants of a format apart.
WRITERS = {
    "t.xlsx": write_sheet,
    "t.ods": write_sheet,
    "t.fits": write_fits,
    "t.fits.gz": write_fits,
    "t.fcs": write_fcs,
    "t.nc": write_netcdf,
    "classic.nc": write_netcdf3,
    "t.zarr": write_zarr,
    "t.tif": write_geotiff,
    "t.h5ad": write_h5ad,
    "t.mat": write_mat,
    "new.mat": write_mat73,
    "columns.h5": write_columns,
    "vaex.hdf5": write_vaex,
    "pytables.h5": write_pytables,
    "pandas.h5": write_pandas_table,
    "fixed.h5": write_pandas_fixed,
    "astropy.h5": write_astropy_hdf5,
    "records.npy": lambda path: np.save(path, records("U4")),
    "records.npz": lambda path: np.savez(path, features=records("U4")),
    "columns.npz": write_npz,
    "t.parquet": write_parquet,
    "t.feather": write_feather,
    "t.arrow": write_arrow,
    "t.csv": write_text,
    "t.arff": write_arff,
    "t.tsv": write_text,
}

#: Those that hold no text beside the numbers.
NO_CLASSES = {"t.fcs", "t.nc", "classic.nc", "t.zarr", "t.tif", "fixed.h5", "astropy.h5"}
#: Those whose columns have no order of their own, and come by name.
BY_NAME = {"t.zarr", "new.mat", "columns.h5"}
GRIDS = {"t.nc", "classic.nc", "t.zarr", "t.tif"}
