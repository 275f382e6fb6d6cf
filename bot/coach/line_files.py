"""Files of lines 行文件: read whatever wrote them, and written so that nothing is lost on the way.

A byte order mark is none of the text; what is written takes the place of a file only when it is
complete, so that a file may be its own target.
"""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, TextIO

from bot.handbook.errors import DeskError

_INPUT, _OUTPUT = "standard input", "standard output"


class BadFile(DeskError):
    """A file that is named cannot be read or written."""

    def __init__(self, name: str | Path, why: str) -> None:
        super().__init__("bad_file", f"{name}: {why}", file=str(name))


class BadLine(DeskError):
    """A line of the input is not what it should be."""

    def __init__(self, number: int, expected: str, *, file: str | Path = "") -> None:
        place = f"{file}: line {number}" if file else f"line {number}"
        super().__init__("bad_line", f"{place}: expected {expected}", line=number)


def why(error: OSError) -> str:
    """Say in words what the system said: No such file or directory."""
    return error.strerror or str(error)


@contextmanager
def lines_of(name: str) -> Iterator[TextIO]:
    """Open a file of lines, `-` for standard input; raise `BadFile` if it is none, or not UTF-8."""
    shown = _INPUT if name == "-" else name
    try:
        if name != "-":
            with Path(name).open(encoding="utf-8-sig") as stream:
                yield stream
        elif isinstance(sys.stdin, io.TextIOWrapper):
            stream = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig")
            try:
                yield stream
            finally:
                stream.detach()  # standard input is not ours to close
        else:
            yield sys.stdin
    except UnicodeDecodeError as error:
        raise not_utf8(shown, error) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.filename not in (name, None):
            raise
        raise BadFile(shown, why(error)) from error


def text_of(name: str) -> str:
    """Read a whole file, `-` for standard input; raise `BadFile` if it is none, or not UTF-8."""
    with lines_of(name) as stream:
        return stream.read()


def not_utf8(name: str | Path, error: UnicodeDecodeError) -> BadFile:
    """Return the error for a file in another encoding, with the way out."""
    return BadFile(name, f"not UTF-8 (byte {error.start}); convert it, for example with iconv -f GBK -t UTF-8")


@contextmanager
def written_to(name: str) -> Iterator[IO[str]]:
    """Open a file to write, `-` for standard output; what stood there goes only when all is written."""
    if name == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    target = Path(name).resolve()  # behind a link
    try:
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8") as stream:  # a pipe, a device
                yield stream
            return
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        half = NamedTemporaryFile("w", dir=target.parent, suffix=".half", encoding="utf-8", delete=False)  # noqa: SIM115
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise BadFile(name, why(error)) from error
    try:
        with half:
            Path(half.name).chmod(mode)  # who may read it stays as it was
            yield half
        Path(half.name).replace(target)
    except OSError as error:
        if error.filename is not None or isinstance(error, BrokenPipeError):
            raise
        raise BadFile(name, why(error)) from error  # no room left
    finally:
        Path(half.name).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def as_line(row: dict[str, Any]) -> str:
    """Write a row as a line of JSON; half a character (a cut emoji) is written as an escape."""
    line = json.dumps(row, ensure_ascii=False)
    return (line if readable(line) == line else json.dumps(row)) + "\n"


def readable(text: str) -> str:
    """Return a text without halves of characters, which no encoding can write."""
    return text.encode("utf-8", "replace").decode()
