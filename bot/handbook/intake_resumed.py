"""Chapter 3.1: an intake goes on (继续登记) after a person served the customer in between."""

from __future__ import annotations

from collections.abc import Mapping

from bot.handbook.intake import CONFIRM, SOLVED
from bot.handbook.intake_parts import Intake
from bot.handbook.intake_story import with_needs
from bot.handbook.requests import RequestType, missing_facts


def resume(intake: Intake, types: Mapping[str, RequestType]) -> str | None:
    """Ask next for what is still missing, or for the confirmation; None after a mere answer."""
    if intake.asking == SOLVED:
        return None
    intake.facts.pop("stuck", None)
    missing = missing_facts(with_needs(types[intake.type], intake), intake.facts)
    intake.asking = missing[0] if missing else CONFIRM
    # What was asked in vain before the person came counts no more.
    intake.asked = {**intake.asked, intake.asking: 1}
    return intake.asking
