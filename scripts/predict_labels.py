"""Label new points by the maps of a finished study."""

from pathlib import Path

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.analysis.evaluation import evaluate
from kohorte.analysis.prediction import predict, read_points
from kohorte.study.logs import job_log

#: Points beyond which the CSV has its header only, as `tables/points.csv`.
MAX_POINT_ROWS = 1_000_000


def compare(prediction, points, log):
    """Measures of the labels against the classes of the points, if there are any, by name."""
    if points.truth is None:
        return {}
    found = evaluate(prediction.label, points.truth)
    log.info("accuracy %.4f, adjusted Rand index %.4f", found.accuracy, found.ari)
    return {"accuracy": found.accuracy, "ari": found.ari, "ami": found.ami}


def write_prediction(path, prediction, points, **attributes):
    """Write everything as HDF5."""
    arrays = {name: getattr(prediction, name) for name in ("label", "confidence", "signal")}
    known = {name: getattr(points, name) for name in ("rows", "truth", "class_names")}
    with store.create(path, "prediction", n_points=len(prediction.label), **attributes) as file:
        store.put(file, arrays | known)
        file["novelty"] = prediction.novelty
        file["novelty"].attrs["unit"] = "quantization errors"


def tabulate(prediction, points):
    """One row a point, with its class where that is known."""
    rows = slice(len(prediction.label) if len(prediction.label) <= MAX_POINT_ROWS else 0)
    table = pd.DataFrame({name: values[rows] for name, values in vars(prediction).items()})
    table.insert(0, "row", points.rows[rows])
    if points.truth is not None:
        table["class"] = np.array(points.class_names)[points.truth[rows]]
    return table


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        source, ensemble = snakemake.params.source, snakemake.input.ensemble
        points = read_points(source, snakemake.input.data)
        prediction = predict(
            store.read_ensemble(ensemble),
            Path(ensemble).parent / "realizations",
            points.features,
            threads=snakemake.threads,
        )
        scores = compare(prediction, points, log)
        log.info(
            "mean confidence %.4f, mean novelty %.2f",
            prediction.confidence.mean(),
            prediction.novelty.mean(),
        )
        write_prediction(snakemake.output.hdf5, prediction, points, source=source, **scores)
        store.write_csv(tabulate(prediction, points), snakemake.output.csv)
