"""Classes: maps, ensemble and points with known classes -> tables/classification.csv, where a study
names test points.
"""


rule classify_points:
    input:
        test=given("classification.test", config["classification"]["test"]),
        data="<results>/data.h5",
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        table=report(
            "<results>/tables/classification.csv",
            caption="../report/classification_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("classification"),
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
        test=as_it_is(config["classification"]["test"]),
        content=content_of("classification.test"),
        neighbours=config["classification"]["neighbours"],
        library=library_digest(
            "analysis/classification", "data", "ensemble", "maps", "analysis/prediction"
        ),
    script:
        "../../scripts/classify_points.py"
