"""A trial (试跑): a model on a stack of its own, led through the scripted conversations.

Everything lives in a temporary home on free ports; the service that runs is not touched.
The stack ends with the trial, also when the trial is killed.
Prints `{"played": …, "failed": [names]}`; exit 1 when a conversation went wrong.
"""

from __future__ import annotations

import json
import secrets
import signal
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bot.engines import free_port
from bot.first_start import first_password
from bot.settings import ROOT, Settings, load_settings
from bot.supervisor import Part, parts_of, wait_until_ready

PATIENCE_S = 60


def start(home: Path, model: Path) -> tuple[str, list[Part], str | None]:
    """Start the three processes; return the address, the parts and what went wrong."""
    port = free_port()
    values = {
        "INTAKE_HOME": str(home), "INTAKE_PORT": str(port), "INTAKE_HOST": "127.0.0.1",
        "INTAKE_RASA_URL": f"http://127.0.0.1:{free_port()}",
        "INTAKE_ACTIONS_URL": f"http://127.0.0.1:{free_port()}",
        "INTAKE_ADMIN_PASSWORD": "Aa1!" + secrets.token_urlsafe(12),
        "INTAKE_MESSAGES_PER_MINUTE": "0", "INTAKE_SESSIONS_PER_MINUTE": "0",
    }
    settings: Settings = load_settings(values)
    first_password(settings)
    parts = parts_of(settings, model)
    for part in parts:
        part.environ = {**part.environ, **values, "INTAKE_SECRET": settings.secret}
        part.tied = True
        part.start()
    return f"http://127.0.0.1:{port}/api/v1", parts, wait_until_ready(parts)


def call(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    """Post JSON to the desk; return its data."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
        return dict(json.loads(answer.read())["data"])


def play(url: str, script: dict[str, Any]) -> bool:
    """Lead one conversation; tell whether every answer and the ticket are as written."""
    token, ticket = call(f"{url}/sessions", {})["token"], None
    for number, turn in enumerate(script["turns"]):
        body = {"text": turn["say"], "client_message_id": f"m{number}"}
        replies = call(f"{url}/messages?wait=1", body, token)["replies"]
        said = "\n".join(reply["text"] for reply in replies)
        ticket = next((r["ticket"] for r in reversed(replies) if r.get("ticket")), ticket)
        if not all(text in said for text in turn.get("has", [])):
            return False
        if any(text in said for text in turn.get("lacks", [])):
            return False
    wanted = script.get("ticket")
    if wanted is None:
        return not (script.get("no_ticket") and ticket)
    return ticket is not None and (ticket["type"], ticket["deadline_class"]) == (wanted["type"], wanted["class"])


def main(model: Path, scripts: Path = ROOT / "tests" / "conversations") -> int:
    """Play every scripted conversation with the model; when told to end, stop the stack first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    yaml = YAML(typ="safe")
    known = [s for path in sorted(scripts.glob("*.yml")) for s in yaml.load(path.read_text("utf-8"))]
    with tempfile.TemporaryDirectory() as home:
        url, parts, wrong = start(Path(home), model)
        try:
            if wrong:
                print(wrong, file=sys.stderr)
                return 2
            failed = [script["name"] for script in known if not play(url, script)]
        finally:
            for part in reversed(parts):
                part.stop()
    print(json.dumps({"played": len(known), "failed": failed}, ensure_ascii=False))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
