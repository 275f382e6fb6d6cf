"""`intake coach switch`, `rollback`, `canary`, `guard` 上线: which model serves, and the way back."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from bot.desk.engine_routes import routes_path
from bot.desk.model_files import pointer, read_json
from bot.desk.model_switching import guard_canary, guard_switch, roll_back, set_canary, switch_model
from bot.handbook.training_table import load_training
from bot.settings import Settings, load_settings
from bot.storage.coach import ModelSwitch
from bot.storage.engine import open_database


def serving_name(settings: Settings) -> str | None:
    """Return the model in service: the chosen one, or the one the supervisor started with."""
    routes = read_json(routes_path(settings.home))
    if name := pointer(settings.home).get("model") or (routes.get("serving") or {}).get("model"):
        return str(name)
    from bot.coach.train import model_path

    path = model_path(settings)
    return path.name.removesuffix(".tar.gz") if path.exists() else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach switch`."""
    parser.add_argument("model", help="name of a kept model")
    _who(parser)


def add_rollback_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach rollback`."""
    parser.add_argument("model", nargs="?", help="name of a kept model; else the one before")
    _who(parser)


def add_canary_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach canary`."""
    parser.add_argument("model", nargs="?", help="name of a kept model")
    parser.add_argument("--share", type=float, default=0.1, help="share of conversations")
    parser.add_argument("--end", action="store_true", help="end the canary")
    _who(parser)


def add_guard_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments; the table says what is watched."""


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="trainer", help="who decides")
    parser.add_argument("--reason", default="", help="why; kept in the history")


def run(args: argparse.Namespace) -> int:
    """Put a model into service."""
    settings, now = load_settings(), datetime.now(timezone.utc)
    with open_database(settings.database_url).begin() as session:
        row = switch_model(
            session, settings.home, args.model, by=args.by, reason=args.reason, now=now,
            serving=serving_name(settings),
        )
    print(f"{row.model} serves; before: {row.previous or 'none'}{signals_of(row)}")
    return 0


def run_rollback(args: argparse.Namespace) -> int:
    """Return to a kept model."""
    settings, now = load_settings(), datetime.now(timezone.utc)
    with open_database(settings.database_url).begin() as session:
        row = roll_back(
            session, settings.home, by=args.by, reason=args.reason or "退回", now=now, to=args.model
        )
    print(f"{row.model} serves again; before: {row.previous}{signals_of(row)}")
    return 0


def signals_of(row: ModelSwitch) -> str:
    """Say when the signals in force are not those the model was judged with."""
    differ = row.figures.get("signals")
    return f"; judged with signals {differ['judged']}, raises by {differ['now']}" if differ else ""


def run_canary(args: argparse.Namespace) -> int:
    """Begin or end a canary."""
    settings, now = load_settings(), datetime.now(timezone.utc)
    with open_database(settings.database_url).begin() as session:
        row = set_canary(
            session, settings.home, None if args.end else args.model, share=args.share, by=args.by,
            reason=args.reason or ("灰度结束" if args.end else "灰度"), now=now,
            serving=serving_name(settings),
        )
    print(f"{row.kind}: {row.model} {row.figures}")
    return 0


def run_guard(args: argparse.Namespace) -> int:
    """Look at the live signals once; exit 3 when a model was taken out of service or a canary ended."""
    settings = load_settings()
    with open_database(settings.database_url).begin() as session:
        now, training = datetime.now(timezone.utc), load_training()
        out = guard_switch(session, settings.home, training, now=now)
        out += guard_canary(session, settings.home, training, now=now)
    print("；".join(out) or "within the bands")
    return 3 if out else 0
