"""Chapter 8.3: the tables of roles and reception (角色表、接待表) read into frozen values."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from string import Formatter

from bot.handbook.access import Access, Role, SignInLimits
from bot.handbook.hours import Period, read_period
from bot.handbook.reception import (
    Authority,
    CannedReply,
    Complaints,
    Desk,
    Duty,
    Presence,
    Reception,
)
from bot.handbook.tables import TABLES, Row, read_table, unique

VARIABLES = frozenset(
    {"number", "state_title", "respond_by", "resolve_by", "staff_title", "type_title"}
)
WORDS = {
    "claimed": {"title"},
    "transferred": {"team_title"},
    "handed_back": set(),
    "handed_back_ticket": {"number", "state_title"},
    "handed_back_asking": {"type_title", "fact_title"},
    "handed_back_complete": {"type_title"},
    "returned": set(),
    "ended": set(),
    "nobody": {"number", "respond_by"},
    "waiting_unmeasured": {"position"},
    "waiting_nobody": {"position", "minutes"},
    "still_unmeasured": {"position"},
    "still_nobody": {"position", "minutes"},
    "callback_ask": set(),
    "callback_ask_number": set(),
    "callback_number": set(),
    "callback_agreed": {"number", "time"},
    "callback_agreed_number": {"number", "time"},
    "callback_kept": {"number", "time"},
    "callback_over": set(),
    "attachment": {"name"},
}


def load_access(directory: Path | None = None) -> Access:
    """Read the table of roles; raise `TableError` when it cannot be used."""
    table, _ = read_table((directory or TABLES) / "roles.yml")
    permissions = {row.text("id"): row.text("title") for row in unique(table.rows("permissions"))}
    roles = {}
    for row in unique(table.rows("roles")):
        scope = row.one_of("scope", ["own", "all"])
        may = frozenset(row.texts("may", allowed=permissions))
        roles[row.text("id")] = Role(row.text("id"), row.text("title"), scope == "all", may)
        row.end()
    limits = Row(table.file, table.take("sign_in", dict, "a mapping"), table.line_of("sign_in"))
    sign_in = SignInLimits(
        idle_for=timedelta(minutes=limits.number("idle_minutes", least=1)),
        absolute_for=timedelta(hours=limits.number("absolute_hours", least=1)),
        failures=int(limits.number("failures", least=1)),
        lock_for=timedelta(minutes=limits.number("lock_minutes", least=1)),
        shortest_password=int(limits.number("shortest_password", least=8)),
        per_minute=int(limits.number("per_minute", least=1)),
    )
    limits.end()
    table.end()
    return Access(permissions, roles, sign_in)


def load_reception(directory: Path | None = None) -> Reception:
    """Read the tables of the staff desk; raise `TableError` when one cannot be used."""
    directory = directory or TABLES
    table, _ = read_table(directory / "reception.yml")
    skills = {row.text("id"): row.text("title") for row in unique(table.rows("skills"))}
    desks = {row.text("team"): _desk(row, skills) for row in unique(table.rows("teams"), "team")}
    presences = {row.text("id"): _presence(row) for row in unique(table.rows("presences"))}
    reception = Reception(
        desks=desks,
        skills=skills,
        presences=presences,
        capacity=int(table.number("capacity", least=1)),
        lost_offer_for=timedelta(seconds=table.number("lost_offer_s", least=5)),
        return_after=timedelta(seconds=table.number("return_after_s", least=10)),
        warn_wait_after=timedelta(seconds=table.number("warn_wait_s", least=10)),
        give_up_after=timedelta(minutes=table.number("give_up_minutes", least=1)),
        warn_for=timedelta(days=table.number("warn_days", least=1)),
        measured_over=timedelta(minutes=table.number("measured_over_minutes", least=1)),
        upload_bytes=int(table.number("upload_mb", least=1) * 1024 * 1024),
        words=_words(table),
        callback_times=tuple(_period(table, text) for text in table.texts("callback_times")),
        canned=_canned(directory / "canned.yml"),
        complaints=_complaints(directory / "complaints.yml"),
    )
    table.end()
    return reception


def _desk(row: Row, skills: dict[str, str]) -> Desk:
    desk = Desk(
        row.text("team"),
        row.one_of("mode", ["offer", "pick"]) == "offer",
        timedelta(seconds=row.number("accept_s", least=5)),
        tuple(row.texts("needs", allowed=skills)),
    )
    row.end()
    return desk


def _presence(row: Row) -> Presence:
    presence = Presence(
        row.text("id"),
        row.text("title"),
        row.take("takes_work", bool, "true or false"),
        tuple(row.texts("reasons")),
    )
    row.end()
    return presence


def _period(table: Row, text: str) -> Period:
    period = read_period(text)
    if period is None:
        raise table.fail("callback_times", f"hours such as 09:00-12:00, got {text!r}")
    return period


def _words(table: Row) -> dict[str, str]:
    row = Row(table.file, table.take("words", dict, "a mapping of texts"), table.line_of("words"))
    words = {}
    for name, values in WORDS.items():
        words[name] = row.text(name)
        unknown = {f for _, f, _, _ in Formatter().parse(words[name]) if f} - values
        if unknown:
            raise row.fail(name, f"variables out of {sorted(values)}, got {sorted(unknown)}")
    row.end()
    return words


def _canned(path: Path) -> tuple[CannedReply, ...]:
    table, _ = read_table(path)
    replies = []
    for row in unique(table.rows("replies")):
        reply = CannedReply(
            row.text("id"), row.text("title"), tuple(row.texts("contexts")), row.text("text")
        )
        unknown = {f for _, f, _, _ in Formatter().parse(reply.text) if f} - VARIABLES
        if unknown:
            raise row.fail("text", f"variables out of {sorted(VARIABLES)}, got {sorted(unknown)}")
        replies.append(reply)
        row.end()
    table.end()
    return tuple(replies)


def _complaints(path: Path) -> Complaints:
    table, _ = read_table(path)
    procedure = {}
    for row in unique(table.rows("procedure")):
        needs = tuple(row.texts("needs", allowed=["note", "cause"]))
        procedure[row.text("id")] = Duty(row.text("id"), row.text("title"), row.text("hint"), needs)
        row.end()
    authority = {
        row.text("id"): Authority(row.text("id"), row.text("title"), row.number("limit"))
        for row in unique(table.rows("authority"))
    }
    complaints = Complaints(
        procedure,
        {row.text("id"): row.text("title") for row in unique(table.rows("causes"))},
        authority,
        tuple(table.texts("appeal_words")),
        tuple(table.texts("regulator_words")),
    )
    table.end()
    return complaints
