"""Labels that are taken back: what waits again, and what stays because it went on."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from bot.desk import training_inbox as inbox
from bot.desk import training_labels as labels
from bot.handbook.tables import Handbook
from bot.handbook.training import Training
from bot.storage.coach import InboxItem
from tests.coach.test_inbox import ALONE, SAMPLED, find, items, training

__all__ = ["training"]
SAID = "号码不变换一家要怎么弄"


def waiting(session: Session, training: Training, origin: str, now: datetime) -> InboxItem:
    """Bring one turn into the inbox."""
    inbox.gather(session, training, extra=[find(origin, SAID, now)])
    [item] = items(session)
    return item


@pytest.mark.parametrize(
    ("votes", "before", "after"),
    [
        (["port_out"], "second", "open"),
        (["port_out", "port_out"], "labelled", "second"),
        (["port_out", "plan_change"], "disputed", "second"),
        (["port_out", "plan_change", "plan_change"], "labelled", "disputed"),
        (["port_out", "plan_change", "payment"], "refused", "disputed"),
    ],
)
def test_the_last_label_is_taken_back_and_the_others_stay(
    session: Session, training: Training, handbook: Handbook, now: datetime, votes: list[str],
    before: str, after: str,
) -> None:
    item = waiting(session, training, SAMPLED[0], now)
    for number, vote in enumerate(votes):
        labels.label_items(
            session, handbook, [item.id], type_=vote, urgency="general", labeller=f"p{number}", now=now
        )
    assert item.state == before

    last = f"p{len(votes) - 1}"
    assert labels.take_back(session, handbook, [item.id], labeller=last, now=now) == 1
    assert (item.state, item.type, item.labelled_by) == (after, None, None)
    assert [label.type for label in item.labels] == votes[:-1]
    assert inbox.inbox_page(session, labeller=last)["waiting"] == 1


def test_what_was_laid_aside_comes_back(
    session: Session, training: Training, handbook: Handbook, now: datetime
) -> None:
    item = waiting(session, training, ALONE[0], now)
    labels.skip_items(session, [item.id], labeller="a", now=now)

    assert labels.take_back(session, handbook, [item.id], labeller="b", now=now) == 0
    assert labels.take_back(session, handbook, [item.id], labeller="a", now=now) == 1
    assert item.state == "open"


@pytest.mark.parametrize("state", ["promoted", "refused"])
def test_what_went_on_to_the_data_stays(
    session: Session, training: Training, handbook: Handbook, now: datetime, state: str
) -> None:
    item = waiting(session, training, ALONE[0], now)
    labels.label_items(
        session, handbook, [item.id], type_="port_out", urgency="general", labeller="a", now=now
    )
    labels.mark_items(session, [item.id], state)
    session.refresh(item)

    assert labels.take_back(session, handbook, [item.id], labeller="a", now=now) == 0
    assert (item.state, item.type) == (state, "port_out")
