"""Signals raise urgency by circumstances, never by tone, and never lower it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.signal_table import SIGNALS_FILE, load_signals
from bot.handbook.urgency import raise_urgency, signals, times

TABLE = load_signals()


def level(text: str, kind: RequestKind | None = None) -> Urgency:
    return raise_urgency(Urgency.GENERAL, signals(text, TABLE, kind=kind))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("宽带断了两天了报修过两次还是没人来", Urgency.MAJOR),
        ("整栋楼都没网", Urgency.URGENT),
        ("店里收银机扫不了码，顾客都走了", Urgency.URGENT),
        ("急急急马上给我弄好气死了", Urgency.GENERAL),
        ("万一整个小区断网怎么办", Urgency.GENERAL),
        ("上周全楼断网后来修好了", Urgency.GENERAL),
        ("一天掉线三次", Urgency.GENERAL),
        ("这事不解决我找12315", Urgency.MAJOR),
        # how long it lasts, in any dialect
        ("屋头电视光转圈都四天咧", Urgency.MAJOR),
        ("没信号好几天嘞", Urgency.MAJOR),
        ("座机不通一个礼拜了哇", Urgency.MAJOR),
        ("俩礼拜没网", Urgency.MAJOR),
        ("宽带断了三天三夜", Urgency.MAJOR),
        ("网坏三天喽", Urgency.MAJOR),
        ("大前天到这会儿没信号", Urgency.MAJOR),
        ("从上个月起就上不了网", Urgency.MAJOR),
        ("断网两天咯，报了修没得人来", Urgency.MAJOR),
        ("断网两天咯", Urgency.GENERAL),
        ("打前天起就没网", Urgency.GENERAL),
        ("没网，我三天后出差", Urgency.GENERAL),
        ("没网了三天内能修好不", Urgency.GENERAL),
        ("办了三天的流量包还没信号", Urgency.GENERAL),
        ("三天没在家今天回来没网", Urgency.GENERAL),
        ("交了一年的钱当天坏了没人管", Urgency.GENERAL),
        # to be called is no blow
        ("让师傅到了打我电话", Urgency.GENERAL),
        ("营业员老推我办大套餐", Urgency.GENERAL),
        ("师傅打我还骂人", Urgency.MAJOR),
    ],
)
def test_circumstances_decide(text: str, expected: Urgency) -> None:
    assert level(text) == expected


def test_a_signal_never_lowers() -> None:
    assert raise_urgency(Urgency.URGENT, signals("我找12315", TABLE)) == Urgency.URGENT


def test_a_signal_says_where_it_stands_and_on_what_clause_it_rests() -> None:
    [found] = signals("昨天起整栋楼都没网", TABLE)

    assert (found.id, found.basis) == ("many_cut_off", "2.4 (a)")
    assert "昨天起整栋楼都没网"[found.start : found.end] == "整栋楼都没网"


def test_a_signal_of_faults_is_not_looked_for_in_a_question() -> None:
    assert level("整栋楼都没网", RequestKind.CONSULT) == Urgency.GENERAL


@pytest.mark.parametrize(("text", "count"), [("报了三次", 3), ("第三次了", 2), ("好几遍", 3), ("没有", 0)])
def test_times_are_counted(text: str, count: float) -> None:
    assert times(text) == count


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("good: [我们整栋楼都没网了,", "good: [我家没网了,", "raises"),
        ("raises_to: urgent", "raises_to: general", "one of"),
        ("<several>.{0,12}", "<many>.{0,12}", "words out of"),
        ("basis: \"2.4 (a)\"\n", "basis: \"2.4 (a)\"\n  colour: red\n", "known keys"),
    ],
)
def test_a_wrong_table_does_not_load(tmp_path: Path, old: str, new: str, expected: str) -> None:
    broken = tmp_path / "signals.yml"
    broken.write_text(SIGNALS_FILE.read_text("utf-8").replace(old, new, 1), "utf-8")

    with pytest.raises(TableError, match=expected):
        load_signals(broken)
