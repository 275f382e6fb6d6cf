"""Locks by name (命名锁), held until the end of the transaction."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.orm import Session


def lock_name(session: Session, name: str) -> None:
    """Let only one transaction at a time pass with this name.

    SQLite needs nothing: its writers are one after the other anyway (`BEGIN IMMEDIATE`).
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
