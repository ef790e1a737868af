"""Images: MNIST, and maps whose nodes are drawn as the pictures that they stand for."""

from functools import partial
from pathlib import Path

from kohorte.study.figures import CLASSES, MAPS, Figure, Need
from kohorte.study.modules import StudyModule

# Whether features are pixels shows only in the table itself.
_PIXELS = Need("features named `pixel_<row>_<column>`", lambda config, study: "")

_of_images = partial(
    Figure,
    module="kohorte.studies.images.figures",
    section="Map",
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
)
