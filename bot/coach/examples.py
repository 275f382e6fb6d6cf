"""Labelled sentences 标注语料: read from Rasa's training files and from labelled JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from bot.coach.line_files import BadFile, BadLine, lines_of, not_utf8, readable, why


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence with its labels; `also` are other types that are right too."""

    text: str
    type: str
    urgency: str | None = None
    situation: str = ""
    register: str = ""
    source: str = ""
    sure: bool = True
    also: tuple[str, ...] = ()
    origin: str = ""


def read_training(path: Path) -> list[Example]:
    """Read one training file, or all of a folder."""
    files = sorted(path.glob("*.yml")) if path.is_dir() else [path]
    return [example for file in files for example in _training_file(file)]


def _training_file(path: Path) -> tuple[Example, ...]:
    try:
        seen = path.stat()
    except OSError as error:
        raise BadFile(path, why(error)) from error
    return _read_file(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=256)
def _read_file(path: Path, _changed: int, _size: int) -> tuple[Example, ...]:
    return tuple(_parsed(path))


def _parsed(path: Path) -> Iterable[Example]:
    # The parser in C: all of the data in half a second instead of ten.
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.CSafeLoader)
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error
    except yaml.YAMLError as error:
        raise BadFile(path, f"no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not isinstance(content.get("nlu"), list):
        raise BadFile(path, "no training data: expected a list under `nlu`, or JSON lines in a *.jsonl")
    for block in content["nlu"]:
        rows = block.get("examples") if isinstance(block, dict) else None
        if not isinstance(rows, list) or not isinstance(block.get("intent"), str):
            raise BadFile(path, "expected an `intent` and a list of `examples`, each with a `text`")
        for row in rows:
            marks = row.get("metadata") or {} if isinstance(row, dict) else None
            if not isinstance(marks, dict) or not isinstance(row.get("text"), str):
                raise BadFile(path, f"{block['intent']}: expected a `text` and `metadata`, not {str(row)[:40]!r}")
            yield Example(
                text=row["text"],
                type=block["intent"],
                urgency=marks.get("urgency"),
                situation=str(marks.get("situation", "")),
                register=marks.get("register", ""),
                source=path.stem,
                origin=str(marks.get("origin", "")),
            )


def read_labelled(path: Path) -> list[Example]:
    """Read labelled JSON lines (`text`, `type`, `urgency`; `sure`, `alt`, `source` if known)."""
    with lines_of(str(path)) as lines:
        return [_labelled(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]


def _labelled(line: str, number: int, path: Path) -> Example:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine(number, "a JSON object", file=path) from None
    texts = isinstance(row, dict) and all(isinstance(row.get(name), str) for name in ("text", "type"))
    also = row.get("alt") or [] if texts else None
    if not isinstance(also, list):
        raise BadLine(number, "a JSON object with `text` and `type`, `alt` as a list", file=path)
    return Example(
        text=readable(row["text"]), type=row["type"], urgency=row.get("urgency"),
        source=row.get("source") or "", sure=bool(row.get("sure", True)), also=tuple(map(str, also)),
    )  # fmt: skip


def read_examples(path: Path) -> list[Example]:
    """Read either form, told apart by the file's ending."""
    return read_labelled(path) if path.suffix in {".jsonl", ".json"} else read_training(path)
