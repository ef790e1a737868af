"""Make a picture for the documentation of a figure: fewer pixels."""

from kohorte.figures.pictures import shrink_picture
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        shrink_picture(
            snakemake.input.figure,
            snakemake.output.picture,
            widths=snakemake.params.widths,
            most_bytes=snakemake.params.most_bytes,
        )
