"""A large synthetic study on a grid, written part by part: a table of fields and labels of it.

    python -m kohorte_benchmarks.large_grid FOLDER 200 224 224

writes FOLDER/fields.h5, FOLDER/labels/<k>.h5 and FOLDER/study.yaml, a study that combines them
and draws figures. It tells how time and memory of that path grow; the numbers mean nothing.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import yaml

NAMES = ("j_par", "j_asym", "b_perp", "e_dot_j")

FIGURES = [
    *("field_slice", "feature_slices", "feature_pairs", "cluster_slice", "overlap_matrices"),
    *("signal_slice", "signal_histogram", "signal_classes", "consensus_slice"),
    *("group_shares", "sheet_surfaces"),
]


def make_fields(z: np.ndarray, shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Make fields (nz, ny, nx, 4) float32 of planes z: noise and bent sheets, single and double."""
    _, ny, nx = shape
    z = 2 * np.pi * (z[:, None, None] + 0.5) / shape[0]
    y = 2 * np.pi * (np.arange(ny)[:, None] + 0.5) / ny
    x = 2 * np.pi * (np.arange(nx) + 0.5) / nx
    bend = x + 0.3 * np.sin(y + np.cos(z))
    current = np.zeros((len(z), ny, nx), dtype=np.float32)
    for centre, sign in ((1.2, 1), (3.1, 1), (3.4, -1), (5.0, -1)):
        away = np.sin((bend - centre) / 2) / 0.08
        long = 0.5 + 0.5 * np.cos(y - centre)
        current += (sign * long / np.cosh(np.clip(away, -30, 30)) ** 2).astype(np.float32)
    fields = np.empty((*current.shape, len(NAMES)), dtype=np.float32)
    noise = rng.standard_normal((len(NAMES), *current.shape), dtype=np.float32)
    fields[..., 0] = current + 0.05 * noise[0]
    fields[..., 1] = np.abs(np.gradient(current, axis=2)) + 0.01 * noise[1]
    fields[..., 2] = 1 - np.abs(current) + 0.1 * noise[2]
    fields[..., 3] = current**2 + 0.02 * noise[3]
    return fields


def label_fields(fields: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Make labels of realization k, uint8: the current between levels, which differ a little."""
    levels = np.array([-0.5, -0.2, 0.2, 0.5]) * (0.8 + 0.05 * (k % 9))
    noise = rng.standard_normal(fields.shape[:-1], dtype=np.float32)
    return np.digitize(fields[..., 0] + 0.05 * noise, levels[: 2 + 2 * (k % 2 == 0)]).astype("u1")


def write_study(folder: Path, shape: Sequence[int], realizations: int) -> None:
    """Write fields, labels and configuration of the study into a folder."""
    labels = folder / "labels"
    labels.mkdir(parents=True, exist_ok=True)
    nz, plane = shape[0], shape[1] * shape[2]
    rows = max(1, (1 << 21) // plane)
    with h5py.File(folder / "fields.h5", "w") as file:
        table = file.create_dataset("features", (nz * plane, len(NAMES)), "f4")
        file["names"] = list(NAMES)
        files = [h5py.File(labels / f"{k:02d}.h5", "w") for k in range(realizations)]
        outputs = [f.create_dataset("labels", (nz * plane,), "u1") for f in files]
        for start in range(0, nz, rows):
            z = np.arange(start, min(start + rows, nz))
            fields = make_fields(z, shape, np.random.default_rng([0, start]))
            where = slice(start * plane, (z[-1] + 1) * plane)
            table[where] = fields.reshape(-1, len(NAMES))
            for k, output in enumerate(outputs):
                found = label_fields(fields, k, np.random.default_rng([1 + k, start]))
                output[where] = found.ravel()
        for f in files:
            f.close()
    study = {
        "study": "large-grid",
        "data": {"source": str(folder / "fields.h5"), "shape": list(shape)},
        "realizations": {"labels": [str(labels / f"{k:02d}.h5") for k in range(realizations)]},
        "figures": {"extra": FIGURES},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("shape", type=int, nargs=3, metavar="CELLS", help="along z, y and x")
    parser.add_argument("--realizations", type=int, default=12)
    given = parser.parse_args()
    write_study(given.folder, given.shape, given.realizations)
