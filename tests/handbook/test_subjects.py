"""Chapter 3.1: a bare subject is asked about with choices; the line that words name is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.language.checker import load_checker
from bot.handbook.subjects import asks_fee, asks_fee_too, line_named, load_subjects, subject_of

NAMED = [
    ("我要报故障", "fault"), ("报修", "fault"), ("我要办理业务", "business"), ("办个业务", "business"),
    ("话费有问题", "bill"), ("话费", "bill"), ("宽带", "broadband"), ("就是宽带", "broadband"),
    ("网络", "net"), ("手机", "mobile"), ("套餐", "plan"),
    ("就是那个那个我家那个机顶盒", "tv"), ("嗯…电视，电视的问题", None), ("喂你好我想问一下宽带", "broadband"),
    # These say what is wanted, or are about something else.
    ("宽带断了", None), ("我要报故障，宽带断了", None), ("话费怎么这么多", None), ("网络慢", None), ("你好", None),
]  # fmt: skip
LINES = [
    ("我们家那个网从上周五开始就不太好", "fault_broadband"), ("电视黑屏", "fault_tv"), ("座机没声音", "fault_landline"),
    ("手机打不出去", "fault_mobile"), ("光猫信号灯红了", "fault_broadband"),
    ("电视和宽带都坏了", None), ("怎么没下文了", None),
]  # fmt: skip


@pytest.mark.parametrize(("said", "subject"), NAMED)
def test_only_a_bare_subject_is_one(said: str, subject: str | None) -> None:
    found = subject_of(said, load_subjects())

    assert (found.id if found else None) == subject


@pytest.mark.parametrize(("said", "line"), LINES)
def test_the_line_is_told_by_its_words(said: str, line: str | None) -> None:
    assert line_named(said) == line


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ("收费吗", True), ("这个要收费吗？", True), ("多少钱", True), ("师傅上门要钱不", True), ("等一下 我先问问移机要钱不", True),
        ("那个，我还想问下师傅来要钱不", True), ("对了，修一次多少钱啊", True),
        ("这个月扣了多少钱", False), ("凭什么要收费", False), ("我的话费还剩多少钱", False), ("宽带断了要钱吗", False),
    ],
)  # fmt: skip
def test_the_fee_is_asked_for_when_nothing_else_is_said(said: str, asks: bool) -> None:
    assert asks_fee(said) is asks


def test_every_question_passes_the_language_check() -> None:
    checker = load_checker(verify=False)

    assert [each.id for each in load_subjects() if checker.check(each.ask).verdict.value == "block"] == []


HEAD = "version: 1\neffective: 2026-01-01\nbasis: x\nsubjects:\n"
WRONG = [
    ("- {id: a, words: '(', ask: 请问？, offers: [invoice, payment]}", "words"),
    ("- {id: a, words: 网, ask: 请问？, offers: [invoice]}", "offers"),
    ("- {id: a, words: 网, ask: 请问？, offers: [invoice, greet]}", "offers"),
    ("- {id: a, words: 网, ask: 请问？, offers: [invoice, payment], more: 1}", "more"),
]


@pytest.mark.parametrize(("row", "key"), WRONG)
def test_a_wrong_table_is_refused(tmp_path: Path, row: str, key: str) -> None:
    (tmp_path / "choices.yml").write_text(f"{HEAD}{row}\n", "utf-8")

    with pytest.raises(TableError) as refused:
        load_subjects(tmp_path)
    assert refused.value.data["key"] == key


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("修一次好多钱", True), ("上门几多钱", True), ("移机要几块钱", True), ("师傅过来几个？整一次几多钱？", True),
        ("师傅上门收了我好多钱", False), ("修手机花了好多钱", False), ("上门也没几块钱", False), ("修了好几块钱的线", False),
    ],
)  # fmt: skip
def test_dialect_asks_what_it_costs_and_a_lot_of_money_does_not(said: str, asked: bool) -> None:
    assert asks_fee_too(said) == asked
