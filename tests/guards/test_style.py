"""Size and manners of the code: files, functions, broad excepts, docstrings, annotations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
CODE = sorted(
    path
    for folder in ("bot", "actions")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
ALL = CODE + sorted(p for p in (ROOT / "tests").rglob("*.py") if "__pycache__" not in p.parts)
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager", "core", "service", "services"}

# Longer than the ceilings, and why.
LONG_FILES: dict[str, str] = {}
# A migration is one straight list of columns, written once and never changed again.
MIGRATIONS = "bot/storage/migrations/versions/"

# Places that answer every error, and why they may. A handler that raises again is not meant.
BROAD = {
    "bot/channels/delivery.py": "the loop of deliveries outlives what fails in one round",
    "bot/channels/post.py": "the loops of fetching and of states outlive what fails in one look",
    "bot/channels/writing.py": "the error of one job goes to the one who asked, not to the others",
    "bot/desk/apart.py": "one row of a sweep that fails takes nothing from the others",
    "bot/console/coach_watch.py": "what fails of one round for trainers holds up nothing else of it",
    "bot/desk/clock.py": "the sweep outlives what is wrong with one row, or every promise behind it is forgotten",
    "bot/desk/incident_serving.py": "one member who cannot be told holds up neither the others nor the end",
    "bot/desk/outbox.py": "what a sender raises is a failed attempt of its row, and no other row's trouble",
    "bot/dialogue/rasa_channel.py": "the desk must hear of any failure inside Rasa",
    "bot/server.py": "the last word of HTTP, and readiness, which says no for whatever reason",
}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def nodes(kind: type | tuple[type, ...], paths: list[Path]) -> Iterator[tuple[str, ast.AST]]:
    """Yield all nodes of a kind with the name of their file."""
    for path in paths:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, kind):
                yield name_of(path), node


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield public classes and functions of a module and methods of its public classes."""
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, FUNCTIONS) and not part.name.startswith("_"):
                        yield f"{node.name}.{part.name}", part


def swallows_all(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler takes every error and does not raise it again."""
    caught = handler.type
    parts = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    names = {part.id if isinstance(part, ast.Name) else "" for part in parts if part is not None}
    broad = caught is None or bool(names & {"Exception", "BaseException"})
    return broad and not isinstance(handler.body[-1], ast.Raise)


def length(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1


def lines_of(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_file_is_too_long() -> None:
    long = {name_of(path): lines_of(path) for path in ALL if lines_of(path) > LONGEST_FILE}
    assert {name: count for name, count in long.items() if name not in LONG_FILES} == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{name}: {node.name}": length(node)
        for name, node in nodes(FUNCTIONS, CODE)
        if length(node) > LONGEST_FUNCTION and not name.startswith(MIGRATIONS)
    }
    assert long == {}


def test_half_of_the_functions_are_short() -> None:
    lengths = sorted(length(n) for name, n in nodes(FUNCTIONS, CODE) if not name.startswith(MIGRATIONS))
    assert lengths[len(lengths) // 2] <= 10


def test_errors_are_caught_by_name() -> None:
    broad = {f"{name}:{n.lineno}" for name, n in nodes(ast.ExceptHandler, CODE) if swallows_all(n)}
    assert sorted(row for row in broad if row.split(":")[0] not in BROAD) == []


def test_no_exemption_outlives_its_reason() -> None:
    short = [name for name in LONG_FILES if lines_of(ROOT / name) <= LONGEST_FILE]
    broad = {name for name, n in nodes(ast.ExceptHandler, CODE) if swallows_all(n)}
    assert (short, set(BROAD) - broad) == ([], set())


def test_modules_and_what_is_public_say_what_they_are() -> None:
    silent = [name_of(p) for p in CODE if tree_of(p).body and not ast.get_docstring(tree_of(p))]
    for path in CODE:
        if not name_of(path).startswith(MIGRATIONS):
            silent += [f"{name_of(path)}: {n}" for n, node in public(tree_of(path)) if not ast.get_docstring(node)]
    assert silent == []


def test_functions_are_annotated() -> None:
    bare = [
        f"{name}: {node.name}"
        for name, node in nodes(FUNCTIONS, CODE)
        if node.returns is None and not name.startswith(MIGRATIONS)
    ]
    assert bare == []


def test_annotations_are_not_evaluated() -> None:
    missing = []
    for path in CODE:
        imports = {node.module for node in tree_of(path).body if isinstance(node, ast.ImportFrom)}
        if "__future__" not in imports and len(tree_of(path).body) > 1:
            missing.append(name_of(path))
    assert missing == []


def test_modules_are_named_after_something() -> None:
    assert [name_of(path) for path in CODE if path.stem in FORBIDDEN_NAMES] == []


def test_nothing_is_left_for_later() -> None:
    left = re.compile(r"\b(?:TODO|FIXME|HACK)\b|raise NotImplementedError")
    assert [name_of(path) for path in CODE if left.search(path.read_text("utf-8"))] == []
