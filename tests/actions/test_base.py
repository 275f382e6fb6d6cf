"""How Rasa reaches the desk: settings and tables opened at the first call, one session per call."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rasa_sdk.executor import CollectingDispatcher

from actions import base
from actions.intake import ActionConcludeIntake, ValidateIntakeForm
from bot.storage.conversations import Conversation
from tests.actions.conftest import ACTIONS, parse, tracker_of


@pytest.fixture
def own_office(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_template: Path
) -> base.Office:
    """Point the action server at a home of its own."""
    shutil.copy(sqlite_template, tmp_path / "desk.db")
    monkeypatch.setenv("INTAKE_HOME", str(tmp_path))
    monkeypatch.delenv("INTAKE_DATABASE_URL", raising=False)
    base.office.cache_clear()
    yield base.office()
    base.office.cache_clear()


async def test_a_call_of_rasa_makes_the_conversation_and_keeps_the_intake(
    own_office: base.Office,
) -> None:
    dispatcher = CollectingDispatcher()
    message = parse("宽带断了", "fault_broadband")
    events = await ValidateIntakeForm().run(dispatcher, tracker_of("trainer", message), {})

    assert {"requested_slot", "request_title"} <= {event["name"] for event in events}
    with own_office.sessions() as session:
        conversation = session.get(Conversation, "trainer")
        assert (conversation.channel, conversation.dialogue["intake"]["type"]) == ("rasa", "fault_broadband")


async def test_a_failing_action_leaves_nothing_behind(own_office: base.Office) -> None:
    class Failing(ActionConcludeIntake):
        def answer(self, turn: base.Turn) -> None:
            turn.conversation.dialogue = {"half": "done"}
            raise RuntimeError("a cable was pulled")

    with pytest.raises(RuntimeError):
        await Failing().run(CollectingDispatcher(), tracker_of("visitor", parse("好", "affirm")), {})
    with own_office.sessions() as session:
        assert session.get(Conversation, "visitor") is None


def test_no_action_opens_anything_when_it_is_made() -> None:
    base.office.cache_clear()
    for action in ACTIONS.values():
        type(action)()
    assert base.office.cache_info().currsize == 0
