"""The outbox and its senders: one contract for all, retries, dead letters, signatures."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from bot.desk import outbox
from bot.desk.messages import Gate
from bot.desk.notices import delivery_id_of, notify_staff, put_delivery, tell_customer
from bot.desk.outbox import DeliveryError, Outgoing, Sender, dead_letters, deliver_due, send_again
from bot.desk.senders import (
    DELIVERY,
    ConsoleSender,
    CustomerSender,
    MailSender,
    WebhookSender,
    addresses_by_role,
    verify,
)
from bot.dialogue.texts import load_texts
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Message
from bot.storage.notices import Delivery, Notice
from bot.storage.tickets import Ticket
from tests.moments import at

NOW = at("2026-03-02 10:00")
SECRET = "not a secret"


@dataclass
class Outside:
    """A receiver of any kind: what it got, by delivery id, and how it answers."""

    seen: list[str] = field(default_factory=list)
    answer: int = 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[tuple[str, Outside]]:
    """Listen on a port of our own for webhooks."""
    outside = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            outside.requests.append((dict(self.headers.items()), body))
            if outside.answer == 200:
                outside.seen.append(self.headers[DELIVERY])
            self.send_response(outside.answer)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", outside
    server.shutdown()


@pytest.fixture
def post() -> Iterator[tuple[str, Outside]]:
    """Listen on a port of our own for mail."""
    outside = Outside()

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            if outside.answer != 200:
                return f"{outside.answer} no"
            message = message_from_bytes(envelope.content)
            outside.seen.append(message["Message-ID"].strip("<>").split("@")[0])
            return "250 ok"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}/?from=desk@example.com", outside
    controller.stop()


@dataclass
class Case:
    """Hold one sender, what it sends, what arrived, and how its receiver can be made to fail."""

    sender: Sender
    outgoing: Outgoing
    arrived: Callable[[], list[str]]
    refuse: Callable[[bool], None]
    once: bool


def outgoing(name: str, target: str, payload: dict[str, Any]) -> Outgoing:
    """Make one delivery."""
    return Outgoing(delivery_id_of(f"test:{name}"), name, target, payload, 1, NOW)


NOTICE = {"kind": "deadline", "level": "urgent", "role": "leader", "team": "network", "text": "工单时限已到"}


@pytest.fixture(params=["console", "webhook", "mail", "customer"])
def case(
    request: pytest.FixtureRequest, sessions: sessionmaker, handbook: Handbook, web: tuple[str, Outside],
    post: tuple[str, Outside], make_ticket: Callable[..., Ticket],
) -> Case:
    """Return each sender with a receiver."""
    name = request.param
    if name == "webhook":
        return Case(WebhookSender(web[0], SECRET), outgoing(name, "leader:network:", NOTICE), lambda: web[1].seen, lambda final: setattr(web[1], "answer", 410 if final else 503), once=False)
    if name == "mail":
        sender = MailSender(post[0], lambda _payload: ["leader@example.com"])
        return Case(sender, outgoing(name, "leader:network:", NOTICE), lambda: post[1].seen, lambda final: setattr(post[1], "answer", 550 if final else 451), once=False)

    def ids(query: Any, prefix: str = "") -> Callable[[], list[str]]:
        def read() -> list[str]:
            with sessions() as session:
                return [each.removeprefix(prefix) for each in session.execute(query).scalars()]

        return read

    if name == "console":
        return Case(ConsoleSender(sessions), outgoing(name, "leader", NOTICE), ids(select(Notice.key).where(Notice.key.like("delivery:%")), "delivery:"), lambda _final: None, once=True)
    with sessions.begin() as session:
        ticket = make_ticket(session)
        payload = tell_customer(session, handbook, ticket, "utter_told_dispatched", key="x", now=NOW).payload
        target = ticket.conversation_id
    sender = CustomerSender(sessions, Gate(load_checker(verify=False), "请稍候。"), load_texts())
    return Case(sender, outgoing(name, target, payload), ids(select(Message.external_id).where(Message.direction == "out", Message.state == "sent")), lambda _final: None, once=True)


def test_every_sender_delivers_under_an_id_the_receiver_sees(case: Case) -> None:
    case.sender.send(case.outgoing, now=NOW)

    assert case.arrived() == [case.outgoing.id]


def test_a_repetition_carries_the_same_id(case: Case) -> None:
    case.sender.send(case.outgoing, now=NOW)
    case.sender.send(case.outgoing, now=NOW + timedelta(minutes=2))

    assert case.arrived() == [case.outgoing.id] * (1 if case.once else 2)


@pytest.mark.parametrize("final", [True, False])
def test_a_sender_says_whether_another_try_can_help(case: Case, final: bool) -> None:
    if case.once:
        pytest.skip("what is delivered inside the database cannot be refused")
    case.refuse(final)

    with pytest.raises(DeliveryError) as error:
        case.sender.send(case.outgoing, now=NOW)

    assert error.value.permanent is final


def test_a_receiver_that_is_not_there_can_be_tried_again() -> None:
    with pytest.raises(DeliveryError) as error:
        WebhookSender("http://127.0.0.1:9/", SECRET).send(outgoing("webhook", "x", NOTICE), now=NOW)

    assert error.value.permanent is False


def test_a_webhook_is_believed_only_when_signed_and_fresh(web: tuple[str, Outside]) -> None:
    WebhookSender(web[0], SECRET).send(outgoing("webhook", "x", NOTICE), now=NOW)
    headers, body = web[1].requests[0]

    checks = {
        "as sent": verify(SECRET, headers, body, now=NOW),
        "four minutes later": verify(SECRET, headers, body, now=NOW + timedelta(minutes=4)),
        "replayed six minutes later": verify(SECRET, headers, body, now=NOW + timedelta(minutes=6)),
        "another body": verify(SECRET, headers, body + b" ", now=NOW),
        "another secret": verify("other", headers, body, now=NOW),
        "no signature": verify(SECRET, {}, body, now=NOW),
    }
    assert [name for name, ok in checks.items() if ok] == ["as sent", "four minutes later"]


@pytest.mark.parametrize(
    ("role", "team", "told"),
    [
        ("leader", "billing", ["b@x"]),
        ("leader", "care", ["l@x"]),
        ("duty_manager", "care", ["d@x", "e@x"]),
        ("team", "care", ["all@x"]),
        ("holder", None, ["all@x"]),
    ],
)
def test_a_warning_is_mailed_to_the_narrowest_who_fit(role: str, team: str | None, told: list[str]) -> None:
    addresses = addresses_by_role("leader/billing=b@x, leader=l@x, duty_manager=d@x,duty_manager=e@x, all@x,")

    assert addresses({"role": role, "team": team}) == told


def test_nobody_is_mailed_where_nobody_is_named() -> None:
    assert addresses_by_role("leader=l@x")({"role": "team", "team": "care"}) == []


def test_a_notice_that_nobody_is_to_be_mailed_is_no_dead_letter(sessions: sessionmaker, handbook: Handbook) -> None:
    with sessions.begin() as session:
        put_delivery(session, key="m", sender="mail", target="holder:care:", payload={**NOTICE, "role": "holder"}, now=NOW)

    done = deliver_due(sessions, handbook, {"mail": MailSender("smtp://127.0.0.1:9/", addresses_by_role("leader=l@x"))}, now=NOW)

    with sessions() as session:
        assert (done.dead, session.execute(select(Delivery.state)).scalar_one()) == (0, "skipped")


class Refusing:
    """A receiver that is down."""

    def __init__(self, *, permanent: bool = False) -> None:
        self.tries: list[Any] = []
        self.permanent = permanent

    def send(self, outgoing: Outgoing, *, now: Any) -> None:
        """Refuse and note when."""
        self.tries.append(now)
        raise DeliveryError("down", "down", permanent=self.permanent)


def put(sessions: sessionmaker, key: str = "a", **more: Any) -> None:
    """Write one delivery for the webhook."""
    with sessions.begin() as session:
        put_delivery(session, key=key, sender="webhook", target="x", payload=NOTICE, now=NOW, **more)


def test_retries_wait_longer_up_to_a_ceiling_and_end_as_a_dead_letter(sessions: sessionmaker, handbook: Handbook) -> None:
    put(sessions)
    down, now = Refusing(), NOW
    while now < NOW + timedelta(hours=12):
        deliver_due(sessions, handbook, {"webhook": down}, now=now)
        # Often enough for the shortest waits at first, and for the longest later.
        now += timedelta(seconds=10 if now < NOW + timedelta(seconds=150) else 80)

    waits = [(b - a).total_seconds() for a, b in zip(down.tries, down.tries[1:], strict=False)]
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    with sessions() as session:
        assert [row.last_error for row in dead_letters(session)] == ["down: down"]


def test_a_dead_letter_is_sent_again_under_its_old_id(sessions: sessionmaker, handbook: Handbook, web: tuple[str, Outside]) -> None:
    put(sessions)
    deliver_due(sessions, handbook, {"webhook": Refusing(permanent=True)}, now=NOW)
    with sessions.begin() as session:
        old = dead_letters(session)[0].delivery_id
        send_again(session, old, now=NOW)

    deliver_due(sessions, handbook, {"webhook": WebhookSender(web[0], SECRET)}, now=NOW)

    assert web[1].seen == [old]


def test_digests_go_out_as_one(sessions: sessionmaker, handbook: Handbook, web: tuple[str, Outside]) -> None:
    for key in ("a", "b", "c"):
        put(sessions, key, digest="webhook:leader", send_at=NOW + timedelta(hours=1))
    assert deliver_due(sessions, handbook, {"webhook": WebhookSender(web[0], SECRET)}, now=NOW).sent == 0

    deliver_due(sessions, handbook, {"webhook": WebhookSender(web[0], SECRET)}, now=NOW + timedelta(hours=1))

    assert [body.count(b'"text"') for _, body in web[1].requests] == [3]


def test_slow_receivers_give_way_to_customers_after_a_while(
    sessions: sessionmaker, handbook: Handbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abc":
        put(sessions, key)
    monkeypatch.setattr(outbox, "LONGEST_ROUND_S", 0.2)
    down = Refusing()

    class Slow:
        def send(self, outgoing: Outgoing, *, now: Any) -> None:
            time.sleep(0.3)
            down.send(outgoing, now=now)

    deliver_due(sessions, handbook, {"webhook": Slow()}, now=NOW)

    with sessions() as session:
        rows = [(row.attempts, row.next_at) for row in session.execute(select(Delivery).order_by(Delivery.id)).scalars()]
    assert (len(down.tries), rows[1:]) == (1, [(0, NOW), (0, NOW)])
    assert rows[0][0] == 1
    assert rows[0][1] > NOW


def test_what_one_process_has_claimed_another_leaves_alone(sessions: sessionmaker, handbook: Handbook, web: tuple[str, Outside]) -> None:
    put(sessions)
    other = WebhookSender(web[0], SECRET)

    class Slow:
        def send(self, outgoing: Outgoing, *, now: Any) -> None:
            deliver_due(sessions, handbook, {"webhook": other}, now=now)

    deliver_due(sessions, handbook, {"webhook": Slow()}, now=NOW)

    assert web[1].seen == []


def test_a_survey_waits_while_the_customer_talks_with_a_person(sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session)
        session.get(Conversation, ticket.conversation_id).state = "staff"
        tell_customer(session, handbook, ticket, "utter_survey_second", key="s", now=NOW, survey=True)
    sender = CustomerSender(sessions, Gate(load_checker(verify=False), "请稍候。"), load_texts())

    deliver_due(sessions, handbook, {"customer": sender}, now=NOW)

    with sessions() as session:
        row = session.execute(select(Delivery)).scalar_one()
        assert (row.state, row.attempts, row.next_at) == ("pending", 0, NOW + timedelta(minutes=10))


def test_the_same_notice_twice_is_one(sessions: sessionmaker) -> None:
    for _ in range(2):
        with sessions.begin() as session:
            notify_staff(session, key="k", kind="x", level="info", role="leader", text="一次", now=NOW)

    with sessions() as session:
        assert len(session.execute(select(Notice)).scalars().all()) == 1


def test_what_the_desk_writes_itself_shares_a_transaction_and_nobodys_trouble(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        tickets = [make_ticket(session) for _ in range(12)]
        for ticket in tickets:
            tell_customer(session, handbook, ticket, "utter_survey_second", key="s", now=NOW)
        broken = session.execute(select(Delivery).order_by(Delivery.id).offset(3).limit(1)).scalar_one()
        broken.target = "nobody"
    woken: list[str] = []
    sender = CustomerSender(sessions, Gate(load_checker(verify=False), "请稍候。"), load_texts(), woken.append)

    done = deliver_due(sessions, handbook, {"customer": sender}, now=NOW)

    assert (done.sent, done.dead) == (11, 1)
    with sessions() as session:
        said = session.execute(select(Message).where(Message.state == "sent")).scalars().all()
        states = session.execute(select(Delivery.state).order_by(Delivery.id)).scalars().all()
    assert len(said) == 11 and set(woken) == {message.conversation_id for message in said}
    assert states == ["sent"] * 3 + ["dead"] + ["sent"] * 8


def test_a_delivery_that_cannot_be_written_holds_no_other_up(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        for _ in range(3):
            tell_customer(session, handbook, make_ticket(session), "utter_survey_second", key="s", now=NOW)
        last = session.execute(select(Delivery).order_by(Delivery.id.desc()).limit(1)).scalar_one()
        last.payload = {"values": {}}
    sender = CustomerSender(sessions, Gate(load_checker(verify=False), "请稍候。"), load_texts())

    done = deliver_due(sessions, handbook, {"customer": sender}, now=NOW)

    assert (done.sent, done.dead) == (2, 1)
    with sessions() as session:
        assert session.execute(select(Delivery.state).order_by(Delivery.id)).scalars().all() == ["sent", "sent", "dead"]
        assert "text_unusable" in dead_letters(session)[0].last_error


def test_a_text_that_lacks_a_value_is_a_dead_letter_that_says_which(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        row = tell_customer(session, handbook, make_ticket(session), "utter_told_delayed", key="s", now=NOW)
        assert "new_time" not in row.payload["values"]
    sender = CustomerSender(sessions, Gate(load_checker(verify=False), "请稍候。"), load_texts())

    deliver_due(sessions, handbook, {"customer": sender}, now=NOW)

    with sessions() as session:
        assert "new_time" in dead_letters(session)[0].last_error
