"""`make evaluate`: one table over all evaluation sets, the shipped model beside stock DIET.

`--baseline` trains stock Rasa DIET (default recipe, jieba) on the same data anew and keeps its
figures in `tests/nlu/baseline.json` with the fingerprint of the data. DIET needs five to ten hours
of one core for all of it; with `--sentences N` both sides learn the same fixed sample instead. The
real callers' file is read where it lies beside the checkout; none of its sentences is printed or
stored.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.coach import evaluate_language
from bot.coach.evaluate import evaluate
from bot.coach.examples import Example, read_examples
from bot.coach.train import model_path, train, train_if_needed
from bot.nlu.reader import Reader
from bot.settings import ROOT, load_settings
from bot.supervisor import child_environment
from tests.load.sample import write_sample
from tests.load.stock import CONFIG

console = Console(highlight=False, width=150)
BASELINE = ROOT / "tests/nlu/baseline.json"
REAL = ROOT.parent / "shared/eval/real_callers.jsonl"
EPOCHS = 100


def sets() -> list[Path]:
    """Return the evaluation sets that exist."""
    own = [ROOT / "tests/nlu/heldout.yml", ROOT / "tests/nlu/fresh.jsonl"]
    return [path for path in (*own, REAL) if path.exists()]


def data_fingerprint() -> str:
    """Return the hash of the training data."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "data/nlu").glob("*.yml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def figures_of(scores: dict[str, Any]) -> dict[str, float | None]:
    """Return the figures of one set that the table shows."""
    types, urgency = scores["type"], scores["urgency"] or {}

    def value(row: dict[str, Any] | None) -> float | None:
        return None if not row else row["value"]

    return {
        "rows": scores["rows"], "accuracy": value(types["accuracy"]),
        "macro-F1": types["macro_f1"], "sure": value(types["sure"]),
        "unsure": value(types["unsure"]), "top-2": value(types["top2"]),
        "ECE": types["calibration"]["ece"], "urgency F1": urgency.get("macro_f1"),
        "urgent recall": value(urgency.get("urgent_recall")),
        "urgent precision": value(urgency.get("urgent_precision")),
        "false urgent": value(urgency.get("false_urgent")),
    }


def shipped() -> dict[str, dict[str, float | None]]:
    """Score the shipped model on every set."""
    reader = Reader.open(train_if_needed(load_settings()))
    return _our_scores(reader, ROOT / "var/evaluation")


def _our_scores(reader: Reader, out: Path) -> dict[str, dict[str, float | None]]:
    return {path.name: figures_of(evaluate(path, out / path.stem, reader)) for path in sets()}


def is_right(example: Example, name: str) -> bool:
    """Tell whether a type is right: the label, or for unsure rows one of the alternatives."""
    return name == example.type or (not example.sure and name in example.also)


def baseline(most: int | None) -> None:
    """Train stock DIET on the same data, or both on one sample of it, and keep the figures."""
    home = ROOT / "var/baseline"
    shutil.rmtree(home, ignore_errors=True)
    (home / "data").mkdir(parents=True)
    kept: dict[str, Any] = {"data": data_fingerprint(), "epochs": EPOCHS}
    if most is None:
        for path in (ROOT / "data/nlu").glob("*.yml"):
            shutil.copy(path, home / "data")
    else:
        kept["sentences"] = write_sample(home / "data", most)
    console.print(f"training DIET, {EPOCHS} epochs …")
    kept["training_s"] = _timed(lambda: _train_diet(home))
    kept["sets"] = asyncio.run(_diet_scores(home / "models/diet.tar.gz"))
    if most is not None:
        settings = load_settings({"INTAKE_HOME": str(home / "ours")})
        model = model_path(settings)
        kept["ours"] = {
            "training_s": _timed(lambda: train(settings, model, nlu=home / "data")),
            "sets": _our_scores(Reader.open(model), home / "ours/evaluation"),
        }
    BASELINE.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 1)


def _train_diet(home: Path) -> None:
    nlu_only = CONFIG.format(epochs=EPOCHS).split("policies:")[0]
    (home / "config.yml").write_text(nlu_only)
    names = sorted(path.stem for path in (home / "data").glob("*.yml"))
    (home / "domain.yml").write_text("version: '3.1'\nintents: " + json.dumps(names) + "\n")
    command = [
        sys.executable, "-m", "rasa", "train", "nlu", "--nlu", "data", "--out", "models",
        "--fixed-model-name", "diet", "--domain", "domain.yml",
    ]
    with (home / "train.log").open("wb") as log:
        subprocess.run(
            command, cwd=home, env=child_environment(load_settings()), check=True, stdout=log,
            stderr=log,
        )


async def _diet_scores(model: Path) -> dict[str, dict[str, float]]:
    from rasa.core.agent import Agent

    agent = Agent.load(str(model))
    found: dict[str, dict[str, float]] = {}
    for path in sets():
        examples, right, started = read_examples(path), [], time.perf_counter()
        for example in examples:
            parsed = await agent.parse_message(example.text)
            ranking = [r["name"] for r in parsed["intent_ranking"] if r["name"] != "nlu_fallback"]
            right.append(is_right(example, ranking[0]))
        seconds = time.perf_counter() - started
        found[path.name] = {
            "rows": len(examples), "accuracy": sum(right) / len(right),
            **_split(examples, right), "ms per parse": seconds * 1000 / len(examples),
        }
    return found


def _split(examples: list[Example], right: list[bool]) -> dict[str, float]:
    shares = {}
    for name, wanted in (("sure", True), ("unsure", False)):
        picked = [ok for example, ok in zip(examples, right, strict=True) if example.sure is wanted]
        if picked and any(not example.sure for example in examples):
            shares[name] = sum(picked) / len(picked)
    return shares


def show(rows: dict[str, dict[str, float | None]]) -> None:
    """Print the table of both sides."""
    columns = list(next(iter(rows.values())))
    table = Table("set", "model", *columns)

    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

    kept = json.loads(BASELINE.read_text()) if BASELINE.exists() else {"sets": {}}
    for name, figures in rows.items():
        table.add_row(name, "shipped", *(cell(figures[column]) for column in columns))
        for model, side in (("stock DIET", kept), ("ours, as little", kept.get("ours"))):
            if side and (found := side["sets"].get(name)):
                table.add_row("", model, *(cell(found.get(column)) for column in columns))
    console.print(table)
    if kept["sets"]:
        same = "the same data" if kept["data"] == data_fingerprint() else "OLDER data"
        part = f"{kept['sentences']} sentences of " if "sentences" in kept else ""
        console.print(
            f"stock DIET: {kept['epochs']} epochs, {kept['training_s']} s, on {part}{same}"
        )
        if "ours" in kept:
            console.print(f"ours on the same sentences: {kept['ours']['training_s']} s")
    else:
        console.print("no stock DIET figures yet: make evaluate-baseline")


def main() -> None:
    """Score models and language rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", action="store_true", help="train stock DIET anew first")
    parser.add_argument("--sentences", type=int, help="both learn a sample of about so many")
    given = parser.parse_args()
    if given.baseline:
        baseline(given.sentences)
    show(shipped())
    console.rule("service language")
    language = argparse.ArgumentParser()
    evaluate_language.add_arguments(language)
    # Thresholds of tone and of the second opinion were chosen on dev12, dev13 (some mistakes there
    # were read) and dev14 to dev16 (none); dev17 was written after, some alarms on fine ones there
    # were read. The plain lines are all fine. Nobody reads the rest.
    for name in ("dev12", "dev13", "dev14", "dev15", "dev16", "dev17", "plain", "test"):
        file = ROOT / "tests/language" / f"evaluation_{name}.jsonl"
        console.print(file.name)
        out = ["--out", f"results/language/{name}"]
        evaluate_language.run(language.parse_args([str(file), *out]))


if __name__ == "__main__":
    main()
