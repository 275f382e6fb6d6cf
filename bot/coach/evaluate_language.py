"""Figures of the language check 服务语言检查的评估: how much it finds, and how often it cries wolf.

Labelled replies are JSON lines as `intake lint` takes them, with `labels` (`rule`, `level`,
`start`, `end`) and `verdict`. The wording of a miss is shown only on request: who has read the
test file can no longer write rules that are measured by it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.coach.ear import open_ear
from bot.coach.line_files import BadFile, BadLine, lines_of
from bot.handbook.language.checker import Checker, load_checker

_CONTEXT_FIELDS = ("speaker", "turn", "context", "facts")
_Z_95 = 1.959964
_WITH_OPINION = ("violation_recall", "false_alarms", "same_verdict", "span_right")


@dataclass(frozen=True, slots=True)
class Mark:
    """One violation in a reply, labelled by a person or found by the checker."""

    rule: str
    family: str
    level: str
    start: int
    end: int

    @property
    def group(self) -> str:
        """Name the group of the catalogue, the letters before the number."""
        return self.rule.partition("-")[0]

    @property
    def counts(self) -> bool:
        """Say whether it changes a verdict; a suggestion never does."""
        return self.level in {"block", "warn"}


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled reply beside what the checker said of it."""

    id: str
    text: str
    expected: str
    verdict: str
    labels: tuple[Mark, ...]
    findings: tuple[Mark, ...]

    @property
    def bad(self) -> bool:
        """Say whether people hold the reply back or want it changed."""
        return self.expected != "pass"

    @property
    def alarmed(self) -> bool:
        """Say whether the checker did anything about it."""
        return self.verdict != "pass"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the labelled file and where the report goes."""
    parser.add_argument("file", type=Path, help="labelled replies, JSON lines")
    parser.add_argument("--out", type=Path, default=Path("results/language"), metavar="DIR")
    parser.add_argument("--show", action="store_true", help="list what was missed, in words")
    parser.add_argument("--deaf", action="store_true", help="do without the tuned ear")
    parser.add_argument(
        "--opinion",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="report the rules with the second opinion beside the rules alone",
    )


def run(args: argparse.Namespace) -> int:
    """Check every reply of the file, print the figures and write them to report.json."""
    ear = None if args.deaf else open_ear()
    judged = judge(args.file, load_checker(verify=False).with_ear(ear))
    if not judged:
        raise BadFile(args.file, "holds no labelled reply")
    report = figures(judged)
    if args.opinion:
        report["with_opinion"] = figures(with_opinion(judged, deaf=args.deaf))
    if args.show:
        report["mistakes"] = mistakes(judged)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "report.json"
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print("\n".join(printed(report)))
    print(f"written to {path}")
    return 0


def judge(path: Path, checker: Checker) -> list[Judged]:
    """Check each labelled reply of a file."""
    families = {rule.id: _family(rule.id, rule.report) for rule in checker.rules}
    with lines_of(str(path)) as lines:
        rows = [_row(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]
    return [_judged(row, checker, families) for row in rows]


def _row(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
        texts = [str(row["id"]), row["text"], row["verdict"]]
        texts += [label[name] for label in row["labels"] for name in ("rule", "level")]
        places = [label[name] for label in row["labels"] for name in ("start", "end")]
        datetime.fromisoformat(row.get("now") or "2026-01-01")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        texts, places = [None], []
    if not all(isinstance(each, str) for each in texts) or not all(isinstance(each, int) for each in places):
        wanted = "a JSON object with `id`, `text`, `verdict` and `labels`, each with `rule`, `level`, `start` and `end`"
        raise BadLine(number, wanted, file=path)
    return dict(row)


def _judged(row: Mapping[str, Any], checker: Checker, families: Mapping[str, str]) -> Judged:
    known = {name: row[name] for name in _CONTEXT_FIELDS if row.get(name)}
    now = datetime.fromisoformat(row["now"]) if row.get("now") else None
    result = checker.check(row["text"], now=now, **known)
    return Judged(
        id=row["id"],
        text=row["text"],
        expected=row["verdict"],
        verdict=result.verdict.value,
        labels=tuple(
            Mark(rule, families.get(rule, rule), label["level"], label["start"], label["end"])
            for label in row["labels"]
            for rule in [label["rule"]]
        ),
        findings=tuple(
            Mark(each.rule, _family(each.rule, each.report), each.level.value, each.start, each.end)
            for each in result.findings
        ),
    )


def _family(rule: str, report: str) -> str:
    return rule if report == "—" else report


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Reckon all figures, each share with its numerator, denominator and interval."""
    bad = [reply for reply in judged if reply.bad]
    fine = [reply for reply in judged if not reply.bad]
    found = [reply for reply in bad if reply.alarmed]
    blocked = [reply for reply in judged if reply.verdict == "block"]
    to_block = [reply for reply in judged if reply.expected == "block"]
    right = sum(reply.expected == "block" for reply in blocked)
    return {
        "replies": {"all": len(judged), "bad": len(bad), "fine": len(fine)},
        "block_precision": share(right, len(blocked)),
        "block_recall": share(right, len(to_block)),
        "block_on_fine": share(sum(reply.verdict == "block" for reply in fine), len(fine)),
        "violation_recall": share(len(found), len(bad)),
        "false_alarms": share(sum(reply.alarmed for reply in fine), len(fine)),
        "same_verdict": share(sum(r.verdict == r.expected for r in judged), len(judged)),
        "span_right": share(sum(any_span_right(reply) for reply in found), len(found)),
        "groups": by_name(judged, lambda mark: mark.group),
        "families": by_name(judged, lambda mark: mark.family),
        "rules": by_name(judged, lambda mark: mark.rule),
    }


def with_opinion(judged: Sequence[Judged], *, deaf: bool = False) -> list[Judged]:
    """Add the warnings of the second opinion, as `intake lint` does."""
    from bot.coach.opinion import load_opinion

    opinion, together = load_opinion(deaf=deaf), []
    for reply in judged:
        extra = None if reply.alarmed else opinion.finding(reply.text)
        if extra is not None:
            mark = Mark(extra.rule, extra.report, extra.level.value, extra.start, extra.end)
            together.append(replace(reply, verdict="warn", findings=(*reply.findings, mark)))
        else:
            together.append(reply)
    return together


def by_name(
    judged: Sequence[Judged], name_of: Callable[[Mark], str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Reckon precision and recall per name, counted in replies."""
    labelled = [{name_of(mark) for mark in reply.labels} for reply in judged]
    raised = [{name_of(mark) for mark in reply.findings} for reply in judged]
    rows = {}
    for name in sorted(set().union(*labelled, *raised)):
        both = sum(name in a and name in b for a, b in zip(labelled, raised, strict=True))
        rows[name] = {
            "precision": share(both, sum(name in names for names in raised)),
            "recall": share(both, sum(name in names for names in labelled)),
        }
    return rows


def any_span_right(reply: Judged) -> bool:
    """Say whether a finding that counts covers the place that people marked."""
    return any(
        overlaps_by_half(label, finding)
        for label in reply.labels
        for finding in reply.findings
        if label.counts and finding.counts
    )


def overlaps_by_half(one: Mark, other: Mark) -> bool:
    """Say whether two spans share at least half of either."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    shorter = min(one.end - one.start, other.end - other.start)
    return shared > 0 and shared * 2 >= shorter


def share(part: int, whole: int) -> dict[str, Any]:
    """Give a share with Wilson's 95 % interval; without a denominator there is no share."""
    if not whole:
        return {"of": 0, "count": part, "share": None, "interval": None}
    low, high = wilson(part, whole)
    return {
        "of": whole,
        "count": part,
        "share": round(part / whole, 4),
        "interval": [round(low, 4), round(high, 4)],
    }


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Reckon Wilson's score interval at 95 %, which stays inside 0 and 1 for small counts."""
    p, z2 = part / whole, _Z_95**2
    middle = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    reach = _Z_95 * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def mistakes(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """List the replies that were missed, raised without cause or judged at another level."""
    return [
        {
            "id": reply.id,
            "expected": reply.expected,
            "verdict": reply.verdict,
            "labels": sorted({mark.rule for mark in reply.labels}),
            "findings": sorted({mark.rule for mark in reply.findings}),
            "text": reply.text,
        }
        for reply in judged
        if reply.expected != reply.verdict
    ]


def printed(report: Mapping[str, Any]) -> list[str]:
    """Lay the report out in lines for a terminal."""
    counts = report["replies"]
    lines = [f"{counts['all']} replies: {counts['bad']} bad, {counts['fine']} fine"]
    lines += [f"{name:18} {_in_words(value)}" for name, value in report.items() if "of" in value]
    for name in _WITH_OPINION if "with_opinion" in report else ():
        lines.append(f"{name:18} {_in_words(report['with_opinion'][name])} with second opinion")
    for part, width in (("groups", 4), ("families", 22)):
        for name, row in report[part].items():
            lines.append(
                f"  {name:{width}} precision {_in_words(row['precision'])}"
                f"   recall {_in_words(row['recall'])}"
            )
    for each in report.get("mistakes", ()):
        lines.append(
            f"{each['id']} {each['expected']} > {each['verdict']}"
            f" {','.join(each['labels'])} > {','.join(each['findings'])} {each['text']}"
        )
    return lines


def _in_words(value: Mapping[str, Any]) -> str:
    if value["share"] is None:
        return "     –"
    low, high = value["interval"]
    return f"{value['share']:6.1%} ({value['count']}/{value['of']}, {low:.1%} to {high:.1%})"


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description="figures of the language check")
    add_arguments(_parser)
    raise SystemExit(run(_parser.parse_args()))
