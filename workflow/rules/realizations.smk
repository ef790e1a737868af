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
    priority: 1  # counting waits for all maps, and goes on beside the test of structure
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=training_memory,
        runtime=training_time,
        gpu=training_gpus,
    params:
        members=batch_members,
        recording=RECORDING,
        losses=lambda wildcards: count_losses(
            RESULTS / f"realizations/batches/{wildcards.batch}.json"
        ),
        content=content_of("training.weights"),
        library=library_digest("maps"),
        job=library_digest("jobs/devices", "jobs/training"),
    script:
        "../../scripts/train_realizations.py"


# Batch maps whose epochs are cut into slabs of points, and the number of their epochs. What lies
# between is not kept: training/<batch>/<epoch - 1>.h5 -> <epoch>/<slab>.h5 -> <epoch>.h5.
if EPOCHS:

    rule begin_maps:
        input:
            data="<results>/data.h5",
            weights=given("training.weights", config["training"]["weights"]),
        output:
            state=temp("<results>/training/{batch}/0.h5"),
        log:
            "<logs>/begin_maps/{batch}.log",
        benchmark:
            "<benchmarks>/begin_maps/{batch}.tsv"
        priority: 1
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=epoch_memory,
            runtime=begin_time,
        params:
            **step("kohorte.jobs.epochs:begin_maps", "jobs/training", "maps"),
            index=lambda wildcards: str(RESULTS / f"realizations/batches/{wildcards.batch}.json"),
            members=batch_members,
            recording=RECORDING,
            digest=library_digest("maps"),
            content=content_of("training.weights"),
        script:
            RUN_STEP

    rule sum_epoch:
        input:
            data="<results>/data.h5",
            state=lambda wildcards: training_state(wildcards, int(wildcards.turn) - 1),
        output:
            sums=temp("<results>/training/{batch}/{turn}/{slab}.h5"),
        log:
            "<logs>/sum_epoch/{batch}/{turn}/{slab}.log",
        benchmark:
            "<benchmarks>/sum_epoch/{batch}/{turn}/{slab}.tsv"
        priority: 1
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=epoch_memory,
            runtime=epoch_time,
        params:
            **step("kohorte.jobs.epochs:sum_epoch", "maps"),
            slab=lambda wildcards: int(wildcards.slab),
            slabs=config["execution"]["epoch_slabs"],
        script:
            RUN_STEP

    rule end_epoch:
        input:
            data="<results>/data.h5",
            former=lambda wildcards: training_state(wildcards, int(wildcards.turn) - 1),
            sums=expand("<results>/training/{{batch}}/{{turn}}/{slab}.h5", slab=EPOCH_SLABS),
        output:
            state=temp("<results>/training/{batch}/{turn}.h5"),
        log:
            "<logs>/end_epoch/{batch}/{turn}.log",
        benchmark:
            "<benchmarks>/end_epoch/{batch}/{turn}.tsv"
        wildcard_constraints:
            turn=r"[1-9]\d*",
        priority: 1
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=epoch_memory,
            runtime=run_time("end_epoch"),
        params:
            **step("kohorte.jobs.epochs:end_epoch", "maps"),
            epoch=lambda wildcards: int(wildcards.turn),
            recording=RECORDING,
        script:
            RUN_STEP

    rule look_at_maps:
        input:
            data="<results>/data.h5",
            state=lambda wildcards: training_state(wildcards, EPOCHS[wildcards.batch]),
        output:
            looks=temp("<results>/training/{batch}/looks/{slab}.h5"),
        log:
            "<logs>/look_at_maps/{batch}/{slab}.log",
        benchmark:
            "<benchmarks>/look_at_maps/{batch}/{slab}.tsv"
        priority: 1
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=look_memory,
            runtime=epoch_time,
        params:
            **step("kohorte.jobs.epochs:look_at_maps", "maps"),
            slab=lambda wildcards: int(wildcards.slab),
            slabs=config["execution"]["epoch_slabs"],
        script:
            RUN_STEP

    rule finish_maps:
        input:
            data="<results>/data.h5",
            state=lambda wildcards: training_state(wildcards, EPOCHS[wildcards.batch]),
            looks=expand("<results>/training/{{batch}}/looks/{slab}.h5", slab=EPOCH_SLABS),
        output:
            index="<results>/realizations/batches/{batch}.json",
        log:
            "<logs>/finish_maps/{batch}.log",
        benchmark:
            "<benchmarks>/finish_maps/{batch}.tsv"
        wildcard_constraints:
            batch="|".join(EPOCHS),
        priority: 1
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=finish_memory,
            runtime=finish_time,
        params:
            **step("kohorte.jobs.epochs:finish_maps", "jobs/training", "maps"),
            members=batch_members,
            recording=RECORDING,
            losses=lambda wildcards: count_losses(
                RESULTS / f"realizations/batches/{wildcards.batch}.json"
            ),
        script:
            RUN_STEP

    ruleorder: finish_maps > train_realizations
