"""The training data: distinct sentences, all marked, none from a template or an evaluation set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bot.coach.data_report import Report, report
from bot.coach.examples import read_examples, read_training
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training_table import load_training
from bot.settings import ROOT
from tests.grown import grown_types

SETS = (ROOT / "tests" / "nlu" / "heldout.yml", ROOT / "tests" / "nlu" / "fresh.jsonl")


@pytest.fixture(scope="module")
def book() -> Handbook:
    """Return the project's own tables."""
    return load_handbook()


@pytest.fixture(scope="module")
def found(book: Handbook) -> Report:
    """Examine the project's own data."""
    requests = frozenset(name for name, row in book.types.items() if row.kind.is_request)
    others = [(path.name, read_examples(path)) for path in SETS]
    return report(read_training(ROOT / "data" / "nlu"), others, requests)


def test_there_are_six_thousand_distinct_sentences() -> None:
    texts = [example.text for example in read_training(ROOT / "data" / "nlu")]

    assert len(set(texts)) == len(texts) >= 6000


def test_every_type_has_enough_sentences(found: Report, book: Handbook) -> None:
    counts = {name: sum(found.counts.get(name, {}).values()) for name in book.types_in_use()}
    least = {name: 60 if row.kind.is_request else 25 for name, row in book.types_in_use().items()}
    for name in grown_types() & counts.keys():
        # What the wizard asks for; a share of it stands among the tests.
        least[name] = load_training().least_sentences
        counts[name] += sum(e.type == name for e in read_examples(ROOT / "tests/nlu/live.yml"))

    assert {name: n for name, n in counts.items() if n < least[name]} == {}


def test_no_sentence_is_nearly_another(found: Report) -> None:
    assert found.near + found.across == []


def test_no_sentence_stands_in_an_evaluation_set(found: Report) -> None:
    assert found.leaks == []


def test_requests_carry_an_urgency_and_talk_carries_none(found: Report) -> None:
    assert found.unmarked == []


def test_no_family_of_sentences_comes_from_a_template(found: Report) -> None:
    assert found.families == []


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.name)
def test_evaluation_sets_name_known_types_and_levels(path: Path, book: Handbook) -> None:
    for example in read_examples(path):
        asks = book.types[example.type].kind.is_request
        assert (example.urgency in {"general", "major", "urgent"}) is asks, example.text


def test_held_out_situations_are_not_in_the_training_data() -> None:
    known = Counter(e.situation for e in read_training(ROOT / "data" / "nlu"))

    assert not [e for e in read_training(SETS[0]) if known[e.situation]]
