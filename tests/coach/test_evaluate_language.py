"""The figures of the language check, over a file small enough to reckon by hand."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.coach.data_report import bare
from bot.coach.evaluate_language import (
    Mark,
    add_arguments,
    figures,
    judge,
    overlaps_by_half,
    run,
    share,
    wilson,
    with_opinion,
)
from bot.coach.tone_lines import read_lines
from bot.handbook.language.checker import load_checker
from bot.handbook.language.finding import Level

LABELLED = Path(__file__).parents[1] / "language"
SPLITS = sorted(LABELLED.glob("evaluation_*.jsonl"))


def _reply(number: int, text: str, verdict: str, *labels: tuple[str, str, str]) -> dict[str, Any]:
    marks = [
        {
            "rule": rule,
            "level": level,
            "start": text.index(span),
            "end": text.index(span) + len(span),
        }
        for rule, level, span in labels
    ]
    return {"id": f"r-{number}", "text": text, "speaker": "staff", "turn": "mid",
            "context": "billing", "labels": marks, "verdict": verdict}  # fmt: skip


TINY = (
    _reply(1, "不知道。", "block", ("FBD-01", "block", "不知道")),
    _reply(2, "您的账单是58.00元。你自己看。", "block", ("FBD-05", "block", "你自己看")),
    _reply(3, "您的套餐里装着一整片月色。", "block", ("FBD-08", "block", "一整片月色")),
    _reply(4, "您本期账单是58.00元，明细已发到您的邮箱。", "pass"),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("language") / "tiny.jsonl"
    lines = (json.dumps(row, ensure_ascii=False) for row in TINY)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_shares_are_counted_in_replies(tiny: Path) -> None:
    report = figures(judge(tiny, load_checker(verify=False)))
    assert report["replies"] == {"all": 4, "bad": 3, "fine": 1}
    counted = ("block_precision", "block_recall", "violation_recall", "false_alarms", "span_right")
    assert {name: (report[name]["count"], report[name]["of"]) for name in counted} == {
        "block_precision": (2, 2),
        "block_recall": (2, 3),
        "violation_recall": (2, 3),
        "false_alarms": (0, 1),
        "span_right": (2, 2),
    }


def test_each_group_and_rule_has_its_own_recall(tiny: Path) -> None:
    report = figures(judge(tiny, load_checker(verify=False)))
    assert report["groups"]["FBD"]["recall"]["count"] == 2
    assert report["rules"]["FBD-08"]["recall"]["count"] == 0


def test_wording_stays_out_of_sight_unless_asked_for(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_arguments(str(tiny), "--no-opinion", "--out", str(tmp_path))) == 0
    shown = capsys.readouterr().out + (tmp_path / "report.json").read_text(encoding="utf-8")
    assert "block_recall" in shown
    assert "无人能懂" not in shown


def test_the_second_opinion_warns_where_the_rules_are_silent(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = load_checker(verify=False).check("不知道。").findings[0]
    told = SimpleNamespace(finding=lambda text: replace(finding, level=Level.WARN))
    monkeypatch.setattr("bot.coach.opinion.load_opinion", lambda deaf: told)
    judged = judge(tiny, load_checker(verify=False))
    assert [reply.verdict for reply in judged] == ["block", "block", "pass", "pass"]
    assert [reply.verdict for reply in with_opinion(judged)] == ["block", "block", "warn", "warn"]


def test_misses_are_listed_when_asked_for(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(_arguments(str(tiny), "--no-opinion", "--out", str(tmp_path), "--show"))
    [mistake] = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["mistakes"]
    assert mistake["labels"] == ["FBD-08"]
    assert "r-3 block > pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("label", "finding", "right"),
    [
        ((0, 10), (0, 10), True),
        ((0, 10), (3, 5), True),
        ((0, 4), (2, 8), True),
        ((0, 4), (3, 8), False),
        ((0, 4), (4, 8), False),
        ((2, 2), (0, 4), False),
    ],
)
def test_a_span_is_right_from_half_of_either(
    label: tuple[int, int], finding: tuple[int, int], right: bool
) -> None:
    marks = [Mark("FBD-01", "refusal_unknown", "block", *span) for span in (label, finding)]
    assert overlaps_by_half(*marks) is right


def test_interval_is_wilsons() -> None:
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)


def test_no_share_without_a_denominator() -> None:
    assert share(0, 0) == {"of": 0, "count": 0, "share": None, "interval": None}


@pytest.mark.parametrize("path", SPLITS, ids=lambda path: path.stem)
def test_labels_agree_with_their_text_and_verdict(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        levels = {label["level"] for label in row["labels"]}
        spans = [row["text"][label["start"] : label["end"]] for label in row["labels"]]
        assert all(spans), row["id"]
        worst = next((level for level in ("block", "warn") if level in levels), "pass")
        assert row["verdict"] == worst, row["id"]


def test_no_reply_stands_in_two_files() -> None:
    texts = [
        json.loads(line)["text"]
        for path in SPLITS
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    names = [path.stem.partition("_")[2] for path in SPLITS]
    assert names == ["dev12", "dev13", "dev14", "dev15", "dev16", "dev17", "facts", "plain", "test"]
    assert len(texts) == len(set(texts))


def test_no_labelled_reply_is_learned_from() -> None:
    learned = {bare(line.reply) for line in read_lines(tables=None)}
    known = [
        row["id"]
        for path in SPLITS
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if bare(row["text"]) in learned
    ]
    assert not known, "a set that is learned from measures nothing"
