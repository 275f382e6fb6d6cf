"""Ways of modelling are compared on the same situations and the same files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bot.coach.compare import WAYS, Way, measure, part_of, right
from bot.coach.examples import Example
from bot.nlu import tuned_vectors
from bot.nlu.hidden import HiddenSettings
from bot.nlu.ngrams import NgramSettings
from bot.nlu.second_reading import SecondSettings

WORDS = {"bill_query": "查话费余额账单", "fault_broadband": "宽带断网掉线慢", "greet": "你好早上您在吗"}
LEVELS = ("general", "major", "urgent")
ROWS = [
    Example(word[i % 4 :] + word[: i % 3] + ["", "急", "危"][i % 3], kind, LEVELS[i % 3], f"{kind}-{i}")
    for kind, word in WORDS.items()
    for i in range(60)
]
NETWORK = HiddenSettings(units=16, epochs=200)
PLAIN = Way("sparse", ngrams=NgramSettings(least_seen=1), vectors=False, networks=(NETWORK,))


@pytest.mark.parametrize(
    "way",
    [
        PLAIN,
        replace(PLAIN, copies=1),
        replace(PLAIN, vote=0.3),
        replace(PLAIN, by_kind=True),
        replace(PLAIN, apart=True),
    ],
)
def test_every_way_is_scored_on_what_was_left_out_and_on_files(way: Way) -> None:
    kinds = {"bill_query": "consult", "fault_broadband": "fault", "greet": "talk"}

    figures = measure(way, ROWS, [ROWS[:6]], labels=sorted(WORDS), kinds=kinds)
    assert len(figures) == 6
    assert float(figures[0]) > 0.9
    assert all(float(figure) > 0.9 for figure in figures[2:4])
    assert figures[5] == "-"


def test_a_way_that_reads_twice_asks_the_tuned_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features that say nothing leave all in doubt; the encoder, here one that knows, decides."""
    wishes = sorted(WORDS)

    def encode(texts: Sequence[str]) -> np.ndarray:
        known = {row.text: wishes.index(row.type) for row in ROWS}
        return np.eye(3, dtype=np.float32)[[known[text] for text in texts]]

    monkeypatch.setattr(tuned_vectors, "encode", encode)
    dumb = replace(PLAIN, networks=(), ngrams=NgramSettings(least_seen=1_000))
    once = measure(dumb, ROWS, [], labels=wishes, kinds={})
    twice = measure(replace(dumb, second=SecondSettings()), ROWS, [], labels=wishes, kinds={})
    assert float(once[0]) < 0.7
    assert float(twice[0]) == 1.0


def test_a_way_that_tells_no_urgency_shows_no_figure_of_it() -> None:
    figures = measure(replace(PLAIN, networks=()), ROWS, [], labels=sorted(WORDS), kinds={})

    assert figures[2:4] == ["-", "-"]


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
