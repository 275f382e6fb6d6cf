"""Checksum rules, 校验类规则: numbers that are personal data (GB 11643, Luhn, mobile numbers)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.handbook import privacy
from bot.handbook.language.case import Case
from bot.handbook.language.kinds import Hit, Match, Materials, Structural
from bot.handbook.language.text import Reply

# 173.0000.9999: dots between groups of digits hide a number no better than hyphens do.
_DOT = re.compile(r"(?<=\d)[.·](?=\d{4})")


def _finder(find: Callable[[str], Iterator[privacy.Secret]]) -> Callable[..., Match]:
    def build(params: Mapping[str, Any], materials: Materials) -> Match:
        allowed_facts = tuple(params.get("allowed", ()))

        def match(reply: Reply, case: Case) -> Iterator[Hit]:
            if not reply.has_long_number:
                return
            allowed = {_digits(case.facts.get(name)) for name in allowed_facts} - {""}
            for secret in find(_DOT.sub("-", reply.text)):
                if _digits(secret.digits) not in allowed:
                    yield Hit(secret.start, secret.end)

        return match

    return build


def _digits(value: Any) -> str:
    return re.sub(r"\D", "", str(value or ""))[-11:]


FUNCTIONS: dict[str, Structural] = {
    "phone": Structural(_finder(privacy.find_phones), optional=("allowed",)),
    "identity": Structural(_finder(privacy.find_identities), optional=("allowed",)),
    "bank_card": Structural(_finder(privacy.find_bank_cards), optional=("allowed",)),
}
