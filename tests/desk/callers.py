"""The person behind an account, as the desk is asked."""

from __future__ import annotations

from bot.desk import staff
from bot.desk.staff import Caller
from bot.handbook.reception_tables import load_access
from bot.storage.staff import Staff


def caller(row: Staff) -> Caller:
    """Return the account as somebody who asks."""
    return staff.caller_of(row, load_access())
