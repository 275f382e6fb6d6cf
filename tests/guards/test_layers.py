"""Imports go one way: edges → desk → storage → handbook; edges never import each other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EDGES = {"actions", "bot.nlu", "bot.channels", "bot.console", "bot.coach", "bot.dialogue"}
MAY = {
    "bot.handbook": {"bot.handbook"},
    "bot.storage": {"bot.storage", "bot.handbook"},
    "bot.desk": {"bot.desk", "bot.storage", "bot.handbook"},
    "bot.http": {"bot.http", "bot.handbook"},
}
for edge in EDGES:
    MAY[edge] = {edge, "bot.desk", "bot.storage", "bot.handbook", "bot.http", "bot.settings"}
# Rasa's process is started by Rasa: its channel is where ours begins.
MAY["bot.dialogue"] = MAY["bot.dialogue"] | {"bot.long_lived"}
# Trainers' tools measure and train what bot.nlu serves, with the same arithmetic.
MAY["bot.coach"] = MAY["bot.coach"] | {"bot.nlu"}


def package_of(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] == "actions" else ".".join(parts[:2])


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if name.split(".")[0] in {"bot", "actions"}}


MODULES = sorted(
    path for folder in ("bot", "actions") for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    package = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if package not in MAY:
        return
    wrong = {name for name in imports_of(path) if package_of(name) not in MAY[package]}
    assert wrong == set()


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("bot.handbook", "rasa rasa_sdk sanic sqlalchemy tensorflow"),
        ("bot.handbook.language.checker", "rasa rasa_sdk sanic sqlalchemy tensorflow sklearn"),
        ("bot.coach.lint", "rasa rasa_sdk tensorflow sklearn"),
        ("bot.server", "tensorflow"),
    ],
)
def test_an_import_stays_light(module: str, banned: str) -> None:
    code = f"import sys, {module}; print([m for m in {banned.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_settings_reads_the_environment(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name in {"settings.py"}:
        return
    assert "os.environ[" not in text
    assert "os.getenv" not in text
    assert "environ.get(" not in text
