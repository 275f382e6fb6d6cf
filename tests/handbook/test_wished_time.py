"""Chapter 3.1: the time that the customer wishes."""

from __future__ import annotations

import pytest

from bot.handbook.wished_time import wished_time

WISHED = [
    ("周六上午来修", "周六上午"),
    ("能不能明天下午三点以后上门", "明天下午三点以后"),
    ("晚上七点以后我才在家", "晚上七点以后"),
    ("下周三或者周四下午过来都行", "下周三或者周四下午"),
    ("从昨天就断了，明天来修", "明天"),
    ("3月5号之前装好", "3月5号之前"),
    ("白天上班，周末有人", "周末"),
    ("我现在还在外地 下周一以后上门", "下周一以后"),
    ("我现在还在上班周六上午来修吧", "周六上午"),
    ("等下下周再上门", "下下周"),
]
NOT_WISHED = [
    "昨天晚上断的", "每天晚上掉线", "今天上午师傅来过没修好", "上周六来修的", "说好周六上午来的，没来",
    "晚上看电视卡", "周六上午", "宽带断了，快来修",
    "你们那个师傅约好今天上午来 现在都晚上了人影都没有", "约好下午上门结果没人", "说下午来 到现在还在家等",
]  # fmt: skip


@pytest.mark.parametrize(("text", "time"), WISHED)
def test_a_time_to_come_that_is_wished_for_is_kept_as_it_was_said(text: str, time: str) -> None:
    assert wished_time(text) == time


@pytest.mark.parametrize("text", NOT_WISHED)
def test_a_time_of_the_story_is_no_wish(text: str) -> None:
    assert wished_time(text) is None


ORDERED = [("问下下个月去日本怎么开", "下个月"), ("下下个月再装", "下下个月"), ("周六上午", "周六上午"), ("下个月开始", "下个月"), ("12号吧", "12号"), ("龙湖镇李家沟12号", None), ("昨天就说要移机", None)]


@pytest.mark.parametrize(("text", "time"), ORDERED)
def test_of_an_order_every_time_to_come_is_wished(text: str, time: str | None) -> None:
    assert wished_time(text, order=True) == time
