"""The gate: a type that the model in service does not know must be read right on sentences of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.coach.examples import Example
from bot.coach.gate import examine, lines_of
from bot.nlu.reader import Reader, Reading

OLD_TYPES = ("bill_query", "port_out", "fault_broadband")
NEW_TYPE = "device_repair"
ASKS = ("买的手机坏了怎么修", "新机黑屏了要送修", "主板坏了走保修", "屏幕碎了保修吗")


@dataclass
class Read:
    """Stands in for a model: what it knows, and what it reads otherwise than it should."""

    model: Any
    said: dict[str, str]

    def read(self, texts: list[str]) -> list[Reading]:
        found = [self.said.get(text, OLD_TYPES[0]) for text in texts]
        return [Reading(((type_, 0.9),), "general", 0.9, (0.9, 0.05, 0.05)) for type_ in found]


def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, right: int, asked: int, new: tuple[str, ...] = (NEW_TYPE,)
) -> dict[str, Any]:
    """Examine a candidate that reads so many of the new type's test sentences right."""
    known = dict.fromkeys(ASKS[:right], NEW_TYPE) | dict.fromkeys(ASKS[right:], OLD_TYPES[2])
    models = {
        "new": Read(SimpleNamespace(labels=(*OLD_TYPES, *new)), known),
        "old": Read(SimpleNamespace(labels=OLD_TYPES), dict.fromkeys(ASKS, OLD_TYPES[2])),
    }
    monkeypatch.setattr(Reader, "open", lambda archive: models[archive.name])
    for name in models:
        (tmp_path / name).write_bytes(b"model")
    examples = [Example("查话费", OLD_TYPES[0], "general")] * 40
    examples += [Example(text, NEW_TYPE, "general") for text in ASKS[:asked]]
    return examine(tmp_path / "new", tmp_path / "old", examples, tmp_path)


def rule(report: dict[str, Any]) -> dict[str, Any] | None:
    return next((row for row in report["limits"] if row["id"] == "new_type_recall"), None)


@pytest.mark.parametrize(("right", "ok"), [(4, True), (3, True), (2, False), (0, False)])
def test_a_new_type_must_be_read_right_on_its_own_test_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: int, ok: bool
) -> None:
    found = report(tmp_path, monkeypatch, right=right, asked=4)

    row = rule(found)
    assert row is not None
    assert (row["ok"], row["value"], row["warning"]) == (ok, right / 4, "")
    assert found["passed"] is ok
    assert found["warnings"] == []


def test_the_reason_names_the_misread_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [reason] = report(tmp_path, monkeypatch, right=2, asked=4)["reasons"]

    assert reason.startswith("新类型召回率低于0.6：device_repair（0.500，4句中")
    assert all(f"“{text}”读成宽带故障" in reason for text in ASKS[2:])
    assert ASKS[0] not in reason
    assert reason.endswith("，可在新建类型时把相近的旧句移过来，或再写一些句子")


@pytest.mark.parametrize("asked", [0, 2])
def test_too_few_test_sentences_are_a_warning_and_no_silent_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    found = report(tmp_path, monkeypatch, right=0, asked=asked)

    warning = f"新类型召回率：测试句不足3句，无法判断：device_repair（{asked}句）"
    assert (found["passed"], found["warnings"]) == (True, [warning])
    shown = lines_of({**found, "model": "new", "against": "old"})
    assert f"  warn {warning}" in shown


def test_without_a_new_type_the_rule_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = report(tmp_path, monkeypatch, right=0, asked=0, new=())

    assert rule(found) is None
    assert found["warnings"] == []
