"""Labelled copy: the table as it was given, with the group of each row -> labelled/<its name>.

It is made where the table is a file that a copy can be written of. Large ones, and tables that other
rules made, are copied on demand, by the target `labelled`.
"""

import re

COPY = [f"<results>/labelled/{COPY_NAME}"] if COPY_NAME else []
COPIED = COPY if IS_COPIED else []


rule labelled:
    input:
        COPY,


if COPY_NAME:

    rule label_table:
        input:
            source=given("data.source", config["data"]["source"]),
            data="<results>/data.h5",
            ensemble="<results>/ensemble.h5",
            names=GROUP_NAMES,
        output:
            # Copies of Zarr stores are folders.
            table=(directory if COPY_NAME.endswith(".zarr") else str)("<results>/labelled/{name}"),
        log:
            "<logs>/label_table/{name}.log",
        benchmark:
            "<benchmarks>/label_table/{name}.tsv"
        wildcard_constraints:
            name=re.escape(COPY_NAME),
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=memory("label_table"),
            runtime=run_time("label_table"),
        params:
            **step(
                "kohorte.analysis.copies:write_copy",
                "analysis/naming",
                "data/writing",
                "ensemble/points",
                "ensemble/votes",
                "study/groups",
                *READING,
            ),
            signal_cuts=config["ensemble"]["signal_cuts"],
            content=content_of("data.source"),
        script:
            RUN_STEP
