"""Rasa's memory 对话状态: the trackers of the conversations in progress, as they are.

Rasa's own store in memory writes each tracker as text and reads it again, event by event, with
every message, and forgets none. This one keeps the state itself, of the conversations that spoke
last; what an intake knows is in the desk's database, from where a forgotten one goes on.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event
from rasa.shared.core.trackers import (
    DialogueStateTracker,
    get_trackers_for_conversation_sessions,
)


class TrackersInProgress(TrackerStore):
    """Keep the current session of the `most` conversations that spoke last."""

    def __init__(
        self,
        domain: Domain | None,
        host: str | None = None,
        event_broker: EventBroker | None = None,
        most: int = 2000,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain, event_broker, **kwargs)
        self.most = int(most)
        self._kept: OrderedDict[str, DialogueStateTracker] = OrderedDict()

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the state of the conversation's current session."""
        await self.stream_events(tracker)
        begun = [at for at, event in enumerate(tracker.events) if _begins(event)]
        self._kept[tracker.sender_id] = (
            get_trackers_for_conversation_sessions(tracker)[-1]
            if begun and begun[-1] > 0 else snapshot(tracker)
        )
        self._kept.move_to_end(tracker.sender_id)
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """Return a tracker that can be changed without changing what is kept."""
        kept = self._kept.get(sender_id)
        return None if kept is None else snapshot(kept)

    async def retrieve_full_tracker(self, sender_id: str) -> DialogueStateTracker | None:
        """Return the current session: earlier ones are not kept."""
        return await self.retrieve(sender_id)

    async def keys(self) -> Iterable[str]:
        """Return the conversations that are known."""
        return list(self._kept)


def snapshot(tracker: DialogueStateTracker) -> DialogueStateTracker:
    """Return a tracker of its own in the same state; the events, which never change, are shared."""
    same = copy.copy(tracker)
    same.events = copy.copy(tracker.events)
    same.slots = copy.copy(tracker.slots)
    same.slots.update((name, copy.copy(slot)) for name, slot in tracker.slots.items())
    same.active_loop = copy.copy(tracker.active_loop)
    return same


def _begins(event: Event) -> bool:
    return isinstance(event, ActionExecuted) and event.action_name == ACTION_SESSION_START_NAME
