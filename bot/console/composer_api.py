"""The composer's help (答复辅助): language check, canned replies, suggested answers, tables, files."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from itsdangerous import BadSignature
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, file
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.routing import Ask, Field, Section, look, refused
from bot.desk import canned, serving
from bot.desk.attachments import file_of, find_attachment
from bot.desk.ticket_work import visible_ticket
from bot.handbook.errors import NotFound
from bot.handbook.language.checker import fixed
from bot.handbook.language.finding import HEARD

section = Section("composer")
files = Blueprint("console_files")
# Threads of its own: an ear takes a while, neither to be waited for by others nor to wait for them.
CHECKING = ThreadPoolExecutor(2, "check")
# How a suggestion begins that has facts of another case: it is read, never put into a reply.
EXAMPLE = "例如："


@section.endpoint(
    "POST",
    "/lint",
    "Check a text against the service language, with the facts of a ticket",
    "lint",
    body=[
        Field("text", required=True, most=5_000),
        Field("turn", options=("first", "mid", "close")),
        Field("context", most=40),
        Field("ticket", most=40),
        Field("conversation", most=40),
        Field("speaker", options=("staff", "bot")),
        Field("facts", "object"),
    ],
)
async def lint(ask: Ask) -> dict[str, Any]:
    """Return verdict, findings with offsets in characters, and the text with safe fixes applied."""
    context, facts = await _circumstances(ask)
    given = {
        "turn": ask.body.get("turn", "mid"),
        "context": ask.body.get("context") or context,
        "facts": {**facts, **ask.body.get("facts", {})},
        "now": ask.now,
    }
    gate, text = ask.desk.gate, ask.body["text"]
    checker, speaker = gate.checker, ask.body.get("speaker", "staff")
    if speaker == "staff":
        check = partial(gate.check_reply, text, **given)
        result = await asyncio.get_running_loop().run_in_executor(CHECKING, check)
    else:
        result = checker.check(text, speaker=speaker, **given)
    findings = [_with_ways_out(f.as_json(), f, checker, text, ask) for f in result.findings]
    return {
        "verdict": result.verdict.value,
        "findings": findings,
        "overridable": result.overridable,
        "rules_version": result.rules_version,
        "fixed": checker.fix(text, speaker=speaker, **given),
        "masked": views.mask_in_place(text) != text,
    }


def _with_ways_out(
    shown: dict[str, Any], finding: Any, checker: Any, text: str, ask: Ask
) -> dict[str, Any]:
    """Add what one click can do: a fix of the words, or the model sentence for the sentence."""
    shown["overridable"] = finding.overridable
    if finding.rule.startswith(HEARD):
        return shown
    rule = checker.explain(finding.rule)
    if rule.fix is not None:
        shown["replacement"] = fixed(rule, finding.matched)
    if finding.suggestion and not finding.suggestion.startswith(EXAMPLE):
        start, end = sentence_around(text, finding.start, finding.end)
        teams = ask.desk.handbook.teams
        own = next((teams[t].title for t in sorted(ask.caller.teams) if t in teams), "责任部门")
        shown["rewrite"] = {
            "start": start,
            "end": end,
            "text": finding.suggestion.replace("{team}", own),
        }
    return shown


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the sentence that holds a place of the text."""
    marks = "。！？!?\n"
    left = max(text.rfind(mark, 0, start) for mark in marks) + 1
    rights = [at for mark in marks if (at := text.find(mark, max(end - 1, start))) >= 0]
    return left, min(rights) + 1 if rights else len(text)


async def _circumstances(ask: Ask) -> tuple[str | None, dict[str, Any]]:
    """Return the context and facts that the reply would be checked under when sent."""
    conversation_id, number = ask.body.get("conversation"), ask.body.get("ticket")
    if not conversation_id and not number:
        return None, {}

    def job(session: Session) -> tuple[str | None, dict[str, Any]]:
        if conversation_id is None:
            ticket = visible_ticket(session, ask.caller, number)
            conversation = serving.Conversation()
        else:
            conversation = serving.visible_conversation(session, ask.caller, conversation_id)
            ticket = serving.ticket_in_hand(session, conversation, number)
        return serving.reply_facts(session, ticket, conversation, now=ask.now)

    return await ask.look(job)


@section.endpoint(
    "GET",
    "/canned",
    "Ready replies, filled from the ticket, found by title, text or pinyin initials",
    "conversations_read",
    query=[Field("q", most=40), Field("ticket", most=40), Field("context", most=40)],
)
async def canned_replies(ask: Ask) -> dict[str, Any]:
    """List canned replies."""
    number = ask.query.get("ticket")

    def job(session: Session) -> dict[str, str]:
        ticket = visible_ticket(session, ask.caller, number) if number else None
        return canned.values_of(
            ask.desk.handbook, ticket, staff_title=ask.caller.title, now=ask.now
        )

    values = await ask.look(job)
    return {
        "replies": canned.canned_replies(
            ask.tables.reception,
            wanted=ask.query.get("q", ""),
            context=ask.query.get("context"),
            values=values,
        )
    }


@section.endpoint(
    "GET",
    "/suggestions",
    "Answers of the knowledge table to the matter of a conversation, with their source",
    "conversations_read",
    query=[Field("conversation", required=True, most=40), Field("ticket", most=40)],
)
async def suggestions(ask: Ask) -> dict[str, Any]:
    """List suggested answers."""
    handbook = ask.desk.handbook

    def job(session: Session) -> tuple[str, str | None]:
        conversation = serving.visible_conversation(
            session, ask.caller, ask.query["conversation"]
        )
        ticket = serving.ticket_in_hand(session, conversation, ask.query.get("ticket"))
        return canned.matter_of(session, handbook, conversation, ticket)

    text, name = await ask.look(job)
    return {"answers": canned.suggested_answers(handbook, text, request_type=name)}


@section.endpoint("GET", "/tables", "Names and titles for the console's lists")
async def tables(ask: Ask) -> dict[str, Any]:
    """Return what the page needs to show lists and forms."""
    book, reception, access = ask.desk.handbook, ask.tables.reception, ask.tables.access
    return {
        "states": book.lifecycle.states,
        "steps": {
            s.id: {"title": s.title, "needs": list(s.needs)} for s in book.lifecycle.steps.values()
        },
        "hold_reasons": [
            {"id": r.id, "title": r.title, "longest_h": r.longest_h}
            for r in book.lifecycle.hold_reasons.values()
        ],
        "classes": {
            c.id: {
                "title": c.title,
                "response_h": c.response_h,
                "resolution_h": c.resolution_h,
                "basis": c.basis,
            }
            for c in book.classes.values()
        },
        "teams": {t.id: t.title for t in book.teams.values()},
        "types": {
            t.id: {"title": t.title, "kind": t.kind.value}
            for t in book.types_in_use().values()
            if t.kind.is_request
        },
        "facts": dict(book.facts),
        "urgencies": {"urgent": "紧急", "major": "重大", "general": "一般"},
        "presences": [
            {
                "id": p.id,
                "title": p.title,
                "reasons": list(p.reasons),
                "takes_work": p.takes_work,
            }
            for p in reception.presences.values()
        ],
        "skills": dict(reception.skills),
        "roles": {r.id: r.title for r in access.roles.values()},
        "permissions": dict(access.permissions),
        "authority": [
            {"id": a.id, "title": a.title, "limit": a.limit}
            for a in reception.complaints.authority.values()
        ],
        "upload_bytes": reception.upload_bytes,
    }


@files.get("/api/v1/files/<token:str>")
async def fetch_file(request: Request, token: str) -> HTTPResponse:
    """Give a file to whoever has its signed address: the customer in the chat, and staff."""
    desk = request.app.ctx.desk
    try:
        attachment_id = views.file_signer(desk.settings.secret).loads(
            token, max_age=views.FILE_DAYS * 86_400
        )
        attachment = await look(desk, lambda session: find_attachment(session, attachment_id))
    except BadSignature:
        return refused(NotFound("文件不存在或链接已过期"))
    except NotFound as error:
        return refused(error)
    path = file_of(desk.settings.home / "uploads", attachment)
    if not path.exists():
        return refused(NotFound("文件不存在或已按规定清除"))
    shown = "inline" if attachment.media_type.startswith("image/") else "attachment"
    return await file(
        path,
        mime_type=attachment.media_type,
        headers={
            "Content-Disposition": f"{shown}; filename*=UTF-8''{_quoted(attachment.name)}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=3600",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
