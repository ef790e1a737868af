"""Figures of `figures.extra`: slices and surfaces of a grid, groups of cells, stages of a map.

They read slices, parts or a sample of the points, never all of them as numbers of 64 bits.
"""

SLICE = [config["figures"]["slice_axis"], config["figures"]["slice_index"]]


rule plot_field_slice:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
    output:
        pdf="<results>/figures/field_slice.pdf",
        png=report(
            "<results>/figures/field_slice.png",
            caption="../report/field_slice.rst",
            category="Grid",
            labels={"figure": "field slice"},
        ),
    log:
        "<logs>/plot_field_slice.log",
    benchmark:
        "<benchmarks>/plot_field_slice.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_field_slice.py"


rule plot_feature_slices:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
    output:
        pdf="<results>/figures/feature_slices.pdf",
        png=report(
            "<results>/figures/feature_slices.png",
            caption="../report/feature_slices.rst",
            category="Grid",
            labels={"figure": "feature slices"},
        ),
    log:
        "<logs>/plot_feature_slices.log",
    benchmark:
        "<benchmarks>/plot_feature_slices.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_feature_slices.py"


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
            caption="../report/cluster_slice.rst",
            category="Grid",
            labels={"figure": "cluster slice"},
        ),
    log:
        "<logs>/plot_cluster_slice.log",
    benchmark:
        "<benchmarks>/plot_cluster_slice.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        threshold=config["physics"]["threshold"],
        realization=config["figures"]["realization"],
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_cluster_slice.py"


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
            caption="../report/consensus_slice.rst",
            category="Grid",
            labels={"figure": "consensus slice"},
        ),
    log:
        "<logs>/plot_consensus_slice.log",
    benchmark:
        "<benchmarks>/plot_consensus_slice.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_consensus_slice.py"


rule plot_signal_slice:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
    output:
        pdf="<results>/figures/signal_slice.pdf",
        png=report(
            "<results>/figures/signal_slice.png",
            caption="../report/signal_slice.rst",
            category="Grid",
            labels={"figure": "signal slice"},
        ),
    log:
        "<logs>/plot_signal_slice.log",
    benchmark:
        "<benchmarks>/plot_signal_slice.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_signal_slice.py"


rule plot_signal_histogram:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
    output:
        pdf="<results>/figures/signal_histogram.pdf",
        png=report(
            "<results>/figures/signal_histogram.png",
            caption="../report/signal_histogram.rst",
            category="Grid",
            labels={"figure": "signal histogram"},
        ),
    log:
        "<logs>/plot_signal_histogram.log",
    benchmark:
        "<benchmarks>/plot_signal_histogram.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        cuts=config["figures"]["signal_cuts"],
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_signal_histogram.py"


rule plot_signal_classes:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        grid="<results>/grid.h5",
    output:
        pdf="<results>/figures/signal_classes.pdf",
        png=report(
            "<results>/figures/signal_classes.png",
            caption="../report/signal_classes.rst",
            category="Grid",
            labels={"figure": "signal classes"},
        ),
    log:
        "<logs>/plot_signal_classes.log",
    benchmark:
        "<benchmarks>/plot_signal_classes.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        slice=SLICE,
        cuts=config["figures"]["signal_cuts"],
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_signal_classes.py"


rule plot_feature_pairs:
    input:
        data="<results>/data.h5",
        fields=FIELDS,
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/feature_pairs.pdf",
        png=report(
            "<results>/figures/feature_pairs.png",
            caption="../report/feature_pairs.rst",
            category="Grid",
            labels={"figure": "feature pairs"},
        ),
    log:
        "<logs>/plot_feature_pairs.log",
    benchmark:
        "<benchmarks>/plot_feature_pairs.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_feature_pairs.py"


rule plot_group_shares:
    input:
        physics="<results>/tables/physics.csv",
        threshold="<results>/tables/threshold.csv",
    output:
        pdf="<results>/figures/group_shares.pdf",
        png=report(
            "<results>/figures/group_shares.png",
            caption="../report/group_shares.rst",
            category="Grid",
            labels={"figure": "group shares"},
        ),
    log:
        "<logs>/plot_group_shares.log",
    benchmark:
        "<benchmarks>/plot_group_shares.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_group_shares.py"


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
            caption="../report/sheet_surfaces.rst",
            category="Grid",
            labels={"figure": "sheet surfaces"},
        ),
    log:
        "<logs>/plot_sheet_surfaces.log",
    benchmark:
        "<benchmarks>/plot_sheet_surfaces.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        threshold=config["physics"]["threshold"],
        library=library_digest("fields", "figures", "physics", "store/grids"),
    script:
        "../../scripts/plot_sheet_surfaces.py"


rule plot_overlap_matrices:
    input:
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/overlap_matrices.pdf",
        png=report(
            "<results>/figures/overlap_matrices.png",
            caption="../report/overlap_matrices.rst",
            category="Ensemble",
            labels={"figure": "overlap matrices"},
        ),
    log:
        "<logs>/plot_overlap_matrices.log",
    benchmark:
        "<benchmarks>/plot_overlap_matrices.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        library=library_digest("figures", "ensemble"),
    script:
        "../../scripts/plot_overlap_matrices.py"


rule plot_umatrix_contours:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/umatrix_contours.pdf",
        png=report(
            "<results>/figures/umatrix_contours.png",
            caption="../report/umatrix_contours.rst",
            category="Map",
            labels={"figure": "umatrix contours"},
        ),
    log:
        "<logs>/plot_umatrix_contours.log",
    benchmark:
        "<benchmarks>/plot_umatrix_contours.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_umatrix_contours.py"


rule plot_umatrix_stages:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/umatrix_stages.pdf",
        png=report(
            "<results>/figures/umatrix_stages.png",
            caption="../report/umatrix_stages.rst",
            category="Map",
            labels={"figure": "umatrix stages"},
        ),
    log:
        "<logs>/plot_umatrix_stages.log",
    benchmark:
        "<benchmarks>/plot_umatrix_stages.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures", "maps"),
    script:
        "../../scripts/plot_umatrix_stages.py"


rule plot_cluster_radars:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/cluster_radars.pdf",
        png=report(
            "<results>/figures/cluster_radars.png",
            caption="../report/cluster_radars.rst",
            category="Map",
            labels={"figure": "cluster radars"},
        ),
    log:
        "<logs>/plot_cluster_radars.log",
    benchmark:
        "<benchmarks>/plot_cluster_radars.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_grid"),
        runtime=run_time("plot_grid"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_cluster_radars.py"
