"""The shape of a channel (渠道适配器): read what a platform posts, send what the desk says.

An adapter is a frozen value made of its settings. Signatures, decryption and parsing are pure
functions in its module; storing, answering, merging, quota and retries are the same for all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import aiohttp

from bot.handbook.channels import Limits
from bot.handbook.errors import Refusal

KINDS = ("text", "image", "voice", "location", "event")
SENT, RETRY, REFUSED, QUOTA, CLOSED = "sent", "retry", "refused", "quota", "closed"


class Rejected(Refusal):
    """Refuse a request that is not the platform's, is too old, or cannot be read."""

    code = "channel_rejected"

    def __init__(self, message: str, *, status: int = 403, **data: Any) -> None:
        super().__init__(message, **data)
        self.status = status


@dataclass(frozen=True)
class Hook:
    """Hold one HTTP request of a platform; names of headers are in lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """Hold what the platform is answered at once."""

    body: str = ""
    status: int = 200
    media_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Inbound:
    """Hold one message or event of a customer.

    `address` is what is needed to answer; `event` names what a quota counts from; `payload` may
    hold `media` (what `MediaSource.media` needs) and is kept with the message.
    """

    kind: str
    external_id: str
    sender: str
    text: str
    at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    address: Mapping[str, Any] = field(default_factory=dict)
    event: str = "message"


@dataclass(frozen=True)
class Read:
    """Hold what one request brought: messages, the answer, and what must be fetched after it."""

    inbound: tuple[Inbound, ...] = ()
    answer: Answer = Answer()
    fetch: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Picture:
    """Hold a picture to be sent."""

    name: str
    media_type: str
    path: Path


@dataclass(frozen=True)
class Card:
    """Hold a warning for staff or a customer's ticket.

    The button writes `says` for its reader, claims the ticket `claims`, or opens `link`.
    """

    title: str
    text: str
    link: str = ""
    claims: str = ""
    says: str = ""


@dataclass(frozen=True)
class Outbound:
    """Hold one message to be sent; `id` is ours and the same at every repetition.

    `address` tells where to; `way` is set when it leaves outside the platform's usual way.
    """

    id: str
    target: str
    text: str
    address: Mapping[str, Any] = field(default_factory=dict)
    buttons: Sequence[Mapping[str, str]] = ()
    picture: Picture | None = None
    way: str = ""
    ticket: Mapping[str, Any] | None = None
    card: Card | None = None


@dataclass(frozen=True)
class Delivery:
    """Say what became of one sending: sent, retry, refused, quota or closed."""

    state: str
    platform_id: str = ""
    error: str = ""
    retry_after: timedelta | None = None
    # A limit of the whole account, not of one customer: everything waits.
    pause_all: bool = False


@dataclass(frozen=True)
class Page:
    """Hold messages that were fetched, and the cursor that is stored together with them."""

    inbound: tuple[Inbound, ...]
    cursor_name: str
    cursor: str
    replies: tuple[Mapping[str, Any], ...] = ()


class TokenSource(Protocol):
    """What an adapter needs of the shared tokens."""

    async def get(
        self, name: str, renew: Callable[[], Awaitable[tuple[str, timedelta]]], *, failed: str = ""
    ) -> str:
        """Return the token; renew it when it has ended or is the one that failed."""


@dataclass(frozen=True)
class Line:
    """Hold what an adapter needs to reach its platform."""

    http: aiohttp.ClientSession
    tokens: TokenSource
    now: Callable[[], datetime]
    cursor: Callable[[str], Awaitable[str]]


class Adapter(Protocol):
    """What every channel offers."""

    @property
    def id(self) -> str:
        """Return the name under which conversations are kept and the webhook is reached."""

    @property
    def limits(self) -> Limits:
        """Return what the platform allows."""

    @property
    def native_buttons(self) -> int:
        """Return how many buttons one message may have; 0: they become numbered choices."""

    @property
    def sends_pictures(self) -> bool:
        """Tell whether a picture can be sent as such."""

    @property
    def ways(self) -> tuple[str, ...]:
        """Return the ways of its own past a quota that is used up."""

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify and parse a request; raise `Rejected`."""

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Send one message."""


@runtime_checkable
class Fetcher(Protocol):
    """A channel whose messages must be fetched: after a hint, and now and then without one."""

    @property
    def fetch_every(self) -> timedelta:
        """Return how often to look without a hint."""

    def wishes(self) -> Sequence[Mapping[str, Any]]:
        """Return what to look for without a hint."""

    def pages(self, wish: Mapping[str, Any], line: Line) -> AsyncIterator[Page]:
        """Fetch from the stored cursor on."""


@runtime_checkable
class MediaSource(Protocol):
    """A channel that hands out the bytes of a picture on demand."""

    async def media(self, media: Mapping[str, Any], line: Line) -> tuple[str, bytes]:
        """Return name and content."""


@runtime_checkable
class StateFollower(Protocol):
    """A channel whose platform has conversation states of its own."""

    async def follow(self, state: str, current: int | None, address: Mapping[str, Any], line: Line) -> int:
        """Bring the platform's state in line with the conversation's; return what it is now."""


def is_fresh(timestamp: str, limits: Limits, now: datetime, *, per_second: int = 1) -> bool:
    """Tell whether a signed timestamp is recent enough."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 16:
        return False
    age = abs(now.timestamp() - int(timestamp) / per_second)
    return limits.fresh is None or age <= limits.fresh.total_seconds()
