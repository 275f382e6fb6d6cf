"""Chapter 3.4: a webhook that is sent elsewhere has not arrived."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from bot.desk.outbox import DeliveryError, Outgoing
from bot.desk.senders import WebhookSender


@pytest.fixture
def moved() -> Iterator[tuple[str, list[str]]]:
    """Answer each post with a redirect to a page that is there."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(f"POST {self.path}")
            self.send_response(302)
            self.send_header("Location", "/sign-in")
            self.end_headers()

        def do_GET(self) -> None:
            asked.append(f"GET {self.path}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", asked
    server.shutdown()


def test_a_redirect_is_not_followed_and_is_tried_again(
    moved: tuple[str, list[str]], now: datetime
) -> None:
    url, asked = moved
    outgoing = Outgoing(id="d1", sender="webhook", target="x", payload={"text": "到期"}, attempt=1, created_at=now)  # fmt: skip
    with pytest.raises(DeliveryError, match="302") as error:
        WebhookSender(url, "secret").send(outgoing, now=now)

    assert error.value.permanent is False
    assert ["POST /hook"] == asked
