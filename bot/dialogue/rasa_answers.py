"""Answers of the action server 动作应答: checked with a schema that is compiled once.

Rasa 3.6 checks the schema itself, not only the answer, each time a custom action has run; in a
turn of an intake that is half of its work. What is accepted and refused stays the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jsonschema import ValidationError, validators
from jsonschema.exceptions import best_match
from rasa.core.actions.action import RemoteAction


@lru_cache(maxsize=1)
def _compiled() -> Any:
    schema = RemoteAction.action_response_format_spec()
    kind = validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def check_answer(_action: RemoteAction, answer: dict[str, Any]) -> bool:
    """Accept an answer of the action server; raise `ValidationError` if it has another form."""
    error = best_match(_compiled().iter_errors(answer))
    if error is None:
        return True
    raise ValidationError(f"the action server answered in another form: {error.message}")


def compile_once() -> None:
    """Let Rasa check answers with the compiled schema."""
    RemoteAction._validate_action_result = check_answer
