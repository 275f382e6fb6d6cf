"""The inbox: what is worth a look arrives once, masked, grouped, ranked, and is settled fairly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.coach.inbox import read_waiting
from bot.desk import training_inbox as inbox
from bot.desk import training_labels as labels
from bot.desk.conversations import hand_off
from bot.desk.messages import note_for_review
from bot.desk.training_readings import count_unread
from bot.desk.training_sources import Find, worth
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.handbook.training import Training
from bot.handbook.training_table import load_training
from bot.handbook.training_text import for_training, personal_parts
from bot.storage.coach import InboxGroup, InboxItem
from bot.storage.conversations import Message


@pytest.fixture
def training() -> Training:
    """Return the project's own table."""
    return load_training()


def review(session: Session, text: str, now: datetime, reason: str = "clarified", **reading: object) -> None:
    note_for_review(
        session, conversation_id="c1", message_id=None, reason=reason, text=text,
        reading=reading, now=now,
    )
    session.flush()


def items(session: Session) -> list[InboxItem]:
    return list(session.execute(select(InboxItem).order_by(InboxItem.id)).scalars())


def find(origin: str, text: str, now: datetime) -> Find:
    return Find(origin, text, "low_confidence", now)


# Origins that do not, and that do, fall into the sample that needs two people.
ALONE = [f"o{n}" for n in range(200) if not inbox.is_sample(f"o{n}", 0.1)]
SAMPLED = [f"o{n}" for n in range(200) if inbox.is_sample(f"o{n}", 0.1)]


def test_a_turn_arrives_once(session: Session, training: Training, now: datetime) -> None:
    review(session, "我想问一下那个携号转网办到哪一步了", now)

    assert [inbox.gather(session, training), inbox.gather(session, training)] == [1, 0]


def test_a_turn_that_two_sources_find_is_one_with_both_reasons(
    session: Session, training: Training, handbook: Handbook, now: datetime,
    make_conversation: Callable[..., Any],
) -> None:
    conversation = make_conversation(session)
    message = Message(
        conversation_id=conversation.id, direction="in", author="customer", text="授权码怎么一直没到",
        external_id="m1", state="handled", created_at=now,
    )
    session.add(message)
    session.flush()
    note_for_review(
        session, conversation_id=conversation.id, message_id=message.id, reason="clarified",
        text=message.text, reading={"ranking": [["port_out", 0.3]]}, now=now,
    )
    hand_off(session, handbook, conversation, reason="转人工", urgency=Urgency.GENERAL, now=now)
    inbox.gather(session, training)

    assert [sorted(item.reasons) for item in items(session)] == [["clarified", "handed_over"]]


def test_what_a_customer_says_after_an_old_hand_over_is_no_hand_over(
    session: Session, training: Training, handbook: Handbook, now: datetime,
    make_conversation: Callable[..., Any],
) -> None:
    conversation = make_conversation(session)
    hand_off(session, handbook, conversation, reason="转人工", urgency=Urgency.GENERAL, now=now)
    for number, text in enumerate(("转人工", "谢谢您帮我查账单")):
        session.add(
            Message(
                conversation_id=conversation.id, direction="in", author="customer", text=text,
                external_id=f"m{number}", state="handled", created_at=now + timedelta(hours=number),
            )
        )
    session.flush()
    inbox.gather(session, training)

    assert items(session) == []


def test_turns_worded_alike_are_one_group(session: Session, training: Training, now: datetime) -> None:
    for text in ("携号转网进度怎么样了", "携号转网的进度怎么样了呀", "家里路由器灯不亮"):
        review(session, text, now)
    inbox.gather(session, training)

    page = inbox.inbox_page(session)
    assert sorted(group["count"] for group in page["groups"]) == [1, 2]


def test_the_inbox_keeps_no_number_place_or_name(
    session: Session, training: Training, now: datetime
) -> None:
    review(session, "我叫张伟，电话139" + "0000" * 2 + "，住城关区幸福小区3号楼，没信号", now)
    inbox.gather(session, training)

    [item] = items(session)
    assert item.text == "我叫某某，电话139****0000，住某小区，没信号"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("宽带账号gz09" + "3188" * 2 + "上不去", ["broadband_account", "number"]),
        ("寄到abc@test.com", ["mail"]),
        ("我叫张伟，来修", ["name"]),
        ("退款原路返回没有", []),
        ("整个小区都没网", []),
        ("我是移动的老用户", []),
        ("李家屯7号没信号", ["address"]),
    ],
)
def test_personal_data_is_named(text: str, kinds: list[str]) -> None:
    assert personal_parts(text) == kinds
    assert personal_parts(for_training(text)) == []


def test_a_doubtful_reading_ranks_above_a_sure_one(
    session: Session, training: Training, now: datetime
) -> None:
    review(session, "那个东西帮我弄一下", now, ranking=[["payment", 0.95], ["invoice", 0.05]])
    review(session, "卡好像出问题了咋整", now, ranking=[["sim_replace", 0.4], ["fault_mobile", 0.4]])
    inbox.gather(session, training)

    first = inbox.inbox_page(session)["groups"][0]["items"][0]
    assert first["text"] == "卡好像出问题了咋整"


def test_what_teaches_more_is_worth_more() -> None:
    assert worth(["reclassified"], {}) > worth(["clarified"], {}) > worth(["engine_down"], {})


def test_one_decision_labels_the_group(
    session: Session, training: Training, handbook: Handbook, now: datetime
) -> None:
    texts = ("携号转网进度怎么样了", "携号转网的进度怎么样了呀", "携号转网进度怎么样啊")
    inbox.gather(session, training, extra=[find(o, t, now) for o, t in zip(ALONE, texts, strict=False)])
    [group] = inbox.inbox_page(session)["groups"]

    states = labels.label_items(
        session, handbook, inbox.group_ids(session, group["id"]), type_="port_out",
        urgency="general", labeller="a", now=now,
    )
    assert states == {"labelled": 3}
    assert inbox.inbox_page(session)["groups"] == []


@pytest.mark.parametrize(
    ("votes", "state"),
    [
        (["port_out"], "second"),
        (["port_out", "port_out"], "labelled"),
        (["port_out", "plan_change"], "disputed"),
        (["port_out", "plan_change", "plan_change"], "labelled"),
        (["port_out", "plan_change", "payment"], "refused"),
    ],
)
def test_a_sampled_turn_needs_two_and_a_third_decides(
    session: Session, training: Training, handbook: Handbook, now: datetime, votes: list[str],
    state: str,
) -> None:
    inbox.gather(session, training, extra=[find(SAMPLED[0], "号码不变换一家要怎么弄", now)])
    [item] = items(session)
    for number, vote in enumerate(votes):
        labels.label_items(
            session, handbook, [item.id], type_=vote, urgency="general", labeller=f"p{number}", now=now
        )
    assert item.state == state


def test_what_waits_for_somebody_else_does_not_stand_in_the_way(
    session: Session, training: Training, handbook: Handbook, now: datetime
) -> None:
    inbox.gather(session, training, extra=[find(SAMPLED[0], "号码不变换一家要怎么弄", now)])
    inbox.gather(session, training, extra=[find(SAMPLED[1], "家里的路由器红灯一直闪", now)])
    first, _ = items(session)
    labels.label_items(
        session, handbook, [first.id], type_="port_out", urgency="general", labeller="a", now=now
    )

    page = inbox.inbox_page(session, labeller="a", most=1)
    assert [group["items"][0]["text"] for group in page["groups"]] == ["家里的路由器红灯一直闪"]
    assert (page["waiting"], page["next"]) == (1, None)
    assert inbox.inbox_page(session, labeller="b")["waiting"] == 2
    assert len(inbox.inbox_page(session, labeller="b", reason="low_confidence")["groups"]) == 2


def test_agreement_counts_the_sampled_pairs(
    session: Session, training: Training, handbook: Handbook, now: datetime
) -> None:
    texts = ("号码不变换一家要怎么弄", "家里的路由器红灯一直闪")
    inbox.gather(
        session, training, extra=[find(o, t, now) for o, t in zip(SAMPLED, texts, strict=False)]
    )
    for item, votes in zip(items(session), (["port_out"] * 2, ["payment", "invoice"]), strict=True):
        for number, vote in enumerate(votes):
            labels.label_items(
                session, handbook, [item.id], type_=vote, urgency="general", labeller=f"p{number}",
                now=now,
            )
    assert labels.agreement(session) == {"pairs": 2, "same": 1, "share": 0.5}


def test_a_request_needs_an_urgency_and_talk_takes_none(handbook: Handbook) -> None:
    assert labels.check_label(handbook, "out_of_scope", "urgent") is None
    with pytest.raises(labels.BadLabel):
        labels.check_label(handbook, "port_out", None)


def test_a_turn_with_two_requests_is_divided(
    session: Session, training: Training, now: datetime
) -> None:
    inbox.gather(session, training, extra=[find(ALONE[0], "宽带断了还有话费也不对", now)])
    [item] = items(session)
    labels.divide_item(session, training, item.id, ["宽带断了", "话费也不对"], labeller="a", now=now)

    assert [(i.text, i.state) for i in items(session)] == [
        ("宽带断了还有话费也不对", "divided"), ("宽带断了", "open"), ("话费也不对", "open"),
    ]


def test_a_stale_page_changes_nothing_that_is_settled(
    session: Session, training: Training, handbook: Handbook, now: datetime
) -> None:
    inbox.gather(session, training, extra=[find(ALONE[0], "宽带断了还有话费也不对", now)])
    [item] = items(session)
    labels.label_items(
        session, handbook, [item.id], type_="bill_query", urgency="general", labeller="a", now=now
    )

    assert labels.skip_items(session, [item.id], labeller="b", now=now) == 0
    with pytest.raises(labels.BadLabel, match="已经处理"):
        labels.divide_item(session, training, item.id, ["宽带断了", "话费也不对"], labeller="b", now=now)
    assert [(i.state, i.labelled_by) for i in items(session)] == [("labelled", "a")]


def test_a_correction_by_staff_is_a_first_label(
    session: Session, training: Training, handbook: Handbook, now: datetime,
    make_ticket: Callable[..., object],
) -> None:
    from bot.desk.training_sources import new_finds
    from bot.storage.tickets import TicketEntry

    ticket = make_ticket(session, summary="手机一直没有信号")
    ticket.type = "fault_mobile"
    session.add(
        TicketEntry(
            ticket_id=ticket.id, seq=99, step="reclassify", actor_kind="staff", actor_id=7,
            data={}, at=now,
        )
    )
    session.flush()
    [found] = [f for f in new_finds(session)[0] if f.reason == "reclassified"]
    assert found.label == ("staff:7", "fault_mobile", "general")


def test_saying_it_again_in_other_words_is_noticed(
    session: Session, training: Training, now: datetime, make_conversation: Callable[..., object]
) -> None:
    conversation = make_conversation(session)
    for number, text in enumerate(("我的流量怎么回事没了", "我说我的流量怎么没了")):
        session.add(
            Message(
                conversation_id=conversation.id, direction="in", author="customer", text=text,
                external_id=f"m{number}", state="handled", created_at=now + timedelta(seconds=30 * number),
            )
        )
    session.flush()
    inbox.gather(session, training)

    assert [(i.text, i.reasons) for i in items(session)] == [("我的流量怎么回事没了", ["rephrased"])]


def test_a_repeat_is_noticed_though_the_first_was_gathered_before(
    session: Session, training: Training, now: datetime, make_conversation: Callable[..., object]
) -> None:
    conversation = make_conversation(session)
    for number, text in enumerate(("我的流量怎么回事没了", "我说我的流量怎么没了")):
        session.add(
            Message(
                conversation_id=conversation.id, direction="in", author="customer", text=text,
                external_id=f"m{number}", state="handled", created_at=now + timedelta(seconds=30 * number),
            )
        )
        session.flush()
        inbox.gather(session, training)

    assert [i.text for i in items(session)] == ["我的流量怎么回事没了"]


def test_what_was_gathered_meanwhile_is_not_gathered_again(
    session: Session, training: Training, now: datetime
) -> None:
    review(session, "携号转网进度怎么样了", now)
    early, late = now - timedelta(seconds=1), now + timedelta(seconds=1)
    assert inbox.look_ahead(session, training, settled=early).turns == []
    found = [inbox.look_ahead(session, training, settled=late) for _ in range(2)]

    assert [inbox.keep_turns(session, training, each) for each in found] == [1, 0]
    assert len(items(session)) == 1


@dataclass
class Model:
    """Stands in for the reader of an archive: unsure of all, and looks whether a writer waits."""

    sessions: sessionmaker

    def read(self, texts: list[str]) -> Iterator[SimpleNamespace]:
        with self.sessions.begin() as session:
            session.add(InboxGroup(text="written meanwhile", open_items=0))
        types = tuple((f"type{n}", share) for n, share in enumerate((0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05)))
        for text in texts:
            yield SimpleNamespace(
                types=types, type_confidence=0.4, urgency="urgent" if "急" in text else "general",
                urgency_chances=(0.8, 0.1, 0.1), signals=("急",) if "急" in text else (),
            )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_turns_that_came_without_a_reading_are_read_without_holding_the_writer(
    sessions: sessionmaker, training: Training, now: datetime
) -> None:
    with sessions.begin() as session:
        inbox.gather(session, training, extra=[
            Find("message:1", "急死了授权码没到", "rephrased", now),
            Find("message:2", "路由器灯不亮", "clarified", now, None, {"ranking": [["a", 0.3]], "urgency": "general"}),
        ])
    with sessions() as session:
        assert count_unread(session) == 1
    assert read_waiting(sessions, Model(sessions)) == 1

    with sessions() as session:
        first, second = items(session)
        assert first.reasons == ["rephrased", "low_confidence", "signal_raised"]
        assert len(inbox.item_json(first)["ranking"]) == 6
        assert second.reasons == ["clarified"]
        assert count_unread(session) == 0
