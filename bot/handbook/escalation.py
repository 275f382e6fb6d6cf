"""Chapters 2.4 and 5.3: the warning ladder (预警与升级): who is told when, each step once.

A step of the ladder is a share of a clock's allowance; overdue steps repeat after it. Points
are amounts of running time, so pauses and calendars move them exactly as they move the due time.
Figures: `data/handbook/escalation.yml`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.handbook.clocks import CALLBACK, COMPLAINT, RESPONSE, Clock, kind_of
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.hours import Period, end_of, is_within

ROLES = ("holder", "team", "leader", "duty_manager")
SENDERS = ("console", "webhook", "mail")
BREACH = "100"
CLOCK_TITLES = {
    "response": "首次响应", "resolution": "处理", "callback": "回电", "complaint": "投诉答复",
}
APPEAL_TITLE = "申诉答复"


@dataclass(frozen=True)
class LadderStep:
    """Hold one step: the share in percent, who is told and how."""

    at: int
    tell: tuple[str, ...]
    by: tuple[str, ...]


@dataclass(frozen=True)
class Ladder:
    """Hold the steps of one class (and clock), and what happens at and after the due time."""

    deadline_class: str
    clock: str | None
    steps: tuple[LadderStep, ...]
    overdue_every: timedelta
    overdue: LadderStep
    climb: bool
    release_holder: bool
    quiet: bool
    digest: bool
    delay_at: int | None = None
    delay: timedelta = timedelta(0)
    # Of the first response, where it is due long before the solution.
    response_delay: timedelta | None = None

    def new_time(self, clock: Clock, now: datetime) -> datetime:
        """Return the time that a customer is told instead of the due time of a clock."""
        own = self.response_delay if clock.id == RESPONSE else None
        return max(clock.due, now) + (own or self.delay)


@dataclass(frozen=True)
class Retry:
    """Hold how a failed delivery is tried again."""

    first: timedelta
    factor: float
    ceiling: timedelta
    most: int
    lease: timedelta

    def wait_after(self, attempts: int) -> timedelta | None:
        """Return the wait after so many failed attempts; None when it is given up."""
        if attempts >= self.most:
            return None
        return min(self.first * self.factor ** max(attempts - 1, 0), self.ceiling)


@dataclass(frozen=True)
class DeadLetters:
    """Hold who is told at the console of deliveries that were given up, and how often at most."""

    tell: str
    every: timedelta


@dataclass(frozen=True)
class Escalation:
    """Hold the whole table."""

    at_risk: float
    rungs: tuple[str, ...]
    quiet: Period
    digest: timedelta
    retry: Retry
    dead_letters: DeadLetters
    ladders: tuple[Ladder, ...]

    def ladder_of(self, *, deadline_class: str, clock: str) -> Ladder | None:
        """Return the ladder of a clock: one made for it first, then that of its class."""
        kind = kind_of(clock)
        special = kind in {CALLBACK, COMPLAINT}
        for ladder in self.ladders:
            if ladder.clock == kind and ladder.deadline_class in {deadline_class, "any"}:
                return ladder
        for ladder in self.ladders:
            if ladder.clock is None and ladder.deadline_class == deadline_class and not special:
                return ladder
        return None

    def rung_title(self, rung: int) -> str:
        """Return the name of a rung; the last one is never left."""
        return self.rungs[min(rung, len(self.rungs) - 1)]

    def send_at(self, ladder: Ladder, now: datetime) -> datetime:
        """Return when a notice of the ladder may leave the console: digests and quiet hours."""
        moment = now
        if ladder.digest:
            day = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
            passed = (now - day) // self.digest
            moment = day + (passed + 1) * self.digest
        if ladder.quiet and is_within(self.quiet, moment):
            moment = end_of(self.quiet, moment)
        return moment


@dataclass(frozen=True)
class Point:
    """Hold one step of a ladder as an amount of running time of one clock."""

    id: str
    amount: timedelta
    step: LadderStep


def points(clock: Clock, ladder: Ladder, fired: Collection[str]) -> Iterator[Point]:
    """Yield the points that have not fired, in order; overdue ones go on without end."""
    for step in ladder.steps:
        if str(step.at) not in fired:
            yield Point(str(step.at), clock.allowance * step.at / 100, step)
    done = max((int(each.split(":")[1]) for each in fired if each.startswith("overdue:")), default=0)
    while True:
        done += 1
        amount = clock.allowance + done * ladder.overdue_every
        yield Point(f"overdue:{done}", amount, ladder.overdue)


def next_fire(clock: Clock, ladder: Ladder | None, fired: Collection[str]) -> datetime | None:
    """Return when the ladder has something to do next; None when the clock has ended."""
    if ladder is None or clock.ended is not None:
        return None
    moment = clock.when(next(points(clock, ladder, fired)).amount)
    delay = tell_delay_at(clock, ladder, fired)
    return moment if delay is None else min(moment, delay)


def passed(clock: Clock, ladder: Ladder, fired: Collection[str], now: datetime) -> list[Point]:
    """Return the points that fall due up to `now`; of missed overdue ones only the last."""
    if clock.ended is not None:
        return []
    due: list[Point] = []
    ran = clock.ran(now)
    for point in points(clock, ladder, fired):
        # The clock may stand exactly on a point through a pause; `when` decides as the index does.
        if point.amount > ran or clock.when(point.amount) > now:
            break
        if point.id.startswith("overdue:"):
            missed = int((ran - point.amount) / ladder.overdue_every)
            number = int(point.id.split(":")[1]) + missed
            due.append(Point(f"overdue:{number}", point.amount + missed * ladder.overdue_every, point.step))
            break
        due.append(point)
    return due


def delay_id(due: datetime) -> str:
    """Return what the delay of one promised time is recorded as; another time is told again."""
    return f"delay:{due.astimezone(SHANGHAI):%Y%m%d%H%M}"


def tell_delay_at(clock: Clock, ladder: Ladder, fired: Collection[str]) -> datetime | None:
    """Return when the customer is told that the due time is in danger; None once they were.

    A due time that was moved by a hold or by reopening is a new promise: not before it is made.
    """
    if ladder.delay_at is None or clock.ended is not None:
        return None
    if clock.id == RESPONSE and ladder.response_delay is None:
        return None
    if delay_id(clock.due) in fired:
        return None
    moment = clock.when(clock.allowance * ladder.delay_at / 100)
    return max([moment, *(pause.end for pause in clock.pauses[-1:] if pause.start >= moment)])


def clock_title(clock: str) -> str:
    """Return what a clock is called; the answer to a complaint and to an appeal are two things."""
    if clock.startswith(f"{COMPLAINT}:"):
        return APPEAL_TITLE
    return CLOCK_TITLES.get(kind_of(clock), clock)


def warning_words(
    *, number: str, title: str, class_title: str, clock: str, point: str, due: datetime, rung: str
) -> str:
    """Write what staff read of one step of the ladder."""
    name = clock_title(clock)
    until = due.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
    head = f"工单{number}（{title}，{class_title}）"
    if point == BREACH:
        return f"{head}{name}时限已到（{until}），升级至{rung}督办。"
    if point.startswith("overdue:"):
        return f"{head}{name}已超时（应在{until}前），第{point.split(':')[1]}次督办，由{rung}跟进。"
    return f"{head}{name}时限已用{point}%，应在{until}前完成。"
