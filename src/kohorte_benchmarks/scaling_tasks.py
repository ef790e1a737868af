"""The task of the measurement of scaling, in a process of its own: all steps of a study."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from kohorte import store
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import limit_groups
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.maps.realization import Realization, run_realizations
from kohorte.maps.resolve import resolve_parameters
from kohorte_benchmarks.serving import Outcome, by_name

#: Steps of a study in their order, first of its maps, then of its ensemble.
STAGES = ("train", "winners", "segment", "quality", "count", "combine", "label")

#: What the task answers: means over the maps, and groups that hold points.
ANSWERS = ("quantization_error", "topographic_error", "groups")

#: Points of the run that compiles.
WARM_UP = 200


def run_study(
    points: str, found: str, weights: str | None, maps: list[dict], ensemble: Mapping[str, Any]
) -> Callable[[], Outcome]:
    """Make maps and ensemble of a table; writes the consensus group of each point to `found`."""
    features = np.load(points)
    given = None if weights is None else store.read_weights(weights)

    def run(features: np.ndarray = features) -> Outcome:
        begin = perf_counter()
        runs = [(resolve_parameters(m["parameters"], features), m["seed"]) for m in maps]
        seconds: defaultdict[str, float] = defaultdict(float)
        found_labels: dict[int, np.ndarray] = {}
        errors = []

        def keep(k: int, realization: Realization) -> None:
            found_labels[k] = realization.labels
            errors.append(realization.quality)
            for stage, taken in realization.seconds.items():
                seconds[stage] += taken

        run_realizations(features, runs, keep, given=given)
        labels = [found_labels[k] for k in range(len(runs))]
        clock = perf_counter()
        overlaps = count_overlaps(labels, backend=ensemble["backend"], threads=1)
        seconds["count"], clock = perf_counter() - clock, perf_counter()
        options = {name: ensemble[name] for name in ("identical", "threshold")}
        # Few points have few clusters.
        groups = limit_groups(ensemble["groups"], overlaps)
        combined = combine(overlaps, groups=groups, **options)
        seconds["combine"], clock = perf_counter() - clock, perf_counter()
        of_points = combined.label(labels, ensemble["votes"], threads=1).groups
        seconds["label"] = perf_counter() - clock
        total = perf_counter() - begin
        np.save(found, of_points)
        answer = {name: float(np.mean([e[name] for e in errors])) for name in ANSWERS[:2]}
        answer["groups"] = len(np.unique(of_points))
        return Outcome(total, json.dumps(answer), {name: seconds[name] for name in STAGES})

    run(features[:WARM_UP])
    return run


#: Name -> task.
TASKS = by_name(run_study)
