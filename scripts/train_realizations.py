"""Train the maps of one batch that are not there yet, and write the index of the batch."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from kohorte import store
from kohorte.logs import job_log
from kohorte.maps.realization import Recording, run_realization, run_realizations, together
from kohorte.maps.resolve import resolve_parameters
from kohorte.provenance import digest_of


def train_realizations(index, *, data, weights, members, recording, library, threads, log):
    """Write `<id>.h5` of every member one folder above `index`, then `index`, which lists them."""
    table = store.read_data(data, mapped=True)
    given = store.read_weights(weights) if weights else None
    directory = Path(index).parent.parent
    options = {"given": given, "recording": Recording(**recording)}

    def path_of(member):
        return directory / f"{member['id']}.h5"

    def fingerprint_of(member):
        origin = None if member["parameters"]["initial"] != "given" else digest_of(given)
        return digest_of(table.digest, library, member, recording, origin)

    def write(member, parameters, realization):
        resolved = member["parameters"] | asdict(parameters)
        attributes = {**member, "parameters": resolved, "fingerprint": fingerprint_of(member)}
        store.write_realization(path_of(member), realization, **attributes)
        log.info("%s: trained in %.2f s", member["id"], sum(realization.seconds.values()))

    def train(group):
        key, batch = group
        if key is not None:
            runs = [(parameters, member["seed"]) for member, parameters in batch]
            trained = run_realizations(table.features, runs, **options)
            for (member, parameters), realization in zip(batch, trained, strict=True):
                write(member, parameters, realization)
            return
        for member, parameters in batch:
            write(
                member,
                parameters,
                run_realization(table.features, parameters, member["seed"], **options),
            )

    missing = []
    for member in members:
        if store.has_fingerprint(path_of(member), fingerprint_of(member)):
            log.info("%s: kept", member["id"])
        else:
            missing.append((member, resolve_parameters(member["parameters"], table.features)))
    # One map never uses more than one core; maps are independent and their kernels free the GIL.
    # Those that share a device are trained together.
    alone = [(None, [entry]) for entry in missing if together(entry[1]) is None]
    rest = sorted((e for e in missing if together(e[1])), key=lambda e: str(together(e[1])))
    groups = [(key, list(batch)) for key, batch in groupby(rest, key=lambda e: together(e[1]))]
    log.info("%d of %d maps to train", len(missing), len(members))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(train, alone))
    for group in groups:
        train(group)
    with store.replacing(index) as temporary:
        entries = [store.list_realization(path_of(member)) for member in members]
        temporary.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as logger:
        train_realizations(
            snakemake.output.index,
            data=snakemake.input.data,
            weights=snakemake.input.weights,
            members=snakemake.params.members,
            recording=snakemake.params.recording,
            library=snakemake.params.library,
            threads=snakemake.threads,
            log=logger,
        )
