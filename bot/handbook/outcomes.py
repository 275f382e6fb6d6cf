"""Chapters 5.1 and 6: what a ticket's log adds to the figures (指标事实), each fact once.

A deadline is decided when it is met or when it passes; what is decided is never taken back. A
resolution alone learns later that it did not last: the reopening is noted with it, so that it
counts among the resolutions of its day. Class, team, person and type are those of the moment of
the fact; a response, a kept promise and an answer belong to the person who gave it, whoever holds
the ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.handbook.clocks import (
    CALLBACK,
    CLOCK_EFFECTS,
    COMPLAINT,
    RESOLUTION,
    RESPONSE,
    Clock,
    Event,
    Standing,
    apply,
    kind_of,
)
from bot.handbook.hours import Calendar

CAUSES = {
    "dispatch": "接单过慢", "transfers": "多次转派", "waiting": "挂起后未及时恢复",
    "work": "处理时间过长", "callback": "未按承诺联系",
}
STAFFLESS = frozenset({"accepted", "submitted"})
FIRST_RESPONSE = "first_response"
GIVEN = frozenset({RESPONSE, CALLBACK, COMPLAINT})


class Outcome(NamedTuple):
    """Hold one fact: what was decided when, and how."""

    name: str
    at: datetime
    ok: bool | None
    value: float | None
    cause: str | None
    deadline_class: str
    team: str
    holder_id: int | None
    type: str
    # Of a resolution: after how many days the ticket was reopened.
    reopened_after: float | None = None


@dataclass
class _Fold:
    standing: Standing = field(default_factory=Standing)
    found: list[Outcome] = field(default_factory=list)
    late: set[str] = field(default_factory=set)
    changed: dict[str, datetime] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    last: datetime | None = None
    transfers: int = 0
    team: str = ""
    holder: int | None = None
    type: str = ""
    actor: int | None = None
    # Where in `found` the resolution stands that a reopening would take back.
    resolution: int | None = None

    def add(
        self, name: str, at: datetime, ok: bool | None, value: float | None = None,
        cause: str | None = None,
    ) -> None:
        given = name == FIRST_RESPONSE or (name in GIVEN and ok)
        person = self.actor if given else self.holder
        self.found.append(
            Outcome(
                name, at, ok, value, cause, self.standing.deadline_class, self.team, person, self.type
            )
        )


def replay_outcomes(
    events: Iterable[Event], calendars: Mapping[str, Calendar], now: datetime
) -> tuple[Standing, list[Outcome]]:
    """Fold the log into the standing of the ticket and the facts decided before `now`.

    The person who took a step is `actor` in the data of its event.
    """
    fold = _Fold()
    for event in sorted(events, key=lambda each: (each.at, each.seq)):
        if event.at > now:
            break
        _decide_late(fold, event.at)
        _apply(fold, event, calendars)
    _decide_late(fold, now)
    return fold.standing, fold.found


def _decide_late(fold: _Fold, moment: datetime) -> None:
    for name, clock in fold.standing.clocks.items():
        if clock.ended is not None or name in fold.late:
            continue
        due = clock.due
        if due < moment:
            fold.late.add(name)
            at = max(due, fold.changed.get(name, due))
            fold.add(kind_of(name), at, False, cause=_cause(fold, clock, at))


def _cause(fold: _Fold, clock: Clock, at: datetime) -> str:
    """Say where most of the time went until the deadline passed."""
    if clock.id.startswith(CALLBACK):
        return "callback"
    spent = dict(fold.spent)
    if fold.last is not None:
        state = fold.standing.state
        spent[state] = spent.get(state, 0.0) + (at - fold.last).total_seconds()
    idle = sum(spent.get(state, 0.0) for state in STAFFLESS)
    work, held = spent.get("processing", 0.0), spent.get("on_hold", 0.0)
    if fold.transfers >= 2:
        return "transfers"
    if idle >= max(work, held):
        return "dispatch"
    return "waiting" if held > work else "work"


def _apply(fold: _Fold, event: Event, calendars: Mapping[str, Calendar]) -> None:
    standing, data = fold.standing, event.data
    fold.actor = data.get("actor")
    if fold.last is not None:
        spent = (event.at - fold.last).total_seconds()
        fold.spent[standing.state] = fold.spent.get(standing.state, 0.0) + spent
    fold.last = event.at
    fold.team = data.get("team") or fold.team
    fold.type = data.get("type") or fold.type
    if event.step in CLOCK_EFFECTS:
        _move_clocks(fold, event, calendars)
    else:
        apply(standing, event, calendars)
        if event.step == "rate" and data.get("score") is not None:
            fold.add("rated", event.at, None, float(data["score"]))
    if "person" in data:
        fold.holder = data["person"]
    elif "was_holder" in data or event.step == "transfer":
        fold.holder = None


def _move_clocks(fold: _Fold, event: Event, calendars: Mapping[str, Calendar]) -> None:
    """Apply a step that touches clocks, and note which it ended, moved or let run again."""
    standing = fold.standing
    fold.transfers += event.step == "transfer"
    running = [clock for clock in standing.clocks.values() if clock.ended is None]
    stopped = [clock for clock in standing.clocks.values() if clock.ended is not None]
    responded, resolved = standing.first_response_at, standing.resolved_at
    apply(standing, event, calendars)
    fold.changed.update((clock.id, event.at) for clock in stopped if clock.ended is None)
    if event.step == "reclassify":
        fold.changed.update((clock.id, event.at) for clock in running)
    for clock in running:
        if clock.ended is not None and clock.void is None and clock.id not in fold.late:
            fold.add(kind_of(clock.id), event.at, True)
    _note_step(fold, event, responded, resolved)


def _note_step(
    fold: _Fold, event: Event, responded: datetime | None, resolved: datetime | None
) -> None:
    standing, at = fold.standing, event.at
    if responded is None and standing.first_response_at is not None and RESPONSE in standing.clocks:
        clock = standing.clocks[RESPONSE]
        fold.add(FIRST_RESPONSE, at, None, (at - clock.started) / timedelta(minutes=1))
    if event.step == "resolve" and RESOLUTION in standing.clocks:
        clock = standing.clocks[RESOLUTION]
        if clock.void is None:
            fold.resolution = len(fold.found)
            fold.add("resolved", at, None, clock.ran(at) / timedelta(minutes=1))
    elif event.step in {"reopen", "send_back"}:
        if event.step == "reopen" and resolved is not None and fold.resolution is not None:
            fact = fold.found[fold.resolution]
            days = (at - resolved) / timedelta(days=1)
            fold.found[fold.resolution] = fact._replace(reopened_after=days)
        fold.resolution = None
    elif event.step in {"close", "close_unconfirmed"}:
        fold.add("closed", at, event.step == "close")
