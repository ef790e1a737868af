"""Train the networks of one case and batch of seeds on two spirals."""

from kohorte.studies.spirals import store as spiral_store
from kohorte.studies.spirals.networks import compute_on_one_thread
from kohorte.studies.spirals.training import train_network
from kohorte.study.logs import job_log


def train_networks(path, *, variant, side, betas, numbers, drawn, options, seed, log):
    """Train a network for each beta and number; the first of `drawn`, (side, beta), is drawn."""
    trained, keys = [], [(beta, number) for beta in betas for number in numbers]
    for beta, number in keys:
        draw = number == 0 and (side, beta) == drawn
        network = train_network(variant, side, beta, number, options, seed, draw=draw)
        log.info("beta %g, network %d: %.4f", beta, number, network.test_accuracy[-1])
        trained.append(network)
    beta, number = zip(*keys, strict=True)
    spiral_store.write_networks(path, trained, variant=variant, side=side, beta=beta, number=number)


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as logger:
        compute_on_one_thread()
        train_networks(
            snakemake.output.networks,
            variant=snakemake.params.variant,
            side=snakemake.params.side,
            betas=snakemake.params.betas,
            numbers=snakemake.params.numbers,
            drawn=tuple(snakemake.params.drawn),
            options=snakemake.params.options,
            seed=snakemake.params.seed,
            log=logger,
        )
