"""Chapters 2.2 and 4: which changes of holder a conversation may go through."""

from __future__ import annotations

import itertools

import pytest

from bot.handbook.errors import DeskError
from bot.handbook.handoff import ConversationState, IllegalHandoff, StaleHolder, check_change

LEGAL = {
    ("bot", "waiting"),
    ("bot", "staff"),
    ("bot", "ended"),
    ("waiting", "staff"),
    ("waiting", "bot"),
    ("waiting", "ended"),
    ("staff", "staff"),
    ("staff", "waiting"),
    ("staff", "bot"),
    ("staff", "ended"),
    ("ended", "bot"),
}
STATES = [state.value for state in ConversationState]


@pytest.mark.parametrize(("old", "new"), itertools.product(STATES, STATES))
def test_only_the_changes_of_the_table_are_allowed(old: str, new: str) -> None:
    try:
        check_change(ConversationState(old), ConversationState(new))
    except IllegalHandoff:
        assert (old, new) not in LEGAL
    else:
        assert (old, new) in LEGAL


def test_a_refused_change_names_both_states_to_people() -> None:
    with pytest.raises(IllegalHandoff, match="会话处于“结束”，不能转为“排队”") as caught:
        check_change(ConversationState.ENDED, ConversationState.WAITING)
    assert caught.value.code == "illegal_handoff"


def test_a_stale_holder_carries_who_holds_it_now() -> None:
    error = StaleHolder("会话已由他人变更", holder_id=7, epoch=3)
    assert isinstance(error, DeskError)
    assert (error.code, error.data) == ("stale_holder", {"holder_id": 7, "epoch": 3})


def test_every_state_has_its_own_chinese_name() -> None:
    assert [state.label for state in ConversationState] == [
        "机器人接待",
        "排队",
        "人工接待",
        "结束",
    ]
