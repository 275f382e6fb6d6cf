"""Start Rasa, the action server and the desk; restart what dies; stop all on Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rich.console import Console

from bot.coach.tether import tethered
from bot.coach.train import fit_at_start, model_at_start
from bot.engines import Engines
from bot.first_start import first_password
from bot.settings import ROOT, Settings, load_settings

console = Console(stderr=True, highlight=False, soft_wrap=True)
READY_WITHIN = 180.0
# A process that dies this often within a minute is broken, not unlucky.
MOST_RESTARTS = 5


@dataclass
class Part:
    """Hold one process of the stack and how to tell that it is ready."""

    name: str
    command: list[str]
    ready_url: str
    environ: Mapping[str, str]
    log: Path
    # Ends when we do, also when we are killed.
    tied: bool = False
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start the process in a group of its own, its output appended to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                tethered(self.command) if self.tied else self.command, cwd=ROOT,
                env=dict(self.environ), stdin=subprocess.PIPE if self.tied else None, stdout=out,
                stderr=out, start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Tell whether the process answers its readiness address."""
        try:
            with urllib.request.urlopen(self.ready_url, timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def is_dead(self) -> bool:
        """Tell whether the process has ended."""
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """End the process group, kindly first."""
        if self.process is None:
            return
        for sig, wait in ((signal.SIGTERM, 8), (signal.SIGKILL, 3)):
            try:
                os.killpg(self.process.pid, sig)
                self.process.wait(wait)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the three processes: one home, one thread per library."""
    environ = dict(os.environ)
    limits = (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_INTRA_OP_PARALLELISM_THREADS",
        "TF_INTER_OP_PARALLELISM_THREADS",
    )
    environ |= dict.fromkeys(limits, "1") | {
        "INTAKE_HOME": str(settings.home),
        "INTAKE_DATABASE_URL": settings.database_url,
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
        # Rasa's action server knows no other way to stay on the loopback.
        "SANIC_HOST": "127.0.0.1",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONWARNINGS": "ignore",
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


def endpoints_file(settings: Settings) -> Path:
    """Return Rasa's endpoints file: the repository's, or a copy with the addresses set."""
    if settings.actions_url == "http://127.0.0.1:5055" and not settings.redis_url:
        return ROOT / "endpoints.yml"
    lines = [
        "action_endpoint:", f"  url: {settings.actions_url}/webhook", "  enable_selective_domain: true",
        "tracker_store:", "  type: bot.dialogue.rasa_trackers.TrackersInProgress",
    ]
    if settings.redis_url:
        parts = urlsplit(settings.redis_url)
        lines += [
            "lock_store:", "  type: redis", f"  url: {parts.hostname}", f"  port: {parts.port or 6379}",
            f"  db: {parts.path.strip('/') or 0}",
        ]
        if parts.password:
            lines.append(f"  password: {json.dumps(unquote(parts.password))}")
    path = settings.home / f"endpoints-{urlsplit(settings.actions_url).port or 5055}.yml"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


def parts_of(settings: Settings, model: Path) -> list[Part]:
    """Return the three processes, in the order in which they start."""
    environ = child_environment(settings)
    logs = settings.home / "logs"
    rasa, actions = urlsplit(settings.rasa_url), urlsplit(settings.actions_url)
    python = sys.executable
    return [
        Part(
            "actions",
            [python, "-m", "rasa_sdk", "--actions", "actions", "-p", str(actions.port or 5055)],
            f"{settings.actions_url}/health", environ, logs / "actions.log",
        ),
        Part(
            "rasa",
            [
                python, "-m", "rasa", "run", "-m", str(model), "--enable-api",
                "-i", rasa.hostname or "127.0.0.1", "-p", str(rasa.port or 5005),
                "--endpoints", str(endpoints_file(settings)),
                "--credentials", str(ROOT / "credentials.yml"),
            ],
            f"{settings.rasa_url}/webhooks/desk/", environ, logs / "rasa.log",
        ),
        Part(
            "desk", [python, "-m", "bot", "serve"],
            f"http://127.0.0.1:{settings.port}/healthz", environ, logs / "desk.log",
        ),
    ]


def wait_until_ready(parts: list[Part], *, within: float = READY_WITHIN) -> str | None:
    """Wait for every part; return one sentence about what went wrong, or None."""
    waiting, end = list(parts), time.monotonic() + within
    while waiting:
        for part in list(waiting):
            if part.is_dead():
                return f"{part.name} ended while starting; see {part.log}:\n{tail(part.log)}"
            if part.is_ready():
                console.print(f"  {part.name} is ready")
                waiting.remove(part)
        if waiting and time.monotonic() > end:
            names = ", ".join(part.name for part in waiting)
            return f"{names} did not become ready in {within:.0f} s; see {waiting[0].log}"
        time.sleep(0.15)
    return None


def tail(path: Path, lines: int = 12) -> str:
    """Return the last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def watch(
    parts: list[Part], stopped: Callable[[], bool], tick: Callable[[], None] = lambda: None,
    died: Callable[[Part], bool] = lambda part: False,
) -> str | None:
    """Restart parts that die until told to stop; return why it gave up, or None.

    `tick` is called each round; it may add parts and take some away. `died` hears of each death
    before the restart and tells whether the stack goes on without the part.
    """
    while not stopped():
        tick()
        for part in list(parts):
            # A part that was taken away a moment ago stays away.
            if part not in parts or not part.is_dead() or died(part):
                continue
            now = time.monotonic()
            part.deaths = [t for t in part.deaths if now - t < 60] + [now]
            if len(part.deaths) > MOST_RESTARTS:
                return f"{part.name} died {len(part.deaths)} times in a minute; see {part.log}"
            console.print(f"[yellow]{part.name} ended; starting it again")
            part.start()
        time.sleep(0.3)
    return None


def busy_port(settings: Settings) -> int | None:
    """Return a port that something else already listens on, or None."""
    import socket

    urls = (settings.rasa_url, settings.actions_url, f"http://127.0.0.1:{settings.port}")
    for url in urls:
        port = urlsplit(url).port or 80
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return port
    return None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments; everything is a setting."""


def run(args: argparse.Namespace) -> int:
    """Run the stack until Ctrl-C or SIGTERM."""
    settings = load_settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    port = busy_port(settings)
    if port is not None:
        console.print(f"[red]port {port} is in use; stop what listens there, or set INTAKE_PORT,"
                      " INTAKE_RASA_URL or INTAKE_ACTIONS_URL")
        return 1
    model = model_at_start(settings, now=datetime.now(timezone.utc))
    fit_at_start(settings)
    password = first_password(settings)
    parts = parts_of(settings, model)
    engines = Engines.begin(settings, parts, model)
    stop = {"asked": False}
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, lambda *_: stop.update(asked=True))
    console.print("starting action server, Rasa and desk …")
    failure: str | None = None
    try:
        for part in parts:
            part.start()
        failure = wait_until_ready(parts)
        if failure is None:
            _tell(settings, password)
            failure = watch(parts, lambda: stop["asked"], engines.tick, engines.died)
    finally:
        console.print("stopping …")
        engines.stop()
        for part in reversed(parts):
            part.stop()
    if failure:
        console.print(f"[red]{failure}")
    return 1 if failure else 0


def _tell(settings: Settings, password: str | None) -> None:
    base = settings.public_url or f"http://localhost:{settings.port}"
    console.print(f"[bold green]ready[/]  customers: {base}/   console: {base}/console")
    if password:
        console.print(f"first sign-in: name [bold]admin[/], password [bold]{password}[/]"
                      " (shown once; it must be changed)")
    console.print("Ctrl-C stops everything")
