"""Chapter 8.3: the tables (手册表) read into frozen values; a wrong table stops the start.

An error names file, line, key and what was expected; how a row is read is in `table_rows.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.handbook.clock_tables import ClockTables, knows_calendar, load_clock_tables
from bot.handbook.clocks import CLOCK_EFFECTS
from bot.handbook.deadlines import ClassChoice, DeadlineClass
from bot.handbook.hours import Calendar
from bot.handbook.knowledge import KnowledgeEntry
from bot.handbook.lifecycle import (
    CAUSES,
    ENDED_STATES,
    NEED_TITLES,
    OPEN_STATES,
    SAME,
    HoldReason,
    Lifecycle,
    Step,
)
from bot.handbook.requests import RequestKind, RequestType, Urgency
from bot.handbook.table_rows import Row, TableHead, read_table, unique
from bot.handbook.teams import Team, duty_hours

TABLES = Path(__file__).resolve().parent.parent.parent / "data" / "handbook"
WHO = ("customer", "bot", "staff", "leader", "system")
_REQUEST_KINDS = tuple(kind for kind in RequestKind if kind.is_request)
_RESPONSE_CEILING_H = 24


@dataclass(frozen=True)
class Handbook:
    """Hold all tables as frozen values; loaded once and passed on."""

    types: Mapping[str, RequestType]
    facts: Mapping[str, str]
    classes: Mapping[str, DeadlineClass]
    choices: tuple[ClassChoice, ...]
    lifecycle: Lifecycle
    teams: Mapping[str, Team]
    reception: str
    knowledge: Mapping[str, KnowledgeEntry]
    clock: ClockTables
    versions: Mapping[str, int]
    fingerprint: str

    def deadline_class(self, *, kind: RequestKind, urgency: Urgency) -> DeadlineClass:
        """Return the class that the table gives to a kind and an urgency (2.4)."""
        for choice in self.choices:
            if choice.fits(kind=kind, urgency=urgency):
                return self.classes[choice.deadline_class]
        raise KeyError(f"no deadline class for {kind.value} and {urgency.value}")

    def type_of(self, name: str) -> RequestType:
        """Return the request type of that name, also of one that came after these were read."""
        return self.types[name] if name in self.types else load_handbook().types[name]

    def types_in_use(self) -> dict[str, RequestType]:
        """Return the types that new turns can have; retired ones only name old tickets."""
        return {name: row for name, row in self.types.items() if not row.retired}

    def name_in_use(self, name: str) -> str | None:
        """Return the type that a name stands for today: itself, or what took its place."""
        seen: set[str] = set()
        while name not in seen and name in self.types and self.types[name].retired:
            seen.add(name)
            name = self.types[name].retired
        return name if name in self.types and not self.types[name].retired else None


def load_handbook(directory: Path | None = None) -> Handbook:
    """Read every table of `directory`; raise `TableError` on the first wrong one."""
    directory = directory or TABLES
    teams, reception, teams_version = _teams(directory / "teams.yml")
    types, facts, types_version = _types(directory / "requests.yml", teams)
    classes, choices, classes_version = _deadlines(directory / "deadlines.yml")
    lifecycle, steps_version = _lifecycle(directory / "lifecycle.yml")
    knowledge, knowledge_version = _knowledge(directory / "knowledge.yml", types)
    clock = load_clock_tables(
        directory,
        classes=classes,
        types=[name for name, each in types.items() if each.kind.is_request],
        kinds=[kind.value for kind in _REQUEST_KINDS],
    )
    _check_hours(directory / "deadlines.yml", classes, clock.calendars)
    return Handbook(
        types=types,
        facts=facts,
        classes=classes,
        choices=choices,
        lifecycle=lifecycle,
        teams=teams,
        reception=reception,
        knowledge=knowledge,
        clock=clock,
        versions={
            "requests": types_version,
            "deadlines": classes_version,
            "lifecycle": steps_version,
            "teams": teams_version,
            "knowledge": knowledge_version,
            **clock.versions,
        },
        fingerprint=_fingerprint(directory),
    )


def _fingerprint(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*.yml")):
        content = path.read_bytes()
        # The length parts name and content: moved bytes must not give the same digest.
        digest.update(f"{path.relative_to(directory).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _teams(path: Path) -> tuple[dict[str, Team], str, int]:
    table, head = read_table(path)
    teams = {}
    for row in unique(table.rows("teams")):
        hours = duty_hours(row.text("duty"))
        if hours is None:
            raise row.fail("duty", f"hours such as 08:00-22:00, got {row.text('duty')!r}")
        teams[row.text("id")] = Team(row.text("id"), row.text("title"), *hours)
        row.end()
    reception = table.one_of("reception", teams)
    table.end()
    return teams, reception, head.version


def _types(
    path: Path, teams: Mapping[str, Team]
) -> tuple[dict[str, RequestType], dict[str, str], int]:
    table, head = read_table(path)
    facts = _titles(table, "facts")
    tells = _descriptions(table)
    types = {}
    for row in unique(table.rows("types")):
        types[row.text("id")] = _type(row, teams, facts, tells)
        row.end()
    table.end()
    return types, facts, head.version


def _descriptions(table: Row) -> dict[RequestKind, str]:
    """Read what a description of each kind of request should hold."""
    tells = {}
    for row in table.rows("descriptions"):
        kind = RequestKind(row.one_of("kind", [kind.value for kind in _REQUEST_KINDS]))
        tells[kind] = row.text("tell")
        row.end()
    for kind in _REQUEST_KINDS:
        if kind not in tells:
            raise table.fail("descriptions", f"a line for {kind.value}")
    return tells


def _type(
    row: Row, teams: Mapping[str, Team], facts: Mapping[str, str], tells: Mapping[RequestKind, str]
) -> RequestType:
    kind = RequestKind(row.one_of("kind", [kind.value for kind in RequestKind]))
    title = row.text("title")
    if not kind.is_request:
        return RequestType(row.text("id"), kind, title, spoken=title)
    groups = tuple(tuple(need.split("|")) for need in row.texts("needs"))
    for name in (name for group in groups for name in group):
        if name not in facts:
            raise row.fail("needs", f"facts out of {', '.join(facts)}, got {name!r}")
    return RequestType(
        row.text("id"), kind, title, row.one_of("team", teams), groups, row.text("retired", ""),
        spoken=row.text("spoken", title), tell=row.text("tell", tells[kind]),
    )


def _titles(table: Row, key: str) -> dict[str, str]:
    titles = {}
    for row in unique(table.rows(key)):
        titles[row.text("id")] = row.text("title")
        row.end()
    return titles


def _deadlines(path: Path) -> tuple[dict[str, DeadlineClass], tuple[ClassChoice, ...], int]:
    table, head = read_table(path)
    classes = {}
    for row in unique(table.rows("classes")):
        classes[row.text("id")] = _deadline_class(row)
        row.end()
    choices = []
    for row in table.rows("choice"):
        choices.append(_choice(row, classes))
        row.end()
    for kind in _REQUEST_KINDS:
        for urgency in Urgency:
            if not any(choice.fits(kind=kind, urgency=urgency) for choice in choices):
                raise table.fail("choice", f"a line for {kind.value} with urgency {urgency.value}")
    table.end()
    return classes, tuple(choices), head.version


def _deadline_class(row: Row) -> DeadlineClass:
    entry = DeadlineClass(
        id=row.text("id"),
        title=row.text("title"),
        response_h=row.number("response_h", least=0.01),
        resolution_h=row.number("resolution_h", least=0.01),
        hours=row.text("hours"),
        basis=row.text("basis"),
    )
    if entry.response_h > entry.resolution_h:
        raise row.fail("response_h", f"no more than resolution_h ({entry.resolution_h})")
    if entry.response_h > _RESPONSE_CEILING_H:
        raise row.fail("response_h", f"{_RESPONSE_CEILING_H} or less (handbook 1.4)")
    return entry


def _check_hours(
    path: Path, classes: Mapping[str, DeadlineClass], calendars: Mapping[str, Calendar]
) -> None:
    names = sorted({each.id for each in calendars.values()})
    table, _ = read_table(path)
    for row in table.rows("classes"):
        if not knows_calendar(calendars, classes[row.text("id")].hours):
            raise row.fail("hours", f"one of {', '.join(names)}, got {row.text('hours')!r}")


def _choice(row: Row, classes: Mapping[str, DeadlineClass]) -> ClassChoice:
    urgency = Urgency(row.one_of("urgency", [urgency.value for urgency in Urgency]))
    names = _all_or(row, "kinds", [kind.value for kind in _REQUEST_KINDS])
    kinds = None if names is None else frozenset(RequestKind(name) for name in names)
    return ClassChoice(urgency, kinds, row.one_of("class", classes))


def _all_or(row: Row, key: str, allowed: list[str]) -> list[str] | None:
    """Read the word `all` as None, anything else as a list of names."""
    if row.data.get(key) == "all":
        row.text(key)
        return None
    return row.texts(key, allowed=allowed, least=1)


def _lifecycle(path: Path) -> tuple[Lifecycle, int]:
    table, head = read_table(path)
    states = _titles(table, "states")
    # The desk asks whether a ticket is open or ended by these names.
    if missing := sorted((OPEN_STATES | ENDED_STATES) - set(states)):
        raise table.fail("states", f"the state {missing[0]}")
    steps = {}
    for row in unique(table.rows("steps")):
        steps[row.text("id")] = _step(row, states)
        row.end()
    reasons = {}
    for row in unique(table.rows("hold_reasons")):
        reasons[row.text("id")] = HoldReason(
            id=row.text("id"),
            title=row.text("title"),
            longest_h=row.number("longest_h", least=1),
            stops_clock=row.take("stops_clock", bool, "true or false"),
        )
        row.end()
    table.end()
    return Lifecycle(states, steps, reasons), head.version


def _step(row: Row, states: Mapping[str, str]) -> Step:
    sources = _all_or(row, "from", list(states))
    clock = CLOCK_EFFECTS.get(row.text("id"))
    if row.text("clock", None) != clock:
        raise row.fail("clock", f"{clock or 'no such key'}, which is what the reckoning does")
    return Step(
        id=row.text("id"),
        title=row.text("title"),
        sources=None if sources is None else frozenset(sources),
        target=row.one_of("to", [*states, SAME]),
        who=frozenset(row.texts("who", allowed=WHO, least=1)),
        needs=tuple(row.texts("needs", allowed=NEED_TITLES)),
        basis=row.text("basis"),
        within_days=row.whole("within_days", None, least=1),
        recorded=row.take("recorded", bool, "true or false", False),
        causes=tuple(row.texts("causes", [], allowed=CAUSES)),
        clock=row.text("clock", None),
    )


def _knowledge(
    path: Path, types: Mapping[str, RequestType]
) -> tuple[dict[str, KnowledgeEntry], int]:
    table, head = read_table(path)
    requests = [name for name, entry in types.items() if entry.kind.is_request]
    entries = {}
    for row in unique(table.rows("entries")):
        entries[row.text("id")] = KnowledgeEntry(
            id=row.text("id"),
            type=row.one_of("type", requests),
            title=row.text("title"),
            asks=tuple(row.texts("asks", least=1)),
            answer=row.text("answer"),
            fill_in=tuple(row.texts("fill_in", [])),
            owner=row.text("owner"),
            review=row.day("review"),
        )
        row.end()
    table.end()
    return entries, head.version


__all__ = ["TABLES", "Handbook", "Row", "TableHead", "load_handbook", "read_table", "unique"]
