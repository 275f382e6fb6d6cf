"""A desk without an engine, its post office, and the platforms on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from ruamel.yaml import YAML
from sanic.response import HTTPResponse, text
from sqlalchemy import select

from bot.channels.adapter import Adapter, Line
from bot.channels.inbound import take
from bot.channels.post import Post, cursor_reader
from bot.channels.registry import adapters_of
from bot.channels.tokens import SharedTokens
from bot.channels.writing import Writer
from bot.desk.messages import Gate
from bot.dialogue.rasa_client import RasaClient
from bot.dialogue.texts import Texts, load_texts
from bot.dialogue.turns import Turns
from bot.handbook.channels import load_channels
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook
from bot.http.hub import Hub
from bot.http.limits import Limits
from bot.server import Desk
from bot.settings import load_settings
from bot.storage.channels import ChannelDelivery
from bot.storage.conversations import Conversation, Message
from bot.storage.engine import open_engine, session_factory
from tests.channels.simulators.json_platforms import (
    DingtalkSimulator,
    FeishuSimulator,
    SmsSimulator,
    TelegramSimulator,
)
from tests.channels.simulators.mailbox import MailSimulator
from tests.channels.simulators.platform import FETCHED, Posted, Simulator, running
from tests.channels.simulators.wechat import WechatSimulator
from tests.channels.simulators.wecom import KfSimulator, WecomSimulator

TABLES = load_channels()
START = datetime.fromisoformat("2026-03-02T09:00:00+08:00")


@dataclass
class Clock:
    """An instant that tests move."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


BUILDERS: dict[str, Callable[[Callable[[], float]], Simulator]] = {
    "wechat": lambda clock: WechatSimulator(clock),
    "wechat plain": lambda clock: WechatSimulator(clock, aes=False),
    "wechat_kf": KfSimulator,
    "wecom": WecomSimulator,
    "dingtalk": DingtalkSimulator,
    "feishu": FeishuSimulator,
    "telegram": TelegramSimulator,
    "sms": SmsSimulator,
    "mail": MailSimulator,
}


@dataclass
class Office:
    """The desk, its post office and the platforms, in one loop and one time."""

    desk: Any
    post: Post
    clock: Clock
    platforms: dict[str, Simulator]
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def adapter(self, name: str) -> Adapter:
        return self.post.adapters[name]

    async def receive(self, name: str, posted: Posted) -> HTTPResponse:
        """Let the desk take one request, with all that follows from it but deliveries."""
        answer = await self.take(name, posted)
        await self.quiet()
        return answer

    async def take(self, name: str, posted: Posted) -> HTTPResponse:
        """Let the desk take one request, or fetch where nothing is posted."""
        adapter: Any = self.adapter(name)
        if posted.method != FETCHED:
            return await take(self.post, adapter, posted.as_hook())
        for wish in adapter.wishes():
            await self.post.fetch(adapter, wish)
        return text("")

    async def quiet(self) -> None:
        """Wait until nothing runs beside."""
        for _ in range(100):
            running = [*self.post._tasks, *self.desk.turns._running.values()]
            if not running:
                return
            await asyncio.wait(running, timeout=5)

    async def deliver(self) -> None:
        await self.post.deliveries.settle()

    async def converse(self, name: str, sender: str, text: str, **options: Any) -> None:
        """Let a customer write and be answered."""
        await self.receive(name, self.platforms[name].message(sender, text, **options))
        await self.deliver()

    def messages(self, direction: str = "in", **where: Any) -> list[Message]:
        with self.desk.sessions() as session:
            query = select(Message).where(Message.direction == direction).order_by(Message.id)
            return list(session.execute(query.filter_by(**where)).scalars())

    def deliveries(self) -> list[ChannelDelivery]:
        with self.desk.sessions() as session:
            return list(session.execute(select(ChannelDelivery).order_by(ChannelDelivery.id)).scalars())

    def conversation(self, channel: str, sender: str) -> Conversation:
        with self.desk.sessions() as session:
            return session.execute(
                select(Conversation).where(
                    Conversation.channel == channel, Conversation.external_id == sender
                )
            ).scalar_one()


OpenOffice = Callable[..., Any]


@pytest.fixture(scope="session")
def spoken() -> tuple[Gate, Texts]:
    """Load texts and language check once: reading them takes longer than most tests."""
    texts = load_texts()
    return Gate(load_checker(verify=False), texts.render("utter_safe_reply")), texts


def desk_on(settings: Any, handbook: Handbook, spoken: tuple[Gate, Texts], clock: Clock) -> Desk:
    """Wire a desk on a migrated database, as the server does."""
    sessions, hub = session_factory(open_engine(settings.database_url)), Hub()
    gate, texts = spoken
    rasa = RasaClient(settings.rasa_url, secret=settings.secret, timeout=settings.rasa_timeout)

    def announce(conversation_id: str, _sent: list[Message]) -> None:
        hub.publish(f"conversation:{conversation_id}")
        hub.publish("staff", {"conversation": conversation_id})

    turns = Turns(
        sessions=sessions, handbook=handbook, gate=gate, texts=texts, rasa=rasa,
        settings=settings, announce=announce, clock=clock,
    )
    return Desk(settings, sessions, handbook, gate, texts, rasa, turns, hub, Limits(), clock)


@pytest.fixture
async def open_office(
    tmp_path: Path, sqlite_template: Path, handbook: Handbook, spoken: tuple[Gate, Texts]
) -> AsyncIterator[OpenOffice]:
    """Return a function that opens an office with the named platforms."""
    async with AsyncExitStack() as stack:

        async def open_(
            *names: str, extra: list[dict[str, Any]] | None = None, **entries: dict[str, Any]
        ) -> Office:
            clock = Clock(datetime.now(timezone.utc).replace(microsecond=0))
            platforms = {}
            for name in names:
                built = await stack.enter_async_context(running(BUILDERS[name](clock.seconds)))
                platforms[built.name] = built
            settings = _settings(tmp_path, sqlite_template, platforms, entries, extra or [])
            desk = desk_on(settings, handbook, spoken, clock)
            http = await stack.enter_async_context(aiohttp.ClientSession())
            writer = Writer(desk.sessions)
            stack.callback(writer.close)
            tokens = SharedTokens(writer.later, clock)
            line = Line(http, tokens, clock, cursor_reader(writer))
            office = Office(desk, Post(desk, TABLES, adapters_of(settings), line, writer), clock, platforms)
            stack.push_async_callback(desk.rasa.close)
            stack.push_async_callback(office.quiet)
            if "mail" in platforms:
                # The first look only finds out what is the newest.
                await office.take("mail", Posted(method=FETCHED))
            return office

        yield open_


def _settings(
    home: Path, template: Path, platforms: dict[str, Simulator], entries: dict[str, dict[str, Any]],
    extra: list[dict[str, Any]],
) -> Any:
    (home / "desk.db").write_bytes(template.read_bytes())
    path = home / "channels.yml"
    listed = [{**each.entry(), **entries.get(name, {})} for name, each in platforms.items()]
    listed += extra
    with path.open("w", encoding="utf-8") as file:
        YAML().dump({"channels": listed}, file)
    return load_settings(
        {
            "INTAKE_HOME": str(home), "INTAKE_CHANNELS_FILE": str(path), "INTAKE_BURST_WAIT": "0",
            "INTAKE_RASA_URL": "http://127.0.0.1:1", "INTAKE_PUBLIC_URL": "https://desk.example",
        }
    )
