"""What was understood of a message (理解结果), from Rasa's parse to the handbook's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.handbook.bare_request import level_without_place, read_anew
from bot.handbook.facts import find_facts
from bot.handbook.intake import Reading
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook


def reading_of_parse(parse: Mapping[str, Any], handbook: Handbook) -> Reading:
    """Make a reading of Rasa's parse data; the customer's own words are in its metadata."""
    metadata = parse.get("metadata") or {}
    text = str(metadata["text"] if "text" in metadata else parse.get("text") or "")
    intent = parse.get("intent") or {}
    urgency = parse.get("urgency") or {}
    name = str(intent.get("name") or "unclear")
    known = name in handbook.types and handbook.types[name].kind.is_request
    level = _level(parse) if known or name == "nlu_fallback" else "general"
    ranking = tuple(
        (str(row.get("name")), float(row.get("confidence") or 0))
        for row in parse.get("intent_ranking") or []
        if row.get("name") in handbook.types
    )
    return Reading(
        text=text,
        type=name,
        confidence=float(intent.get("confidence") or 0.0),
        ranking=ranking,
        urgency=Urgency(level) if level in {u.value for u in Urgency} else Urgency.GENERAL,
        signals=signal_titles(urgency.get("signals") or []),
        facts=facts_in(text),
        message_id=str(metadata.get("message_id") or parse.get("message_id") or ""),
    )


def _level(parse: Mapping[str, Any]) -> str:
    urgency = parse.get("urgency") or {}
    heard = str(urgency.get("name") or "general")
    left = (parse.get("metadata") or {}).get("left")
    if not left:
        return heard
    apart = str((left["parse"].get("urgency") or {}).get("name"))
    return level_without_place(heard, apart, demanded=bool(urgency.get("signals")))


def _without_left(metadata: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return what is known of a message for a part of it."""
    return {**{name: value for name, value in metadata.items() if name != "left"}, "text": text}


def readings_of_halves(parse: Mapping[str, Any], handbook: Handbook) -> list[Reading]:
    """Make a reading of each half of a message that seems to hold two requests."""
    metadata = parse.get("metadata") or {}
    return [
        reading_of_parse(
            {**half["parse"], "metadata": _without_left(metadata, half["text"])}, handbook
        )
        for half in metadata.get("halves") or []
    ]


def reading_among_facts(parse: Mapping[str, Any], handbook: Handbook) -> Reading | None:
    """Make a reading of what stands among numbers and places; None if that was not read."""
    left = (parse.get("metadata") or {}).get("left")
    if not left:
        return None
    own = {**left["parse"], "metadata": _without_left(parse["metadata"], left["text"])}
    return read_anew(reading_of_parse(parse, handbook), reading_of_parse(own, handbook))


def reading_with_earlier(parse: Mapping[str, Any], handbook: Handbook) -> Reading | None:
    """Read a message together with what was said before a question; its words and facts stay its own."""
    together = (parse.get("metadata") or {}).get("with_earlier")
    if not together:
        return None
    own = _without_left(parse["metadata"], str(parse["metadata"].get("text") or together["text"]))
    return reading_of_parse({**together["parse"], "metadata": own}, handbook)


def signal_titles(signals: list[Any]) -> tuple[str, ...]:
    """Return the titles of raising signals, given as texts or mappings."""
    return tuple(
        str(signal.get("title") or signal.get("id")) if isinstance(signal, Mapping) else str(signal)
        for signal in signals
    )


def facts_in(text: str) -> dict[str, str]:
    """Return the facts said in a text, the first of each name."""
    facts: dict[str, str] = {}
    for fact in find_facts(text):
        facts.setdefault(fact.name, fact.value)
    return facts
