"""The customer's part of the OpenAPI document (接口文档): sessions, messages, stream, own tickets."""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}
CURSOR = {"type": "string", "pattern": "^[0-9]{1,18}$"}
ERRORS = {
    "400": "Not usable",
    "401": "No session, or an old one",
    "404": "Not found",
    "409": "Not possible now",
    "413": "Too long",
    "415": "Not a kind of file that is taken",
    "422": "A field cannot be used",
    "429": "Too often",
    "503": "The database is busy",
}


def customer_components() -> dict[str, Any]:
    """Return the security scheme of customers."""
    return {"customerToken": {"type": "http", "scheme": "bearer"}}


def customer_paths() -> dict[str, Any]:
    """Return the paths object of the customer's interface."""
    return {**_sessions(), **_talk(), **_files_and_tickets()}


def _sessions() -> dict[str, Any]:
    return {
        "/api/v1/site": {"get": operation("What the page shows before the first message")},
        "/api/v1/sessions": {"post": operation("Open a session bound to one conversation")},
        "/api/v1/sessions/hand-over": {
            "post": operation(
                "Become a known customer by a token of the host site",
                body={"token": {**TEXT, "maxLength": 2_000}},
            )
        },
        "/api/v1/phone": {
            "post": operation(
                "Ask for a code to prove a phone number",
                body={"phone": {**TEXT, "maxLength": 20}},
                signed_in=True,
            )
        },
        "/api/v1/phone/code": {
            "post": operation(
                "Prove the number with the code",
                body={"code": {**TEXT, "maxLength": 10}},
                signed_in=True,
            )
        },
    }


def _talk() -> dict[str, Any]:
    message = {
        "text": {**TEXT, "maxLength": 2_000},
        "client_message_id": {**TEXT, "minLength": 1, "maxLength": 100},
    }
    after = _query("after", CURSOR)
    return {
        "/api/v1/messages": {
            "post": operation(
                "Say something; the same client_message_id again changes nothing",
                body=message,
                parameters=[_query("wait", {**TEXT, "enum": ["1"]})],
                signed_in=True,
            ),
            "get": operation("Messages after a cursor", parameters=[after], signed_in=True),
        },
        "/api/v1/stream": {
            "get": operation(
                "Messages as they come (server-sent events)",
                parameters=[after],
                signed_in=True,
                content="text/event-stream",
            )
        },
    }


def _files_and_tickets() -> dict[str, Any]:
    picture = {
        "file": {**TEXT, "format": "binary"},
        "client_message_id": {**TEXT, "minLength": 1, "maxLength": 100},
    }
    return {
        "/api/v1/pictures": {
            "post": operation("Send a picture", form=picture, signed_in=True),
        },
        "/api/v1/tickets/{number}": {
            "get": operation(
                "A ticket of the session's own conversation",
                parameters=[_path("number")],
                signed_in=True,
            )
        },
        "/api/v1/files/{token}": {
            "get": operation(
                "A file, for whoever has its signed address",
                parameters=[_path("token")],
                content="*/*",
            )
        },
    }


def operation(
    summary: str,
    *,
    tag: str = "customer",
    body: dict[str, Any] | None = None,
    form: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
    signed_in: bool = False,
    content: str = "application/json",
) -> dict[str, Any]:
    """Return one operation object."""
    schema = ENVELOPE if content == "application/json" else {}
    shown: dict[str, Any] = {
        "summary": summary,
        "tags": [tag],
        "parameters": parameters or [],
        "responses": {
            "2XX": {"description": "Done", "content": {content: {"schema": schema}}},
            **{code: {"description": words} for code, words in ERRORS.items()},
        },
    }
    if signed_in:
        shown["security"] = [{"customerToken": []}]
    if body or form:
        properties: dict[str, Any] = body or form or {}
        kind = "application/json" if body else "multipart/form-data"
        object_ = {"type": "object", "required": list(properties), "properties": properties}
        shown["requestBody"] = {"required": True, "content": {kind: {"schema": object_}}}
    return shown


ENVELOPE = {
    "type": "object",
    "required": ["ok", "data"],
    "properties": {"ok": {"type": "boolean", "enum": [True]}, "data": {}},
}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}
