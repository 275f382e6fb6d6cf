"""Scores are what their definitions say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bot.coach.evaluate import report, summary
from bot.coach.examples import Example
from bot.coach.pages import write_page
from bot.coach.scores import (
    Judged,
    calibration,
    coverage,
    type_scores,
    urgency_scores,
    wilson,
    worst,
)
from bot.nlu.reader import Reading


def judged(
    truth: str, said: str, confidence: float = 0.9, *, level: str | None = "general",
    heard: str = "general", sure: bool = True, also: tuple[str, ...] = (),
) -> Judged:
    example = Example("话费", truth, level, sure=sure, also=also, source="x")
    types = ((said, confidence), ("greet", 1 - confidence))
    return Judged(example, Reading(types, heard, 0.9, (0.9, 0.05, 0.05)))


def test_an_interval_narrows_with_more_rows() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert wilson(800, 1000)[1] - wilson(800, 1000)[0] < 0.06
    assert wilson(0, 0) == (0.0, 1.0)


def test_an_unsure_row_accepts_its_other_types() -> None:
    rows = [
        judged("payment", "bill_query", sure=False, also=("bill_query",)),
        judged("payment", "bill_query", also=("bill_query",)),
        judged("payment", "payment"),
    ]
    scores = type_scores(rows)

    assert scores["sure"]["value"] == 0.5
    assert scores["unsure"]["value"] == 1.0
    assert scores["by_source"]["x"]["n"] == 3


def test_the_second_guess_counts_for_top_two() -> None:
    assert type_scores([judged("greet", "payment")])["top2"]["value"] == 1.0


def test_honest_confidence_has_no_calibration_error() -> None:
    confidence = np.full(10, 0.7)

    assert calibration(confidence, np.array([True] * 7 + [False] * 3))["ece"] == 0.0
    assert calibration(confidence, np.zeros(10, bool))["ece"] == pytest.approx(0.7)


def test_a_higher_threshold_answers_less_and_better() -> None:
    rows = coverage(np.array([0.95, 0.6, 0.25]), np.array([True, True, False]))

    assert rows[0]["coverage"] == 1.0
    assert [row for row in rows if row["threshold"] == 0.5] == [
        {"threshold": 0.5, "coverage": pytest.approx(2 / 3), "accuracy": 1.0}
    ]


def test_a_missed_urgent_case_costs_most() -> None:
    missed = urgency_scores([judged("payment", "payment", level="urgent", heard="general")])
    false = urgency_scores([judged("payment", "payment", level="general", heard="urgent")])

    assert missed and false
    assert missed["mean_cost"] > false["mean_cost"] > 0
    assert false["false_urgent"]["value"] == 1.0
    assert urgency_scores([judged("greet", "greet", level=None)]) is None


def test_the_most_confident_mistake_comes_first() -> None:
    rows = [judged("payment", "invoice", 0.6), judged("payment", "invoice", 0.8), judged("greet", "greet")]

    assert [row["confidence"] for row in worst(rows)] == [0.8, 0.6]


def test_the_page_and_its_plots_are_written_and_the_summary_names_no_sentence(tmp_path: Path) -> None:
    rows = [judged("payment", "invoice", 0.6), judged("payment", "payment", 0.8), judged("greet", "greet")]
    scores = report(rows, frozenset({"payment", "invoice"}))
    write_page(tmp_path, "x.jsonl", rows, scores, {"payment": "充值缴费"})

    assert {path.name for path in tmp_path.iterdir()} == {
        "report.html", "confusion.png", "reliability.png", "coverage.png",
    }  # fmt: skip
    assert "充值缴费" in (tmp_path / "report.html").read_text("utf-8")
    assert "话费" not in summary("x", scores)
    json.dumps(scores)
