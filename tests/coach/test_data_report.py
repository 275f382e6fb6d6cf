"""The data report finds what makes training data worthless."""

from __future__ import annotations

from bot.coach.data_report import families, leaks, near_duplicates, report
from bot.coach.examples import Example


def of(*texts: str, kind: str = "bill_query", urgency: str | None = "general") -> list[Example]:
    return [Example(text, kind, urgency, f"s{i}") for i, text in enumerate(texts)]


def test_two_wordings_that_differ_in_a_particle_are_near_duplicates() -> None:
    found = near_duplicates(of("帮我查一下这个月话费", "帮我查一下这个月的话费", "宽带断了没有网"))

    assert [(a.text, b.text) for _, a, b in found] == [
        ("帮我查一下这个月话费", "帮我查一下这个月的话费")
    ]


def test_sentences_that_differ_in_one_slot_are_a_family() -> None:
    [(frame, texts), *_] = families(of(*[f"我要办理{x}业务谢谢" for x in ("彩铃", "漫游", "流量", "来显")]))

    assert frame.startswith("bill_query")
    assert len(texts) == 4


def test_a_number_is_a_slot() -> None:
    assert families(of(*[f"给我充{n}块钱话费" for n in (10, 20, 50, 100)]))


def test_sentences_that_share_a_beginning_are_no_family() -> None:
    assert not families(of("我要查话费", "我要把宽带退了", "我要找你们经理说理", "我要问漫游怎么收钱"))


def test_a_leak_is_found_despite_punctuation_and_short_phrases_are_free() -> None:
    known = of("我的宽带怎么又断了！", "查话费")

    found = leaks(of("我的宽带怎么又断了", "查话费"), [("real", known)])
    assert [(example.text, name) for example, name in found] == [("我的宽带怎么又断了", "real")]


def test_a_request_without_urgency_and_talk_with_one_are_named() -> None:
    rows = of("查话费吧", urgency=None) + of("你好呀你", kind="greet", urgency="urgent")

    found = report(rows, [], frozenset({"bill_query"}))
    assert [example.text for example in found.unmarked] == ["查话费吧", "你好呀你"]
    assert not found.is_clean()
