"""Start the desk alone: customer page, console, API and clock, in this process."""

from __future__ import annotations

import argparse
import sys

from bot.coach.ear import open_ear
from bot.coach.opinion import LateOpinion
from bot.long_lived import keep_out_of_collection
from bot.server import make_app, open_desk
from bot.settings import load_settings

# Each of the many short statements of a database thread gives the interpreter away and waits for
# it again: by default up to 5 ms, when another thread reckons.
SWITCH_S = 0.0005


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments; everything is a setting."""


def run(args: argparse.Namespace) -> int:
    """Serve until the process is told to stop."""
    sys.setswitchinterval(SWITCH_S)
    settings = load_settings()
    ear = open_ear()
    app = make_app(open_desk(settings, second=LateOpinion(settings.home, ear), ear=ear))
    keep_out_of_collection()
    app.run(
        host=settings.host, port=settings.port, access_log=False, debug=False, motd=False,
        workers=1, register_sys_signals=True,
    )
    return 0
