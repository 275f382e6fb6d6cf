"""A desk served in this process: real HTTP, real database, no engine behind it."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from sanic import Sanic
from sqlalchemy.orm import Session

from bot.desk import conversations, staff
from bot.desk.messages import receive_message
from bot.desk.tickets import open_ticket
from bot.handbook.reception_tables import load_access
from bot.handbook.requests import Urgency
from bot.server import Desk, make_app, open_desk, utc_now
from bot.settings import load_settings
from bot.storage.staff import Staff

PASSWORD = "Correct-Horse-7"
NUMBERS = itertools.count(1)


@dataclass
class LocalDesk:
    """A desk on a free port, its database at hand, its clock movable."""

    desk: Desk
    url: str
    offset: timedelta = timedelta(0)
    clients: list[httpx.Client] = field(default_factory=list)
    app: Any = None

    def now(self) -> datetime:
        """Return the desk's time."""
        return utc_now() + self.offset

    def add(self, name: str, role: str = "staff", *teams: str, **values: Any) -> Staff:
        """Open an account."""
        with self.desk.sessions.begin() as session:
            return staff.add_staff(
                session,
                load_access(),
                name=name,
                password=PASSWORD,
                role=role,
                teams=teams,
                now=self.now(),
                must_change=False,
                **values,
            )

    def browser(self) -> httpx.Client:
        """Return a client that keeps cookies, not signed in."""
        client = httpx.Client(base_url=f"{self.url}/api/v1/staff", timeout=20)
        self.clients.append(client)
        return client

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Client:
        """Return a client of a person who is signed in."""
        client = self.browser()
        answer = client.post("/sign-in", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["data"]["csrf_token"]
        return client

    def person(self, role: str = "staff", *teams: str, **values: Any) -> httpx.Client:
        """Open an account and sign it in."""
        name = f"{role}{next(NUMBERS)}"
        self.add(name, role, *teams, **values)
        client = self.sign_in(name)
        client.headers["X-Test-Name"] = name
        return client

    def waiting(
        self, text: str = "转人工", *, urgency: str = "general", team: str = "billing"
    ) -> str:
        """Return the id of a conversation that waits for a person."""
        id_ = f"customer-{next(NUMBERS)}"
        with self.desk.sessions.begin() as session:
            self.open(session, id_, text)
            conversation = conversations.find_conversation(session, id_)
            conversations.hand_off(
                session,
                self.desk.handbook,
                conversation,
                reason=text,
                urgency=Urgency(urgency),
                now=self.now(),
                team=team,
            )
        return id_

    def open(self, session: Session, id_: str, text: str) -> None:
        """Store a customer's first message."""
        conversation = conversations.open_conversation(
            session, channel="web", external_id=id_, id=id_, now=self.now()
        )
        message, _ = receive_message(
            session, conversation, text=text, external_id="m1", now=self.now()
        )
        message.state = "handled"

    def ticket(self, conversation_id: str, type: str = "fault_broadband", **values: Any) -> str:
        """Open a ticket of the conversation and return its number."""
        with self.desk.sessions.begin() as session:
            ticket, _ = open_ticket(
                session,
                self.desk.handbook,
                conversation=conversations.find_conversation(session, conversation_id),
                type=type,
                urgency=values.get("urgency", Urgency.GENERAL),
                summary=values.get("summary", "家里宽带断了"),
                facts=values.get("facts", {"address": "城关区幸福小区3号楼"}),
                signals=[],
                key=f"ticket-{next(NUMBERS)}",
                now=self.now(),
            )
            return str(ticket.number)


def serve(app: Sanic, port: int, started: Event, ending: Event) -> None:
    """Run the application in a thread of its own until asked to end."""

    async def main() -> None:
        server = await app.create_server(host="127.0.0.1", port=port, return_asyncio_server=True)
        # Sanic lends its loop to tasks only when it believes that it runs itself.
        app.is_running = True
        await server.startup()
        await server.before_start()
        await server.after_start()
        started.set()
        while not ending.is_set():
            await asyncio.sleep(0.05)
        await server.before_stop()
        await server.close()

    asyncio.run(main())


def start_local(home: Path, database_url: str = "") -> tuple[LocalDesk, Callable[[], None]]:
    """Start a desk on a free port; return it and the function that ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = load_settings(
        {
            "INTAKE_HOME": str(home),
            "INTAKE_DATABASE_URL": database_url,
            "INTAKE_PORT": str(port),
            "INTAKE_RASA_URL": "http://127.0.0.1:9",
            "INTAKE_BURST_WAIT": "0",
            "INTAKE_MESSAGES_PER_MINUTE": "0",
            "INTAKE_SESSIONS_PER_MINUTE": "0",
        }
    )
    local = LocalDesk(open_desk(settings), f"http://127.0.0.1:{port}")
    local.desk.now = local.now
    Sanic.test_mode = True
    local.app = app = make_app(local.desk, name=f"desk_{port}")
    started, ending = Event(), Event()
    thread = Thread(target=serve, args=(app, port, started, ending), daemon=True)
    thread.start()
    assert started.wait(20), "the desk did not start"

    def end() -> None:
        for client in local.clients:
            client.close()
        ending.set()
        thread.join(20)
        assert not thread.is_alive(), "the desk did not end"

    return local, end


def desk_of_two(folder: Path) -> Iterator[LocalDesk]:
    """Serve a desk with a person of billing and a leader until the caller is done."""
    local, end = start_local(folder)
    local.add("li", "staff", "billing", title="李敏")
    local.add("wang", "leader", title="王强")
    yield local
    end()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve one desk on SQLite for the tests of a module."""
    local, end = start_local(tmp_path_factory.mktemp("desk"))
    yield local
    end()


@pytest.fixture(autouse=True)
def present_time(local: LocalDesk) -> Iterator[None]:
    """Put the desk's clock back after each test."""
    local.offset = timedelta(0)
    yield
    local.offset = timedelta(0)


@pytest.fixture(name="staff")
def person_of_billing(local: LocalDesk) -> httpx.Client:
    """Return the signed-in client of a person who serves bills."""
    return local.person("staff", "billing")


@pytest.fixture
def held(local: LocalDesk, staff: httpx.Client) -> str:
    """Return a conversation that the person holds."""
    id_ = local.waiting()
    assert 200 == staff.post(f"/conversations/{id_}/claim").status_code
    return id_
