"""Answers of the action server: the same are refused, the schema is checked once."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from rasa.core.actions.action import RemoteAction

from bot.dialogue import rasa_answers

GOOD: list[dict[str, Any]] = [
    {"events": [], "responses": []},
    {"events": [{"event": "slot", "name": "urgency", "value": "major"}], "responses": [{"text": "您好"}]},
]
BAD: list[Any] = [
    {"events": {}, "responses": []},
    {"events": [{"name": "no event"}], "responses": []},
    {"events": [], "responses": "您好"},
    [],
]


@pytest.mark.parametrize("answer", [*GOOD, *BAD])
def test_what_rasa_refuses_is_refused_and_nothing_else(answer: Any) -> None:
    schema = RemoteAction.action_response_format_spec()
    try:
        jsonschema.validate(answer, schema)
    except jsonschema.ValidationError:
        with pytest.raises(jsonschema.ValidationError, match="another form"):
            rasa_answers.check_answer(None, answer)  # type: ignore[arg-type]
    else:
        assert rasa_answers.check_answer(None, answer)  # type: ignore[arg-type]


def test_the_schema_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    spec = RemoteAction.action_response_format_spec()
    monkeypatch.setattr(
        RemoteAction, "action_response_format_spec", staticmethod(lambda: asked.append(1) or spec)
    )
    rasa_answers._compiled.cache_clear()
    for answer in GOOD * 3:
        rasa_answers.check_answer(None, answer)  # type: ignore[arg-type]

    assert len(asked) == 1
