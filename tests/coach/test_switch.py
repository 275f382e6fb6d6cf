"""Switch and way back: routes keep conversations together, engines change without a gap."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.conversations import hand_off
from bot.desk.engine_routes import Routes, in_share, routes_path
from bot.desk.messages import note_for_review
from bot.desk.model_files import (
    NotPassed,
    gate_path,
    keep_report,
    models_folder,
    pointer,
    read_json,
    write_json,
)
from bot.desk.model_switching import (
    NoReason,
    guard_switch,
    let_pass,
    live_signals,
    roll_back,
    set_canary,
    switch_history,
    switch_model,
)
from bot.engines import Engines, free_port
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.handbook.training_table import load_training
from bot.settings import Settings, load_settings
from bot.storage.audit import AuditEntry
from bot.storage.conversations import Conversation, Message
from bot.supervisor import Part, wait_until_ready


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home with three kept models, two of which passed."""
    folder = models_folder(tmp_path)
    folder.mkdir()
    for name, passed in (("old", True), ("new", True), ("bad", False)):
        (folder / f"{name}.tar.gz").write_bytes(b"model")
        report = {"passed": passed, "played": True, "against": "old", "measures": {"accuracy": 0.7}}
        write_json(gate_path(tmp_path, name), report)
    return tmp_path


def switch(session: Session, home: Path, name: str, now: datetime, reason: str = "更准") -> None:
    switch_model(session, home, name, by="trainer1", reason=reason, now=now, serving="old")


def test_a_switch_is_kept_with_who_why_and_figures(session: Session, home: Path, now: datetime) -> None:
    switch(session, home, "new", now)

    [row] = switch_history(session)
    assert (row["model"], row["previous"], row["by"], row["reason"]) == ("new", "old", "trainer1", "更准")
    assert row["figures"]["measures"] == {"accuracy": 0.7}
    assert pointer(home)["model"] == "new"


def test_a_stopped_model_does_not_serve_until_a_leader_lets_it_pass(
    session: Session, home: Path, now: datetime
) -> None:
    with pytest.raises(NotPassed):
        switch(session, home, "bad", now)
    let_pass(session, home, "bad", by="leader1", reason="新类型还没有评测句", now=now)
    keep_report(home, "bad", {"passed": False, "reasons": ["变差"]})
    switch(session, home, "bad", now)

    assert switch_history(session)[0]["figures"]["override"]["by"] == "leader1"


def test_what_a_leader_let_pass_is_in_history_and_audit(
    session: Session, home: Path, now: datetime
) -> None:
    let_pass(session, home, "bad", by="leader1", reason="新类型还没有评测句", now=now, staff_id=7)

    [row] = switch_history(session)
    assert (row["kind"], row["by"], row["reason"]) == ("override", "leader1", "新类型还没有评测句")
    [entry] = session.execute(
        select(AuditEntry).where(AuditEntry.action == "model_override")
    ).scalars()
    assert (entry.action, entry.subject, entry.staff_id) == ("model_override", "model:bad", 7)
    with pytest.raises(NoReason):
        let_pass(session, home, "bad", by="leader1", reason=" ", now=now)


def test_numbers_in_the_reasons_are_masked(session: Session, home: Path, now: datetime) -> None:
    number = "138" + "0000" + "0099"
    report = let_pass(session, home, "bad", by="leader1", reason=f"已与{number}确认", now=now)
    switch(session, home, "new", now, reason=f"请回拨{number}")

    shown = [row["reason"] for row in switch_history(session)]
    assert ["请回拨138****0099", "已与138****0099确认"] == shown
    assert number not in str(report) + gate_path(home, "bad").read_text("utf-8")


@pytest.mark.parametrize(
    ("report", "why"), [({"played": False}, "没有走完整对话"), ({"against": "new"}, "对比的不是在用的模型old")]
)
def test_a_report_is_worth_what_was_played_against_the_model_in_service(
    session: Session, home: Path, now: datetime, report: dict[str, object], why: str
) -> None:
    write_json(gate_path(home, "new"), {"passed": True, "played": True, "against": "old", **report})

    with pytest.raises(NotPassed, match=why):
        switch(session, home, "new", now)
    with pytest.raises(NotPassed, match=why):
        set_canary(session, home, "new", share=0.2, by="a", reason="先试", now=now, serving="old")


def test_a_canary_was_not_in_service(session: Session, home: Path, now: datetime) -> None:
    set_canary(session, home, "new", share=0.2, by="a", reason="先试", now=now, serving="old")
    write_json(gate_path(home, "new"), {"passed": False})

    with pytest.raises(NotPassed):
        switch(session, home, "new", now)


def test_a_switch_needs_a_reason(session: Session, home: Path, now: datetime) -> None:
    with pytest.raises(NoReason):
        switch(session, home, "new", now, reason=" ")


def test_rollback_returns_to_the_model_before(session: Session, home: Path, now: datetime) -> None:
    switch(session, home, "new", now)
    roll_back(session, home, by="trainer1", reason="后悔了", now=now)

    assert [row["kind"] for row in switch_history(session)] == ["rollback", "switch"]
    assert pointer(home)["model"] == "old"


def turns(
    session: Session, conversation: str, count: int, clarified: int, at: datetime, first: int
) -> None:
    for number in range(count):
        session.add(
            Message(
                conversation_id=conversation, direction="in", author="customer", text="查话费",
                external_id=f"m{first + number}", state="handled", created_at=at,
            )
        )
    for _ in range(clarified):
        note_for_review(
            session, conversation_id=conversation, message_id=None, reason="clarified", text="啥",
            reading=None, now=at,
        )
    session.flush()


@pytest.mark.parametrize(
    ("clarified", "count", "serves"), [(30, 100, "old"), (6, 100, "new"), (15, 30, "new")]
)
def test_the_model_before_comes_back_when_signals_leave_their_band(
    session: Session, home: Path, now: datetime, make_conversation: Callable[..., object],
    clarified: int, count: int, serves: str,
) -> None:
    conversation = make_conversation(session).id
    turns(session, conversation, 100, 5, now - timedelta(days=1), 0)
    switch(session, home, "new", now)
    turns(session, conversation, count, clarified, now + timedelta(minutes=5), 1000)
    guard_switch(session, home, load_training(), now=now + timedelta(minutes=10))

    assert pointer(home)["model"] == serves


def handed(
    session: Session, handbook: Handbook, make_conversation: Callable[..., Conversation], at: datetime
) -> Conversation:
    conversation = make_conversation(session)
    hand_off(session, handbook, conversation, reason="转人工", urgency=Urgency.GENERAL, now=at)
    return conversation


def test_a_hand_over_counts_once_and_when_it_was(
    session: Session, handbook: Handbook, now: datetime, make_conversation: Callable[..., Conversation]
) -> None:
    conversation = handed(session, handbook, make_conversation, now - timedelta(days=3))
    conversation.last_customer_at = now + timedelta(minutes=1)
    make_conversation(session, handoff_reason="客服代表主动接入", last_customer_at=now)
    handed(session, handbook, make_conversation, now + timedelta(minutes=2))
    session.flush()

    def count(since: datetime, until: datetime) -> int:
        return live_signals(session, since=since, until=until).counts["handed_over"]

    assert count(now - timedelta(days=7), now) == 1
    assert count(now, now + timedelta(hours=1)) == 1


def test_a_canary_keeps_the_model_in_service(session: Session, home: Path, now: datetime) -> None:
    switch(session, home, "old", now)
    set_canary(session, home, "new", share=0.2, by="trainer1", reason="先试两成", now=now)
    assert (pointer(home)["model"], pointer(home)["canary"]["model"]) == ("old", "new")
    set_canary(session, home, None, share=0, by="trainer1", reason="够了", now=now)
    assert pointer(home)["canary"] is None


# Routes


def routes(home: Path, **table: object) -> Routes:
    write_json(routes_path(home), table)
    return Routes(routes_path(home), "http://default", rest_s=600)


def engine(name: str) -> dict[str, str]:
    return {"model": name, "url": f"http://{name}"}


def test_without_routes_the_address_is_that_of_the_settings(tmp_path: Path) -> None:
    assert Routes(routes_path(tmp_path), "http://default").address("c1", 0) == "http://default"


@pytest.mark.parametrize(
    ("later", "address"), [(60, "http://old"), (700, "http://new")]
)
def test_a_conversation_stays_with_its_engine_until_it_rests(
    home: Path, later: float, address: str
) -> None:
    known = routes(home, serving=engine("old"))
    known.address("c1", 0)
    write_json(routes_path(home), {"serving": engine("new"), "draining": [engine("old")]})

    assert known.address("c1", later) == address
    assert known.address("c2", later) == "http://new"


def test_a_stopped_engine_gets_no_more_turns(home: Path) -> None:
    known = routes(home, serving=engine("old"))
    known.address("c1", 0)
    write_json(routes_path(home), {"serving": engine("new"), "draining": []})

    assert known.address("c1", 10) == "http://new"


def test_a_canary_gets_its_share_of_conversations(home: Path) -> None:
    known = routes(home, serving=engine("old"), canary={**engine("new"), "share": 0.3})
    chosen = [known.address(f"c{n}", 0) for n in range(1000)]

    assert 250 < chosen.count("http://new") < 350
    assert all((a == "http://new") == in_share(f"c{n}", 0.3) for n, a in enumerate(chosen))


# Engines: real processes that answer or not, in place of Rasa and its action server.


def part(settings: Settings, name: str, url: str, works: bool) -> Part:
    code = f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={urlsplit(url).port}, bind='127.0.0.1')"
    command = [sys.executable, "-c", code if works else "raise SystemExit(1)"]
    return Part(name, command, url, {}, settings.home / "logs" / f"{name}.log")


def make(settings: Settings, model: Path) -> list[Part]:
    works = "bad" not in model.name
    return [
        part(settings, "actions", settings.actions_url, works),
        part(settings, "rasa", settings.rasa_url, works),
    ]


@pytest.fixture
def engines(home: Path) -> Engines:
    """Serve the old model."""
    settings = load_settings(
        {
            "INTAKE_HOME": str(home),
            "INTAKE_RASA_URL": f"http://127.0.0.1:{free_port()}",
            "INTAKE_ACTIONS_URL": f"http://127.0.0.1:{free_port()}",
        }
    )
    parts = make(settings, models_folder(home) / "old.tar.gz")
    for each in parts:
        each.start()
    engines = Engines.begin(settings, parts, models_folder(home) / "old.tar.gz")
    engines.make = make
    assert wait_until_ready(parts) is None
    yield engines
    engines.stop()
    for each in parts:
        each.stop()


def tick_until(engines: Engines, done: Callable[[], bool], within: float = 20.0) -> None:
    end = time.monotonic() + within
    while not done() and time.monotonic() < end:
        engines.tick()
        time.sleep(0.05)
    assert done()


def point(home: Path, name: str, **more: object) -> None:
    write_json(models_folder(home) / "current", {"model": name, **more})


def test_the_new_engine_takes_over_when_ready_and_the_old_one_drains(
    engines: Engines, home: Path
) -> None:
    old_url = engines.serving.url
    point(home, "new")
    engines.tick()
    assert json.loads(routes_path(home).read_text())["serving"]["url"] == old_url
    tick_until(engines, lambda: engines.serving.model == "new")

    table = read_json(routes_path(home))
    assert table["draining"] == [{"model": "old", "url": old_url}]
    assert all(each.is_ready() for each in engines.parts)


def test_the_way_back_takes_the_engine_that_still_drains(engines: Engines, home: Path) -> None:
    first = engines.serving
    point(home, "new")
    tick_until(engines, lambda: engines.serving.model == "new")
    point(home, "old")
    engines.tick()

    assert engines.serving is first
    assert [engine.model for engine in engines.draining] == ["new"]
    assert read_json(routes_path(home))["serving"]["url"] == first.url


def test_after_draining_the_model_moves_back_to_the_known_ports(engines: Engines, home: Path) -> None:
    known = engines.serving.url
    point(home, "new")
    tick_until(engines, lambda: engines.serving.model == "new")
    for old in engines.draining:
        old.until = 0.0
    tick_until(engines, lambda: engines.serving.url == known)

    assert engines.serving.model == "new"


def test_a_model_that_does_not_start_leaves_the_old_one_in_service(
    engines: Engines, home: Path
) -> None:
    point(home, "bad")
    tick_until(engines, lambda: read_json(routes_path(home)).get("state") == "refused")

    assert engines.serving.model == "old"
    assert all(each.is_ready() for each in engines.parts)
    assert pointer(home)["model"] == "old"


def test_a_canary_engine_starts_and_ends_beside_the_old_one(engines: Engines, home: Path) -> None:
    point(home, "old", canary={"model": "new", "share": 0.2})
    tick_until(engines, lambda: engines.canary is not None)
    assert read_json(routes_path(home))["canary"]["share"] == 0.2
    point(home, "old")
    tick_until(engines, lambda: engines.canary is None)

    assert engines.serving.model == "old"
