"""The desk's side of the adapter: ask Rasa for the replies to one turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.desk.engine_routes import Routes
from bot.dialogue.token import rasa_token
from bot.handbook.errors import DeskError


class EngineDown(DeskError):
    """Say that Rasa or its action server did not serve the turn."""

    def __init__(self, why: str) -> None:
        super().__init__("engine_down", f"the dialogue engine did not answer: {why}", why=why)


@dataclass
class Reply:
    """Hold one text of the bot with its buttons and the data that actions attached."""

    text: str
    buttons: list[dict[str, str]] = field(default_factory=list)
    ticket: dict[str, Any] | None = None
    context: str | None = None
    facts: dict[str, Any] | None = None


@dataclass
class Answer:
    """Hold the replies of one turn, and the epoch they belong to if an action changed it."""

    replies: list[Reply]
    epoch: int | None = None


class RasaClient:
    """Call the desk channel of Rasa: of one server, or of the one that `routes` names."""

    def __init__(
        self, url: str, *, secret: str, timeout: float, routes: Routes | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.routes = routes
        self._token = rasa_token(secret)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._http: aiohttp.ClientSession | None = None

    async def ask(self, conversation_id: str, text: str, metadata: dict[str, Any]) -> Answer:
        """Return the bot's replies; raise `EngineDown` on error, silence or time-out."""
        http = self._session()
        body = {"sender": conversation_id, "text": text, "metadata": metadata}
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with http.post(
                f"{self._address(conversation_id)}/webhooks/desk/webhook", json=body, headers=headers,
                timeout=self._timeout,
            ) as response:
                if response.status != 200:
                    raise EngineDown(f"status {response.status}")
                data = await response.json()
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            raise EngineDown(type(error).__name__) from error
        answer = gathered(data.get("messages") or [])
        if not answer.replies:
            raise EngineDown("no reply: an action failed or no rule fits")
        return answer

    async def read(self, conversation_id: str, text: str) -> dict[str, Any]:
        """Return how the engine reads a text by itself, without a turn; raise `EngineDown`."""
        try:
            async with self._session().post(
                f"{self._address(conversation_id)}/model/parse", json={"text": text},
                timeout=self._timeout,
            ) as response:
                if response.status != 200:
                    raise EngineDown(f"status {response.status}")
                return dict(await response.json())
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            raise EngineDown(type(error).__name__) from error

    async def learn(self, conversation_id: str, events: list[dict[str, Any]]) -> None:
        """Append events to Rasa's tracker, so that it knows what was said without it."""
        http = self._session()
        try:
            async with http.post(
                f"{self._address(conversation_id)}/conversations/{conversation_id}/tracker/events",
                json=events, timeout=self._timeout,
            ) as response:
                if response.status != 200:
                    raise EngineDown(f"status {response.status}")
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise EngineDown(type(error).__name__) from error

    async def is_ready(self) -> bool:
        """Tell whether Rasa has loaded a model."""
        try:
            async with self._session().get(
                f"{self._main()}/webhooks/desk/", timeout=aiohttp.ClientTimeout(total=2)
            ) as response:
                return response.status == 200
        except (aiohttp.ClientError, asyncio.TimeoutError):
            return False

    def _address(self, conversation_id: str) -> str:
        if self.routes is None:
            return self.url
        return self.routes.address(conversation_id, asyncio.get_running_loop().time())

    def _main(self) -> str:
        if self.routes is None:
            return self.url
        return self.routes.main(asyncio.get_running_loop().time())

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=200, keepalive_timeout=30)
            )
        return self._http

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()


def gathered(messages: list[dict[str, Any]]) -> Answer:
    """Join what Rasa sent: texts with buttons, then data that belongs to the text before."""
    answer = Answer([])
    waiting: dict[str, Any] = {}
    for message in messages:
        custom = message.get("custom")
        if message.get("text"):
            answer.replies.append(Reply(message["text"], list(message.get("buttons") or [])))
            _attach(answer.replies[-1], waiting)
            waiting = {}
        if isinstance(custom, dict):
            if "epoch" in custom:
                answer.epoch = int(custom["epoch"])
            if answer.replies:
                _attach(answer.replies[-1], custom)
            else:
                waiting |= custom
    _share_context(answer.replies)
    return answer


def _attach(reply: Reply, data: dict[str, Any]) -> None:
    reply.buttons = data.get("buttons") or reply.buttons
    reply.ticket = data.get("ticket", reply.ticket)
    reply.context = data.get("context", reply.context)
    reply.facts = data.get("facts", reply.facts)


def _share_context(replies: list[Reply]) -> None:
    contexts = [reply.context for reply in replies if reply.context]
    for reply in replies:
        reply.context = reply.context or (contexts[0] if contexts else None)
