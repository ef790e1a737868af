"""Classes on maps: figures of maps with known classes and of images, and the classes of new points.

Maps, ensemble and points with known classes -> figures that a study names in `figures.extra`, and
tables/classification.csv where it names test points.
"""


rule classify_points:
    input:
        test=input_file(config["classification"]["test"]),
        data="<results>/data.h5",
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        table=report(
            "<results>/tables/classification.csv",
            caption="../report/classification_table.rst",
            category="Tables",
            labels={"table": "classification"},
        ),
    log:
        "<logs>/classify_points.log",
    benchmark:
        "<benchmarks>/classify_points.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 2
    resources:
        mem_mb=memory("classify_points"),
        runtime=run_time("classify_points"),
    params:
        test=config["classification"]["test"],
        neighbours=config["classification"]["neighbours"],
        library=library_digest(
            "analysis/classification", "data", "ensemble", "maps", "analysis/prediction"
        ),
    script:
        "../../scripts/classify_points.py"


rule plot_node_difference:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/node_difference.pdf",
        png=report(
            "<results>/figures/node_difference.png",
            caption="../report/node_difference.rst",
            category="Map",
            labels={"figure": "node difference"},
        ),
    log:
        "<logs>/plot_node_difference.log",
    benchmark:
        "<benchmarks>/plot_node_difference.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_node_difference.py"


rule plot_feature_map:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/feature_map.pdf",
        png=report(
            "<results>/figures/feature_map.png",
            caption="../report/feature_map.rst",
            category="Map",
            labels={"figure": "feature map"},
        ),
    log:
        "<logs>/plot_feature_map.log",
    benchmark:
        "<benchmarks>/plot_feature_map.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        feature=config["figures"]["feature"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_feature_map.py"


rule plot_projections:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/projections.pdf",
        png=report(
            "<results>/figures/projections.png",
            caption="../report/projections.rst",
            category="Map",
            labels={"figure": "projections"},
        ),
    log:
        "<logs>/plot_projections.log",
    benchmark:
        "<benchmarks>/plot_projections.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_projections.py"


rule plot_class_projections:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/class_projections.pdf",
        png=report(
            "<results>/figures/class_projections.png",
            caption="../report/class_projections.rst",
            category="Map",
            labels={"figure": "class projections"},
        ),
    log:
        "<logs>/plot_class_projections.log",
    benchmark:
        "<benchmarks>/plot_class_projections.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_class_projections.py"


rule plot_node_classes:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/node_classes.pdf",
        png=report(
            "<results>/figures/node_classes.png",
            caption="../report/node_classes.rst",
            category="Map",
            labels={"figure": "node classes"},
        ),
    log:
        "<logs>/plot_node_classes.log",
    benchmark:
        "<benchmarks>/plot_node_classes.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures", "analysis/classification"),
    script:
        "../../scripts/plot_node_classes.py"


rule plot_classification:
    input:
        table="<results>/tables/classification.csv",
    output:
        pdf="<results>/figures/classification.pdf",
        png=report(
            "<results>/figures/classification.png",
            caption="../report/classification.rst",
            category="Realizations",
            labels={"figure": "classification"},
        ),
    log:
        "<logs>/plot_classification.log",
    benchmark:
        "<benchmarks>/plot_classification.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        library=library_digest("figures"),
    script:
        "../../scripts/plot_classification.py"


rule plot_schedule:
    input:
        labels=label_sources(),
        realizations="<results>/tables/realizations.csv",
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/schedule.pdf",
        png=report(
            "<results>/figures/schedule.png",
            caption="../report/schedule.rst",
            category="Realizations",
            labels={"figure": "schedule"},
        ),
    log:
        "<logs>/plot_schedule.log",
    benchmark:
        "<benchmarks>/plot_schedule.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        swept=STUDY.swept,
        color_by=config["figures"]["color_by"],
        library=library_digest(
            "figures",
            "analysis/choice",
            "maps/schedules",
            "maps/neighbourhood",
            "maps/realization",
        ),
    script:
        "../../scripts/plot_schedule.py"
