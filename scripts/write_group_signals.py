"""Write the signal map of every SCE group: how many of its clusters hold each point."""

from kohorte import store
from kohorte.ensemble.points import gather_signal
from kohorte.study.logs import job_log


def write_group_signals(path, ensemble, labels, threads):
    """Write one row of N numbers for each SCE group; rows are computed one after the other."""
    overlaps, groups = ensemble.overlaps, ensemble.clusters.sce_group
    count = int(groups.max()) + 1
    with store.create(path, "group_signals", n_points=ensemble.n_points) as file:
        shape = (count, ensemble.n_points)
        signals = file.create_dataset("signals", shape, "u2", chunks=(1, min(shape[1], 1 << 20)))
        signals.attrs["unit"] = "realizations"
        for group in range(count):
            members = (groups == group).astype(float)
            signals[group] = gather_signal(labels.arrays, overlaps, members, threads=threads)


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, snakemake.params.label_name
        ) as opened,
    ):
        write_group_signals(
            snakemake.output.signals,
            store.read_ensemble(snakemake.input.ensemble),
            opened,
            snakemake.threads,
        )
