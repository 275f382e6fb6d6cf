"""Chapter 2.4: the table of signals (征象表) read strictly, its examples tried while it loads."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.tables import TABLES, Row, read_table, unique
from bot.handbook.urgency import SignalRule, signals

SIGNALS_FILE = TABLES / "signals.yml"
_REQUESTS = [kind.value for kind in RequestKind if kind.is_request]


def load_signals(path: Path | None = None) -> tuple[SignalRule, ...]:
    """Read the table; raise `TableError` where an entry or one of its examples is wrong."""
    table, _ = read_table(path or SIGNALS_FILE)
    words = {row.text("id"): row.text("means") for row in unique(table.rows("words"))}
    rules = []
    for row in unique(table.rows("signals")):
        rule = _rule(row, words)
        _try_examples(row, rule)
        row.end()
        rules.append(rule)
    table.end()
    return tuple(rules)


def signals_in_force(path: Path | None = None) -> str:
    """Return version and fingerprint of the table: what a model that starts now raises urgency by."""
    text = (path or SIGNALS_FILE).read_bytes()
    version = re.search(rb"^version:\s*(\d+)", text, re.MULTILINE)
    return f"{version[1].decode() if version else '?'}-{hashlib.sha256(text).hexdigest()[:8]}"


def _rule(row: Row, words: dict[str, str]) -> SignalRule:
    numbers = {
        key: row.number(key, None, least=1) for key in ("least_amount", "least_days", "least_times")
    }
    kinds = row.texts("kinds", [], allowed=_REQUESTS)
    return SignalRule(
        id=row.text("id"),
        title=row.text("title"),
        raises_to=Urgency(row.one_of("raises_to", ["major", "urgent"])),
        pattern=_pattern(row, "pattern", row.text("pattern"), words),
        all_of=tuple(_pattern(row, "all_of", text, words) for text in row.texts("all_of", [])),
        unless=_pattern(row, "unless", text, words) if (text := row.text("unless", "")) else None,
        kinds=frozenset(RequestKind(name) for name in kinds) or None,
        basis=row.text("basis"),
        **numbers,
    )


def _pattern(row: Row, key: str, text: str, words: dict[str, str]) -> re.Pattern[str]:
    for name in re.findall(r"<(\w+)>", text):
        if name not in words:
            raise row.fail(key, f"words out of {', '.join(words)}, got <{name}>")
        text = text.replace(f"<{name}>", f"(?:{words[name]})")
    try:
        return re.compile(text)
    except re.error as error:
        raise row.fail(key, f"a regular expression ({error})") from None


def _try_examples(row: Row, rule: SignalRule) -> None:
    for key, wanted in (("good", True), ("bad", False)):
        for example in row.texts(key):
            if bool(signals(example, [rule])) is not wanted:
                verb = "raises" if wanted else "does not raise"
                raise row.fail(key, f"an example that the signal {verb}: {example}")
