"""What a run shows on the terminal: its stages, how long they will take, and warnings at the end.

Snakemake tells of every job, and a person wants to know how far the study is. A `RunHandler` stands
in for the handler of Snakemake that writes to the terminal; its log file keeps all. A plug-in for
`--logger` would have to be named in every call, and could not be where kohorte is not installed
beside Snakemake. `Display` is fed with what Snakemake tells, and reads the logs of jobs for what
they say themselves. On a terminal the last line is rewritten as the run goes on; elsewhere (pipes,
files, CI) there are whole lines alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from kohorte._text import visible

#: Environment variable: "snakemake" leaves the terminal to Snakemake. In the jobs of a run that is
#: shown here it is "stages": what they have to say is read from their logs.
VARIABLE = "KOHORTE_TERMINAL"

#: Stages of a study, in order, and what the names of their rules begin with.
STAGES = {
    "data": ("prepare_data", "derive_fields", "simulate_", "fetch_"),
    "maps": (
        *("train_realizations", "begin_maps", "sum_epoch", "end_epoch", "look_at_maps"),
        "finish_maps",
    ),
    "structure": ("collect_evidence",),
    "ensemble": (
        *("count_overlaps", "combine_", "label_points", "measure_sufficiency", "compare_sweep"),
    ),
    "tables": (
        "tabulate_",
        "tally_",
        "gather_",
        "measure_",
        "classify_points",
        "write_grid",
    ),
    "figures": ("draw_figures", "plot_"),
    "record": ("write_manifest", "summarize_study"),
}

#: Lines of a log: date, level and logger of a message. The message may have more lines.
_MESSAGE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]+) ([\w.]+): (.*)")
_TRAINED = re.compile(r".*: (kept|trained in [\d.]+ s)")
_STEPS = re.compile(r"(\d+) of (\d+) done; training takes")
_COUNTS = re.compile(r"\d+ points, \d+ features|\d+ figures drawn, \d+ kept")
_OWN_WARNING = re.compile(r"\S*/kohorte/.*?:\d+: UserWarning: (.*?)(?:\n  .*)?", re.DOTALL)

#: Errors that a person caused say where, and need no line of the workflow.
_PLACE = re.compile(r'^WorkflowError in file "[^"]*common\.smk", line \d+:\n')
_LINES = re.compile(r'^  File "[^"]*", line \d+, in .*\n?', re.MULTILINE)

#: Rules that end with maps; others of the stage are parts of epochs.
_TRAINING = ("train_realizations", "finish_maps")

#: What Snakemake says of a job that failed, beside the job's own words.
_NOISE = ["CalledProcessError", "At least one job did not complete", "Exiting because a job"]
_NOISE += ["Shutting down", "Removing output files", "Trying to restart"]
#: What it says of outputs that a failed job leaves as they were, one by one.
_KEPT = "Restored previous version of "
_INTERRUPT = "Terminating processes on user request"

#: What is said of a run that was interrupted, and of a job that gives no reason.
_INTERRUPTED = "kohorte: interrupted; what is finished is kept, run again to go on"
_SILENT = "it ended without a word; was it killed?"

_SHOWN_WARNINGS = 20
_REFRESH = 0.5  # seconds between looks at the logs of jobs
_PLAIN_EVERY = 10.0  # seconds between lines of progress where there is no terminal
_TELLING = 0.005  # share of a stage from which on its pace says how long the rest takes


@dataclass
class Job:
    """One job that was started."""

    rule: str
    stage: str
    logs: list[Path]
    batch: str  # of the maps that it trains
    begun: float  # Time of the clock of files
    position: int = 0  # up to which its log was read
    done: int = 0  # maps
    kept: int = 0
    part: float = 0.0  # of the map that is being trained
    messages: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Stage:
    """The jobs of a stage in this run."""

    total: int = 0
    done: int = 0
    begun: float | None = None
    details: list[str] = field(default_factory=list)


def stage_of(rule: str) -> str:
    """Return the stage of a rule; other rules are stages of their own."""
    for stage, beginnings in STAGES.items():
        if rule.startswith(beginnings):
            return stage
    return rule.replace("_", " ")


def read_messages(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield level, logger and text of the messages in a log."""
    found: list[str] | None = None
    for line in text.splitlines():
        if match := _MESSAGE.match(line):
            if found:
                yield found[0], found[1], found[2]
            found = list(match.groups())
        elif found:
            found[2] += f"\n{line}"
    if found:
        yield found[0], found[1], found[2]


def job_error(messages: Iterable[tuple[str, str, str]]) -> str:
    """Return why a job failed, from the messages of its log; "" where it does not say."""
    texts = [text.strip() for level, _, text in messages if level == "ERROR"]
    if not texts:
        return ""
    first, *others = texts[-1].splitlines()
    if not any(line.startswith("Traceback") for line in others):
        return texts[-1]
    return f"{others[-1]} ({first})" if first.startswith("this is a fault") else first


def job_warnings(messages: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the warnings of a job that matter to a person, each once."""
    seen = set()
    for level, logger, text in messages:
        if level != "WARNING":
            continue
        if logger.startswith("py."):
            # What libraries warn of is for who writes programs.
            if not (own := _OWN_WARNING.fullmatch(text.rstrip())):
                continue
            text = own[1]
        text = " ".join(text.split())
        if text not in seen:
            seen.add(text)
            yield text


def show_time(seconds: float) -> str:
    """Return a duration in words, with one or two digits that mean something."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class Display:
    """The stages of a run on a stream; see the module."""

    def __init__(
        self, stream: TextIO, *, live: bool | None = None, color: bool | None = None
    ) -> None:
        self._stream = stream
        terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live = terminal if live is None else live
        self._color = (terminal and not os.environ.get("NO_COLOR")) if color is None else color
        self._lock = threading.RLock()
        self._stages: dict[str, Stage] = {}
        self._jobs: dict[int, Job] = {}
        self._maps: dict[str, int] = {}  # that each batch has
        self._by_epochs = False  # whether maps are trained in jobs of parts of epochs
        self._batches: list[str] = []  # that are trained in this run, as far as they were started
        self._trained = self._kept = 0
        self._errors: dict[int, list[str]] = {}
        self._failures: list[str] = []
        self._warnings: list[str] = []
        self._last_words: list[str] = []
        self._log = ""
        self._width = 0  # of the live line on the screen
        self._told = 0.0  # when there was a line of progress, without a terminal
        self._parts: list[str] = []  # of that line
        self._begun = time.monotonic()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None

    # ---- What Snakemake tells ------------------------------------------------------------------

    def plan(self, counts: Mapping[str, int]) -> None:
        """Take the number of jobs of each rule."""
        with self._lock:
            self._by_epochs = "sum_epoch" in counts
            for rule, count in counts.items():
                if rule != "total":
                    self._stages.setdefault(stage_of(rule), Stage()).total += count
            self._ticker = threading.Thread(target=self._keep_looking, daemon=True)
            self._ticker.start()

    def tell(self, told: Mapping[str, Any]) -> None:
        """Take what the workflow says itself.

        `study`: its name; `maps`: the number of maps of each batch; `log`: Snakemake's own log;
        `end`: text that the run ends with.
        """
        with self._lock:
            self._maps = dict(told.get("maps", self._maps))
            self._log = told.get("log", self._log)
            if "study" in told:
                self._print(f"Study {told['study']}" + (f"; log: {self._log}" if self._log else ""))
            if told.get("end"):
                self._last_words.append(told["end"])

    def start(self, number: int, rule: str, logs: Iterable[str], batch: str = "") -> None:
        """Take a job that begins."""
        stage = stage_of(rule)
        paths = [Path(log) for log in logs]
        if rule not in _TRAINING:
            batch = ""
        with self._lock:
            if not paths:
                return  # a target, which does nothing
            self._jobs[number] = Job(rule, stage, paths, batch, time.time())
            found = self._stages.setdefault(stage, Stage(total=1))
            found.begun = found.begun or time.monotonic()
            if batch and batch not in self._batches:
                self._batches.append(batch)
            self._refresh()

    def finish(self, number: int) -> None:
        """Take a job that has ended well."""
        with self._lock:
            job = self._jobs.pop(number, None)
            self._errors.pop(number, None)
            if job is None:
                return
            self._read(job)
            stage = self._stages[job.stage]
            stage.done += 1
            if job.batch:
                self._trained += self._maps.get(job.batch, job.done)
                self._kept += job.kept
            stage.details += [
                found[0] for *_, text in job.messages if (found := _COUNTS.match(text))
            ]
            for text in job_warnings(job.messages):
                self.warn(text)
            if stage.done >= stage.total:
                self._end_stage(job.stage, stage)
            self._refresh()

    def fail(self, number: int, rule: str, logs: Iterable[str], said: str = "") -> None:
        """Take a job that has failed; it may be tried again."""
        with self._lock:
            paths = [Path(log) for log in logs]
            job = self._jobs.pop(number, None) or Job(rule, stage_of(rule), paths, "", 0.0)
            self._read(job)
            why = job_error(job.messages) or said or _SILENT
            for text in job_warnings(job.messages):
                self.warn(text)
            where = ", ".join(str(path) for path in job.logs)
            self._errors[number] = [f"{rule} failed; log: {where}", f"kohorte: {why}"]
            self._print(f"{job.stage:10s} failed", mark="31")

    def warn(self, text: str) -> None:
        """Show a warning now, and at the end."""
        with self._lock:
            if text not in self._warnings:
                self._warnings.append(text)
                self._print(f"warning: {text}", mark="33")

    def say(self, text: str) -> None:
        """Show a text as it is."""
        with self._lock:
            self._print(text)

    def give_up(self, text: str) -> None:
        """Take an error of Snakemake itself, or an interrupt."""
        with self._lock:
            if _INTERRUPT in text:
                self._failures.append(_INTERRUPTED)
            elif not any(noise in text for noise in _NOISE):
                self._failures.append(text)

    def close(self) -> None:
        """Show what a run ends with: its result and warnings, or its log and why it failed."""
        self._ended.set()
        with self._lock:
            # Who interrupts a run knows what has ended the jobs that say nothing.
            is_known = _INTERRUPTED in self._failures
            told = [e for e in self._errors.values() if not (is_known and e[-1].endswith(_SILENT))]
            errors = list(dict.fromkeys(line for lines in told for line in lines))
            failed = bool(errors or self._failures)
            for text in () if failed else self._last_words[:-1]:
                self._print(text)
            if len(self._warnings) > 0 and (failed or self._stages):
                self._print("Warnings of this run:", mark="33")
                for text in self._warnings[:_SHOWN_WARNINGS]:
                    self._print(f"  {text}")
                if len(self._warnings) > _SHOWN_WARNINGS:
                    self._print(f"  and {len(self._warnings) - _SHOWN_WARNINGS} more, in the logs")
            if failed:
                if self._log:
                    self._print(f"log: {self._log}")
                for line in (*errors, *dict.fromkeys(self._failures)):
                    self._print(line, mark="31" if line.startswith("kohorte: ") else "")
            elif self._last_words:
                self._print(self._last_words[-1])
            self._clear()

    # ---- The screen ----------------------------------------------------------------------------

    def _keep_looking(self) -> None:
        while not self._ended.wait(_REFRESH):
            with self._lock:
                for job in self._jobs.values():
                    if job.batch:
                        self._read(job)
                self._refresh()

    def _read(self, job: Job) -> None:
        """Read what is new in the log of a job; what an earlier run left counts for nothing."""
        for path in job.logs[:1]:
            with contextlib.suppress(OSError), open(path, "rb") as stream:
                found = os.fstat(stream.fileno())
                if found.st_mtime < job.begun - 2:
                    return
                stream.seek(job.position if found.st_size >= job.position else 0)
                new = stream.read()
                whole = new[: new.rfind(b"\n") + 1]
                job.position = stream.tell() - len(new) + len(whole)
                messages = list(read_messages(whole.decode("utf-8", errors="replace")))
                job.messages += [found for found in messages if found[0] != "DEBUG"]
                for _, _, text in messages:
                    if steps := _STEPS.match(text):
                        job.part = int(steps[1]) / max(1, int(steps[2]))
                    elif ended := _TRAINED.fullmatch(text):
                        job.done += 1
                        job.kept += ended[1] == "kept"
                        job.part = 0.0

    def _end_stage(self, name: str, stage: Stage) -> None:
        seconds = time.monotonic() - (stage.begun or time.monotonic())
        detail = ", ".join(dict.fromkeys(stage.details))
        if name == "maps" and self._maps:
            detail = f"{self._trained} maps" + (
                f", {self._kept} of them kept" if self._kept else ""
            )
        self._print(f"{name:10s} {detail or 'done'} ({show_time(seconds)})")

    def _refresh(self) -> None:
        parts = [part for stage in self._stages if (part := self._progress(stage))]
        if not parts:
            return
        if self._live:
            self._draw("; ".join(parts))
        elif time.monotonic() - self._told > _PLAIN_EVERY:
            if self._told and parts != self._parts:
                self._print("; ".join(parts))
            self._told, self._parts = time.monotonic(), parts

    def _progress(self, name: str) -> str:
        """Return how far a stage is that has begun, "" where it has ended or not begun."""
        stage = self._stages[name]
        if stage.begun is None or stage.done >= stage.total:
            return ""
        done, total, new = float(stage.done), stage.total, float(stage.done)
        if name == "maps" and self._maps and not self._by_epochs:
            running = [job for job in self._jobs.values() if job.batch]
            # Batches that were not started yet are those that are left, of average size.
            known = sum(self._maps.get(batch, 0) for batch in self._batches)
            waiting = stage.total - len(self._batches)
            average = sum(self._maps.values()) / len(self._maps)
            total = round(known + waiting * average)
            total = min(total, sum(self._maps.values()))
            whole = self._trained + sum(job.done for job in running)
            done = whole + sum(job.part for job in running)
            new = done - self._kept - sum(job.kept for job in running)
            shown = f"{whole} of {total}"
        else:
            shown = f"{stage.done} of {total}" if total > 1 else ""
            if name == "maps" and self._by_epochs:
                shown += " jobs"
        left = ""
        elapsed = time.monotonic() - stage.begun
        if done >= total:
            left = "nearly done"
        elif new > _TELLING * total:
            left = f"about {show_time(elapsed / new * (total - done))} left"
        elif self._live:
            left = f"{show_time(elapsed)} so far"
        bar = ""
        if total > 1 and self._live:
            filled = round(16 * min(1.0, done / total))
            bar = f"[{'#' * filled}{'-' * (16 - filled)}]"
        words = ", ".join(filter(None, (shown, left)))
        return " ".join(filter(None, (f"{name:10s}" if self._live else name, bar, words or "...")))

    def _draw(self, text: str) -> None:
        """Write the live line over the former one."""
        text, width = visible(text), shutil.get_terminal_size().columns - 1
        text = text if len(text) <= width else text[: max(0, width - 3)] + "..."
        self._write("\r" + text + " " * max(0, self._width - len(text)))
        self._width = len(text)

    def _clear(self) -> None:
        if self._width:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def _print(self, text: str, mark: str = "") -> None:
        self._clear()
        text = visible(text.strip("\n"))
        self._write((f"\x1b[{mark}m{text}\x1b[0m" if mark and self._color else text) + "\n")

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()


class RunHandler(logging.Handler):
    """Hand what Snakemake logs to a display; what is no run goes to Snakemake's own handler."""

    def __init__(self, own: logging.Handler, display: Display, *, shows_runs: bool = True) -> None:
        super().__init__()
        self._own, self._display = own, display
        self._shows_runs, self._runs = shows_runs, False

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, or keep it for the end."""
        try:
            self._show(str(getattr(record, "event", "") or ""), record, vars(record))
        except Exception:
            self.handleError(record)

    def _show(self, event: str, record: logging.LogRecord, said: Mapping[str, Any]) -> None:
        display = self._display
        if record.levelno >= logging.ERROR and _PLACE.match(record.getMessage()):
            display.give_up(_LINES.sub("", _PLACE.sub("kohorte: ", record.getMessage())).strip())
        elif not self._shows_runs:
            self._own.handle(record)
        elif "kohorte" in said:
            display.tell(said["kohorte"])
        elif event == "workflow_started":
            self._runs = True
        elif event == "run_info":
            display.plan(said["stats"])
        elif event == "job_info":
            batch = dict(said["wildcards"] or {}).get("batch", "")
            display.start(said["jobid"], said["rule_name"], said["log"], batch)
        elif event == "job_finished":
            display.finish(said["job_id"])
        elif event == "job_error":
            display.fail(said["jobid"], said["rule_name"], said["log"])
        elif event == "group_error":
            for job in said["job_error_info"]:
                display.fail(job["jobid"], job["rule_name"], job["log"])
        elif record.levelno >= logging.ERROR:
            display.give_up(record.getMessage().strip())
        elif record.levelno >= logging.WARNING:
            if not record.getMessage().startswith(_KEPT):
                display.warn(record.getMessage().strip().removeprefix("kohorte: "))
        elif not self._runs:
            if not str(record.msg).startswith("Assuming unrestricted"):
                self._own.handle(record)
        elif event == "":
            text = str(record.msg or "")
            if text.startswith(("Nothing to be done", "SLURM run ID")):
                display.say(text)
            elif _INTERRUPT in text:
                display.give_up(text)

    def close(self) -> None:
        """End the display, and both handlers."""
        self._display.close()
        self._own.close()
        super().close()


def show_stages(
    logger: logging.Logger, stream: TextIO, *, color: bool = True, runs: bool = True
) -> bool:
    """Show a run of Snakemake as a display of its stages; returns whether it is shown so.

    `logger`: Snakemake's, whose handler of the terminal is replaced; where another logger of the
    user writes there, all stays as it is. `runs`: False leaves all but what a person did wrong to
    Snakemake.
    """
    own = [handler for handler in logger.handlers if handler.get_name() == "DefaultStreamHandler"]
    if not own or os.environ.get(VARIABLE) == "snakemake":
        return False
    display = Display(stream, color=None if color else False)
    logger.removeHandler(own[0])
    logger.addHandler(RunHandler(own[0], display, shows_runs=runs))
    if runs:
        os.environ[VARIABLE] = "stages"
    return runs


def is_shown_from_logs() -> bool:
    """Tell whether the messages of this job are shown from its log, so that it prints none."""
    return os.environ.get(VARIABLE) == "stages"
