"""Logging of a job to its file, with errors that are meant for a person kept free of traces."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from kohorte._text import VisibleFormatter, visible
from kohorte.errors import KohorteError
from kohorte.study.terminal import is_shown_from_logs


@contextlib.contextmanager
def job_log(path: str) -> Iterator[logging.Logger]:
    """Send log messages and warnings of a block to a file; yields the logger.

    What kohorte warns of goes to standard error as well, where it is seen.
    A `KohorteError`, an interrupt and a lack of memory are written to the file and, without a
    traceback, to standard error, and end the process with status 1 (130 for an interrupt). Any
    other error is written with its traceback and raised again.
    """
    logging.basicConfig(filename=path, filemode="w", level=logging.INFO, force=True)
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
    try:
        yield logger
    except KohorteError as error:
        logger.error("%s", error)
        _tell(str(error))
        raise SystemExit(1) from None
    except MemoryError as error:
        text = f"out of memory ({error}); give the job more, or make it smaller"
        logger.exception("%s", text)
        _tell(text)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        text = "interrupted; what is finished is kept, run again to go on"
        logger.error("%s", text)
        _tell(text)
        raise SystemExit(130) from None
    except Exception:
        logger.exception("this is a fault of kohorte or of its environment")
        if is_shown_from_logs():
            raise SystemExit(1) from None
        raise


def _tell(text: str) -> None:
    if not is_shown_from_logs():
        print(f"\nkohorte: {visible(text)}\n", file=sys.stderr, flush=True)
