"""Anchors are worked out of patterns, and incomplete ones are not trusted."""

from __future__ import annotations

import re

import pytest

from bot.handbook.language.gate import (
    anchors_of,
    effective_anchors,
    is_complete,
    reach_of,
)


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
