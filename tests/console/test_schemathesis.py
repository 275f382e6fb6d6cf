"""Schemathesis over the served document: as staff, as leader, as customer and unsigned, no 5xx."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from sanic import Sanic

from tests.console.conftest import LocalDesk

SEED = 20_260_301
EXAMPLES = 5
# A stream does not end; the sign-in under test must not be ended by the test.
LEFT_OUT = {
    "/api/v1/stream",
    "/api/v1/staff/stream",
    "/api/v1/staff/sign-out",
    "/api/v1/staff/password",
}
# Who asks, and for which part of the document.
WHO = {
    "unsigned": "/",
    "customer": "/api/v1/",
    "staff": "/api/v1/staff/",
    "leader": "/api/v1/staff/",
}
# How many operations must have been done at least once, so that more than refusals is tried.
ENOUGH = {"unsigned": 6, "customer": 4, "staff": 15, "leader": 20}


@pytest.fixture(scope="module")
def document(local: LocalDesk) -> dict[str, Any]:
    """Read the document from the desk, its paths led to things that exist."""
    served = httpx.get(f"{local.url}/api/v1/openapi.json").json()
    conversation = local.waiting("话费多扣了三十块钱", team="billing")
    values = {"number": [local.ticket(conversation, "bill_dispute"), "T20260301-000001"]}
    steps = ["claim", "hold", "note", "promise", "transfer", "reclassify", "withdraw", "不存在"]
    values |= {"step": steps, "duty": ["listen", "cause", "x"], "decision": ["approve", "refuse"]}
    shown = copy.deepcopy(served)
    shown["paths"] = {p: ways for p, ways in served["paths"].items() if p not in LEFT_OUT}
    for path, ways in shown["paths"].items():
        own = values | ({"id": [conversation, "none"]} if "/conversations/" in path else {})
        for parameter in (each for way in ways.values() for each in way["parameters"]):
            if parameter["in"] == "path" and parameter["name"] in own:
                parameter["schema"] = {"type": "string", "enum": own[parameter["name"]]}
    return shown


@pytest.fixture(scope="module")
def headers(local: LocalDesk) -> Callable[[str], dict[str, str]]:
    """Return the function from who asks to what they send with every request."""
    session = httpx.post(f"{local.url}/api/v1/sessions").json()["data"]
    people = {role: local.person(role, "billing") for role in ("staff", "leader")}

    def of(who: str) -> dict[str, str]:
        if who == "unsigned":
            return {}
        if who == "customer":
            return {"Authorization": f"Bearer {session['token']}"}
        client = people[who]
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        return {"Cookie": cookie, "X-CSRF-Token": client.headers["X-CSRF-Token"]}

    return of


def operations(document: dict[str, Any], url: str, who: str) -> list[Any]:
    begin, strangers = WHO[who], "/api/v1/staff/" if who == "customer" else "none"
    paths = {
        path: ways
        for path, ways in document["paths"].items()
        if path.startswith(begin) and not path.startswith(strangers)
    }
    schema = schemathesis.from_dict({**document, "paths": paths}, base_url=url)
    return [found.ok() for found in schema.get_all_operations()]


@pytest.mark.parametrize("who", list(WHO))
def test_no_request_made_of_the_document_is_answered_with_5xx(
    local: LocalDesk, document: dict[str, Any], headers: Callable[[str], dict[str, str]], who: str
) -> None:
    failed: list[str] = []
    done: set[str] = set()
    with httpx.Client(timeout=20) as client:
        for operation in operations(document, local.url, who):
            for answer in attempts(operation, client, headers(who)):
                if answer.is_success:
                    done.add(operation.verbose_name)
                # The one answer that may say 503: it tells that there is no engine here.
                if answer.status_code >= 500 and answer.url.path != "/readyz":
                    failed.append(f"{answer.request.method} {answer.url} {answer.text[:200]}")

    assert [] == failed
    assert len(done) >= ENOUGH[who], sorted(done)


def attempts(operation: Any, client: httpx.Client, sent: dict[str, str]) -> list[httpx.Response]:
    """Ask for one operation in several ways, the same ways in every run."""
    answers: list[httpx.Response] = []

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def attempt(case: Any) -> None:
        # Who asks is the test's matter: made-up tokens and cookies are left out.
        case.headers, case.cookies = None, None
        known = case.as_requests_kwargs(base_url=operation.base_url, headers=sent)
        answers.append(client.request(**{k: v for k, v in known.items() if k != "cookies"}))

    attempt()
    return answers


def test_the_document_describes_every_part_of_the_contract(local: LocalDesk) -> None:
    served = httpx.get(f"{local.url}/api/v1/openapi.json").json()
    named = {
        "/",
        "/widget.js",
        "/console",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/openapi.json",
        "/api/v1/sessions",
        "/api/v1/messages",
        "/api/v1/stream",
        "/api/v1/tickets/{number}",
        *(f"/api/v1/staff/{path}" for path in CONTRACT),
    }

    assert set() == named - set(served["paths"])
    assert {"customerToken", "staffCookie", "csrfToken"} == set(
        served["components"]["securitySchemes"]
    )


CONTRACT = (
    "sign-in",
    "tickets",
    "tickets/{number}",
    "tickets/{number}/{step}",
    "conversations",
    "conversations/{id}",
    "conversations/{id}/claim",
    "conversations/{id}/reply",
    "conversations/{id}/hand-back",
    "conversations/{id}/transfer",
    "conversations/{id}/end",
    "lint",
    "figures",
    "stream",
)


def test_every_route_of_the_api_is_in_the_document(local: LocalDesk) -> None:
    app = Sanic.get_app(f"desk_{local.url.rpartition(':')[2]}")
    served = httpx.get(f"{local.url}/api/v1/openapi.json").json()["paths"]
    routes = {
        "/" + re.sub(r"<(\w+):\w+>", r"{\1}", route.path): {m.lower() for m in route.methods}
        for route in app.router.routes
        if route.path.startswith("api/")
    }

    missing = {path: ways for path, ways in routes.items() if not ways & set(served.get(path, {}))}
    assert {} == missing
