"""Plasma: a simulation or your own fields -> fields.h5, the features of cells; and what groups of
cells are -> grid.h5, grid.vti, tables/physics.csv and others.

The simulation runs in an environment of its own, .simulation, made from envs/simulation.txt. The
points of a study on a grid are its cells: those of fields.h5, or of a table with `data.shape`;
nothing here is made for other studies. Labels of all realizations on the grid are made on demand.
"""

from kohorte.studies.plasma.costs import (
    ROUNDS as ROUNDS_OF_CELLS,
    simulation_mb,
    simulation_seconds,
)
from kohorte.studies.plasma.fields.names import source_files

HAS_FIELDS = config["fields"]["source"] is not None
HAS_SIMULATION = config["fields"]["source"] == str(RESULTS / "simulation.h5")
HAS_GRID = HAS_FIELDS or config["data"]["shape"] is not None
FIELD_FILES = (
    source_files(config["fields"]["source"], config["fields"]["datasets"]) if HAS_FIELDS else []
)
FIELDS = "<results>/fields.h5" if HAS_FIELDS else []
FIGURE_INPUTS["fields"] = FIELDS
TABLES_OF_GRIDS = ["physics", "field_features", "structures", "threshold"]

if HAS_SIMULATION:
    ORIGINS["simulation"] = "<results>/simulation.h5"
if HAS_FIELDS:
    ORIGINS["fields"] = "<results>/fields.h5"
    MODULE_TABLES += ["fields"]
if HAS_GRID:
    MODULE_TABLES += TABLES_OF_GRIDS
    MODULE_RESULTS += multiext("<results>/grid", ".h5", ".vti")


rule physics:
    input:
        multiext("<results>/grid", ".h5", ".vti") if HAS_GRID else [],
        (expand("<results>/tables/{name}.csv", name=TABLES_OF_GRIDS) if HAS_GRID else []),


rule simulate_plasma:
    output:
        simulation="<results>/simulation.h5",
    log:
        "<logs>/simulate_plasma.log",
    benchmark:
        "<benchmarks>/simulate_plasma.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: memory_mb(simulation_mb(config["simulation"]), attempt),
        runtime=lambda wildcards, attempt: run_minutes(
            simulation_seconds(config["simulation"]), attempt
        ),
    params:
        **step(
            "kohorte.studies.plasma.steps:simulate_plasma",
            "studies/plasma/simulation",
            "studies/plasma/fields/operators",
        ),
        options=config["simulation"],
    script:
        RUN_STEP


rule derive_fields:
    input:
        given("fields.source", FIELD_FILES),
    output:
        fields="<results>/fields.h5",
        table=report(
            "<results>/tables/fields.csv",
            caption="captions/fields.rst",
            category=TABLES_SECTION,
            labels=table_labels("fields"),
        ),
    log:
        "<logs>/derive_fields.log",
    benchmark:
        "<benchmarks>/derive_fields.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory("derive_fields"),
        runtime=run_time("derive_fields"),
    params:
        **step(
            "kohorte.studies.plasma.steps:derive_fields",
            "studies/plasma/fields",
            "data/arrays",
            "data/hdf5",
            "data/reading",
            "data/sources",
        ),
        options=config["fields"],
        simulated=HAS_SIMULATION,
        content=content_of("fields.source", FIELD_FILES),
    script:
        RUN_STEP


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
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory("write_grid"),
        runtime=run_time("write_grid"),
    params:
        **step(
            "kohorte.studies.plasma.steps:write_grid",
            "ensemble",
            "studies/plasma/fields",
            "studies/plasma/store/grids",
            "studies/plasma/store/vti",
        ),
        files=STUDY.labels,
        reading=LABEL_READING,
        memory_mb=config["execution"]["memory_mb"],
    script:
        RUN_STEP


rule write_grid_labels:
    input:
        source=label_sources(),
        grid="<results>/grid.h5",
    output:
        labels="<results>/grid_labels.h5",
    log:
        "<logs>/write_grid_labels.log",
    benchmark:
        "<benchmarks>/write_grid_labels.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory("write_grid"),
        runtime=run_time("write_grid"),
    params:
        **step(
            "kohorte.studies.plasma.steps:write_grid_labels",
            "studies/plasma/fields",
            "studies/plasma/store/grids",
        ),
        files=STUDY.labels,
        reading=LABEL_READING,
    script:
        RUN_STEP


# What is tallied of cells in slabs; nothing where one job does it all.
CELL_ROUNDS = range(ROUNDS_OF_CELLS if HAS_GRID and len(SLABS) > 1 else 0)


rule tally_cells:
    input:
        data=data_file(),
        fields=FIELDS,
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        grid="<results>/grid.h5",
        former=lambda wildcards: [
            str(RESULTS / f"tallies/cells/{k}.h5") for k in range(int(wildcards.turn))
        ],
    output:
        tally=temp("<results>/tallies/cells/{turn}/{slab}.h5"),
    log:
        "<logs>/tally_cells/{turn}/{slab}.log",
    benchmark:
        "<benchmarks>/tally_cells/{turn}/{slab}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory("tally_cells"),
        runtime=run_time("tally_cells"),
    params:
        **step(
            "kohorte.studies.plasma.steps:tally_cells",
            "_tallies",
            "studies/plasma/fields",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
        slab=lambda wildcards: int(wildcards.slab),
        slabs=len(SLABS),
        options=config["physics"],
    script:
        RUN_STEP


rule gather_cells:
    input:
        tallies=expand("<results>/tallies/cells/{{turn}}/{slab}.h5", slab=SLABS),
    output:
        gathered=temp("<results>/tallies/cells/{turn}.h5"),
    log:
        "<logs>/gather_cells/{turn}.log",
    benchmark:
        "<benchmarks>/gather_cells/{turn}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory("gather_tallies"),
        runtime=run_time("gather_tallies"),
    params:
        **step("kohorte.jobs.tabulation:gather_tallies", "_tallies"),
    script:
        RUN_STEP


rule measure_physics:
    input:
        tallies=expand("<results>/tallies/cells/{turn}.h5", turn=CELL_ROUNDS),
        data=data_file(),
        fields=FIELDS,
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        grid="<results>/grid.h5",
    output:
        physics=report(
            "<results>/tables/physics.csv",
            caption="captions/physics.rst",
            category=TABLES_SECTION,
            labels=table_labels("physics"),
        ),
        field_features=report(
            "<results>/tables/field_features.csv",
            caption="captions/field_features.rst",
            category=TABLES_SECTION,
            labels=table_labels("field_features"),
        ),
        structures=report(
            "<results>/tables/structures.csv",
            caption="captions/structures.rst",
            category=TABLES_SECTION,
            labels=table_labels("structures"),
        ),
        threshold=report(
            "<results>/tables/threshold.csv",
            caption="captions/threshold.rst",
            category=TABLES_SECTION,
            labels=table_labels("threshold"),
        ),
    log:
        "<logs>/measure_physics.log",
    benchmark:
        "<benchmarks>/measure_physics.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory("measure_physics"),
        runtime=run_time("measure_physics"),
    params:
        **step(
            "kohorte.studies.plasma.steps:measure_physics",
            "_tallies",
            "analysis/profiles",
            "studies/plasma/fields",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
        options=config["physics"],
    script:
        RUN_STEP
