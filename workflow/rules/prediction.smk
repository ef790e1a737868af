"""Prediction, on demand: maps, ensemble and a file of new points -> prediction/<name>.h5 and .csv.

`prediction.source` is a parameter of this rule alone, so that a finished study stays as it is.
"""

import re

NEW_POINTS = config["prediction"]["source"]
# Results are named after the file, without folder, scheme and extension.
NEW_FILES = [NEW_POINTS] if NEW_POINTS and is_file(NEW_POINTS) else []
NEW_POINTS_NAME = Path(plain_name(*NEW_FILES or [(NEW_POINTS or "").rpartition(":")[2]])).stem

if NEW_POINTS and not HAS_MAPS:
    raise WorkflowError(
        "prediction.source: a study of label files has no maps to look new points up in"
    )


# Without a source the target `predict` asks for this, which Snakemake then reports as missing.
NO_NEW_POINTS = "prediction.source, as in --config 'prediction={source: new.csv}'"


rule predict:
    input:
        (
            multiext(f"<results>/prediction/{NEW_POINTS_NAME}", ".h5", ".csv")
            if NEW_POINTS
            else NO_NEW_POINTS
        ),


rule predict_labels:
    input:
        source=given("prediction.source", NEW_POINTS),
        data="<results>/data.h5",
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        names=GROUP_NAMES,
    output:
        hdf5="<results>/prediction/{name}.h5",
        csv="<results>/prediction/{name}.csv",
    log:
        "<logs>/predict_labels/{name}.log",
    benchmark:
        "<benchmarks>/predict_labels/{name}.tsv"
    wildcard_constraints:
        name=re.escape(NEW_POINTS_NAME),
    conda:
        "../../envs/kohorte.yaml"
    threads: 2
    resources:
        mem_mb=memory("predict_labels"),
        runtime=run_time("predict_labels"),
    params:
        source=as_it_is(NEW_POINTS),
        signal_cuts=config["ensemble"]["signal_cuts"],
        content=content_of("prediction.source", NEW_FILES),
        library=library_digest("analysis", "data", "ensemble", "maps", "study/groups"),
    script:
        "../../scripts/predict_labels.py"
