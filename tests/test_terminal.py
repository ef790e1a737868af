"""What a run shows on the terminal."""

import io
import logging
import os
import time

import pytest

from kohorte.study import terminal
from kohorte.study.terminal import (
    Display,
    RunHandler,
    job_error,
    job_warnings,
    read_messages,
    show_stages,
    show_time,
    stage_of,
)

LOG = """\
2026-01-02 03:04:05,678 INFO kohorte: 342 points, 4 features
2026-01-02 03:04:05,678 WARNING kohorte.data.sources: a.csv: 2 of 344 rows miss a value; dropped
2026-01-02 03:04:05,679 WARNING py.warnings: /lib/x.py:3: DeprecationWarning: old
  warnings.warn("old")
2026-01-02 03:04:05,680 WARNING py.warnings: /lib/kohorte/figures/y.py:9: UserWarning: no font has \
the letters: x
  save()
2026-01-02 03:04:06,000 ERROR kohorte: the configuration cannot be used:
  - a: b
"""


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass as told, without a thread that looks at logs by itself."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Display, "_keep_looking", lambda self: None)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return now


def write(path, *texts, level="INFO"):
    with open(path, "a") as stream:
        for text in texts:
            stream.write(f"2026-01-02 03:04:05,678 {level} kohorte.jobs: {text}\n")
    return [str(path)]


def screen(text):
    """What a terminal shows in the end: carriage returns go back to the start of the line."""
    shown = []
    for line in text.split("\n"):
        cells = []
        for part in line.split("\r"):
            cells[: len(part)] = list(part)
        shown.append("".join(cells).rstrip())
    return "\n".join(shown)


def test_messages_of_a_log():
    messages = list(read_messages(LOG))
    assert [level for level, _, _ in messages] == ["INFO", *["WARNING"] * 3, "ERROR"]
    assert job_error(messages) == "the configuration cannot be used:\n  - a: b"
    dropped, glyph = job_warnings(messages)
    assert dropped == "a.csv: 2 of 344 rows miss a value; dropped"
    assert glyph == "no font has the letters: x"
    fault = "2026-01-02 03:04:05,678 ERROR kohorte: {}\nTraceback (most recent call last):\nE: x\n"
    assert job_error(read_messages(fault.format("out of memory; give more"))) == (
        "out of memory; give more"
    )
    assert job_error(read_messages(fault.format("this is a fault of kohorte"))) == (
        "E: x (this is a fault of kohorte)"
    )
    assert job_error([]) == ""


def test_stages_and_times():
    rules = [
        "prepare_data",
        "train_realizations",
        "plot_hits",
        "tabulate_results",
        "predict_labels",
    ]
    assert list(map(stage_of, rules)) == ["data", "maps", "figures", "tables", "predict labels"]
    times = [show_time(seconds) for seconds in (0.04, 9.94, 42, 150, 3 * 3600)]
    assert times == ["0.0 s", "9.9 s", "42 s", "2 min", "3.0 h"]


def test_a_terminal_shows_how_far_the_maps_are(clock, tmp_path):
    stream = Terminal()
    display = Display(stream, color=False)
    display.tell({"study": "a", "log": "x.log", "maps": {"000": 2, "001": 2}})
    display.plan({"train_realizations": 2, "all": 1, "total": 3})
    log = tmp_path / "000.log"
    display.start(1, "train_realizations", write(log, "2 of 2 maps to train"), "000")
    assert "0 of 4" in screen(stream.getvalue())
    clock[0] += 10
    write(log, "1 of 1000 done; training takes about 9 s")
    display._read(display._jobs[1])
    display._refresh()
    # What a hair's breadth of the work has taken says nothing.
    assert "0 of 4, 10 s so far" in screen(stream.getvalue())
    write(log, "x1: trained in 9.00 s", "500 of 1000 done; training takes about 9 s")
    display._read(display._jobs[1])
    display._refresh()
    # One and a half of four maps in ten seconds.
    assert "[######----------] 1 of 4, about 17 s left" in screen(stream.getvalue())
    clock[0] += 10
    write(log, "x2: trained in 9.00 s")
    display.finish(1)
    assert "2 of 4, about 20 s left" in screen(stream.getvalue())
    display.start(
        2, "train_realizations", write(tmp_path / "001.log", "x3: kept", "x4: kept"), "001"
    )
    display.finish(2)
    display.tell({"end": "Study a: done"})
    display.close()
    assert screen(stream.getvalue()).splitlines() == [
        "Study a; log: x.log",
        "maps       4 maps, 2 of them kept (20 s)",
        "Study a: done",
    ]


def test_epochs_in_parts_are_shown_by_their_jobs(clock, tmp_path):
    stream = io.StringIO()
    display = Display(stream)
    display.tell({"maps": {"000": 2}})
    display.plan({"begin_maps": 1, "sum_epoch": 2, "end_epoch": 1, "finish_maps": 1})
    rules = ["begin_maps", "sum_epoch", "sum_epoch", "end_epoch", "finish_maps"]
    for number, rule in enumerate(rules):
        clock[0] += 60
        display.start(number, rule, write(tmp_path / f"{number}.log"), "000")
        display.finish(number)
    display.close()
    lines = stream.getvalue().splitlines()
    assert [line.partition(",")[0] for line in lines[:-1]] == [
        f"maps {done} of 5 jobs" for done in range(1, 5)
    ]
    assert lines[-1] == "maps       2 maps (4 min)"


def test_a_narrow_terminal_keeps_to_one_line(clock, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    display = Display(stream, color=False)
    display.plan({"train_realizations": 3})
    display.start(1, "train_realizations", write(tmp_path / "a.log"), "000")
    display.close()
    assert max(map(len, stream.getvalue().split("\r"))) <= 20


def test_a_pipe_gets_whole_lines_without_control_codes(clock, tmp_path):
    stream = io.StringIO()
    display = Display(stream)
    display.plan({"prepare_data": 1, "train_realizations": 1})
    log = write(tmp_path / "a.log", "342 points, 4 features")
    write(tmp_path / "a.log", "2 of 344 rows miss a value; dropped", level="WARNING")
    display.start(1, "prepare_data", log)
    display.finish(1)
    display.tell({"maps": {"000": 4}})
    display.start(
        2, "train_realizations", write(tmp_path / "b.log", "x1: trained in 1.00 s"), "000"
    )
    for _ in range(30):
        clock[0] += 1
        display._read(display._jobs[2])
        display._refresh()
    display.finish(2)
    display.tell({"end": "first"})
    display.tell({"end": "All results are as MANIFEST lists them."})
    display.close()
    text = stream.getvalue()
    assert not {"\r", "\x1b"} & set(text)
    lines = text.splitlines()
    assert lines[0] == "warning: 2 of 344 rows miss a value; dropped"
    assert lines[1].startswith("data       342 points, 4 features (")
    assert [line for line in lines if line.startswith("maps 1 of 4, about ")] == lines[2:4]
    assert lines[4:] == [
        "maps       4 maps (30 s)",
        "first",
        "Warnings of this run:",
        "  2 of 344 rows miss a value; dropped",
        "All results are as MANIFEST lists them.",
    ]


def test_an_error_is_the_last_line_with_the_log_before_it(clock, tmp_path):
    stream = Terminal()
    display = Display(stream)
    display.tell({"study": "a", "log": "whole.log"})
    display.plan({"prepare_data": 1, "count_overlaps": 1})
    logs = write(tmp_path / "a.log", "a.csv: no feature 'x'", level="ERROR")
    display.start(1, "prepare_data", logs)
    display.fail(1, "prepare_data", logs)
    display.give_up("WorkflowError:\nAt least one job did not complete successfully.")
    display.tell({"end": "Study a: done"})
    display.close()
    *_, whole, log, error = screen(stream.getvalue()).splitlines()
    assert whole == "log: whole.log"
    assert log == f"prepare_data failed; log: {logs[0]}"
    assert error == "\x1b[31mkohorte: a.csv: no feature 'x'\x1b[0m"
    assert "done" not in stream.getvalue()


def test_a_job_that_is_tried_again_has_not_failed(clock, tmp_path):
    stream = io.StringIO()
    display = Display(stream)
    display.plan({"prepare_data": 1})
    logs = write(tmp_path / "a.log")
    display.start(1, "prepare_data", logs)
    display.fail(1, "prepare_data", logs)
    display.start(1, "prepare_data", logs)
    display.finish(1)
    display.close()
    assert "killed" not in stream.getvalue()


def test_logs_of_former_runs_say_nothing(clock, tmp_path):
    stream = io.StringIO()
    display = Display(stream)
    logs = write(tmp_path / "a.log", "an old fault", level="ERROR")
    os.utime(logs[0], (1, 1))
    display.start(1, "prepare_data", logs)
    display.fail(1, "prepare_data", logs)
    display.close()
    assert stream.getvalue().endswith("kohorte: it ended without a word; was it killed?\n")


def test_jobs_that_an_interrupt_ends_are_no_riddle(clock, tmp_path):
    stream = io.StringIO()
    display = Display(stream)
    for number, said in ((1, []), (2, ["a fault"])):
        logs = write(tmp_path / f"{number}.log", *said, level="ERROR")
        display.start(number, "prepare_data", logs)
        display.fail(number, "prepare_data", logs)
    display.give_up("Terminating processes on user request, this might take some time.")
    display.close()
    text = stream.getvalue()
    assert "was it killed" not in text
    assert "kohorte: a fault" in text
    assert text.endswith("kohorte: interrupted; what is finished is kept, run again to go on\n")


@pytest.fixture
def logger(monkeypatch):
    monkeypatch.setenv(terminal.VARIABLE, "")
    found = logging.Logger("snakemake of a test")
    own = logging.StreamHandler(io.StringIO())
    own.set_name("DefaultStreamHandler")
    found.addHandler(own)
    return found, own.stream


def test_records_of_snakemake_become_stages(clock, tmp_path, logger):
    logger, own = logger
    stream = io.StringIO()
    assert show_stages(logger, stream)
    assert os.environ[terminal.VARIABLE] == "stages"
    (handler,) = logger.handlers
    assert isinstance(handler, RunHandler)
    logger.info("before a run")
    logger.info("Workflow has started!", extra={"event": "workflow_started"})
    logger.info("Using shell: /bin/bash")
    logger.info("job counts", extra={"event": "run_info", "stats": {"prepare_data": 1}})
    logs = write(tmp_path / "a.log", "3 points, 2 features")
    job = {"jobid": 3, "rule_name": "prepare_data", "log": logs, "wildcards": {}}
    logger.info("", extra={"event": "job_info", **job})
    logger.info("Finished", extra={"event": "job_finished", "job_id": 3})
    logger.warning("kohorte: look")
    logger.info("", extra={"kohorte": {"end": "the end"}})
    handler.close()
    assert own.getvalue() == "before a run\n"
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("data       3 points, 2 features")
    assert lines[1:] == ["warning: look", "Warnings of this run:", "  look", "the end"]


def test_what_a_person_did_wrong_is_said_without_lines_of_the_workflow(clock, logger):
    logger, own = logger
    stream = io.StringIO()
    assert not show_stages(logger, stream, runs=False)
    assert os.environ[terminal.VARIABLE] == ""
    logger.info("Workflow has started!", extra={"event": "workflow_started"})
    said = 'WorkflowError in file "/a/rules/common.smk", line 3:\na: b\n  - c'
    logger.error(
        said + '\n  File "/a/rules/common.smk", line 3, in <module>', extra={"event": "error"}
    )
    logger.handlers[0].close()
    assert own.getvalue() == "Workflow has started!\n"
    assert stream.getvalue() == "kohorte: a: b\n  - c\n"


def test_snakemake_keeps_the_terminal_where_it_shall(logger, monkeypatch):
    logger, _ = logger
    monkeypatch.setenv(terminal.VARIABLE, "snakemake")
    assert not show_stages(logger, io.StringIO())
    assert logger.handlers[0].get_name() == "DefaultStreamHandler"
