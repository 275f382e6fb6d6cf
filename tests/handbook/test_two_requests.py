"""Chapter 3.1: two requests in one message."""

from __future__ import annotations

import pytest

from bot.handbook.intake import Reading
from bot.handbook.requests import Urgency
from bot.handbook.two_requests import halves, requests_in
from tests.handbook.intakes import HANDBOOK, PHONE, PLACE, read

CUT = [
    ("我想移机 顺便把宽带账号密码找回来", ("我想移机", "把宽带账号密码找回来")),
    ("家里宽带断了，还有电视也看不了", ("家里宽带断了", "电视也看不了")),
    ("帮我退订彩铃，另外开张上个月的发票", ("帮我退订彩铃", "开张上个月的发票")),
    ("我要报修宽带。再帮我查下话费", ("我要报修宽带", "查下话费")),
    ("家里断网了，还有一件事，帮我改套餐", ("家里断网了", "帮我改套餐")),
    ("换了套餐以后流量不够用，多扣了我50块", ("换了套餐以后", "流量不够用，多扣了我50块")),
    ("帮我办两个事，一个补卡，一个改套餐", ("补卡", "改套餐")),
    ("一件是移机，另一件是开发票。", ("移机", "开发票")),
    ("上周移机过来的，网速特别慢", ("上周移机过来的", "网速特别慢")),
]
WHOLE = [
    "我这个月还有多少流量", "帮我看看还有多少话费", "宽带断了", "另外", "顺便问下",
    "我想办个套餐对了吗", "",
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), CUT)
def test_a_message_is_cut_where_something_else_begins(text: str, parts: tuple[str, str]) -> None:
    assert halves(text) == parts


@pytest.mark.parametrize("text", WHOLE)
def test_one_request_stays_whole(text: str) -> None:
    assert halves(text) is None


def in_order(both: list[Reading], said: str = "移机，另外密码忘了") -> list[str]:
    return [each.type for each in requests_in(read(said, both[0].type), both, HANDBOOK.types)]


def test_the_first_named_comes_first() -> None:
    both = [read("我想移机", "relocate"), read("密码忘了", "password_reset")]

    assert in_order(both) == ["relocate", "password_reset"]


def test_the_more_urgent_comes_first() -> None:
    both = [read("开发票", "invoice"), read("整栋楼断网", "fault_broadband", urgency=Urgency.URGENT)]

    assert in_order(both) == ["fault_broadband", "invoice"]


@pytest.mark.parametrize(
    "second",
    [
        read("麻烦快点", "ticket_urge"),  # no request
        read("从老房子搬到新房子", "relocate"),  # the same request
        read("有点那个", "invoice", confidence=0.3),  # unsure
    ],
)
def test_one_sure_request_is_not_two(second: Reading) -> None:
    assert in_order([read("我想移机", "relocate"), second]) == ["relocate"]


def test_what_came_of_an_earlier_change_is_one_request_about_what_came_of_it() -> None:
    said = "换了套餐以后流量不够用，多扣了我50块"
    parts = [read("换了套餐以后", "plan_change"), read("流量不够用，多扣了我50块", "bill_dispute")]
    [one] = requests_in(read(said, "plan_change"), parts, HANDBOOK.types)

    assert (one.type, one.text) == ("bill_dispute", said)


def test_more_of_the_story_after_a_weak_joint_is_no_second_request() -> None:
    parts = [read("宽带断了三天", "fault_broadband"), read("你们师傅约了也不来", "complaint_service")]

    assert in_order(parts, "宽带断了三天，还有你们师傅约了也不来") == ["fault_broadband"]


def test_the_number_is_the_callers_and_the_place_is_not_shared() -> None:
    both = [
        read("移机", "relocate", address=PLACE), read("开发票", "invoice", phone_number=PHONE)
    ]
    first, second = requests_in(read("移机，另外开发票", "relocate"), both, HANDBOOK.types)

    assert first.facts == {"phone_number": PHONE, "address": PLACE}
    assert second.facts == {"phone_number": PHONE}
