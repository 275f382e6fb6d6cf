"""Chapter 1.1: every type says what it is, and to which other type its close calls belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.definitions import load_definitions
from bot.handbook.errors import TableError
from bot.handbook.tables import Handbook

HEAD = 'version: 1\neffective: 2026-01-01\nbasis: "1.1"\ntypes:\n'


def test_every_type_in_use_is_defined_and_its_close_calls_are_types(handbook: Handbook) -> None:
    found = load_definitions()

    assert set(found) == set(handbook.types_in_use())
    assert [
        (name, other) for name, known in found.items() for other in known.isnt
        if other not in handbook.types_in_use() or other == name
    ] == []
    assert [name for name, known in found.items() if not known.isnt] == []


@pytest.mark.parametrize(
    "row", ["- {id: a, not: {b: c}}", "- {id: a, means: x, not: {b: 1}}", "- {id: a, means: x, not: {b: c}, more: 1}"]
)
def test_a_wrong_definition_is_refused_with_its_place(tmp_path: Path, row: str) -> None:
    (tmp_path / "definitions.yml").write_text(HEAD + row, "utf-8")
    with pytest.raises(TableError, match=r"definitions\.yml"):
        load_definitions(tmp_path)
