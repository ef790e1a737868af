"""Read any source, check it and write it as one scaled table."""

from pathlib import Path
from tempfile import TemporaryDirectory

from kohorte import store
from kohorte.data.prepared import prepare_data
from kohorte.study.logs import job_log

if __name__ == "__main__":
    path = Path(snakemake.output.data)
    # Beside the result: a folder for temporary files often lies in memory.
    with (
        job_log(snakemake.log[0], snakemake.input) as log,
        TemporaryDirectory(dir=path.parent, prefix=".") as folder,
    ):
        options, seed = snakemake.params.options, snakemake.params.seed
        data = prepare_data(options, seed=seed, scratch=Path(folder, "features"))
        store.write_data(path, data, options=options, seed=seed)
        log.info("%d points, %d features", *data.features.shape)
        log.info("%d values are missing", data.n_missing)
