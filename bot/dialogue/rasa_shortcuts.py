"""Rasa's detours 引擎捷径: what Rasa 3.6 works out anew in every turn is worked out once.

Replaced with the same results are the check of an action's answer, the search for an event's
class, the order of the graph's nodes, the connection to the action server, copies of a tracker
and the question whether the domain is empty; what the action server is asked is cut down to what
our actions read (`call_of`). With `rasa_trackers` they save more than a third of Rasa's work in a
turn of an intake.
"""

from __future__ import annotations

import asyncio
from functools import cache, lru_cache
from graphlib import TopologicalSorter
from typing import Any

import aiohttp
import rasa.core.processor
from jsonschema import ValidationError, validators
from jsonschema.exceptions import best_match
from rasa import __version__ as rasa_version
from rasa.core.actions.action import RemoteAction
from rasa.core.actions.forms import FormAction
from rasa.core.constants import DEFAULT_REQUEST_TIMEOUT
from rasa.engine.exceptions import GraphRunError
from rasa.engine.graph import GraphNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity
from rasa.utils.endpoints import EndpointConfig

from bot.dialogue.rasa_trackers import snapshot

# Less than the action server keeps an idle connection, so that none is used as it closes.
IDLE_S = 3.0
# Calls of actions that run at the same time; more wait for one of these connections.
CONNECTIONS = 100


@lru_cache(maxsize=1)
def _compiled() -> tuple[Any, dict[str, Any]]:
    """Return the validator of answers, and the validators of events by their kind."""
    schema = RemoteAction.action_response_format_spec()
    kind = validators.validator_for(schema)
    kind.check_schema(schema)
    forms = schema["properties"]["events"]["items"]["oneOf"]
    return kind(schema), {form["properties"]["event"]["const"]: kind(form) for form in forms}


def _is_plain(answer: Any) -> bool:
    """Tell at a glance whether an answer is in order; `False` asks for the whole schema."""
    if not isinstance(answer, dict):
        return False
    events, responses = answer.get("events", []), answer.get("responses", [])
    if not isinstance(events, list) or not isinstance(responses, list):
        return False
    kinds = _compiled()[1]
    for event in events:
        name = event.get("event") if isinstance(event, dict) else None
        if not isinstance(name, str) or name not in kinds or not kinds[name].is_valid(event):
            return False
    return all(isinstance(response, dict) for response in responses)


def check_answer(_action: RemoteAction, answer: dict[str, Any]) -> bool:
    """Accept an answer of the action server; raise `ValidationError` if it has another form."""
    if _is_plain(answer):
        return True
    error = best_match(_compiled()[0].iter_errors(answer))
    if error is None:
        return True
    raise ValidationError(f"the action server answered in another form: {error.message}")


def call_of(action: RemoteAction, tracker: DialogueStateTracker, _domain: Domain) -> dict[str, Any]:
    """Return what the action server is asked: the state, without past events and the domain.

    The actions read the last message and keep everything else in the desk's database; log and
    domain would be written and read again with every call, the domain with every validation.
    """
    return {
        "next_action": action.name(),
        "sender_id": tracker.sender_id,
        "tracker": {**tracker.current_state(EventVerbosity.NONE), "events": []},
        "version": rasa_version,
        "domain": {},
    }


@cache
def class_of_event(name: str, default: type[Event] | None = None) -> type[Event] | None:
    """Return the class of an event by its name, as Rasa finds it, once for each name."""
    return _search(name, default)


_search = Event.resolve_by_type


class OrderedGraphRunner(DaskGraphRunner):
    """Run the nodes of a trained graph one after the other, in an order found once."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._orders: dict[tuple[str, ...], list[tuple[str, GraphNode, tuple[str, ...]]]] = {}

    def run(
        self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None
    ) -> dict[str, Any]:
        """Return the outputs of the targets by name."""
        wanted = tuple(targets or self._graph_schema.target_names)
        if wanted not in self._orders:
            self._orders[wanted] = self._order(wanted)
        done: dict[str, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        try:
            for name, node, needs in self._orders[wanted]:
                done[name] = node(*(done.get(need, need) for need in needs))
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error
        return {name: done[name][1] for name in wanted}

    def _order(self, wanted: tuple[str, ...]) -> list[tuple[str, GraphNode, tuple[str, ...]]]:
        nodes = self._graph_schema.minimal_graph_schema(list(wanted)).nodes
        needs = {name: tuple(node.needs.values()) for name, node in nodes.items()}
        return [
            (name, self._instantiated_nodes[name], needs[name])
            for name in TopologicalSorter(needs).static_order()
            if name in needs
        ]


class KeptConnection:
    """Lend one client session to every call of an endpoint; its connections stay open."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __aenter__(self) -> aiohttp.ClientSession:
        return self._session

    async def __aexit__(self, *_error: object) -> None:
        """Leave the session open."""


def kept_session(endpoint: EndpointConfig) -> KeptConnection:
    """Return the endpoint's session, opened at the first call in an event loop."""
    loop = asyncio.get_running_loop()
    kept: tuple[Any, aiohttp.ClientSession] | None = getattr(endpoint, "_kept", None)
    if kept is None or kept[0] is not loop or kept[1].closed:
        given = endpoint.basic_auth
        session = aiohttp.ClientSession(
            headers=endpoint.headers,
            auth=aiohttp.BasicAuth(given["username"], given["password"]) if given else None,
            timeout=aiohttp.ClientTimeout(total=DEFAULT_REQUEST_TIMEOUT),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_S),
        )
        endpoint._kept = kept = (loop, session)
    return KeptConnection(kept[1])


def tracker_of_form(
    form: FormAction, tracker: DialogueStateTracker, events: list[Event], _domain: Domain
) -> DialogueStateTracker:
    """Return a tracker on which the form was run with these events, without a replay of the past."""
    tried = snapshot(tracker)
    asked = SlotSet(REQUESTED_SLOT, form.get_slot_to_fill(tracker))
    for event in (asked, ActionExecuted(form.name()), *events):
        tried.update(event)
    return tried


def is_empty(domain: Domain) -> bool:
    """Tell whether the domain has nothing in it, found out once for each domain in service."""
    known: bool | None = getattr(domain, "_known_empty", None)
    if known is None:
        known = domain._known_empty = _compared(domain)
    return known


_compared = Domain.is_empty


def take_shortcuts() -> None:
    """Let Rasa take them; called once, when the desk's channel is made."""
    RemoteAction._validate_action_result = check_answer
    RemoteAction._action_call_format = call_of
    Event.resolve_by_type = staticmethod(class_of_event)
    EndpointConfig.session = kept_session
    DialogueStateTracker.copy = snapshot
    FormAction._temporary_tracker = tracker_of_form
    Domain.is_empty = is_empty
    rasa.core.processor.DaskGraphRunner = OrderedGraphRunner
