"""Simulate decaying turbulence of a pair plasma; it runs in the environment .simulation."""

from kohorte.studies.plasma.simulation.turbulence import simulate
from kohorte.studies.plasma.store.simulations import energy_error, write_simulation
from kohorte.study.logs import job_log

PYTHON = ".simulation/bin/python"

if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        run = simulate(snakemake.params.options, PYTHON)
        write_simulation(snakemake.output.simulation, run, snakemake.params.options)
        log.info("%s, %d snapshots", run.program, len(run.snapshots))
        log.info("energy was conserved to %.2g of it", energy_error(run.energies))
