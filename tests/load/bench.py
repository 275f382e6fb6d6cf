"""`make bench`: every measurement of the project, one after the other, both sides in one run.

`python -m tests.load.bench WORD …` runs only the parts whose module name holds one of the words;
each part is a module of its own with its own options (`python -m MODULE --help`).
"""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console

console = Console(highlight=False)
PARTS: tuple[tuple[str, str], ...] = (
    ("language check beside a bare scan and ungated patterns", "bot.coach.bench_language"),
    ("intake dialogues beside stock Rasa 3.6", "tests.load.dialogues"),
    ("a due step with 100,000 open tickets", "tests.load.sweep_day"),
    ("replay of a million events", "tests.load.replay_million"),
    ("ticket pages with 1,000,000 tickets beside 1,000", "tests.load.ticket_pages"),
    ("a page, an answer and a second browser, one at a time", "tests.load.quick_answers"),
    ("ten minutes of a desk: 200 customers and 20 staff", "tests.load.desk_day"),
    ("outage bursts: missed and false merges", "tests.load.outage_bursts"),
)


def main(words: list[str]) -> int:
    """Run the parts; return how many failed."""
    failed = 0
    for title, module in PARTS:
        if words and not any(word in module for word in words):
            continue
        console.rule(title)
        failed += subprocess.run([sys.executable, "-m", module], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
