"""Alembic's environment: runs migrations over the engine that `bot.storage.engine` hands in."""

from __future__ import annotations

from alembic import context

from bot.storage.columns import Json, UtcDateTime
from bot.storage.rows import Base

# Any number; all processes of this project take the same lock before they migrate.
ADVISORY_LOCK = 20260101


def _render_item(kind: str, item: object, _context: object) -> str | bool:
    if kind == "type" and isinstance(item, UtcDateTime):
        return "UtcDateTime()"
    if kind == "type" and type(item) is type(Json):
        return "Json"
    return False


engine = context.config.attributes["engine"]
with engine.connect() as connection:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=False,
        render_item=_render_item,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
