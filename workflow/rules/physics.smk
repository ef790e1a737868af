"""Physics of a study on a grid: ensemble -> grid.h5, grid.vti -> tables/physics.csv and others.

The points of such a study are the cells of a grid: those of fields.h5, or of a table with
`data.shape`. Nothing here is made for other studies. The labels of all realizations on the grid are
made on demand.
"""

FIELDS = "<results>/fields.h5" if HAS_FIELDS else []
TABLES_OF_GRIDS = ["physics", "structures", "threshold"]


rule physics:
    input:
        multiext("<results>/grid", ".h5", ".vti") if HAS_GRID else [],
        (expand("<results>/tables/{name}.csv", name=TABLES_OF_GRIDS) if HAS_GRID else []),


rule write_grid:
    input:
        data=data_file(),
        fields=FIELDS,
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        grid="<results>/grid.h5",
        picture="<results>/grid.vti",
    log:
        "<logs>/write_grid.log",
    benchmark:
        "<benchmarks>/write_grid.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 2
    resources:
        mem_mb=memory("write_grid"),
        runtime=run_time("write_grid"),
    params:
        files=STUDY.labels,
        label_name=config["realizations"]["label_name"],
        memory_mb=config["execution"]["memory_mb"],
        library=library_digest("ensemble", "fields", "store/grids", "store/vti"),
    script:
        "../../scripts/write_grid.py"


rule write_grid_labels:
    input:
        labels=label_sources(),
        grid="<results>/grid.h5",
    output:
        labels="<results>/grid_labels.h5",
    log:
        "<logs>/write_grid_labels.log",
    benchmark:
        "<benchmarks>/write_grid_labels.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("write_grid"),
        runtime=run_time("write_grid"),
    params:
        files=STUDY.labels,
        label_name=config["realizations"]["label_name"],
        library=library_digest("fields", "store/grids"),
    script:
        "../../scripts/write_grid_labels.py"


rule measure_physics:
    input:
        data=data_file(),
        fields=FIELDS,
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        grid="<results>/grid.h5",
    output:
        physics=report(
            "<results>/tables/physics.csv",
            caption="../report/physics.rst",
            category="Tables",
            labels={"table": "physics"},
        ),
        structures=report(
            "<results>/tables/structures.csv",
            caption="../report/structures.rst",
            category="Tables",
            labels={"table": "structures"},
        ),
        threshold=report(
            "<results>/tables/threshold.csv",
            caption="../report/threshold.rst",
            category="Tables",
            labels={"table": "threshold"},
        ),
    log:
        "<logs>/measure_physics.log",
    benchmark:
        "<benchmarks>/measure_physics.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("measure_physics"),
        runtime=run_time("measure_physics"),
    params:
        options=config["physics"],
        library=library_digest("fields", "physics", "store/grids"),
    script:
        "../../scripts/measure_physics.py"
