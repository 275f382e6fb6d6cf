"""The domain and its users agree: actions have classes, texts exist and pass the language check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rasa_sdk import Action
from ruamel.yaml import YAML

from bot.dialogue.texts import load_texts
from bot.handbook.intake import CONFIRM, CORRECTION, OFFER, SOLVED
from bot.handbook.intake_steps import acknowledge
from bot.handbook.language.checker import load_checker
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.tables import Handbook

ROOT = Path(__file__).parents[2]
DOMAIN = YAML(typ="safe").load((ROOT / "domain.yml").read_text("utf-8"))


def action_names() -> set[str]:
    import actions.context
    import actions.handoff
    import actions.intake
    import actions.talk
    import actions.tickets  # noqa: F401

    def concrete(cls: type) -> set[str]:
        names = set() if getattr(cls, "__abstractmethods__", None) else {cls().name()}
        return names.union(*(concrete(sub) for sub in cls.__subclasses__()))

    return {n for sub in Action.__subclasses__() if sub.__module__.startswith("actions") for n in concrete(sub)}


def test_every_action_of_the_domain_has_a_class_and_the_reverse() -> None:
    assert action_names() == set(DOMAIN["actions"])


def test_intents_are_the_types_of_the_table(handbook: Handbook) -> None:
    assert set(DOMAIN["intents"]) == set(handbook.types_in_use())


def test_every_text_that_code_names_exists() -> None:
    used = set()
    for folder in ("actions", "bot"):
        for path in (ROOT / folder).rglob("*.py"):
            used |= set(re.findall(r'"(utter_[a-z_]+)"', path.read_text("utf-8")))
    assert used - set(DOMAIN["responses"]) == set()


def test_every_question_of_the_intake_has_a_text(handbook: Handbook) -> None:
    asked = {name for t in handbook.types.values() for group in t.needs for name in group}
    asked |= {CONFIRM, OFFER, SOLVED, CORRECTION}
    assert {f"utter_ask_{name}" for name in asked} - set(DOMAIN["responses"]) == set()


def test_every_kind_of_request_is_acknowledged() -> None:
    kinds = {kind.value for kind in RequestKind if kind.is_request} | {"urgent"}
    assert {f"utter_acknowledge_{kind}" for kind in kinds} - set(DOMAIN["responses"]) == set()


@pytest.mark.parametrize("name", sorted(DOMAIN["responses"]))
def test_a_text_passes_the_service_language(name: str) -> None:
    checker, texts = load_checker(verify=False), load_texts()
    result = checker.check(texts.raw(name), speaker="bot", turn="mid")
    found = [f"{f.rule} {f.matched}" for f in result.findings if f.level != "suggest"]
    assert found == [], texts.raw(name)


def test_what_the_table_has_the_bot_say_passes_the_service_language(handbook: Handbook) -> None:
    checker, texts = load_checker(verify=False), load_texts()
    found = []
    for each in handbook.types_in_use().values():
        if not each.kind.is_request:
            continue
        said = [
            texts.render(name, title=each.spoken, **more)
            for name, more in (
                (acknowledge(each, Urgency.GENERAL).response, {}),
                (acknowledge(each, Urgency.URGENT).response, {}),
                ("utter_second_noted", {}), ("utter_next_request", {}), ("utter_switched", {}),
            )
        ]
        said.append(texts.render("utter_ask_detail", tell=each.tell))
        for text in said:
            result = checker.check(text, speaker="bot", turn="mid")
            found += [f"{text}: {f.rule}" for f in result.findings if f.level != "suggest"]
    assert found == []


def test_a_time_wished_for_is_quoted_so_that_it_is_no_promise_of_ours() -> None:
    told = load_texts().render("utter_wish_passed_on", wish="周六上午")
    result = load_checker(verify=False).check(told, speaker="bot", turn="mid")

    assert "“周六上午”" in told
    assert [f.rule for f in result.findings if f.level != "suggest"] == []
