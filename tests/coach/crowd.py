"""A crowd: many customers at an even rate, and afterwards who was answered, and who twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.storage.conversations import Message

SAID = ("帮我查一下话费余额", "家里宽带断了", "我要办携号转网", "发票怎么开", "手机没有信号", "我要换一个便宜点的套餐")


@dataclass
class Outcome:
    """What became of the turns: by conversation and id, seconds until told, and what went wrong."""

    sent: int = 0
    refused: list[int] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)


async def talk(url: str, *, rate: float, seconds: float, customers: int = 120) -> Outcome:
    """Send turns at an even rate, whether or not earlier ones have been answered."""
    outcome, waiting = Outcome(), set()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=120, limits=limits) as http:
        tokens = []
        for _ in range(customers):
            data = (await http.post("/sessions")).json()["data"]
            tokens.append(data["token"])
            outcome.conversations.append(data["conversation_id"])
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            waiting.add(asyncio.create_task(_turn(http, tokens[number % customers], number, outcome)))
        await asyncio.gather(*waiting)
    return outcome


async def _turn(http: httpx.AsyncClient, token: str, number: int, outcome: Outcome) -> None:
    began = time.monotonic()
    response = await http.post(
        "/messages", headers={"Authorization": f"Bearer {token}"},
        json={"text": SAID[number % len(SAID)], "client_message_id": f"m{number}"},
    )
    outcome.sent += 1
    outcome.took.append(time.monotonic() - began)
    if response.status_code not in {200, 201, 202}:
        outcome.refused.append(response.status_code)


def unanswered(session: Session, outcome: Outcome) -> list[int]:
    """Return the messages that nothing answers, neither alone nor joined to a later one."""
    rows = _messages(session, outcome)
    replied = {row.reply_to for row in rows if row.direction == "out"}
    asked = [row for row in rows if row.direction == "in"]
    return [row.id for row in asked if (row.payload or {}).get("joined_to", row.id) not in replied]


def doubled(session: Session, outcome: Outcome) -> list[tuple[int, str]]:
    """Return the replies that a message got more than once."""
    said = Counter((r.reply_to, r.text) for r in _messages(session, outcome) if r.direction == "out")
    return [key for key, count in said.items() if count > 1]


def received(session: Session, outcome: Outcome) -> int:
    """Return how many messages of the crowd are kept."""
    return sum(row.direction == "in" for row in _messages(session, outcome))


def _messages(session: Session, outcome: Outcome) -> list[Message]:
    found = select(Message).where(Message.conversation_id.in_(outcome.conversations))
    return list(session.execute(found).scalars())
