"""`intake coach gate` 评审: the candidate beside the model in service, type by type, then the rules.

Read are the evaluation sets of `tests/nlu`, the labels of the last week, and the conversations
of `tests/conversations`. The report lies beside the candidate; a stopped model stays a candidate.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from bot.coach.evaluate import judged
from bot.coach.examples import Example
from bot.coach.promote import evaluation_sets
from bot.coach.scores import Judged, calibration, share
from bot.coach.switch import serving_name
from bot.coach.tether import run_tethered
from bot.coach.workspace import load_yaml
from bot.desk.coach_runs import note_state, noted_job
from bot.desk.model_files import (
    NO_MODEL,
    archive_of,
    keep_report,
    kept_models,
    name_of,
)
from bot.desk.model_switching import let_pass
from bot.desk.training_labels import labelled_items
from bot.handbook.errors import NotFound
from bot.handbook.signal_table import signals_in_force
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training import Measure, Part, judge
from bot.handbook.training_table import load_training
from bot.settings import ROOT, Settings, load_settings
from bot.storage.engine import open_database, reading

WEEK = timedelta(days=7)
TIMED = 200
SENTENCES_SHOWN = 20
IN_A_REASON = 5


def week_of_labels(session: Session, handbook: Handbook, *, now: datetime) -> list[Example]:
    """Return the turns that were labelled in the last week."""
    return [
        Example(item.text, handbook.name_in_use(item.type) or item.type, item.urgency, f"live-{item.group_id}", source="labels")
        for item in labelled_items(session, since=now - WEEK, states=("labelled",))
    ]


def measure_model(rows: Sequence[Judged], requests: frozenset[str]) -> dict[str, Measure]:
    """Return the measures of one model that need no other model."""
    right = np.array([row.is_right for row in rows])
    sure = np.array([row.reading.type_confidence for row in rows])
    asked = [row for row in rows if row.example.type in requests and row.example.urgency]
    urgent = [row for row in asked if row.example.urgency == "urgent"]
    calm = [row for row in asked if row.example.urgency != "urgent"]
    hits = share(sum(row.reading.urgency == "urgent" for row in urgent), len(urgent))
    false = share(sum(row.reading.urgency == "urgent" for row in calm), len(calm))
    accuracy = share(int(right.sum()), len(rows))
    return {
        "accuracy": Measure(accuracy["value"], accuracy["interval"]),
        "urgent_recall": Measure(hits["value"], hits["interval"]),
        "false_urgent": Measure(false["value"], false["interval"]),
        "calibration": Measure(calibration(sure, right)["ece"] if len(rows) else None),
    }


def losses(new: dict[str, Measure], old: dict[str, Measure], types: list[dict[str, Any]]) -> dict[str, Measure]:
    """Return the measures that compare the candidate with the model in service."""
    parts = {
        row["title"]: Part(row["before"] - row["after"], len(row["broken"]))
        for row in types if row["before"] is not None and row["after"] is not None
    }
    found = {"type_loss": Measure(max((part.value for part in parts.values()), default=0.0), None, parts)}
    for name, loss in (("accuracy", "accuracy_loss"), ("urgent_recall", "urgent_loss")):
        before, after = old[name].value, new[name].value
        if before is not None and after is not None:
            found[loss] = Measure(before - after)
    return found


def newcomers(rows: Sequence[Judged], names: set[str], titles: dict[str, str]) -> Measure:
    """Return how many test sentences of each type that the model in service lacks are read right."""
    parts = {}
    for name in names:
        own = [row for row in rows if row.example.type == name]
        wrong = [row for row in own if not row.is_right]
        misread = [
            f"“{row.example.text}”读成{titles.get(row.reading.type, row.reading.type)}"
            for row in wrong[:IN_A_REASON]
        ]
        if len(wrong) > IN_A_REASON:
            misread.append(f"等{len(wrong)}句")
        right = share(len(own) - len(wrong), len(own))["value"]
        parts[titles.get(name, name)] = Part(right or 0.0, len(own), tuple(misread))
    lowest = min((part.value for part in parts.values() if part.sentences), default=None)
    return Measure(lowest, None, parts)


def compare_types(
    new: Sequence[Judged], old: Sequence[Judged], titles: dict[str, str]
) -> list[dict[str, Any]]:
    """Say of each type whether it got better or worse, with the sentences behind it."""
    rows: dict[str, list[tuple[Judged, Judged]]] = defaultdict(list)
    for after, before in zip(new, old, strict=True):
        rows[after.example.type].append((after, before))
    table = []
    for name, both in sorted(rows.items()):
        fixed = [_change(a, b) for a, b in both if a.is_right and not b.is_right]
        broken = [_change(a, b) for a, b in both if b.is_right and not a.is_right]
        still = [_change(a, b) for a, b in both if not a.is_right and not b.is_right]
        table.append(
            {
                "type": name, "title": titles.get(name, name), "n": len(both),
                "before": round(sum(b.is_right for _, b in both) / len(both), 4),
                "after": round(sum(a.is_right for a, _ in both) / len(both), 4),
                "verdict": "better" if len(fixed) > len(broken)
                else "worse" if len(broken) > len(fixed) else "unchanged",
                "fixed": fixed[:SENTENCES_SHOWN], "broken": broken[:SENTENCES_SHOWN],
                "still": still[:SENTENCES_SHOWN],
            }
        )
    return table


def _change(after: Judged, before: Judged) -> dict[str, Any]:
    return {
        "text": after.example.text, "set": after.example.source, "before": before.reading.type,
        "after": after.reading.type, "sure": round(after.reading.type_confidence, 3),
    }


def confusion_difference(
    new: Sequence[Judged], old: Sequence[Judged], most: int = 20
) -> list[dict[str, Any]]:
    """Return the pairs of types that are confused more, or less, than before."""
    count: Counter[tuple[str, str]] = Counter()
    for rows, sign in ((new, 1), (old, -1)):
        for row in rows:
            if not row.is_right:
                count[row.example.type, row.reading.type] += sign
    changed = sorted(count.items(), key=lambda item: (-abs(item[1]), item[0]))
    return [
        {"type": pair[0], "read_as": pair[1], "change": change}
        for pair, change in changed[:most] if change
    ]


def latency_ms(reader: Any, texts: Sequence[str]) -> float:
    """Return the 95th percentile of reading one sentence at a time."""
    spent = []
    for text in [*texts[:5], *texts[:TIMED]]:
        started = time.perf_counter()
        list(reader.read([text]))
        spent.append((time.perf_counter() - started) * 1000)
    return round(float(np.percentile(spent[5:], 95)), 2)


def _size_mb(archive: Path | None) -> float | None:
    return round(archive.stat().st_size / 2**20, 1) if archive else None


def openings(root: Path) -> list[tuple[str, str, str]]:
    """Return name, first words and expected type of the conversations that end in a ticket."""
    found = []
    for path in sorted((root / "tests" / "conversations").glob("*.yml")):
        for script in load_yaml(path.read_text("utf-8")):
            wanted = (script.get("ticket") or {}).get("type")
            if wanted:
                found.append((script["name"], script["turns"][0]["say"], wanted))
    return found


def conversations_of(root: Path, new: Any, old: Any) -> dict[str, Any]:
    """Compare how both models read the first words of every scripted conversation."""
    scripts = openings(root)
    said = [text for _, text, _ in scripts]
    after = [reading.type for reading in new.read(said)]
    before = [reading.type for reading in old.read(said)] if old else after
    broken = [
        {"name": name, "say": text, "wanted": wanted, "before": was, "after": now}
        for (name, text, wanted), was, now in zip(scripts, before, after, strict=True)
        if now != wanted and (was == wanted or old is None)
    ]
    # Some scripts reach their ticket through a correction; what never opened so is no loss.
    return {"scripts": len(scripts), "broken": broken if old else []}


def play_conversations(archive: Path, *, words: Sequence[str] | None = None) -> list[str]:
    """Play every scripted conversation on a stack of its own; return the names that failed.

    `words` stand in for the command of the trial; should we be killed, it ends with us.
    """
    done = run_tethered(words or [sys.executable, "-m", "bot.trial", str(archive)], cwd=ROOT)
    # What breaks off with an error ends with 1 as well, and says nothing of conversations.
    if done.returncode not in {0, 1} or not done.stdout.strip():
        return [f"the trial did not run: {done.stderr.strip()[-300:]}"]
    return list(json.loads(done.stdout)["failed"])


def examine(
    candidate: Path, serving: Path | None, examples: Sequence[Example], root: Path, *,
    play: bool = False, tell: Callable[[str, float], None] = lambda stage, share: None,
) -> dict[str, Any]:
    """Read everything with both models and judge by the table; tell how far it is."""
    from bot.nlu.reader import Reader

    handbook, training = load_handbook(), load_training()
    requests = frozenset(name for name, row in handbook.types.items() if row.kind.is_request)
    titles = {name: row.title for name, row in handbook.types.items()}
    tell("新模型判读评测句", 0.05)
    new = Reader.open(candidate)
    old = Reader.open(serving) if serving else None
    after = judged(examples, new)
    measures = measure_model(after, requests)
    report: dict[str, Any] = {"types": [], "confusion": [], "before": {}}
    if old is not None:
        tell("在用模型判读评测句", 0.3)
        before = judged(examples, old)
        report["types"] = compare_types(after, before, titles)
        report["confusion"] = confusion_difference(after, before)
        earlier = measure_model(before, requests)
        report["before"] = {name: m.value for name, m in earlier.items()} | {
            "size_mb": _size_mb(serving), "latency_ms": latency_ms(old, [e.text for e in examples]),
        }
        measures |= losses(measures, earlier, report["types"])
        measures["new_type_recall"] = newcomers(
            after, set(new.model.labels) - set(old.model.labels), titles
        )
    tell("走对话" if play else "对照对话开场", 0.6)
    report["conversations"] = conversations_of(root, new, old)
    broken = len(report["conversations"]["broken"])
    if play:
        report["conversations"]["failed"] = play_conversations(candidate)
        broken = max(broken, len(report["conversations"]["failed"]))
    measures["conversations_broken"] = Measure(broken)
    tell("测判读速度", 0.9)
    measures["latency_ms"] = Measure(latency_ms(new, [e.text for e in examples]))
    measures["size_mb"] = Measure(_size_mb(candidate))
    judgements = judge(training.limits, measures)
    was = {limit.id: report["before"].get(limit.measure) for limit in training.limits}
    return {
        "passed": all(j.ok for j in judgements), "played": play, "sentences": len(examples),
        "reasons": [j.why for j in judgements if not j.ok],
        "warnings": [j.warning for j in judgements if j.warning],
        "limits": [j.as_json() | {"was": was[j.id]} for j in judgements],
        "measures": {name: m.value for name, m in measures.items()},
        **report,
    }


def pass_gate(
    settings: Settings, candidate: str, *, now: datetime, against: str | None = None,
    play: bool = False, root: Path = ROOT, by: str = "trainer",
) -> dict[str, Any]:
    """Examine a kept model, one job at a time, and keep the report beside it."""
    archive = archive_of(settings.home, candidate)
    against = against or serving_name(settings)
    serving = archive_of(settings.home, against) if against else None
    examples = [
        Example(e.text, e.type, e.urgency, e.situation, e.register, name, e.sure, e.also)
        for name, rows in evaluation_sets(root) for e in rows
    ]
    with reading(open_database(settings.database_url)) as session:
        examples += week_of_labels(session, load_handbook(), now=now)
    with noted_job(settings.home, "gate", model=name_of(archive), by=by, stage="读取评测句"):
        report = examine(
            archive, serving, examples, root, play=play,
            tell=lambda stage, share: note_state(settings.home, stage=stage, share=share),
        )
        report |= {
            "model": name_of(archive), "against": serving and name_of(serving), "at": now.isoformat(),
            "signals": signals_in_force(),
        }
        keep_report(settings.home, name_of(archive), report)
        said = ["通过"] if report["passed"] else ["未通过：" + "；".join(report["reasons"])]
        note_state(settings.home, message="；".join([*said, *report["warnings"]]))
    return report


def newest(settings: Settings) -> str:
    """Return the name of the newest kept model."""
    models = kept_models(settings.home)
    if not models:
        raise NotFound(NO_MODEL)
    return str(models[0]["name"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach gate`."""
    parser.add_argument("model", nargs="?", help="name of the candidate; the newest if not given")
    parser.add_argument("--against", help="name of the other model; the one in service if not given")
    parser.add_argument("--play", action="store_true", help="play the conversations on a real stack, as a switch needs")
    parser.add_argument("--override", metavar="REASON", help="let a stopped model pass (leaders)")
    parser.add_argument("--by", default="", help="who examines it, or lets it pass")
    parser.add_argument("--json", action="store_true", help="print the report as data")


def run(args: argparse.Namespace) -> int:
    """Examine the candidate; exit 1 when it is stopped."""
    settings, now = load_settings(), datetime.now(timezone.utc)
    name = args.model or newest(settings)
    if args.override:
        with open_database(settings.database_url).begin() as session:
            let_pass(
                session, settings.home, name, by=args.by or "leader", reason=args.override, now=now,
                serving=serving_name(settings),
            )
        print(f"{name}: let pass by {args.by or 'leader'}: {args.override}")
        return 0
    report = pass_gate(settings, name, now=now, against=args.against, play=args.play, by=args.by or "trainer")
    if args.json:
        print(json.dumps(report, ensure_ascii=False, default=str))
    else:
        print("\n".join(lines_of(report)))
    return 0 if report["passed"] else 1


def lines_of(report: dict[str, Any]) -> list[str]:
    """Return the report for a terminal."""
    lines = [f"{report['model']} against {report['against'] or 'nothing'}: {report['sentences']} sentences"]
    for row in report["limits"]:
        was = "" if row["was"] is None else f", in service {row['was']:.3f}"
        lines.append(f"  {'ok  ' if row['ok'] else 'STOP'} {row['title']} {row['value']} ({row['bound']}{was})")
    lines += [f"  warn {warning}" for warning in report["warnings"]]
    for row in report["types"]:
        if row["verdict"] == "unchanged":
            continue
        lines.append(f"{row['verdict']:>7} {row['title']} {row['before']:.3f} → {row['after']:.3f}")
        lines += [f"          + {s['text']}" for s in row["fixed"][:3]]
        lines += [f"          - {s['text']} → {s['after']}" for s in row["broken"][:3]]
    lines.append("passed" if report["passed"] else "stopped: " + "；".join(report["reasons"]))
    if report["passed"] and not report["played"]:
        lines.append("the conversations were not played: --play is needed before a switch")
    return lines

