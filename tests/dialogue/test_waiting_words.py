"""Chapter 4.3: in the queue nobody in danger waits for the first advice."""

from __future__ import annotations

import pytest

from bot.dialogue.queueing import first_aid
from bot.dialogue.texts import load_texts
from bot.handbook.queue_words import besides_leaving, wants_no_person

TEXTS = load_texts()
TOLD = [
    ("楼下电线杆倒了压到人了，线还在冒火花", "安全距离"),
    ("骗子正在让我转账报验证码", "停止转账"),
    ("我不想活了", "12356"),
    ("还要等多久", ""),
    ("宽带断了两天了", ""),
]


@pytest.mark.parametrize(("said", "told"), TOLD)
def test_who_is_in_danger_is_told_what_to_do(said: str, told: str) -> None:
    words = first_aid(said, TEXTS)

    assert told in words
    assert bool(words) == bool(told)


@pytest.mark.parametrize("said", ["算了", "算了 不等了", "那不等了", "取消排队", "唉，还是机器人吧", "不用等了", "不排了", "别排队了"])
def test_who_will_not_wait_is_let_go(said: str) -> None:
    assert besides_leaving(said) == ""


@pytest.mark.parametrize("said", ["还要等多久", "我不等了三天了吗", "算了多少钱", "等着呢", "我不想等了"])
def test_who_only_speaks_of_waiting_stays(said: str) -> None:
    assert besides_leaving(said) is None


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("算了不找人工了 帮我看看进度", "帮我看看进度"), ("不找人了 报宽带", "报宽带"),
        ("不排队了 取消转人工", ""), ("谁要转人工了", ""), ("撤回 不要人工 给我登记报修", "给我登记报修"),
        ("不用转人工了 继续用机器人", ""), ("不用转了 退出", ""), ("不等啦", ""), ("唔等喇", ""), ("取消排隊", ""), ("不排隊了", ""), ("算了吧", ""), ("结束人工", ""), ("继续登记吧", ""),
        ("不等了，我就问销户带什么", "我就问销户带什么"), ("算了 我家宽带断了 姑苏区平江路8号", "我家宽带断了 姑苏区平江路8号"),
    ],
)  # fmt: skip
def test_what_is_wanted_besides_leaving_is_served(said: str, rest: str) -> None:
    assert besides_leaving(said) == rest


@pytest.mark.parametrize(
    "said", ["算了 继续等", "算了，再等五分钟", "算了，我还是等吧", "不要转了！转了三次了", "不找客服找谁", "别找客服了直接找你们领导", "不要人工客服 要值班经理", "别人",
     "机器人 滚", "退一半就 算了", "取消排队的话还要重新排吗", "停止人工服务是什么意思", "取消转接功能", "不要人工费", "不用人工审核", "退出 会员", "还没人来修", "不要让别人来", "你们客服不行", "我等了半天没人", "我要投诉你们人工", "机器人听不懂我才找你们"]
)
def test_who_talks_to_the_person_stays(said: str) -> None:
    assert besides_leaving(said) is None


@pytest.mark.parametrize(("said", "refused"), [("都不是，不用转人工 我是说单子", True), ("不要人工", True), ("转人工", False), ("不要机器人 要人工", False), ("不要人工的那种敷衍", False), ("不要转客服 转人工投诉", False), ("别找人糊弄我 转人工", False), ("不要给我转人工，我要找你们经理", False), ("别转人工又给我挂了", False)])
def test_who_refuses_a_person_is_given_none(said: str, refused: bool) -> None:
    assert wants_no_person(said) is refused
