"""Rasa's side of the adapter: a channel that only the desk can call, and that tells of errors.

Rasa's own REST channel trusts its caller and answers an empty list after an error; this one
asks for the installation's token and answers 500, so that the desk can serve the turn itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.constants import ACTION_LISTEN_NAME, REQUESTED_SLOT
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.dialogue.rasa_shortcuts import take_shortcuts
from bot.dialogue.token import rasa_token
from bot.long_lived import keep_out_of_collection
from bot.settings import load_settings

log = structlog.get_logger()
FORM = "intake_form"


class DeskChannel(InputChannel):
    """Serve `POST /webhooks/desk/webhook` for the desk."""

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def name(cls) -> str:
        """Return the name in the webhook's path."""
        return "desk"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> InputChannel:
        """Make the channel; its token comes from the installation's secret."""
        take_shortcuts()
        return cls(rasa_token(load_settings().secret))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """Return the routes of the channel."""
        routes = Blueprint("desk_webhook")

        @routes.listener("after_server_start")
        async def started(_app: Sanic, _loop: object) -> None:
            keep_out_of_collection()

        @routes.get("/")
        async def health(request: Request) -> HTTPResponse:
            return json({"status": "ok"})

        @routes.post("/webhook")
        async def receive(request: Request) -> HTTPResponse:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given, f"Bearer {self.token}"):
                return json({"error": "wrong token"}, status=401)
            body = request.json
            collector = CollectingOutputChannel()
            message = UserMessage(
                body["text"], collector, body["sender"], input_channel=self.name(),
                metadata=body["metadata"],
            )
            try:
                if asking := body["metadata"].get("asking"):
                    await go_on(request.app.ctx.agent, body["sender"], asking)
                await on_new_message(message)
            except Exception:
                log.exception("rasa.turn_failed", conversation=body["sender"])
                return json({"error": "turn failed"}, status=500)
            return json({"messages": collector.messages})

        return routes


async def go_on(agent: Agent, sender: str, asking: str) -> None:
    """Let the form run on that the desk's record knows of and Rasa's memory has lost."""
    async with agent.lock_store.lock(sender):
        tracker = await agent.processor.get_tracker(sender)
        if tracker.active_loop_name is not None:
            return
        tracker.update_with_events(
            [
                ActionExecuted(FORM), ActiveLoop(FORM), SlotSet(REQUESTED_SLOT, asking),
                ActionExecuted(ACTION_LISTEN_NAME),
            ],
            agent.domain,
        )
        await agent.processor.save_tracker(tracker)
