"""Realizations: results/<study>/data.h5 -> realizations/<id>.h5, several per job.

A job writes the files of its realizations one by one, and at the end the index of its batch, which
is what Snakemake follows. A file that is whole and was made from the same data, parameters, seed
and code is kept: so a job that was killed goes on where it stopped, and adding values to a sweep
trains only the new maps, however the batches are cut.
"""


rule train_realizations:
    input:
        data="<results>/data.h5",
        weights=given("training.weights", config["training"]["weights"]),
    output:
        index="<results>/realizations/batches/{batch}.json",
    log:
        "<logs>/train_realizations/{batch}.log",
    benchmark:
        "<benchmarks>/train_realizations/{batch}.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=training_memory,
        runtime=training_time,
        gpu=training_gpus,
    params:
        members=batch_members,
        recording={name: config["training"][name] for name in ("history", "snapshots")},
        losses=lambda wildcards: count_losses(
            RESULTS / f"realizations/batches/{wildcards.batch}.json"
        ),
        content=content_of("training.weights"),
        library=library_digest("maps"),
        job=library_digest("jobs/devices", "jobs/training"),
    script:
        "../../scripts/train_realizations.py"
