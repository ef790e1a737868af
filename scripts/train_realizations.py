"""Train the maps of one batch that are not there yet, and write the index of the batch."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kohorte import store
from kohorte.logs import job_log
from kohorte.maps.realization import run_realization
from kohorte.maps.resolve import resolve_parameters
from kohorte.provenance import digest_of


def train_realizations(index, *, data, members, library, threads, log):
    """Write `<id>.h5` of every member one folder above `index`, then `index`, which lists them."""
    table = store.read_data(data)
    directory = Path(index).parent.parent

    def train(member):
        path = directory / f"{member['id']}.h5"
        fingerprint = digest_of(table.digest, library, member)
        if store.has_fingerprint(path, fingerprint):
            log.info("%s: kept", member["id"])
        else:
            parameters = resolve_parameters(member["parameters"], table.features)
            realization = run_realization(table.features, parameters, member["seed"])
            sides = {"xdim": parameters.xdim, "ydim": parameters.ydim}
            resolved = {**member, "parameters": member["parameters"] | sides}
            store.write_realization(path, realization, fingerprint=fingerprint, **resolved)
            log.info("%s: trained in %.2f s", member["id"], sum(realization.seconds.values()))
        return store.list_realization(path)

    # One map never uses more than one core; maps are independent and their kernels free the GIL.
    with ThreadPoolExecutor(threads) as pool:
        entries = list(pool.map(train, members))
    with store.replacing(index) as temporary:
        temporary.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as logger:
        train_realizations(
            snakemake.output.index,
            data=snakemake.input.data,
            members=snakemake.params.members,
            library=snakemake.params.library,
            threads=snakemake.threads,
            log=logger,
        )
