"""`intake classify` 批量分类: JSON lines or plain lines in, the same with labels out."""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bot.coach.line_files import BadFile, as_line, lines_of, readable, written_to
from bot.coach.train import serving_model
from bot.coach.understood import understood
from bot.handbook.intake_parts import has_words
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook, load_handbook
from bot.nlu.reader import Reader, Reading
from bot.settings import load_settings

CHUNK = 4096
# Nothing, marks or pictures alone: certainly no request, whatever the model would guess.
_SILENCE = Reading((("unclear", 1.0),), "general", 1.0, (1.0, 0.0, 0.0))


def labels(reading: Reading, handbook: Handbook) -> dict[str, Any]:
    """Return the output fields of one reading; kinds ticket and talk have no urgency."""
    kind = handbook.type_of(reading.type).kind
    urgency = Urgency(reading.urgency) if kind.is_request else None
    return {
        "type": reading.type,
        "type_confidence": round(reading.type_confidence, 4),
        "urgency": urgency and urgency.value,
        "urgency_confidence": urgency and round(reading.urgency_confidence, 4),
        "deadline_class": urgency and handbook.deadline_class(kind=kind, urgency=urgency).id,
    }


def parsed(line: str) -> dict[str, Any]:
    """Read one input line: an object with `text`, or plain text; say so when it is neither."""
    if line.lstrip().startswith("{"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            said = getattr(error, "msg", "") or str(error)
            print(f"read as plain text, not JSON ({said}): {readable(line[:60])}", file=sys.stderr)
            return {"text": line}
        if isinstance(row.get("text"), str):
            return row
        print(f"no field `text`, read as plain text: {readable(line[:60])}", file=sys.stderr)
    return {"text": line}


def classified(
    lines: Iterable[str], reader: Reader, handbook: Handbook
) -> Iterator[dict[str, Any]]:
    """Label the lines in order, a chunk at a time."""
    chunk: list[dict[str, Any]] = []
    for line in lines:
        if line.strip():
            chunk.append(parsed(line.rstrip("\r\n")))
        if len(chunk) == CHUNK:
            yield from _labelled(chunk, reader, handbook)
            chunk = []
    yield from _labelled(chunk, reader, handbook)


def _labelled(
    rows: list[dict[str, Any]], reader: Reader, handbook: Handbook
) -> Iterator[dict[str, Any]]:
    for row, reading in zip(rows, understood(reader, [readable(row["text"]) for row in rows]), strict=True):
        spoken = reading if has_words(row["text"]) else _SILENCE
        yield {**row, **labels(spoken, handbook)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake classify`."""
    parser.add_argument("--input", default="-", help="file of lines; - is standard input")
    parser.add_argument("--output", default="-", help="file to write; - is standard output")
    parser.add_argument(
        "--model", type=Path, default=None, help="model archive, or folder of models"
    )


def reader_of(model: Path | None) -> Reader:
    """Open a model, the one in service if none is named; raise `BadFile` if it is none."""
    archive = model or serving_model(load_settings())
    try:
        return Reader.open(archive)
    except (OSError, EOFError, ModuleNotFoundError, tarfile.TarError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise BadFile(archive, f"not a model that can be read ({why})") from error


def run(args: argparse.Namespace) -> int:
    """Label all lines."""
    with lines_of(args.input) as source, written_to(args.output) as target:
        reader = reader_of(args.model)
        for row in classified(source, reader, load_handbook()):
            target.write(as_line(row))
    return 0
