"""Language checks on the command line, 服务语言检查: for trainers, and for texts from elsewhere.

JSON lines come back with verdict and findings; plain text comes back with carets under what was
found.
"""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.coach.line_files import BadLine, as_line, lines_of, readable, written_to
from bot.handbook.language.case import CONTEXTS, SPEAKERS, TURNS
from bot.handbook.language.checker import Checker, load_checker
from bot.handbook.language.finding import Result
from bot.handbook.privacy import mask
from bot.handbook.tables import load_handbook
from bot.settings import raw_settings

_WANTED = {
    "speaker": ", ".join(SPEAKERS),
    "turn": ", ".join(TURNS),
    "context": f"{', '.join(CONTEXTS)} or a request type",
    "facts": "an object",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `intake lint`."""
    parser.add_argument(
        "--input", default="-", help="JSON lines or plain text; - is standard input"
    )
    parser.add_argument("--output", default="-", help="where to write; - is standard output")
    parser.add_argument("--tables", type=Path, help="another directory of rule tables")
    parser.add_argument("--speaker", choices=SPEAKERS, help="for lines that do not say it")
    parser.add_argument("--turn", choices=TURNS, help="for lines that do not say it")
    parser.add_argument(
        "--context", type=_context, help="a context or request type, for lines that do not say it"
    )
    parser.add_argument(
        "--brand", default=raw_settings()["BRAND"], help="whose numbers and links are official"
    )
    parser.add_argument(
        "--opinion",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="add the second opinion, which warns at most, and the tuned ear; without: rules alone",
    )


def run(args: argparse.Namespace) -> int:
    """Check every line of the input; 0 even when something is found, for the caller judges."""
    # `intake language check` and the start of the desk run the examples; here speed counts.
    checker = load_checker(args.tables, verify=False, brand=args.brand)
    if args.opinion:
        # Imported here: the rules alone need no numerical libraries.
        from bot.coach.ear import open_ear

        checker = checker.with_ear(open_ear())
    with lines_of(args.input) as source, written_to(args.output) as target:
        for number, line in enumerate(source, start=1):
            if line.strip():
                target.write(_answered(checker, line, number, args))
    return 0


def _answered(checker: Checker, line: str, number: int, args: argparse.Namespace) -> str:
    defaults = {"speaker": args.speaker, "turn": args.turn, "context": args.context}
    if not line.lstrip().startswith("{"):
        text = line.rstrip("\n")
        given = {name: value for name, value in defaults.items() if value}
        return shown(text, _with_opinion(text, checker.check(text, **given), args))
    row = _row(line, number)
    case = {name: _said(row, name, number) or value for name, value in defaults.items()}
    text = readable(row["text"])
    result = checker.check(
        text,
        speaker=case["speaker"] or "staff",
        turn=case["turn"],
        context=case["context"],
        facts=_said(row, "facts", number) or {},
    )
    return as_line({**row, **_with_opinion(text, result, args).as_json()})


def _said(row: dict[str, Any], name: str, number: int) -> Any:
    """Return what a line says of its case; a value that there is not is told, and left out."""
    value = row.get(name)
    if value in (None, "") or _is_known(name, value):
        return value
    shown = mask(readable(json.dumps(value, ensure_ascii=False)))[:60]
    print(f"line {number}: {name}: expected {_WANTED[name]}, not {shown}; checked without it", file=sys.stderr)
    return None


def _is_known(name: str, value: Any) -> bool:
    if name == "facts":
        return isinstance(value, dict)
    listed = {"speaker": SPEAKERS, "turn": TURNS, "context": CONTEXTS}[name]
    return isinstance(value, str) and (value in listed or (name == "context" and value in _types()))


@lru_cache(maxsize=1)
def _types() -> frozenset[str]:
    return frozenset(load_handbook().types)


def _context(name: str) -> str:
    if name and not _is_known("context", name):
        raise argparse.ArgumentTypeError(f"expected {_WANTED['context']}, not {name!r}")
    return name


def _with_opinion(text: str, result: Result, args: argparse.Namespace) -> Result:
    if not args.opinion:
        return result
    from bot.coach.opinion import load_opinion

    return result.hinted(load_opinion(), text)


def _row(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine(number, "a JSON object") from None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise BadLine(number, "a JSON object with a text")
    return row


def shown(text: str, result: Result) -> str:
    """Write a reply with carets under what was found, and the findings below it."""
    lines = [f"{result.verdict.label}  {text}"]
    margin = _width(result.verdict.label) + 2
    for finding in result.findings:
        before = margin + _width(text[: finding.start])
        carets = "^" * max(1, _width(text[finding.start : finding.end]))
        lines.append(" " * before + carets)
        lines.append(f"    {finding.rule} {finding.level.label}：{finding.message}")
        if finding.suggestion:
            lines.append(f"    建议：{finding.suggestion}")
    return "\n".join(lines) + "\n"


def _width(text: str) -> int:
    """Count terminal columns: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


if __name__ == "__main__":
    from bot.coach.language import check_tables

    sys.exit(check_tables(sys.argv[1:]))
