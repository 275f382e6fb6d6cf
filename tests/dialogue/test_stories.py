"""One story or two requests, as the trained model and the rules read them together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bot.coach.train import train_if_needed
from bot.desk.readings import reading_of_parse
from bot.handbook.intake import IntakeTables, Reading, advance, begin, put_by
from bot.handbook.signal_table import load_signals
from bot.handbook.tables import load_handbook
from bot.handbook.two_requests import halves, requests_in
from bot.nlu.reader import Reader
from bot.settings import load_settings

STORIES = YAML(typ="safe").load(Path(__file__).with_name("stories.yml").read_text("utf-8"))
HANDBOOK = load_handbook()
TABLES = IntakeTables(HANDBOOK.types, HANDBOOK.facts, HANDBOOK.knowledge, load_signals())
UNSURE = 0.45
Read = Callable[[str], Reading]
pytestmark = pytest.mark.rasa


@pytest.fixture(scope="module")
def read() -> Read:
    model = Reader.open(train_if_needed(load_settings({})))

    def read_one(text: str) -> Reading:
        [found] = model.read([text])
        sure = found.type_confidence >= UNSURE
        return reading_of_parse(
            {
                "text": text, "urgency": {"name": found.urgency},
                "intent": {
                    "name": found.type if sure else "nlu_fallback",
                    "confidence": found.type_confidence,
                },
            },
            HANDBOOK,
        )

    return read_one


def requests_of(bubbles: list[str], read: Read) -> list[str]:
    """Return the types of the requests that an intake makes of the bubbles; nothing without one."""
    first, *second = requests_in(
        read(bubbles[0]), [read(part) for part in halves(bubbles[0]) or ()], TABLES.types
    )
    if first.type not in TABLES.types or not TABLES.types[first.type].kind.is_request:
        return []
    intake, _ = begin(first, TABLES, key="key")
    intake.pending = [put_by(each) for each in second]
    answered = []
    for bubble in bubbles[1:]:
        turn = advance(intake, read(bubble), TABLES)
        answered += [said.response for said in turn.says if said.response == "utter_knowledge"]
        answered += [intake.outcome] if intake.outcome == "switch" else []
    return [intake.type, *(row["type"] for row in intake.pending), *answered]


def apart(said: str) -> list[str]:
    return said.split("/")


def joined(said: str) -> list[str]:
    return [said.replace("/", "，")]


@pytest.mark.parametrize(("bubbles", "most_missed"), [(apart, 6), (joined, 5)])
def test_a_story_is_one_request(
    read: Read, bubbles: Callable[[str], list[str]], most_missed: int
) -> None:
    missed = []
    for story in STORIES["one"]:
        found = requests_of(bubbles(story["say"]), read)
        if len(found) != 1 or found[0] not in story["type"]:
            missed.append((story["say"], found))

    assert len(missed) <= most_missed, missed


@pytest.mark.parametrize(("bubbles", "most_missed"), [(apart, 4), (joined, 9)])
def test_two_wishes_are_two_requests(
    read: Read, bubbles: Callable[[str], list[str]], most_missed: int
) -> None:
    missed = [
        (said, found)
        for said in STORIES["two"]
        if len(found := requests_of(bubbles(said), read)) != 2
    ]

    assert len(missed) <= most_missed, missed
