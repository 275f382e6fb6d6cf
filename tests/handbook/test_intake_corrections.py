"""Chapter 3.2: what is put in other words, corrected in part, or given up for something else."""

from __future__ import annotations

import pytest

from bot.handbook.facts import find_facts
from bot.handbook.intake import CONFIRM, Reading, advance
from bot.handbook.intake_parts import Intake
from bot.handbook.requests import Urgency
from tests.handbook.intakes import PHONE, TABLES, confirming, names, read, start

AT_HOME = "翠苑小区3幢1201"


def at_the_read_back(address: str = AT_HOME) -> Intake:
    intake = confirming()
    intake.facts["address"] = address
    return intake


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("地址写错了 是1301", "翠苑小区3幢1301"),
        ("地址不对，是1301室", "翠苑小区3幢1301"),
        ("地址不对 是幸福路13号", "幸福路13号"),
        ("地址错了，是老供销社后面", "老供销社后面"),
    ],
)
def test_a_corrected_address_keeps_what_was_right_of_it(said: str, address: str) -> None:
    intake = at_the_read_back()

    assert advance(intake, read(said, "inform"), TABLES).ask == CONFIRM
    assert intake.facts["address"] == address


def test_a_fault_in_other_words_stays_on_its_line() -> None:
    intake = at_the_read_back()
    turn = advance(intake, read("不是没网，是慢得要死", "fault_mobile", confidence=0.8), TABLES)

    assert (turn.ask, intake.type) == (CONFIRM, "fault_broadband")
    assert "不是没网，是慢得要死" in intake.story


def test_a_line_that_is_named_changes_it() -> None:
    intake = at_the_read_back()
    advance(intake, read("不是宽带，是手机没信号", "fault_mobile", confidence=0.8), TABLES)

    assert intake.type == "fault_mobile"


def test_after_all_the_first_line_and_no_urgency_of_words_not_understood() -> None:
    intake = start("fault_mobile", "手机没网")
    said = "算了还是宽带吧 手机能用"
    advance(intake, read(said, "nlu_fallback", confidence=0.4, urgency=Urgency.URGENT), TABLES)

    assert (intake.type, intake.urgency) == ("fault_broadband", "general")


def test_a_place_where_nothing_is_done_is_read_back_among_the_words() -> None:
    intake = start("sim_replace", "卡坏了", facts={"phone_number": PHONE})
    assert intake.asking == CONFIRM
    advance(intake, read("在西安 长安区 大学城", "inform"), TABLES)

    assert "在西安 长安区 大学城" in intake.story


def test_no_other_number_is_no_mistake_in_the_read_back() -> None:
    intake = at_the_read_back()
    turn = advance(intake, read("我没别的号", "deny"), TABLES)

    assert (turn.ask, names(turn)) == (CONFIRM, ["noted"])


def test_another_number_may_be_left() -> None:
    intake = start("fault_broadband", "宽带断了", facts={"address": AT_HOME})
    turn = advance(intake, read("我记不得我的号 我儿子的行不行", "unclear"), TABLES)

    assert (turn.ask, names(turn)) == ("phone_number", ["any_number"])


@pytest.mark.parametrize(
    ("said", "type", "outcome"),
    [
        ("算了 不投诉她了 就是卡到底给不给我补", "sim_replace", "switch"),
        ("算了不投诉了", "complaint_service", "cancel"),
        ("算了 不投诉她了 麻烦", "sim_replace", "cancel"),
    ],
)
def test_one_thing_is_given_up_for_another(said: str, type: str, outcome: str) -> None:
    intake = start("complaint_service", "营业员态度差")
    reading: Reading = read(said, type, confidence=0.9)

    assert advance(intake, reading, TABLES).outcome == outcome


@pytest.mark.parametrize(("said", "asks"), [("啥时候订的我都不知道", False), ("啥时候能办好", True)])
def test_when_it_was_ordered_does_not_ask_how_long_it_takes(said: str, asks: bool) -> None:
    intake = start("bill_dispute", "凭什么扣我钱")
    turn = advance(intake, read(said, "unclear"), TABLES)

    assert ("not_yet_submitted" in names(turn)) is asks


PUT_RIGHT = [
    ("浦东新区锦绣路888弄", "有误，地址是浦东新区锦绣路900弄", "浦东新区锦绣路900弄"),
    ("高新区天府一街", "地址改成：高新区天府三街200号", "高新区天府三街200号"),
    ("滨江区", "地址写全，滨江区江南大道128号", "滨江区江南大道128号"),
    ("江岸区", "小区没写全，江岸区百步亭花园3期", "江岸区百步亭花园3期"),
    ("冠山小区", "address 少了 12 号楼 503", "冠山小区 12 号楼 503"),
    ("冠山小区", "漏了单元，是1单元", "冠山小区 1单元"),
    ("浦东新区锦绣路888弄", "不对，是900弄", "浦东新区锦绣路900弄"),
    ("滨湖花园C区12栋", "不是C区12，是C区11栋", "滨湖花园C区11栋"),
    ("桃源新村9幢", "门牌漏了，是9幢1单元302", "桃源新村9幢1单元302"),
]


@pytest.mark.parametrize(("known", "said", "right"), PUT_RIGHT)
def test_what_stands_around_a_place_that_is_put_right_is_none_of_it(known: str, said: str, right: str) -> None:
    intake = at_the_read_back()
    intake.facts["address"] = known
    found = {fact.name: fact.value for fact in reversed(find_facts(said))}
    turn = advance(intake, read(said, "deny", facts=found), TABLES)

    assert (intake.facts["address"], turn.ask) == (right, CONFIRM)


@pytest.mark.parametrize(("said", "place"), [("我家没网，李家村王家塘7号", "李家村王家塘7号"), ("李家村网断了", "李家村")])
def test_a_house_behind_a_village_belongs_to_it(said: str, place: str) -> None:
    assert start(text=said, address="李家村").facts["address"] == place


@pytest.mark.parametrize("said", ["要钱伐", "是我妈的座机", "要两个人都去么"])
def test_what_asks_or_tells_more_at_the_read_back_submits_nothing(said: str) -> None:
    intake = at_the_read_back()
    turn = advance(intake, read(said, "affirm", count="2"), TABLES)

    assert (turn.outcome, turn.ask) == (None, CONFIRM)


@pytest.mark.parametrize(("said", "outcome"), [("不交！", "cancel"), ("唉算啦，唔報喇", "cancel"), ("这钱我不交", None)])
def test_what_is_refused_is_the_registration_or_the_money(said: str, outcome: str | None) -> None:
    assert advance(at_the_read_back(), read(said, "unclear"), TABLES).outcome == outcome
