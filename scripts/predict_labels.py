"""Label new points by the maps of a finished study."""

from pathlib import Path

from kohorte import store
from kohorte.analysis.naming import read_names
from kohorte.analysis.prediction import (
    compare_prediction,
    predict,
    prediction_table,
    read_points,
    write_prediction,
)
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.input) as log:
        source, ensemble = snakemake.params.source, Path(snakemake.input.ensemble)
        study = store.read_data(snakemake.input.data, mapped=True)
        points = read_points(source, snakemake.input.data)
        combined = store.read_ensemble(ensemble, points=study.truth is not None)
        maps = ensemble.parent / "realizations"
        used = [maps / f"{identifier}.h5" for identifier in combined.realizations.ids]
        if other := store.other_versions([ensemble, snakemake.input.data, *used]):
            log.warning("%s; run the study again to make anew what has changed", other)
        prediction = predict(
            combined,
            maps,
            points.features,
            truth=study.truth,
            threads=snakemake.threads,
        )
        log.info(
            "mean confidence %.4f, mean novelty %.2f",
            prediction.confidence.mean(),
            prediction.novelty.mean(),
        )
        scores = compare_prediction(prediction, points)
        how = {
            "study_classes": study.class_names,
            "signal_cuts": snakemake.params.signal_cuts,
            "group_names": read_names(snakemake.input.get("names")),
        }
        hdf5 = snakemake.output.hdf5
        write_prediction(hdf5, prediction, points, source=source, **how, **scores)
        store.write_csv(prediction_table(prediction, points, **how), snakemake.output.csv)
