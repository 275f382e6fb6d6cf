"""Print the table of settings: environment variable, value in force, default, help."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from bot.settings import TABLE, raw_settings

# Addresses may hold a password or a token.
SECRET_SETTINGS = frozenset(
    name
    for name, _, _ in TABLE
    if name.endswith(("SECRET", "PASSWORD"))
    or name in {"SMTP_URL", "DATABASE_URL", "REDIS_URL", "WEBHOOK_URL"}
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the table; secrets are shown as set or not set."""
    table = Table()
    # Names are what people copy: they are never cut, however narrow the terminal.
    table.add_column("variable", no_wrap=True, min_width=max(len(name) for name, _, _ in TABLE) + 7)
    for title in ("value", "default", "help"):
        table.add_column(title, overflow="fold")
    values = raw_settings()
    for name, default, text in TABLE:
        value = values[name]
        shown = ("(set)" if value else "") if name in SECRET_SETTINGS else value
        table.add_row(f"INTAKE_{name}", shown, default, text)
    Console().print(table)
    return 0
