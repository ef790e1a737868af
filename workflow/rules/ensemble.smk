"""Ensemble: the labels of all realizations -> overlaps/<slab>.h5 -> results/<study>/ensemble.h5.

Overlaps are counts, additive over slabs of points. The counts of a slab are kept: where realizations
have been added since, only the tables that involve the new ones are counted. Snakemake follows an
index beside them, which is written last: it would delete what it follows when a job starts or fails.

Where there are several slabs, their points are labelled in jobs of their own, too: the counts of all
-> overlaps/combined.h5 -> overlaps/points/<slab>.h5 -> results/<study>/ensemble.h5.
"""


rule count_overlaps:
    input:
        labels=label_sources(),
        # Maps label the rows that they were trained on; label files may be of another table.
        data=[] if HAS_MAPS else data_file(),
    output:
        index="<results>/overlaps/{slab}.json",
    log:
        "<logs>/count_overlaps/{slab}.log",
    benchmark:
        "<benchmarks>/count_overlaps/{slab}.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: two_threads
    resources:
        mem_mb=counting_memory,
        runtime=counting_time,
        gpu=COUNTING_GPUS,
    params:
        files=STUDY.labels,
        reading=LABEL_READING,
        slabs=len(SLABS),
        content=content_of("realizations.labels"),
        backend=config["ensemble"]["backend"],
        memory_mb=config["execution"]["memory_mb"],
        losses=lambda wildcards: count_losses(RESULTS / f"overlaps/{wildcards.slab}.json"),
        library=library_digest("ensemble", "jobs/counting", "jobs/devices", *LABEL_PARTS),
    script:
        "../../scripts/count_overlaps.py"


rule collect_evidence:
    input:
        data="<results>/data.h5",
    output:
        evidence="<results>/structure/{part}.json",
    log:
        "<logs>/collect_evidence/{part}.log",
    benchmark:
        "<benchmarks>/collect_evidence/{part}.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("collect_evidence"),
        runtime=run_time("collect_evidence"),
    params:
        tables=lambda wildcards: STRUCTURE_PARTS[wildcards.part],
        members=STRUCTURE_MEMBERS,
        rows=config["structure"]["rows"],
        seed=STUDY.seed,
        library=library_digest("structure", "_references", "_principal", "ensemble", "maps"),
    script:
        "../../scripts/collect_evidence.py"


if GROUP_NAMES:

    rule name_groups:
        input:
            names=given("groups.file", config["groups"]["file"]),
            ensemble="<results>/ensemble.h5",
        output:
            groups="<results>/groups.json",
        log:
            "<logs>/name_groups.log",
        benchmark:
            "<benchmarks>/name_groups.tsv"
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=memory("tabulate"),
            runtime=run_time("tabulate"),
        params:
            **step("kohorte.analysis.naming:write_group_names", "study/groups"),
            content=content_of("groups.file"),
        script:
            RUN_STEP


if len(SLABS) == 1:

    rule combine_realizations:
        input:
            structure=STRUCTURE_FILES,
            labels=label_sources(),
            overlaps=expand("<results>/overlaps/{slab}.json", slab=SLABS),
            # Distances of the points to their winners say how novel they are.
            data=data_file() if HAS_MAPS else [],
        output:
            ensemble="<results>/ensemble.h5",
        log:
            "<logs>/combine_realizations.log",
        benchmark:
            "<benchmarks>/combine_realizations.tsv"
        conda:
            "../../envs/kohorte.yaml"
        threads: 2
        resources:
            mem_mb=combining_memory,
            runtime=combining_time,
        params:
            **step(
                "kohorte.jobs.labelling:write_ensemble",
                "structure",
                "ensemble",
                "jobs/counting",
                "jobs/devices",
                "jobs/novelty",
                "maps/_kernels",
                "maps/draws",
                "maps/metrics",
                "maps/novelty",
            ),
            files=STUDY.labels,
            planned=planned_maps,
            reading=LABEL_READING,
            options=COMBINING,
            level=config["structure"]["level"],
            content=content_of("realizations.labels"),
            memory_mb=config["execution"]["memory_mb"],
        script:
            RUN_STEP

else:
    # The same numbers, of points that are labelled in slabs; the files between are not kept.

    rule combine_counts:
        input:
            labels=label_sources(),
            structure=STRUCTURE_FILES,
            overlaps=expand("<results>/overlaps/{slab}.json", slab=SLABS),
        output:
            combined=temp("<results>/overlaps/combined.h5"),
        log:
            "<logs>/combine_counts.log",
        benchmark:
            "<benchmarks>/combine_counts.tsv"
        conda:
            "../../envs/kohorte.yaml"
        threads: 2
        resources:
            mem_mb=counts_memory,
            runtime=counts_time,
        params:
            **step(
                "kohorte.jobs.labelling:write_combined", "structure", "ensemble", "jobs/counting"
            ),
            files=STUDY.labels,
            planned=planned_maps,
            reading=LABEL_READING,
            options=COMBINING,
            level=config["structure"]["level"],
            content=content_of("realizations.labels"),
        script:
            RUN_STEP

    rule label_points:
        input:
            labels=label_sources(),
            combined="<results>/overlaps/combined.h5",
            # Distances of the points to their winners say how novel they are.
            data=data_file() if HAS_MAPS else [],
        output:
            points=temp("<results>/overlaps/points/{slab}.h5"),
        log:
            "<logs>/label_points/{slab}.log",
        benchmark:
            "<benchmarks>/label_points/{slab}.tsv"
        conda:
            "../../envs/kohorte.yaml"
        threads: 2
        resources:
            mem_mb=labelling_memory,
            runtime=labelling_time,
        params:
            **step(
                "kohorte.jobs.labelling:label_slab",
                "ensemble",
                "jobs/novelty",
                "maps/_kernels",
                "maps/draws",
                "maps/metrics",
                "maps/novelty",
            ),
            slab=lambda wildcards: int(wildcards.slab),
            slabs=len(SLABS),
            files=STUDY.labels,
            reading=LABEL_READING,
            votes=COMBINING["votes"],
            memory_mb=config["execution"]["memory_mb"],
            content=content_of("realizations.labels"),
        script:
            RUN_STEP

    rule combine_realizations:
        input:
            structure=STRUCTURE_FILES,
            combined="<results>/overlaps/combined.h5",
            points=expand("<results>/overlaps/points/{slab}.h5", slab=SLABS),
        output:
            ensemble="<results>/ensemble.h5",
        log:
            "<logs>/combine_realizations.log",
        benchmark:
            "<benchmarks>/combine_realizations.tsv"
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=counts_memory,
            runtime=gathering_time,
        params:
            **step("kohorte.jobs.labelling:gather_points", "structure", "ensemble", "maps/novelty"),
            options=COMBINING,
        script:
            RUN_STEP


rule measure_sufficiency:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        sufficiency=report(
            "<results>/tables/sufficiency.csv",
            caption="../report/sufficiency_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("sufficiency"),
        ),
    log:
        "<logs>/measure_sufficiency.log",
    benchmark:
        "<benchmarks>/measure_sufficiency.tsv"
    priority: 1  # figures wait for it
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("measure_sufficiency"),
        runtime=run_time("measure_sufficiency", config["ensemble"]["subsets"] / 50),
    params:
        files=STUDY.labels,
        reading=LABEL_READING,
        seed=STUDY.seed,
        subsets=config["ensemble"]["subsets"],
        enough=config["ensemble"]["enough"],
        library=library_digest("analysis/sufficiency", "ensemble"),
    script:
        "../../scripts/measure_sufficiency.py"


rule tabulate_splits:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        structure=STRUCTURE_FILES,
    output:
        splits=report(
            "<results>/tables/splits.csv",
            caption="../report/splits_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("splits"),
        ),
    log:
        "<logs>/tabulate_splits.log",
    benchmark:
        "<benchmarks>/tabulate_splits.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: two_threads
    resources:
        mem_mb=memory("tabulate_splits"),
        runtime=run_time("tabulate_splits"),
    params:
        files=STUDY.labels,
        reading=LABEL_READING,
        memory_mb=config["execution"]["memory_mb"],
        library=library_digest(
            "analysis/splits", "structure", "_references", "_principal", "ensemble"
        ),
    script:
        "../../scripts/tabulate_splits.py"


rule write_group_signals:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        signals="<results>/group_signals.h5",
    log:
        "<logs>/write_group_signals.log",
    benchmark:
        "<benchmarks>/write_group_signals.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 2
    resources:
        mem_mb=memory("write_group_signals"),
        runtime=run_time("write_group_signals"),
    params:
        files=STUDY.labels,
        reading=LABEL_READING,
        library=library_digest("ensemble", "jobs/counting", "jobs/devices"),
    script:
        "../../scripts/write_group_signals.py"
