"""Classify test points by the maps, by the groups and by the nearest points, and say how well."""

from pathlib import Path

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.analysis import classification as by
from kohorte.analysis.prediction import predict, read_points
from kohorte.errors import DataError
from kohorte.maps.winners import find_winners
from kohorte.study.logs import job_log


def classify_on_map(path, truth, n_classes, tests, test_truth, neighbours, threads):
    """Rows of one map, and what the classes of its nodes say of the test points."""
    stored = store.read_realization(path, "weights", "winners")
    weights, winners = stored.arrays["weights"], stored.arrays["winners"]
    how = {"metric": stored.parameters["metric"], "threads": threads}
    counts = by.count_classes(winners, truth, len(weights), n_classes)
    classes, occupied = by.commonest(counts), np.flatnonzero(counts.any(axis=1))
    found = classes[occupied[find_winners(tests, weights[occupied], **how)]]
    near = by.map_neighbours(counts, stored.lattice, neighbours)
    near = near[:, find_winners(tests, weights, **how)]
    where = {"realization": stored.id, "metric": how["metric"]}
    rows = [
        *by.accuracy_rows("node_class", [classes[winners]], truth, points="study", **where),
        *by.accuracy_rows("node_class", [found], test_truth, points="test", **where),
        *by.accuracy_rows(
            "map_neighbours", near, test_truth, neighbours=neighbours, points="test", **where
        ),
    ]
    return rows, found


def classify_by_groups(ensemble, folder, truth, n_classes, tests, test_truth, threads):
    """Rows of the consensus: a group stands for the commonest class of its points."""
    labels, n_groups = ensemble.points.label, ensemble.consensus.n_groups
    classes = by.commonest(by.count_classes(labels, truth, n_groups, n_classes))
    found = classes[predict(ensemble, folder, tests, threads=threads).label]
    yield from by.accuracy_rows("group_class", [classes[labels]], truth, points="study")
    yield from by.accuracy_rows("group_class", [found], test_truth, points="test")


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        data = store.read_data(snakemake.input.data)
        tests = read_points(snakemake.params.test, snakemake.input.data)
        if data.truth is None or tests.truth is None:
            raise DataError("classification: study and test points need known classes")
        test_truth = by.match_names(tests.class_names, data.class_names)[tests.truth]
        threads, neighbours = snakemake.threads, snakemake.params.neighbours
        points = tests.features, test_truth
        known = data.truth, len(data.class_names)
        rows, votes, metrics = [], [], {}
        for path in store.listed_realizations(snakemake.input.labels):
            more, found = classify_on_map(path, *known, *points, neighbours, threads)
            rows += more
            votes.append(found)
            metrics[more[0]["metric"]] = None
        if len(votes) > 1:
            rows += by.accuracy_rows("map_vote", [by.vote(votes)], test_truth, points="test")
        ensemble = store.read_ensemble(snakemake.input.ensemble, points=True)
        folder = Path(snakemake.input.ensemble).parent / "realizations"
        rows += classify_by_groups(ensemble, folder, *known, *points, threads)
        if data.n_missing or np.isnan(tests.features).any():
            log.warning("values are missing: the nearest points themselves are left out")
            metrics = {}
        for metric in metrics:
            near = by.point_neighbours(data.features, data.truth, points[0], neighbours, metric)
            where = {"metric": metric, "points": "test", "neighbours": neighbours}
            rows += by.accuracy_rows("point_neighbours", near, test_truth, **where)
        table = pd.DataFrame(rows, columns=by.COLUMNS).astype({"neighbours": "Int64"})
        store.write_csv(table, snakemake.output.table)
