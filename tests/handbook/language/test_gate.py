"""Anchors are worked out of patterns, and incomplete ones are not trusted."""

from __future__ import annotations

import re

import pytest

from bot.handbook.language.checker import load_checker
from bot.handbook.language.gate import (
    anchors_of,
    effective_anchors,
    further_anchors,
    is_complete,
    reach_of,
)
from bot.handbook.language.text import normalise


@pytest.mark.parametrize(
    ("pattern", "anchors"),
    [
        ("不知道|不清楚", {"不知道", "不清楚"}),
        ("我?也?不知道", {"不知道"}),
        ("(?:催|急)什么", {"催什么", "急什么"}),
        ("验证码.{0,4}发我", {"验证码"}),
        ("[!?]{2,}", {"!!", "!?", "?!", "??"}),
        (r"\d{2}元", {"元"}),
        (".*", None),
        ("我|.?", None),
        ("永远永远永远", {"永远永远"}),
    ],
)
def test_every_match_holds_one_of_the_anchors(pattern: str, anchors: set[str] | None) -> None:
    assert anchors_of(pattern) == anchors


def test_declared_anchors_must_cover_every_alternative() -> None:
    assert is_complete("不知道|不清楚", ["不知道", "清楚"])
    assert not is_complete("不知道|不晓得", ["不知道"])


def test_incomplete_anchors_are_replaced() -> None:
    assert "不晓得" in effective_anchors(re.compile("不知道|不晓得"), ["不知道"])


@pytest.mark.parametrize(
    ("pattern", "further"),
    [
        ("验证码[^。]{0,4}发我", {"验证码"}),
        ("不知道", set()),
        ("(?:密码|口令)[^。]{0,4}(?:短信|发我)", {"密码", "口令"}),
        ("密码[^。]{0,4}的", {"的"}),
    ],
)
def test_a_pattern_is_spared_where_its_other_words_are_missing(
    pattern: str, further: set[str]
) -> None:
    compiled = re.compile(pattern)
    assert further_anchors(compiled, effective_anchors(compiled, ["发我", "短信"])) == further


def test_what_a_search_asks_for_stands_in_all_that_it_finds() -> None:
    checker = load_checker(verify=False)
    searches = [each for rule in checker.rules for each in rule.searches if each.pattern]
    texts = [normalise(each.text) for rule in checker.rules for each in (*rule.bad, *rule.good)]
    found = 0
    for search in searches:
        for text in texts:
            for hit in search.pattern.finditer(text) if search.pattern else ():
                found += 1
                for words in (search.anchors, search.further):
                    assert not words or any(word in hit[0] for word in words), (hit, words)
    assert found > len(texts) // 4


@pytest.mark.parametrize(
    ("pattern", "reach"),
    [
        ("不知道", "clause"),
        ("不知道(?=[。!]|$)", "clause"),
        ("不知道,?自己", "sentence"),
        ("不知道(?!.{0,4}核实)".replace(".", "[^。!?;]"), "sentence"),
        ("[!?]{2,}", "reply"),
        ("不知道。自己", "reply"),
        ("不[^,]知道", "reply"),
        (r"不\W知道", "reply"),
        (r"(?<!。)不知道", "clause"),
    ],
)
def test_a_pattern_is_tried_as_far_as_it_may_reach(pattern: str, reach: str) -> None:
    assert reach_of(pattern) == reach
