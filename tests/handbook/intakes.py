"""Builders of the intake tests: readings, and intakes at each of their questions."""

from __future__ import annotations

from typing import Any

from bot.handbook.intake import (
    CONFIRM,
    OFFER,
    SOLVED,
    Intake,
    IntakeTables,
    Reading,
    Turn,
    advance,
    begin,
)
from bot.handbook.tables import load_handbook

HANDBOOK = load_handbook()
TABLES = IntakeTables(HANDBOOK.types, HANDBOOK.facts, HANDBOOK.knowledge)
PHONE, OTHER_PHONE = "138****0099", "139****1234"
PLACE = "城关区幸福小区3号楼"


def read(text: str, type: str = "inform", **more: Any) -> Reading:
    """Return a reading; keyword arguments that are no fields of it are facts."""
    known = {"confidence", "urgency", "signals", "message_id", "ranking", "facts"}
    values = {key: more.pop(key) for key in list(more) if key in known}
    return Reading(text=text, type=type, facts={**values.pop("facts", {}), **more}, **values)


def start(type: str = "fault_broadband", text: str = "家里宽带断了", **more: Any) -> Intake:
    """Begin an intake."""
    intake, _ = begin(read(text, type, **more), TABLES, key="key")
    return intake


def confirming(type: str = "fault_broadband", **facts: Any) -> Intake:
    """Return an intake that has been read back."""
    intake = start(type, facts={"address": PLACE, "phone_number": PHONE, **facts})
    if intake.asking == "detail":
        advance(intake, read("昨天的事，要求道歉"), TABLES)
    assert intake.asking == CONFIRM
    return intake


def offered() -> Intake:
    """Return an intake whose address could not be had, with a person offered."""
    intake = start()
    for _ in range(3):
        advance(intake, read("好的", "greet"), TABLES)
    assert intake.asking == OFFER
    return intake


def answered(text: str = "怎么查我的话费余额") -> Intake:
    """Return an intake of a consultation that was answered from the table."""
    intake = start("bill_query", text)
    assert intake.asking == SOLVED
    return intake


def names(turn: Turn) -> list[str]:
    """Return the names of the texts said."""
    return [say.response.removeprefix("utter_") for say in turn.says]
