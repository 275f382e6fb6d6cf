"""Chapter 3.1: the intake up to the last fact: acknowledged, asked, answered, interrupted."""

from __future__ import annotations

import pytest

from bot.handbook.intake import (
    CONFIRM,
    OFFER,
    SOLVED,
    IntakeTables,
    Reading,
    advance,
    begin,
    reading_of,
)
from bot.handbook.requests import Urgency, missing_facts
from tests.handbook.intakes import (
    HANDBOOK,
    OTHER_PHONE,
    PHONE,
    PLACE,
    TABLES,
    names,
    read,
    start,
)

# -- the first message


@pytest.mark.parametrize(
    ("type", "urgency", "said"),
    [
        ("fault_tv", "general", "acknowledge_fault"),
        ("complaint_service", "major", "acknowledge_complaint"),
        ("report_hazard", "general", "acknowledge_safety"),
        ("relocate", "general", "acknowledge_order"),
        ("suggestion", "general", "acknowledge_suggestion"),
        ("relocate", "urgent", "acknowledge_urgent"),
    ],
)
def test_a_request_is_acknowledged_in_its_tone(type: str, urgency: str, said: str) -> None:
    _, turn = begin(read("说明问题", type, urgency=Urgency(urgency)), TABLES, key="k")

    assert names(turn) == [said]


ASKED_FIRST = [
    ("fault_broadband", {}, "address"),
    ("fault_broadband", {"address": PLACE}, "phone_number"),
    ("fault_broadband", {"broadband_account": "gz000001"}, "phone_number"),  # either is enough
    ("fault_mobile", {"address": PLACE}, "phone_number"),
    ("bill_dispute", {"phone_number": PHONE}, "detail"),
    ("fault_broadband", {"address": PLACE, "phone_number": PHONE}, CONFIRM),
    ("suggestion", {}, CONFIRM),  # needs nothing
]


@pytest.mark.parametrize(("type", "facts", "asked"), ASKED_FIRST)
def test_only_the_missing_is_asked(type: str, facts: dict[str, str], asked: str) -> None:
    intake, turn = begin(read("这是什么情况", type, urgency=Urgency.MAJOR, facts=facts), TABLES, key="k")

    assert (turn.ask, intake.asking, turn.again) == (asked, asked, False)


@pytest.mark.parametrize("type", [n for n, t in HANDBOOK.types.items() if t.kind.is_request])
def test_every_type_can_be_taken_to_a_ticket(type: str) -> None:
    intake = start(type, "说明问题", urgency=Urgency.MAJOR)
    answers = {"phone_number": read(PHONE, phone_number=PHONE), "address": read(PLACE, address=PLACE),
               "new_address": read("东湖小区5栋", address="东湖小区5栋"),
               "detail": read("扣了三十元，要求退回")}  # fmt: skip
    while intake.asking != CONFIRM:
        advance(intake, answers[intake.asking], TABLES)
    assert missing_facts(HANDBOOK.types[type], intake.facts) == []
    assert advance(intake, read("对"), TABLES).outcome == "open"


def test_a_consultation_is_answered_from_the_table() -> None:
    intake, turn = begin(read("怎么查我的话费余额", "bill_query"), TABLES, key="k")

    assert names(turn) == ["knowledge"]
    assert (turn.ask, intake.asking) == (SOLVED, SOLVED)


def test_a_serious_consultation_is_taken_down_and_not_answered() -> None:
    text = "怎么查我的话费余额"
    _, turn = begin(read(text, "bill_query", urgency=Urgency.MAJOR), TABLES, key="k")

    assert (names(turn), turn.ask) == (["acknowledge_consult"], "phone_number")


def test_a_consultation_without_an_answer_is_taken_down() -> None:
    empty = IntakeTables(HANDBOOK.types, HANDBOOK.facts, {})
    _, turn = begin(read("怎么查我的话费余额", "bill_query"), empty, key="k")

    assert turn.ask == "phone_number"


# -- gathering: (type, facts at the start, message, what is asked next, facts that must hold)

GATHERED = [
    # The fact that was asked for.
    ("fault_broadband", {}, read(PLACE, address=PLACE), "phone_number", {"address": PLACE}),
    # A place that no pattern knows is taken as it is said.
    ("fault_broadband", {}, read("老供销社后面那排平房"), "phone_number", {"address": "老供销社后面那排平房"}),
    # The other fact of the group, not the whole sentence as an address.
    ("fault_broadband", {}, read("账号是gz000001", broadband_account="gz000001"), "phone_number",
     {"broadband_account": "gz000001", "address": None}),
    # Out of order: the number comes first; it is no address.
    ("fault_broadband", {}, read(PHONE, phone_number=PHONE), "address",
     {"phone_number": PHONE, "address": None}),
    ("fault_broadband", {}, read(f"我的电话是{PHONE}", phone_number=PHONE), "address", {"address": None}),
    # Everything at once.
    ("fault_broadband", {}, read(f"{PLACE}，{PHONE}", address=PLACE, phone_number=PHONE), CONFIRM,
     {"address": PLACE, "phone_number": PHONE}),
    # A question is no address.
    ("fault_broadband", {}, read("要写到门牌号吗"), "address", {"address": None}),
    # Too short, too long for an address.
    ("fault_broadband", {}, read("嗯"), "address", {"address": None}),
    ("fault_broadband", {}, read("长" * 301), "address", {"address": None}),
    # The story in any words, even those of another request.
    ("bill_dispute", {"phone_number": PHONE}, read("上个月开始扣的，要求退回", "bill_query", confidence=0.9),
     CONFIRM, {"detail": "家里宽带断了，上个月开始扣的，要求退回"}),
    # 5,000 characters are a story; the fact keeps its beginning, the words keep all.
    ("bill_dispute", {"phone_number": PHONE}, read("长" * 5000), CONFIRM,
     {"detail": "家里宽带断了，" + "长" * 493}),
    # A number alone is no story.
    ("bill_dispute", {"phone_number": PHONE}, read(OTHER_PHONE, phone_number=OTHER_PHONE), "detail",
     {"detail": None}),
    # A story holds other people's numbers: the customer's own stands.
    ("bill_dispute", {"phone_number": PHONE}, read(f"客服让我打{OTHER_PHONE}找他们经理", phone_number=OTHER_PHONE),
     CONFIRM, {"phone_number": PHONE}),
    # Unless the customer corrects it.
    ("bill_dispute", {"phone_number": PHONE}, read(f"不对，我的电话是{OTHER_PHONE}", phone_number=OTHER_PHONE),
     "detail", {"phone_number": OTHER_PHONE, "detail": None}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "facts", "reading", "asked", "holds"), GATHERED)
def test_an_answer_is_taken_in(
    type: str, facts: dict[str, str], reading: Reading, asked: str, holds: dict[str, str | None]
) -> None:
    intake = start(type, facts=facts)
    turn = advance(intake, reading, TABLES)

    assert turn.ask == asked
    assert {name: intake.facts.get(name) for name in holds} == holds


@pytest.mark.parametrize("type", ["fraud_report", "complaint_marketing", "privacy_complaint"])
def test_the_number_of_a_stranger_is_not_taken_for_the_customers(type: str) -> None:
    intake = start(type, f"{OTHER_PHONE}老给我打电话", phone_number=OTHER_PHONE)

    assert intake.asking == "phone_number"


def test_the_customers_own_number_is_taken_from_a_report() -> None:
    intake = start("fraud_report", f"有人冒充客服，我的电话是{PHONE}", phone_number=PHONE)

    assert intake.facts["phone_number"] == PHONE


def test_a_fact_is_asked_again_twice_and_then_a_person_is_offered() -> None:
    intake = start()
    turns = [advance(intake, read("谢谢", "thanks"), TABLES) for _ in range(3)]

    assert [turn.ask for turn in turns] == ["address", "address", OFFER]
    assert [turn.again for turn in turns] == [True, True, False]
    assert intake.facts["stuck"] == "address"


def test_urgency_and_signals_only_grow() -> None:
    intake = start(urgency=Urgency.MAJOR, signals=("多次报修",))
    advance(intake, read("整栋楼都断了", "fault_broadband", urgency=Urgency.URGENT, signals=("多户全断",)), TABLES)
    advance(intake, read(PHONE, phone_number=PHONE), TABLES)

    assert (intake.urgency, intake.signals) == ("urgent", ["多次报修", "多户全断"])


# -- in between

ASIDES = [
    (read("多久能修好"), ["not_yet_submitted"], False),
    (read("查一下进度", "ticket_status"), ["not_yet_submitted"], False),
    (read("快点啊", "ticket_urge"), ["not_yet_submitted"], False),
    (read("怎么查我的话费余额", "bill_query", confidence=0.9), ["knowledge"], False),
    (read("我还要开电子发票", "invoice", confidence=0.9), ["second_noted"], False),
    (read("你好", "greet"), ["greet_short"], True),
    (read("谢谢", "thanks"), ["thanks_short"], True),
    (read("今天天气不错", "chitchat"), ["listening"], True),
    (read("你是机器人吗", "bot_challenge"), ["bot_challenge_short"], True),
    (read("外卖怎么还没到", "out_of_scope"), ["out_of_scope_short"], True),
    (read("你们真好", "praise"), ["thanks_short"], True),
    (read("😀", "unclear"), ["text_only"], True),
    (read("", "unclear"), ["text_only"], True),
    (read("要收费吗", "plan_consult", confidence=0.9), ["fee"], False),
    (read("那个啥？", "nlu_fallback"), [], True),
]


@pytest.mark.parametrize(("reading", "said", "counts"), ASIDES)
def test_what_comes_in_between_is_answered_and_the_question_repeated(
    reading: Reading, said: list[str], counts: bool
) -> None:
    intake = start()
    before = intake.asked["address"]
    turn = advance(intake, reading, TABLES)

    assert (names(turn), turn.ask, turn.again) == (said, "address", counts)
    assert intake.asked["address"] == before + counts


@pytest.mark.parametrize("marks", [read("？？？", "unclear"), read("。。", "affirm")])
def test_marks_alone_bring_the_same_question_until_a_person_is_offered(marks: Reading) -> None:
    intake = start()
    turns = [advance(intake, marks, TABLES) for _ in range(3)]

    assert [(names(turn), turn.ask, turn.again) for turn in turns] == [
        (["listening"], "address", False), (["listening"], "address", False),
        (["listening"], "person_offer", False),
    ]  # fmt: skip


def test_a_serious_question_in_between_is_kept_and_not_just_answered() -> None:
    intake = start()
    reading = read("怎么查我的话费余额", "bill_query", confidence=0.9, urgency=Urgency.MAJOR)

    assert names(advance(intake, reading, TABLES)) == ["second_noted"]
    assert intake.pending[0]["type"] == "bill_query"


def test_a_question_in_between_without_an_answer_is_kept() -> None:
    empty = IntakeTables(HANDBOOK.types, HANDBOOK.facts, {})
    intake = start()
    advance(intake, read("怎么查我的话费余额", "bill_query", confidence=0.9), empty)

    assert [row["type"] for row in intake.pending] == ["bill_query"]


def test_a_second_request_is_kept_once_with_its_own_place() -> None:
    intake = start(address=PLACE)
    first = read("还要在别处装一条", "new_install", confidence=0.9, address="高新区科技路9号")
    advance(intake, first, TABLES)
    advance(intake, read("还要装一条新的", "new_install", confidence=0.9), TABLES)

    [kept] = intake.pending
    assert kept["text"] == "还要在别处装一条 还要装一条新的"
    assert (intake.facts["address"], kept["facts"]["address"]) == (PLACE, "高新区科技路9号")


def test_the_number_said_with_a_second_request_serves_both() -> None:
    intake = start(address=PLACE)
    turn = advance(intake, read(f"对了，{PHONE}，宽带还有发票", "invoice", confidence=0.9, phone_number=PHONE), TABLES)

    assert (turn.ask, intake.facts["phone_number"]) == (CONFIRM, PHONE)
    assert intake.pending[0]["facts"] == {"phone_number": PHONE}


def test_the_number_said_with_a_second_request_is_not_asked_again_later() -> None:
    intake = start()
    second = read(f"还要开发票，号码{PHONE}", "invoice", confidence=0.9, phone_number=PHONE)
    assert advance(intake, second, TABLES).ask == "address"
    assert advance(intake, read(PLACE, address=PLACE), TABLES).ask == CONFIRM


def test_a_second_request_beside_an_answer_is_not_lost() -> None:
    intake = start(address=PLACE)
    both = read(f"{PHONE}，另外我要开发票", "invoice", confidence=0.9, phone_number=PHONE)
    turn = advance(intake, both, TABLES)

    assert (names(turn), turn.ask) == (["second_noted"], CONFIRM)
    assert intake.facts["phone_number"] == PHONE


def test_an_unsure_second_request_is_not_kept() -> None:
    intake = start(address=PLACE)
    turn = advance(intake, read("那个发票", "invoice", confidence=0.3), TABLES)

    assert (turn.ask, intake.pending) == ("phone_number", [])


def test_a_put_aside_request_comes_back_as_it_was() -> None:
    intake = start()
    second = read("还要开发票", "invoice", confidence=0.9, urgency=Urgency.MAJOR, signals=("甲",),
                  message_id="7", phone_number=PHONE)  # fmt: skip
    advance(intake, second, TABLES)

    assert reading_of(intake.pending[0]) == second


SWITCHES = [
    (read("不是宽带，是电视开不了机", "fault_tv", confidence=0.9), "fault_tv"),
    (read("我说错了，电视看不了", "fault_tv", confidence=0.9), "fault_tv"),
    # 改成 is what a change of plan is about.
    (read("还想把套餐改成39的", "plan_change", confidence=0.9), "fault_broadband"),
    # The words tell the line, however the model reads them; 那个 tells none.
    (read("不是宽带，是电视", "deny", confidence=0.6), "fault_tv"),
    (read("不是宽带，是那个", "fault_tv", confidence=0.3), "fault_broadband"),
]


@pytest.mark.parametrize(("reading", "type"), SWITCHES)
def test_the_type_is_switched_by_words_of_correction(reading: Reading, type: str) -> None:
    intake = start(address=PLACE)
    advance(intake, reading, TABLES)

    assert intake.type == type


@pytest.mark.parametrize(
    ("kind", "said", "asked"),
    [
        ("bill_dispute", "副卡每个月多收我十九块呢压根没开过什么彩铃视频，上回打电话说退到现在也没退", CONFIRM),
        ("bill_dispute", "我要退费", "detail"),
        ("bill_dispute", "我要退费 13800000099 13800000099 13800000099", "detail"),
        ("plan_change", "我想把我现在的套餐换成便宜一点的行不行啊师傅", "detail"),
    ],
)
def test_a_story_told_at_the_start_is_not_asked_for_again(kind: str, said: str, asked: str) -> None:
    intake = start(kind, said, phone_number=PHONE)

    assert intake.asking == asked
    assert intake.facts.get("detail") == (said if asked == CONFIRM else None)


def test_a_story_told_piece_by_piece_is_not_asked_for_again() -> None:
    intake = start("bill_dispute", "上个月多扣了我六百多 给我退")
    noted = advance(intake, read("是个什么视频会员 我从来没开过", "unclear"), TABLES)
    asked = advance(intake, read(PHONE, phone_number=PHONE), TABLES)

    assert (names(noted), noted.ask, noted.again) == (["noted"], "phone_number", False)
    assert asked.ask == CONFIRM
    assert intake.facts["detail"] == "上个月多扣了我六百多 给我退，是个什么视频会员 我从来没开过"


def test_words_that_tell_nothing_are_no_story() -> None:
    intake = start("complaint_service", "我要投诉")
    advance(intake, read("快点", "unclear"), TABLES)
    advance(intake, read(PHONE, phone_number=PHONE), TABLES)

    assert intake.asking == "detail"


def test_what_is_known_of_the_customer_is_not_asked_again() -> None:
    intake, turn = begin(
        read("密码忘了", "password_reset"), TABLES, key="k", known={"phone_number": PHONE}
    )

    assert (turn.ask, intake.facts["phone_number"]) == (CONFIRM, PHONE)


@pytest.mark.parametrize("type", ["fraud_report", "report_hazard"])
def test_in_danger_the_first_words_say_what_to_do(type: str) -> None:
    _, turn = begin(read("说明问题", type, urgency=Urgency.URGENT), TABLES, key="k")

    assert names(turn) == [f"acknowledge_urgent_{type}"]
