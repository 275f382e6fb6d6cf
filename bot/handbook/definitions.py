"""Chapter 1.1: what each type is and is not (类型定义), for whoever labels a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.handbook.tables import TABLES, read_table, unique


@dataclass(frozen=True)
class Definition:
    """Say what a type is, and of turns close to it to which other type they belong, and when."""

    means: str
    isnt: Mapping[str, str]


def load_definitions(directory: Path | None = None) -> dict[str, Definition]:
    """Read `definitions.yml`; raise `TableError` where it cannot be used."""
    table, _ = read_table((directory or TABLES) / "definitions.yml")
    found = {}
    for row in unique(table.rows("types")):
        isnt = row.take("not", dict, "a mapping of types to reasons")
        if not all(isinstance(why, str) and why.strip() for why in isnt.values()):
            raise row.fail("not", "a reason for each type")
        row.take("added", bool, "whether trainers added it", False)
        found[row.text("id")] = Definition(row.text("means"), {str(k): v for k, v in isnt.items()})
        row.end()
    table.end()
    return found
