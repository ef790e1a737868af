"""The same bits on processors of several generations, which are emulated on this one.

`make check-processors` runs a whole study of each kind on each of them, which takes half an hour.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.signal import savgol_filter
from workflow_project import TINY, Project, assert_same, content, write_points

from kohorte._portable import exp, log, power
from kohorte.ensemble.significance import _convolve, _savitzky_golay

#: What switches off the instructions of later processors in numba, NumPy, OpenBLAS and XLA.
NAMES = ("NUMBA_CPU_NAME", "NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE", "XLA_FLAGS")
OLDER = {
    "haswell": ("haswell", "X86_V4 AVX512_ICL", "Haswell", "--xla_cpu_max_isa=AVX2"),
    "nehalem": ("nehalem", "X86_V3 X86_V4 AVX512_ICL", "Nehalem", "--xla_cpu_max_isa=SSE4_2"),
}

#: How maps differ between the studies: each trainer, backend, start, metric and segmentation.
KINDS = {
    "batch, segments": {"trainer": "batch", "method": "segments"},
    "jax": {"trainer": "batch", "backend": "jax"},
    "pca": {"trainer": "batch", "initial": "pca"},
    "hdbscan": {"method": "hdbscan"},
    "kmeans": {"method": "kmeans"},
    "agglomerative": {"method": "agglomerative"},
    "gaussian_mixture": {"method": "gaussian_mixture", "clusters": 3},
    "cosine": {"metric": "cosine"},
    "manhattan, hexagonal": {"metric": "manhattan", "topology": "hexagonal"},
    "resolved": {"trainer": "batch", "row_share": 0.8, "row_draw": "bootstrap", "history": 0},
}

PROBE = """
import hashlib, json, sys
import numpy as np
from kohorte import SOM, combine, count_overlaps
from kohorte.ensemble.agreement import pairwise_ari, pairwise_nmi
from kohorte.ensemble.significance import gsum, rank_clusters, separate
from kohorte.ensemble.sufficiency import extrapolate_agreement
from kohorte.maps import online
from kohorte.maps.lattice import Lattice
from kohorte.maps.neighbourhood import KERNELS
from kohorte.maps.schedules import CURVES, learning_rates
from kohorte.maps.winners import find_two_winners
from kohorte.structure import draw_reference, score_tail

def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()

found = {}
distances = np.sqrt(np.arange(500.0))
for name, kernel in KERNELS.items():
    found[name] = digest(*(kernel(distances, n) for n in (0.3, 1.0, 7.7)))
for name in CURVES:
    found[name] = digest(learning_rates(name, 0, 5000, 5000, 0.5, 0.01))
rng = np.random.default_rng(0)
points = (rng.normal(size=(900, 5)) + 3 * rng.integers(0, 2, 900)[:, None]).astype(np.float32)
labels = []
for trainer in ("online", "batch"):
    for seed in range(12):
        som = SOM(12, 9, trainer=trainer, random_state=seed, initial="sample").fit(points)
        labels.append(som.labels_)
    found[trainer] = digest(som.weights_, som.labels_)
    for name, value in som.quality_.items():
        found[f"{trainer} {name}"] = digest(value)
online.SPECIAL_WORK = 0
som = SOM(20, 16, recipe="published", steps=3000, random_state=0).fit(points)
found["online, many steps"] = digest(som.weights_)
lattice = Lattice(20, 16)
sheet = lattice.coordinates() @ rng.normal(size=(2, 5)) / 8
near = sheet[rng.integers(320, size=2000)] + rng.normal(size=(2000, 5))
found["blocks"] = digest(*find_two_winners(near, sheet, lattice=lattice))
for metric in ("euclidean", "cosine"):
    options = {"lattice": lattice, "metric": metric}
    found[f"ties, {metric}"] = digest(*find_two_winners(near.round(), sheet.round(), **options))
overlaps = count_overlaps(labels)
values = gsum(overlaps)
separation = separate(values[rank_clusters(values)])
for kind in ("gaussian", "uniform"):
    found[f"reference, {kind}"] = digest(draw_reference(points, kind, [1, 2]))
found["tail"] = digest(*(score_tail([v, 0.3], [0.2, 0.7, 0.4], 0.2) for v in (0.1, 0.9, 5)))
found["agreement"] = digest(pairwise_ari(overlaps), pairwise_nmi(overlaps))
found["separation"] = digest(separation.smoothed, separation.derivative, separation.boundaries)
found["settled"] = digest(
    extrapolate_agreement(np.arange(2, 12), 1 - 0.3 / np.arange(2.0, 12.0), 24)
)
ensemble = combine(overlaps)
answer = ensemble.label(labels)
found["consensus"] = digest(answer.groups, answer.confidence)
points = points[:500]
for kind, how in json.loads(sys.argv[1]).items():
    labels = []
    for seed in range(2):
        som = SOM(9, 7, steps=3000, random_state=seed, **({"initial": "sample"} | how)).fit(points)
        labels.append(som.labels_)
    found[kind] = digest(som.weights_, *som.quality_.values(), *labels)
    found[f"{kind}, groups"] = digest(combine(count_overlaps(labels)).label(labels).groups)
print(json.dumps(found))
"""


def emulate(older):
    if not older:
        return {}
    # With the features of that processor's name, and not what this one has besides.
    return dict(zip(NAMES, OLDER[older], strict=True)) | {"NUMBA_CPU_FEATURES": ""}


def run(code, older=None):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(KINDS)],
        env=os.environ | emulate(older),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def here():
    return run(PROBE)


@pytest.mark.parametrize("older", OLDER)
def test_older_processors_give_the_same_bits(here, older):
    """Kernels, schedules, maps of each kind, their quality, agreement, ranking and consensus."""
    there = run(PROBE, older)
    assert {name for name, digest in here.items() if there[name] != digest} == set()


@pytest.mark.workflow
@pytest.mark.skipif("KOHORTE_PROCESSORS" not in os.environ, reason="make check-processors")
@pytest.mark.parametrize("kind", KINDS)
def test_older_processors_give_the_same_study(root, tmp_path, kind):
    """All contents: maps, ensemble, tables, figures, report and the list of their checksums.

    Colours of a picture may be one step of a colour scale further, which Matplotlib rounds from
    floats, and then what holds the picture, or lists its checksum, differs, too.
    """
    config = {**TINY, "structure": {"references": 0}, **in_sections(KINDS[kind])}
    if kind == "resolved":
        config |= {"structure": {"references": 5}, "ensemble": {"consensus": "coassociation"}}
    found, pictures = {}, {}
    for older in (None, *OLDER):
        project = Project(root, tmp_path / str(older) / "a study", config)
        write_points(project.directory / "points of mine.csv")
        project.run(**emulate(older))
        manifest = (project.results / "MANIFEST").read_text()
        found[older] = content(project.results) | {"MANIFEST": manifest}
        pictures[older] = {
            path.stem: np.asarray(Image.open(path).convert("RGB"), dtype=np.int16)
            for path in project.results.glob("figures/[!.]*.png")
        }
    for older in OLDER:
        differing = set()
        for name, picture in pictures[None].items():
            away = np.abs(picture - pictures[older][name])
            if away.any():
                assert away.max() <= 4, name
                differing |= {f"{name}.png", f"{name}.pdf", "report.html", "MANIFEST"}
        same = [{k: v for k, v in found[o].items() if k not in differing} for o in (None, older)]
        assert_same(*same)


def in_sections(how):
    """The keys of a kind as a study has them."""
    sections = {"training": {"steps": 400, "alpha": [0.1, 0.3]}}
    for key, value in how.items():
        section = {"method": "segmentation", "clusters": "segmentation", "topology": "lattice"}
        sections.setdefault(section.get(key, "training"), {})[key] = value
    if sections["training"].get("trainer") == "batch":
        sections["training"] |= {"steps": 100000, "alpha": 0.1, "epochs": [4, 6]}
    return sections


def test_functions_are_those_of_the_c_library():
    rng = np.random.default_rng(0)
    values = rng.uniform(-40, 5, (7, 11))
    np.testing.assert_allclose(exp(values), np.exp(values), rtol=1e-15)
    np.testing.assert_allclose(log(np.abs(values)), np.log(np.abs(values)), rtol=1e-15)
    np.testing.assert_allclose(power(0.3, values), 0.3**values, rtol=1e-14)
    # One by one, as few values are taken, and at once.
    values = rng.uniform(-700, 700, 2000)
    for function in (exp, lambda x: log(np.abs(x)), lambda x: power(1.7, x)):
        few = [function(part) for part in np.split(values, 20)]
        np.testing.assert_array_equal(np.concatenate(few), function(values))
    assert exp([1000.0, 0.0]).tolist() == [np.inf, 1.0]
    assert log([0.0, 1.0]).tolist() == [-np.inf, 0.0]
    assert np.isnan(log([np.nan])).all()
    assert exp(0.0).shape == ()
    assert log(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("size", [5, 12, 61, 400])
def test_filter_is_that_of_savitzky_and_golay(size):
    """As SciPy has it, whose solver loses digits for windows longer than these."""
    values = np.sort(np.random.default_rng(size).gamma(0.5, 100, size))
    window = max(size // 10 | 1, 5)
    for order, filters in enumerate(_savitzky_golay(window)):
        expected = savgol_filter(values, window, 4, deriv=order)
        tolerance = 1e-10 * np.abs(expected).max()
        np.testing.assert_allclose(_convolve(values, filters), expected, atol=tolerance)


def test_long_filter_is_exact():
    """A quartic goes through a window of a thousand unchanged, and its slope is its derivative."""
    x = np.arange(1501) / 1500
    quartic = np.polynomial.Polynomial([1, -2, 3, 5, -4])
    value, slope = _savitzky_golay(999)
    np.testing.assert_allclose(_convolve(quartic(x), value), quartic(x), rtol=1e-12)
    np.testing.assert_allclose(
        _convolve(quartic(x), slope) * 1500, quartic.deriv()(x), rtol=1e-9, atol=1e-9
    )
