"""Absence rules, 缺失类规则: a reply that lacks what its situation calls for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from bot.handbook.language.case import Case
from bot.handbook.language.kinds import Hit, Match, Materials, Structural
from bot.handbook.language.text import Reply


def missing(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to a reply without `need`; only where `when` stands and `unless` does not.

    With `first`, the need must be met within so many characters of the beginning.
    """
    need = materials.compile(params["need"])
    when = materials.compile(params["when"]) if "when" in params else None
    unless = materials.compile(params["unless"]) if "unless" in params else None
    first = int(params.get("first", 0))

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        text = reply.text
        trigger = when.search(text) if when else None
        if (when and not trigger) or not text.strip():
            return
        if need.search(text[:first] if first else text) or (unless and unless.search(text)):
            return
        yield Hit(*(trigger.span() if trigger else (0, len(text))))

    return match


def elements(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object when fewer than `least` of the named elements are there, and name the others."""
    wanted = {name: materials.compile(source) for name, source in params["elements"].items()}
    least = int(params.get("least", len(wanted)))
    when = materials.compile(params["when"]) if "when" in params else None
    unless = materials.compile(params["unless"]) if "unless" in params else None

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        text = reply.text
        trigger = when.search(text) if when else None
        if (when and not trigger) or (unless and unless.search(text)) or not text.strip():
            return
        lacking = [name for name, pattern in wanted.items() if not pattern.search(text)]
        if len(wanted) - len(lacking) < least:
            span = trigger.span() if trigger else (0, len(text))
            yield Hit(*span, detail="、".join(lacking))

    return match


def piled(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object when `what` stands `least` times or more and `unless` nowhere."""
    what = materials.compile(params["what"])
    least = int(params["least"])
    unless = materials.compile(params["unless"]) if "unless" in params else None

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        found = list(what.finditer(reply.text))
        if len(found) >= least and not (unless and unless.search(reply.text)):
            yield Hit(found[0].start(), found[-1].end(), detail=str(len(found)))

    return match


def too_long(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to more than `most` characters without numbered points or paragraphs."""
    most = int(params["most"])
    parts = materials.compile(params["parts"])

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        if len(reply.text.strip()) > most and not parts.search(reply.text):
            yield Hit(0, len(reply.text), detail=str(len(reply.text.strip())))

    return match


def repeated(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to a reply that says the previous one (`facts.previous`) again."""
    alike = float(params["alike"])
    asked = materials.compile(params["unless"]) if "unless" in params else None

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        previous = str(case.facts.get("previous") or "")
        if len(previous) < int(params.get("least", 8)) or (asked and asked.search(reply.text)):
            return
        if SequenceMatcher(None, previous, reply.raw, autojunk=False).ratio() > alike:
            yield Hit(0, len(reply.text))

    return match


FUNCTIONS: dict[str, Structural] = {
    "missing": Structural(missing, ("need",), ("when", "unless", "first")),
    "elements": Structural(elements, ("elements",), ("least", "when", "unless")),
    "piled": Structural(piled, ("what", "least"), ("unless",)),
    "too_long": Structural(too_long, ("most", "parts")),
    "repeated": Structural(repeated, ("alike",), ("least", "unless")),
}
