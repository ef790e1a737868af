"""Jobs, on demand: the records of all jobs so far -> results/<study>/tables/jobs.csv.

The rule has no record of its own, which would make its table old as soon as it is written.
"""


rule tabulate_jobs:
    output:
        jobs="<results>/tables/jobs.csv",
    log:
        "<logs>/tabulate_jobs.log",
    conda:
        "../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("tabulate"),
        runtime=run_time("tabulate"),
    params:
        # The records are no input: asking for the table must not start the jobs that are missing.
        records=job_records(),
        library=library_digest("jobs/usage"),
    script:
        "../../../scripts/tabulate_jobs.py"
