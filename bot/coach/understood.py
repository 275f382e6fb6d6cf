"""Reading as the desk does 按受理台判读: urgency is heard once more without the place (2.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.handbook.bare_request import level_without_place, words_left
from bot.handbook.requests import Urgency
from bot.nlu.reader import BATCH, Reader, Reading


def understood(reader: Reader, texts: Sequence[str]) -> Iterator[Reading]:
    """Read texts in order; a level that no signal demands must be heard without the place as well."""
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        found = list(reader.read(batch))
        left = {
            i: words for i, (text, heard) in enumerate(zip(batch, found, strict=True))
            if heard.urgency != Urgency.GENERAL and not heard.signals and (words := words_left(text))
        }  # fmt: skip
        for i, apart in zip(left, reader.read(list(left.values())), strict=True):
            if level_without_place(found[i].urgency, apart.urgency, demanded=False) != found[i].urgency:
                found[i] = replace(
                    found[i], urgency=apart.urgency, urgency_confidence=apart.urgency_confidence,
                    urgency_chances=apart.urgency_chances,
                )  # fmt: skip
        yield from found
