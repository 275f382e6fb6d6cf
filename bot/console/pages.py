"""The console's page (客服工作台): one document, ES modules from the packages, a strict policy."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, html

STATIC = Path(__file__).resolve().parent / "static"
pages = Blueprint("console_pages")
pages.static("/static/console", STATIC, name="console_files")
_INLINE = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


@lru_cache(maxsize=1)
def console_page() -> tuple[str, str]:
    """Return the document and its policy; the import map is the one inline script, by its hash.

    Element Plus places pop-ups with style attributes, hence inline styles are allowed.
    """
    document = (STATIC / "index.html").read_text(encoding="utf-8")
    digest = hashlib.sha256(_INLINE.findall(document)[0].encode()).digest()
    policy = (
        f"default-src 'none'; script-src 'self' 'sha256-{base64.b64encode(digest).decode()}';"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self';"
        " frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return document, policy


@pages.get("/console")
async def console(request: Request) -> HTTPResponse:
    """Give the page; what it shows depends on who signs in."""
    document, policy = console_page()
    return html(
        document,
        headers={
            "Content-Security-Policy": policy,
            "Cache-Control": "no-cache",
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        },
    )
