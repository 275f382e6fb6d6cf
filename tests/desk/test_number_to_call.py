"""Chapter 3.1: a number that the customer gave once is not asked for again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from bot.desk.intakes import number_of
from bot.desk.messages import receive_message
from bot.storage.conversations import Conversation

Maker = Callable[..., Conversation]
NUMBER = "13800000099"


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ([NUMBER], NUMBER), (["138 0000 0099"], NUMBER), ([f"{NUMBER}。", "不登记了", "我要改套餐"], NUMBER),
        ([NUMBER, "13900001234"], "13900001234"), ([f"骗子用 {NUMBER} 打给我"], None), (["宽带断了"], None), ([f"骗子{NUMBER}"], None), ([f"别打{NUMBER}"], None), ([f"查{NUMBER}机主"], None),
        ([f"我的电话是{NUMBER}"], NUMBER), ([f"我妈{NUMBER}"], None),
    ],
)  # fmt: skip
def test_a_number_given_by_itself_is_known_after_a_registration_was_given_up(
    session: Session, make_conversation: Maker, now: datetime, said: list[str], known: str | None
) -> None:
    conversation = make_conversation(session)
    for at, text in enumerate(said):
        receive_message(session, conversation, text=text, external_id=f"m{at}", now=now)

    assert number_of(session, conversation).get("phone_number") == known
