"""Chapter 3.1: what an intake (接入登记) is made of: readings, what is gathered, the bot's turn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bot.handbook.knowledge import KnowledgeEntry
from bot.handbook.requests import RequestType, Urgency
from bot.handbook.urgency import SignalRule

# Below this a message is not surely what it reads as.
SURE = 0.5
NOT_GIVEN = "未提供"
EARLIER_PLACE = "earlier_address"  # of another ticket; no fact of this one
CONFIRM, OFFER, SOLVED, CORRECTION = "confirmation", "person_offer", "solved", "correction"
# What messengers write where a picture stood.
_STANDS_FOR = re.compile(r"\[(?:图片|表情|动画表情|语音|视频|文件|位置)\]")
QUESTION = re.compile(r"[?？]|吗$|什么|怎么|多少|多久|为什么|几点|哪里|哪个|何时|咋(?:办|弄|交|充|改|查|开|整|退|取消|收)")
_MARKS = re.compile(r"[\s.。．…·,，、;；:：?？!！~～\-—_*]+")
_WORD = re.compile(r"[0-9A-Za-z一-鿿]")


def has_words(text: str) -> bool:
    """Tell whether a text holds anything but emoji, pictures and marks."""
    return bool(_WORD.search(_STANDS_FOR.sub("", text)))


def only_marks(text: str) -> bool:
    """Tell whether a text is punctuation and nothing else: ？？？ asks what is the matter."""
    return bool(text.strip()) and bool(_MARKS.fullmatch(text))


@dataclass(frozen=True)
class Reading:
    """Hold what was understood of one customer message."""

    text: str
    type: str
    confidence: float = 1.0
    ranking: tuple[tuple[str, float], ...] = ()
    urgency: Urgency = Urgency.GENERAL
    signals: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    message_id: str = ""

    @property
    def has_words(self) -> bool:
        """Tell whether there is anything but emoji, pictures and marks."""
        return has_words(self.text)


@dataclass
class Intake:
    """Hold what is gathered so far; stored with the conversation as JSON."""

    type: str
    key: str
    urgency: str = "general"
    signals: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    asking: str | None = None
    words: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    # Facts of the fault that a complaint is about: it has to be repaired all the same.
    needs: list[list[str]] = field(default_factory=list)
    earlier_place: str = ""  # of another ticket, to be pointed at: 还是那个地址
    region: str = ""  # told by its bare name, before the place
    other_region: str = ""  # of the other place of a move
    of_line: bool = False  # about a number, which need not be the one to call
    earlier: bool = False  # there is an open ticket that words can be added to
    same_as: str | None = None  # an open ticket of the same type, which was told of
    last_message: str = ""
    outcome: str | None = None
    confidence: float = 1.0
    message_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return a plain dict for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Intake:
        """Make an intake of a stored dict, ignoring keys of other versions."""
        known = cls.__dataclass_fields__
        return cls(**{key: value for key, value in data.items() if key in known})


@dataclass(frozen=True)
class Say:
    """Name one text of `domain.yml` and the values it needs."""

    response: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """Hold the bot's turn: texts, then what is asked, or the outcome that ends the intake."""

    says: tuple[Say, ...] = ()
    ask: str | None = None
    again: bool = False
    outcome: str | None = None


@dataclass(frozen=True)
class IntakeTables:
    """Hold the tables an intake needs."""

    types: Mapping[str, RequestType]
    facts: Mapping[str, str]
    knowledge: Mapping[str, KnowledgeEntry]
    signals: tuple[SignalRule, ...] = ()


def put_by(reading: Reading) -> dict[str, Any]:
    """Return a request that is put aside during another intake, as a plain dict."""
    return {
        "text": reading.text, "type": reading.type, "confidence": reading.confidence,
        "urgency": reading.urgency.value, "signals": list(reading.signals),
        "facts": dict(reading.facts), "message_id": reading.message_id,
    }


def reading_of(pending: Mapping[str, Any]) -> Reading:
    """Make a reading of a request that was put aside during another intake."""
    return Reading(
        text=pending["text"], type=pending["type"], confidence=pending["confidence"],
        urgency=Urgency(pending["urgency"]), signals=tuple(pending["signals"]),
        facts=pending["facts"], message_id=pending["message_id"],
    )


def with_earlier_words(reading: Reading, earlier: Mapping[str, Any] | None) -> Reading:
    """Join what was said before a clarifying question to the answer."""
    if not earlier:
        return reading
    return replace(
        reading,
        text=f"{earlier['text']} {reading.text}".strip(),
        urgency=max(Urgency(earlier["urgency"]), reading.urgency, key=lambda each: each.rank),
        signals=tuple(dict.fromkeys((*earlier["signals"], *reading.signals))),
        facts={**earlier["facts"], **reading.facts},
    )


NOTHING_TOLD: Mapping[str, Any] = {
    "count": 0, "text": "", "signals": [], "facts": {}, "urgency": "general",
}


def told_so_far(earlier: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """Return what is kept of unclear messages, so that nothing told meanwhile is asked for again."""
    return {
        **earlier,
        "count": earlier["count"] + 1,
        "text": f"{earlier['text']} {reading.text}".strip()[:500],
        "signals": [*earlier["signals"], *reading.signals],
        "facts": {**earlier["facts"], **reading.facts},
        "urgency": reading.urgency.value if reading.urgency.rank else earlier["urgency"],
    }
