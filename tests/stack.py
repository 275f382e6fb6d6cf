"""The real stack for tests: Rasa, action server and desk on free ports, and a customer to talk.

The model is the project's own, trained once into `var/` and used by every test session until
data or code change. Everything else lives in a temporary home.
"""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.coach.train import train_if_needed
from bot.first_start import first_password
from bot.settings import load_settings
from bot.supervisor import Part, parts_of, wait_until_ready

ADMIN_PASSWORD = "Aa1!" + secrets.token_urlsafe(12)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stack:
    """A running stack: its address, its home and its processes by name."""

    url: str
    home: Path
    database_url: str
    parts: dict[str, Part]
    admin_password: str = ADMIN_PASSWORD

    def customer(self) -> Customer:
        """Open a customer's session."""
        return Customer(self.url)

    def stop(self) -> None:
        """End all processes."""
        for part in reversed(list(self.parts.values())):
            part.stop()


def start_stack(home: Path, **environ: str) -> Stack:
    """Start the three processes with a home and a database of their own."""
    shared = load_settings({})
    model = train_if_needed(shared)
    port = free_port()
    values = {
        "INTAKE_HOME": str(home), "INTAKE_PORT": str(port), "INTAKE_HOST": "127.0.0.1",
        "INTAKE_RASA_URL": f"http://127.0.0.1:{free_port()}",
        "INTAKE_ACTIONS_URL": f"http://127.0.0.1:{free_port()}",
        "INTAKE_ADMIN_PASSWORD": ADMIN_PASSWORD, "INTAKE_MESSAGES_PER_MINUTE": "0",
        "INTAKE_SESSIONS_PER_MINUTE": "0", **environ,
    }
    settings = load_settings(values)
    password = first_password(settings)
    parts = parts_of(settings, model)
    for part in parts:
        part.environ = {**part.environ, **values, "INTAKE_SECRET": settings.secret}
        part.start()
    failure = wait_until_ready(parts)
    stack = Stack(
        f"http://127.0.0.1:{port}", home, settings.database_url,
        {part.name: part for part in parts}, password or ADMIN_PASSWORD,
    )
    if failure:
        stack.stop()
        pytest.fail(failure)
    return stack


@dataclass
class Answer:
    """What a customer got for one message."""

    replies: list[dict[str, Any]]
    message: dict[str, Any]

    @property
    def text(self) -> str:
        """Return all texts in one."""
        return "\n".join(reply["text"] for reply in self.replies)

    @property
    def ticket(self) -> dict[str, Any] | None:
        """Return the last ticket card shown."""
        cards = [reply["ticket"] for reply in self.replies if reply.get("ticket")]
        return cards[-1] if cards else None


@dataclass
class Customer:
    """One customer on the HTTP interface."""

    url: str
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=60)
        data = self.http.post("/sessions").json()["data"]
        self.token, self.conversation_id = data["token"], data["conversation_id"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def post(self, text: str, *, id: str | None = None, wait: bool = True) -> httpx.Response:
        """Send one message as it is."""
        body = {"text": text, "client_message_id": id or f"m{next(self.numbers)}"}
        return self.http.post("/messages", params={"wait": "1"} if wait else None, json=body)

    def say(self, text: str, **options: Any) -> Answer:
        """Send one message and wait for the bot's turn."""
        response = self.post(text, **options)
        assert response.status_code in {200, 201}, response.text
        data = response.json()["data"]
        return Answer(data["replies"], data["message"])

    def messages(self) -> list[dict[str, Any]]:
        """Return the whole conversation."""
        return self.http.get("/messages").json()["data"]["messages"]


@pytest.fixture(scope="session")
def live_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run one stack on SQLite for the whole test session."""
    stack = start_stack(tmp_path_factory.mktemp("home"))
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def live_desk(live_stack: Stack) -> str:
    """Return the address of the running desk."""
    return live_stack.url


def start_desk_alone(home: Path, **environ: str) -> Stack:
    """Start the desk with no engine behind it: every turn is served in degraded mode."""
    port, closed = free_port(), free_port()
    values = {
        "INTAKE_HOME": str(home), "INTAKE_PORT": str(port), "INTAKE_HOST": "127.0.0.1",
        "INTAKE_RASA_URL": f"http://127.0.0.1:{closed}", "INTAKE_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "INTAKE_SESSIONS_PER_MINUTE": "0", "INTAKE_BURST_WAIT": "0.05", **environ,
    }
    settings = load_settings(values)
    first_password(settings)
    [desk] = [part for part in parts_of(settings, home / "no-model") if part.name == "desk"]
    desk.environ = {**desk.environ, **values}
    desk.start()
    failure = wait_until_ready([desk])
    stack = Stack(f"http://127.0.0.1:{port}", home, settings.database_url, {"desk": desk})
    if failure:
        stack.stop()
        pytest.fail(failure)
    return stack
