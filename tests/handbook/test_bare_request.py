"""A wish among numbers, places and names: what is left, and whose reading counts."""

from __future__ import annotations

import pytest

from bot.handbook.bare_request import level_without_place, read_anew, surer, words_left
from bot.handbook.intake import Reading
from bot.handbook.requests import Urgency
from bot.handbook.tables import load_handbook

TYPES = load_handbook().types


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("红星小区7栋2单元，没网，13800001234", "没网"),
        ("网慢 幸福路12号3楼", "网慢"),
        ("地址：幸福路12号3楼 电话：13800001234 问题：网速慢", "网速慢"),
        ("姓名李强，电话13800001234，地址阳光花园12栋1单元501，故障：光猫不亮", "光猫不亮"),
        ("翠苑小区3幢，张女士，13800001234，网断了", "网断了"),
        ("报修，地址和平路12号，电话13800001234", "报修"),
        ("移机 从和平路5号到幸福路12号 13800001234", "移机"),
        ("桥头镇没4G，我号码13800001234", "没4G"),
        ("13800001234，多扣了我50块钱", "多扣了我50块钱"),
        ("掉线 石牌村三巷6号 一三八零零零零五六七八", "掉线"),
    ],
)
def test_facts_and_their_labels_are_taken_out(text: str, left: str) -> None:
    assert words_left(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "13800001234", "红星小区7栋2单元501", "地址是城关区和平路12号", "我姓王，电话13800001234",
        "联系人小陈，13800001234，软件园二期3栋801", "就是长江路88号那个，13800001234", "没网", "网断了三天",
    ],
)
def test_nothing_is_left_of_bare_facts_or_there_were_none(text: str) -> None:
    assert words_left(text) is None


def left_of(text: str, type: str, **more: object) -> Reading:
    facts = {"address": "红星小区7栋", "phone_number": "13800001234"}
    whole = Reading(f"红星小区7栋，{text}，13800001234", "inform", facts=facts, urgency=Urgency.MAJOR)
    return read_anew(whole, Reading(text, type, **more))  # type: ignore[arg-type]


def test_the_reading_of_what_is_left_keeps_words_and_facts_of_the_whole() -> None:
    found = left_of("电视黑屏", "fault_tv", confidence=0.9)

    assert (found.type, found.confidence, found.urgency) == ("fault_tv", 0.9, Urgency.MAJOR)
    assert found.text == "红星小区7栋，电视黑屏，13800001234"
    assert set(found.facts) == {"address", "phone_number"}


@pytest.mark.parametrize(
    ("text", "type"),
    [("没网", "fault_broadband"), ("手机没网", "fault_mobile"), ("没信号", "fault_mobile"), ("流量没网", "fault_mobile")],
)
def test_a_house_named_with_no_line_means_the_line_in_the_house(text: str, type: str) -> None:
    assert left_of(text, "fault_mobile").type == type


@pytest.mark.parametrize(
    ("sure", "left", "type"),
    [
        (0.5, Reading("挪到", "relocate", 0.9), "relocate"),
        (0.9, Reading("挪到", "relocate", 0.95), "fault_broadband"),
        (0.5, Reading("挪到", "relocate", 0.48), "fault_broadband"),
        (0.5, Reading("谢谢", "thanks", 0.9), "fault_broadband"),
        (0.5, None, "fault_broadband"),
    ],
)
def test_an_unsure_request_among_facts_gives_way_to_a_surer_reading(
    sure: float, left: Reading | None, type: str
) -> None:
    whole = Reading("宽带挪到阳光花园3栋", "fault_broadband", sure)

    # At .48 what is left is less sure than the whole.
    assert surer(whole, left, TYPES).type == type


@pytest.mark.parametrize(
    ("heard", "apart", "demanded", "taken"),
    [
        ("urgent", "general", False, "general"), ("urgent", "major", False, "major"),
        ("urgent", "general", True, "urgent"), ("general", "urgent", False, "general"),
        ("major", "None", False, "major"), ("None", "general", False, "None"),
    ],
)  # fmt: skip
def test_a_level_is_heard_without_the_place_as_well(heard: str, apart: str, demanded: bool, taken: str) -> None:
    assert level_without_place(heard, apart, demanded=demanded) == taken
