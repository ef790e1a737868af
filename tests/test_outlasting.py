"""Jobs that the plugin for Slurm loses sight of: the plugin itself, with answers of ours."""

import asyncio
import contextlib
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from kohorte.study import slurm

plugin = pytest.importorskip("snakemake_executor_plugin_slurm")


@pytest.fixture
def executor(monkeypatch):
    """An executor, and a list of what Slurm answers in turn; None for nothing."""
    answers = []

    async def query(command, logger):
        answer = answers.pop(0)
        return (answer, None if answer is None else 0.1)

    monkeypatch.setattr(plugin, "query_job_status", query)
    monkeypatch.setattr(plugin, "get_min_job_age", lambda: 3600)
    for name in ("check_active_jobs", "cancel_jobs"):
        monkeypatch.setattr(plugin.Executor, name, getattr(plugin.Executor, name))
    monkeypatch.setattr(plugin, "kohorte_outlasts", False, raising=False)
    slurm.outlast_controller(plugin)
    slurm.outlast_controller(plugin)
    made = MagicMock()
    made.workflow.executor_settings.status_attempts = 1
    made.workflow.executor_settings.init_seconds_before_status_checks = 20
    made.get_status_command = lambda: "squeue"
    made.status_rate_limiter = contextlib.nullcontext()
    made.next_seconds_between_status_checks = 20
    made._status_query_calls = made._status_query_failures = 0
    made._status_query_total_seconds = made._status_query_max_seconds = 0.0
    made._status_query_min_seconds = None
    made._status_query_cycle_rows = []
    made.answers = answers
    return made


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(value=1000.0)
    monkeypatch.setattr(slurm.time, "monotonic", lambda: now.value)
    return now


JOBS = [SimpleNamespace(external_jobid=number, aux=MagicMock()) for number in ("7", "8_2")]


def look(executor, answer, jobs=JOBS):
    """Numbers of the jobs that go on."""

    async def collect():
        found = plugin.Executor.check_active_jobs(executor, jobs)
        return [job.external_jobid async for job in found]

    executor.answers.append(answer)
    return asyncio.run(collect())


def said(executor):
    return [call.args[0] for call in executor.logger.warning.call_args_list]


def ended(executor):
    return [call.args[0].external_jobid for call in executor.report_job_success.call_args_list]


def test_jobs_are_kept_while_slurm_does_not_answer(executor, clock):
    running = {"7": "RUNNING", "8": "PENDING"}
    assert look(executor, running) == ["7", "8_2"]
    for _ in range(3):
        clock.value += 20
        assert look(executor, None) == ["7", "8_2"]
    (message,) = said(executor)
    assert message.startswith("kohorte: Slurm does not answer; its jobs go on")
    clock.value += 20
    assert look(executor, {"7": "COMPLETED", "8": "RUNNING"}) == ["8_2"]
    assert said(executor)[1:] == ["kohorte: Slurm answers again, after 60 s"]
    assert ended(executor) == ["7"]


def test_the_wait_has_an_end(executor, clock):
    assert look(executor, None) == ["7", "8_2"]
    clock.value += 60 * slurm.PATIENCE - 1
    assert look(executor, None) == ["7", "8_2"]
    clock.value += 2
    with pytest.raises(plugin.WorkflowError, match="not answered for 60 minutes; when it does"):
        look(executor, None)


def test_a_job_that_slurm_forgot_has_ended(executor, clock):
    assert look(executor, {"7": "RUNNING", "8": "RUNNING"}) == ["7", "8_2"]
    clock.value += 1000
    assert look(executor, {"8": "RUNNING"}) == ["7", "8_2"]
    clock.value += slurm.FORGOTTEN - 1
    assert look(executor, {"8": "RUNNING"}) == ["7", "8_2"]
    clock.value += 1
    assert look(executor, {"8": "RUNNING"}) == ["8_2"]
    assert ended(executor) == ["7"]
    assert said(executor)[-1].startswith("kohorte: Slurm has forgotten job 7;")


def test_a_job_that_shows_up_late_is_waited_for(executor, clock):
    """It is not yet known where accounting is behind, and the queue may leave one out once."""
    executor.get_status_command = lambda: "sacct"
    for _ in range(20):
        clock.value += slurm.FORGOTTEN
        assert look(executor, {}) == ["7", "8_2"]
    executor.get_status_command = lambda: "squeue"
    for answer in ({}, {"7": "RUNNING", "8": "RUNNING"}) * 3:
        clock.value += slurm.FORGOTTEN - 1
        assert look(executor, answer) == ["7", "8_2"]
    assert ended(executor) == []


def test_jobs_that_are_looked_at_are_cancelled_with_the_others(executor, monkeypatch):
    cancelled = []
    monkeypatch.setattr(
        plugin,
        "cancel_slurm_jobs",
        lambda jobs, clusters, logger: cancelled.append([job.external_jobid for job in jobs]),
    )
    del executor.kohorte_looked_at  # a mock has everything
    other = SimpleNamespace(external_jobid="9", aux=MagicMock())
    plugin.Executor.cancel_jobs(executor, [other])

    query = plugin.query_job_status

    async def interrupted(command, logger):
        # Snakemake's list has only what was submitted since.
        plugin.Executor.cancel_jobs(executor, [other])
        return await query(command, logger)

    monkeypatch.setattr(plugin, "query_job_status", interrupted)
    assert look(executor, {"7": "RUNNING", "8": "COMPLETED"}) == ["7"]
    plugin.Executor.cancel_jobs(executor, JOBS[:1])
    assert cancelled == [["9"], ["9", "7", "8_2"], ["7"]]
