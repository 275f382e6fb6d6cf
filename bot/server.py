"""The desk's server (受理台): the one place where things are wired together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sanic import Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, file, json, raw
from sqlalchemy import text
from sqlalchemy.orm import sessionmaker

from bot.channels import registry as channels
from bot.channels.web.api import web
from bot.channels.web.embedding import allow_origins
from bot.console.api import blueprints as console_blueprints
from bot.console.clock_loop import run_clock, run_nightly, run_outbox
from bot.desk.kept_calendars import keep_calendars
from bot.desk.messages import Gate, Message
from bot.desk.outbox import Sender
from bot.desk.rules_in_force import adopt_rules
from bot.desk.senders import (
    ConsoleSender,
    CustomerSender,
    MailSender,
    WebhookSender,
    addresses_by_role,
)
from bot.dialogue.rasa_client import RasaClient
from bot.dialogue.texts import Texts, load_texts
from bot.dialogue.turns import Turns
from bot.document import blueprint as document
from bot.handbook.errors import DeskError
from bot.handbook.language.checker import load_checker
from bot.handbook.language.finding import SecondOpinion
from bot.handbook.language.sounding import Ear
from bot.handbook.tables import Handbook, load_handbook
from bot.http.envelope import answer_error
from bot.http.hub import Hub
from bot.http.limits import Limits
from bot.settings import ROOT, Settings
from bot.storage.engine import migrate, open_engine, session_factory

log = structlog.get_logger()
WEB = Path(__file__).resolve().parent / "channels" / "web" / "page"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)


@dataclass
class Desk:
    """Hold what the desk's edges share; reached as `app.ctx.desk`."""

    settings: Settings
    sessions: sessionmaker
    handbook: Handbook
    gate: Gate
    texts: Texts
    rasa: RasaClient
    turns: Turns
    hub: Hub
    limits: Limits
    now: Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present instant; the edges' clock."""
    return datetime.now(timezone.utc)


def open_desk(
    settings: Settings, *, now: Callable[[], datetime] = utc_now,
    second: SecondOpinion | None = None, ear: Ear | None = None,
) -> Desk:
    """Load tables, rules and texts, migrate the database and wire the parts."""
    engine = open_engine(settings.database_url)
    migrate(engine)
    sessions = session_factory(engine)
    handbook, texts = load_handbook(), load_texts()
    gate = Gate(
        load_checker(verify=False, brand=settings.brand).with_ear(ear), texts.render("utter_safe_reply"),
        texts.render("utter_safe_choice"), second,
    )
    with sessions.begin() as session:
        handbook = keep_calendars(session, handbook, now=now())
        adopt_rules(session, gate, now=now())
    rasa = RasaClient(settings.rasa_url, secret=settings.secret, timeout=settings.rasa_timeout)
    hub = Hub()

    def announce(conversation_id: str, sent: list[Message]) -> None:
        hub.publish(f"conversation:{conversation_id}")
        hub.publish("staff", {"conversation": conversation_id})

    turns = Turns(
        sessions=sessions, handbook=handbook, gate=gate, texts=texts, rasa=rasa,
        settings=settings, announce=announce, clock=now,
    )
    return Desk(settings, sessions, handbook, gate, texts, rasa, turns, hub, Limits(), now)


def make_app(desk: Desk, *, name: str = "intake_desk") -> Sanic:
    """Return the Sanic application of the desk."""
    app = Sanic(name, configure_logging=False)
    app.config.REQUEST_MAX_SIZE = 12 * 1024 * 1024
    app.config.RESPONSE_TIMEOUT = 120
    app.config.KEEP_ALIVE_TIMEOUT = 30
    app.ctx.desk = desk
    app.blueprint(web)
    app.blueprint(document)
    for blueprint in (*console_blueprints(), *channels.blueprints(desk.settings)):
        app.blueprint(blueprint)
    allow_origins(app, desk.settings.widget_origins.split(","))
    _pages(app)
    _health(app)
    app.error_handler.add(DeskError, answer_error)
    app.error_handler.add(Exception, _unexpected)
    app.register_middleware(_secure, "response")
    app.register_listener(_start, "after_server_start")
    app.register_listener(_stop, "before_server_stop")
    return app


def _unexpected(request: Request, error: Exception) -> HTTPResponse:
    """Answer what nobody foresaw without telling the caller about the inside."""
    try:
        return answer_error(request, error)
    except Exception:
        log.exception("http.failed", path=request.path)
        return json(
            {"ok": False, "error": {"code": "internal", "message": "服务暂时异常，请稍后重试", "details": {}}},
            status=500, ensure_ascii=False,
        )


def _secure(request: Request, response: HTTPResponse) -> None:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")


def _pages(app: Sanic) -> None:
    @app.get("/")
    async def customer_page(request: Request) -> HTTPResponse:
        return await file(
            WEB / "index.html", headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
        )

    app.static("/static/web", WEB, name="web_files")
    app.static("/static/lib", ROOT / "node_modules", name="lib_files")


def _health(app: Sanic) -> None:
    @app.get("/healthz")
    async def healthz(request: Request) -> HTTPResponse:
        return json({"status": "ok"})

    @app.get("/readyz")
    async def readyz(request: Request) -> HTTPResponse:
        desk: Desk = request.app.ctx.desk
        parts = {"database": await _database_answers(desk), "engine": await desk.rasa.is_ready()}
        ready = all(parts.values())
        return json({"ready": ready, **parts}, status=200 if ready else 503)

    @app.get("/metrics")
    async def metrics(request: Request) -> HTTPResponse:
        return raw(generate_latest(), content_type=CONTENT_TYPE_LATEST)


async def _database_answers(desk: Desk) -> bool:
    try:
        await desk.turns.in_thread(lambda session: session.execute(text("SELECT 1")))
    except Exception:
        log.exception("ready.database_failed")
        return False
    return True


def senders_of(app: Sanic, loop: asyncio.AbstractEventLoop) -> dict[str, Sender]:
    """Return the ways by which deliveries leave the desk, as far as they are set up."""
    desk: Desk = app.ctx.desk
    settings = desk.settings

    def said(conversation_id: str) -> None:
        # The outbox works in a thread; waiting streams live in the event loop.
        loop.call_soon_threadsafe(desk.hub.publish, f"conversation:{conversation_id}")
        loop.call_soon_threadsafe(desk.hub.publish, "staff")

    senders: dict[str, Sender] = {
        "console": ConsoleSender(desk.sessions),
        "customer": CustomerSender(
            desk.sessions, desk.gate, desk.texts, said, channels.adapters_of(settings)
        ),
    }
    webhook: Sender | None = None
    if settings.webhook_url:
        webhook = WebhookSender(settings.webhook_url, settings.webhook_secret)
    if (told := told_staff(app, webhook)) is not None:
        senders["webhook"] = told
    if settings.smtp_url:
        senders["mail"] = MailSender(settings.smtp_url, addresses_by_role(settings.notice_mail))
    return senders


def told_staff(app: Sanic, then: Sender | None) -> Sender | None:
    """Return how notices reach staff in their messengers, and on to `then`."""
    desk: Desk = app.ctx.desk
    return channels.staff_chats(
        desk.settings, then, sessions=desk.sessions,
        # Looked up when something is sent: the post office opens with the server.
        send_by=lambda adapter, outbound: app.ctx.post.send_from_thread(adapter, outbound),
    )


async def _start(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    desk: Desk = app.ctx.desk
    seconds = desk.settings.clock_seconds
    if seconds:
        app.add_task(run_clock(desk.sessions, desk.handbook, seconds=seconds), name="clock")
        app.add_task(run_nightly(desk.sessions, desk.handbook), name="nightly")
        app.add_task(
            run_outbox(desk.sessions, desk.handbook, senders_of(app, loop), seconds=seconds),
            name="outbox",
        )
    left = await app.ctx.desk.turns.resume()
    log.info("desk.started", port=app.ctx.desk.settings.port, resumed=left)


async def _stop(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    await app.ctx.desk.rasa.close()
