"""Images: MNIST, and maps whose nodes are drawn as the pictures that they stand for."""

from pathlib import Path

from kohorte.study.modules import StudyModule

MODULE = StudyModule(
    folder=Path(__file__).parent,
    extra_figures={
        "class_winners": ("maps", "classes"),
        "image_map": ("maps", "classes"),
    },
)
