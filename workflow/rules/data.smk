"""Data: any source -> results/<study>/data.h5, the checked and scaled table."""


rule prepare_data:
    input:
        source=given("data.source", config["data"]["source"]),
    output:
        data="<results>/data.h5",
    log:
        "<logs>/prepare_data.log",
    benchmark:
        "<benchmarks>/prepare_data.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("prepare_data"),
        runtime=run_time("prepare_data"),
    params:
        options=config["data"],
        seed=config["seed"],
        content=content_of("data.source"),
        library=library_digest("data/names", "data/prepared", *READING),
    script:
        "../../scripts/prepare_data.py"
