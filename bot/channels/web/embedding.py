"""The widget on other sites (网页挂件): its files, and which origins may talk to the desk."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, empty, file

from bot.handbook.errors import NotFound

WIDGET = Path(__file__).resolve().parent / "widget"
FILES = ("chat.js", "line.js", "style.js", "words.js")
# A page of any origin may load the script; only the named ones may talk to the desk.
HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"}
SCRIPT = "text/javascript; charset=utf-8"


def widget() -> Blueprint:
    """Return the routes `/widget.js` and `/widget/<file>`."""
    blueprint = Blueprint("web_widget")

    @blueprint.get("/widget.js")
    async def loader(request: Request) -> HTTPResponse:
        return await file(WIDGET / "widget.js", mime_type=SCRIPT, headers=HEADERS)

    @blueprint.get("/widget/<name:str>")
    async def part(request: Request, name: str) -> HTTPResponse:
        if name not in FILES:
            raise NotFound("没有这个文件", file=name)
        return await file(WIDGET / name, mime_type=SCRIPT, headers=HEADERS)

    return blueprint


def allow_origins(app: Sanic, origins: Collection[str]) -> None:
    """Let pages of the named origins use the customer's interface; no cookies are involved."""
    allowed = {origin.strip().rstrip("/") for origin in origins if origin.strip()}

    def is_allowed(request: Request) -> bool:
        path = request.path
        public = path.startswith("/api/v1/") and not path.startswith("/api/v1/staff")
        return public and request.headers.get("origin", "") in allowed

    async def preflight(request: Request) -> HTTPResponse | None:
        if request.method == "OPTIONS" and is_allowed(request):
            return empty(
                headers={
                    "Access-Control-Allow-Methods": "GET, POST",
                    "Access-Control-Allow-Headers": "Authorization, Content-Type",
                    "Access-Control-Max-Age": "600",
                }
            )
        return None

    async def answer(request: Request, response: HTTPResponse) -> None:
        if is_allowed(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["origin"]
            response.headers["Vary"] = "Origin"

    app.register_middleware(preflight, "request")
    app.register_middleware(answer, "response")
