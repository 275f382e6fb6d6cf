"""Chapter 1.1 and 3.1: request types (诉求类型), their kinds, and the facts a ticket needs.

Figures: `data/handbook/requests.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class RequestKind(str, Enum):
    """Group request types by what the customer wants."""

    CONSULT = "consult"
    ORDER = "order"
    FAULT = "fault"
    COMPLAINT = "complaint"
    SAFETY = "safety"
    TICKET = "ticket"
    TALK = "talk"

    @property
    def label(self) -> str:
        """Return the Chinese name."""
        return _KIND_LABELS[self]

    @property
    def is_request(self) -> bool:
        """Tell whether a message of this kind can open a ticket and has an urgency."""
        return self not in {RequestKind.TICKET, RequestKind.TALK}


_KIND_LABELS = {
    RequestKind.CONSULT: "咨询",
    RequestKind.ORDER: "办理",
    RequestKind.FAULT: "故障",
    RequestKind.COMPLAINT: "投诉",
    RequestKind.SAFETY: "安全",
    RequestKind.TICKET: "工单",
    RequestKind.TALK: "会话",
}


class Urgency(str, Enum):
    """Say how fast harm grows; decided from circumstances, never from tone."""

    GENERAL = "general"
    MAJOR = "major"
    URGENT = "urgent"

    @property
    def label(self) -> str:
        """Return the Chinese name."""
        return {"general": "一般", "major": "重大", "urgent": "紧急"}[self.value]

    @property
    def rank(self) -> int:
        """Return 0 for general, 1 for major, 2 for urgent."""
        return ("general", "major", "urgent").index(self.value)


@dataclass(frozen=True)
class RequestType:
    """Hold one row of the type table; `needs` lists groups of facts, one of each is enough.

    A retired type is kept for the names of old tickets; `retired` says what took its place.
    `spoken` is the title as customers hear it, `tell` what a description of it should hold.
    """

    id: str
    kind: RequestKind
    title: str
    team: str | None = None
    needs: tuple[tuple[str, ...], ...] = ()
    retired: str = ""
    spoken: str = ""
    tell: str = ""


def missing_facts(request_type: RequestType, facts: Mapping[str, object]) -> list[str]:
    """Return the facts still to be asked, in asking order; the first name of each group."""
    return [
        group[0]
        for group in request_type.needs
        if not any(_is_given(facts.get(name)) for name in group)
    ]


def wanted_facts(request_type: RequestType) -> set[str]:
    """Return every fact name that some need of the type can be met with."""
    return {name for group in request_type.needs for name in group}


def _is_given(value: object) -> bool:
    return value is not None and str(value).strip() != ""
