"""Full intake dialogues: ours against stock Rasa 3.6, both measured in one run.

Ours is the whole path: front door, ledger, language check, ticket in SQLite. Both sides are
trained on the same fixed sample, and only then served, by one process of each kind on the same
machine, in turns: a machine that is slow for a minute is slow for both.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from bot.coach.examples import read_examples
from bot.coach.train import model_path, train
from bot.first_start import first_password
from bot.nlu.reader import Reader
from bot.settings import ROOT, load_settings
from bot.supervisor import Part, child_environment, parts_of, wait_until_ready
from tests.load.sample import write_sample
from tests.load.stock import write_project
from tests.stack import free_port

SENTENCES = int(os.environ.get("BENCH_SENTENCES", "2000"))
EPOCHS = int(os.environ.get("BENCH_EPOCHS", "100"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
DIALOGUES = int(os.environ.get("BENCH_DIALOGUES", "120"))
PARSES = int(os.environ.get("BENCH_PARSES", "300"))
CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "8"))
WORK = ROOT / "var" / "bench"
LINES = ("家里宽带从昨天开始上不了网了", "城关区幸福小区3号楼", "13900001111", "确认提交")
console = Console(highlight=False)


@dataclass
class Measured:
    """What one side needed, over all rounds; start, memory and batch are those of one."""

    name: str
    training_s: float
    first_answer_s: float = 0.0
    memory_mb: float = 0.0
    wall_s: float = 0.0
    turns_ms: list[float] = field(default_factory=list)
    dialogues_ms: list[float] = field(default_factory=list)
    parses_ms: list[float] = field(default_factory=list)
    batch_ms: float = 0.0
    tickets: int = 0

    def percentile(self, share: float) -> float:
        """Return a percentile of the time of one message, in milliseconds."""
        ordered = sorted(self.turns_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def per_second(self) -> float:
        """Return finished dialogues per second."""
        return len(self.dialogues_ms) / self.wall_s


Speaker = Callable[[aiohttp.ClientSession, str, str], Awaitable[bool]]
Serving = Callable[[], None]


async def talk(url: str, open_session: Callable[..., Any], say: Speaker, side: Measured) -> None:
    """Let the customers go through their dialogues, several at a time."""
    waiting = iter(range(DIALOGUES))
    async with aiohttp.ClientSession(base_url=url, timeout=aiohttp.ClientTimeout(60)) as http:

        async def customer() -> None:
            for _ in waiting:
                begun, who = time.perf_counter(), await open_session(http)
                opened = False
                for line in LINES:
                    started = time.perf_counter()
                    opened = await say(http, who, line)
                    side.turns_ms.append((time.perf_counter() - started) * 1000)
                side.dialogues_ms.append((time.perf_counter() - begun) * 1000)
                side.tickets += opened

        started = time.perf_counter()
        await asyncio.gather(*(customer() for _ in range(CUSTOMERS)))
        side.wall_s += time.perf_counter() - started


async def our_session(http: aiohttp.ClientSession) -> str:
    """Open a session of ours."""
    async with http.post("/api/v1/sessions") as response:
        return str((await response.json())["data"]["token"])


async def our_say(http: aiohttp.ClientSession, token: str, line: str) -> bool:
    """Send one message to ours; tell whether a ticket was opened."""
    body = {"text": line, "client_message_id": uuid.uuid4().hex}
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post("/api/v1/messages?wait=1", json=body, headers=headers) as response:
        data = (await response.json())["data"]
    return any(reply.get("ticket") for reply in data["replies"])


async def stock_session(http: aiohttp.ClientSession) -> str:
    """Make up a sender."""
    return uuid.uuid4().hex


async def stock_say(http: aiohttp.ClientSession, sender: str, line: str) -> bool:
    """Send one message to stock Rasa; tell whether a ticket was opened."""
    body = {"sender": sender, "message": line}
    async with http.post("/webhooks/rest/webhook", json=body) as response:
        return any("已受理" in str(m.get("text")) for m in await response.json())


def memory_of(parts: list[Part]) -> float:
    """Return the resident memory of the processes in MB."""
    total = 0
    for part in parts:
        status = Path(f"/proc/{part.process.pid}/status").read_text() if part.process else ""
        total += next(
            (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0
        )
    return total / 1024


def asked() -> list[str]:
    """Return sentences that neither side was trained on."""
    return [example.text for example in read_examples(ROOT / "tests/nlu/heldout.yml")][:PARSES]


async def parse(rasa: str, side: Measured) -> None:
    """Have sentences read one by one by Rasa's own interface, which gives type and urgency."""
    async with aiohttp.ClientSession(base_url=rasa, timeout=aiohttp.ClientTimeout(60)) as http:
        for text in asked():
            started = time.perf_counter()
            async with http.post("/model/parse", json={"text": text}) as response:
                (await response.json())["intent"]
            side.parses_ms.append((time.perf_counter() - started) * 1000)


def measure(
    side: Measured, parts: list[Part], url: str, rasa: str, how: tuple[Any, Speaker]
) -> None:
    """Start the processes, wait for the first answer, then let the customers talk."""
    begun = time.perf_counter()
    for part in parts:
        part.start()
    try:
        failure = wait_until_ready(parts)
        if failure:
            raise SystemExit(failure)
        warm = Measured("warm-up", 0)
        asyncio.run(_first(url, how, warm))
        side.first_answer_s = time.perf_counter() - begun
        asyncio.run(talk(url, *how, side))
        side.memory_mb = memory_of(parts)
        asyncio.run(parse(rasa, side))
    finally:
        for part in reversed(parts):
            part.stop()


async def _first(url: str, how: tuple[Any, Speaker], warm: Measured) -> None:
    async with aiohttp.ClientSession(base_url=url, timeout=aiohttp.ClientTimeout(60)) as http:
        who = await how[0](http)
        for line in LINES:
            await how[1](http, who, line)


def ours() -> tuple[Measured, Serving]:
    """Train ours on the sample; return the side and what serves and measures it."""
    home = WORK / "ours"
    shutil.rmtree(home, ignore_errors=True)
    count = write_sample(home / "nlu", SENTENCES)
    values = {
        "INTAKE_HOME": str(home), "INTAKE_PORT": str(free_port()), "INTAKE_HOST": "127.0.0.1",
        "INTAKE_RASA_URL": f"http://127.0.0.1:{free_port()}",
        "INTAKE_ACTIONS_URL": f"http://127.0.0.1:{free_port()}",
        "INTAKE_MESSAGES_PER_MINUTE": "0", "INTAKE_SESSIONS_PER_MINUTE": "0",
    }
    settings = load_settings(values)
    console.print(f"ours: training on {count} sentences …")
    started = time.perf_counter()
    model = train(settings, model_path(settings), nlu=home / "nlu")
    side = Measured("ours", time.perf_counter() - started)
    first_password(settings)
    parts = parts_of(settings, model)
    for part in parts:
        part.environ = {**part.environ, **values}
    url = f"http://127.0.0.1:{settings.port}"

    def serve() -> None:
        measure(side, parts, url, settings.rasa_url, (our_session, our_say))
        if side.batch_ms:
            return  # the encoder remembers what it has read in the first round
        reader, texts = Reader.open(model), asked()
        list(reader.read(texts[:1]))
        started = time.perf_counter()
        list(reader.read(texts))
        side.batch_ms = (time.perf_counter() - started) * 1000 / len(texts)

    return side, serve


def stock() -> tuple[Measured, Serving]:
    """Train stock Rasa on the sample; return the side and what serves and measures it."""
    home = WORK / "stock"
    shutil.rmtree(home, ignore_errors=True)
    rasa_port, actions_port = free_port(), free_port()
    count = write_project(home, most=SENTENCES, epochs=EPOCHS, actions_port=actions_port)
    environ = child_environment(load_settings({"INTAKE_HOME": str(home)})) | {"PYTHONPATH": str(home)}
    console.print(f"stock: training on {count} sentences, {EPOCHS} epochs …")
    started = time.perf_counter()
    command = [
        sys.executable, "-m", "rasa", "train", "--force", "--data", "data", "rules.yml",
        "--out", "models", "--fixed-model-name", "stock", "--skip-validation",
    ]
    with (home / "train.log").open("wb") as log:
        subprocess.run(command, cwd=home, env=environ, check=True, stdout=log, stderr=log)
    side = Measured("stock Rasa 3.6", time.perf_counter() - started)
    logs = home / "logs"
    python = sys.executable
    parts = [
        InFolder("actions", [python, "-m", "rasa_sdk", "--actions", "actions", "-p", str(actions_port)],
                 f"http://127.0.0.1:{actions_port}/health", environ, logs / "actions.log"),
        InFolder("rasa", [python, "-m", "rasa", "run", "-m", "models/stock.tar.gz", "-i", "127.0.0.1",
                          "-p", str(rasa_port), "--enable-api", "--endpoints", "endpoints.yml",
                          "--credentials", "credentials.yml"],
                 f"http://127.0.0.1:{rasa_port}/webhooks/rest/", environ, logs / "rasa.log"),
    ]
    url = f"http://127.0.0.1:{rasa_port}"
    return side, lambda: measure(side, parts, url, url, (stock_session, stock_say))


class InFolder(Part):
    """A process of the stock project, started in its folder."""

    def start(self) -> None:
        """Start in the folder that holds the logs' folder."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, cwd=self.log.parent.parent, env=dict(self.environ), stdout=out,
                stderr=out, start_new_session=True,
            )


ROWS: tuple[tuple[str, Callable[[Measured], float]], ...] = (
    ("dialogues per second", lambda m: m.per_second),
    ("messages per second", lambda m: len(m.turns_ms) / m.wall_s),
    ("message p50, ms", lambda m: m.percentile(0.5)),
    ("message p99, ms", lambda m: m.percentile(0.99)),
    ("dialogue p50, ms", lambda m: statistics.median(m.dialogues_ms)),
    ("dialogue p99, ms", lambda m: sorted(m.dialogues_ms)[int(0.99 * (len(m.dialogues_ms) - 1))]),
    ("one reading over HTTP p50, ms", lambda m: statistics.median(m.parses_ms)),
    ("a reading in a batch, ms", lambda m: m.batch_ms),
    ("training, s", lambda m: m.training_s),
    ("start to first answer, s", lambda m: m.first_answer_s),
    ("memory of all processes, MB", lambda m: m.memory_mb),
    ("tickets opened", lambda m: m.tickets),
)


def main() -> None:
    """Measure both sides and print one table."""
    (left, serve_ours), (right, serve_stock) = ours(), stock()
    for _ in range(ROUNDS):
        serve_ours()
        serve_stock()
    table = Table("", left.name, right.name, "ours / stock")
    for title, figure in ROWS:
        a, b = figure(left), figure(right)
        table.add_row(title, f"{a:.2f}", f"{b:.2f}" if b else "–", f"{a / b:.2f}" if b else "")
    console.print(
        f"{ROUNDS} times {DIALOGUES} dialogues of {len(LINES)} messages, {CUSTOMERS} customers at a time,"
        f" {os.cpu_count()} cores"
    )
    console.print(table)
    faster = statistics.mean(right.parses_ms) / left.batch_ms
    console.print(f"a batch of ours takes one {faster:.0f}th of stock's time for a sentence")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    console.print(f"largest process (training included): {peak:.0f} MB")


if __name__ == "__main__":
    main()
