"""Chapters 2.1, 2.2 and 4.3: reception by people (人工接待): offers, presence, skills, words.

Figures: `data/handbook/reception.yml`, `canned.yml`, `complaints.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bot.handbook.errors import Refusal
from bot.handbook.hours import Period


class NotQualified(Refusal):
    """Refuse new work to a person whose certificate is missing or lapsed (2.1)."""

    code = "not_qualified"


class AtCapacity(Refusal):
    """Refuse another conversation to a person who holds as many as agreed."""

    code = "at_capacity"


class NotThere(Refusal):
    """Refuse to pass a conversation to a person who is off duty or whose console is silent."""

    code = "not_there"


class OfferedToOther(Refusal):
    """Say that the conversation is being held out to somebody else for some seconds."""

    code = "offered_to_other"


class ApprovalNeeded(Refusal):
    """Say that a second person must decide, or that this person may not."""

    code = "approval_refused"


@dataclass(frozen=True)
class Desk:
    """Hold how one team takes conversations."""

    team: str
    offers: bool
    accept_for: timedelta
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Presence:
    """Hold one presence a person can set, and the reasons it may have."""

    id: str
    title: str
    takes_work: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CannedReply:
    """Hold one ready reply with its variables."""

    id: str
    title: str
    contexts: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Duty:
    """Hold one part of the complaint procedure."""

    id: str
    title: str
    hint: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Authority:
    """Hold up to how many yuan a staff member decides alone."""

    id: str
    title: str
    limit: float


@dataclass(frozen=True)
class Complaints:
    """Hold the complaint table."""

    procedure: Mapping[str, Duty]
    causes: Mapping[str, str]
    authority: Mapping[str, Authority]
    appeal_words: tuple[str, ...]
    regulator_words: tuple[str, ...]


@dataclass(frozen=True)
class Reception:
    """Hold the tables of the staff desk."""

    desks: Mapping[str, Desk]
    skills: Mapping[str, str]
    presences: Mapping[str, Presence]
    capacity: int
    lost_offer_for: timedelta
    return_after: timedelta
    warn_wait_after: timedelta
    give_up_after: timedelta
    warn_for: timedelta
    measured_over: timedelta
    upload_bytes: int
    words: Mapping[str, str]
    callback_times: tuple[Period, ...]
    canned: tuple[CannedReply, ...]
    complaints: Complaints


def missing_skills(desk: Desk, held: Mapping[str, date], *, today: date) -> list[str]:
    """Return the skills that the desk needs and that are missing or lapsed on `today`."""
    return [skill for skill in desk.needs if held.get(skill, date.min) < today]


def lapsing_skills(held: Mapping[str, date], *, today: date, within: timedelta) -> list[str]:
    """Return the skills that lapse within the time in which the leader is told (2.1)."""
    return [skill for skill, day in held.items() if today <= day <= today + within]


def words_in(text: str, words: Iterable[str]) -> list[str]:
    """Return the words that stand in the text, in table order; a number not inside a longer one."""
    return [word for word in words if _stands_in(text, word)]


def _stands_in(text: str, word: str) -> bool:
    if not word.isdigit():
        return word in text
    return re.search(rf"(?<!\d){word}(?!\d)", text) is not None


def open_duties(complaints: Complaints, done: Mapping[str, object]) -> list[str]:
    """Return the parts of the procedure that are not ticked yet, in order."""
    return [duty for duty in complaints.procedure if duty not in done]
