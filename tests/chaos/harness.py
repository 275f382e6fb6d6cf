"""The harness: `python -m tests.chaos.harness --kills 1000 --seed 1`.

It first runs the scenario unharmed, keeps a copy before each operation and counts the points that
the operation passes: every write statement, both sides of every commit, both sides of every effect
outside. Then it goes back to a copy, kills the process at a point, starts it again as a client
would that got no answer, and compares all records and what the receivers outside got.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import Session

from bot.desk.messages import Gate
from bot.dialogue.texts import load_texts
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import load_handbook
from bot.storage.engine import open_engine, session_factory
from tests.chaos.digest import digest
from tests.chaos.scenario import World, drain, operations
from tests.load.databases import POSTGRES, database

WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Points:
    """Count the points that a run passes, and kill the process at one of them."""

    kill_at: int | None = None
    passed: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        """Pass a point."""
        self.passed.append(name)
        if self.kill_at is not None and len(self.passed) == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, engine: Engine) -> None:
        """Make points of the engine's write statements and commits."""

        @event.listens_for(engine, "before_cursor_execute")
        def _statement(*args: object) -> None:
            if str(args[2]).lstrip().upper().startswith(WRITES):
                self("statement")

        @event.listens_for(engine, "commit")
        def _commit(_connection: object) -> None:
            self("commit before")

        @event.listens_for(Session, "after_commit")
        def _committed(_session: object) -> None:
            self("commit after")


@dataclass
class Bench:
    """Hold one database, copies of it between the operations, and what the outside got."""

    url: str
    folder: Path

    @property
    def received(self) -> Path:
        """Return what the receivers outside got."""
        return self.folder / "received"

    @property
    def answered(self) -> Path:
        """Return how many operations the client has had answered."""
        return self.folder / "answered"

    def keep(self, name: str) -> None:
        """Keep a copy of everything as it is now."""
        for path in (self.received, self.answered):
            path.touch()
            shutil.copy(path, self.folder / f"{path.name}.{name}")
        self._keep_database(name)

    def restore(self, name: str) -> None:
        """Go back to a copy."""
        for path in (self.received, self.answered):
            shutil.copy(self.folder / f"{path.name}.{name}", path)
        self._restore_database(name)

    def _keep_database(self, name: str) -> None:
        engine = open_engine(self.url)
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
        engine.dispose()
        shutil.copy(self.folder / "desk.db", self.folder / f"copy.{name}")

    def _restore_database(self, name: str) -> None:
        for path in self.folder.glob("desk.db*"):
            path.unlink()
        shutil.copy(self.folder / f"copy.{name}", self.folder / "desk.db")


@dataclass
class PostgresBench(Bench):
    """The same on PostgreSQL, whose copies are databases of their own."""

    copies: set[str] = field(default_factory=set)

    def _keep_database(self, name: str) -> None:
        self._copy(self._name, f"{self._name}_{name}")
        self.copies.add(f"{self._name}_{name}")

    def _restore_database(self, name: str) -> None:
        self._copy(f"{self._name}_{name}", self._name)

    @property
    def _name(self) -> str:
        return str(make_url(self.url).database)

    def _copy(self, source: str, target: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)", f"CREATE DATABASE {target} TEMPLATE {source}")

    def forget(self) -> None:
        """Take the copies away."""
        self._run(*(f"DROP DATABASE {name} WITH (FORCE)" for name in sorted(self.copies)))

    def _run(self, *statements: str) -> None:
        server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT", future=True)
        with server.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        server.dispose()


class Harness:
    """Run operations in processes of their own and compare what they leave."""

    def __init__(self) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        self.handbook = load_handbook()
        self.gate = Gate(load_checker(verify=False), "您的问题已转交专人处理，请稍候。")
        self.texts = load_texts()
        self.operations = list(operations())

    def run(
        self, bench: Bench, *, until: int, kill_at: int | None = None, drained: bool = False
    ) -> list[str] | None:
        """Run in a child what the client has still to do; return the points, None when killed."""
        passed = bench.folder / "points"
        child = os.fork()
        if child == 0:
            try:
                points = self._work(bench, until, Points(kill_at), drained)
                passed.write_text(json.dumps(points.passed))
            # The child must never go on as the parent.
            except BaseException as error:  # noqa: BLE001
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                sys.stderr.flush()
                os._exit(70)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return None
        if os.WEXITSTATUS(status):
            raise RuntimeError(f"the scenario failed with status {os.WEXITSTATUS(status)}")
        return json.loads(passed.read_text())

    def _work(self, bench: Bench, until: int, points: Points, drained: bool) -> Points:
        engine = open_engine(bench.url)
        points.watch(engine)
        world = World(
            session_factory(engine), self.handbook, self.gate, self.texts, bench.received, points
        )
        for number in range(int(bench.answered.read_text() or 0), until):
            self.operations[number].work(world)
            points("answer before")
            bench.answered.write_text(str(number + 1))
        if drained:
            drain(world, self.operations[until - 1].minute)
        engine.dispose()
        return points

    def digest(self, bench: Bench) -> dict:
        """Return what has been left."""
        engine = open_engine(bench.url)
        try:
            return digest(engine, self.handbook, bench.received)
        finally:
            engine.dispose()

    def learn(self, bench: Bench) -> tuple[list[tuple[int, int, str]], list[dict]]:
        """Run once without a kill; keep a copy before each operation and what each leaves."""
        bench.keep("0")
        points: list[tuple[int, int, str]] = []
        expected: list[dict] = []
        for number in range(len(self.operations)):
            passed = self.run(bench, until=number + 1) or []
            points += [(number, place, name) for place, name in enumerate(passed, start=1)]
            bench.keep(str(number + 1))
            self.run(bench, until=number + 1, drained=True)
            expected.append(self.digest(bench))
            bench.restore(str(number + 1))
        return points, expected

    def kill(self, bench: Bench, operation: int, kills: Sequence[int]) -> tuple[int, dict]:
        """Kill one operation at the given points, one process after another, and let it end."""
        bench.restore(str(operation))
        done = sum(self.run(bench, until=operation + 1, kill_at=each) is None for each in kills)
        self.run(bench, until=operation + 1, drained=True)
        return done, self.digest(bench)


@contextmanager
def prepared(kind: str) -> Iterator[Bench]:
    """Make a bench on a database of a kind."""
    folder = Path(tempfile.mkdtemp(prefix="intake-chaos-"))
    try:
        with database(kind) as url:
            if kind == "sqlite":
                shutil.copy(url.removeprefix("sqlite:///"), folder / "desk.db")
                yield Bench(f"sqlite:///{folder / 'desk.db'}", folder)
                return
            bench = PostgresBench(url, folder)
            yield bench
            bench.forget()
    finally:
        shutil.rmtree(folder)


def plan(
    points: Sequence[tuple[int, int, str]], *, kills: int, seed: int
) -> list[tuple[int, list[int]]]:
    """Order the places to kill at: some twice in a row, commits and effects, then statements."""
    dice = random.Random(seed)
    exact = [(op, [place]) for op, place, name in points if name != "statement"]
    rest = [(op, [place]) for op, place, name in points if name == "statement"]
    dice.shuffle(exact)
    dice.shuffle(rest)
    twice = [
        (op, [place, dice.randint(1, place)])
        for op, place, _ in dice.sample(list(points), max(kills // 20, 2))
    ]
    return twice + exact + rest


def differences(found: dict, expected: dict) -> dict[str, list]:
    """Return, by table, what is missing and what is too much."""
    return {
        name: [["missing", *line] for line in expected[name] if line not in found[name]][:3]
        + [["too much", *line] for line in found[name] if line not in expected[name]][:3]
        + [["count", len(expected[name]), len(found[name])]]
        for name in expected
        if found[name] != expected[name]
    }


def kill_all(harness: Harness, kind: str, *, kills: int, seed: int) -> tuple[int, list[str]]:
    """Kill on one kind of database; return how often, and what differed."""
    wrong: list[str] = []
    with prepared(kind) as bench:
        points, expected = harness.learn(bench)
        print(f"{kind}: {len(points)} points {dict(Counter(name for *_, name in points))}", flush=True)
        killed = 0
        for operation, places in plan(points, kills=kills, seed=seed):
            if killed >= kills:
                break
            done, found = harness.kill(bench, operation, places)
            killed += done
            if differs := differences(found, expected[operation]):
                told = json.dumps(differs, ensure_ascii=False, default=str)
                wrong.append(f"{kind}: operation {operation} killed at {places}: {told}")
                print(wrong[-1], flush=True)
    return killed, wrong


def main() -> int:
    """Kill on both databases and print what differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", nargs="+", default=["sqlite", "postgresql"])
    args = parser.parse_args()
    harness, total, wrong = Harness(), 0, []
    for kind in args.on:
        started = time.perf_counter()
        share = -(-args.kills // len(args.on))
        killed, differed = kill_all(harness, kind, kills=share, seed=args.seed)
        total, wrong = total + killed, wrong + differed
        print(f"{kind}: {killed} kills in {time.perf_counter() - started:.0f} s", flush=True)
    print(f"{total} kills with seed {args.seed}: {len(wrong)} runs differed")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
