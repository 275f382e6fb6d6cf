"""Chapter 4.4: what lists and notices show of a customer's words leads to no door and no number."""

from __future__ import annotations

import pytest

from bot.handbook.shown_text import mask_for_lists

PHONE = "138" + "0000" + "0099"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("幸福小区3号楼2单元501断网了", "幸福小区***断网了"),
        ("三号楼二单元501室没信号", "***没信号"),
        (f"家在城关区中山路88号A座1203室，电话{PHONE}", "家在城关区中山路***，电话138****0099"),
        ("银滩花园12-3-501宽带不通", "银滩花园***宽带不通"),
        ("住在阳光家园5栋1单元302，我妈住幸福村12号", "住在阳光家园***，我妈住幸福村***"),
    ],
)
def test_the_door_is_hidden_and_the_place_stays(said: str, shown: str) -> None:
    assert shown == mask_for_lists(said)


@pytest.mark.parametrize(
    "said",
    [
        "幸福小区断网了，100兆的宽带",
        "群障：城关区幸福小区宽带中断",
        "3号那天充了100元，10号还是停机",
        "工单T20260302-000001已超时，请在3小时内处理",
    ],
)
def test_what_names_no_door_stays_as_it_was(said: str) -> None:
    assert said == mask_for_lists(said)
