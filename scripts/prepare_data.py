"""Read any source, check it and write it as one scaled table."""

from kohorte import store
from kohorte.data.prepared import prepare_data
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.input) as log:
        options, seed = snakemake.params.options, snakemake.params.seed
        data = prepare_data(options, seed=seed)
        store.write_data(snakemake.output.data, data, options=options, seed=seed)
        log.info("%d points, %d features", *data.features.shape)
        log.info("%d values are missing", data.n_missing)
