"""The console's part of the OpenAPI document (接口文档), made from the endpoints themselves."""

from __future__ import annotations

import re
from typing import Any

from bot.console.routing import COOKIE, CSRF_HEADER, PREFIX, SAFE, Endpoint, Field

_PATH = re.compile(r"<(\w+):(\w+)>")
_KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "whole": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "texts": {"type": "array", "items": {"type": "string", "maxLength": 200}, "maxItems": 500},
    "object": {"type": "object"},
}
ERRORS = {
    "400": "Not usable",
    "401": "Not signed in",
    "403": "Not allowed",
    "404": "Not found",
    "409": "Not possible now",
    "413": "Too long",
    "415": "Not a kind of file that is taken",
    "422": "A field cannot be used",
    "423": "Account locked",
    "429": "Too often",
    "503": "The database is busy",
}


def console_paths(endpoints: list[Endpoint]) -> dict[str, Any]:
    """Return the paths object of the endpoints."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        path = PREFIX + _PATH.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {**paths, f"{PREFIX}/stream": {"get": _stream()}}


def _stream() -> dict[str, Any]:
    """Describe the stream, which is no endpoint that answers with JSON."""
    cursor = Field("cursor", most=60, about="where to go on; Last-Event-ID says the same")
    operation = _operation(
        Endpoint("GET", "/stream", "Hints of what changed, as they come (server-sent events)",
                 "conversations_read", query=(cursor,))
    )  # fmt: skip
    operation["responses"]["2XX"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    return operation


def console_components() -> dict[str, Any]:
    """Return the security schemes of the console."""
    return {
        "staffCookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        "csrfToken": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
    }


def console_schemas() -> dict[str, Any]:
    """Return the schemas that answers of the console refer to."""
    clock = {
        "type": "string",
        "nullable": True,
        "description": "which clock due_at is of: response (first response), resolution, callback:N"
        " (promised call), complaint (answer to a complaint), complaint:N (to an appeal)",
        "pattern": "^(response|resolution|callback(:[0-9]+)?|complaint(:[0-9]+)?)$",
    }
    due = {
        "type": "string",
        "format": "date-time",
        "nullable": True,
        "description": "when the first of the running clocks is due",
    }
    return {"Due": {"type": "object", "properties": {"due_at": due, "due_clock": clock}}}


def _due_answer(due_in: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"$ref": "#/components/schemas/Due"}
    for name in reversed(due_in.split(".") if due_in else []):
        items = {"type": "array", "items": schema}
        schema = {"type": "object", "properties": {name: items}}
    schema = {"type": "object", "properties": {"data": schema}}
    return {**_answer("Done"), "content": {"application/json": {"schema": schema}}}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _KINDS["whole" if kind == "int" else "text"],
        }
        for name, kind in _PATH.findall(endpoint.path)
    ]
    parameters += [
        {
            "name": field.name,
            "in": "query",
            "required": field.required,
            "schema": _query_schema(field),
        }
        for field in endpoint.query
    ]
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "tags": ["staff"],
        "parameters": parameters,
        "responses": {
            "2XX": _answer("Done") if endpoint.due_in is None else _due_answer(endpoint.due_in),
            **{code: _answer(words) for code, words in ERRORS.items()},
        },
    }
    if endpoint.signed_in:
        needs = {"staffCookie": []} | ({} if endpoint.method in SAFE else {"csrfToken": []})
        operation["security"] = [needs]
    if endpoint.permission:
        operation["x-permission"] = endpoint.permission
    if endpoint.body or endpoint.upload:
        operation["requestBody"] = _body(endpoint)
    return operation


def _body(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.upload:
        schema = {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        }
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    required = [field.name for field in endpoint.body if field.required]
    schema = {
        "type": "object",
        "properties": {field.name: _schema(field) for field in endpoint.body},
        **({"required": required} if required else {}),
    }
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _schema(field: Field) -> dict[str, Any]:
    schema = dict(_KINDS[field.kind])
    if field.kind == "text":
        schema["maxLength"] = field.most
        if field.required:
            schema["minLength"] = 1
    if field.options:
        schema["enum"] = list(field.options)
    if field.about:
        schema["description"] = field.about
    return schema


def _query_schema(field: Field) -> dict[str, Any]:
    # Lists travel as one text, parted by commas.
    return {"type": "string"} if field.kind == "texts" else _schema(field)


def _answer(words: str) -> dict[str, Any]:
    return {"description": words}
