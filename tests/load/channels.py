"""Load on the channels: 500 customers on simulated platforms with drops, duplicates, reordering.

`python -m tests.load.channels [--seconds 600] [--customers 500]` starts a desk without an engine
on a database of its own, and the platforms on the loopback, and prints what became of every
message: nothing lost, nothing doubled, and how long acknowledgements and answers took.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import os
import random
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import aiohttp
from ruamel.yaml import YAML
from sqlalchemy import Text, column, create_engine, text

from bot.handbook.channels import load_channels
from bot.storage.columns import UtcDateTime
from bot.storage.engine import open_engine
from tests.channels.conftest import BUILDERS
from tests.channels.simulators.platform import Posted, Simulator, running
from tests.stack import start_desk_alone

NAMES = ("wechat", "wechat_kf", "wecom", "dingtalk", "feishu", "telegram", "sms")
SENTENCES = (
    "我家宽带断网了，在城关区幸福小区{n}号楼", "这个月话费多扣了{n}元", "手机没有信号，打不了电话，已经{n}小时",
    "电视机顶盒黑屏，地址是和平路{n}号", "我想问一下套餐{n}的资费", "路边电线断了，在建设路{n}号",
)
DROPPED, DOUBLED, SWAPPED, FAILING = 0.02, 0.05, 0.05, 0.03


@dataclass
class Run:
    """What was sent and how long it took."""

    acknowledged: dict[str, datetime] = field(default_factory=dict)
    acks: dict[str, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    sent: dict[str, set[str]] = field(default_factory=lambda: collections.defaultdict(set))
    unacknowledged: int = 0
    dropped: int = 0
    doubled: int = 0
    swapped: int = 0


async def post(
    http: aiohttp.ClientSession, desk: str, platform: Simulator, posted: Posted, mark: str, run: Run
) -> None:
    """Push as the platform does; sometimes the connection breaks before the acknowledgement."""
    if random.random() < DROPPED:
        run.dropped += 1
        await broken_off(http, f"{desk}/channels/{platform.name}", posted)
    push = await platform.push(http, desk, posted)
    run.acks[platform.name] += push.seconds
    run.unacknowledged += not push.acknowledged
    if push.acknowledged:
        run.acknowledged[mark] = datetime.now(timezone.utc)
    if random.random() < DOUBLED:
        run.doubled += 1
        await asyncio.sleep(random.uniform(0, 3))
        await platform.push(http, desk, posted)


async def broken_off(http: aiohttp.ClientSession, url: str, posted: Posted) -> None:
    """Send a request and hang up: the desk may have taken it, the platform does not know."""
    patience = aiohttp.ClientTimeout(total=random.uniform(0.002, 0.05))
    try:
        async with http.post(url, params=posted.query, data=posted.body, headers=posted.headers, timeout=patience):
            return
    except (aiohttp.ClientError, asyncio.TimeoutError):
        return


async def customer(
    http: aiohttp.ClientSession, desk: str, platform: Simulator, name: str, run: Run, until: float
) -> None:
    """Write now and then until the time is over."""
    number = 0
    await asyncio.sleep(random.uniform(0, 20))
    while time.monotonic() < until:
        bubbles = []
        for _ in range(2 if random.random() < SWAPPED else 1):
            number += 1
            words = random.choice(SENTENCES).format(n=random.randint(1, 99))
            id_ = f"{abs(hash((name, number))) % 10**15}"
            run.sent[platform.name].add(f"{name}:{number}")
            mark = f"{name}:{number}"
            bubbles.append((platform.message(name, f"{words} #{mark}", id=id_), mark))
        run.swapped += len(bubbles) - 1
        for posted, mark in reversed(bubbles):
            await post(http, desk, platform, posted, mark, run)
        await asyncio.sleep(min(random.expovariate(1 / 25), max(0.0, until - time.monotonic())))


async def disturb(platforms: list[Simulator], until: float) -> None:
    """Let platforms fail now and then."""
    from aiohttp import web

    while time.monotonic() < until:
        for platform in platforms:
            if random.random() < FAILING:
                platform.faults.append(lambda: web.Response(status=502))
        await asyncio.sleep(0.5)


def cpu_seconds(pid: int) -> float:
    """Return what a process has used: on a busy machine delays tell less than this."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


async def load(customers: int, seconds: float, home: Path, database: str = "") -> dict[str, Any]:
    """Run the load; return the figures."""
    async with AsyncExitStack() as stack:
        platforms = [await stack.enter_async_context(running(BUILDERS[name](time.time))) for name in NAMES]
        path = home / "channels.yml"
        with path.open("w", encoding="utf-8") as file:
            YAML().dump({"channels": [each.entry() for each in platforms]}, file)
        environ = {"INTAKE_CHANNELS_FILE": str(path), "INTAKE_BURST_WAIT": "0.4"}
        if database:
            environ["INTAKE_DATABASE_URL"] = database
        desk = await asyncio.to_thread(start_desk_alone, home, **environ)
        stack.callback(desk.stop)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        run, until = Run(), time.monotonic() + seconds
        names = [(platforms[n % len(platforms)], 13_900_000_000 + n) for n in range(customers)]
        disturbance = asyncio.create_task(disturb(platforms, until))
        await asyncio.gather(*(customer(http, desk.url, platform, str(n), run, until) for platform, n in names))
        await disturbance
        await drained(desk.database_url)
        used = cpu_seconds(desk.parts["desk"].process.pid)
        found = figures(desk.database_url, platforms, run, seconds)
        return found | {"cpu_ms_a_message": round(1000 * used / max(1, found["written"]), 1)}


async def drained(url: str, patience: float = 120) -> None:
    """Wait until every message has had its turn and every delivery its end."""
    engine = create_engine(url)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with engine.connect() as connection:
            left = connection.execute(
                text(
                    "SELECT (SELECT count(*) FROM messages WHERE direction = 'in' AND state = 'received')"
                    " + (SELECT count(*) FROM channel_deliveries WHERE state IN ('queued', 'sending'))"
                    " + (SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id"
                    "    WHERE m.direction = 'out' AND m.state IN ('pending', 'sent') AND c.channel <> 'web'"
                    "    AND NOT EXISTS (SELECT 1 FROM channel_deliveries d WHERE d.message_id = m.id))"
                )
            ).scalar_one()
        if not left:
            break
        await asyncio.sleep(1)
    engine.dispose()


def figures(url: str, platforms: list[Simulator], run: Run, seconds: float) -> dict[str, Any]:
    """Compare what customers wrote with the ledger, and the ledger with what they were handed."""
    engine = open_engine(url)
    with engine.connect() as connection:
        inbound = connection.execute(
            text("SELECT c.channel, m.text FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.direction = 'in' AND m.kind = 'text'")
        ).all()
        states = dict(connection.execute(text("SELECT state, count(*) FROM channel_deliveries GROUP BY state")).all())
        handed = connection.execute(
            text(
                "SELECT i.text, o.created_at, d.sent_at FROM channel_deliveries d JOIN messages o ON o.id = d.message_id"
                " LEFT JOIN messages i ON i.id = o.reply_to WHERE d.state = 'sent' AND d.sent_at IS NOT NULL"
            ).columns(column("text", Text), column("created_at", UtcDateTime), column("sent_at", UtcDateTime))
        ).all()
        tickets, keys = connection.execute(text("SELECT count(*), count(DISTINCT idempotency_key) FROM tickets")).one()
    engine.dispose()
    delays = [(sent - said).total_seconds() for _, said, sent in handed]
    answers = [
        (sent - run.acknowledged[mark]).total_seconds() for body, _, sent in handed
        if body and (mark := body.rsplit("#", 1)[-1]) in run.acknowledged
    ]
    marks = collections.Counter((channel, body.rsplit("#", 1)[-1]) for channel, body in inbound)
    wanted = {(name, mark) for name, all_ in run.sent.items() for mark in all_}
    limits = load_channels().platforms
    return {
        "seconds": seconds, "written": len(wanted), "in_ledger": len(marks),
        "lost": len(wanted - set(marks)),
        "lost_though_acknowledged": len(set(run.acknowledged) - {mark for _, mark in marks}), "doubled_in_ledger": sum(n - 1 for n in marks.values()),
        "dropped": run.dropped, "sent_twice": run.doubled, "swapped": run.swapped,
        "unacknowledged": run.unacknowledged, "tickets": tickets, "tickets_doubled": tickets - keys,
        "deliveries": states, "handed_over": sum(len(each.sent) for each in platforms),
        "handed_over_twice": handed_twice(platforms),
        # From the words written by the desk, and from the customer's acknowledged words, to the platform.
        "delivery_p50_s": round(quantile(delays, 0.5), 2), "delivery_p99_s": round(quantile(delays, 0.99), 2),
        "answer_p50_s": round(quantile(answers, 0.5), 2), "answer_p99_s": round(quantile(answers, 0.99), 2),
        "ack_p50_ms": {n: round(1000 * quantile(v, 0.5)) for n, v in sorted(run.acks.items())},
        "ack_p99_ms": {n: round(1000 * quantile(v, 0.99)) for n, v in sorted(run.acks.items())},
        "ack_limit_ms": {n: int(1000 * limits[n].ack.total_seconds()) for n in sorted(run.acks)},
    }


def handed_twice(platforms: list[Simulator]) -> int:
    """Count texts with a ticket number of their own that one customer was handed twice."""
    texts = collections.Counter((each.name, s.to, s.text) for each in platforms for s in each.sent if "工单号" in s.text and "已受理" in s.text)
    return sum(n - 1 for n in texts.values())


def main() -> int:
    """Run from the command line; a loss, a double or a failed delivery is a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database instead of SQLite")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as home:
        result = asyncio.run(load(arguments.customers, arguments.seconds, Path(home), arguments.database))
    for name, value in result.items():
        print(f"{name:20} {value}")
    faults = verdict(result)
    print("verdict", ", ".join(faults) or "nothing lost, nothing doubled, nothing late")
    return int(bool(faults))


def verdict(result: dict[str, Any]) -> list[str]:
    """Return what went wrong, either way: lost, doubled, not handed over, or acknowledged too late."""
    counted = ("lost", "doubled_in_ledger", "tickets_doubled", "handed_over_twice")
    faults = [f"{name} {result[name]}" for name in counted if result[name]]
    for state in ("failed", "expired"):
        if result["deliveries"].get(state):
            faults.append(f"deliveries {state} {result['deliveries'][state]}")
    late = [n for n, limit in result["ack_limit_ms"].items() if result["ack_p99_ms"][n] > limit]
    return faults + [f"late {name}" for name in late]


if __name__ == "__main__":
    raise SystemExit(main())
