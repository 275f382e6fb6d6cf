"""The OpenAPI document (接口文档) of the whole desk, served as `/api/v1/openapi.json`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.channels.web.openapi import customer_components, customer_paths, operation
from bot.console.api import endpoints
from bot.console.openapi import console_components, console_paths, console_schemas

blueprint = Blueprint("document")
PAGES = {
    "/": ("The customer's chat page", "text/html"),
    "/widget.js": ("The chat for other sites", "text/javascript"),
    "/console": ("The page of staff, leaders and trainers", "text/html"),
    "/healthz": ("Whether the process lives", "application/json"),
    "/metrics": ("Figures for Prometheus", "text/plain"),
    "/api/v1/openapi.json": ("This document", "application/json"),
}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the document: pages, customers, staff."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Telecom intake desk", "version": "1"},
        "paths": {**_pages(), **customer_paths(), **console_paths(endpoints())},
        "components": {
            "securitySchemes": {**customer_components(), **console_components()},
            "schemas": console_schemas(),
        },
    }


def _pages() -> dict[str, Any]:
    pages = {
        path: {"get": _plain(summary, kind, {"200": summary})}
        for path, (summary, kind) in PAGES.items()
    }
    answers = {"200": "All parts answer", "503": "A part does not answer; the body says which"}
    pages["/readyz"] = {"get": _plain("Whether all parts answer", "application/json", answers)}
    return pages


def _plain(summary: str, kind: str, answers: dict[str, str]) -> dict[str, Any]:
    shown = operation(summary, tag="pages")
    shown["responses"] = {
        code: {"description": words, "content": {kind: {"schema": {}}}}
        for code, words in answers.items()
    }
    return shown


@blueprint.get("/api/v1/openapi.json")
async def openapi(request: Request) -> HTTPResponse:
    """Answer with the document."""
    return json(document(), ensure_ascii=False)
