"""`intake audit verify`: walk the sealed audit log (审计日志) and say where it breaks."""

from __future__ import annotations

import argparse

from bot.desk.audit import verify_audit
from bot.settings import load_settings
from bot.storage.engine import migrate, open_engine, reading, session_factory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    parser.add_argument("what", choices=["verify"], help="check every line's seal and the chain")


def run(arguments: argparse.Namespace) -> int:
    """Verify; 0 when the chain holds, 1 when it breaks."""
    engine = open_engine(load_settings().database_url)
    migrate(engine)
    with reading(session_factory(engine)) as session:
        number, broken = verify_audit(session)
    engine.dispose()
    if broken is None:
        print(f"{number} entries, the chain holds")
        return 0
    print(f"{number} entries hold; line {broken.id}: {broken.what}")
    return 1
