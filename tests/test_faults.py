"""Faults, each really made: nothing finished is lost, nothing half-written is taken as finished.

docs/how-to/faults.md has a row for each of these tests.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from workflow_project import Project, assert_same, content, write_points

from kohorte import _processes, store
from kohorte._files import replacing
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import ResultError
from kohorte.store import files

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("faults")]

STUDY = {
    "study": "tiny",
    "recipe": "published",
    "seed": 7,
    "data": {"source": "points of mine.csv", "label": "kind"},
    "lattice": {"xdim": [5, 6], "ydim": 4},
    "training": {"steps": 200, "alpha": [0.1, 0.3]},
    "execution": {"realizations_per_job": 4},
}
DATA = "results/tiny/data.h5"
MAPS = "results/tiny/realizations/batches/000.json"
COUNTS = "results/tiny/overlaps/0000.json"
ENSEMBLE = "results/tiny/ensemble.h5"

# Python imports a module of this name when it starts. In the job of one rule it waits until HDF5
# files have been written, and begins the fault where the next is not yet closed.
FAULT = """
import os, resource, signal, sys, threading

rule, finished, what = os.environ["FAULT"].split()
if any(argument.endswith(f".{rule}.py") for argument in sys.orig_argv):
    import h5py

    close, left = h5py.File.close, int(finished)

    def begin_fault(file):
        global left
        if file.id and file.mode == "r+":
            if left == 0:
                if what == "memory":
                    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
                    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), -1))
                else:
                    # To this thread: else another may take it while this one goes on.
                    signal.pthread_kill(threading.get_ident(), signal.Signals[what])
            left -= 1
        close(file)

    h5py.File.close = begin_fault
"""


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """The study, run without a fault; tests must leave it as it is."""
    project = Project(root, tmp_path_factory.mktemp("undisturbed") / "a study", STUDY)
    write_points(project.directory / "points of mine.csv")
    project.run(ENSEMBLE)
    return project


@pytest.fixture
def copy(root, finished, tmp_path):
    """A copy of the finished study."""
    return Project(root, tmp_path / "a study", STUDY, copy_of=finished)


@pytest.fixture
def begun(copy):
    """The study with nothing finished but the data."""
    shutil.rmtree(copy.results / "realizations")
    shutil.rmtree(copy.results / "overlaps")
    (copy.directory / ENSEMBLE).unlink()
    return copy


@pytest.fixture
def fault(tmp_path):
    """The environment of a run in which a rule suffers what is asked for.

    Once so many files have been written, when another is about to be closed.
    """
    folder = tmp_path / "fault"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FAULT)
    path = os.pathsep.join([str(folder), "src"])
    return lambda rule, what, after: {"PYTHONPATH": path, "FAULT": f"{rule} {after} {what}"}


def maps(project):
    """When each map that is there was written."""
    return {p: p.stat().st_mtime_ns for p in project.results.glob("realizations/*.h5")}


def parts(project):
    """Files under temporary names."""
    return list(project.results.rglob(".*.part"))


def log(project, name):
    return (project.results / "logs" / name).read_text()


def assert_undisturbed(project, finished):
    """What is there is what is there after a run without faults, and nothing else."""
    found, expected = content(project.results), content(finished.results)
    there = {name for name, *_ in found}
    assert_same(found, {key: value for key, value in expected.items() if key[0] in there})
    assert parts(project) == []


def assert_training_goes_on(project, finished, kept, *arguments):
    """A run keeps the maps `kept`, as they are, and trains those that are missing."""
    project.run(MAPS, *arguments)
    assert maps(project).items() >= kept.items()
    assert len(maps(project)) == 4
    text = log(project, "train_realizations/000.log")
    assert f"{4 - len(kept)} of 4 maps to train" in text
    assert text.count("kept") == len(kept)
    assert_undisturbed(project, finished)


@contextlib.contextmanager
def mounted(folder, *commands):
    """Run mount commands on a folder, which is unmounted in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for command in commands:
            done = subprocess.run([*command, folder], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], capture_output=True)


def wait_for_stopped_job(project):
    """The process that has stopped itself in the middle of writing a map."""
    for _ in range(1200):
        for part in parts(project):
            process = psutil.Process(int(part.suffixes[-2].rpartition("-")[2]))
            if process.status() == psutil.STATUS_STOPPED:
                return process
        time.sleep(0.1)
    raise TimeoutError("no job has stopped")


def test_job_killed_and_out_of_time(begun, finished, fault):
    kept = {}
    # A job that has used up its time gets SIGTERM, and SIGKILL where that does not end it.
    for how in ("SIGKILL", "SIGTERM"):
        output = begun.run(MAPS, check=False, **fault("train_realizations", how, after=1))
        assert "train_realizations failed; log: " in output
        assert maps(begun).items() > kept.items()
        kept = maps(begun)
        assert len(parts(begun)) == 1
        assert not (begun.directory / MAPS).exists()
    assert len(kept) == 2
    assert_training_goes_on(begun, finished, kept)


def test_job_killed_while_it_adds_counts(copy, fault):
    copy.configure(STUDY, training={"steps": 200, "alpha": [0.1, 0.2, 0.3]})
    before = maps(copy)
    output = copy.run(ENSEMBLE, check=False, **fault("count_overlaps", "SIGKILL", after=0))
    assert "count_overlaps failed; log: " in output
    assert maps(copy).items() > before.items()
    copy.run(ENSEMBLE)
    assert "4 realizations counted before, 2 to count" in log(copy, "count_overlaps/0000.log")
    ensemble = store.read_ensemble(copy.directory / ENSEMBLE)
    paths = [copy.realization(identifier) for identifier in ensemble.realizations.ids]
    labels = [store.read_realization(path, "labels").arrays["labels"] for path in paths]
    np.testing.assert_array_equal(ensemble.overlaps.counts, count_overlaps(labels).counts)
    assert parts(copy) == []


def test_interrupt(begun, finished, fault):
    # As a shell without job control starts what is followed by `&`.
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = begun.start(MAPS, **fault("train_realizations", "SIGSTOP", after=1))
    signal.signal(signal.SIGINT, former)
    with run:
        wait_for_stopped_job(begun)
        os.killpg(run.pid, signal.SIGINT)
        os.killpg(run.pid, signal.SIGCONT)
        output = run.communicate(timeout=60)[0]
    assert run.returncode != 0
    assert "kohorte: interrupted; what is finished is kept, run again to go on" in output
    assert "Traceback" not in output
    assert parts(begun) == []
    kept = maps(begun)
    assert 0 < len(kept) < 4
    assert_training_goes_on(begun, finished, kept)


def test_two_runs_at_once_and_snakemake_killed(begun, finished, fault):
    with begun.start(MAPS, **fault("train_realizations", "SIGSTOP", after=1)) as run:
        job = wait_for_stopped_job(begun)
        output = begun.run(MAPS, check=False)
        assert "Directory cannot be locked" in output
        assert f"a run of the study tiny goes on: process {run.pid} on " in output
        assert len(maps(begun)) == 1
        run.kill()
        job.resume()
        # The job lives on to its end, and holds the other end of the pipe until then.
        run.communicate(timeout=60)
    kept = maps(begun)
    assert len(kept) == 4
    output = begun.run(MAPS, check=False)
    assert f"the former run of the study tiny was ended (process {run.pid} on " in output
    assert "IncompleteFilesException" in output
    assert "--unlock" in begun.run(MAPS, "--rerun-incomplete", check=False)
    begun.run("--unlock")
    assert_training_goes_on(begun, finished, kept, "--rerun-incomplete")


def test_run_goes_on_after_sigkill(begun, finished, fault):
    command = [sys.executable, "-m", "kohorte", "run", "study.yaml", "--cores", "2", "--", MAPS]

    def run():
        with begun.call(command) as process:
            return process.communicate(timeout=100)[0], process.returncode

    disturbed = fault("train_realizations", "SIGSTOP", after=1)
    with begun.call(command, **disturbed) as first:
        wait_for_stopped_job(begun)
        output, status = run()
        assert status == 1
        assert output.splitlines()[-1].startswith(
            f"kohorte: a run of the study tiny goes on: process {first.pid} on "
        )
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate(timeout=60)
    kept = maps(begun)
    assert 0 < len(kept) < 4
    output, status = run()
    assert status == 0, output
    assert f"the former run of this study was ended (process {first.pid} on " in output
    assert "--rerun-incomplete" in output
    assert maps(begun).items() > kept.items()
    assert_undisturbed(begun, finished)
    assert "former run" not in run()[0]


def test_job_outlives_snakemake(begun, finished, fault):
    with begun.start(MAPS, **fault("train_realizations", "SIGSTOP", after=1)) as run:
        job = wait_for_stopped_job(begun)
        kept = maps(begun)
        run.kill()
        begun.run("--unlock")
        begun.run(MAPS)
        assert maps(begun).items() > kept.items()
        job.resume()
        run.communicate(timeout=60)
    assert_undisturbed(begun, finished)
    assert begun.pending(MAPS) == {}


def test_job_out_of_memory(begun, fault):
    large = [{"xdim": 5, "ydim": 4}, {"xdim": 40, "ydim": 40}]
    begun.configure(STUDY, training={"steps": 200, "alpha": 0.1}, realizations={"explicit": large})
    limited = fault("train_realizations", "memory", after=0)
    # Large arrays are then asked of the system each time, and not cut from what was freed.
    malloc = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    begun.stop(MAPS, says=["kohorte: out of memory (Unable to allocate"], **limited, **malloc)
    kept = maps(begun)
    assert len(kept) == 1
    begun.run(MAPS)
    assert maps(begun).items() > kept.items()
    assert "1 of 2 maps to train" in log(begun, "train_realizations/000.log")


def test_full_disk(begun, finished):
    folder = begun.results / "realizations"
    with mounted(folder, ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs"]):
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        (folder / "ballast").write_bytes(bytes(free - (48 << 10)))
        says = "cannot be written (No space left on device); make room on that disk"
        begun.stop(MAPS, says=[says])
        kept = maps(begun)
        assert 0 < len(kept) < 4
        assert parts(begun) == []
        (folder / "ballast").unlink()
        assert_training_goes_on(begun, finished, kept)


def test_full_disk_leaves_no_file_that_looks_whole(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 1000))
    folder, said = tmp_path / "disk", set()
    with mounted(folder, ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs"]):
        for used in range(0, 128, 4):
            (folder / "ballast").write_bytes(bytes(used << 10))
            path = folder / "x.h5"
            try:
                with store.create(path, "data") as file:
                    for number, row in enumerate(values):
                        file.create_dataset(str(number), data=row)
                with store.open_result(path, "data") as file:
                    np.testing.assert_array_equal([file[str(k)] for k in range(6)], values)
                path.unlink()
                said.add("written")
            except ResultError as error:
                said.add(str(error))
            assert os.listdir(folder) == ["ballast"]
    full = f"{path}: cannot be written (No space left on device); make room on that disk and run "
    assert said == {"written", f"{full}again: what is finished is kept"}


def test_temporary_files_of_the_dead_are_removed(tmp_path):
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    here = _processes.machine()
    names = {
        "dead": f".a.h5.{here}-{dead.pid}.part",
        "alive": f".b.h5.{here}-{os.getppid()}.part",
        "long ago": ".c.h5.00000000-1.part",
        "elsewhere": ".d.h5.00000000-1.part",
        "not ours": ".e.part",
    }
    for name in names.values():
        (tmp_path / name).touch()
    os.utime(tmp_path / names["long ago"], (0, 0))
    with replacing(tmp_path / "new") as temporary:
        temporary.touch()
    left = {names[which] for which in ("alive", "elsewhere", "not ours")}
    assert set(os.listdir(tmp_path)) == {"new", *left}


def test_read_only_results(begun, finished):
    folder = begun.results
    bind, protect = ["mount", "--bind", folder], ["mount", "-o", "remount,ro,bind"]
    with mounted(folder, bind, protect):
        output = begun.run(MAPS, check=False)
        assert "Read-only file system: 'results/tiny/" in output
        with pytest.raises(ResultError, match=r"cannot be written \(Read-only file system\); make"):
            store.write_csv(None, folder / "table.csv")
    assert maps(begun) == {}
    assert_training_goes_on(begun, finished, {})


def flip(path, position):
    """Flip one bit, as a bad disk does: size and times stay as they are."""
    stat = path.stat()
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 16]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_damaged_files_are_named_and_made_again(copy, finished):
    data, ensemble = copy.directory / DATA, copy.directory / ENSEMBLE
    harmed, counts = next(iter(maps(copy))), copy.results / "overlaps" / "0000.h5"
    kept = {path: written for path, written in maps(copy).items() if path != harmed}
    flip(data, data.stat().st_size // 2)
    os.truncate(harmed, harmed.stat().st_size // 2)
    ensemble.unlink()
    for path in (harmed, data):
        copy.stop(ENSEMBLE, says=[f"{path.name}: ", "delete it and run again"])
        path.unlink()
    flip(counts, counts.stat().st_size // 2)
    copy.run(ENSEMBLE)
    assert maps(copy).items() > kept.items()
    assert "1 of 4 maps to train" in log(copy, "train_realizations/000.log")
    text = log(copy, "count_overlaps/0000.log")
    assert "0000.h5: its content is not what was written" in text
    assert "0 realizations counted before" in text
    assert_undisturbed(copy, finished)

    flip(ensemble, ensemble.stat().st_size // 2)
    output = copy.run("results/tiny/tables/stability.csv", check=False)
    assert "ensemble.h5: its content is not what was written; delete it" in output
    ensemble.unlink()
    flip(counts, counts.stat().st_size // 2)
    output = copy.run(ENSEMBLE, check=False)
    assert "0000.h5: its content is not what was written; delete it" in output
    counts.unlink()
    copy.run(ENSEMBLE)
    assert_undisturbed(copy, finished)
    assert copy.pending(ENSEMBLE) == {}
    assert maps(copy).items() > kept.items()


READERS = {
    "data.h5": lambda path: store.read_data(path, mapped=True),
    "realizations/x5_y4_steps200_alpha0.1_r1.h5": store.read_realization,
    "overlaps/0000.h5": store.read_overlaps,
    "ensemble.h5": store.read_ensemble,
}


@pytest.mark.parametrize("name", READERS)
def test_every_byte_counts(copy, name):
    path, read = copy.results / name, READERS[name]
    whole = path.read_bytes()
    read(path)
    seal = len(whole[:512].rstrip(b"\0"))
    for place in [*range(0, seal, 9), *range(512, len(whole), len(whole) // 200), len(whole) - 1]:
        flip(path, place)
        # The same file was read before, and a process takes that as read.
        files._is_sealed.cache_clear()
        with pytest.raises(
            ResultError, match=f"{path.name}: .*(delete it|move it away) and run again"
        ):
            read(path)
        flip(path, place)
    for size in (0, 9, 100, 600, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        says = f"{path.name}: not a whole .*(delete it|move it away) and run again"
        with pytest.raises(ResultError, match=says):
            read(path)
    path.write_bytes(whole)
    read(path)


def test_clock_moved_back(copy, finished):
    tomorrow, longer_ago = time.time() + 86400, time.time() - 86400
    data = copy.directory / DATA
    for path in [data, *maps(copy)]:
        os.utime(path, (tomorrow, tomorrow))
    assert copy.pending(ENSEMBLE) == {}
    kept = maps(copy)
    copy.configure(STUDY, training={"steps": 200, "alpha": [0.1, 0.2, 0.3]})
    output = copy.run(MAPS, check=False)
    assert "has older modification time" in output
    assert "results/tiny/data.h5" in output
    assert maps(copy).items() > kept.items()
    os.utime(data)
    copy.run(MAPS)
    assert "0 of 4 maps to train" in log(copy, "train_realizations/000.log")
    assert maps(copy).items() > kept.items()
    expected = content(finished.results / "realizations")
    found = content(copy.results / "realizations")
    assert_same({key: found[key] for key in expected}, expected)

    # A source edited in the meantime looks as if it had not been.
    source = copy.directory / "points of mine.csv"
    write_points(source, seed=1)
    os.utime(source, (longer_ago, longer_ago))
    copy.run(DATA, "--forcerun", "prepare_data")
    undisturbed = store.read_data(finished.directory / DATA)
    assert store.read_data(data).digest != undisturbed.digest
