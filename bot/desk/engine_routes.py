"""Chapter 4.1: which engine serves which conversation (引擎路由), while models change.

The supervisor writes the routes, the desk reads them. A conversation stays with the engine that
served it last until it rests, because that engine remembers where the dialogue stands.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST = 50_000
LOOK_EVERY_S = 0.5


def routes_path(home: Path) -> Path:
    """Return where the routes lie."""
    return home / "engines.json"


def in_share(conversation_id: str, share: float) -> bool:
    """Tell whether a conversation belongs to a share of all; the same ones each time."""
    digest = hashlib.sha256(f"canary:{conversation_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


@dataclass
class Routes:
    """Choose the address of the engine for each turn."""

    path: Path
    default: str
    rest_s: float = 600.0
    _looked: float = -1.0
    _stamp: int = -1
    _table: dict[str, Any] = field(default_factory=dict)
    _last: OrderedDict[str, tuple[str, float]] = field(default_factory=OrderedDict)

    def address(self, conversation_id: str, now: float) -> str:
        """Return the engine's address for a turn at `now` (seconds of any steady clock)."""
        self._look(now)
        chosen = self._kept(conversation_id, now) or self._fresh(conversation_id)
        self._last[conversation_id] = (chosen, now)
        self._last.move_to_end(conversation_id)
        while len(self._last) > MOST:
            self._last.popitem(last=False)
        return chosen

    def main(self, now: float) -> str:
        """Return the address of the engine in service."""
        self._look(now)
        return str((self._table.get("serving") or {}).get("url") or self.default)

    def _look(self, now: float) -> None:
        if self._looked >= 0 and now - self._looked < LOOK_EVERY_S:
            return
        self._looked = now
        try:
            stamp = self.path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._table, self._stamp = json.loads(self.path.read_text("utf-8")), stamp
        except FileNotFoundError:
            # One engine, at the address of the settings.
            self._table, self._stamp = {}, -1

    def _kept(self, conversation_id: str, now: float) -> str | None:
        last = self._last.get(conversation_id)
        if last is None or now - last[1] > self.rest_s:
            return None
        alive = {(self._table.get(part) or {}).get("url") for part in ("serving", "canary")}
        alive |= {engine["url"] for engine in self._table.get("draining") or []}
        return last[0] if last[0] in alive or (not self._table and last[0] == self.default) else None

    def _fresh(self, conversation_id: str) -> str:
        canary = self._table.get("canary")
        if canary and in_share(conversation_id, float(canary["share"])):
            return str(canary["url"])
        return str((self._table.get("serving") or {}).get("url") or self.default)
