"""Reading tables strictly, 配置表严格解码: every mistake is told with file, line and key."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from yaml.nodes import (  # type: ignore[import-untyped]
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)

from bot.handbook.errors import TableError

# The tables are read only, so libyaml does it: ten times as fast as a loader that keeps comments.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Place:
    """One value of a table, with where it stands."""

    def __init__(self, node: Node, file: str, key: str) -> None:
        self.node = node
        self.file = file
        self.key = key

    @property
    def line(self) -> int:
        """Count lines from one, as editors do."""
        return int(self.node.start_mark.line) + 1

    def wrong(self, expected: str, *, key: str | None = None) -> TableError:
        """Make the error for this place."""
        return TableError(file=self.file, line=self.line, key=key or self.key, expected=expected)

    def mapping(
        self, required: Collection[str] = (), optional: Collection[str] | None = None
    ) -> dict[str, Place]:
        """Take a mapping; with `optional` given, any key in neither list is an error."""
        if not isinstance(self.node, MappingNode):
            raise self.wrong("a mapping")
        found: dict[str, Place] = {}
        for key_node, value_node in self.node.value:
            name = str(key_node.value)
            place = Place(value_node, self.file, name)
            if name in found:
                raise place.wrong("each key once")
            if optional is not None and name not in required and name not in optional:
                allowed = ", ".join(sorted({*required, *optional}))
                raise Place(key_node, self.file, name).wrong(f"one of {allowed}")
            found[name] = place
        for name in required:
            if name not in found:
                raise self.wrong("this key to be there", key=name)
        return found

    def items(self) -> Iterator[Place]:
        """Take a list."""
        if not isinstance(self.node, SequenceNode):
            raise self.wrong("a list")
        for child in self.node.value:
            yield Place(child, self.file, self.key)

    def text(self) -> str:
        """Take a scalar as it is written."""
        if not isinstance(self.node, ScalarNode) or self.node.tag == _TAG + "null":
            raise self.wrong("a text")
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """Take a list of texts, or one text as a list of one."""
        if isinstance(self.node, ScalarNode):
            return (self.text(),)
        return tuple(child.text() for child in self.items())

    def choice(self, options: Collection[str]) -> str:
        """Take one of a few words."""
        value = self.text()
        if value not in options:
            raise self.wrong("one of " + ", ".join(options))
        return value

    def choices(self, options: Collection[str]) -> tuple[str, ...]:
        """Take a list of a few words."""
        return tuple(child.choice(options) for child in self.items())

    def flag(self) -> bool:
        """Take true or false."""
        value = self.text().lower()
        if value not in _TRUTH:
            raise self.wrong("true or false")
        return _TRUTH[value]

    def number(self) -> int:
        """Take a whole number."""
        value = self.text()
        if not value.isdigit():
            raise self.wrong("a whole number")
        return int(value)

    def date(self) -> date:
        """Take a day."""
        try:
            return date.fromisoformat(self.text())
        except ValueError:
            raise self.wrong("a date like 2026-01-01") from None

    def plain(self) -> Any:
        """Take whatever stands here as ordinary Python values."""
        if isinstance(self.node, MappingNode):
            return {name: place.plain() for name, place in self.mapping().items()}
        if isinstance(self.node, SequenceNode):
            return [child.plain() for child in self.items()]
        value, tag = str(self.node.value), self.node.tag
        if tag == _TAG + "null":
            return None
        if tag == _TAG + "bool":
            return _TRUTH[value.lower()]
        if tag == _TAG + "int":
            return int(value)
        return float(value) if tag == _TAG + "float" else value


def read_place(text: str, file: Path | str) -> Place:
    """Parse one YAML file without building its values yet."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = f"readable YAML ({error.problem})"
        raise TableError(file=file, line=line, key="YAML", expected=problem) from None
    except yaml.reader.ReaderError as error:
        problem = f"readable YAML ({error.reason})"
        raise TableError(file=file, line=1, key="YAML", expected=problem) from None
    if node is None:
        raise TableError(file=file, line=1, key="YAML", expected="a table, not an empty file")
    return Place(node, str(file), Path(file).name)
