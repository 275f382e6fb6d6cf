"""The first start (首次启动): the database is migrated and the administrator made."""

from __future__ import annotations

from datetime import datetime, timezone

from bot.settings import Settings
from bot.storage.engine import migrate, open_engine, session_factory


def first_password(settings: Settings) -> str | None:
    """Make the administrator at the first start; return the password to show once."""
    from bot.desk.staff import ensure_admin

    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        with session_factory(engine).begin() as session:
            return ensure_admin(
                session, password=settings.admin_password, now=datetime.now(timezone.utc)
            )
    finally:
        engine.dispose()
