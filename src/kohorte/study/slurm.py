"""A run on Slurm outlasts its controller: what Snakemake's plugin loses is looked at again.

The plugin (2.8) drops all jobs that it waits for when Slurm does not answer, and then waits for
ever; and it waits for ever for a job that Slurm has forgotten, as after a controller that lost its
state. Here such jobs are kept, and a wait has an end and says why it lasts. A run that is
interrupted while its jobs are looked at would leave them running: here they are cancelled, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from types import ModuleType
from typing import Any

#: Minutes that a run waits for a controller that does not answer; the variable sets other ones.
VARIABLE = "KOHORTE_SLURM_MINUTES"
PATIENCE = 60.0

#: Seconds that the queue answers without a job after which that job has ended.
FORGOTTEN = 120.0


def outlast_controller(plugin: ModuleType) -> None:
    """Let an executor of Snakemake's plugin for Slurm keep its jobs; done once."""
    if getattr(plugin, "kohorte_outlasts", False):
        return
    plugin.kohorte_outlasts = True  # type: ignore[attr-defined]
    executor, query = plugin.Executor, plugin.query_job_status
    check, cancel = executor.check_active_jobs, executor.cancel_jobs
    watch = Watch(plugin.WorkflowError)

    async def query_job_status(command: str, logger: Any) -> Any:
        found = await query(command, logger)
        watch.answer = found[0]
        watch.is_queue = command.startswith("squeue")
        return found

    async def check_active_jobs(self: Any, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
        # Snakemake takes them off its list meanwhile.
        self.kohorte_looked_at = list(active_jobs)
        kept = [job async for job in check(self, active_jobs)]
        self.kohorte_looked_at = list(watch.look(self, active_jobs, kept))
        for job in self.kohorte_looked_at:
            yield job

    def cancel_jobs(self: Any, active_jobs: Sequence[Any]) -> None:
        listed = {id(job) for job in active_jobs}
        looked_at = getattr(self, "kohorte_looked_at", [])
        cancel(self, [*active_jobs, *(job for job in looked_at if id(job) not in listed)])

    plugin.query_job_status = query_job_status  # type: ignore[attr-defined]
    executor.check_active_jobs, executor.cancel_jobs = check_active_jobs, cancel_jobs


class Watch:
    """What is known of the answers of Slurm."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error
        self.patience = 60 * float(os.environ.get(VARIABLE, PATIENCE))
        self.answer: dict[str, str] | None = None
        self.is_queue = True
        self.silent_since: float | None = None
        self.absent_since: dict[str, float] = {}

    def look(self, executor: Any, active: Sequence[Any], kept: Sequence[Any]) -> Sequence[Any]:
        """Return the jobs to look at again, after a look that kept some of the active ones."""
        now = time.monotonic()
        if not active:
            return kept
        if self.answer is None:
            if self.silent_since is None:
                self.silent_since = now
                executor.logger.warning(
                    "kohorte: Slurm does not answer; its jobs go on, and are looked at again for "
                    f"{self.patience / 60:g} minutes"
                )
            if now - self.silent_since > self.patience:
                raise self.error(
                    f"Slurm has not answered for {self.patience / 60:g} minutes; when it does "
                    "again, the same command goes on with what its jobs have finished "
                    f"({VARIABLE}=... waits for another time)"
                )
            return active
        if self.silent_since is not None:
            silent = now - self.silent_since
            executor.logger.warning(f"kohorte: Slurm answers again, after {silent:.0f} s")
            self.silent_since = None
        return [job for job in kept if not self._is_forgotten(executor, job, now)]

    def _is_forgotten(self, executor: Any, job: Any, now: float) -> bool:
        """Tell whether a job has left the queue; then its files tell how it ended."""
        number = str(job.external_jobid)
        names = {number, number.partition("_")[0]}  # Tasks of an array may have its number
        if not self.is_queue or self.answer is None or names & self.answer.keys():
            self.absent_since.pop(number, None)
            return False
        if now - self.absent_since.setdefault(number, now) < FORGOTTEN:
            return False
        executor.logger.warning(
            f"kohorte: Slurm has forgotten job {number}; what it left tells whether it was finished"
        )
        executor.report_job_success(job)
        return True
