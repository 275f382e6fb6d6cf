"""Chapters 1.5 and 3: the step table moves tickets as the handbook draws it, and no other way."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from bot.handbook.lifecycle import (
    ENDED_STATES,
    NEED_TITLES,
    OPEN_STATES,
    OWED_BY,
    SAME,
    IllegalStep,
    MissingReason,
)
from bot.handbook.tables import load_handbook
from tests.moments import at

LIFECYCLE = load_handbook().lifecycle
STATES = list(LIFECYCLE.states)
TAKEN = [step for step in LIFECYCLE.steps.values() if not step.recorded]
NOW = at("2026-03-31 12:00")
GIVEN: dict[str, Any] = dict.fromkeys(NEED_TITLES, "有") | {"hold_reason": "part"}
# The drawing of the handbook: the way forward, its side exits and its back edges.
DRAWN = {
    "submitted": {"accepted", "rejected", "withdrawn"},
    "accepted": {"accepted", "processing", "resolved", "withdrawn"},
    "processing": {"processing", "accepted", "on_hold", "resolved", "withdrawn"},
    "on_hold": {"processing", "accepted", "withdrawn"},
    "resolved": {"confirmed", "closed_unconfirmed", "processing"},
    "confirmed": {"closed", "processing"},
    "closed": {"processing"},
    "closed_unconfirmed": {"processing"},
    "rejected": set(),
    "withdrawn": set(),
}


def take(step: str, state: str, who: str = "leader", **changes: Any) -> str:
    given = {name: value for name, value in (GIVEN | changes).items() if value is not None}
    return LIFECYCLE.next_state(step, state=state, who=who, given=given)


def test_the_states_are_those_of_the_handbook() -> None:
    assert set(STATES) == set(DRAWN)
    assert set(STATES) > (OPEN_STATES | ENDED_STATES)
    assert not OPEN_STATES & ENDED_STATES


@pytest.mark.parametrize("state", STATES)
def test_steps_lead_exactly_where_the_handbook_draws(state: str) -> None:
    reached = {
        step.target
        for step in TAKEN
        if step.target != SAME and (step.sources is None or state in step.sources)
    }
    assert reached == DRAWN[state]


@pytest.mark.parametrize(
    ("step_id", "state", "who"),
    itertools.product(
        [step.id for step in TAKEN], STATES, ["customer", "bot", "staff", "leader", "system"]
    ),
)
def test_a_step_is_taken_only_from_its_states_and_by_its_people(
    step_id: str, state: str, who: str
) -> None:
    step = LIFECYCLE.steps[step_id]
    allowed = (step.sources is None or state in step.sources) and who in step.who
    assert (step_id in LIFECYCLE.legal_steps(state, who=who)) is allowed
    if allowed:
        assert take(step_id, state, who) == (state if step.target == SAME else step.target)
        return
    with pytest.raises(IllegalStep) as caught:
        take(step_id, state, who)
    assert caught.value.data["legal"] == LIFECYCLE.legal_steps(state, who=who)


def test_a_ticket_goes_the_whole_way_from_application_to_the_closed_loop() -> None:
    state = "submitted"
    for step in ("accept", "claim", "hold", "resume", "resolve", "confirm", "close"):
        state = take(step, state, "staff")
    assert state == "closed"


@pytest.mark.parametrize(
    ("step", "state", "need"),
    [(step.id, STATES[0], need) for step in TAKEN for need in step.needs],
)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_a_step_needs_must_be_given(
    step: str, state: str, need: str, value: str | None
) -> None:
    rule = LIFECYCLE.steps[step]
    start = state if rule.sources is None else sorted(rule.sources)[0]
    with pytest.raises(MissingReason) as caught:
        take(step, start, sorted(rule.who & set(OWED_BY.get(need, rule.who)))[0], **{need: value})
    assert caught.value.data["needs"] == need
    assert NEED_TITLES[need] in str(caught.value)


@pytest.mark.parametrize(
    ("who", "kind", "owes"),
    [
        ("staff", "complaint", True),
        ("leader", "complaint", True),
        ("system", "complaint", False),
        ("staff", "fault", False),
        ("leader", "consult", False),
    ],
)
def test_people_owe_the_cause_of_a_complaint_and_of_nothing_else(
    who: str, kind: str, owes: bool
) -> None:
    assert ("cause" in LIFECYCLE.steps["resolve"].owed(who, kind=kind)) is owes


def test_a_hold_reason_must_stand_in_the_table() -> None:
    with pytest.raises(MissingReason) as caught:
        take("hold", "processing", hold_reason="心情不好")
    assert caught.value.data["known"] == list(LIFECYCLE.hold_reasons)


@pytest.mark.parametrize("state", ["resolved", "confirmed", "closed", "closed_unconfirmed"])
@pytest.mark.parametrize(
    ("age", "allowed"),
    [
        (timedelta(0), True),
        (timedelta(days=30), True),
        (timedelta(days=30, seconds=1), False),
        (timedelta(days=400), False),
    ],
)
def test_a_ticket_is_reopened_within_thirty_days(state: str, age: timedelta, allowed: bool) -> None:
    values = {"given": GIVEN, "resolved_at": NOW - age, "now": NOW}
    if allowed:
        assert LIFECYCLE.next_state("reopen", state=state, who="customer", **values) == "processing"
        return
    with pytest.raises(IllegalStep, match="30天") as caught:
        LIFECYCLE.next_state("reopen", state=state, who="customer", **values)
    assert "reopen" not in caught.value.data["legal"]


def test_an_unknown_step_is_refused_with_the_legal_ones() -> None:
    with pytest.raises(IllegalStep, match="处理中状态下不能执行“fly”") as caught:
        take("fly", "processing")
    assert caught.value.code == "illegal_step"
    assert "resolve" in caught.value.data["legal"]


def test_every_state_can_be_reached_and_no_open_one_is_a_dead_end() -> None:
    reached, edge = set(), {"submitted"}
    while edge:
        reached |= edge
        edge = set().union(*(DRAWN[state] for state in edge)) - reached
    assert reached == set(STATES)
    assert all(DRAWN[state] - {state} for state in OPEN_STATES)


def test_every_step_names_its_basis() -> None:
    assert all(step.basis[0] in "12345" for step in LIFECYCLE.steps.values())


@pytest.mark.parametrize("state", STATES)
def test_a_note_can_be_written_in_every_state(state: str) -> None:
    assert take("note", state, "staff") == state


def test_holds_have_a_longest_duration() -> None:
    assert all(0 < each.longest_h < 24 * 31 for each in LIFECYCLE.hold_reasons.values())
