"""What runs before a study can be refused, and what a machine does not give: said in one line."""

import errno
import logging
import os
import resource
import subprocess
import sys
import threading

import pytest
import yaml
from workflow_project import write_points

from kohorte.command.main import main
from kohorte.errors import ConfigError
from kohorte.study import limits
from kohorte.study.limits import check_limits
from kohorte.study.logs import lacking

PLAIN = {"study": "mine", "data": {"source": "points.csv", "label": "kind"}}

STRANGE = {
    "template": "__use_yte__: true\nstudy: ?open('ran', 'w') and 'mine'\ndata: {source: a.csv}",
    "utf16": yaml.safe_dump(PLAIN).encode("utf-16"),
    "latin": "study: mine\n# caf\u00e9\ndata: {source: points.csv}\n".encode("latin-1"),
    "deep": "[" * 3000,
    "long": f"seed: {'9' * 5000}",
    "binary": bytes(range(256)),
    "list": "[1, 2]",
}
SAYS = {
    "template": "is a template (__use_yte__), which could run any command; write values",
    "utf16": "is no UTF-8 text",
    "latin": "is no UTF-8 text",
    "deep": "cannot be read as plain YAML or JSON",
    "long": "cannot be read as plain YAML or JSON",
    "binary": "is no UTF-8 text",
    "list": "must hold a mapping of keys",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_points(tmp_path / "points.csv")
    for name, text in STRANGE.items():
        (tmp_path / f"{name}.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine" / "mine.yaml").write_text(yaml.safe_dump(PLAIN))
    return tmp_path


@pytest.mark.parametrize("name", STRANGE)
def test_configurations_are_read_before_anything_runs(folder, capfd, monkeypatch, name):
    def run(*arguments, **options):
        raise AssertionError("Snakemake would read the file")

    monkeypatch.setattr(subprocess, "Popen", run)
    monkeypatch.setattr(subprocess, "run", run)
    file = f"{name}.yaml"
    calls = [[command, file] for command in ("run", "check", "verify", "report", "bundle", "open")]
    calls += [["predict", file, "points.csv"], ["compare", file, "fine/mine.yaml"]]
    calls += [["compare", "fine/mine.yaml", file], ["run", file, "-n"]]
    passed = [] if name == "list" else [["--configfile", file], [f"--configfile={file}"]]
    calls += [["run", "fine/mine.yaml", "--", *more] for more in passed]
    for call in calls:
        assert main(call) == 1, call
        *_, last = capfd.readouterr().err.splitlines()
        assert last.startswith(f"kohorte: {file}") or file in last
    assert not (folder / "ran").exists()
    assert main(["check", file]) == 1
    assert SAYS[name] in capfd.readouterr().err


def test_limits_of_memory_and_threads(monkeypatch):
    check_limits(2)
    with monkeypatch.context() as patch:
        patch.setattr(resource, "getrlimit", lambda which: (400 << 20, -1))
        with pytest.raises(ConfigError, match=r"600 MiB .* its limit is 400 MiB; raise the limits"):
            check_limits(2)
    before, start, left = threading.active_count(), threading.Thread.start, [3]

    def refuse(thread):
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ConfigError, match=r"on 2 cores needs 6 threads, and 3 can be started"):
        check_limits(2)
    assert threading.active_count() == before
    assert limits.RAISE_LIMITS


def test_a_run_with_too_little_memory_says_so(root, folder):
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 550000; exec "$0" "$@"', sys.executable, "-m", "kohorte"]
        + ["run", "fine/mine.yaml"],
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("kohorte: a run needs 600 MiB of address space at least")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError("7 GiB"), "out of memory (7 GiB)"),
        (OSError(errno.ENOMEM, "Cannot allocate"), "out of memory ("),
        (RuntimeError("can't start new thread"), "out of threads or of memory for them"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily"), "out of processes"),
        (ImportError("x.so: failed to map segment from shared object"), "out of memory"),
        (OSError(errno.ENOSPC, "No space left", "a.pdf"), "a.pdf: cannot be written (No space"),
        (RuntimeError("anything"), ""),
        (ValueError("x"), ""),
    ],
)
def test_what_a_machine_does_not_give(error, says):
    assert lacking(error).startswith(says)
    assert bool(lacking(error)) == bool(says)


LOGGED = """
import logging
from kohorte.errors import ResultError
from kohorte.study.logs import job_log
with job_log("/dev/full"):
    for number in range(200):
        logging.getLogger("kohorte").info("line %d", number)
    raise {error}
"""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("shown", ["snakemake", "stages"])
@pytest.mark.parametrize("error", ["ResultError('why')", "MemoryError('why')"])
def test_a_full_disk_is_said_once(root, error, shown):
    done = subprocess.run(
        [sys.executable, "-c", LOGGED.format(error=error)],
        env={**os.environ, "PYTHONPATH": str(root / "src"), "KOHORTE_TERMINAL": shown},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Logging error" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert lines[0] == "kohorte: /dev/full: cannot be written (No space left on device)"
    assert len(lines) == 2
    assert "why" in lines[1]


def test_other_faults_of_logging_keep_their_trace(capsys):
    from kohorte.study.logs import unwritten_once

    logger = logging.Logger("odd")
    logger.addHandler(logging.StreamHandler(sys.stderr))
    with unwritten_once() as said:
        logger.info("%d", "no number")
    assert said == []
    assert "--- Logging error ---" in capsys.readouterr().err
