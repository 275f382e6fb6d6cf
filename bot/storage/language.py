"""Rows of the service language in use: rules in force (现行用语规则) and what staff did about findings."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, String

from bot.storage.columns import Base, UtcDateTime


class RulesInForce(Base):
    """The one version of the language rules under which messages may be sent now.

    A trigger on `messages` compares with it: whatever writes to the database, a message is not
    marked as sent on a verdict of other rules.
    """

    __tablename__ = "rules_in_force"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id = Column(Integer, primary_key=True)
    version = Column(String(32), nullable=False)
    since = Column(UtcDateTime, nullable=False)


class LanguageMark(Base):
    """What became of one finding before anything was sent: `refused` or `rewritten`."""

    __tablename__ = "language_marks"
    __table_args__ = (Index("ix_language_marks_at", "at"),)

    id = Column(Integer, primary_key=True)
    rule = Column(String(40), nullable=False)
    what = Column(String(12), nullable=False)
    rules_version = Column(String(32), nullable=False)
    staff_id = Column(Integer)
    at = Column(UtcDateTime, nullable=False)
