"""Plasma: a simulation or fields of one's own -> fields.h5, the features of cells; and what groups of
cells are -> grid.h5, grid.vti, tables/physics.csv and others.

The simulation runs in an environment of its own, .simulation, made from envs/simulation.txt. The
points of a study on a grid are its cells: those of fields.h5, or of a table with `data.shape`;
nothing here is made for other studies. Labels of all realizations on the grid are made on demand.
"""

from kohorte.studies.plasma.costs import simulation_mb, simulation_seconds
from kohorte.studies.plasma.fields.names import source_files

HAS_FIELDS = config["fields"]["source"] is not None
HAS_SIMULATION = config["fields"]["source"] == str(RESULTS / "simulation.h5")
HAS_GRID = HAS_FIELDS or config["data"]["shape"] is not None
FIELDS = "<results>/fields.h5" if HAS_FIELDS else []
TABLES_OF_GRIDS = ["physics", "structures", "threshold"]

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
        lambda wildcards: [
            as_given(file)
            for file in source_files(config["fields"]["source"], config["fields"]["datasets"])
        ],
    output:
        fields="<results>/fields.h5",
        table=report(
            "<results>/tables/fields.csv",
            caption="captions/fields.rst",
            category="Tables",
            labels={"table": "fields"},
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
        label_name=config["realizations"]["label_name"],
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
        label_name=config["realizations"]["label_name"],
    script:
        RUN_STEP


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
            caption="captions/physics.rst",
            category="Tables",
            labels={"table": "physics"},
        ),
        structures=report(
            "<results>/tables/structures.csv",
            caption="captions/structures.rst",
            category="Tables",
            labels={"table": "structures"},
        ),
        threshold=report(
            "<results>/tables/threshold.csv",
            caption="captions/threshold.rst",
            category="Tables",
            labels={"table": "threshold"},
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
            "studies/plasma/fields",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
        options=config["physics"],
    script:
        RUN_STEP


SLICE = [config["figures"]["slice_axis"], config["figures"]["slice_index"]]


rule plot_field_slice:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
    output:
        pdf="<results>/figures/field_slice.pdf",
        png=report(
            "<results>/figures/field_slice.png",
            caption="../../../../workflow/report/field_slice.rst",
            category="Grid",
            labels={"figure": "field slice"},
        ),
    log:
        "<logs>/plot_field_slice.log",
    benchmark:
        "<benchmarks>/plot_field_slice.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_field_slice.py"


rule plot_feature_slices:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
    output:
        pdf="<results>/figures/feature_slices.pdf",
        png=report(
            "<results>/figures/feature_slices.png",
            caption="../../../../workflow/report/feature_slices.rst",
            category="Grid",
            labels={"figure": "feature slices"},
        ),
    log:
        "<logs>/plot_feature_slices.log",
    benchmark:
        "<benchmarks>/plot_feature_slices.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_feature_slices.py"


rule plot_cluster_slice:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        grid="<results>/grid.h5",
        physics="<results>/tables/physics.csv",
    output:
        pdf="<results>/figures/cluster_slice.pdf",
        png=report(
            "<results>/figures/cluster_slice.png",
            caption="../../../../workflow/report/cluster_slice.rst",
            category="Grid",
            labels={"figure": "cluster slice"},
        ),
    log:
        "<logs>/plot_cluster_slice.log",
    benchmark:
        "<benchmarks>/plot_cluster_slice.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        threshold=config["physics"]["threshold"],
        realization=config["figures"]["realization"],
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_cluster_slice.py"


rule plot_consensus_slice:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
        physics="<results>/tables/physics.csv",
    output:
        pdf="<results>/figures/consensus_slice.pdf",
        png=report(
            "<results>/figures/consensus_slice.png",
            caption="../../../../workflow/report/consensus_slice.rst",
            category="Grid",
            labels={"figure": "consensus slice"},
        ),
    log:
        "<logs>/plot_consensus_slice.log",
    benchmark:
        "<benchmarks>/plot_consensus_slice.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_consensus_slice.py"


rule plot_signal_slice:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
    output:
        pdf="<results>/figures/signal_slice.pdf",
        png=report(
            "<results>/figures/signal_slice.png",
            caption="../../../../workflow/report/signal_slice.rst",
            category="Grid",
            labels={"figure": "signal slice"},
        ),
    log:
        "<logs>/plot_signal_slice.log",
    benchmark:
        "<benchmarks>/plot_signal_slice.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_signal_slice.py"


rule plot_signal_histogram:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
    output:
        pdf="<results>/figures/signal_histogram.pdf",
        png=report(
            "<results>/figures/signal_histogram.png",
            caption="../../../../workflow/report/signal_histogram.rst",
            category="Grid",
            labels={"figure": "signal histogram"},
        ),
    log:
        "<logs>/plot_signal_histogram.log",
    benchmark:
        "<benchmarks>/plot_signal_histogram.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        cuts=config["figures"]["signal_cuts"],
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_signal_histogram.py"


rule plot_signal_classes:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
    output:
        pdf="<results>/figures/signal_classes.pdf",
        png=report(
            "<results>/figures/signal_classes.png",
            caption="../../../../workflow/report/signal_classes.rst",
            category="Grid",
            labels={"figure": "signal classes"},
        ),
    log:
        "<logs>/plot_signal_classes.log",
    benchmark:
        "<benchmarks>/plot_signal_classes.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        cuts=config["figures"]["signal_cuts"],
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_signal_classes.py"


rule plot_feature_pairs:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/feature_pairs.pdf",
        png=report(
            "<results>/figures/feature_pairs.png",
            caption="../../../../workflow/report/feature_pairs.rst",
            category="Grid",
            labels={"figure": "feature pairs"},
        ),
    log:
        "<logs>/plot_feature_pairs.log",
    benchmark:
        "<benchmarks>/plot_feature_pairs.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_feature_pairs.py"


rule plot_group_shares:
    input:
        physics="<results>/tables/physics.csv",
        threshold="<results>/tables/threshold.csv",
    output:
        pdf="<results>/figures/group_shares.pdf",
        png=report(
            "<results>/figures/group_shares.png",
            caption="../../../../workflow/report/group_shares.rst",
            category="Grid",
            labels={"figure": "group shares"},
        ),
    log:
        "<logs>/plot_group_shares.log",
    benchmark:
        "<benchmarks>/plot_group_shares.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_group_shares.py"


rule plot_sheet_surfaces:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
        physics="<results>/tables/physics.csv",
    output:
        pdf="<results>/figures/sheet_surfaces.pdf",
        png=report(
            "<results>/figures/sheet_surfaces.png",
            caption="../../../../workflow/report/sheet_surfaces.rst",
            category="Grid",
            labels={"figure": "sheet surfaces"},
        ),
    log:
        "<logs>/plot_sheet_surfaces.log",
    benchmark:
        "<benchmarks>/plot_sheet_surfaces.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        threshold=config["physics"]["threshold"],
        library=library_digest(
            "studies/plasma/fields",
            "figures",
            "studies/plasma/figures",
            "studies/plasma/physics",
            "studies/plasma/store/grids",
        ),
    script:
        "../../../../scripts/plot_sheet_surfaces.py"


rule plot_overlap_matrices:
    input:
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/overlap_matrices.pdf",
        png=report(
            "<results>/figures/overlap_matrices.png",
            caption="../../../../workflow/report/overlap_matrices.rst",
            category="Ensemble",
            labels={"figure": "overlap matrices"},
        ),
    log:
        "<logs>/plot_overlap_matrices.log",
    benchmark:
        "<benchmarks>/plot_overlap_matrices.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        library=library_digest("figures", "studies/plasma/figures", "ensemble"),
    script:
        "../../../../scripts/plot_overlap_matrices.py"


rule plot_umatrix_contours:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/umatrix_contours.pdf",
        png=report(
            "<results>/figures/umatrix_contours.png",
            caption="../../../../workflow/report/umatrix_contours.rst",
            category="Map",
            labels={"figure": "umatrix contours"},
        ),
    log:
        "<logs>/plot_umatrix_contours.log",
    benchmark:
        "<benchmarks>/plot_umatrix_contours.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures", "studies/plasma/figures"),
    script:
        "../../../../scripts/plot_umatrix_contours.py"


rule plot_umatrix_stages:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/umatrix_stages.pdf",
        png=report(
            "<results>/figures/umatrix_stages.png",
            caption="../../../../workflow/report/umatrix_stages.rst",
            category="Map",
            labels={"figure": "umatrix stages"},
        ),
    log:
        "<logs>/plot_umatrix_stages.log",
    benchmark:
        "<benchmarks>/plot_umatrix_stages.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures", "studies/plasma/figures", "maps"),
    script:
        "../../../../scripts/plot_umatrix_stages.py"


rule plot_cluster_radars:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/cluster_radars.pdf",
        png=report(
            "<results>/figures/cluster_radars.png",
            caption="../../../../workflow/report/cluster_radars.rst",
            category="Map",
            labels={"figure": "cluster radars"},
        ),
    log:
        "<logs>/plot_cluster_radars.log",
    benchmark:
        "<benchmarks>/plot_cluster_radars.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures", "studies/plasma/figures"),
    script:
        "../../../../scripts/plot_cluster_radars.py"
