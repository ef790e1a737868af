"""Maps of colours: realizations -> figures/colours.* and, for maps of anything, figures/schedule.*"""


rule plot_colours:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/colours.pdf",
        png=report(
            "<results>/figures/colours.png",
            caption="../report/colours.rst",
            category="Map",
            labels={"figure": "colours"},
        ),
    log:
        "<logs>/plot_colours.log",
    benchmark:
        "<benchmarks>/plot_colours.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_colours.py"


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
            "figures", "choice", "maps/schedules", "maps/neighbourhood", "maps/realization"
        ),
    script:
        "../../scripts/plot_schedule.py"
