"""The trainers' part of the console (训练接口): inbox, jobs, models.

What needs the model runs as `intake coach …` in a process of its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from bot.console.routing import Ask, Field, Section
from bot.desk import coach_runs, training_inbox, training_labels
from bot.desk.engine_routes import routes_path
from bot.desk.model_files import (
    archive_of,
    gate_path,
    kept_models,
    name_of,
    pointer,
    read_json,
)
from bot.desk.model_switching import (
    let_pass,
    roll_back,
    set_canary,
    switch_history,
    switch_model,
    watched_signals,
)
from bot.desk.shadowing import end_shadow, set_shadow, shadow
from bot.desk.training_readings import count_unread
from bot.desk.training_sources import TITLES
from bot.handbook.access import Forbidden
from bot.handbook.definitions import load_definitions
from bot.handbook.errors import DeskError
from bot.handbook.signal_table import signals_in_force
from bot.handbook.tables import TABLES, Handbook, load_handbook
from bot.handbook.training_table import load_training
from bot.settings import ROOT

section = Section("coach")
JOBS = ("train", "gate")
REASON = Field("reason", required=True, most=300)
TURNS = [
    Field("items", "texts"), Field("group", "whole"),
    Field("but", "texts", about="turns of the group that are left as they are"),
]


def who(ask: Ask) -> str:
    """Return the name under which this person labels and decides."""
    return ask.caller.name


def environment(ask: Ask) -> dict[str, str]:
    """Return what a tool's process must know of this installation."""
    return {
        "INTAKE_HOME": str(ask.desk.settings.home),
        "INTAKE_DATABASE_URL": ask.desk.settings.database_url,
    }


@lru_cache(maxsize=1)
def _book(_changed: int) -> Handbook:
    return load_handbook()


def book_of(ask: Ask) -> Handbook:
    """Return the tables as the files have them: a type is labelled before any model serves it."""
    try:
        return _book((TABLES / "requests.yml").stat().st_mtime_ns)
    except DeskError:
        return ask.desk.handbook  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _defined(_changed: int) -> dict[str, dict[str, Any]]:
    return {
        name: {"means": known.means, "not": dict(known.isnt)}
        for name, known in load_definitions().items()
    }


def definitions() -> dict[str, dict[str, Any]]:
    """Return what each type is and is not; none while the table cannot be read."""
    try:
        return _defined((TABLES / "definitions.yml").stat().st_mtime_ns)
    except (DeskError, OSError):
        return {}


# The inbox


@section.endpoint(
    "GET", "/coach/inbox", "Turns worth a label, in groups, the most instructive first", "coaching",
    query=[Field("reason", options=tuple(TITLES)), Field("after", "whole")],
)
async def inbox(ask: Ask) -> dict[str, Any]:
    """List groups."""
    reason, after = ask.query.get("reason"), ask.query.get("after", 0)
    page = await ask.look(
        lambda session: training_inbox.inbox_page(
            session, labeller=who(ask), reason=reason, after=after
        )
    )
    agreed = await ask.look(training_labels.agreement)
    types = {
        name: row.title for name, row in book_of(ask).types_in_use().items() if row.kind.is_request
    }
    return {
        **page, "agreement": agreed, "reasons": TITLES, "types": types,
        "unread": await ask.look(count_unread), "definitions": definitions(),
    }


@section.endpoint("POST", "/coach/inbox/gather", "Bring new turns into the inbox", "coaching")
async def gather(ask: Ask) -> dict[str, Any]:
    """Gather."""
    return {"fresh": await ask.work(lambda s: training_inbox.gather(s, load_training()))}


@section.endpoint(
    "POST", "/coach/inbox/label", "Label turns, or a whole group", "coaching",
    body=[
        *TURNS, Field("type", required=True, most=40),
        Field("urgency", options=("general", "major", "urgent")),
    ],
)
async def label(ask: Ask) -> dict[str, Any]:
    """Label."""

    def work(session: Session) -> dict[str, Any]:
        ids = chosen(session, ask)
        states = training_labels.label_items(
            session, book_of(ask), ids, type_=ask.body["type"],
            urgency=ask.body.get("urgency"), labeller=who(ask), now=ask.now,
        )
        return {"states": dict(states), "items": ids}

    return await ask.work(work)


def numbers(ask: Ask, field: str) -> list[int]:
    """Return the ids that stand in a field of the body."""
    texts = ask.body.get(field, [])
    if any(not (text.isascii() and text.isdigit() and len(text) < 10) for text in texts):
        raise DeskError("invalid", f"{field} 应为编号", field=field)
    return [int(text) for text in texts]


def chosen(session: Session, ask: Ask) -> list[int]:
    """Return the turns that the body names: by id, or a group but for some."""
    ids = numbers(ask, "items")
    if not ids and "group" in ask.body:
        left = set(numbers(ask, "but"))
        ids = [each for each in training_inbox.group_ids(session, ask.body["group"]) if each not in left]
    if not ids:
        raise DeskError("invalid", "请选择要处理的话", field="items")
    return ids


@section.endpoint(
    "POST", "/coach/inbox/skip", "Lay turns aside", "coaching", body=TURNS,
)
async def skip(ask: Ask) -> dict[str, Any]:
    """Skip."""

    def work(session: Session) -> dict[str, Any]:
        ids = chosen(session, ask)
        skipped = training_labels.skip_items(session, ids, labeller=who(ask), now=ask.now)
        return {"skipped": skipped, "items": ids}

    return await ask.work(work)


@section.endpoint(
    "POST", "/coach/inbox/take-back", "Take back one's own labels, or that turns were laid aside",
    "coaching", body=[Field("items", "texts", required=True)],
)
async def take_back(ask: Ask) -> dict[str, Any]:
    """Take back."""
    return {
        "waiting": await ask.work(
            lambda s: training_labels.take_back(
                s, book_of(ask), numbers(ask, "items"), labeller=who(ask), now=ask.now
            )
        )
    }


@section.endpoint(
    "POST", "/coach/inbox/divide", "Divide a turn that holds two requests", "coaching",
    body=[Field("item", "whole", required=True), Field("texts", "texts", required=True)],
)
async def divide(ask: Ask) -> dict[str, Any]:
    """Divide."""
    return {
        "made": await ask.work(
            lambda s: training_labels.divide_item(
                s, load_training(), ask.body["item"], ask.body["texts"], labeller=who(ask), now=ask.now
            )
        )
    }


# Jobs


@section.endpoint(
    "POST", "/coach/jobs", "Start training or the gate", "coaching",
    body=[
        Field("kind", required=True, options=JOBS), Field("model", most=100),
        Field("play", "flag"),
    ],
)
async def start(ask: Ask) -> dict[str, Any]:
    """Start a job."""
    home, kind = ask.desk.settings.home, ask.body["kind"]
    line = [kind]
    if kind != "train":
        line.append(name_of(archive_of(home, ask.body.get("model", ""))))
    if kind == "gate" and ask.body.get("play"):
        line.append("--play")
    line += ["--by", who(ask)]
    coach_runs.start_job(line, root=ROOT, environ=environment(ask), home=home)
    return coach_runs.run_state(home)


@section.endpoint("GET", "/coach/jobs", "The last job: stage, share done, time left, log", "coaching")
async def job(ask: Ask) -> dict[str, Any]:
    """Show the job."""
    return coach_runs.run_state(ask.desk.settings.home)


@section.endpoint("POST", "/coach/jobs/cancel", "Cancel the job that runs", "coaching")
async def cancel(ask: Ask) -> dict[str, Any]:
    """Cancel."""
    return {"asked": coach_runs.cancel_job(ask.desk.settings.home)}


# Models


@section.endpoint("GET", "/coach/models", "Kept models, the one in service, and the history", "figures_read")
async def models(ask: Ask) -> dict[str, Any]:
    """List models."""
    home = ask.desk.settings.home
    return {
        "models": kept_models(home), "serving": serving_name(ask), "pointer": pointer(home),
        "routes": read_json(routes_path(home)), "history": await ask.look(switch_history),
        "shadow": shadow(home), "signals": signals_in_force(),
        "watched": await ask.look(
            lambda s: watched_signals(s, home, load_training(), now=ask.now)
        ),
    }


def serving_name(ask: Ask) -> str | None:
    """Return the model in service, as far as the supervisor has said."""
    home = ask.desk.settings.home
    name = pointer(home).get("model") or (read_json(routes_path(home)).get("serving") or {}).get("model")
    return str(name) if name else None


@section.endpoint(
    "GET", "/coach/models/<name:str>/gate", "The gate's whole report on a model", "figures_read"
)
async def gate(ask: Ask, name: str) -> dict[str, Any]:
    """Show the report."""
    home = ask.desk.settings.home
    return read_json(gate_path(home, name_of(archive_of(home, name))))


@section.endpoint(
    "POST", "/coach/models/<name:str>/switch", "Put a model that passed into service", "coaching",
    body=[REASON],
)
async def switch(ask: Ask, name: str) -> dict[str, Any]:
    """Switch."""
    row = await ask.work(
        lambda s: switch_model(
            s, ask.desk.settings.home, name, by=who(ask), reason=ask.body["reason"], now=ask.now,
            serving=serving_name(ask), staff_id=ask.caller.id,
        )
    )
    return {"model": row.model, "previous": row.previous}


@section.endpoint(
    "POST", "/coach/rollback", "Return to the model before, or to a kept one", "coaching",
    body=[Field("model", most=100), Field("reason", most=300)],
)
async def rollback(ask: Ask) -> dict[str, Any]:
    """Roll back."""
    row = await ask.work(
        lambda s: roll_back(
            s, ask.desk.settings.home, by=who(ask), reason=ask.body.get("reason") or "一键退回",
            now=ask.now, to=ask.body.get("model"), staff_id=ask.caller.id,
        )
    )
    return {"model": row.model, "previous": row.previous}


@section.endpoint(
    "POST", "/coach/canary", "Let a model answer a share of the conversations, or end that", "coaching",
    body=[Field("model", most=100), Field("percent", "whole"), REASON],
)
async def canary(ask: Ask) -> dict[str, Any]:
    """Begin or end a canary."""
    row = await ask.work(
        lambda s: set_canary(
            s, ask.desk.settings.home, ask.body.get("model"), share=ask.body.get("percent", 10) / 100,
            by=who(ask), reason=ask.body["reason"], now=ask.now, serving=serving_name(ask),
            staff_id=ask.caller.id,
        )
    )
    return {"kind": row.kind, "model": row.model}


@section.endpoint(
    "POST", "/coach/shadow", "Let a model read a share of the new turns along, or end that", "coaching",
    body=[
        Field("model", most=100), Field("percent", "whole"),
        Field("hours", "whole", about="begin so far back"),
    ],
)
async def read_along(ask: Ask) -> dict[str, Any]:
    """Begin or end the standing shadow."""
    home, name = ask.desk.settings.home, ask.body.get("model")
    if name is None:
        return await ask.work(
            lambda s: end_shadow(s, home, by=who(ask), now=ask.now, staff_id=ask.caller.id)
        )
    return await ask.work(
        lambda s: set_shadow(
            s, home, name, share=ask.body.get("percent", 100) / 100, hours=ask.body.get("hours", 0),
            by=who(ask), now=ask.now, serving=serving_name(ask), staff_id=ask.caller.id,
        )
    )


@section.endpoint(
    "POST", "/coach/models/<name:str>/override", "Let a stopped model pass; leaders only", "figures_read",
    body=[REASON],
)
async def override(ask: Ask, name: str) -> dict[str, Any]:
    """Let pass: the trainer who made a model must not be the one who waives the rules."""
    if "tickets_lead" not in ask.caller.may:
        raise Forbidden("需由班长放行", permission="tickets_lead", role=ask.caller.role)
    return await ask.work(
        lambda s: let_pass(
            s, ask.desk.settings.home, name, by=who(ask), reason=ask.body["reason"], now=ask.now,
            serving=serving_name(ask), staff_id=ask.caller.id,
        )
    )


