"""Chapter 3.1: after a person served the customer, the intake asks only for what is missing."""

from __future__ import annotations

import pytest

from bot.handbook.intake import CONFIRM, OFFER, SOLVED
from bot.handbook.intake_parts import Intake
from bot.handbook.intake_resumed import resume
from bot.handbook.tables import Handbook

ADDRESS = {"address": "城关区幸福小区3号楼"}
PHONE = {"phone_number": "138" + "0000" * 2}


@pytest.mark.parametrize(
    ("facts", "asking"),
    [
        ({}, "address"),
        (ADDRESS, "phone_number"),
        (ADDRESS | PHONE, CONFIRM),
        # A question that nobody could answer before the person came is not offered again.
        ({"stuck": "address"} | PHONE, "address"),
    ],
)
def test_what_is_known_is_not_asked_again(
    handbook: Handbook, facts: dict[str, str], asking: str
) -> None:
    intake = Intake(
        type="fault_broadband", key="k", facts=dict(facts), asking=OFFER, asked={"address": 4}
    )

    assert asking == resume(intake, handbook.types)
    assert (asking, 1) == (intake.asking, intake.asked[asking])
    assert "stuck" not in intake.facts


def test_a_question_whether_an_answer_helped_stands(handbook: Handbook) -> None:
    intake = Intake(type="bill_query", key="k", asking=SOLVED)

    assert (None, SOLVED) == (resume(intake, handbook.types), intake.asking)
