"""How long a reply is checked, 检查耗时: median microseconds, beside a bare scan and no gate.

`python -m bot.coach.bench_language` prints one table; nothing is asserted, machines differ.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence

from bot.handbook.language.checker import Checker, load_checker
from bot.handbook.language.text import Reply

_CASES = {"turn": "first", "context": "fault"}
_FACTS = {
    "deadline_class": "general",
    "respond_by": "2026-06-06T10:00:00+08:00",
    "resolve_by": "2026-06-06T10:00:00+08:00",
    "now": "2026-06-05T10:00:00+08:00",
}
_ROUNDS = 15


def main() -> int:
    """Measure and print."""
    checker = load_checker(verify=False)
    print(f"{len(checker.rules)} rules, {checker.anchor_count} anchors")
    print(
        f"{'characters':>10} {'replies':>8} {'scan':>8} {'checked':>8} {'p99':>8} "
        f"{'facts':>8} {'ungated':>8}   (median us per reply)"
    )
    for length in (30, 200):
        replies = replies_of(checker, length)
        print(" ".join(row(checker, length, replies)))
    return 0


def row(checker: Checker, length: int, replies: Sequence[str]) -> list[str]:
    """Measure one length of reply."""
    checked = timed(lambda text: checker.check(text, **_CASES), replies)
    figures = [
        statistics.median(timed(checker.scan, replies)),
        statistics.median(checked),
        sorted(checked)[int(len(checked) * 0.99)],
        statistics.median(timed(lambda t: checker.check(t, **_CASES, facts=_FACTS), replies)),
        statistics.median(timed(lambda text: every_pattern(checker, text), replies)),
    ]
    return [f"{length:>10}", f"{len(replies):>8}", *(f"{figure:8.1f}" for figure in figures)]


def replies_of(checker: Checker, length: int) -> list[str]:
    """Make replies of about one length out of the tables' own good examples."""
    sentences = [each.text for rule in checker.rules for each in rule.good if len(each.text) < 60]
    replies, current = [], ""
    for sentence in sentences:
        current += sentence
        if len(current) >= length:
            replies.append(current[:length])
            current = ""
    return replies


def every_pattern(checker: Checker, text: str) -> int:
    """Run all patterns without the gate, as a list of regular expressions would."""
    reply = Reply(text)
    found = 0
    for rule in checker.rules:
        for pattern in rule.patterns:
            found += pattern.search(reply.text) is not None
    return found


def timed(work: Callable[[str], object], replies: Sequence[str]) -> list[float]:
    """Time each reply after all others, as in service, and keep its quickest, in microseconds.

    Read again at once it would find half of its work done: times remembered, tables in the cache.
    """
    gc.disable()
    try:
        best = [float("inf")] * len(replies)
        for _ in range(_ROUNDS):
            for at, text in enumerate(replies):
                started = time.perf_counter()
                work(text)
                best[at] = min(best[at], (time.perf_counter() - started) * 1e6)
        return best
    finally:
        gc.enable()


if __name__ == "__main__":
    raise SystemExit(main())
