"""Compare single realizations and the ensemble with the known classes, if there are any."""

import pandas as pd

from kohorte import store
from kohorte.evaluation import evaluate
from kohorte.logs import job_log

METHODS = ["method", "ari", "ami", "accuracy", "n_groups"]
CLASSES = ["method", "class", "points", "precision", "recall"]


def evaluate_methods(ensemble, truth, realizations):
    """Evaluations by name of method: the single maps of lowest, median and highest ARI, the most
    representative one, and the ensemble's consensus."""
    single = {}
    for path in realizations:
        stored = store.read_realization(path, "labels")
        single[stored.id] = evaluate(stored.arrays["labels"], truth)
    by_ari = sorted(single.values(), key=lambda e: e.ari)
    return {
        "single_min": by_ari[0],
        "single_median": by_ari[(len(by_ari) - 1) // 2],
        "single_max": by_ari[-1],
        "representative": single[ensemble.realizations.representative],
        "consensus": evaluate(ensemble.points.label, truth),
    }


def method_table(evaluations):
    """One row a method."""
    rows = [(name, e.ari, e.ami, e.accuracy, len(e.clusters)) for name, e in evaluations.items()]
    return pd.DataFrame(rows, columns=METHODS)


def class_table(evaluations, class_names):
    """One row a method and class: precision and recall after the optimal matching."""
    rows = [
        (method, class_names[code], size, precision, recall)
        for method, e in evaluations.items()
        for code, size, precision, recall in zip(
            e.classes, e.confusion.sum(axis=1), e.precision, e.recall, strict=True
        )
    ]
    return pd.DataFrame(rows, columns=CLASSES)


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        data = store.read_data(snakemake.input.data)
        results, names = {}, ()
        if data.truth is None:
            log.info("no label in the data: the tables have a header only")
        else:
            names = data.class_names
            results = evaluate_methods(
                store.read_ensemble(snakemake.input.ensemble),
                data.truth,
                store.listed_realizations(snakemake.input.indexes),
            )
        store.write_csv(method_table(results), snakemake.output.evaluation)
        store.write_csv(class_table(results, names), snakemake.output.classes)
