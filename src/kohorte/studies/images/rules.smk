"""Images: figures of maps of images."""


rule plot_class_winners:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/class_winners.pdf",
        png=report(
            "<results>/figures/class_winners.png",
            caption="../../../../workflow/report/class_winners.rst",
            category="Map",
            labels={"figure": "class winners"},
        ),
    log:
        "<logs>/plot_class_winners.log",
    benchmark:
        "<benchmarks>/plot_class_winners.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest(
            "figures", "studies/images/figures", "analysis/classification", "maps"
        ),
    script:
        "../../../../scripts/plot_class_winners.py"


rule plot_image_map:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/image_map.pdf",
        png=report(
            "<results>/figures/image_map.png",
            caption="../../../../workflow/report/image_map.rst",
            category="Map",
            labels={"figure": "image map"},
        ),
    log:
        "<logs>/plot_image_map.log",
    benchmark:
        "<benchmarks>/plot_image_map.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest(
            "figures", "studies/images/figures", "analysis/classification", "maps"
        ),
    script:
        "../../../../scripts/plot_image_map.py"
