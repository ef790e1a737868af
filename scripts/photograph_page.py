"""Make a picture for the documentation of the top of a page, by a browser."""

from kohorte.figures.pictures import photograph_page
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        photograph_page(
            snakemake.input.page,
            snakemake.output.picture,
            width=snakemake.params.width,
            height=snakemake.params.height,
        )
