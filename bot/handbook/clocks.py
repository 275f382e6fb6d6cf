"""Chapters 2.4 and 3: clocks (时限计时) as a function of a ticket's log.

`replay(events, calendars, now)` folds the history of one ticket into its clocks: first human
response, resolution, promised call-backs, the answer to a complaint. Nothing else sets a clock;
due times stored elsewhere are an index that can be recomputed from here at any time.

A clock counts the time its calendar is open, from its start, without its pauses. A hold pauses
the resolution for at most the longest duration of its reason, so that the due time of a held
ticket is known at once: it assumes the whole hold, and moves forward when it ends earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from bot.handbook.hours import ALWAYS, Calendar, calendar_of
from bot.handbook.lifecycle import ENDED_STATES

RESPONSE, RESOLUTION, CALLBACK, COMPLAINT = "response", "resolution", "callback", "complaint"
ZERO = timedelta(0)
# Of two clocks that are due at once.
_FIRST = {RESPONSE: 0, RESOLUTION: 1}
PEOPLE = frozenset({"staff", "leader"})
# Only a person's words or call to the customer are a response; no step of the table alone is.
CONTACTS = frozenset({"respond", "contact", "answer"})
# A reply so soon after the promise of a call belongs to the talk in which it was made.
SAME_TALK = timedelta(minutes=30)


class Event(NamedTuple):
    """Hold one line of a ticket's history as far as clocks need it."""

    at: datetime
    seq: int
    step: str
    to_state: str
    who: str
    data: Mapping[str, Any]


def kind_of(clock: str) -> str:
    """Return what a clock counts: a promise and an appeal have a number after it."""
    return clock.split(":", 1)[0]


class ClockState(str, Enum):
    """Say how a clock stands."""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    MET = "met"
    HELD = "held"
    VOID = "void"

    @property
    def label(self) -> str:
        """Return the Chinese name."""
        return {
            "on_track": "时限内", "at_risk": "临近超时", "breached": "已超时", "met": "按时完成",
            "held": "挂起", "void": "不再计时",
        }[self.value]


class Pause(NamedTuple):
    """Hold one stretch in which a clock stands still, and why."""

    start: datetime
    end: datetime
    reason: str


@dataclass
class Clock:
    """Hold one clock of a ticket as its log gives it."""

    id: str
    started: datetime
    allowance: timedelta
    calendar: Calendar = ALWAYS
    pauses: list[Pause] = field(default_factory=list)
    ended: datetime | None = None
    # Why it ended without being done: withdrawn, closed, attached to an incident.
    void: str | None = None
    promised_by: str = ""

    def ran(self, now: datetime) -> timedelta:
        """Return how long the clock has run at `now`; ending stops it."""
        end = self.ended if self.ended is not None and self.ended < now else now
        total = self.calendar.between(self.started, end)
        for pause in self.pauses:
            # A hold inside an incident begins after the clock was laid aside.
            if pause.start < end:
                total -= self.calendar.between(pause.start, min(pause.end, end))
        return total

    def when(self, amount: timedelta) -> datetime:
        """Return the instant at which the clock will have run `amount`."""
        start, left = self.started, amount
        for pause in self.pauses:
            runs = self.calendar.between(start, pause.start)
            if runs >= left:
                break
            left -= runs
            start = pause.end
        return self.calendar.add(start, left)

    @property
    def due(self) -> datetime:
        """Return when the allowance is used up."""
        return self.when(self.allowance)

    def remaining(self, now: datetime) -> timedelta:
        """Return what is left of the allowance at `now`; negative when it is overdrawn."""
        return self.allowance - self.ran(now)

    def held_at(self, now: datetime) -> bool:
        """Tell whether the clock stands still at `now`."""
        return self.ended is None and any(p.start <= now < p.end for p in self.pauses)

    def state(self, now: datetime, *, risk: float = 0.75) -> ClockState:
        """Return how the clock stands at `now`; a clock that was late once stays breached."""
        if (self.ended or now) > self.due:
            return ClockState.BREACHED
        if self.ended is not None:
            return ClockState.VOID if self.void else ClockState.MET
        if self.held_at(now):
            return ClockState.HELD
        return ClockState.AT_RISK if self.ran(now) >= self.allowance * risk else ClockState.ON_TRACK


@dataclass
class Standing:
    """Hold what the log of a ticket says of it at one instant."""

    state: str = ""
    deadline_class: str = ""
    rung: int = 0
    cycle: int = 0
    first_response_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    held_since: datetime | None = None
    held_until: datetime | None = None
    hold_reason: str | None = None
    score: int | None = None
    # What the members of an incident are told: on a member in place of its own due time, on the
    # incident's own ticket what they were told instead of it when it was delayed.
    incident_due: datetime | None = None
    clocks: dict[str, Clock] = field(default_factory=dict)

    def running(self) -> list[Clock]:
        """Return the clocks that have not ended."""
        return [clock for clock in self.clocks.values() if clock.ended is None]

    @property
    def due(self) -> datetime:
        """Return the time that the customer was promised for the solution."""
        clock = self.clocks[RESOLUTION]
        if self.incident_due is not None and clock.void == "incident":
            return self.incident_due
        return clock.due

    @property
    def owed_first(self) -> tuple[str, datetime]:
        """Return what is owed first: a response, the solution, a promised call or an answer."""
        owed = {clock.id: clock.due for clock in self.running()} | {RESOLUTION: self.due}
        due, _, name = min((due, _FIRST.get(name, len(_FIRST)), name) for name, due in owed.items())
        return name, due

    @property
    def members_due(self) -> datetime:
        """Return what the members of the incident are told whose deadline this ticket carries."""
        due = self.clocks[RESOLUTION].due
        return due if self.incident_due is None else max(due, self.incident_due)


def replay(
    events: Iterable[Event], calendars: Mapping[str, Calendar], now: datetime | None = None
) -> Standing:
    """Fold the events up to `now` into the standing of their ticket, in order of time and number."""
    standing = Standing()
    for event in sorted(events, key=_order):
        if now is not None and event.at > now:
            break
        apply(standing, event, calendars)
    return standing


def _order(event: Event) -> tuple[datetime, int]:
    return event[0], event[1]


def apply(standing: Standing, event: Event, calendars: Mapping[str, Calendar]) -> None:
    """Let one event change the standing; events must come in their order."""
    if standing.held_since is not None and event.to_state != "on_hold":
        _end_hold(standing, event.at)
    effect = _EFFECTS.get(event.step)
    if effect is not None:
        effect(standing, event, calendars)
    if event.to_state in ENDED_STATES:
        _finish(standing, event)
    standing.state = event.to_state
    rung = event.data.get("rung")
    if rung is not None:
        standing.rung = rung


def _accepted(standing: Standing, event: Event, calendars: Mapping[str, Calendar]) -> None:
    allowance = event.data.get("allowance")
    if allowance is None:
        return
    started = event.data.get("clock_started")
    start = datetime.fromisoformat(started) if started else event.at
    calendar = calendar_of(calendars, allowance["hours"])
    standing.deadline_class = event.data["deadline_class"]
    for name in (RESPONSE, RESOLUTION, COMPLAINT):
        hours = allowance.get(f"{name}_h")
        if hours is not None:
            standing.clocks[name] = Clock(name, start, timedelta(hours=hours), calendar)


def _reclassified(standing: Standing, event: Event, calendars: Mapping[str, Calendar]) -> None:
    allowance = event.data.get("allowance")
    if allowance is None:
        return
    calendar = calendar_of(calendars, allowance["hours"])
    standing.deadline_class = event.data["deadline_class"]
    for name in (RESPONSE, RESOLUTION, COMPLAINT):
        hours, clock = allowance.get(f"{name}_h"), standing.clocks.get(name)
        if clock is not None and clock.ended is None and hours is not None:
            clock.allowance, clock.calendar = timedelta(hours=hours), calendar
        elif clock is None and hours is not None:
            start = standing.clocks[RESOLUTION].started
            standing.clocks[name] = Clock(name, start, timedelta(hours=hours), calendar)
        elif clock is not None and clock.ended is None:
            clock.ended, clock.void = event.at, "reclassified"


def _held(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    if standing.held_since is not None:
        return
    standing.held_since, standing.hold_reason = event.at, event.data.get("hold_reason")
    longest = timedelta(hours=event.data.get("longest_h", 0))
    standing.held_until = event.at + longest
    clock = standing.clocks.get(RESOLUTION)
    if event.data.get("stops_clock") and clock is not None and (
        # In an incident the clock is laid aside; should the ticket leave, the hold did not run.
        clock.ended is None or clock.void == "incident"
    ):
        clock.pauses.append(Pause(event.at, event.at + longest, standing.hold_reason or ""))


def _end_hold(standing: Standing, at: datetime) -> None:
    clock = standing.clocks.get(RESOLUTION)
    if clock is not None and clock.pauses and clock.pauses[-1].start == standing.held_since:
        last = clock.pauses[-1]
        clock.pauses[-1] = last._replace(end=min(last.end, at))
    standing.held_since = standing.held_until = standing.hold_reason = None


def _resolved(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    standing.resolved_at = event.at
    standing.cycle += 1
    clock = standing.clocks.get(RESOLUTION)
    if clock is not None and clock.ended is None:
        clock.ended = event.at


def _reopened(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    """Let the resolution run on with what was left; the time it lay resolved does not count."""
    for clock in standing.clocks.values():
        if clock.void == "incident":
            stood = standing.resolved_at or event.at
        elif clock.void == "ended" or (clock.id == RESOLUTION and clock.ended is not None):
            stood = clock.ended or event.at
        else:
            continue
        clock.pauses.append(Pause(stood, event.at, "resolved"))
        clock.ended = clock.void = None
    standing.resolved_at = standing.closed_at = standing.incident_due = None


def _contacted(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    if event.who not in PEOPLE:
        return
    if standing.first_response_at is None:
        standing.first_response_at = event.at
    for clock in standing.clocks.values():
        if clock.ended is None and _is_done_by(clock, event):
            clock.ended = event.at


def _is_done_by(clock: Clock, event: Event) -> bool:
    if kind_of(clock.id) == COMPLAINT:
        return event.step == "answer"
    if clock.id.startswith(CALLBACK):
        talking = clock.promised_by in PEOPLE and event.at - clock.started < SAME_TALK
        return event.step != "respond" or not talking
    return clock.id == RESPONSE


def _promised(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    by = datetime.fromisoformat(event.data["by"])
    name = f"{CALLBACK}:{event.seq}"
    standing.clocks[name] = Clock(
        name, event.at, max(by - event.at, ZERO), promised_by=event.who
    )


def _appealed(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    """Start the answer to the regulator (5.5); it is owed whatever becomes of the type."""
    name = f"{COMPLAINT}:{event.seq}"
    allowance = timedelta(hours=event.data["complaint_h"])
    standing.clocks[name] = Clock(name, event.at, allowance)


def _joined(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    for name in (RESPONSE, RESOLUTION):
        clock = standing.clocks.get(name)
        if clock is not None and clock.ended is None:
            clock.ended, clock.void = event.at, "incident"
    due = event.data.get("due")
    standing.incident_due = datetime.fromisoformat(due) if due else None


def _left(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    """Let the clocks run on as if the ticket had never been part of the incident."""
    for name in (RESPONSE, RESOLUTION):
        clock = standing.clocks.get(name)
        if clock is not None and clock.void == "incident":
            clock.ended = clock.void = None
    standing.incident_due = None


def _redated(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    standing.incident_due = datetime.fromisoformat(event.data["due"])


def _rated(standing: Standing, event: Event, _calendars: Mapping[str, Calendar]) -> None:
    standing.score = event.data.get("score", standing.score)


def _finish(standing: Standing, event: Event) -> None:
    standing.closed_at = event.at
    if standing.state in ENDED_STATES:
        # What an appeal began after the end runs on, whatever is noted on the ticket.
        return
    for clock in standing.clocks.values():
        if clock.ended is None:
            clock.ended, clock.void = event.at, "ended"


# By these steps the time moves that the members of an incident are told; so they hear of each.
MEMBERS_HEAR = frozenset(
    {"hold", "resume", "transfer", "reclassify", "redate", "reopen", "send_back", "resolve", "withdraw"}
)
# What a step does to the clocks; the step table states the same, and is refused if it does not.
CLOCK_EFFECTS = {
    "accept": "start", "reclassify": "allow", "hold": "hold", "resume": "run", "transfer": "run",
    "resolve": "stop", "reopen": "reopen", "send_back": "reopen", "respond": "contact",
    "contact": "contact", "answer": "contact", "promise": "promise", "appeal": "appeal",
    "join": "attach", "leave": "detach", "redate": "redate", "close": "end",
    "close_unconfirmed": "end", "withdraw": "end", "reject": "end",
}
_EFFECTS = {
    "accept": _accepted, "reclassify": _reclassified, "hold": _held, "resolve": _resolved,
    "reopen": _reopened, "send_back": _reopened, "respond": _contacted, "contact": _contacted,
    "answer": _contacted, "promise": _promised, "appeal": _appealed, "join": _joined,
    "leave": _left, "redate": _redated, "rate": _rated,
}
