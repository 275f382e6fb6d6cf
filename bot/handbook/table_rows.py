"""Chapter 8.3: strict reading of YAML tables (手册表读取); every error names file, line and key.

Every table has `version`, `effective` and `basis`. This is the one module of the handbook's
rules that reads YAML; what the keys of each table mean is known to `tables.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bot.handbook.errors import TableError

_DATED = re.compile(r"(?:(?P<key>\w+): *)?\b(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)\b")


class Row:
    """Read one mapping of a table strictly, remembering file and line for errors."""

    def __init__(self, file: Path, data: Any, line: int) -> None:
        self.file, self.line = file, line
        if not isinstance(data, dict):
            raise self._error(line, "entry", f"a mapping of keys to values, got {data!r}")
        self.data: Any = data
        self.taken: set[str] = set()

    def line_of(self, key: str) -> int:
        """Return the 1-based line on which `key` stands."""
        try:
            return int(self.data.lc.key(key)[0]) + 1
        except (AttributeError, KeyError, TypeError):
            return self.line

    def fail(self, key: str, expected: str) -> TableError:
        """Make the error for `key`."""
        return self._error(self.line_of(key), key, expected)

    def take(
        self, key: str, kind: type | tuple[type, ...], expected: str, default: Any = ...
    ) -> Any:
        """Return the value of `key` of the given kind; a missing key needs a default."""
        self.taken.add(key)
        if key not in self.data:
            if default is ...:
                raise self._error(self.line, key, f"{expected}, but the key is missing")
            return default
        value = self.data[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.fail(key, f"{expected}, got {value!r}")
        return value

    def text(self, key: str, default: Any = ...) -> str:
        """Return a text; one that is written down must not be blank."""
        value = self.take(key, str, "a text", default)
        if key in self.data and not value.strip():
            raise self.fail(key, "a text that is not empty")
        return value

    def number(self, key: str, default: Any = ..., *, least: float = 0) -> float:
        """Return a number of at least `least`."""
        expected = f"a number of {least} or more"
        value = self.take(key, (int, float), expected, default)
        if key in self.data and not (math.isfinite(value) and value >= least):
            raise self.fail(key, f"{expected}, got {value!r}")
        return value

    def whole(self, key: str, default: Any = ..., *, least: int = 0) -> int:
        """Return a whole number of at least `least`."""
        expected = f"a whole number of {least} or more"
        value = self.take(key, int, expected, default)
        if key in self.data and value < least:
            raise self.fail(key, f"{expected}, got {value!r}")
        return value

    def day(self, key: str) -> date:
        """Return a calendar day."""
        value = self.take(key, date, "a date such as 2026-01-01")
        if isinstance(value, datetime):
            raise self.fail(key, f"a date without a time such as 2026-01-01, got {value}")
        return value

    def one_of(self, key: str, allowed: Iterable[str], default: Any = ...) -> str:
        """Return a text out of `allowed`."""
        value = self.text(key, default)
        names = list(allowed)
        if key in self.data and value not in names:
            raise self.fail(key, f"one of {', '.join(names)}, got {value!r}")
        return value

    def texts(
        self,
        key: str,
        default: Any = ...,
        *,
        allowed: Iterable[str] | None = None,
        least: int = 0,
    ) -> list[str]:
        """Return a list of different texts, at least so many, each out of `allowed` if given."""
        value = self.take(key, list, "a list of texts", default)
        known = None if allowed is None else list(allowed)
        for item in value:
            if not isinstance(item, str) or not item.strip():
                raise self.fail(key, f"a list of texts, got {item!r}")
            if known is not None and item not in known:
                raise self.fail(key, f"names out of {', '.join(known)}, got {item!r}")
        if twice := sorted({item for item in value if value.count(item) > 1}):
            raise self.fail(key, f"each text once, got {twice[0]!r} again")
        if key in self.data and len(value) < least:
            raise self.fail(key, f"at least {least} of them, got {len(value)}")
        return list(value)

    def rows(self, key: str) -> list[Row]:
        """Return the entries of a list as rows with their own lines."""
        value = self.take(key, list, "a list of entries")
        if not value:
            raise self.fail(key, "at least one entry")
        return [
            Row(self.file, item, int(value.lc.item(number)[0]) + 1)
            for number, item in enumerate(value)
        ]

    def end(self) -> None:
        """Refuse keys that nobody read."""
        for key in self.data:
            if key not in self.taken:
                known = ", ".join(sorted(self.taken))
                raise self._error(self.line_of(key), str(key), f"one of the known keys {known}")

    def _error(self, line: int, key: str, expected: str) -> TableError:
        return TableError(file=self.file, line=line, key=key, expected=expected)


@dataclass(frozen=True)
class TableHead:
    """Hold what every table states about itself."""

    version: int
    effective: date
    basis: str


def read_table(path: Path) -> tuple[Row, TableHead]:
    """Read a YAML table and its head (`version`, `effective`, `basis`)."""
    row = Row(path, _load(path), 1)
    head = TableHead(
        version=row.whole("version", least=1),
        effective=row.day("effective"),
        basis=row.text("basis"),
    )
    return row, head


def unique(rows: Iterable[Row], key: str = "id") -> list[Row]:
    """Return the rows; refuse two with the same id."""
    seen: dict[str, int] = {}
    result = list(rows)
    for row in result:
        name = row.text(key)
        if name in seen:
            raise row.fail(key, f"an id used once, but line {seen[name]} has {name!r} too")
        seen[name] = row.line
    return result


def _load(path: Path) -> Any:
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        line, key, expected = 1, path.name, "the file, but it is missing"
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        key, expected = "encoding", "text in UTF-8"
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        key, expected = "YAML", f"well-formed YAML ({error.problem})"
    except YAMLError as error:
        line, key, expected = 1, "YAML", f"well-formed YAML ({error})"
    except ValueError as error:
        # The reader makes a date of 2026-02-31 before anybody can say where it stands.
        line, key = _impossible_date(path.read_text(encoding="utf-8"))
        expected = f"a date such as 2026-01-01 ({error})"
    raise TableError(file=path, line=line, key=key, expected=expected)


def _impossible_date(text: str) -> tuple[int, str]:
    """Return line and key of the first date that no calendar has."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in _DATED.finditer(line):
            try:
                date(*(int(match[part]) for part in ("year", "month", "day")))
            except ValueError:
                return number, match["key"] or "YAML"
    return 1, "YAML"
