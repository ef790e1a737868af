"""Write the table with its missing values filled in by the maps of the study."""

from kohorte.analysis.imputation import write_imputed
from kohorte.errors import ConfigError
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        if snakemake.params.files:
            raise ConfigError(
                "missing values are filled in from trained maps, but this study has label files "
                "only (realizations.labels)"
            )
        write_imputed(
            snakemake.output.imputed,
            data=snakemake.input.data,
            indexes=snakemake.input.labels,
        )
