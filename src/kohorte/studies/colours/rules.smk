"""Maps of colours: realizations -> figures/colours.*"""


rule plot_colours:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/colours.pdf",
        png=report(
            "<results>/figures/colours.png",
            caption="../../../../workflow/report/colours.rst",
            category="Map",
            labels={"figure": "colours"},
        ),
    log:
        "<logs>/plot_colours.log",
    benchmark:
        "<benchmarks>/plot_colours.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures", "studies/colours/figures"),
    script:
        "../../../../scripts/plot_colours.py"
