"""Trackers in progress: the same states as Rasa's own store gives back, and an end to memory."""

from __future__ import annotations

import asyncio

import pytest
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity

from bot.dialogue.rasa_trackers import TrackersInProgress
from bot.settings import ROOT

START: list[Event] = [ActionExecuted("action_session_start"), SessionStarted(), ActionExecuted("action_listen")]
ASKED: list[Event] = [
    UserUttered("宽带断了", intent={"name": "fault_broadband", "confidence": 0.9}),
    ActionExecuted("intake_form"), ActiveLoop("intake_form"), SlotSet("requested_slot", "address"),
    BotUttered("请问在哪个地址？"), ActionExecuted("action_listen"),
]
ANSWERED: list[Event] = [
    UserUttered("幸福小区3号楼"), SlotSet("address", "幸福小区3号楼"), ActiveLoop(None),
    SlotSet("requested_slot", None), ActionExecuted("action_listen"),
]


@pytest.fixture(scope="module")
def domain() -> Domain:
    return Domain.load(str(ROOT / "domain.yml"))


def talk(store: TrackersInProgress | InMemoryTrackerStore, *turns: list[Event]) -> DialogueStateTracker:
    """Let each turn retrieve, change and save the tracker; return what the next would get."""

    async def all_turns() -> DialogueStateTracker:
        for events in turns:
            tracker = await store.get_or_create_tracker("c", append_action_listen=False)
            tracker.update_with_events(events, store.domain, override_timestamp=False)
            await store.save(tracker)
        return await store.retrieve("c")

    return asyncio.run(all_turns())


@pytest.mark.parametrize(
    "turns",
    [
        (START,), (START, ASKED), (START, ASKED, ANSWERED), (START, ASKED, START),
        (START, ASKED, START, ASKED, ANSWERED), (ASKED,), ([SlotSet("address", "城关区")], START, ASKED),
    ],
)
def test_the_next_turn_finds_what_rasas_own_store_would_give(
    domain: Domain, turns: tuple[list[Event], ...]
) -> None:
    theirs, ours = talk(InMemoryTrackerStore(domain), *turns), talk(TrackersInProgress(domain), *turns)

    assert ours.current_state(EventVerbosity.ALL) == theirs.current_state(EventVerbosity.ALL)
    assert ours.current_slot_values() == theirs.current_slot_values()
    assert list(ours.events) == list(theirs.events)
    assert ours.active_loop_name == theirs.active_loop_name


def test_a_turn_that_fails_leaves_no_trace(domain: Domain) -> None:
    store = TrackersInProgress(domain)
    before = talk(store, START, ASKED).current_state(EventVerbosity.ALL)

    async def fail() -> DialogueStateTracker:
        tracker = await store.retrieve("c")
        tracker.update_with_events(ANSWERED, domain)
        tracker.active_loop = None
        return await store.retrieve("c")

    assert asyncio.run(fail()).current_state(EventVerbosity.ALL) == before


def test_who_spoke_longest_ago_is_forgotten_first(domain: Domain) -> None:
    store = TrackersInProgress(domain, most=2)

    async def speak() -> list[str]:
        for name in ("first", "second", "first", "third"):
            tracker = await store.get_or_create_tracker(name)
            await store.save(tracker)
        return list(await store.keys())

    assert asyncio.run(speak()) == ["first", "third"]
    assert asyncio.run(store.retrieve("second")) is None
