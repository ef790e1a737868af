"""Plasma: a kinetic simulation or a snapshot of one's own -> results/<study>/fields.h5, the features.

The simulation runs in an environment of its own, .simulation, made from envs/simulation.txt; no
other rule needs it. Both are skipped by studies that do not name `fields` as their source.
"""


rule simulate_plasma:
    output:
        simulation="<results>/simulation.h5",
    log:
        "<logs>/simulate_plasma.log",
    benchmark:
        "<benchmarks>/simulate_plasma.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: need.memory_mb(
            need.simulation_mb(config["simulation"]), attempt
        ),
        runtime=lambda wildcards, attempt: need.run_minutes(
            need.simulation_seconds(config["simulation"]), attempt
        ),
    params:
        options=config["simulation"],
        library=library_digest("simulation", "fields/operators"),
    script:
        "../../scripts/simulate_plasma.py"


rule derive_fields:
    input:
        source=raw_fields,
    output:
        fields="<results>/fields.h5",
        table=report(
            "<results>/tables/fields.csv",
            caption="../report/fields.rst",
            category="Tables",
            labels={"table": "fields"},
        ),
    log:
        "<logs>/derive_fields.log",
    benchmark:
        "<benchmarks>/derive_fields.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("derive_fields"),
        runtime=run_time("derive_fields"),
    params:
        options=config["fields"],
        simulated=HAS_SIMULATION,
        library=library_digest("fields", "data"),
    script:
        "../../scripts/derive_fields.py"
