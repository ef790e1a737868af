"""Result files of a study: HDF5 and CSV, whole or not there.

What the modules here offer is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kohorte.store.data import *  # noqa: F403
    from kohorte.store.ensembles import *  # noqa: F403
    from kohorte.store.files import *  # noqa: F403
    from kohorte.store.labels import *  # noqa: F403
    from kohorte.store.realizations import *  # noqa: F403
    from kohorte.store.resources import *  # noqa: F403
    from kohorte.store.tallies import *  # noqa: F403

_NAMES = {
    "data": [
        *("PreparedData", "beside_names", "get_transformation", "open_samples"),
        *("put_beside", "read_beside", "read_data", "write_data"),
    ],
    "ensembles": [
        *(
            "StoredEnsemble",
            "count_groups",
            "read_combined",
            "read_ensemble",
            "read_overlaps",
            "read_representative",
        ),
        *("write_combined", "write_ensemble", "write_gathered", "write_overlaps", "write_slab"),
    ],
    "files": [
        *("create", "open_result", "other_versions", "put", "put_attributes", "read_json"),
        *("read_csv", "read_result", "read_text", "write_csv", "write_index"),
    ],
    "labels": [*("LabelArrays", "Window", "check_label_rows", "cut_windows", "open_label_arrays")],
    "realizations": [
        *("REALIZATION_ARRAYS", "MapArrays", "StoredRealization", "content_digest"),
        *("check_planned", "find_realization", "has_fingerprint", "list_realization"),
        "listed_realizations",
        *("read_chosen_map", "read_realization", "read_weights", "write_realization"),
    ],
    "resources": ["write_resource"],
    "tallies": ["read_tallies", "read_tally", "tallied_blocks", "write_tally"],
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
