"""Switch and way back: routes keep conversations together, engines change without a gap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.coach.switch import signals_of
from bot.desk.conversations import hand_off
from bot.desk.engine_routes import Routes, in_share, routes_path
from bot.desk.messages import note_for_review
from bot.desk.model_files import (
    NotPassed,
    card_path,
    ended_notes,
    gate_path,
    keep_report,
    kept_models,
    models_folder,
    note_ended,
    pointer,
    write_json,
)
from bot.desk.model_switching import (
    NoReason,
    guard_canary,
    guard_switch,
    let_pass,
    live_signals,
    roll_back,
    set_canary,
    switch_history,
    switch_model,
    take_in_ended,
    watched_signals,
)
from bot.handbook.requests import Urgency
from bot.handbook.signal_table import signals_in_force
from bot.handbook.tables import Handbook
from bot.handbook.training_table import load_training
from bot.storage.audit import AuditEntry
from bot.storage.conversations import Conversation, Message
from bot.storage.notices import Notice


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


def test_a_report_is_worth_what_was_judged_with_the_signals_in_force(
    session: Session, home: Path, now: datetime
) -> None:
    report = {"passed": True, "played": True, "against": "old", "signals": "1-before"}
    write_json(gate_path(home, "new"), report)
    with pytest.raises(NotPassed, match="紧急征象有改动"):
        switch(session, home, "new", now)

    write_json(gate_path(home, "new"), {**report, "signals": signals_in_force()})
    switch(session, home, "new", now)
    assert "signals" not in switch_history(session)[0]["figures"]


def test_the_way_back_is_open_and_says_that_the_signals_are_others(
    session: Session, home: Path, now: datetime
) -> None:
    write_json(card_path(home, "old"), {"signals": "1-before"})
    switch(session, home, "new", now)
    row = roll_back(session, home, by="trainer1", reason="后悔了", now=now)

    assert row.figures["signals"] == {"judged": "1-before", "now": signals_in_force()}
    assert "judged with signals 1-before" in signals_of(row)
    assert [model["signals"] for model in kept_models(home) if model["name"] == "old"] == ["1-before"]


def test_another_version_is_another_table_of_signals(tmp_path: Path) -> None:
    path = tmp_path / "signals.yml"
    path.write_text("version: 7\nsignals: []\n")
    before = signals_in_force(path)
    path.write_text("version: 8\nsignals: []\n")

    assert before.startswith("7-")
    assert signals_in_force(path).startswith("8-")
    assert signals_in_force(path)[2:] != before[2:]


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
    later = now + timedelta(minutes=10)
    [seen] = watched_signals(session, home, load_training(), now=later)
    guard_switch(session, home, load_training(), now=later)

    assert pointer(home)["model"] == serves
    [signal] = [row for row in seen["signals"] if row["id"] == "clarified"]
    assert (seen["kind"], seen["model"], seen["before"], seen["after"]) == ("switch", "new", 100, count)
    out = signal["after"] > signal["most"] and count >= signal["least_turns"]
    assert (signal["before"], out) == (0.05, serves == "old")
    assert [w["kind"] for w in watched_signals(session, home, load_training(), now=later)] == ["switch"] * (serves == "new")


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


def canary_of(session: Session, home: Path, now: datetime) -> None:
    switch_model(session, home, "old", by="trainer1", reason="换", now=now - timedelta(days=9), serving="old")
    set_canary(session, home, "new", share=0.3, by="trainer1", reason="先试三成", now=now)


def sides(make_conversation: Callable[..., Conversation], session: Session) -> tuple[str, str]:
    """Return a conversation of the canary's share and one of the model in service."""
    found: dict[bool, str] = {}
    while len(found) < 2:
        id_ = str(make_conversation(session).id)
        found.setdefault(in_share(id_, 0.3), id_)
    return found[True], found[False]


@pytest.mark.parametrize(
    ("of_canary", "of_serving", "ends"), [(30, 5, True), (30, 28, False), (5, 30, False)]
)
def test_a_canary_ends_when_its_signals_leave_the_band_of_the_model_in_service(
    session: Session, home: Path, now: datetime, make_conversation: Callable[..., Conversation],
    of_canary: int, of_serving: int, ends: bool,
) -> None:
    canary_of(session, home, now)
    tried, served = sides(make_conversation, session)
    turns(session, tried, 100, of_canary, now + timedelta(minutes=5), 0)
    turns(session, served, 100, of_serving, now + timedelta(minutes=5), 1000)
    later = now + timedelta(minutes=10)
    [seen] = watched_signals(session, home, load_training(), now=later)
    assert (seen["kind"], seen["model"], seen["before"], seen["after"]) == ("canary", "new", 100, 100)
    assert seen["signals"][0]["after"] == of_canary / 100
    out = guard_canary(session, home, load_training(), now=later)

    assert (pointer(home)["canary"] is None, pointer(home)["model"]) == (ends, "old")
    notices = session.execute(select(Notice).where(Notice.role == "trainer")).scalars().all()
    last = switch_history(session)[0]
    assert ([n.text.count("反问确认率") for n in notices], last["kind"] == "canary_end") == ([1] * ends, ends)
    if ends:
        assert (last["previous"], last["by"], last["reason"]) == ("new", "系统", "自动结束灰度：" + out[0])
        assert last["figures"]["after"]["clarified"] == 30
    assert guard_canary(session, home, load_training(), now=later) == []


def test_a_canary_leaves_the_watch_over_a_fresh_switch_as_it_was(
    session: Session, home: Path, now: datetime
) -> None:
    switch(session, home, "new", now)
    write_json(gate_path(home, "old"), {"passed": True, "played": True, "against": "new"})
    set_canary(session, home, "old", share=0.2, by="a", reason="对照", now=now + timedelta(hours=1))

    assert pointer(home)["since"] == now.isoformat()
    guard_switch(session, home, load_training(), now=now + timedelta(days=2))
    assert (pointer(home)["watched"], pointer(home)["canary"]["model"]) == (False, "old")


def test_a_switch_that_ends_a_canary_says_so(session: Session, home: Path, now: datetime) -> None:
    canary_of(session, home, now)
    (models_folder(home) / "third.tar.gz").write_bytes(b"model")
    write_json(gate_path(home, "third"), {"passed": True, "played": True, "against": "old"})
    switch(session, home, "third", now)

    assert [(c["kind"], c["previous"]) for c in switch_history(session)[:2]] == [
        ("canary_end", "new"), ("switch", "old"),
    ]


def test_what_the_supervisor_ended_comes_into_history_and_notices_once(
    session: Session, home: Path, now: datetime
) -> None:
    note_ended(home, kind="canary_end", model="old", previous="new", reason="进程一再中断", now=now)
    taken = [take_in_ended(session, home, now=now) for _ in range(2)]

    assert taken[0] == ended_notes(home)
    [row] = switch_history(session)
    assert (row["kind"], row["previous"], row["by"], row["reason"]) == ("canary_end", "new", "系统", "进程一再中断")
    [notice] = session.execute(select(Notice)).scalars()
    assert (notice.role, "进程一再中断" in notice.text) == ("trainer", True)


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
