"""language: messages are sent only on a verdict of the rules in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import UtcDateTime

revision = "0006_language"
down_revision = "0001"

REFUSAL = "sent_under_rules_in_force: no verdict of the language rules in force; check the text again"
_WITHIN = """NOT EXISTS (
    SELECT 1 FROM verdicts, rules_in_force
    WHERE verdicts.id = NEW.verdict_id AND verdicts.rules_version = rules_in_force.version
)"""
# Without any verdict the constraint `sent_has_verdict` refuses already.
_SENT = "NEW.direction = 'out' AND NEW.state = 'sent' AND NEW.verdict_id IS NOT NULL"
# What was sent earlier, under the rules of its day, may still be touched otherwise.
_MOMENTS = {
    "insert": ("INSERT", _SENT),
    "update": ("UPDATE OF state, verdict_id", f"{_SENT} AND OLD.state <> 'sent'"),
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "rules_in_force",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_rules_in_force_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules_in_force")),
    )
    op.create_table(
        "language_marks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("rules_version", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_language_marks")),
    )
    op.create_index("ix_language_marks_at", "language_marks", ["at"])
    if op.get_bind().dialect.name == "postgresql":
        _on_postgresql()
    else:
        _on_sqlite()


def _on_sqlite() -> None:
    for name, (moment, condition) in _MOMENTS.items():
        op.execute(
            f"CREATE TRIGGER sent_under_rules_in_force_{name} BEFORE {moment} ON messages"
            f" WHEN {condition} AND {_WITHIN}"
            f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def _on_postgresql() -> None:
    op.execute(
        f"""CREATE FUNCTION refuse_unchecked() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {_WITHIN} THEN
                RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$"""
    )
    for name, (moment, condition) in _MOMENTS.items():
        op.execute(
            f"CREATE TRIGGER sent_under_rules_in_force_{name} BEFORE {moment} ON messages"
            f" FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_unchecked()"
        )


def downgrade() -> None:
    """Take back."""
    where = " ON messages" if op.get_bind().dialect.name == "postgresql" else ""
    for name in _MOMENTS:
        op.execute(f"DROP TRIGGER sent_under_rules_in_force_{name}{where}")
    if where:
        op.execute("DROP FUNCTION refuse_unchecked()")
    op.drop_table("language_marks")
    op.drop_table("rules_in_force")
