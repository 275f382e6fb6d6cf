"""The people of a desk day: customers who talk and listen, staff who take, answer, give back.

All speak HTTP with a running desk. Whatever is said carries a mark of its own, so that at the
end each can be found again: once, in the order in which it was said.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

MARK = re.compile(r"编号([cs]\d+-\d+)")
COMPLAINTS = ("这个月话费多扣了三十元", "我家宽带断网了", "手机没有信号打不了电话", "套餐资费怎么这么贵")
ANSWER = "您好，您反映的情况已登记，编号{mark}，请问还有什么可以帮您？"
HOLDS = 6
NO_LIMIT = aiohttp.ClientTimeout(total=None, sock_read=60)


@dataclass
class Day:
    """What was said, heard and measured."""

    until: float
    said: dict[str, str] = field(default_factory=dict)
    heard: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    took: dict[str, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    failed: collections.Counter[str] = field(default_factory=collections.Counter)
    kept: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def goes_on(self) -> bool:
        """Tell whether the day is not over."""
        return time.monotonic() < self.until


@dataclass
class Line:
    """One person's way to the desk."""

    http: aiohttp.ClientSession
    base: str
    day: Day
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, what: str, **sent: Any) -> dict[str, Any] | None:
        """Ask, and note how long it took; None when refused or failed."""
        began = time.perf_counter()
        try:
            async with self.http.request(
                method, f"{self.base}{path}", headers=self.headers, **sent
            ) as answer:
                body = await answer.json()
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            self.day.failed[f"{what}: {type(error).__name__}"] += 1
            return None
        self.day.took[what].append(time.perf_counter() - began)
        if body.get("ok"):
            return dict(body["data"])
        code = body["error"]["code"]
        (self.day.failed if answer.status >= 500 else self.day.refused)[f"{what}: {code}"] += 1
        return None

    async def events(self, path: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Follow a stream; it ends with the connection."""
        async with self.http.get(
            f"{self.base}{path}", headers=self.headers, timeout=NO_LIMIT
        ) as answer:
            name = ""
            async for raw in answer.content:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])


class CustomerOfTheDay:
    """Talks to the bot, asks for a person, talks to the person, and begins again."""

    PAUSE_S = (8.0, 24.0)

    def __init__(self, line: Line, number: int) -> None:
        self.line, self.day, self.number = line, line.day, number
        self.chance = random.Random(number)
        self.numbers = itertools.count(1)
        self.conversation, self.state = "", "bot"

    async def live(self) -> None:
        """Live the day."""
        await asyncio.sleep(self.chance.uniform(0, 5))
        opened = await self.line.ask("POST", "/sessions", "customer: session")
        if opened is None:
            return
        self.conversation = opened["conversation_id"]
        self.line.headers = {"Authorization": f"Bearer {opened['token']}"}
        listening = asyncio.create_task(self.listen())
        while self.day.goes_on:
            await self.say(self.chance.choice(COMPLAINTS))
            await asyncio.sleep(self.chance.uniform(*self.PAUSE_S))
            if self.state == "bot" and self.chance.random() < 0.4:
                await self.say("转人工")
        await asyncio.sleep(5)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        found: list[dict[str, Any]] = []
        while page := (await self._page(found[-1]["id"] if found else 0)):
            found += page
        self.day.kept[self.conversation] = found

    async def _page(self, after: int) -> list[dict[str, Any]]:
        page = await self.line.ask("GET", f"/messages?after={after}", "customer: history")
        return page["messages"] if page else []

    async def say(self, words: str) -> None:
        """Send one message, now and then twice, as a page does whose line was cut."""
        mark = f"c{self.number}-{next(self.numbers)}"
        body = {"text": f"{words}，编号{mark}", "client_message_id": mark}
        if await self.line.ask("POST", "/messages", "customer: message", json=body) is not None:
            self.day.said[mark] = self.conversation
        if self.chance.random() < 0.1:
            await self.line.ask("POST", "/messages", "customer: message", json=body)

    async def listen(self) -> None:
        """Follow the stream, from the last message on whenever the line is cut."""
        after = 0
        while True:
            try:
                async for name, data in self.line.events(f"/stream?after={after}"):
                    if name == "message":
                        after = max(after, data["id"])
                        self.day.heard[self.conversation] += MARK.findall(data["text"])
                    elif name == "conversation":
                        self.state = data["state"]
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                self.day.failed[f"customer: stream: {type(error).__name__}"] += 1
                await asyncio.sleep(1)


class StaffOfTheDay:
    """Keeps a page open, takes who waits longest, answers, notes, steps, gives back."""

    def __init__(self, line: Line, number: int, name: str, password: str) -> None:
        self.line, self.day, self.number = line, line.day, number
        self.name, self.password = name, password
        self.chance = random.Random(10_000 + number)
        self.numbers = itertools.count(1)
        self.id = 0
        self.given: collections.Counter[str] = collections.Counter()

    async def live(self) -> None:
        """Live the day."""
        await asyncio.sleep(self.chance.uniform(0, 3))
        if not await self.sign_in():
            return
        await self.line.ask("POST", "/presence", "presence", json={"presence": "duty"})
        listening = asyncio.create_task(self.listen())
        while self.day.goes_on:
            await self.turn()
            await asyncio.sleep(self.chance.uniform(0.5, 2))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    async def sign_in(self) -> bool:
        """Sign in as the page does."""
        async with self.line.http.post(
            f"{self.line.base}/sign-in", json={"name": self.name, "password": self.password}
        ) as answer:
            data = (await answer.json()).get("data")
            cookie = "; ".join(f"{key}={each.value}" for key, each in answer.cookies.items())
        if data is None:
            self.day.failed["sign-in"] += 1
            return False
        self.id = data["staff"]["id"]
        self.line.headers = {"Cookie": cookie, "X-CSRF-Token": data["csrf_token"]}
        return True

    async def listen(self) -> None:
        """Follow the stream; a page that is open keeps the person connected."""
        while True:
            try:
                async for _ in self.line.events("/stream"):
                    pass
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                self.day.failed[f"staff: stream: {type(error).__name__}"] += 1
            await asyncio.sleep(1)

    async def turn(self) -> None:
        """Do the next thing that is due."""
        listed = await self.line.ask("GET", "/conversations", "list")
        if listed is None:
            return
        found = listed["conversations"]
        mine = [c for c in found if c["state"] == "staff" and c["holder"]["id"] == self.id]
        offered = [c for c in found if c["offer"] and c["offer"]["staff_id"] == self.id]
        free = [c for c in found if c["state"] == "waiting" and not c["offer"]]
        asks = [c for c in mine if c["needs_answer"]]
        if asks and self.chance.random() < 0.7:
            await self.answer(asks[0])
        elif (offered or free) and len(mine) < HOLDS:
            await self.take((offered or free)[0])
        elif mine:
            await self.pass_on(self.chance.choice(mine))
        else:
            await self.look_at_tickets()

    async def take(self, conversation: dict[str, Any]) -> None:
        """Take a conversation and open its page."""
        body = {"epoch": conversation["epoch"]}
        taken = await self.line.ask(
            "POST", f"/conversations/{conversation['id']}/claim", "claim", json=body
        )
        if taken is not None:
            await self.line.ask("GET", f"/conversations/{conversation['id']}", "open")

    async def answer(self, conversation: dict[str, Any]) -> None:
        """Check a reply, send it, sometimes note something or step the ticket."""
        id_, mark = conversation["id"], f"s{self.number}-{next(self.numbers)}"
        text = ANSWER.format(mark=mark)
        await self.line.ask("GET", f"/conversations/{id_}", "open")
        await self.line.ask("POST", "/lint", "lint", json={"text": text, "conversation": id_})
        body = {"text": text, "client_message_id": mark, "epoch": conversation["epoch"]}
        sent = await self.line.ask("POST", f"/conversations/{id_}/reply", "reply", json=body)
        if sent is not None:
            self.day.said[mark] = id_
            self.given[id_] += 1
            if self.chance.random() < 0.1:
                await self.line.ask("POST", f"/conversations/{id_}/reply", "reply", json=body)
        if self.chance.random() < 0.3:
            await self.line.ask("POST", f"/conversations/{id_}/note", "note", json={"text": "已核实"})
        if conversation["tickets"] and self.chance.random() < 0.3:
            await self.step(conversation["tickets"][0]["number"])

    async def pass_on(self, conversation: dict[str, Any]) -> None:
        """Give back whoever has been answered enough, or pass them to the queue."""
        id_ = conversation["id"]
        if self.given[id_] < 2:
            await self.line.ask("GET", f"/conversations/{id_}", "open")
            return
        self.given[id_] = 0
        body: dict[str, Any] = {"epoch": conversation["epoch"]}
        if self.chance.random() < 0.2:
            body |= {"team": "care", "note": "请继续跟进"}
            await self.line.ask("POST", f"/conversations/{id_}/transfer", "transfer", json=body)
        else:
            await self.line.ask("POST", f"/conversations/{id_}/hand-back", "hand back", json=body)

    async def look_at_tickets(self) -> None:
        """Read the table and the board, and work one ticket."""
        page = await self.line.ask("GET", "/tickets?sort=due&limit=50", "tickets")
        await self.line.ask("GET", "/board", "board")
        if page and page["tickets"]:
            await self.step(self.chance.choice(page["tickets"])["number"])

    async def step(self, number: str) -> None:
        """Open a ticket and take a step that is legal now."""
        page = await self.line.ask("GET", f"/tickets/{number}", "ticket")
        legal = [s for s in (page or {}).get("legal_steps", []) if s in STEPS]
        if legal:
            step = self.chance.choice(legal)
            await self.line.ask("POST", f"/tickets/{number}/{step}", "step", json=STEPS[step])


STEPS: dict[str, dict[str, Any]] = {
    "claim": {},
    "note": {"reason": "已联系客户"},
    "hold": {"hold_reason": "customer"},
    "resume": {},
    "resolve": {"reason": "已处理完毕", "cause": "delay"},
}

