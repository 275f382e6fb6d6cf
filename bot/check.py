"""Check every table, text and language rule; stop at nothing, report everything that is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from bot.desk.kept_calendars import check_kept
from bot.dialogue.texts import load_texts
from bot.handbook.definitions import load_definitions
from bot.handbook.errors import DeskError
from bot.handbook.language.checker import load_checker
from bot.handbook.signal_table import load_signals
from bot.handbook.subjects import load_subjects
from bot.handbook.tables import load_handbook
from bot.settings import database_url, raw_settings
from bot.storage.engine import open_engine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(args: argparse.Namespace) -> int:
    """Run every check; return 1 when one of them fails."""
    console = Console(highlight=False)
    failed = 0
    for title, check in CHECKS:
        try:
            console.print(f"[green]ok[/]      {title}: {check()}")
        except DeskError as error:
            failed += 1
            console.print(f"[red]wrong[/]   {title}: {error}", markup=True)
    return 1 if failed else 0


def _tables() -> str:
    handbook = load_handbook()
    told, asked = len(load_definitions()), len(load_subjects())
    classes = len(handbook.classes)
    return f"{len(handbook.types)} types, {told} defined, {asked} subjects, {classes} deadline classes"


def _calendars() -> str:
    url = make_url(database_url(raw_settings()))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return "no database yet to compare with"
    engine = open_engine(url.render_as_string(hide_password=False))
    try:
        return f"{check_kept(engine, load_handbook())} versions in the database agree"
    except OperationalError:
        return "not compared, the database cannot be reached; the start compares again"
    finally:
        engine.dispose()


def _signals() -> str:
    return f"{len(load_signals())} raising signals with their examples"


def _rules() -> str:
    return f"{len(load_checker(verify=True).rules)} rules with all their examples"


def _texts() -> str:
    return f"{blocked_texts()} texts of domain.yml pass the service language"


def blocked_texts() -> int:
    """Check every text of the domain and every answer; raise `DeskError` on a block."""
    checker, texts = load_checker(verify=False), load_texts()
    for name in texts.names():
        text = texts.raw(name)
        result = checker.check(text, speaker="bot", turn="mid")
        if result.verdict == "block":
            rules = ", ".join(finding.rule for finding in result.findings)
            raise DeskError("text_blocked", f"domain.yml: {name}: {rules}: {text}", name=name)
    for entry in load_handbook().knowledge.values():
        result = checker.check(entry.answer, speaker="bot", turn="mid", context=entry.type)
        if result.verdict == "block":
            raise DeskError("text_blocked", f"knowledge.yml: {entry.id}: {entry.answer}")
    return len(texts.names())


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("handbook tables", _tables),
    ("calendars", _calendars),
    ("raising signals", _signals),
    ("language rules", _rules),
    ("texts", _texts),
)
