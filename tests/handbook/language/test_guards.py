"""Guards take a hit back in quotations, negations, warnings and questions."""

from __future__ import annotations

import pytest

from bot.handbook.language.guards import GUARDS
from bot.handbook.language.text import Reply

CASES = [
    # (guard, text, hit, silenced)
    ("negated", "我们不会保证结果。", "保证", True),
    ("negated", "不是敷衍，而是保证结果。", "保证", False),
    ("negated", "没问题，我保证。", "保证", False),
    ("negated", "不得不说我们保证结果", "保证", False),
    ("negated", "不好意思我们保证结果", "保证", False),
    ("negated", "我们不敷衍但是保证结果", "保证", False),
    ("negated", "不过我们无法保证结果", "保证", True),
    ("safety", "请勿把验证码告诉任何人。", "验证码", True),
    ("safety", "请把验证码告诉我。", "验证码", False),
    ("safety", "任何人索要验证码都是诈骗。", "验证码", True),
    ("question", "您看可以办理吗？", "办理", True),
    ("question", "是否需要办理", "办理", True),
    ("question", "已办理。您满意吗？", "办理", False),
    ("quote", "他说：“不知道”。", "不知道", True),
]


@pytest.mark.parametrize(("guard", "text", "hit", "silenced"), CASES)
def test_a_guard_knows_its_situation(guard: str, text: str, hit: str, silenced: bool) -> None:
    reply = Reply(text)
    start = reply.text.index(hit)

    assert GUARDS[guard](reply, start, start + len(hit)) is silenced
