"""Chapter 4.5: work done apart (各自处理): what fails of a sweep is told by name and holds up nothing else.

A part of a sweep has a transaction of its own, a row of it a savepoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy.orm import Session

log = structlog.get_logger()
FAILED = Counter(
    "intake_sweep_failed", "Parts and rows of the periodic sweeps that failed", ["part"]
)


@contextmanager
def told(part: str, **row: Any) -> Iterator[None]:
    """Log whatever fails inside under the name of its part, count it, and go on behind."""
    try:
        yield
    except Exception:
        # One thing that nobody foresaw must not keep a sweep from all the others.
        log.exception("sweep.failed", part=part, **row)
        FAILED.labels(part).inc()


@contextmanager
def apart(session: Session, part: str, **row: Any) -> Iterator[None]:
    """Do the work on one row in a savepoint; a failure takes back this row alone."""
    with told(part, **row):
        try:
            with session.begin_nested():
                yield
        except Exception:
            # The rows went back with the savepoint; objects that a bulk update changed did not.
            session.expire_all()
            raise
