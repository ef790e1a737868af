"""Which runs go on: dead runs are told from living ones, here and on other machines."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kohorte import _processes
from kohorte._files import replacing
from kohorte.errors import ResultError
from kohorte.study import claims

ENTER = """
import sys, time
from kohorte.errors import ResultError
from kohorte.study import claims
try:
    claims.enter("mine", whole=True)
except ResultError as error:
    sys.exit(f"refused: {error}")
print("entered", flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(root / "src"))
    monkeypatch.delenv(claims.VARIABLE, raising=False)
    return tmp_path


def start(seconds=60, before=()):
    return subprocess.Popen(
        [*before, sys.executable, "-c", ENTER, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def running():
    """A run of the study in a process of its own, which has entered."""
    with start() as process:
        assert process.stdout.readline() == "entered\n"
        yield process
        process.kill()


def lock(name, *files):
    path = Path(".snakemake", "locks", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{file}\n" for file in files))
    return path


def elsewhere(seconds_ago, whole=True):
    """The claim of a run on another machine, which was touched last so long ago."""
    claim = claims.enter("mine", whole=whole)
    written = json.loads(claim.path.read_text())
    written["processes"][0] |= {"machine": "00000000", "host": "node7", "number": 12}
    claim.path.unlink()  # so that this process touches it no more
    path = claim.path.with_name("there.json")
    path.write_text(json.dumps(written))
    touched = time.time() - seconds_ago
    os.utime(path, (touched, touched))
    return path


def test_a_living_run_is_named(running):
    (claim,) = claims.find_claims("mine")
    says = rf"goes on: process {running.pid} on {claim.processes[0].host}, since 2\d\d\d-.*end it"
    for whole in (True, False):
        with pytest.raises(ResultError, match=says):
            claims.enter("mine", whole=whole)
    assert f"goes on: {claim}; wait" in claims.describe_claims("mine")
    assert claims.enter("other", whole=True).path.exists()


def test_a_killed_run_loses_its_lock_and_no_other_does(running, capsys):
    ours = [lock("0.input.lock", "x.csv", "results/mine/data.h5"), lock("0.output.lock")]
    ours[1].write_text("results/mine/ensemble.h5\n")
    others = [lock("1.output.lock", "results/mine2/data.h5"), lock("2.input.lock", "x.csv")]
    running.kill()
    running.wait()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "is_living", lambda claim: True)
        with pytest.raises(ResultError):
            claims.enter("mine", whole=True, unlock=True)
    assert all(path.exists() for path in [*ours, *others])
    says = claims.describe_claims("mine")
    assert f"process {running.pid} on " in says
    assert "snakemake --unlock" in says
    assert "--rerun-incomplete" in says
    claims.enter("mine", whole=True, unlock=True)
    assert f"was ended (process {running.pid} on" in capsys.readouterr().err
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in others)
    assert [claim.processes[0].number for claim in claims.find_claims("mine")] == [os.getpid()]


def test_a_lock_whose_run_is_unknown_stays():
    """It may be that of a workflow that knows nothing of claims."""
    kept = lock("0.output.lock", "results/mine/data.h5")
    claims.leave(claims.enter("other", whole=True))
    claims.enter("mine", whole=True, unlock=True)
    assert kept.exists()


def test_predictions_run_side_by_side_and_beside_no_run():
    first = claims.enter("mine", whole=False)
    kept = lock("0.output.lock", "results/mine/prediction/a.csv")
    second = claims.enter("mine", whole=False, unlock=True)
    assert kept.exists()
    for claim in (first, second):
        with pytest.raises(ResultError):
            claims.enter("mine", whole=True)
        kept.unlink(missing_ok=True)
        claims.leave(claim)
    assert claims.find_claims("mine") == []
    claims.enter("mine", whole=True)
    with pytest.raises(ResultError):
        claims.enter("mine", whole=False)


def test_a_run_that_leaves_a_lock_leaves_its_claim():
    claim = claims.enter("mine", whole=True)
    left = lock("0.output.lock", "results/mine/data.h5")
    claims.leave(claim)
    assert claim.path.exists()
    left.unlink()
    claims.leave(claim)
    assert not claim.path.exists()
    claims.leave(claim)


def test_a_process_that_has_the_number_of_a_dead_run_is_none():
    claim = claims.enter("mine", whole=True)
    written = json.loads(claim.path.read_text())
    written["processes"][0]["start"] = "1"
    claim.path.write_text(json.dumps(written))
    assert claims.is_living(*claims.find_claims("mine")) is False
    claims.enter("mine", whole=True)


def test_snakemake_that_outlives_its_caller_keeps_the_claim(running, monkeypatch):
    (claim,) = claims.find_claims("mine")
    monkeypatch.setenv(claims.VARIABLE, str(claim.path))
    assert claims.join("mine", whole=True).path == claim.path
    assert claims.join("other", whole=True).path != claim.path
    running.kill()
    running.wait()
    with pytest.raises(ResultError, match=f"process {os.getpid()} on"):
        claims.enter("mine", whole=True)


def test_a_claim_of_another_machine_that_is_long_silent_is_dead():
    path = elsewhere(claims.SILENCE + 5)
    claims.enter("mine", whole=True)
    assert not path.exists()


def test_a_claim_of_another_machine_is_watched(monkeypatch, capsys):
    monkeypatch.setattr(claims, "BEAT", 0.5)
    monkeypatch.setattr(claims, "SILENCE", 2.0)
    path = elsewhere(1)
    begun = time.monotonic()
    claims.leave(claims.enter("mine", whole=True))
    assert 0.5 < time.monotonic() - begun < 2
    assert not path.exists()
    assert "sign of life of process 12 on node7" in capsys.readouterr().err

    path = elsewhere(0)
    beat = threading.Timer(0.5, os.utime, [path])
    beat.start()
    with pytest.raises(ResultError, match="goes on: process 12 on node7"):
        claims.enter("mine", whole=True)
    beat.join()


def test_a_run_touches_its_claim(monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.1)
    path = claims.enter("mine", whole=True).path
    os.utime(path, (0, 0))
    time.sleep(0.5)
    assert time.time() - path.stat().st_mtime < 60


def test_of_many_that_start_at_once_one_enters():
    several = [start(3) for _ in range(4)]
    said = [process.communicate(timeout=30) for process in several]
    assert sum(output == "entered\n" for output, _ in said) == 1
    assert sum("refused: a run of the study mine goes on" in error for _, error in said) == 3


def test_damaged_claims_are_none():
    claim = claims.enter("mine", whole=True)
    for text in ("", "[]", '{"study": "mine"}', "{}\0"):
        claim.path.write_text(text)
        assert claims.find_claims("mine") == []


def test_a_process_that_nobody_waited_for_has_ended():
    with subprocess.Popen(["true"]) as process:
        while _processes.start_of(process.pid) is not None:
            time.sleep(0.01)
        assert Path("/proc", str(process.pid)).exists()
    assert _processes.start_of(process.pid) is None
    assert _processes.start_of(os.getpid()).isdigit()


NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def test_another_namespace_of_processes_is_another_machine(folder):
    """As of two containers of one host name: neither ends what the other one does."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to make a namespace")
    with start(before=NAMESPACE) as there:
        assert there.stdout.readline() == "entered\n"
        (claim,) = claims.find_claims("mine")
        assert claim.processes[0].machine != _processes.machine()
        assert claims.is_living(claim) is None
        part = folder / f".a.h5.{claim.processes[0].machine}-{2**22}.part"
        part.touch()
        with replacing(folder / "b.h5"):
            pass
        assert part.exists()
        there.send_signal(signal.SIGTERM)
        there.kill()


@pytest.mark.parametrize("heeds", [True, False])
def test_an_interrupt_is_heeded_in_the_background(heeds):
    code = (
        "import time; from kohorte._processes import heed_interrupts\n"
        f"if {heeds}: heed_interrupts()\n"
        "print('ready', flush=True); time.sleep(3)"
    )
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert (process.wait(timeout=20) != 0) is heeds
