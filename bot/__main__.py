"""The command line (命令行): `intake VERB`, one verb per job; `intake VERB --help` tells more."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from bot.handbook.errors import DeskError
from bot.handbook.privacy import mask
from bot.settings import SettingError, raw_settings

# verb → (module, or module:class, with add_arguments and run; one line of help). Modules are imported when their
# verb is called, so that `intake lint` loads no TensorFlow and `intake settings` loads nothing.
VERBS: dict[str, tuple[str, str]] = {
    "run": ("bot.supervisor", "start the three processes, restart what dies, stop all on Ctrl-C"),
    "serve": ("bot.serve", "start the desk alone: customer page, console, API, clock"),
    "train": ("bot.coach.train", "train a model if none fits data, configuration and code"),
    "check": ("bot.check", "check every table, text and language rule"),
    "settings": ("bot.show_settings", "print the table of settings"),
    "classify": ("bot.coach.classify", "label JSON lines with type, urgency and deadline class"),
    "lint": ("bot.coach.lint", "check replies against the service language"),
    "language": ("bot.coach.language", "explain a language rule, start a new one, report on use"),
    "evaluate": ("bot.coach.evaluate", "score the model on labelled JSON lines"),
    "evaluate-language": ("bot.coach.evaluate_language", "score the language checker"),
    "coach": ("bot.coach.commands", "trainers' tools: data report, comparison of models"),
    "replay": ("bot.console.clock_commands:Replay", "recompute every clock and figure from the log"),
    "clock": ("bot.console.clock_commands:Clock", "run the clock's sweep outside the desk"),
    "figures": ("bot.console.clock_commands:Figures", "print or export the quality figures"),
    "staff": ("bot.console.staff_commands", "add, disable or reset staff accounts"),
    "audit": ("bot.console.audit_command", "verify the audit chain"),
}


def configure_logs(level: str) -> None:
    """Send structured logs as JSON lines to standard error."""
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="intake", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, (_, help_text) in VERBS.items():
        verbs.add_parser(verb, help=help_text, add_help=False)
    # argparse's sub-parsers cannot be filled lazily, so the verb is looked up first.
    if not arguments or arguments[0] not in VERBS:
        parser.parse_args(arguments)
        return 2
    verb = arguments[0]
    module_name, _, member = VERBS[verb][0].partition(":")
    module = importlib.import_module(module_name)
    job = getattr(module, member) if member else module
    parser = argparse.ArgumentParser(prog=f"intake {verb}", description=job.__doc__)
    job.add_arguments(parser)
    configure_logs(raw_settings()["LOG_LEVEL"])
    try:
        with stopped_by_sigterm():
            status = int(job.run(parser.parse_args(arguments[1:])) or 0)
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(f"intake {verb}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (DeskError, SettingError, UnicodeDecodeError, OSError, *database_errors()) as error:
        print(f"intake {verb}: {told(error)}", file=sys.stderr)
        return 1


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a verb as Ctrl-C does: drafts of files are taken away, nothing is half written."""

    def stop(*_: object) -> None:
        sys.exit(143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def database_errors() -> tuple[type[Exception], ...]:
    """Return what a database raises; no verb that uses none loads the library for this."""
    errors = sys.modules.get("sqlalchemy.exc")
    return (errors.SQLAlchemyError,) if errors else ()


def told(error: Exception) -> str:
    """Say in one sentence what is wrong, with the way out where there is one."""
    if isinstance(error, UnicodeDecodeError):
        return f"a file is not UTF-8 ({error})"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if isinstance(error, (DeskError, SettingError)):
        return str(error)
    # Only the first line, without the statement: what follows names the values of customers.
    lines = str(getattr(error, "orig", None) or (error.args or [""])[0]).strip().splitlines()
    said = mask(lines[0]) if lines else type(error).__name__
    way = "another process holds it, try again" if "locked" in said else "see INTAKE_DATABASE_URL and INTAKE_HOME"
    return f"the database cannot be used: {said} ({way})"


if __name__ == "__main__":
    sys.exit(main())
