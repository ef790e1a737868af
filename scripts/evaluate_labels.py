"""Compare single realizations and the ensemble with the known classes, if there are any."""

import pandas as pd

from kohorte import store
from kohorte.analysis.evaluation import evaluate
from kohorte.ensemble.votes import VOTES
from kohorte.study.logs import job_log

METHODS = ["method", "ari", "ami", "accuracy", "n_groups"]
CLASSES = ["method", "class", "points", "precision", "recall"]


def evaluate_methods(ensemble, truth, labels):
    """Evaluations by name of method: the single realizations of lowest, median and highest ARI, the
    most representative one, and the ensemble's consensus by equal and by weighted votes."""
    single = dict(
        zip(labels.ids, (evaluate(array[:], truth) for array in labels.arrays), strict=True)
    )
    by_ari = sorted(single.values(), key=lambda e: e.ari)
    return {
        "single_min": by_ari[0],
        "single_median": by_ari[(len(by_ari) - 1) // 2],
        "single_max": by_ari[-1],
        "representative": single[ensemble.realizations.representative],
        **{
            f"consensus_{votes}": evaluate(ensemble.label(labels.arrays, votes).groups, truth)
            for votes in VOTES
        },
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
    with (
        job_log(snakemake.log[0]) as log,
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, snakemake.params.label_name
        ) as opened,
    ):
        data = store.read_data(snakemake.input.data) if snakemake.input.get("data") else None
        results, names = {}, ()
        if data is None or data.truth is None:
            log.info("no label in the data: the tables have a header only")
        else:
            names = data.class_names
            combined = store.read_ensemble(snakemake.input.ensemble)
            results = evaluate_methods(combined, data.truth, opened)
        store.write_csv(method_table(results), snakemake.output.evaluation)
        store.write_csv(class_table(results, names), snakemake.output.classes)
