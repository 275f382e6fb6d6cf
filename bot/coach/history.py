"""`intake coach history` 历史: kept models, and every change of the one in service."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from typing import Any

from bot.coach.switch import serving_name
from bot.desk.model_files import NO_MODEL, kept_models
from bot.desk.model_switching import switch_history
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import NotFound
from bot.settings import load_settings
from bot.storage.engine import open_database, reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach history`."""
    parser.add_argument("--json", action="store_true", help="print data")


def run(args: argparse.Namespace) -> int:
    """Show kept models and changes, newest first."""
    settings = load_settings()
    with reading(open_database(settings.database_url)) as session:
        changes = switch_history(session)
    models, serving = kept_models(settings.home), serving_name(settings)
    if args.json:
        print(json.dumps({"serving": serving, "models": models, "changes": changes}, ensure_ascii=False, default=str))
        return 0
    if not models and not changes:
        raise NotFound(NO_MODEL)
    for model in models:
        made = datetime.fromtimestamp(model["made"], timezone.utc).astimezone(SHANGHAI)
        sign = "*" if model["name"] == serving else " "
        print(f"{sign} {model['name']}  {made:%Y-%m-%d %H:%M}  {model['size_mb']} MB  {verdict(model)}")
    for row in changes:
        at = row["at"].astimezone(SHANGHAI)
        print(f"{at:%Y-%m-%d %H:%M} {row['kind']}: {row['previous']} → {row['model']} by {row['by']}: {row['reason']}")
    return 0


def verdict(model: dict[str, Any]) -> str:
    """Say in a word what the gate said."""
    gate = model["gate"]
    if not gate:
        return "not examined"
    if gate.get("passed"):
        return "passed" if gate.get("played") else "passed, conversations not played"
    return "let pass" if gate.get("override") else "stopped: " + "；".join(gate.get("reasons") or [])
