"""Logging of a job to its file, with errors that are meant for a person kept free of traces."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence

from kohorte._text import VisibleFormatter, visible
from kohorte.errors import KohorteError
from kohorte.study.limits import RAISE_LIMITS
from kohorte.study.runs import check_unchanged
from kohorte.study.terminal import is_shown_from_logs


@contextlib.contextmanager
def job_log(path: str, inputs: Iterable[object] = ()) -> Iterator[logging.Logger]:
    """Send log messages and warnings of a block to a file; yields the logger.

    `inputs`: of the job, of which those from outside must be as they were when its run started.

    What kohorte warns of goes to standard error as well, where it is seen.
    A `KohorteError`, an interrupt and a lack of memory are written to the file and, without a
    traceback, to standard error, and end the process with status 1 (130 for an interrupt). Any
    other error is written with its traceback and raised again.
    """
    with unwritten_once() as unwritten:
        yield from _log_job(path, inputs, unwritten)


def _log_job(path: str, inputs: Iterable[object], unwritten: list[str]) -> Iterator[logging.Logger]:
    try:
        logging.basicConfig(
            filename=path,
            filemode="w",
            encoding="utf-8",
            errors="backslashreplace",
            level=logging.INFO,
            force=True,
        )
    except OSError as error:
        _tell(f"{path}: cannot be written ({error.strerror})", [path])
        raise SystemExit(1) from None
    form = VisibleFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().handlers[0].setFormatter(form)
    logging.captureWarnings(True)
    if not is_shown_from_logs():
        shown = logging.StreamHandler(sys.stderr)
        shown.setFormatter(VisibleFormatter("kohorte: warning: %(message)s"))
        shown.addFilter(lambda record: record.levelno == logging.WARNING)
        shown.addFilter(logging.Filter("kohorte"))
        logging.getLogger().addHandler(shown)
    logger = logging.getLogger("kohorte")
    cores = os.environ.get("NUMBA_NUM_THREADS", os.cpu_count())
    logger.info("device: the CPU of %s (%s), %s cores", platform.node(), platform.machine(), cores)
    try:
        yield logger
        check_unchanged(inputs)
    except KohorteError as error:
        logger.error("%s", error)
        _tell(str(error), unwritten)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        text = "interrupted; what is finished is kept, run again to go on"
        logger.error("%s", text)
        _tell(text, unwritten)
        raise SystemExit(130) from None
    except Exception as error:
        if text := lacking(error):
            logger.exception("%s", text)
            _tell(text, unwritten)
            raise SystemExit(1) from None
        logger.exception("this is a fault of kohorte or of its environment")
        if is_shown_from_logs() and not unwritten:
            raise SystemExit(1) from None
        raise


def lacking(error: BaseException) -> str:
    """Say what this machine or its limits did not give, where that is what an error is about."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return f"out of memory ({error}); give the job more, or make it smaller"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return f"out of threads or of memory for them ({error}); {RAISE_LIMITS}"
    if isinstance(error, BlockingIOError) and error.errno == errno.EAGAIN:
        return f"out of processes ({error}); {RAISE_LIMITS}"
    if isinstance(error, ImportError) and "failed to map segment" in str(error):
        return f"out of memory ({error}); {RAISE_LIMITS}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.filename or 'a file'}: cannot be written ({error.strerror}); make room"
    if isinstance(error, OSError) and error.errno in (errno.EFBIG, errno.EMFILE, errno.ENFILE):
        limit = "-f" if error.errno == errno.EFBIG else "-n"
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror}; raise the limit of this shell (ulimit {limit})"
    return ""


@contextlib.contextmanager
def unwritten_once() -> Iterator[list[str]]:
    """Say once that a log cannot be written, and not with a traceback for each of its lines.

    Gives the list of what was said.
    """
    said: list[str] = []
    own = logging.Handler.handleError

    def handle(handler: logging.Handler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            own(handler, record)
        elif not said:
            name = getattr(handler, "baseFilename", "the log")
            said.append(f"kohorte: {name}: cannot be written ({error.strerror})")
            print(said[0], file=sys.stderr, flush=True)

    logging.Handler.handleError = handle  # type: ignore[assignment,method-assign]
    try:
        yield said
    finally:
        logging.Handler.handleError = own  # type: ignore[method-assign]


def _tell(text: str, unwritten: Sequence[str]) -> None:
    if unwritten or not is_shown_from_logs():
        print(f"\nkohorte: {visible(text)}\n", file=sys.stderr, flush=True)
