"""Train the maps of one batch that are not there yet, and write the index of the batch."""

from dataclasses import asdict
from pathlib import Path

from kohorte import store
from kohorte.maps.realization import Recording, run_realizations
from kohorte.maps.resolve import resolve_parameters
from kohorte.provenance import digest_of
from kohorte.study.logs import job_log


def train_realizations(index, *, data, weights, members, recording, library, losses, threads, log):
    """Write `<id>.h5` of every member one folder above `index`, then `index`, which lists them."""
    table = store.read_data(data, mapped=True)
    given = store.read_weights(weights) if weights else None
    paths = {m["id"]: Path(index).parent.parent / f"{m['id']}.h5" for m in members}

    def fingerprint_of(member):
        origin = digest_of(given) if member["parameters"]["initial"] == "given" else None
        return digest_of(table.digest, library, member, recording, origin)

    missing = []
    for member in members:
        if store.has_fingerprint(paths[member["id"]], fingerprint_of(member)):
            log.info("%s: kept", member["id"])
        else:
            missing.append((member, resolve_parameters(member["parameters"], table.features)))
    log.info("%d of %d maps to train", len(missing), len(members))

    def write(k, realization):
        member, parameters = missing[k]
        resolved = {**member, "parameters": member["parameters"] | asdict(parameters)}
        fingerprint = fingerprint_of(member)
        path = paths[member["id"]]
        store.write_realization(path, realization, fingerprint=fingerprint, **resolved)
        log.info("%s: trained in %.2f s", member["id"], sum(realization.seconds.values()))

    run_realizations(
        table.features,
        [(parameters, member["seed"]) for member, parameters in missing],
        write,
        given=given,
        recording=Recording(**recording),
        threads=threads,
    )
    files = list(paths.values())
    store.write_index(index, files, [store.list_realization(f) for f in files], **losses)


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as logger:
        train_realizations(
            snakemake.output.index,
            data=snakemake.input.data,
            weights=snakemake.input.weights,
            members=snakemake.params.members,
            recording=snakemake.params.recording,
            library=snakemake.params.library,
            losses=snakemake.params.losses,
            threads=snakemake.threads,
            log=logger,
        )
