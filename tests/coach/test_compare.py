"""Ways of modelling are compared on the same folds and the same files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.coach.compare import WAYS, Way, measure, part_of, right
from bot.coach.examples import Example
from bot.nlu.ngrams import NgramSettings

WORDS = {"bill_query": "查话费余额账单", "fault_broadband": "宽带断网掉线慢", "greet": "你好早上您在吗"}
ROWS = [
    Example(word[i % 4 :] + word[: i % 3], kind, None, f"{kind}-{i}")
    for kind, word in WORDS.items()
    for i in range(12)
]
PLAIN = Way("sparse", ngrams=NgramSettings(least_seen=1), vectors=False)


@pytest.mark.parametrize(
    "way", [PLAIN, replace(PLAIN, copies=1), replace(PLAIN, vote=0.3), replace(PLAIN, by_kind=True)]
)
def test_every_way_is_scored_on_folds_and_files(way: Way) -> None:
    kinds = {"bill_query": "consult", "fault_broadband": "fault", "greet": "talk"}

    figures = measure(way, ROWS, [ROWS[:6]], count=3, labels=sorted(WORDS), kinds=kinds)
    assert len(figures) == 4
    assert float(figures[0]) > 0.9
    assert figures[3] == "-"


def test_ways_have_names_of_their_own() -> None:
    assert len({way.name for way in WAYS}) == len(WAYS)


def test_an_unsure_row_accepts_its_other_types() -> None:
    rows = [Example("x", "greet", sure=False, also=("bill_query",)), Example("x", "greet")]

    assert right(np.array([[1.0, 0.0], [1.0, 0.0]]), rows, ["bill_query", "greet"]).tolist() == [
        True,
        False,
    ]


def test_less_data_is_whole_situations_and_part_of_more() -> None:
    rows = [replace(row, situation=f"s{i // 2}") for i, row in enumerate(ROWS)]

    half, quarter = part_of(rows, 0.5), part_of(rows, 0.25)
    assert 0 < len(quarter) < len(half) < len(part_of(rows, 1.0)) == len(rows)
    assert all(row in half for row in quarter)
    learned = {row.situation for row in half}
    assert half == [row for row in rows if row.situation in learned]
