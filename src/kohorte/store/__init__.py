"""Result files of a study: HDF5 and CSV, whole or not there."""

from kohorte.data.prepared import PreparedData
from kohorte.store.data import read_data, write_data
from kohorte.store.ensembles import (
    read_ensemble,
    read_overlaps,
    read_overlaps_of,
    read_representative,
    write_ensemble,
    write_overlaps,
)
from kohorte.store.files import (
    create,
    open_result,
    put,
    put_attributes,
    read_json,
    read_result,
    read_text,
    replacing,
    write_csv,
    write_index,
)
from kohorte.store.labels import (
    LabelArrays,
    check_label_rows,
    cut_windows,
    open_label_arrays,
)
from kohorte.store.realizations import (
    REALIZATION_ARRAYS,
    StoredRealization,
    content_digest,
    find_realization,
    has_fingerprint,
    list_realization,
    listed_realizations,
    read_chosen_map,
    read_realization,
    read_weights,
    write_realization,
)
from kohorte.store.resources import write_resource

__all__ = [
    "REALIZATION_ARRAYS",
    "LabelArrays",
    "PreparedData",
    "StoredRealization",
    "check_label_rows",
    "content_digest",
    "create",
    "cut_windows",
    "find_realization",
    "has_fingerprint",
    "list_realization",
    "listed_realizations",
    "open_label_arrays",
    "open_result",
    "put",
    "put_attributes",
    "read_chosen_map",
    "read_data",
    "read_ensemble",
    "read_json",
    "read_overlaps",
    "read_overlaps_of",
    "read_realization",
    "read_representative",
    "read_result",
    "read_text",
    "read_weights",
    "replacing",
    "write_csv",
    "write_data",
    "write_ensemble",
    "write_index",
    "write_overlaps",
    "write_realization",
    "write_resource",
]
