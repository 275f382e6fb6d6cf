"""The document of the console's API is valid, and nothing it describes answers 5xx."""

from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.console.api import endpoints
from bot.console.openapi import console_components, console_paths, console_schemas
from bot.console.routing import PREFIX, SAFE, Endpoint, Field
from tests.console.conftest import LocalDesk

TRIED = [
    e
    for e in endpoints()
    if e.signed_in and not e.upload and e.path not in {"/sign-out", "/password", "/audit/export"}
]


def test_every_endpoint_is_described_once() -> None:
    described = {
        (m.upper(), path) for path, ways in console_paths(endpoints()).items() for m in ways
    }

    # The stream is described too, though no endpoint of the table.
    assert len(endpoints()) + 1 == len(described)
    assert {"staffCookie", "csrfToken"} == set(console_components())


def test_lists_say_which_clock_a_due_time_is_of() -> None:
    paths = console_paths(endpoints())
    told = {path for path, ways in paths.items() if "schemas/Due" in str(ways.get("get"))}
    due = console_schemas()["Due"]["properties"]

    assert {f"{PREFIX}{each}" for each in ("/tickets", "/board", "/conversations")} <= told
    for clock in ("response", "resolution", "callback:12", "complaint", "complaint:3"):
        assert re.fullmatch(due["due_clock"]["pattern"], clock)


def anything() -> st.SearchStrategy:
    simple = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    return (
        simple
        | st.lists(simple, max_size=3)
        | st.dictionaries(st.text(max_size=8), simple, max_size=3)
    )


def fitting(field: Field) -> st.SearchStrategy:
    if field.options:
        return st.sampled_from(field.options)
    return {
        "text": st.text(min_size=1, max_size=min(field.most, 60)),
        "whole": st.integers(0, 2**31 - 1),
        "number": st.decimals(0, 99_999, places=2).map(float),
        "flag": st.booleans(),
        "texts": st.lists(st.text(max_size=20), max_size=3),
        "object": st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3),
    }[field.kind]


def bodies(endpoint: Endpoint) -> st.SearchStrategy:
    fields = {f.name: fitting(f) | anything() for f in endpoint.body if f.required}
    extra = {f.name: fitting(f) | anything() for f in endpoint.body if not f.required}
    return st.fixed_dictionaries(fields, optional=extra)


def queries(endpoint: Endpoint) -> st.SearchStrategy:
    values = {f.name: fitting(f).map(str) | st.text(max_size=20) for f in endpoint.query}
    return st.fixed_dictionaries({}, optional=values)


@pytest.fixture(scope="module")
def places(local: LocalDesk) -> dict[str, str]:
    """Return things that exist, so that what lies behind the first check is reached as well."""
    id_ = local.waiting()
    return {"conversation": id_, "ticket": local.ticket(id_, "complaint_service")}


@pytest.fixture(scope="module")
def admin(local: LocalDesk, places: dict[str, str]) -> httpx.Client:
    client = local.person("admin")
    client.post(f"/conversations/{places['conversation']}/claim")
    return client


def filled(endpoint: Endpoint, places: dict[str, str], value: str) -> str:
    own = places["conversation"] if endpoint.path.startswith("/conversations") else value
    path = endpoint.path.replace("<number:str>", places["ticket"]).replace("<id:str>", own)
    path = (
        path.replace("<step:str>", "note")
        .replace("<duty:str>", "listen")
        .replace("<decision:str>", "approve")
    )
    # Never one's own account: what is tried goes on being signed in.
    return path.replace("<id:int>", "987654")


@pytest.mark.parametrize("endpoint", TRIED, ids=lambda e: f"{e.method} {e.path}")
def test_no_request_of_any_shape_is_answered_with_5xx(
    local: LocalDesk, admin: httpx.Client, places: dict[str, str], endpoint: Endpoint
) -> None:
    path = filled(endpoint, places, "none")

    @settings(
        max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(body=bodies(endpoint), query=queries(endpoint))
    def attempt(body: dict, query: dict) -> None:
        sent = {} if endpoint.method in SAFE or not _is_json(body) else {"json": body}
        answer = admin.request(endpoint.method, path, params=query, **sent)
        assert answer.status_code < 500, (path, query, body, answer.text)
        assert answer.status_code != 401

    attempt()
    assert PREFIX in str(admin.base_url)


def _is_json(body: dict) -> bool:
    try:
        httpx.Request("POST", "http://x", json=body)
    except (ValueError, UnicodeEncodeError):
        return False
    return True


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b'{"text": "\\ud800"}', b"null"]
)
def test_a_body_that_is_no_object_is_refused_by_name(
    admin: httpx.Client, places: dict[str, str], content: bytes
) -> None:
    answer = admin.post(
        f"/conversations/{places['conversation']}/note",
        content=content,
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("id_", ["%00", "a%2Fb", "..", "%F0%9F%98%80", "x" * 400, "1%27%3B--"])
def test_a_strange_id_is_not_found(admin: httpx.Client, id_: str) -> None:
    assert admin.get(f"/conversations/{id_}").status_code in {400, 404}
    assert admin.get(f"/tickets/{id_}").status_code in {400, 404, 200}
