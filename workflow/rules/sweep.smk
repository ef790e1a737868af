"""Sweep: an ensemble for each setting of the parameters in `ensemble.per`; nothing where it is empty.

The counts of all pairs of realizations are in `ensemble.h5`, so one job makes the ensembles of all
settings without counting again: -> results/<study>/sweep.h5, tables/sweep.csv, figures/sweep.*.
"""

PER = config["ensemble"]["per"]
SWEEP_RESULTS = ["sweep.h5", "tables/sweep.csv", *[f"figures/sweep.{s}" for s in FORMATS]]


rule sweep:
    input:
        [f"<results>/{name}" for name in SWEEP_RESULTS] if PER else [],


if PER:

    rule compare_sweep:
        input:
            data="<results>/data.h5",
            labels=label_sources(),
            realizations="<results>/tables/realizations.csv",
            ensemble="<results>/ensemble.h5",
        output:
            sweep="<results>/sweep.h5",
            table=report(
                "<results>/tables/sweep.csv",
                caption="../report/sweep_table.rst",
                category=TABLES_SECTION,
                labels=table_labels("sweep"),
            ),
        log:
            "<logs>/compare_sweep.log",
        benchmark:
            "<benchmarks>/compare_sweep.tsv"
        conda:
            "../../envs/kohorte.yaml"
        threads: 2
        resources:
            mem_mb=combining_memory,
            runtime=combining_time,
        params:
            per=PER,
            options=COMBINING,
            memory_mb=config["execution"]["memory_mb"],
            library=library_digest(
                "ensemble", "analysis/choice", "analysis/evaluation", "analysis/sweep"
            ),
        script:
            "../../scripts/compare_sweep.py"
