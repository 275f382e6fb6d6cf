"""Engines change without a gap, and one that keeps dying takes no other with it.

Real processes that answer or not stand in place of Rasa and its action server.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.desk.engine_routes import Routes, routes_path
from bot.desk.model_files import ended_notes, models_folder, pointer, read_json, write_json
from bot.engines import Engines, free_port
from bot.settings import Settings, load_settings
from bot.supervisor import Part, wait_until_ready, watch


def part(settings: Settings, name: str, url: str, works: bool) -> Part:
    code = f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={urlsplit(url).port}, bind='127.0.0.1')"
    command = [sys.executable, "-c", code if works else "raise SystemExit(1)"]
    return Part(name, command, url, {}, settings.home / "logs" / f"{name}.log")


def make(settings: Settings, model: Path) -> list[Part]:
    works = "bad" not in model.name
    return [
        part(settings, "actions", settings.actions_url, works),
        part(settings, "rasa", settings.rasa_url, works),
    ]


@pytest.fixture
def engines(home: Path) -> Iterator[Engines]:
    """Serve the old model."""
    settings = load_settings(
        {
            "INTAKE_HOME": str(home),
            "INTAKE_RASA_URL": f"http://127.0.0.1:{free_port()}",
            "INTAKE_ACTIONS_URL": f"http://127.0.0.1:{free_port()}",
        }
    )
    parts = make(settings, models_folder(home) / "old.tar.gz")
    for each in parts:
        each.start()
    engines = Engines.begin(settings, parts, models_folder(home) / "old.tar.gz")
    engines.make = make
    assert wait_until_ready(parts) is None
    yield engines
    engines.stop()
    for each in parts:
        each.stop()


def tick_until(engines: Engines, done: Callable[[], bool], within: float = 60.0) -> None:
    end = time.monotonic() + within
    while not done() and time.monotonic() < end:
        engines.tick()
        time.sleep(0.05)
    assert done()


def point(home: Path, name: str, **more: object) -> None:
    write_json(models_folder(home) / "current", {"model": name, **more})


def test_the_new_engine_takes_over_when_ready_and_the_old_one_drains(
    engines: Engines, home: Path
) -> None:
    old_url = engines.serving.url
    point(home, "new")
    engines.tick()
    assert json.loads(routes_path(home).read_text())["serving"]["url"] == old_url
    tick_until(engines, lambda: engines.serving.model == "new")

    table = read_json(routes_path(home))
    assert table["draining"] == [{"model": "old", "url": old_url}]
    assert all(each.is_ready() for each in engines.parts)


def test_the_way_back_takes_the_engine_that_still_drains(engines: Engines, home: Path) -> None:
    first = engines.serving
    point(home, "new")
    tick_until(engines, lambda: engines.serving.model == "new")
    point(home, "old")
    engines.tick()

    assert engines.serving is first
    assert [engine.model for engine in engines.draining] == ["new"]
    assert read_json(routes_path(home))["serving"]["url"] == first.url


def test_after_draining_the_model_moves_back_to_the_known_ports(engines: Engines, home: Path) -> None:
    known = engines.serving.url
    point(home, "new")
    tick_until(engines, lambda: engines.serving.model == "new")
    for old in engines.draining:
        old.until = 0.0
    tick_until(engines, lambda: engines.serving.url == known)

    assert engines.serving.model == "new"


def test_a_model_that_does_not_start_leaves_the_old_one_in_service(
    engines: Engines, home: Path
) -> None:
    point(home, "bad")
    tick_until(engines, lambda: read_json(routes_path(home)).get("state") == "refused")

    assert engines.serving.model == "old"
    assert all(each.is_ready() for each in engines.parts)
    assert pointer(home)["model"] == "old"


def test_a_canary_engine_starts_and_ends_beside_the_old_one(engines: Engines, home: Path) -> None:
    point(home, "old", canary={"model": "new", "share": 0.2})
    tick_until(engines, lambda: engines.canary is not None)
    assert read_json(routes_path(home))["canary"]["share"] == 0.2
    point(home, "old")
    tick_until(engines, lambda: engines.canary is None)

    assert engines.serving.model == "old"


def rounds(engines: Engines, done: Callable[[], bool], within: float = 60.0) -> str | None:
    """Let the supervisor watch until something is so; return why it gave up, if it did."""
    end = time.monotonic() + within
    why = watch(engines.parts, lambda: done() or time.monotonic() > end, engines.tick, engines.died)
    assert why is None, why
    assert done()
    return why


def kill(engine: Any) -> None:
    engine.parts[-1].process.kill()
    engine.parts[-1].process.wait()


def test_a_canary_that_dies_once_starts_again_while_the_old_model_answers(
    engines: Engines, home: Path
) -> None:
    point(home, "old", canary={"model": "new", "share": 0.2})
    tick_until(engines, lambda: engines.canary is not None)
    kill(engines.canary)
    rounds(engines, lambda: read_json(routes_path(home))["canary"] is False)
    assert Routes(routes_path(home), "http://default").address("c1", 0) == engines.serving.url
    rounds(engines, lambda: bool(read_json(routes_path(home))["canary"]))

    assert all(each.is_ready() for each in engines.parts)
    assert ended_notes(home) == []


def test_a_canary_that_keeps_dying_is_ended_and_the_service_goes_on(
    engines: Engines, home: Path
) -> None:
    point(home, "old", canary={"model": "new", "share": 0.2}, since="2026-03-02T09:00:00+08:00")
    tick_until(engines, lambda: engines.canary is not None)
    broken = engines.canary.parts
    for each in broken:
        each.command = [sys.executable, "-c", "raise SystemExit(1)"]
    kill(engines.canary)
    rounds(engines, lambda: engines.canary is None)

    assert (pointer(home)["model"], pointer(home)["canary"]) == ("old", None)
    assert not read_json(routes_path(home))["canary"]
    [note] = [read_json(path) for path in ended_notes(home)]
    assert (note["kind"], note["model"], note["previous"]) == ("canary_end", "old", "new")
    assert "中断4次" in note["reason"]
    assert all(each.is_dead() for each in broken)
    assert all(each.is_ready() for each in engines.parts)
    # It is not started again by itself.
    engines.tick()
    assert engines.starting is None


def test_a_canary_that_does_not_start_is_ended_with_a_word(engines: Engines, home: Path) -> None:
    point(home, "old", canary={"model": "bad", "share": 0.2})
    tick_until(engines, lambda: read_json(routes_path(home)).get("state") == "refused")

    [note] = [read_json(path) for path in ended_notes(home)]
    assert (note["kind"], note["previous"]) == ("canary_end", "bad")
    assert pointer(home)["canary"] is None


def test_a_new_model_that_keeps_dying_gives_way_to_the_one_that_still_drains(
    engines: Engines, home: Path
) -> None:
    first = engines.serving
    point(home, "new", previous="old")
    tick_until(engines, lambda: engines.serving.model == "new")
    for each in engines.serving.parts:
        each.command = [sys.executable, "-c", "raise SystemExit(1)"]
    kill(engines.serving)
    rounds(engines, lambda: engines.serving is first)

    assert (pointer(home)["model"], engines.draining) == ("old", [])
    [note] = [read_json(path) for path in ended_notes(home)]
    assert (note["kind"], note["model"], note["previous"]) == ("automatic", "old", "new")


def test_an_old_engine_that_dies_while_draining_is_let_go(engines: Engines, home: Path) -> None:
    point(home, "new")
    tick_until(engines, lambda: engines.serving.model == "new")
    kill(engines.draining[0])
    rounds(engines, lambda: not engines.draining)

    assert len(engines.parts) == 2
    assert all(each.is_ready() for each in engines.parts)
