"""The workflow itself: small studies run through Snakemake, in a path with a space."""

import json
import re
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from workflow_project import TINY, Project, assert_same, content, write_points

from kohorte import store

# One worker runs them all, so that the finished study is made once.
pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


@pytest.fixture(scope="module")
def make_project(root, tmp_path_factory):
    def make(config=TINY, name="a study", copy_of=None):
        project = Project(root, tmp_path_factory.mktemp("project") / name, config, copy_of)
        if copy_of is None:
            write_points(project.directory / "points of mine.csv")
        return project

    return make


@pytest.fixture(scope="module")
def finished(make_project):
    """The tiny study, run once with two cores; tests must leave it as it is."""
    project = make_project()
    project.output = project.run()
    return project


def test_stable_names(finished):
    results = finished.results
    tables = (
        "realizations clusters points evaluation classes stability groups sufficiency reliability"
        " splits structure"
    )
    tables = [f"tables/{name}.csv" for name in (*tables.split(), "agreement", "effects", "choice")]
    for name in ("data.h5", "ensemble.h5", "summary.txt", *tables):
        assert (results / name).stat().st_size > 0, name
    ids = sorted(path.stem for path in (results / "realizations").glob("*.h5"))
    assert ids == sorted(f"x{x}_y5_steps400_alpha{a}_r1" for x in (6, 7) for a in (0.1, 0.3))
    pdf = {path.stem for path in (results / "figures").glob("*.pdf")}
    assert pdf == {path.stem for path in (results / "figures").glob("*.png")}
    assert len(pdf) == 19


def test_every_rule_that_ran_left_a_log_and_a_benchmark(finished):
    def names(folder):
        top = finished.results / folder
        return {p.relative_to(top).with_suffix("") for p in top.rglob("*") if p.is_file()}

    assert names("logs") == names("benchmarks")
    assert len(names("logs")) >= 10


def test_the_summary_ends_the_run(finished, root):
    summary = (finished.results / "summary.txt").read_text()
    assert "Study tiny: 90 points, 4 realizations" in summary
    assert summary in finished.output
    readme = (root / "README.md").read_text()
    shown = re.search(r"^    Study iris: (.*\n)+?(?=\n)", readme, re.M)[0].replace("\n    ", "\n")
    assert _labels(shown.strip()) == _labels(summary.strip())


def _labels(summary):
    """What each line starts with: its indent and first word.

    Lines that go on from one, as the points in doubt do where there are any, are left out.
    """
    lines = [line for line in summary.split("\n") if not line.startswith(" " * 15)]
    return [re.match(r" *[A-Za-z]+", line)[0] for line in lines]


def test_tables_hold_what_the_files_say(finished):
    tables = {p.stem: pd.read_csv(p) for p in (finished.results / "tables").glob("*.csv")}
    realizations = tables["realizations"].set_index("id")
    with h5py.File(finished.results / "ensemble.h5") as file:
        np.testing.assert_array_equal(tables["points"]["group"], file["points/label"][:])
        np.testing.assert_array_equal(tables["points"]["signal"], file["points/signal"][:])
        assert len(tables["clusters"]) == len(file["clusters/gsum"])
    for identifier, row in realizations.iterrows():
        with h5py.File(finished.realization(identifier)) as file:
            assert row["seed"] == file.attrs["seed"]
            quality = dict(file["quality"].attrs)
            assert row["qe"] == quality.pop("quantization_error")
            assert row["te"] == quality.pop("topographic_error")
            assert "combined_error" in quality
            assert {name: row[name] for name in quality} == quality
            assert row["n_clusters"] == len(np.unique(file["node_clusters"][:]))
    assert tables["clusters"]["rank"].tolist() == list(range(1, len(tables["clusters"]) + 1))
    assert tables["clusters"]["gsum"].is_monotonic_decreasing
    sizes = tables["clusters"].groupby("realization")["size"].sum()
    assert (sizes == 90).all()
    evaluation = tables["evaluation"].set_index("method")
    assert evaluation.loc["consensus_equal", "accuracy"] > 0.9
    assert set(tables["classes"]["class"]) == {"ash", "birch", "cedar"}


def test_a_finished_study_has_nothing_to_do(finished):
    assert finished.pending() == {}


def test_one_core_and_one_realization_a_job_give_the_same_bits(finished, make_project):
    other = make_project(name="one core")
    other.configure(TINY, execution={"realizations_per_job": 1})
    other.run(cores=1)
    assert_same(content(finished.results), content(other.results))


def test_a_change_reruns_only_what_depends_on_it(finished, make_project, tmp_path):
    project = make_project(name="changed", copy_of=finished)
    assert project.pending() == {}

    project.configure(TINY, ensemble={"threshold": -0.03})
    jobs = project.pending()
    assert "combine_realizations" in jobs
    assert not {"prepare_data", "train_realizations", "count_overlaps"} & set(jobs)

    project.configure(TINY, figures={"color_by": "xdim"})
    assert set(project.pending()) == {"all", "draw_figures", "write_report", "write_manifest"}
    project.run("draw_figures")
    assert "2 figures drawn, 17 kept" in (project.results / "logs" / "draw_figures.log").read_text()

    project.configure(TINY, figures={"extra": ["marginals"]})
    project.run()
    assert (project.results / "figures" / "marginals.png").exists()
    project.configure(TINY)
    says = "Removed, as the study has them no more: figures/marginals.pdf, figures/marginals.png"
    assert says in project.run()
    assert list(project.results.glob("figures/marginals*")) == []
    project.run("verify")

    project.configure(TINY, data={**TINY["data"], "stride": 2})
    assert {"prepare_data", "train_realizations", "draw_figures"} <= set(project.pending())


def test_an_edited_module_changes_its_figures_alone(finished, make_project):
    project = make_project(name="edited", copy_of=finished)
    source = project.directory / "src"
    library = source.resolve()
    source.unlink()
    shutil.copytree(library, source)
    assert project.pending() == {}
    log = project.results / "logs" / "draw_figures.log"
    before = content(project.results)

    module = source / "kohorte" / "figures" / "stability.py"
    text = module.read_text()
    module.write_text(text + "# edited\n")
    assert set(project.pending()) == {"all", "draw_figures", "write_report", "write_manifest"}
    project.run()
    assert "2 figures drawn, 17 kept" in log.read_text()
    assert project.pending() == {}
    assert_same(before, content(project.results))

    # Where one cannot be drawn, all others stay, and so does what there was of it.
    module.write_text(text.replace("reached = ", 'raise ConfigError("no")\n    reached = '))
    project.stop("draw_figures", says=["kohorte: figure sufficiency: no"])
    assert_same(before, content(project.results))

    # What is deleted is drawn again, and one that is named is drawn alone, the same.
    module.write_text(text)
    project.run("draw_figures")
    (project.results / "figures" / "hits.png").unlink()
    project.run()
    assert "1 figures drawn, 18 kept" in log.read_text()
    (project.results / "figures" / "signal.pdf").unlink()
    assert project.pending("plot_signal") == {"plot_signal": 1}
    project.run("plot_signal", cores=1)
    assert_same(before, content(project.results))


def test_growing_a_sweep_trains_only_the_new_maps(finished, make_project):
    project = make_project(name="grown", copy_of=finished)
    old = {p: p.stat().st_mtime_ns for p in project.results.glob("realizations/*.h5")}
    project.configure(TINY, training={"steps": [400], "alpha": [0.1, 0.2, 0.3]})
    project.run("results/tiny/tables/realizations.csv")
    assert len(list(project.results.glob("realizations/*.h5"))) == 6
    assert {p: p.stat().st_mtime_ns for p in old} == old
    assert len(pd.read_csv(project.results / "tables" / "realizations.csv")) == 6
    log = (project.results / "logs" / "count_overlaps" / "0000.log").read_text()
    assert "4 realizations counted before, 2 to count" in log

    # A map that is lost comes back when it is needed again, the same to the last bit.
    lost = next(iter(old))
    with h5py.File(lost) as file:
        weights = file["weights"][:]
    lost.unlink()
    (project.results / "ensemble.h5").unlink()
    project.run("results/tiny/ensemble.h5")
    with h5py.File(lost) as file:
        np.testing.assert_array_equal(file["weights"][:], weights)

    # One that was changed behind our back is named; once deleted it is made again.
    unharmed = next(path for path in old if path != lost)
    project.run("results/tiny/ensemble.h5")
    with h5py.File(unharmed, "a") as file:
        file["labels"][0] += 1
    (project.results / "ensemble.h5").unlink()
    says = f"{unharmed.name}: its content is not what was written"
    project.stop("results/tiny/ensemble.h5", says=[says])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stduy": "x"}, "stduy: unknown key; did you mean 'study'?"),
        ({"training": {"alpha": "high"}}, "training.alpha: 'high' is not allowed"),
        ({"data": {"source": "nowhere.csv"}}, "nowhere.csv"),
    ],
)
def test_configuration_faults_stop_before_any_work(make_project, change, message):
    project = make_project(name="broken")
    project.configure(TINY, **change)
    project.stop("--dry-run", says=[message])
    assert not project.results.exists()


def test_data_faults_are_named_before_training(make_project):
    project = make_project(name="bad data")
    source = project.directory / "points of mine.csv"
    lines = source.read_text().splitlines()
    lines[4] = lines[4].replace(lines[4].split(",")[1], "tall")
    source.write_text("\n".join(lines) + "\n")
    project.stop(says=["points of mine.csv", "girth", "tall"])
    assert not (project.results / "realizations").exists()


def test_table_without_truth_and_explicit_realizations(make_project):
    config = {
        "study": "free",
        "recipe": "published",
        "data": {"source": "points of mine.csv", "features": ["girth", "age"]},
        "lattice": {"xdim": "auto", "ydim": "auto"},
        "training": {"steps": 300, "alpha": 0.2},
        "realizations": {
            "explicit": [{"initial": "pca"}, {"method": "kmeans", "clusters": 3}],
            "repeats": 2,
        },
    }
    project = make_project(config, name="free")
    project.run()
    assert len(pd.read_csv(project.results / "tables" / "realizations.csv")) == 4
    evaluation = (project.results / "tables" / "evaluation.csv").read_text()
    assert evaluation == "method,ari,ami,accuracy,n_groups,points\n"
    assert json.loads((project.results / "realizations/batches/000.json").read_text())


def test_every_kind_of_map_in_one_study_with_missing_values(make_project):
    lattice = {"xdim": 6, "ydim": 4}
    config = {
        "study": "kinds",
        "recipe": "published",
        "data": TINY["data"] | {"missing": "skip", "weights": {"age": 2}},
        "lattice": lattice,
        "training": {"steps": 300, "alpha": 0.3, "snapshots": 3, "history": 5},
        "realizations": {
            "explicit": [
                {"topology": "hexagonal", "periodic": True, "metric": "manhattan"},
                {"trainer": "batch", "epochs": 6, "fine_epochs": 2, "initial": "pca"},
                {"trainer": "batch", "epochs": 6, "backend": "jax"},
                {"trainer": "batch", "epochs": 6, "backend": "jax", "radius": 2},
                {"trainer": "minibatch", "epochs": 4, "batch_size": 20, "metric": "cosine"},
                {"epochs": 3, "order": "sequential", "learning_rate": "linear", "final_alpha": 0},
                {"xdim": 15, "ydim": 1, "kernel": "mexican_hat", "radius_schedule": "power"},
            ]
        },
        "execution": {"realizations_per_job": 10},
    }
    project = make_project(config, name="kinds")
    source = project.directory / "points of mine.csv"
    table = pd.read_csv(source)
    table.loc[[3, 50], "girth"] = np.nan
    table.loc[[3, 7], "age"] = np.nan
    table.to_csv(source, index=False)
    wanted = ["tables/realizations.csv", "figures/umatrix.pdf", "figures/snapshots.pdf"]
    project.run(*(f"results/kinds/{name}" for name in [*wanted, "imputed.h5"]))
    realizations = pd.read_csv(project.results / "tables" / "realizations.csv")
    assert realizations["id"].tolist()[:3] == [
        "x6_y4_hexagonal_periodic_steps300_alpha0.3_manhattan_r1",
        "x6_y4_batch_epochs6_fine2_start-pca_r1",
        "x6_y4_batch_epochs6_jax_r1",
    ]
    assert realizations["qe"].notna().all()
    first = project.realization(realizations["id"][0])
    with h5py.File(first) as file:
        assert file["history/step"][:].tolist() == [0, 60, 120, 180, 240, 300]
        assert file["snapshots/weights"].shape == (3, 24, 3)

    # The missing values, filled in from the maps; what was there is as it was.
    with h5py.File(project.results / "imputed.h5") as file:
        missing = file["missing"][:]
        assert missing.sum() == 4
        values = table[["height", "girth", "age"]].to_numpy()
        np.testing.assert_allclose(file["features"][:][~missing], values[~missing], atol=1e-5)
        assert np.isfinite(file["features"][:]).all()
        assert (file["spread"][:][missing] > 0).all()

    # Training goes on from a map of the finished study.
    more = {**config, "study": "more", "realizations": {}}
    more["training"] = {"steps": 200, "initial": "given", "weights": str(first)}
    more["lattice"] = {**lattice, "topology": "hexagonal", "periodic": True}
    project.configure(more)
    identifier = "x6_y4_hexagonal_periodic_steps200_alpha0.1_start-given_r1"
    project.run("results/more/realizations/batches/000.json")
    trained = project.directory / "results" / "more" / "realizations" / f"{identifier}.h5"
    with h5py.File(first) as begun, h5py.File(trained) as file:
        weights, nodes = begun["weights"][:], len(begun["weights"])
        assert file["history/step"][0] == 0
        assert file["weights"].shape == weights.shape == (nodes, 3)
        assert not np.array_equal(file["weights"][:], weights)
    more["lattice"] = {"xdim": 5, "ydim": 4}
    project.configure(more)
    says = "given first weights: weights has 24 rows, but the lattice has 20 nodes"
    project.stop("results/more/realizations/batches/000.json", says=[says])


def test_slabs_and_the_other_backend_give_the_same_ensemble(finished, make_project):
    project = make_project(name="slabs", copy_of=finished)
    log = "logs/count_overlaps/0000.log"
    assert "with the numba backend on the CPU" in (project.results / log).read_text()
    slabs = {"realizations_per_job": 3, "slabs": 3, "memory_mb": 1}
    project.configure(TINY, ensemble={"backend": "jax"}, execution=slabs)
    jobs = project.pending("results/tiny/ensemble.h5")
    assert {name: count for name, count in jobs.items() if count > 1} == {
        "count_overlaps": 3,
        "label_points": 3,
    }
    (project.results / "overlaps" / "0000.h5").unlink()
    project.run("results/tiny/ensemble.h5")
    assert "with the jax backend on the CPU" in (project.results / log).read_text()
    one, two = (
        {k: v for k, v in content(study.results).items() if k[0] == "ensemble.h5"}
        for study in (finished, project)
    )
    assert one
    assert_same(one, two)
    assert not [path.name for path in (project.results / "overlaps").glob("*[!0-9]*/*.h5")]
    # Tables of points that are tallied in rounds of slabs, of which two have no block here.
    for table in (finished.results / "tables").glob("*.csv"):
        (project.results / "tables" / table.name).unlink()
    table = "tables/group_features.csv"
    jobs = project.pending(f"results/tiny/{table}")
    assert jobs == {"tally_points": 12, "gather_tallies": 4, "tabulate_results": 1}
    project.run(f"results/tiny/{table}")
    for table in (project.results / "tables").glob("*.csv"):
        assert table.read_bytes() == (finished.results / "tables" / table.name).read_bytes()
    assert not list((project.results / "tallies").rglob("*.h5"))


def test_signal_maps_of_groups_on_demand(finished, make_project):
    project = make_project(name="signals", copy_of=finished)
    project.run("results/tiny/group_signals.h5")
    groups = pd.read_csv(project.results / "tables" / "clusters.csv").groupby("sce_group")
    with h5py.File(project.results / "group_signals.h5") as file:
        # A cluster of n points adds one at each of them.
        assert file["signals"][:].sum(axis=1).tolist() == groups["size"].sum().tolist()
        weighted = file["weighted"][:]
    clusters = groups.apply(lambda of: (of["gsum"] * of["size"]).sum(), include_groups=False)
    np.testing.assert_allclose(weighted.sum(axis=1), clusters)
    signal = pd.read_csv(project.results / "tables" / "points.csv")["signal"]
    np.testing.assert_allclose(weighted.sum(axis=0), signal)


def test_label_files_of_other_clusterers(finished, make_project):
    config = {
        "study": "foreign",
        "data": {"source": None},
        "realizations": {"labels": ["runs/one.npy", "runs/two.h5", "runs/three.csv"]},
    }
    project = make_project(config, name="foreign")
    runs = project.directory / "runs"
    runs.mkdir()
    labels = np.repeat([0, 5, 9], 30)
    np.save(runs / "one.npy", labels.astype(np.uint8))
    with h5py.File(runs / "two.h5", "w") as file:
        file["labels"] = np.roll(labels, 3)
    pd.DataFrame({"cluster": np.roll(labels, -3)}).to_csv(runs / "three.csv", index=False)
    project.run()
    realizations = pd.read_csv(project.results / "tables" / "realizations.csv")
    assert realizations["id"].tolist() == ["one", "two", "three"]
    assert realizations["n_clusters"].tolist() == [3, 3, 3]
    points = pd.read_csv(project.results / "tables" / "points.csv")
    assert points["group"].nunique() == 3
    # Shifted by three points, a third of ninety keeps 27 of its 30.
    with h5py.File(project.results / "ensemble.h5") as file:
        assert file["overlaps/counts"][0, 3] == 27
    drawn = {path.stem for path in (project.results / "figures").glob("*.pdf")}
    assert {"ranking", "similarity", "agreement", "stability"} <= drawn
    assert "sufficiency" not in drawn  # three realizations have no halves
    assert "umatrix" not in drawn

    np.save(runs / "one.npy", labels[:-1])
    project.stop(says=["labels of realization 1 have 90 points, those of realization 0 89"])

    np.save(runs / "one.npy", labels.astype(np.uint8))
    project.configure({**config, "data": {"source": "sklearn:iris"}})
    says = "runs/one.npy: labels of 90 points, but the table of data.source has 150 rows"
    project.stop(says=[says, "count_overlaps"])
    says = "maps to train: scaling is measured for studies without realizations.labels"
    project.stop("scaling", "--dry-run", says=[says])


def test_label_files_that_leave_points_out(make_project):
    config = {
        **{name: TINY[name] for name in ("study", "data")},
        "realizations": {"labels": ["a.npy", "b.csv", "c.h5"], "label_name": "cluster"},
        "execution": {"slabs": 2},
        "ensemble": {"consensus": "coassociation"},
    }
    project = make_project(config, name="noise")
    kinds = pd.read_csv(project.directory / "points of mine.csv")["kind"]
    labels = np.tile(np.unique(kinds, return_inverse=True)[1], (3, 1))
    labels[0, 5:20], labels[1, 10:30], labels[2, 12:18], labels[2, 60:70] = -1, -1, -1, -1
    np.save(project.directory / "a.npy", labels[0].astype(np.int8))
    # Missing labels are left out as well, and other columns are not looked at.
    names = np.array([*"xyz", "not seen"])[labels[1]]
    frame = pd.DataFrame({"cluster": names}, index=[f"sample {row}" for row in range(len(names))])
    frame.to_csv(project.directory / "b.csv")
    with h5py.File(project.directory / "c.h5", "w") as file:
        file["cluster"] = np.where(labels[2] < 0, np.nan, labels[2])
    config["realizations"]["label_options"] = {"missing_values": ["not seen"]}
    project.configure(config)
    project.stop(says=["a.npy: holds the negative id -1", "set realizations.noise: -1"])

    project.configure({**config, "realizations": config["realizations"] | {"noise": -1}})
    project.run()
    nowhere = (labels < 0).all(axis=0)
    assert nowhere.sum() == 6
    points = pd.read_csv(project.results / "tables" / "points.csv")
    assert (points["group"] == -1).tolist() == nowhere.tolist()
    assert (points["confidence"] == 0).tolist() == nowhere.tolist()
    assert points.loc[~nowhere, "confidence"].eq(1).all()
    sizes = pd.read_csv(project.results / "tables" / "clusters.csv")["size"]
    assert sizes.sum() == (labels >= 0).sum()
    assert pd.read_csv(project.results / "tables" / "agreement.csv")["ari"].tolist() == [1] * 3
    evidence = pd.read_csv(project.results / "tables" / "evidence.csv")
    assert evidence["score"].is_monotonic_decreasing
    assert evidence["n_groups"].iloc[0] == points["group"].nunique() - 1 == np.ptp(labels)
    drawn = {path.stem for path in (project.results / "figures").glob("*.pdf")}
    assert {"signal", "confidence", "stability", "evidence"} <= drawn
    project.run("results/tiny/group_signals.h5")
    with h5py.File(project.results / "group_signals.h5") as file:
        assert file["signals"][:].sum(axis=0).tolist() == (labels >= 0).sum(axis=0).tolist()


def test_the_page_of_a_study(finished):
    text = (finished.results / "report.html").read_text()
    groups = pd.read_csv(finished.results / "tables" / "groups.csv")
    assert text.count('<article class="card"') == len(groups)
    for picture in (finished.results / "figures").glob("*.png"):
        assert f'id="figure-{picture.stem}"' in text
    assert "Pale valleys are clusters, dark ridges separate" in text  # the caption of the U-matrix
    assert "<code>training.steps</code>" in text
    listed = (finished.results / "MANIFEST").read_text()
    assert "report.html" in listed
    assert "explorer.html" in listed
    assert 'href="explorer.html"' in text


def test_groups_have_the_names_of_a_file(finished, make_project):
    """Names that the explorer saved are in figures, tables, report and explorer of the next run."""
    project = make_project(name="named", copy_of=finished)
    before = content(project.results)
    sizes = pd.read_csv(project.results / "tables" / "groups.csv")["points"].tolist()
    names = project.directory / "names {of} groups.json"
    rows = [{"group": 0, "name": "big {a} & <b>", "colour": "#102030", "points": sizes[0]}]
    rows.append({"group": 1, "name": "another", "points": sizes[1] + 1})
    names.write_text('{"groups": [{"group": 0, "name": " "}]}')
    project.configure(TINY, groups={"file": names.name})
    project.stop("--dry-run", says=["groups.file: names {of} groups.json", "name must be text"])
    names.write_text(json.dumps({"groups": rows}))
    jobs = set(project.pending())
    assert {"name_groups", "tabulate_results", "draw_figures", "write_explorer"} <= jobs
    assert not {"prepare_data", "train_realizations", "combine_realizations"} & jobs
    project.run()
    assert project.pending() == {}
    tables = project.results / "tables"
    for table in ("groups", "group_features", "points"):
        found = pd.read_csv(tables / f"{table}.csv", keep_default_na=False)
        assert set(found.loc[found["group"] == 0, "group_name"]) == {"big {a} & <b>"}
        assert set(found.loc[found["group"] != 0, "group_name"]) == {""}
    copy = pd.read_csv(project.results / "labelled" / "points of mine.csv", keep_default_na=False)
    assert set(copy["group_name"]) == {"big {a} & <b>", ""}
    project.run("predict", "--config", "prediction={source: points of mine.csv}")
    new = project.results / "prediction" / "points of mine.csv"
    assert pd.read_csv(new, keep_default_na=False)["group_name"].equals(copy["group_name"])
    with h5py.File(new.with_suffix(".h5")) as file:
        called = file["group_names"].asstr()[:]
        assert list(called[file["label"][:]]) == copy["group_name"].tolist()
    report = (project.results / "report.html").read_text()
    assert "Group 0: big {a} &amp; &lt;b&gt;" in report
    assert "group 1 (another): it had" in report
    assert '"colour":"#102030"' in (project.results / "explorer.html").read_text()
    after = content(project.results)
    kept = {name for name in before if str(name).endswith("png") and before[name] == after[name]}
    changed = {name for name in before if str(name).endswith("png")} - kept
    assert {"signal.png", "similarity.png", "profiles.png", "node_groups.png"} <= changed
    assert "history.png" in kept
    assert "groups.json" in (project.results / "MANIFEST").read_text()


def test_report_of_snakemake(finished, tmp_path):
    report = tmp_path / "report.html"
    finished.run("--report", str(report))
    text = report.read_text()
    assert "Study tiny" in text  # the overview, whose numbers are those of the page
    assert "3 groups" in (finished.results / "report" / "overview.rst").read_text()
    assert "showCategory('6%20Tables')" in text
    for name in ("evaluation", "exchange", "configuration", "provenance"):
        page = finished.results / "report" / f"{name}.html"
        assert f"<h1>{name}</h1>" in page.read_text()
        assert f'"name": "{name}.html"' in text
    assert set(re.findall(r'"viewable": "(\w+)"', text)) == {"yes", "no"}
    assert "report/groups.html" in (finished.results / "MANIFEST").read_text()


def test_paths_in_a_study_stay_below_results(finished):
    known = {"Snakefile", "workflow", "config", "envs", "scripts", "src", "results"}
    outside = {path.name for path in finished.directory.iterdir()} - known
    assert outside == {".snakemake", "study.yaml", "points of mine.csv"}


def test_copies_count_once(make_project):
    """Maps of the same bits, and label files of the same labels; both are named."""
    training = {"trainer": "batch", "initial": "pca", "epochs": 3, "row_share": [0.8, 1]}
    config = {**TINY, "study": "copies", "lattice": {"xdim": 4, "ydim": 3}, "training": training}
    config["realizations"] = {"repeats": 3}
    project = make_project(config, name="copies")
    project.run("results/copies/summary.txt", "results/copies/figures/agreement.png")
    realizations = pd.read_csv(project.results / "tables/realizations.csv")
    whole = "x4_y3_batch_epochs3_start-pca_r"
    assert realizations["id"].tolist()[3:] == [f"{whole}{k}" for k in (1, 2, 3)]
    assert realizations["same_as"].fillna("").tolist() == ["", "", "", "", f"{whole}1", f"{whole}1"]
    stored = store.read_ensemble(project.results / "ensemble.h5")
    assert stored.realizations.ids == tuple(realizations["id"][:4])
    assert (
        "  copies       2 realizations are copies of others"
        in (project.results / "summary.txt").read_text()
    )

    labels = np.random.default_rng(0).integers(0, 3, (2, 90))
    for name, k in (("a", 0), ("b", 1), ("c", 0)):
        np.save(project.directory / f"{name}.npy", labels[k])
    files = {"realizations": {"labels": ["a.npy", "b.npy", "c.npy"]}, "data": TINY["data"]}
    project.configure({"study": "files", **files})
    project.run("results/files/tables/realizations.csv")
    found = pd.read_csv(project.directory / "results/files/tables/realizations.csv")
    assert found["same_as"].fillna("").tolist() == ["", "", "a"]
    assert found["n_clusters"].tolist() == [3, 3, 3]
