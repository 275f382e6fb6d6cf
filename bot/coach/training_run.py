"""`intake coach train` 训练: a candidate model, with progress, cancel, and a card of what it is made of.

Training runs in a process of its own and one at a time per machine. The archive appears whole
or not at all; the same data, configuration, code and libraries have the same fingerprint.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bot.coach.examples import read_training
from bot.coach.lexicon import SIGNALS
from bot.coach.train import INPUTS, LIBRARIES, Cancelled, fingerprint, make, trained_stages
from bot.coach.workspace import load_yaml
from bot.desk.coach_runs import (
    cancel_job,
    coach_folder,
    note_state,
    only_job,
    run_state,
    state_path,
)
from bot.desk.model_files import card_path, models_folder, read_json, write_json
from bot.handbook.errors import DeskError
from bot.handbook.signal_table import signals_in_force
from bot.settings import ROOT, Settings, load_settings

# Rasa trains the dialogue policy first; what reading and packaging take, its log does not say.
BEFORE_PIPELINE, AFTER_PIPELINE = ("reading", "RulePolicy"), ("packaging",)


def stages_of(config: Path) -> list[str]:
    """Return the trained stages of a configuration, in order, by the short names in the log."""
    pipeline = load_yaml(config.read_text("utf-8"))["pipeline"]
    names = [str(part["name"]).rsplit(".", 1)[-1] for part in pipeline]
    return [*BEFORE_PIPELINE, *names, *AFTER_PIPELINE]


def progress(log: Sequence[str], stages: Sequence[str], spent: float, usual: float | None) -> dict[str, Any]:
    """Return stage, share done and seconds left, from the log and the last run's length."""
    seen = trained_stages(log)
    stage = seen[-1] if seen else stages[0]
    place = max((i for i, name in enumerate(stages) if name in stage), default=0)
    share = place / len(stages)
    if usual:
        share = max(share, min(spent / usual, 0.97))
    left = usual - spent if usual else (spent / share - spent if share > 0.15 else None)
    return {
        "stage": stage, "share": round(share, 3), "seconds": round(spent, 1),
        "left_s": None if left is None else max(round(left), 1),
    }


def card(settings: Settings, root: Path, *, name: str, seconds: float, by: str, now: datetime) -> dict[str, Any]:
    """Return what a model is made of: enough to make it again and to know it apart."""
    counts = Counter(example.type for example in read_training(root / "data" / "nlu"))
    return {
        "model": name, "made": now.isoformat(), "by": by, "seconds": round(seconds, 1),
        "fingerprint": name.removeprefix("intake-"), "inputs": list(INPUTS),
        "sentences": sum(counts.values()), "types": dict(sorted(counts.items())),
        "embeddings": settings.embeddings, "seeds": "fixed in the components",
        "python": sys.version.split()[0], "libraries": {name: _version(name) for name in LIBRARIES},
        "commit": _commit(root), "signals": signals_in_force(root / SIGNALS),
    }


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _commit(root: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def train_candidate(
    settings: Settings, *, by: str, root: Path = ROOT, force: bool = False,
    words: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Train one candidate; return its name and whether it was there already."""
    with only_job(settings.home):
        name = f"intake-{fingerprint(settings, root)}"
        archive = models_folder(settings.home) / f"{name}.tar.gz"
        usual = read_json(coach_folder(settings.home) / "usual.json").get("train_s")
        state_path(settings.home).unlink(missing_ok=True)
        note_state(
            settings.home, kind="train", state="running", pid=os.getpid(), model=name, by=by,
            started=datetime.now(timezone.utc).isoformat(), stage="reading", share=0.0,
        )
        if archive.exists() and not force:
            note_state(settings.home, state="done", share=1.0, message="数据没有变化，沿用已有模型")
            return {"model": name, "new": False}
        try:
            stages = stages_of(root / "config.yml")
            seconds = make(
                settings, archive, log=coach_folder(settings.home) / "run.log", root=root, words=words,
                tell=lambda lines, spent: note_state(
                    settings.home, **progress(lines, stages, spent, usual)
                ),
            )
        except Cancelled:
            note_state(settings.home, state="cancelled", message="已取消")
            raise
        except DeskError as error:
            note_state(settings.home, state="failed", message=str(error))
            raise
        made = card(settings, root, name=name, seconds=seconds, by=by, now=datetime.now(timezone.utc))
        write_json(card_path(settings.home, name), made)
        write_json(coach_folder(settings.home) / "usual.json", {"train_s": round(seconds, 1)})
        note_state(settings.home, state="done", share=1.0, left_s=0, seconds=round(seconds, 1))
        return {"model": name, "new": True}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach train`."""
    parser.add_argument("--force", action="store_true", help="train even if a model fits the data")
    parser.add_argument("--by", default="trainer", help="who asks for it")
    parser.add_argument("--cancel", action="store_true", help="stop the training that runs")
    parser.add_argument("--status", action="store_true", help="show the training that runs")


def run(args: argparse.Namespace) -> int:
    """Train, or show or stop the training that runs."""
    settings = load_settings()
    if args.cancel:
        print("asked to stop" if cancel_job(settings.home) else "nothing runs")
        return 0
    if args.status:
        state = run_state(settings.home)
        print(" ".join(f"{k}={v}" for k, v in state.items() if k not in {"log", "words"}) or "nothing ran yet")
        return 0
    made = train_candidate(settings, by=args.by, force=args.force)
    print(f"{made['model']} {'trained' if made['new'] else 'fits the data already'}")
    return 0
