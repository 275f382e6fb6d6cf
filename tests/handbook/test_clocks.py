"""The clock of 2.4: dated cases, one per sentence of the rules, and properties of the replay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handbook.clocks import ClockState, Event, Standing, replay
from bot.handbook.hours import ALWAYS, Calendar
from tests.moments import at, wall

NOON = ((9 * 60, 12 * 60), (14 * 60, 18 * 60))
OFFICE = Calendar("office", "工作时间", week=dict.fromkeys(range(5), NOON))
CALENDARS = {"always@1": ALWAYS, "office@1": OFFICE}
GENERAL = {"response_h": 24, "resolution_h": 24, "hours": "always@1"}
URGENT = {"response_h": 1, "resolution_h": 24, "hours": "always@1"}
MAJOR = {"response_h": 24, "resolution_h": 48, "hours": "always@1"}
DESK = {"response_h": 4, "resolution_h": 8, "hours": "office@1"}
WHO = {
    "accept": "bot", "reopen": "customer", "withdraw": "customer", "respond": "staff",
    "contact": "staff", "answer": "staff",
}
TARGETS = {
    "accept": "accepted", "claim": "processing", "hold": "on_hold", "resume": "processing",
    "resolve": "resolved", "reopen": "processing", "send_back": "processing", "close": "closed",
    "withdraw": "withdrawn", "transfer": "accepted", "confirm": "confirmed",
}


def log(*lines: str, allowance: dict | None = None) -> list[Event]:
    """Read lines such as `2026-03-02 09:00 hold part 48` as the events of one ticket."""
    events: list[Event] = []
    state = ""
    for seq, line in enumerate(lines, start=1):
        day, hour, step, *rest = line.split()
        who = WHO.get(step, "staff")
        if rest and rest[0] in {"bot", "staff", "system", "customer"}:
            who, rest = rest[0], rest[1:]
        data: dict = {}
        if step == "accept":
            data = {"allowance": allowance or GENERAL, "deadline_class": "general"}
        elif step == "reclassify":
            data = {"allowance": {"major": MAJOR, "urgent": URGENT}[rest[0]], "deadline_class": rest[0]}
        elif step == "hold":
            data = {"hold_reason": rest[0], "longest_h": float(rest[1]), "stops_clock": rest[0] != "busy"}
        elif step == "promise":
            data = {"by": at(f"{rest[0]} {rest[1]}").isoformat()}
        elif step == "appeal":
            data = {"complaint_h": 360}
        state = TARGETS.get(step, state)
        events.append(Event(at(f"{day} {hour}"), seq, step, state, who, data))
    return events


# (what holds, log, clock, moment, state, due)
CASES = [
    ("a general matter is due in 24 hours of clock time", ["2026-03-02 17:50 accept"], "resolution", "2026-03-02 18:00", "on_track", "2026-03-03 17:50"),
    ("nights and weekends count", ["2026-03-06 23:30 accept"], "resolution", "2026-03-07 12:00", "on_track", "2026-03-07 23:30"),
    ("three quarters of the time make it at risk", ["2026-03-02 09:00 accept"], "resolution", "2026-03-03 03:00", "at_risk", "2026-03-03 09:00"),
    ("the due time itself is still in time", ["2026-03-02 09:00 accept"], "resolution", "2026-03-03 09:00", "at_risk", "2026-03-03 09:00"),
    ("a minute later it is late", ["2026-03-02 09:00 accept"], "resolution", "2026-03-03 09:01", "breached", "2026-03-03 09:00"),
    ("resolved at the due time is met", ["2026-03-02 09:00 accept", "2026-03-03 09:00 resolve"], "resolution", "2026-03-05 09:00", "met", "2026-03-03 09:00"),
    ("resolved late stays late", ["2026-03-02 09:00 accept", "2026-03-03 09:30 resolve"], "resolution", "2026-03-05 09:00", "breached", "2026-03-03 09:00"),
    ("a bot's message is no first response", ["2026-03-02 09:00 accept", "2026-03-02 09:01 respond bot"], "response", "2026-03-02 10:00", "on_track", "2026-03-03 09:00"),
    ("taking a ticket is no first response", ["2026-03-02 09:00 accept", "2026-03-02 09:10 claim"], "response", "2026-03-02 10:00", "on_track", "2026-03-03 09:00"),
    ("resolving is no first response", ["2026-03-02 09:00 accept", "2026-03-02 09:10 resolve"], "response", "2026-03-02 10:00", "on_track", "2026-03-03 09:00"),
    ("a person's reply is the first response", ["2026-03-02 09:00 accept", "2026-03-02 10:10 respond"], "response", "2026-03-05 10:00", "met", "2026-03-03 09:00"),
    ("a telephone call is one as well", ["2026-03-02 09:00 accept", "2026-03-02 10:10 contact"], "response", "2026-03-05 10:00", "met", "2026-03-03 09:00"),
    ("a hold stops the resolution", ["2026-03-02 09:00 accept", "2026-03-02 10:00 claim", "2026-03-02 12:00 hold part 48"], "resolution", "2026-03-03 20:00", "held", "2026-03-05 09:00"),
    ("a hold never stops the first response", ["2026-03-02 09:00 accept", "2026-03-02 10:00 claim", "2026-03-02 12:00 hold part 48"], "response", "2026-03-03 09:30", "breached", "2026-03-03 09:00"),
    ("resuming gives back the time that was left", ["2026-03-02 09:00 accept", "2026-03-02 12:00 hold part 48", "2026-03-02 15:00 resume"], "resolution", "2026-03-03 11:00", "at_risk", "2026-03-03 12:00"),
    ("a hold that is forgotten ends with its longest duration", ["2026-03-02 09:00 accept", "2026-03-02 12:00 hold part 48"], "resolution", "2026-03-05 09:01", "breached", "2026-03-05 09:00"),
    ("a resumption after the longest duration gives no more", ["2026-03-02 09:00 accept", "2026-03-02 12:00 hold part 2", "2026-03-03 08:00 resume"], "resolution", "2026-03-03 10:00", "at_risk", "2026-03-03 11:00"),
    ("a reason that stops nothing stops nothing", ["2026-03-02 09:00 accept", "2026-03-02 12:00 hold busy 48"], "resolution", "2026-03-03 08:00", "at_risk", "2026-03-03 09:00"),
    ("a transfer ends a hold", ["2026-03-02 09:00 accept", "2026-03-02 12:00 hold part 48", "2026-03-02 14:00 transfer"], "resolution", "2026-03-02 15:00", "on_track", "2026-03-03 11:00"),
    ("two holds add up", ["2026-03-02 09:00 accept", "2026-03-02 10:00 hold part 9", "2026-03-02 11:00 resume", "2026-03-02 12:00 hold part 9", "2026-03-02 14:00 resume"], "resolution", "2026-03-02 15:00", "on_track", "2026-03-03 12:00"),
    ("a hold over midnight and a weekend is counted to the minute", ["2026-03-06 20:00 accept", "2026-03-06 23:59 hold part 72", "2026-03-09 00:01 resume"], "resolution", "2026-03-09 01:00", "on_track", "2026-03-09 20:02"),
    ("a late ticket that is held is late", ["2026-03-02 09:00 accept", "2026-03-03 10:00 hold part 48"], "resolution", "2026-03-03 11:00", "breached", "2026-03-03 09:00"),
    ("resolved while held counts to the beginning of the hold", ["2026-03-02 09:00 accept", "2026-03-02 12:00 hold part 48", "2026-03-04 11:00 resolve"], "resolution", "2026-03-05 09:00", "met", "2026-03-04 08:00+24"),
    ("reopening gives the remaining time, not a fresh one", ["2026-03-02 09:00 accept", "2026-03-03 05:00 resolve", "2026-03-04 10:00 reopen"], "resolution", "2026-03-04 13:00", "at_risk", "2026-03-04 14:00"),
    ("sending back does the same", ["2026-03-02 09:00 accept", "2026-03-02 10:00 resolve", "2026-03-02 12:00 send_back"], "resolution", "2026-03-02 13:00", "on_track", "2026-03-03 11:00"),
    ("a ticket closed and reopened runs on as well", ["2026-03-02 09:00 accept", "2026-03-02 21:00 resolve", "2026-03-02 22:00 confirm", "2026-03-02 22:00 close", "2026-03-10 09:00 reopen"], "resolution", "2026-03-10 10:00", "on_track", "2026-03-10 21:00"),
    ("a ticket that was late is late when it is reopened", ["2026-03-02 09:00 accept", "2026-03-03 10:00 resolve", "2026-03-04 10:00 reopen"], "resolution", "2026-03-04 10:00", "breached", "2026-03-03 09:00"),
    ("re-classing to urgent keeps the start", ["2026-03-02 09:00 accept", "2026-03-02 09:20 reclassify urgent"], "response", "2026-03-02 09:30", "on_track", "2026-03-02 10:00"),
    ("re-classing to major gives 48 hours from the start", ["2026-03-02 09:00 accept", "2026-03-02 12:00 reclassify major"], "resolution", "2026-03-02 13:00", "on_track", "2026-03-04 09:00"),
    ("a response that was given is not judged again", ["2026-03-02 09:00 accept", "2026-03-02 11:00 respond", "2026-03-02 12:00 reclassify urgent"], "response", "2026-03-02 13:00", "met", "2026-03-03 09:00"),
    ("withdrawn in time is neither met nor late", ["2026-03-02 09:00 accept", "2026-03-02 12:00 withdraw"], "resolution", "2026-03-09 09:00", "void", "2026-03-03 09:00"),
    ("withdrawn too late is late", ["2026-03-02 09:00 accept", "2026-03-03 12:00 withdraw"], "resolution", "2026-03-09 09:00", "breached", "2026-03-03 09:00"),
    ("a promised call has a clock of its own", ["2026-03-02 09:00 accept", "2026-03-02 10:00 promise 2026-03-02 14:00"], "callback:2", "2026-03-02 11:00", "on_track", "2026-03-02 14:00"),
    ("a promised call is kept by calling", ["2026-03-02 09:00 accept", "2026-03-02 10:00 promise 2026-03-02 14:00", "2026-03-02 13:59 contact"], "callback:2", "2026-03-02 18:00", "met", "2026-03-02 14:00"),
    ("a promised call is not kept by the next sentence", ["2026-03-02 09:00 accept", "2026-03-02 10:00 promise 2026-03-02 14:00", "2026-03-02 10:05 respond"], "callback:2", "2026-03-02 14:01", "breached", "2026-03-02 14:00"),
    ("a promised call is kept by writing later", ["2026-03-02 09:00 accept", "2026-03-02 10:00 promise 2026-03-02 14:00", "2026-03-02 13:00 respond"], "callback:2", "2026-03-02 14:01", "met", "2026-03-02 14:00"),
    ("a promised call is not kept by a hold", ["2026-03-02 09:00 accept", "2026-03-02 10:00 promise 2026-03-02 14:00", "2026-03-02 11:00 hold part 48"], "callback:2", "2026-03-02 14:01", "breached", "2026-03-02 14:00"),
    ("a report in an incident has no deadline of its own", ["2026-03-02 09:00 accept", "2026-03-02 09:05 join system"], "resolution", "2026-03-09 09:00", "void", "2026-03-03 09:00"),
    ("a report taken out of an incident has its old deadline", ["2026-03-02 09:00 accept", "2026-03-02 09:05 join system", "2026-03-02 19:00 leave"], "resolution", "2026-03-02 20:00", "on_track", "2026-03-03 09:00"),
    ("a hold inside an incident has not run once the ticket leaves", ["2026-03-02 09:00 accept", "2026-03-02 09:05 join system", "2026-03-02 10:00 hold part 48", "2026-03-02 20:00 resume", "2026-03-02 21:00 leave"], "resolution", "2026-03-02 22:00", "on_track", "2026-03-03 19:00"),
    ("an appeal is to be answered within fifteen days", ["2026-03-02 09:00 accept", "2026-03-03 10:00 appeal"], "complaint:2", "2026-03-03 11:00", "on_track", "2026-03-18 10:00"),
    ("an appeal is answered by the answer only", ["2026-03-02 09:00 accept", "2026-03-03 10:00 appeal", "2026-03-03 11:00 contact", "2026-03-04 11:00 resolve"], "complaint:2", "2026-03-05 11:00", "on_track", "2026-03-18 10:00"),
    ("an answer meets an appeal", ["2026-03-02 09:00 accept", "2026-03-03 10:00 appeal", "2026-03-05 10:00 answer"], "complaint:2", "2026-03-30 11:00", "met", "2026-03-18 10:00"),
    ("an appeal stays whatever the type becomes", ["2026-03-02 09:00 accept", "2026-03-03 10:00 appeal", "2026-03-03 12:00 reclassify major"], "complaint:2", "2026-03-05 11:00", "on_track", "2026-03-18 10:00"),
    ("an appeal after the end is to be answered, whatever is noted then", ["2026-03-02 09:00 accept", "2026-03-02 10:00 resolve", "2026-03-02 11:00 close", "2026-03-03 10:00 appeal", "2026-03-04 10:00 note"], "complaint:4", "2026-03-18 10:01", "breached", "2026-03-18 10:00"),
    ("an appeal ends with its ticket", ["2026-03-02 09:00 accept", "2026-03-02 10:00 appeal", "2026-03-02 11:00 withdraw"], "complaint:2", "2026-03-30 10:00", "void", "2026-03-17 10:00"),
    ("a ticket that leaves an incident while it is held is held", ["2026-03-02 09:00 accept", "2026-03-02 09:05 join system", "2026-03-02 10:00 hold part 48", "2026-03-02 12:00 leave"], "resolution", "2026-03-02 13:00", "held", "2026-03-05 09:00"),
]


@pytest.mark.parametrize(("what", "lines", "clock", "moment", "state", "due"), CASES, ids=[case[0] for case in CASES])
def test_clock_time(what: str, lines: list[str], clock: str, moment: str, state: str, due: str) -> None:
    found = replay(log(*lines), CALENDARS, at(moment)).clocks[clock]

    expected = due.removesuffix("+24")
    moved = timedelta(hours=24) if due.endswith("+24") else timedelta(0)
    assert (found.state(at(moment)), wall(found.due)) == (ClockState(state), wall(at(expected) + moved))


OFFICE_CASES = [
    ("within a day and a lunch break", "2026-03-02 09:00", "2026-03-03 10:00"),
    ("opened before lunch", "2026-03-02 11:00", "2026-03-03 12:00"),
    ("opened in the lunch break", "2026-03-02 12:30", "2026-03-03 15:00"),
    ("opened at night it begins in the morning", "2026-03-02 22:00", "2026-03-04 10:00"),
    ("opened on a Saturday it begins on Monday", "2026-03-07 10:00", "2026-03-10 10:00"),
    ("a Friday afternoon reaches into Monday", "2026-03-06 17:00", "2026-03-09 18:00"),
]


@pytest.mark.parametrize(("what", "opened", "due"), OFFICE_CASES, ids=[case[0] for case in OFFICE_CASES])
def test_office_hours(what: str, opened: str, due: str) -> None:
    clock = replay(log(f"{opened} accept", allowance=DESK), CALENDARS).clocks["resolution"]

    assert wall(clock.due) == due


def test_a_hold_over_a_night_costs_office_hours_only() -> None:
    lines = ["2026-03-02 10:00 accept", "2026-03-02 17:00 hold part 72", "2026-03-03 10:00 resume"]

    clock = replay(log(*lines, allowance=DESK), CALENDARS).clocks["resolution"]

    assert wall(clock.due) == "2026-03-03 15:00"


def test_first_response_and_cycle_come_from_the_log() -> None:
    lines = ["2026-03-02 09:00 accept", "2026-03-02 09:30 respond", "2026-03-02 10:00 respond", "2026-03-02 11:00 resolve", "2026-03-02 12:00 reopen", "2026-03-02 13:00 resolve"]

    standing = replay(log(*lines), CALENDARS)

    assert (wall(standing.first_response_at), standing.cycle, standing.state) == ("2026-03-02 09:30", 2, "resolved")


def test_a_member_is_due_when_its_incident_last_said() -> None:
    events = [*log("2026-03-02 09:00 accept", "2026-03-02 09:05 join system"),
              Event(at("2026-03-03 07:00"), 3, "redate", "accepted", "system", {"due": at("2026-03-03 21:00").isoformat()})]  # fmt: skip

    assert wall(replay(events, CALENDARS).due) == "2026-03-03 21:00"


def test_the_ticket_of_a_delayed_incident_keeps_its_own_deadline() -> None:
    told = Event(at("2026-03-03 07:00"), 2, "redate", "accepted", "system", {"due": at("2026-03-03 21:00").isoformat()})
    standing = replay([*log("2026-03-02 09:00 accept"), told], CALENDARS)

    assert (wall(standing.due), wall(standing.members_due)) == ("2026-03-03 09:00", "2026-03-03 21:00")


# (what holds, log, moment, clock, due)
FIRST = [
    ("of a response and a solution at once the response comes first", ["2026-03-02 09:00 accept"], "response", "2026-03-03 09:00"),
    ("after it the solution", ["2026-03-02 09:00 accept", "2026-03-02 10:00 respond"], "resolution", "2026-03-03 09:00"),
    ("a promised call before both", ["2026-03-02 09:00 accept", "2026-03-02 09:05 promise 2026-03-02 18:00"], "callback:2", "2026-03-02 18:00"),
    ("a call promised for later comes later", ["2026-03-02 09:00 accept", "2026-03-02 09:05 promise 2026-03-04 18:00"], "response", "2026-03-03 09:00"),
    ("a held solution gives way to the answer that is owed", ["2026-03-02 09:00 accept", "2026-03-02 10:00 respond", "2026-03-02 11:00 appeal", "2026-03-02 12:00 hold part 999"], "complaint:3", "2026-03-17 11:00"),
    ("what is resolved keeps the time of its solution", ["2026-03-02 09:00 accept", "2026-03-02 10:00 respond", "2026-03-02 11:00 resolve"], "resolution", "2026-03-03 09:00"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "lines", "clock", "due"), FIRST, ids=[each[0] for each in FIRST])
def test_what_is_owed_first_is_named(what: str, lines: list[str], clock: str, due: str) -> None:
    found, moment = replay(log(*lines), CALENDARS).owed_first

    assert (clock, due) == (found, wall(moment))


def test_a_member_of_an_incident_is_owed_its_solution_first() -> None:
    events = log("2026-03-02 09:00 accept", "2026-03-02 10:00 respond", "2026-03-02 10:05 join system")

    assert "resolution" == replay(events, CALENDARS).owed_first[0]


STEPS = ["claim", "hold", "resume", "respond", "resolve", "reopen", "reclassify", "transfer", "promise", "appeal", "answer", "note", "withdraw"]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Draw a history of any steps in any order at whole minutes, some at the same minute."""
    start = at("2026-03-02 09:00")
    allowance = draw(st.sampled_from([GENERAL, URGENT, DESK]))
    events = [Event(start, 1, "accept", "accepted", "bot", {"allowance": allowance, "deadline_class": "general"})]
    moment, state = start, "accepted"
    for seq in range(2, 2 + draw(st.integers(0, 9))):
        moment += timedelta(minutes=draw(st.integers(0, 900)))
        step = draw(st.sampled_from(STEPS))
        state = TARGETS.get(step, state)
        data: dict = {}
        if step == "hold":
            data = {"hold_reason": "part", "longest_h": draw(st.integers(1, 48)), "stops_clock": draw(st.booleans())}
        elif step == "promise":
            data = {"by": (moment + timedelta(hours=draw(st.integers(0, 30)))).isoformat()}
        elif step == "appeal":
            data = {"complaint_h": 360}
        elif step == "reclassify":
            data = {"allowance": draw(st.sampled_from([MAJOR, URGENT])), "deadline_class": "major"}
        events.append(Event(moment, seq, step, state, draw(st.sampled_from(["staff", "bot", "customer"])), data))
    return events


def shape(standing: Standing) -> tuple:
    """Return all that a standing says, for comparison."""
    clocks = {name: (c.started, c.due, c.ended, c.void, tuple(c.pauses)) for name, c in standing.clocks.items()}
    return standing.state, standing.cycle, standing.first_response_at, standing.resolved_at, clocks


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_arrive_does_not_matter(events: list[Event], random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)

    assert shape(replay(shuffled, CALENDARS)) == shape(replay(events, CALENDARS))


@given(histories(), st.integers(0, 10))
def test_a_prefix_of_the_log_says_what_the_whole_log_says_of_that_time(events: list[Event], count: int) -> None:
    prefix = events[: count + 1]
    moment = prefix[-1].at
    together = [event for event in events if event.at <= moment]

    assert shape(replay(together, CALENDARS, moment)) == shape(replay(events, CALENDARS, moment))


@given(histories(), st.lists(st.integers(0, 6000), min_size=2, max_size=6))
def test_what_has_run_never_grows_less(events: list[Event], minutes: list[int]) -> None:
    clock = replay(events[:1], CALENDARS).clocks["resolution"]
    later = replay(events, CALENDARS).clocks["resolution"]
    moments = [clock.started + timedelta(minutes=minute) for minute in sorted(minutes)]

    ran = [later.ran(moment) for moment in moments]

    assert ran == sorted(ran)


@given(histories(), st.integers(0, 6000), st.integers(1, 2000))
def test_a_pause_never_shortens_what_has_run(events: list[Event], minute: int, length: int) -> None:
    clock = replay(events[:1], CALENDARS).clocks["resolution"]
    start = clock.started + timedelta(minutes=minute)
    before = clock.ran(start)
    held = Event(start, 90, "hold", "on_hold", "staff", {"hold_reason": "part", "longest_h": length / 60, "stops_clock": True})

    paused = replay([events[0], held], CALENDARS).clocks["resolution"]

    assert paused.ran(start) == before
    assert paused.ran(start + timedelta(minutes=length)) == before
    assert paused.due >= clock.due


@given(histories())
def test_the_due_time_is_when_the_allowance_has_run(events: list[Event]) -> None:
    for clock in replay(events, CALENDARS).clocks.values():
        open_clock = replay(list(events), CALENDARS).clocks[clock.id]
        open_clock.ended = None
        assert open_clock.ran(clock.due) == clock.allowance
