"""The folder data/: what Rasa takes for its own, what training files must hold, no real numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from rasa.shared.data import get_data_files, is_nlu_file
from ruamel.yaml import YAML

from bot.coach.data_report import bare, near_duplicates
from bot.coach.examples import Example, read_training
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
NLU = sorted((DATA / "nlu").glob("*.yml"))
FILES = sorted(path for path in DATA.rglob("*") if path.is_file())
TEXTS = [path for path in FILES if path.suffix != ".npz"]  # weights are no text
TABLES = [path for path in FILES if path.suffix in {".yml", ".yaml"} and path.parent != DATA / "nlu"
          and path.parent not in {DATA / "rules", DATA / "stories"}]  # fmt: skip
OF_RASA = re.compile(r"^\s*(?:nlu|responses|stories|rules):", re.MULTILINE)

# Types without a level, and why the level cannot occur there (urgent: harm grows by the hour).
LEVELS_THAT_CANNOT_OCCUR = {
    "invoice": ({"urgent"}, "a missing invoice harms nobody by the hour"),
    "account_query": ({"urgent"}, "a question about one's own account cuts nobody off"),
    "plan_consult": ({"urgent"}, "a question about what is on offer"),
    "vas_cancel": ({"urgent"}, "a service too many; charges grow by the month"),
    "contract_query": ({"urgent"}, "a question about a term or a fee"),
    "close_account": ({"urgent"}, "closing can be refused (major), but waits without harm"),
    "transfer_ownership": ({"urgent"}, "a change of owner waits without harm"),
    "complaint_marketing": ({"urgent"}, "an unwanted offer; harm in progress is fraud_report"),
    "suggestion": ({"urgent"}, "by definition no harm is done"),
}

# Rules on privacy are shown what they must find: a test number of zeros, the worked example of
# the standard on identity numbers (GB 11643), and digits in order.
SHOWN_TO_RULES = {
    "data/handbook/language/privacy.yml": {
        "13800000000", "11010519491231002X", "123456789012345678", "202606050000123456",
    },
}
FULL_NUMBER = re.compile(
    r"(?<!\d)(?:1[3-9]\d{9}|\d{17}[\dXx]|0\d{2,3}[- ]?[2-9]\d{6,7})(?!\d)"
)


def all_examples() -> list[Example]:
    return read_training(DATA / "nlu")


def relative(paths: Iterator[Path] | list[Path]) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def folders_that(predicate: object) -> set[str]:
    found = get_data_files([str(DATA)], predicate)
    return {Path(path).resolve().relative_to(DATA).parts[0] for path in found}


def test_rasa_takes_sentences_from_nlu_only() -> None:
    assert folders_that(is_nlu_file) == {"nlu"}


def test_rasa_takes_rules_and_stories_from_their_folders_only() -> None:
    assert folders_that(YAMLStoryReader.is_stories_file) <= {"rules", "stories"}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.relative_to(DATA).as_posix())
def test_a_table_uses_no_key_of_rasa(path: Path) -> None:
    assert OF_RASA.findall(path.read_text("utf-8")) == []


def test_nothing_under_data_is_json() -> None:
    assert relative([path for path in FILES if path.suffix == ".json"]) == []


def test_every_type_has_one_training_file(handbook: Handbook) -> None:
    assert {path.stem for path in NLU} == set(handbook.types)


@pytest.mark.parametrize("path", NLU, ids=lambda path: path.stem)
def test_a_training_file_holds_the_intent_that_it_is_named_after(path: Path) -> None:
    content = YAML(typ="safe").load(path.read_text("utf-8"))

    [block] = content["nlu"]
    assert block["intent"] == path.stem
    assert [row for row in block["examples"] if not isinstance(row.get("metadata"), dict)] == []


def test_requests_carry_a_known_urgency_and_the_others_none(handbook: Handbook) -> None:
    levels = {level.value for level in Urgency}
    wrong = [
        (example.source, example.text)
        for example in all_examples()
        if (example.urgency in levels) is not handbook.types[example.type].kind.is_request
        or (example.urgency is not None and example.urgency not in levels)
    ]
    assert wrong == []


def test_all_levels_stand_wherever_they_can_occur(handbook: Handbook) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for example in all_examples():
        found[example.type].add(example.urgency or "")
    absent = {
        name: {level.value for level in Urgency} - found[name]
        for name, row in handbook.types.items()
        if row.kind.is_request
    }
    expected = {name: levels for name, (levels, _) in LEVELS_THAT_CANNOT_OCCUR.items()}
    assert {name: levels for name, levels in absent.items() if levels} == expected


def test_no_two_sentences_differ_in_marks_only() -> None:
    # One character may stand with and without a mark: 啊 and 啊？ are heard differently.
    texts = [bare(example.text) for example in all_examples()]
    counts = Counter(text for text in texts if len(text) > 1)
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_two_sentences_are_nearly_the_same() -> None:
    twins = near_duplicates(all_examples(), least=0.9)
    assert [(a.text, b.text) for _, a, b in twins] == []


@pytest.mark.parametrize(
    "path", [*TEXTS, ROOT / "domain.yml"], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_no_full_phone_or_identity_number_is_written_down(path: Path) -> None:
    found = set(FULL_NUMBER.findall(path.read_text("utf-8")))
    assert found - SHOWN_TO_RULES.get(path.relative_to(ROOT).as_posix(), set()) == set()
