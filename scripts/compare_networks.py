"""Tables of all networks: one row each, their course, and paired tests over seeds."""

from kohorte import store
from kohorte.studies.spirals import store as spiral_store
from kohorte.studies.spirals.comparison import compare, tabulate, tabulate_courses
from kohorte.study.logs import job_log


def compare_networks(paths, side, beta):
    """The three tables; side and beta are those of the comparison."""
    jobs = [spiral_store.read_networks(path) for path in paths]
    networks = tabulate(jobs)
    compared = networks[(networks["side"] == side) & (networks["beta"] == beta)]
    return networks, tabulate_courses(jobs, side, beta), compare(compared)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        tables = compare_networks(
            snakemake.input.networks, snakemake.params.side, snakemake.params.beta
        )
        for table, path in zip(tables, snakemake.output, strict=True):
            store.write_csv(table, path)
