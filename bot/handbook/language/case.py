"""The case of a reply, 会话场景: who speaks, when in the conversation, about what, with which facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SPEAKERS = ("bot", "staff")
TURNS = ("first", "mid", "close")
CONTEXTS = (
    "fault",
    "outage",
    "billing",
    "complaint",
    "package",
    "account",
    "install",
    "cancel",
    "roaming",
    "fraud",
    "porting",
    "general",
)

_OF_TYPE = {
    "bill_dispute": "complaint",
    "privacy_complaint": "complaint",
    "fraud_report": "fraud",
    "port_out": "porting",
    "roaming": "roaming",
    "new_install": "install",
    "relocate": "install",
    "vas_cancel": "cancel",
    "close_account": "cancel",
    "bill_query": "billing",
    "usage_query": "billing",
    "payment": "billing",
    "invoice": "billing",
    "plan_consult": "package",
    "plan_change": "package",
    "vas_subscribe": "package",
    "contract_query": "package",
    "account_query": "account",
    "password_reset": "account",
    "real_name": "account",
    "transfer_ownership": "account",
    "sim_replace": "account",
    "suspend_resume": "account",
}


def context_of(name: str | None) -> str | None:
    """Take a context, or the request type that stands for one."""
    if not name:
        return None
    if name in CONTEXTS:
        return name
    if name.startswith("fault_"):
        return "fault"
    if name.startswith("complaint_"):
        return "complaint"
    return _OF_TYPE.get(name, "general")


@dataclass(frozen=True)
class Case:
    """What is known around a reply; rules that need what is not known stay silent."""

    speaker: str = "staff"
    turn: str | None = None
    context: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    now: datetime | None = None
