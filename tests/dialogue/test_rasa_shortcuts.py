"""Rasa's detours: what replaces them answers as they do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
from rasa.core.actions.action import RemoteAction
from rasa.core.actions.forms import FormAction
from rasa.engine.exceptions import GraphComponentException
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema, SchemaNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.dialogue import rasa_shortcuts
from bot.dialogue.rasa_trackers import snapshot
from bot.settings import ROOT

GOOD: list[dict[str, Any]] = [
    {"events": [], "responses": []},
    {},
    {"responses": [{"custom": {"ticket": {}}}]},
    {"events": [{"event": "active_loop", "name": None}, {"event": "slot", "name": "a", "value": None}]},
    {"events": [{"event": "slot", "name": "urgency", "value": "major"}], "responses": [{"text": "您好"}]},
]
BAD: list[Any] = [
    {"events": {}, "responses": []},
    {"events": [{"name": "no event"}], "responses": []},
    {"events": [{"event": "no such event"}], "responses": []},
    {"events": [{"event": "slot", "value": 1}], "responses": []},
    {"events": [{"event": ["slot"]}], "responses": []},
    {"events": ["slot"], "responses": []},
    {"events": [], "responses": ["您好"]},
    {"events": [], "responses": "您好"},
    [],
]


@pytest.mark.parametrize("answer", [*GOOD, *BAD])
def test_what_rasa_refuses_is_refused_and_nothing_else(answer: Any) -> None:
    schema = RemoteAction.action_response_format_spec()
    try:
        jsonschema.validate(answer, schema)
    except jsonschema.ValidationError:
        with pytest.raises(jsonschema.ValidationError, match="another form"):
            rasa_shortcuts.check_answer(None, answer)  # type: ignore[arg-type]
    else:
        assert rasa_shortcuts.check_answer(None, answer)  # type: ignore[arg-type]


def test_the_schema_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    spec = RemoteAction.action_response_format_spec()
    monkeypatch.setattr(
        RemoteAction, "action_response_format_spec", staticmethod(lambda: asked.append(1) or spec)
    )
    rasa_shortcuts._compiled.cache_clear()
    for answer in GOOD * 3:
        rasa_shortcuts.check_answer(None, answer)  # type: ignore[arg-type]

    assert len(asked) == 1


@pytest.mark.parametrize("name", ["slot", "user", "action", "active_loop", "session_started", "topic"])
def test_the_class_of_an_event_is_the_one_that_rasa_finds(name: str) -> None:
    assert rasa_shortcuts.class_of_event(name) is rasa_shortcuts._search(name)


def test_an_unknown_event_is_refused_as_before() -> None:
    with pytest.raises(ValueError, match="Unknown event name"):
        rasa_shortcuts.class_of_event("no_such_event")


class Adds(GraphComponent):
    """Add up what it needs and one."""

    @classmethod
    def create(cls, *_given: Any, **_named: Any) -> Adds:
        return cls()

    def add(self, one: int, other: int = 0) -> int:
        if one < 0:
            raise RuntimeError("below zero")
        return one + other + 1


def node(**needs: str) -> SchemaNode:
    return SchemaNode(needs=needs, uses=Adds, constructor_name="create", fn="add", config={}, eager=True)


def test_a_graph_gives_the_same_in_its_order(tmp_path: Path) -> None:
    schema = GraphSchema(
        {
            "last": node(one="left", other="right"), "unasked": node(one="last"),
            "right": node(one="left", other="__given__"), "left": node(one="__given__"),
        }
    )
    storage = LocalModelStorage.create(tmp_path)
    ours = rasa_shortcuts.OrderedGraphRunner.create(schema, storage, ExecutionContext(schema))
    theirs = DaskGraphRunner.create(schema, storage, ExecutionContext(schema))
    for given in (0, 5, 7):
        for targets in (["last"], ["right", "left"], ["unasked"]):
            asked: dict[str, Any] = {"inputs": {"__given__": given}, "targets": targets}
            assert ours.run(**asked) == theirs.run(**asked)
    for runner in (ours, theirs):
        with pytest.raises(GraphComponentException):
            runner.run(inputs={"__given__": -1}, targets=["last"])


def test_calls_of_an_endpoint_share_their_connections() -> None:
    endpoint = EndpointConfig("http://127.0.0.1:1/webhook")

    async def sessions() -> list[aiohttp.ClientSession]:
        found = []
        for _ in range(2):
            async with rasa_shortcuts.kept_session(endpoint) as session:
                found.append(session)
        assert not found[0].closed
        await found[0].close()
        async with rasa_shortcuts.kept_session(endpoint) as session:
            found.append(session)
        await session.close()
        return found

    first, second, third = asyncio.run(sessions())
    assert first is second
    assert third is not first


def test_the_action_server_is_sent_the_state_and_not_the_past() -> None:
    domain = Domain.load(str(ROOT / "domain.yml"))
    tracker = DialogueStateTracker("c", domain.slots)
    tracker.update(UserUttered("宽带断了", intent={"name": "fault_broadband", "confidence": 0.9}))
    call = rasa_shortcuts.call_of(RemoteAction("validate_intake_form", None), tracker, domain)

    assert call["next_action"] == "validate_intake_form"
    assert call["tracker"]["latest_message"]["text"] == "宽带断了"
    assert call["tracker"]["slots"].keys() == tracker.current_slot_values().keys()
    assert (call["tracker"]["events"], call["domain"]) == ([], {})


@pytest.fixture(scope="module")
def domain() -> Domain:
    """Return the project's domain."""
    return Domain.load(str(ROOT / "domain.yml"))


@pytest.fixture
def asking(domain: Domain) -> DialogueStateTracker:
    """Return the state of a conversation whose form asks for the address."""
    tracker = DialogueStateTracker("c", domain.slots)
    for event in (
        UserUttered("宽带断了", intent={"name": "fault_broadband", "confidence": 0.9}),
        ActionExecuted("intake_form"), ActiveLoop("intake_form"), SlotSet("requested_slot", "address"),
        ActionExecuted("action_listen"), UserUttered("幸福小区3号楼", intent={"name": "inform"}),
    ):
        tracker.update(event)
    return tracker


# Bound before any test takes the shortcuts.
COPY, OF_FORM, EMPTY = DialogueStateTracker.copy, FormAction._temporary_tracker, Domain.is_empty


def seen(tracker: DialogueStateTracker) -> tuple[Any, ...]:
    """Return everything of a state that Rasa reads."""
    values = {name: (slot.value, slot.has_been_set) for name, slot in tracker.slots.items()}
    loop = tracker.active_loop_name, tracker.latest_action_name, tracker.is_paused()
    said = tracker.latest_message.text if tracker.latest_message else None
    return tracker.sender_id, values, loop, said, [event.as_dict() for event in tracker.events]


def test_a_copied_state_is_the_one_that_a_replay_gives(asking: DialogueStateTracker) -> None:
    copied = snapshot(asking)

    assert seen(copied) == seen(COPY(asking))
    copied.update(SlotSet("address", "幸福小区3号楼"))
    assert asking.get_slot("address") is None


def test_a_form_is_tried_on_the_state_that_a_replay_gives(
    asking: DialogueStateTracker, domain: Domain
) -> None:
    form, before = FormAction("intake_form", None), seen(asking)
    events = [SlotSet("address", "幸福小区3号楼"), SlotSet("since", None)]

    tried = rasa_shortcuts.tracker_of_form(form, asking, list(events), domain)
    replayed = OF_FORM(form, asking, list(events), domain)
    # The events that the form itself adds carry the time at which they were made.
    for tracker in (tried, replayed):
        for event in list(tracker.events)[-4:]:
            event.timestamp = 0.0
    assert seen(tried) == seen(replayed)
    assert seen(asking) == before


@pytest.mark.parametrize("empty", [True, False])
def test_a_domain_is_empty_when_rasa_says_so(domain: Domain, empty: bool) -> None:
    one = Domain.empty() if empty else domain
    assert [rasa_shortcuts.is_empty(one) for _ in range(2)] == [EMPTY(one)] * 2 == [empty] * 2
