"""The console (客服工作台) as blueprints: JSON API, stream, files, page, watch."""

from __future__ import annotations

from sanic import Blueprint

from bot.console import (
    access_api,
    accounts_api,
    coach_api,
    coach_data_api,
    composer_api,
    conversations_api,
    customer_api,
    figures_api,
    followup_api,
    incidents_api,
    lane_api,
    outbox_api,
    people_api,
    stream,
    tickets_api,
)
from bot.console.coach_watch import coach_watch
from bot.console.pages import pages
from bot.console.routing import Endpoint, console_tables
from bot.console.watch import watch

SECTIONS = (
    access_api.section,
    accounts_api.section,
    customer_api.section,
    composer_api.section,
    conversations_api.section,
    lane_api.section,
    tickets_api.section,
    people_api.section,
    stream.section,
    coach_api.section,
    coach_data_api.section,
    incidents_api.section,
    outbox_api.section,
    figures_api.section,
    followup_api.section,
)


def blueprints() -> list[Blueprint]:
    """Return the blueprints of the console; a wrong table stops the start here."""
    console_tables()
    return [
        *(section.blueprint for section in SECTIONS),
        composer_api.files,
        stream.stream,
        pages,
        watch,
        coach_watch,
    ]


def endpoints() -> list[Endpoint]:
    """Return every endpoint of the JSON API."""
    return [endpoint for section in SECTIONS for endpoint in section.endpoints]
