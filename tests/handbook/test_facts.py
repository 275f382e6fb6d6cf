"""What is found in a customer's words, in digits and in spoken numerals."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handbook.facts import FACT_NAMES, find_facts, number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # phone numbers: digits, masked, read out, fixed line
        ("打138****0099找我", [("phone_number", "138****0099")]),
        ("号码幺三八零零零零零零九九", [("phone_number", "13800000099")]),
        ("座机0371-66660000", [("phone_number", "037166660000")]),
        ("尾号0099那个", []),
        # ticket numbers
        ("T20260301-000123到哪了", [("ticket_number", "T20260301-000123")]),
        ("t 20260301 000123", [("ticket_number", "T20260301-000123")]),
        ("单号T二零二六零三零一杠零零零一二三", [("ticket_number", "T20260301-000123")]),
        # accounts
        ("宽带账号是kd0371223344", [("broadband_account", "kd0371223344")]),
        # sums
        ("扣了我三百五十块钱", [("amount", "350")]),
        ("三十八块五", [("amount", "38.5")]),
        ("我们一块去的", []),
        # lengths and instants
        ("断了两天了", [("duration", "P2D")]),
        ("好几天了", [("duration", "P3D")]),
        ("等了半个月", [("duration", "P15D")]),
        ("一年半", [("duration", "P1.5Y")]),
        ("明早九点来", [("datetime", "明早九点")]),
        ("3月5号下午3点", [("datetime", "3月5号下午3点")]),
        ("快一点行不行", []),
        # places
        ("我住翻斗花园小区5栋2单元301", [("address", "翻斗花园小区5栋2单元301")]),
        ("光缆横在马路中间", []),
        ("幸福路12号", [("address", "幸福路12号")]),
        ("台北路15號", [("address", "台北路15号")]),
        ("岳麓区阳光100小区", [("address", "岳麓区阳光100小区")]),
        ("地址改成朝阳区大屯路", [("address", "朝阳区大屯路")]),
        ("城关区和平路5号", [("address", "城关区和平路5号")]),
        ("宽带和座机都在和谐小区5栋", [("address", "和谐小区5栋")]),
        ("我在成都市武侯区", [("address", "成都市武侯区")]),
        ("软件园二期3栋801", [("address", "软件园二期3栋801")]),
        ("家裡的網路斷了", []),
        ("充了100", []),
        ("张江路88号", [("address", "张江路88号")]),
        ("12号来的", [("datetime", "12号")]),
        ("柳树屯12号断网", [("address", "柳树屯12号")]),
        ("赵家庄6号没网", [("address", "赵家庄6号")]),
        ("李家湾3组12号断网", [("address", "李家湾3组12号")]),
        ("石家庄12号起断网", [("datetime", "12号")]),
        ("我们小区断网了", []),
        # those affected
        ("整栋楼都没网", [("count", "整栋楼")]),
        ("三十多户人家", [("count", "30")]),
        ("我妈一个人住", []),
    ],
)
def test_facts_are_found_as_they_are_said(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(fact.name, fact.value) for fact in find_facts(text)] == expected


@pytest.mark.parametrize(
    ("said", "value"),
    [("三百五", 350), ("两千三", 2300), ("一千二百零八", 1208), ("十五", 15), ("2万", 20000)],
)
def test_spoken_numerals_are_read_as_people_mean_them(said: str, value: int) -> None:
    assert number(said) == Decimal(value)


@given(st.text(alphabet="我家三两百十块天点号楼路小区幺零138T-@. ", max_size=40))
def test_facts_never_overlap_and_stand_where_they_say(text: str) -> None:
    facts = find_facts(text)

    assert all(a.end <= b.start for a, b in pairwise(facts))
    assert all(0 <= f.start < f.end <= len(text) and f.name in FACT_NAMES for f in facts)
