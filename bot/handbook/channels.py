"""Chapters 1.5 and 3.4: channels (渠道): what a platform allows, and what follows for sending.

Limits are data of `data/handbook/channels.yml`; quota, merging and splitting are pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from bot.handbook.escalation import Retry
from bot.handbook.table_rows import Row, read_table, unique

TABLE = Path(__file__).resolve().parent.parent.parent / "data" / "handbook" / "channels.yml"
WAYS_OUT = ("template", "sms")
EVENTS = ("message", "click", "subscribe")
_ENDS = "。！？；!?;\n"


@dataclass(frozen=True)
class Quota:
    """Say how many messages may follow an event of the customer, and for how long."""

    messages: int
    within: timedelta


@dataclass(frozen=True)
class Limits:
    """Hold what one platform allows."""

    id: str
    title: str
    ack: timedelta
    tries: int
    fresh: timedelta | None
    replay: timedelta | None
    text_bytes: int
    text_chars: int
    quotas: Mapping[str, Quota]
    reserve: int
    ways_out: tuple[str, ...]
    basis: str
    card_chars: int = 0

    def fits(self, text: str) -> bool:
        """Tell whether the text goes in one message."""
        if self.text_bytes and len(text.encode()) > self.text_bytes:
            return False
        return not self.text_chars or len(text) <= self.text_chars


@dataclass(frozen=True)
class Window:
    """Say what the customer did last on a platform with a quota, and what has been used since."""

    event: str | None
    at: datetime | None
    used: int


@dataclass(frozen=True)
class CodeRule:
    """Say how a phone is proved."""

    digits: int
    life: timedelta
    tries: int
    per_hour: int
    again: timedelta


@dataclass(frozen=True)
class ChannelTables:
    """Hold the table of channels."""

    platforms: Mapping[str, Limits]
    retry: Retry
    code: CodeRule
    said: Mapping[str, str]

    def title_of(self, platform: str) -> str:
        """Return the name that customers know a channel by; `wechat-north` is a second wechat."""
        limits = self.platforms.get(platform.split("-")[0])
        return limits.title if limits else platform


def load_channels(path: Path = TABLE) -> ChannelTables:
    """Read the table; raise `TableError` on the first wrong entry."""
    row, _ = read_table(path)
    retry = _sub(row, "retry")
    code = _sub(row, "phone_code")
    said = row.take("said", dict, "texts by name")
    platforms = {each.text("id"): _limits(each) for each in unique(row.rows("platforms"))}
    tables = ChannelTables(
        platforms,
        Retry(
            first=timedelta(seconds=retry.number("first_s")), factor=retry.number("factor"),
            ceiling=timedelta(seconds=retry.number("ceiling_s")), most=retry.whole("most", least=1),
            lease=timedelta(seconds=retry.number("lease_s", least=1)),
        ),
        CodeRule(
            digits=code.whole("digits", least=4), life=timedelta(minutes=code.number("minutes")),
            tries=code.whole("tries", least=1), per_hour=code.whole("per_hour", least=1),
            again=timedelta(seconds=code.number("again_s")),
        ),
        {str(name): str(text) for name, text in said.items()},
    )
    for each in (retry, code, row):
        each.end()
    return tables


@cache
def channel_title(channel: str) -> str:
    """Return the name of a channel, also of a second account of its platform."""
    return load_channels().title_of(channel)


def _sub(row: Row, key: str) -> Row:
    return Row(row.file, row.take(key, dict, "a mapping"), row.line_of(key))


def _limits(row: Row) -> Limits:
    quotas = {}
    for each in row.rows("quotas") if "quotas" in row.data else []:
        quotas[each.one_of("event", EVENTS)] = Quota(
            each.whole("messages", least=1), timedelta(minutes=each.number("minutes"))
        )
        each.end()
    fresh, replay = row.number("fresh_s", None), row.number("replay_h", None)
    reserve = row.whole("reserve", 0)
    if quotas and reserve >= min(quota.messages for quota in quotas.values()):
        raise row.fail("reserve", "less than every quota")
    limits = Limits(
        id=row.text("id"), title=row.text("title"),
        ack=timedelta(seconds=row.number("ack_s", least=0.1)), tries=row.whole("tries", 1, least=1),
        fresh=None if fresh is None else timedelta(seconds=fresh),
        replay=None if replay is None else timedelta(hours=replay),
        text_bytes=row.whole("text_bytes", 0), text_chars=row.whole("text_chars", 0),
        quotas=quotas, reserve=reserve,
        ways_out=tuple(row.texts("ways_out", [], allowed=WAYS_OUT)), basis=row.text("basis"),
        card_chars=row.whole("card_chars", 0),
    )
    row.end()
    return limits


def opened(limits: Limits, window: Window, event: str, now: datetime) -> Window:
    """Return the window after an event; a small one does not replace a larger one that is open."""
    quota = limits.quotas.get(event)
    if quota is None:
        return window
    open_one = limits.quotas.get(window.event or "")
    if (
        event != "message" and open_one is not None and window.at is not None
        and now < window.at + open_one.within and open_one.messages - window.used > quota.messages
    ):
        return window
    return Window(event, now, 0)


def room(limits: Limits, window: Window, *, outcome: bool, now: datetime) -> int | None:
    """Return how many messages may still be sent; None where the platform has no quota."""
    if not limits.quotas:
        return None
    quota = limits.quotas.get(window.event or "")
    if quota is None or window.at is None or now >= window.at + quota.within:
        return 0
    left = quota.messages - window.used
    return max(0, left if outcome else left - limits.reserve)


def closes_at(limits: Limits, window: Window) -> datetime | None:
    """Return when the open window ends."""
    quota = limits.quotas.get(window.event or "")
    return None if quota is None or window.at is None else window.at + quota.within


def pieces(text: str, limits: Limits) -> list[str]:
    """Split a text that is too long for one message, after a sentence where there is one."""
    rest, result = text, []
    while not limits.fits(rest):
        cut = _longest_start(rest, limits)
        ends = [n + 1 for n, char in enumerate(rest[:cut]) if char in _ENDS]
        if ends and ends[-1] > cut // 3:
            cut = ends[-1]
        result.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*result, rest] if rest or not result else result


def _longest_start(text: str, limits: Limits) -> int:
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if limits.fits(text[:middle]) else (low, middle - 1)
    return low


def merged_count(texts: Sequence[str], limits: Limits) -> int:
    """Return how many of the waiting texts go into the next message: all that fit, with a quota."""
    if not limits.quotas:
        return 1
    count = 1
    while count < len(texts) and limits.fits("\n".join(texts[: count + 1])):
        count += 1
    return count
