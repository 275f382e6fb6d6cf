"""A copy of the project in which a type can grow: own data, own home, the real stack on free ports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.orm import Session

from bot.coach.examples import read_training
from bot.coach.split import rasa_yaml
from bot.coach.train import fingerprint
from bot.desk.engine_routes import routes_path
from bot.desk.model_files import models_folder, pointer, read_json
from bot.desk.staff import add_staff
from bot.handbook.reception_tables import load_access
from bot.settings import ROOT, load_settings
from bot.storage.engine import open_engine, session_factory
from tests.console.conftest import PASSWORD
from tests.stack import ADMIN_PASSWORD, Customer, free_port

FOLDERS = ("bot", "actions", "data", "tests/nlu", "tests/conversations")
FILES = ("config.yml", "domain.yml", "endpoints.yml", "credentials.yml")
LINES = 20  # of what the second opinion is fitted to, one of so many is kept
# A training on all of the data, on a machine that has other things to do.
PATIENCE_S = 1200


@dataclass
class Workshop:
    """The copy: where it lies, where its desk answers, and its commands."""

    root: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.home, self.url = self.root / "var", f"http://127.0.0.1:{self.port}"
        self.environ = dict(os.environ) | {
            "INTAKE_HOME": str(self.home), "INTAKE_PORT": str(self.port), "INTAKE_HOST": "127.0.0.1",
            "INTAKE_RASA_URL": f"http://127.0.0.1:{free_port()}",
            "INTAKE_ACTIONS_URL": f"http://127.0.0.1:{free_port()}",
            "INTAKE_DATABASE_URL": f"sqlite:///{self.home / 'desk.db'}",
            "INTAKE_ADMIN_PASSWORD": ADMIN_PASSWORD, "INTAKE_MESSAGES_PER_MINUTE": "0",
            "INTAKE_SESSIONS_PER_MINUTE": "0", "PYTHONPATH": str(self.root), "PYTHONWARNINGS": "ignore",
            "RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        }

    def coach(self, *words: str, fine: tuple[int, ...] = (0,)) -> str:
        """Run `intake coach …` in the copy; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bot", "coach", *words], cwd=self.root, env=self.environ,
            capture_output=True, text=True, check=False,
        )
        assert done.returncode in fine, f"coach {words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def data(self, *words: str, fine: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run a tool that prints data."""
        return dict(json.loads(self.coach(*words, "--json", fine=fine)))

    def train(self) -> str:
        """Train a candidate from the copy's data; return its name."""
        return self.coach("train", "--by", "zhou").split()[0]

    @contextmanager
    def running(self) -> Iterator[Workshop]:
        """Run `intake run` in the copy, with the supervisor that follows a change of model."""
        with (self.root / "run.log").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run"], cwd=self.root, env=self.environ, stdout=out,
                stderr=out,
            )
        try:
            until(lambda: "ready  customers" in (self.root / "run.log").read_text("utf-8"), process)
            yield self
        finally:
            process.terminate()
            process.wait(60)

    def serves(self, model: str) -> None:
        """Wait until new conversations go to the model."""

        def routed() -> bool:
            table = read_json(routes_path(self.home)) or {"serving": pointer(self.home)}
            return bool((table.get("serving") or {}).get("model") == model)

        until(routed)
        time.sleep(1.0)  # the desk looks at the routes twice a second

    @contextmanager
    def database(self) -> Iterator[Session]:
        """Open the copy's database."""
        engine = open_engine(self.environ["INTAKE_DATABASE_URL"])
        with session_factory(engine).begin() as session:
            yield session
        engine.dispose()

    def add(self, name: str, role: str) -> None:
        """Open an account."""
        with self.database() as session:
            add_staff(
                session, load_access(), name=name, password=PASSWORD, role=role, teams=(),
                now=datetime.now(timezone.utc), must_change=False,
            )

    def signed_in(self, name: str) -> httpx.Client:
        """Return a client of a person who is signed in."""
        client = httpx.Client(base_url=f"{self.url}/api/v1/staff", timeout=60)
        answer = client.post("/sign-in", json={"name": name, "password": PASSWORD})
        client.headers["X-CSRF-Token"] = answer.json()["data"]["csrf_token"]
        return client

    def ask(self, text: str, *more: str) -> str:
        """Let a new customer say something; return all the replies."""
        customer = Customer(self.url)
        said = [customer.say(line).text for line in (text, *more)]
        customer.http.close()
        return "\n".join(said)


def until(done: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait for something; fail when it does not come or the process ends."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert process is None or process.poll() is None, "the stack ended while starting"
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.3)


def set_up(root: Path, *, sentences: int | None, besides: Sequence[str] = ()) -> Workshop:
    """Copy the project; with a number, keep that many sentences of each type, spread over all, and some besides."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, root / name)
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    (root / ".gitignore").write_text("node_modules\nvar\nrun.log\n__pycache__\n")
    if sentences is not None:
        for path in (root / "data" / "nlu").glob("*.yml"):
            rows = read_training(path)
            step = max(len(rows) // sentences, 1)
            kept = rows[::step][:sentences]
            kept += [row for row in rows if row.text in besides and row not in kept]
            path.write_text(rasa_yaml(kept), encoding="utf-8")
        # The first start fits the second opinion: minutes with all of its lines, and nobody asks it here.
        for path in (*(root / "data" / "language").rglob("*.txt"), *(root / "data" / "language").rglob("*.tsv")):
            lines = path.read_text("utf-8").splitlines(keepends=True)
            path.write_text("".join(lines[::LINES]), encoding="utf-8")
    else:
        _take_model(root)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        who = ["-c", "user.name=zhou", "-c", "user.email=zhou@localhost"]
        subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)
    return Workshop(root)


def _take_model(root: Path) -> None:
    """Take the model of all the data along when there is one: it would be trained to the same."""
    settings = load_settings()
    target = models_folder(root / "var")
    target.mkdir(parents=True)
    for path in models_folder(settings.home).glob(f"intake-{fingerprint(settings)}.*"):
        shutil.copy(path, target)
