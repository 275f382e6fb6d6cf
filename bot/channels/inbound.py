"""The webhooks of all channels (渠道入口): verify, store, acknowledge at once, then begin the turn."""

from __future__ import annotations

import time
from collections.abc import Mapping

import aiohttp
import structlog
from prometheus_client import Counter, Histogram
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, text

from bot.channels.adapter import Adapter, Fetcher, Hook, Line, Rejected
from bot.channels.post import Post, cursor_reader
from bot.channels.tokens import SharedTokens
from bot.channels.writing import Writer
from bot.handbook.channels import ChannelTables
from bot.handbook.errors import NotFound

log = structlog.get_logger()
# Platforms send ids of pictures, not pictures: what is larger is not theirs.
LARGEST_BODY = 256 * 1024
ACK = Histogram(
    "intake_channel_ack_seconds", "From a platform's request to its acknowledgement", ["channel"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10),
)
REJECTED = Counter("intake_channel_rejected", "Requests that were not believed", ["channel"])


def channel_blueprint(adapters: Mapping[str, Adapter], tables: ChannelTables) -> Blueprint:
    """Return the routes `/channels/<id>`, and the post office that runs with them."""
    blueprint = Blueprint("channels", url_prefix="/channels")

    @blueprint.listener("after_server_start")
    async def begin(app: Sanic, _loop: object) -> None:
        app.ctx.post = start_workers(app.ctx.desk, adapters, tables)

    @blueprint.listener("before_server_stop")
    async def stop(app: Sanic, _loop: object) -> None:
        await app.ctx.post.stop()

    @blueprint.route("/<channel:str>", methods=["GET", "POST"])
    async def receive(request: Request, channel: str) -> HTTPResponse:
        began = time.perf_counter()
        adapter = adapters.get(channel)
        if adapter is None:
            raise NotFound("没有接入这个渠道", channel=channel)
        post: Post = request.app.ctx.post
        try:
            answer = await take(post, adapter, hook_of(request))
        except Rejected as refused:
            REJECTED.labels(channel).inc()
            log.warning("channels.rejected", channel=channel, why=refused.message)
            return text(refused.code, status=refused.status)
        ACK.labels(channel).observe(time.perf_counter() - began)
        return answer

    return blueprint


def start_workers(desk: object, adapters: Mapping[str, Adapter], tables: ChannelTables) -> Post:
    """Start what runs beside the webhooks in this process; call it on the event loop."""
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=30))
    writer = Writer(desk.sessions)  # type: ignore[attr-defined]
    tokens = SharedTokens(writer.later, desk.now)  # type: ignore[attr-defined]
    line = Line(http, tokens, desk.now, cursor_reader(writer))  # type: ignore[attr-defined]
    post = Post(desk, tables, adapters, line, writer)
    post.start()
    return post


def hook_of(request: Request) -> Hook:
    """Return the request as adapters read it."""
    if len(request.body) > LARGEST_BODY:
        raise Rejected("请求体过大", status=413)
    return Hook(
        method=request.method,
        query={name: values[0] for name, values in request.args.items()},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )


async def take(post: Post, adapter: Adapter, hook: Hook) -> HTTPResponse:
    """Read, store and acknowledge one request."""
    read = adapter.read(hook, now=post.line.now())
    if read.inbound:
        await post.take_in(adapter, read.inbound)
    if read.fetch is not None and isinstance(adapter, Fetcher):
        post.background(post.fetch_on_hint(adapter, read.fetch))
    answer = read.answer
    return text(answer.body, status=answer.status, content_type=answer.media_type)
