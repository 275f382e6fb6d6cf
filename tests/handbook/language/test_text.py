"""Normalisation keeps offsets; clauses, sentences and quotations are found where they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handbook.language.text import Reply, normalise


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("您好，請稍後！", "您好,请稍后!"),
        ("不\u200b知\ufeff道", "不知道"),
        ("全角　空格", "全角 空格"),
        ("“引号”与《书名》", "“引号”与《书名》"),
        ("①…", "①…"),
    ],
)
def test_a_text_is_brought_to_one_alphabet(given: str, normal: str) -> None:
    assert normalise(given) == normal


@given(st.text(max_size=60))
def test_offsets_lead_back_into_the_text(text: str) -> None:
    reply = Reply(text)
    for at, char in enumerate(reply.text):
        start, end = reply.original(at, at + 1)
        assert end == start + 1
        assert normalise(text[start:end]) == char


def test_characters_without_width_stay_inside_a_span() -> None:
    reply = Reply("我不\u200b知\u200b道")
    start, end = reply.original(reply.text.index("不知道"), len(reply.text))

    assert reply.raw[start:end] == "不\u200b知\u200b道"


def test_a_comma_in_a_number_ends_no_clause() -> None:
    reply = Reply("合计1,299元，请核对。谢谢")

    assert [reply.text[a:b] for a, b in reply.clauses] == ["合计1,299元", "请核对", "谢谢"]


@pytest.mark.parametrize(
    ("text", "word", "quoted"),
    [
        ("您说“不知道密码”，我来重置。", "不知道", True),
        ("您反映客服说不归我管，我来核实。", "不归我管", True),
        ("您反映：客服说不管，还挂了电话。我来核实。", "挂了", True),
        ("您反映的问题不归我管。", "不归我管", False),
        ("骗子会说把钱转到安全账户。", "安全账户", True),
        ("您说了多少遍也没用。", "没用", False),
        ("您说破天也没用。", "没用", False),
        ("“不归我管”", "不归我管", False),
        ("您要的“凭什么扣”的凭据，我发您。", "凭什么扣”的凭据", True),
        ("“别”再来问了。", "别”再来问", False),
        ("您的描述：“我妈不会用手机 想换卡”。", "您的描述:“我妈不会用", True),
        ("您先“不会用”再来问。", "您先“不会用", False),
        ("请您告诉我：“服务密码”是多少？", "告诉我:“服务密码", False),
    ],
)
def test_words_of_others_are_told_from_our_own(text: str, word: str, quoted: bool) -> None:
    reply = Reply(text)
    start = reply.text.index(word)

    assert reply.is_quoted(start, start + len(word)) is quoted


def test_separators_between_characters_are_seen_through() -> None:
    compact = Reply("不*知*道，1-2").compact

    assert compact is not None
    assert compact[0] == "不知道,1-2"
