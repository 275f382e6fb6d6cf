"""`intake evaluate` 评测: scores of the trained model on labelled lines, as JSON and as a page."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.coach.classify import reader_of
from bot.coach.examples import Example, read_examples
from bot.coach.line_files import BadFile
from bot.coach.pages import write_page
from bot.coach.scores import Judged, type_scores, urgency_scores, worst
from bot.coach.understood import understood
from bot.handbook.requests import Urgency
from bot.handbook.tables import load_handbook
from bot.nlu.reader import Reader
from bot.settings import ROOT

_LEVELS = (*(level.value for level in Urgency), "None")


def judged(examples: Sequence[Example], reader: Reader) -> list[Judged]:
    """Let the model read every example."""
    readings = understood(reader, [example.text for example in examples])
    return [Judged(example, reading) for example, reading in zip(examples, readings, strict=True)]


def report(rows: Sequence[Judged], requests: frozenset[str]) -> dict[str, Any]:
    """Return all scores of one set; urgency counts only where the type is a request."""
    askers = [row for row in rows if row.example.type in requests]
    return {
        "rows": len(rows),
        "type": type_scores(rows),
        "urgency": urgency_scores(askers),
        "confident_mistakes": worst(rows),
    }


def main_figures(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that outside programs read at the top of the report."""
    types, urgency = scores["type"], scores["urgency"] or {}
    return {
        "accuracy": types["accuracy"]["value"],
        "macro_f1": types["macro_f1"],
        "per_class": types["per_class"],
        "urgent_recall": (urgency.get("urgent_recall") or {}).get("value"),
        "ece": types["calibration"]["ece"],
    }


def evaluate(file: Path, out: Path, reader: Reader) -> dict[str, Any]:
    """Score one file and write `report.json` and `report.html` into the folder."""
    handbook = load_handbook()
    requests = frozenset(name for name, row in handbook.types.items() if row.kind.is_request)
    examples = read_examples(file)
    if not examples:
        raise BadFile(file, "holds no labelled sentence")
    for name, known in (("type", handbook.types), ("urgency", _LEVELS)):
        if unknown := sorted({str(getattr(each, name)) for each in examples} - set(known)):
            print(f"{file}: {name} unknown to the handbook: {', '.join(unknown[:8])}", file=sys.stderr)
    rows = judged(examples, reader)
    scores = report(rows, requests)
    out.mkdir(parents=True, exist_ok=True)
    main = main_figures(scores)
    text = json.dumps({"file": file.name, **main, **scores}, ensure_ascii=False, indent=1)
    (out / "report.json").write_text(text, encoding="utf-8")
    titles = {name: row.title for name, row in handbook.types.items()}
    write_page(out, file.name, rows, scores, titles)
    return scores


def summary(name: str, scores: dict[str, Any]) -> str:
    """Say the main figures in one line."""
    types, urgency = scores["type"], scores["urgency"] or {}

    def value(row: dict[str, Any] | None) -> str:
        return "   -  " if not row or row["value"] is None else f"{row['value']:.4f}"

    return (
        f"{name:<20}{scores['rows']:>6}  {value(types['accuracy'])}  {types['macro_f1']:.4f}  "
        f"{value(types['sure'])}  {value(types['unsure'])}  {value(types['top2'])}  "
        f"{types['calibration']['ece']:.4f}  {value({'value': urgency.get('macro_f1')})}  "
        f"{value(urgency.get('urgent_recall'))}  {value(urgency.get('urgent_precision'))}  "
        f"{value(urgency.get('false_urgent'))}"
    )


HEADING = (
    f"{'set':<20}{'rows':>6}  {'acc.':<6}  {'F1':<6}  {'sure':<6}  {'unsure':<6}  {'top-2':<6}  "
    f"{'ECE':<6}  {'urg.F1':<6}  {'recall':<6}  {'prec.':<6}  {'false':<6}"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake evaluate`."""
    parser.add_argument("file", type=Path, nargs="+", help="labelled JSON lines or Rasa YAML")
    parser.add_argument("--out", type=Path, default=None, help="folder of the report")
    parser.add_argument(
        "--model", type=Path, default=None, help="model archive, or folder of models"
    )


def run(args: argparse.Namespace) -> int:
    """Score each file; print one line for each, never a sentence."""
    names = [file.stem for file in args.file]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadFile(twice[0], "two files of this name would share one report; score them one by one")
    reader = reader_of(args.model)
    out = args.out or ROOT / "var" / "evaluation"
    print(HEADING)
    for file in args.file:
        folder = out if len(args.file) == 1 else out / file.stem
        print(summary(file.name, evaluate(file, folder, reader)), flush=True)
    print(f"reports in {out}")
    return 0
