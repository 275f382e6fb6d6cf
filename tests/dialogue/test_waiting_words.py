"""Chapter 4.3: in the queue nobody in danger waits for the first advice."""

from __future__ import annotations

import pytest

from bot.dialogue.queueing import first_aid, leaves_queue
from bot.dialogue.texts import load_texts

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
    assert leaves_queue(said)


@pytest.mark.parametrize("said", ["还要等多久", "我不等了三天了吗", "算了多少钱", "等着呢", "我不想等了"])
def test_who_only_speaks_of_waiting_stays(said: str) -> None:
    assert not leaves_queue(said)
