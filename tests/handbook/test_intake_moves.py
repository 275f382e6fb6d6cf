"""Chapter 3.1: a move (移机) has two places, and neither takes the other's."""

from __future__ import annotations

import pytest

from bot.handbook.intake import CONFIRM, CORRECTION, OFFER, Intake, advance, begin
from bot.handbook.intake_moves import NEW_PLACE, UNDECIDED, places_of_move
from tests.handbook.intakes import PHONE, PLACE, TABLES, read, start

NEW = "东湖小区5栋"


def told(text: str, type: str = "inform", **more: str) -> Intake:
    """Begin a move with these words, read as the served model would find the first place in them."""
    return start("relocate", text, **more)


def moving() -> Intake:
    """Return a move that has been read back."""
    intake = start("relocate", "宽带要移机", facts={"address": PLACE, "phone_number": PHONE})
    advance(intake, read(NEW, address=NEW), TABLES)
    assert intake.asking == CONFIRM
    return intake


BOTH = [
    ("宽带要从翠苑小区3栋502搬到东湖小区5栋", "翠苑小区3栋502", NEW),
    ("老地址翠苑小区3栋，新地址东湖小区5栋", "翠苑小区3栋", NEW),
    ("翠苑小区3栋的宽带迁移到东湖小区5栋去，联系13900001111", "翠苑小区3栋", NEW),
    ("原来装在金水区农业路28号院，现在搬到了郑东新区龙湖一号6号楼", "金水区农业路28号院", "郑东新区龙湖一号6号楼"),
    ("旧房子在鼓楼区湖南路10号3单元 新房子在江宁区百家湖花园8栋", "鼓楼区湖南路10号3单元", "江宁区百家湖花园8栋"),
    ("我这网从1单元移到2单元502", "1单元", "2单元502"),
    ("新家在东湖小区5栋，老家是王楼村", "王楼村", NEW),
    ("移机，旧的在城南区南湖路5号2栋101，新的在城北区北湖路9号", "城南区南湖路5号2栋101", "城北区北湖路9号"),
    ("现在住城西区桃源里5号，要移到东湖小区5栋", "城西区桃源里5号", NEW),
    ("现在高新区天府软件园B区3栋，搬去对面的C区12栋", "高新区天府软件园B区3栋", "对面的C区12栋"),
    ("从南山区科技园后海花园2栋A座 到 宝安区西乡街道固戍二路33号 电话 13900001900", "南山区科技园后海花园2栋A座", "宝安区西乡街道固戍二路33号"),
    ("宽带从卧室挪到客厅去", "卧室", "客厅"),
]


@pytest.mark.parametrize(("text", "old", "new"), BOTH)
def test_both_places_are_found(text: str, old: str, new: str) -> None:
    assert places_of_move(text) == {"address": old, NEW_PLACE: new}


ONLY_NEW = [
    ("搬家了，新家在滨江区江南名府2幢1单元301", "滨江区江南名府2幢1单元301"),
    ("搬到东湖小区5栋要多久能弄好", NEW),
    ("宽带移到隔壁房间", "隔壁房间"),
    ("是换到小书房，不是卧室", "小书房"),
    ("新家是金港城旁边的金港御园，不是金港城", "金港城旁边的金港御园"),
    ("我搬到朝阳区望京西园四区了，宽带能跟着移过去吗", "朝阳区望京西园四区"),
]


@pytest.mark.parametrize(("text", "new"), ONLY_NEW)
def test_only_the_new_place_is_found(text: str, new: str) -> None:
    assert places_of_move(text) == {NEW_PLACE: new}


@pytest.mark.parametrize(
    "text",
    [
        "我要移机", "从去年就说要移机，一直没人来", "新地址还没装修好", "宽带从我妈家移到我家", "移机多久能办好",
        "地址是翠苑小区3栋", "下个月搬家，到时候宽带要移过去", "把电视从这间移到那间", "新房子什么时候能装上",
    ],
)  # fmt: skip
def test_words_that_name_no_place_give_none(text: str) -> None:
    assert places_of_move(text) == {}


@pytest.mark.parametrize(("text", "old", "new"), [row for row in BOTH if row[1] != "卧室"])
def test_who_tells_both_is_asked_for_neither(text: str, old: str, new: str) -> None:
    intake, turn = begin(read(text, "relocate", facts={"address": old}), TABLES, key="k")

    assert (intake.facts["address"], intake.facts[NEW_PLACE], turn.ask) == (old, new, "phone_number")


def test_who_tells_where_to_is_asked_where_from() -> None:
    intake = told(f"搬家了，新家在{NEW}", address=NEW)
    turn = advance(intake, read(PLACE, address=PLACE), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE], turn.ask) == (PLACE, NEW, "phone_number")


def test_who_tells_one_place_is_asked_where_to() -> None:
    intake = told("我要移机，现在装在翠苑小区3栋", address="翠苑小区3栋")
    assert intake.asking == NEW_PLACE

    turn = advance(intake, read(NEW, address=NEW), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE], turn.ask) == ("翠苑小区3栋", NEW, "phone_number")


def test_from_room_to_room_the_home_is_asked_for() -> None:
    intake = told("宽带从客厅移到书房")
    assert (intake.asking, intake.facts) == ("address", {NEW_PLACE: "书房"})


def test_a_region_whose_house_is_open_is_kept() -> None:
    intake = told("我要移机", address=PLACE)
    advance(intake, read("城北区的，具体哪里还没定", address="城北区"), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE]) == (PLACE, "城北区（具体待定）")


def test_where_to_comes_as_the_answer_to_where_from() -> None:
    intake = told("我要移机")
    turn = advance(intake, read(f"要移到{NEW}", address=NEW), TABLES)

    assert (intake.facts[NEW_PLACE], turn.ask, turn.again) == (NEW, "address", False)


def test_a_place_without_a_known_word_for_one_is_taken_when_asked_again() -> None:
    intake = told("我要移机", address=PLACE)
    advance(intake, read("好的", "greet"), TABLES)
    turn = advance(intake, read("老供销社后面那排平房"), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE]) == (PLACE, "老供销社后面那排平房")
    assert turn.ask == "phone_number"


def test_a_region_is_joined_to_the_place_that_it_belongs_to() -> None:
    intake = told("宽带移到昆山", address=PLACE)
    advance(intake, read(PLACE, address=PLACE), TABLES)
    advance(intake, read("花桥镇中寰广场2栋", address="花桥镇中寰广场2栋"), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE]) == (PLACE, "昆山花桥镇中寰广场2栋")


@pytest.mark.parametrize("said", ["新家还没定下来，先登记行不", "还没想好", "不确定，到时候再说"])
def test_where_to_may_be_open(said: str) -> None:
    intake = told("我要移机", address=PLACE)
    turn = advance(intake, read(said), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE], turn.ask) == (PLACE, UNDECIDED, "phone_number")


def test_who_does_not_know_where_to_can_go_on() -> None:
    intake = told("我要移机", address=PLACE)
    turn = advance(intake, read("不知道", "unclear"), TABLES)
    assert turn.ask == OFFER

    turn = advance(intake, read("不用，继续登记", "deny"), TABLES)

    assert (intake.facts["address"], turn.ask) == (PLACE, "phone_number")


@pytest.mark.parametrize(
    ("said", "old", "new"),
    [
        ("新地址是东湖小区6栋", PLACE, "东湖小区6栋"),
        ("是6栋不是5栋", PLACE, "东湖小区6栋"),
        ("是4号楼，不是3号楼", "城关区幸福小区4号楼", NEW),
        ("老地址写错了，是城关区幸福小区8号楼", "城关区幸福小区8号楼", NEW),
        ("从城关区幸福小区9号楼移到东湖小区7栋", "城关区幸福小区9号楼", "东湖小区7栋"),
        ("不是东湖小区5，是东湖小区7栋", PLACE, "东湖小区7栋"),
        ("老地址错了 是百花洲路21号", "城关区百花洲路21号", NEW),
        ("旧地址的门牌是8号楼不是3号楼", "城关区幸福小区8号楼", NEW),
    ],
)
def test_what_is_put_right_is_the_place_that_is_meant(said: str, old: str, new: str) -> None:
    intake = moving()
    turn = advance(intake, read(said), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE], turn.ask) == (old, new, CONFIRM)


def test_the_wrong_place_is_asked_for_anew() -> None:
    intake = moving()
    advance(intake, read("不对，要修改", "deny"), TABLES)
    assert intake.asking == CORRECTION
    turn = advance(intake, read("新地址错了"), TABLES)
    assert turn.ask == NEW_PLACE

    turn = advance(intake, read("西湖小区1栋", address="西湖小区1栋"), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE], turn.ask) == (PLACE, "西湖小区1栋", CONFIRM)


def test_a_question_about_the_move_keeps_the_place_told_in_it() -> None:
    intake = told("我要移机", address=PLACE)
    advance(intake, read(f"移到{NEW}要收多少钱", "relocate", address=NEW), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE]) == (PLACE, NEW)


@pytest.mark.parametrize(
    "said",
    ["确认，移到东湖小区7栋的费用转到下月账单", "确认，上次移到隔壁小区也没收费", "确认，换到别的运营商之前要快", "对，原来在电信营业厅办的", "可以，从机房到小区的线也查一下"],
)
def test_a_yes_changes_no_place(said: str) -> None:
    intake = moving()
    advance(intake, read(said, "affirm"), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE]) == (PLACE, NEW)


@pytest.mark.parametrize("said", ["两个地址写反了", "新旧地址弄反了", "新地址和老地址对调一下"])
def test_two_places_change_places(said: str) -> None:
    intake = moving()
    turn = advance(intake, read(said, "deny"), TABLES)

    assert (intake.facts["address"], intake.facts[NEW_PLACE], turn.ask) == (NEW, PLACE, CONFIRM)


def test_a_room_at_the_read_back_is_in_the_home_that_was_told() -> None:
    intake = moving()
    advance(intake, read("要装到主卧"), TABLES)

    assert intake.facts[NEW_PLACE] == f"{NEW} 主卧"


@pytest.mark.parametrize("said", ["不是移到东湖小区5栋", "换到别的运营商", "移到东湖小区的费用"])
def test_what_is_denied_or_no_place_is_none(said: str) -> None:
    assert NEW_PLACE not in places_of_move(said)


def test_a_long_tail_costs_no_time_worth_naming() -> None:
    assert places_of_move("移到东湖小区5栋" + "的" * 50_000)[NEW_PLACE].startswith("东湖小区5栋")
