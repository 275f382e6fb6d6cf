"""Chapter 3.1: the ends of an intake: given up, read back, corrected, a person offered, answered."""

from __future__ import annotations

import pytest

from bot.handbook.intake import (
    CONFIRM,
    CORRECTION,
    NOT_GIVEN,
    OFFER,
    SOLVED,
    Intake,
    Reading,
    advance,
)
from bot.handbook.knowledge import KnowledgeEntry
from bot.handbook.requests import RequestKind, Urgency
from tests.handbook.intakes import (
    OTHER_PHONE,
    PHONE,
    PLACE,
    TABLES,
    answered,
    confirming,
    names,
    offered,
    read,
    start,
)

# -- ends

ENDS = [
    (read("给我转人工", "request_human"), "human"),
    (read("算了不办了", "deny"), "cancel"),
    (read("不用了，已经好了", "deny"), "cancel"),
    (read("撤单吧", "ticket_cancel"), "cancel"),
]


@pytest.mark.parametrize(("reading", "outcome"), ENDS)
def test_a_customer_can_leave_at_any_question(reading: Reading, outcome: str) -> None:
    intakes = [start(), start(address=PLACE), confirming(), confirming("complaint_service")]
    assert [advance(intake, reading, TABLES).outcome for intake in intakes] == [outcome] * 4
    assert {intake.asking for intake in intakes} == {None}


def test_a_goodbye_keeps_what_is_gathered_and_opens_what_is_read_back() -> None:
    intake = start()
    turn = advance(intake, read("再见", "goodbye"), TABLES)

    assert (names(turn), turn.ask, intake.outcome) == (["not_complete"], "address", None)
    assert advance(confirming(), read("再见", "goodbye"), TABLES).outcome == "open"


def test_the_same_answer_is_not_given_twice() -> None:
    intake = answered()
    turn = advance(intake, read("那怎么查我的话费余额呢", "bill_query"), TABLES)

    assert "knowledge" not in names(turn)
    assert "answer_not_enough" in names(turn)


def test_to_cancel_a_service_is_not_to_give_up() -> None:
    intake = start("vas_cancel", "帮我把彩铃取消了")

    assert advance(intake, read("取消吧", "ticket_cancel"), TABLES).outcome is None


def test_a_number_no_longer_used_is_a_story_and_no_change_of_mind() -> None:
    intake = start("bill_dispute", phone_number=PHONE)

    assert advance(intake, read("那个会员我早就不用了你们还扣钱"), TABLES).ask == CONFIRM


# -- reading back

CONFIRMED = [
    (read("对"), "open", None),
    (read("没有问题"), "open", None),
    (read("不用改，提交"), "open", None),
    (read("谢谢", "thanks"), "open", None),
    (read("好的，尽快今天修", "affirm", datetime="今天"), "open", None),  # no fact read back changes
    (read("不对"), None, CORRECTION),
    (read("要修改"), None, CORRECTION),
    (read("有误"), None, CORRECTION),
    (read("好像不对"), None, CORRECTION),
    (read("地址不对"), None, "address"),  # the named fact is asked for
    (read("电话写错了"), None, "phone_number"),
    (read(f"电话是{OTHER_PHONE}", phone_number=OTHER_PHONE), None, CONFIRM),
    (read(f"对，电话改成{OTHER_PHONE}", phone_number=OTHER_PHONE), None, CONFIRM),
    (read("晚上灯是红的还一直闪", "fault_broadband"), None, CONFIRM),  # more of the story
    (read("要多久"), None, CONFIRM),
    (read("还有发票也要开", "invoice", confidence=0.9), None, CONFIRM),
    (read("对了我还要开发票", "invoice", confidence=0.9), None, CONFIRM),
    (read("嗯？"), None, CONFIRM),
]


@pytest.mark.parametrize(("reading", "outcome", "asked"), CONFIRMED)
def test_what_was_read_back_is_confirmed_or_corrected(
    reading: Reading, outcome: str | None, asked: str | None
) -> None:
    turn = advance(confirming(), reading, TABLES)

    assert (turn.outcome, turn.ask) == (outcome, asked)


def test_a_corrected_number_replaces_the_old_one() -> None:
    intake = confirming()
    turn = advance(intake, read(f"不对，电话是{OTHER_PHONE}", phone_number=OTHER_PHONE), TABLES)

    assert (names(turn), intake.facts["phone_number"]) == (["updated"], OTHER_PHONE)


def test_a_second_request_while_checking_leaves_the_first_number_alone() -> None:
    intake = confirming()
    second = read(f"另外{OTHER_PHONE}也没信号", "fault_mobile", confidence=0.9, phone_number=OTHER_PHONE)
    turn = advance(intake, second, TABLES)

    assert (names(turn), turn.ask, intake.facts["phone_number"]) == (["second_noted"], CONFIRM, PHONE)


def test_checking_that_leads_nowhere_ends_in_the_offer_of_a_person() -> None:
    intake = confirming()
    asked = [advance(intake, read("嗯？"), TABLES).ask for _ in range(3)]

    assert asked == [CONFIRM, CONFIRM, OFFER]
    assert advance(intake, read("不用"), TABLES).outcome == "open"


CORRECTED = [
    # (message, asked next, outcome, facts that must hold)
    (read("高新区科技路9号", address="高新区科技路9号"), CONFIRM, None, {"address": "高新区科技路9号"}),
    (read("地址是老供销社后面"), CONFIRM, None, {"address": "老供销社后面", "detail": None}),
    (read("地址不对，是老供销社后面"), CONFIRM, None, {"address": "老供销社后面"}),
    (read("电话错了"), "phone_number", None, {"phone_number": None}),
    (read("是光猫坏了不是断网"), CONFIRM, None, {"detail": "家里宽带断了，是光猫坏了不是断网", "address": PLACE}),
    (read("是电视的问题", "fault_tv", confidence=0.9), CONFIRM, None, {"address": PLACE}),
    (read("没错了"), None, "open", {}),
    (read("没有"), CONFIRM, None, {"detail": None}),
    (read("a"), CORRECTION, None, {"detail": None}),
]


@pytest.mark.parametrize(("reading", "asked", "outcome", "holds"), CORRECTED)
def test_a_correction_changes_what_it_names(
    reading: Reading, asked: str | None, outcome: str | None, holds: dict[str, str | None]
) -> None:
    intake = confirming()
    advance(intake, read("不对"), TABLES)
    turn = advance(intake, reading, TABLES)

    assert (turn.ask, turn.outcome) == (asked, outcome)
    assert {name: intake.facts.get(name) for name in holds} == holds


def test_a_fact_that_was_wrong_is_asked_for_as_for_the_first_time() -> None:
    intake = confirming()
    turn = advance(intake, read("地址不对"), TABLES)

    assert (turn.ask, turn.again) == ("address", False)
    assert advance(intake, read("高新区科技路9号", address="高新区科技路9号"), TABLES).ask == CONFIRM


# -- the offer of a person

OFFERS = [
    (read("好的", "affirm"), "human", None),
    (read("要"), "human", None),
    (read("不用，继续登记"), None, "phone_number"),
    (read("不用了"), None, "phone_number"),  # declines the person, not the ticket
    (read("继续吧"), None, "phone_number"),
    (read("算了"), "cancel", None),
    (read(PLACE, address=PLACE), None, "phone_number"),
    (read(PHONE, phone_number=PHONE), None, CONFIRM),
    (read("啊？"), None, OFFER),
]


@pytest.mark.parametrize(("reading", "outcome", "asked"), OFFERS)
def test_the_offer_of_a_person_is_taken_or_not(
    reading: Reading, outcome: str | None, asked: str | None
) -> None:
    turn = advance(offered(), reading, TABLES)

    assert (turn.outcome, turn.ask) == (outcome, asked)


def test_who_asks_what_it_costs_is_answered_before_anything_is_opened() -> None:
    intake = offered()
    turns = [advance(intake, read("修一次要钱不"), TABLES) for _ in range(3)]

    assert [(turn.ask, turn.says[0].response) for turn in turns] == [(OFFER, "utter_fee")] * 3


def test_a_fact_that_cannot_be_had_is_marked_and_not_asked_again() -> None:
    intake = offered()
    advance(intake, read("不用"), TABLES)

    assert intake.facts["address"] == NOT_GIVEN
    assert "stuck" not in intake.facts


def test_after_two_unclear_answers_to_the_offer_the_ticket_is_opened() -> None:
    intake = offered()

    assert [advance(intake, read("啊？"), TABLES).outcome for _ in range(2)] == [None, "open"]


# -- after an answer

AFTER_ANSWER = [
    (read("解决了"), "done", None),
    (read("好的谢谢", "thanks"), "done", None),
    (read("再见", "goodbye"), "done", None),
    (read("不用了谢谢", "deny"), "done", None),
    (read("没有其他问题了", "deny"), "done", None),
    (read("算了", "deny"), "done", None),
    (read("没解决，帮我登记", "ticket_reopen"), None, "phone_number"),
    (read("要登记"), None, "phone_number"),
    (read("没有", "deny"), None, "phone_number"),
    (read("还是不行", "unclear"), None, "phone_number"),
    (read("我是上个月的", "inform"), None, "phone_number"),
    (read(PHONE, "chitchat", phone_number=PHONE), None, CONFIRM),
    (read("怎么查我的话费余额", "bill_query"), None, "phone_number"),
    (read("那历史账单在哪里下载", "bill_query"), None, SOLVED),
    (read("扣了好几个月都查不到", "bill_query", urgency=Urgency.MAJOR), None, "phone_number"),
    (read("我要移机", "relocate", confidence=0.9), "switch", None),
    (read("查进度", "ticket_status"), "elsewhere", None),
    (read("讲个笑话", "chitchat"), "elsewhere", None),
    (read("转人工", "request_human"), "human", None),
]


@pytest.mark.parametrize(("reading", "outcome", "asked"), AFTER_ANSWER)
def test_an_answer_is_enough_or_becomes_a_ticket(
    reading: Reading, outcome: str | None, asked: str | None
) -> None:
    turn = advance(answered(), reading, TABLES)

    assert (turn.outcome, turn.ask) == (outcome, asked)


def test_refusing_a_person_after_an_unread_answer_goes_on_to_a_ticket() -> None:
    intake = answered()
    for _ in range(4):
        advance(intake, read("😀", "unclear"), TABLES)
    assert intake.asking == OFFER
    advance(intake, read("不用"), TABLES)

    assert intake.asking == "phone_number"
    assert SOLVED not in intake.facts


# -- storage


def test_an_intake_survives_storage_and_keys_of_other_versions() -> None:
    intake = offered()

    assert Intake.from_json({**intake.as_json(), "of_a_later_version": 1}) == intake


def test_words_are_kept_in_the_order_they_were_said() -> None:
    intake = start(text="宽带断了", address=PLACE)
    advance(intake, read(f"电话{PHONE}", phone_number=PHONE, message_id="2"), TABLES)

    assert intake.words == ["宽带断了", f"电话{PHONE}"]
    assert intake.last_message == "2"


def test_consult_kinds_have_answers_of_their_own() -> None:
    assert all(isinstance(entry, KnowledgeEntry) for entry in TABLES.knowledge.values())
    assert {t.kind for t in TABLES.types.values()} == set(RequestKind)
