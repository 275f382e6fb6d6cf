"""Chapter 4.4: words of somebody who may harm themselves."""

from __future__ import annotations

import pytest

from bot.handbook.distress import in_distress, in_mourning


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


@pytest.mark.parametrize(
    "text",
    ["我爸上个月去世了，号码要销户", "机主已经过世了", "老伴没了，她那个号要退费", "我爸上个月走了，他那个号码想注销掉", "他已经去世了怎么到场", "机主已经不在了怎么本人来", "要不要死亡证明", "我爸都走了咋到场"],
)
def test_a_death_in_the_family_is_heard(text: str) -> None:
    assert in_mourning(text)


@pytest.mark.parametrize(
    "text", ["我爸手机没了", "我妈话费没了", "孩子上网课网没了", "女儿的卡不在了", "我爸不在家", "机主不在了解一下", "我老公不在了 下午再来", "老公刚走了一会 网又断", "我爸昨天走了，出差了，没人会弄", "孩子没了，网课也上不了", "我妈过身份验证过不去", "机主没去世", "你妈没了", "我妈今年走了三次营业厅", "我弟去年走了联通", "两个人过世界杯", "新闻说有人去世", "师傅来的时候人不在了", "家里人不在了", "我老公走了，那个卡他没带，怎么弄"]
)
def test_what_is_lost_otherwise_is_no_death(text: str) -> None:
    assert not in_mourning(text)
