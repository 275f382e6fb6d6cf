"""Chapter 4.4: words of somebody who may harm themselves."""

from __future__ import annotations

import pytest

from bot.handbook.distress import in_distress


@pytest.mark.parametrize(
    "text", ["我不想活了", "我要自杀，你们扣光了我的钱", "钱全没了我真的活不下去了", "死了算了没人管我"]
)
def test_who_speaks_of_dying_is_heard(text: str) -> None:
    assert in_distress(text)


@pytest.mark.parametrize(
    "text", ["网慢死了", "我想死你们这个客服了", "这电视剧里的人要自杀", "话费贵得我不想活了", "手机死机了"]
)
def test_idle_talk_is_not(text: str) -> None:
    assert not in_distress(text)
