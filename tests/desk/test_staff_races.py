"""Chapter 2.2: after a person has taken over, the bot says nothing more; of two people one wins."""

from __future__ import annotations

from sqlalchemy.orm import sessionmaker

from tests.load.takeovers import claims, race


def test_no_bot_message_follows_a_takeover_and_none_of_the_customer_is_lost(
    sessions: sessionmaker,
) -> None:
    report = race(sessions, takeovers=60)

    assert ([], [], []) == (report.bot_after_takeover, report.lost, report.out_of_order)
    assert 60 == report.takeovers


def test_of_six_people_exactly_one_wins_each_conversation(sessions: sessionmaker) -> None:
    assert [1] * 15 == claims(sessions, conversations=15, people=6)
