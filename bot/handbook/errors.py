"""Errors of the desk, 差错: one family, each with a code that the edges turn into an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class DeskError(Exception):
    """Say what is wrong in one code, one sentence and the data that belongs to it."""

    def __init__(self, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return self.message


class Refusal(DeskError):
    """A refusal whose class names its code; the message is for people."""

    code = "refused"

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(type(self).code, message, **data)


class NotFound(Refusal):
    """Say that a ticket, conversation or person does not exist or is not the asker's."""

    code = "not_found"


class TableError(DeskError):
    """Point at the line of a table that cannot be used, and say what was expected there."""

    def __init__(self, *, file: Path | str, line: int, key: str, expected: str) -> None:
        super().__init__(
            "bad_table",
            f"{file}:{line}: {key}: expected {expected}",
            file=str(file),
            line=line,
            key=key,
            expected=expected,
        )
        self.file = str(file)
        self.line = line
        self.key = key
        self.expected = expected
