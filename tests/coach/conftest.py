"""What tests of trainers' tools share: a home with kept models, a copy of what a type lives in."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.desk.model_files import gate_path, models_folder, write_json
from tests.coach.few_sentences import copied


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home with three kept models, two of which passed."""
    folder = models_folder(tmp_path)
    folder.mkdir()
    for name, passed in (("old", True), ("new", True), ("bad", False)):
        (folder / f"{name}.tar.gz").write_bytes(b"model")
        report = {"passed": passed, "played": True, "against": "old", "measures": {"accuracy": 0.7}}
        write_json(gate_path(tmp_path, name), report)
    return tmp_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Copy the files that a type lives in."""
    return copied(tmp_path)


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the files once for the tests that only look."""
    return copied(tmp_path_factory.mktemp("project"))
